//! RLE Lossless (PS3.5 Annex G): byte planes, most significant first, PackBits.

use super::image::{Decoded, DicomImage};
use crate::study::Samples;
use base::words::imaging as words;
use base::{Error, Kind, Result};

pub(crate) fn decode(image: &DicomImage, stream: &[u8]) -> Result<Decoded> {
    let broken = |why: &str| {
        Error::new(Kind::BrokenInput, words::decoder("RLE", why)).hint(words::COPY_AGAIN)
    };
    let word = |i: usize| {
        Some(u32::from_le_bytes(stream.get(i * 4..i * 4 + 4)?.try_into().ok()?) as usize)
    };
    let width = usize::from(image.bits_allocated).div_ceil(8);
    let segments = word(0).ok_or_else(|| broken("no header"))?;
    if segments != width * image.channels {
        return Err(broken(&format!(
            "expected {} segments, found {segments}",
            width * image.channels
        )));
    }
    let pixels = image.columns * image.rows;
    let count = pixels * image.channels;
    let mut planes = vec![0u8; count * width];
    for segment in 0..segments {
        let start = word(1 + segment).ok_or_else(|| broken("no offset"))?;
        let end = match segment + 1 < segments {
            true => word(2 + segment).ok_or_else(|| broken("no offset"))?,
            false => stream.len(),
        };
        let packed = stream.get(start..end).ok_or_else(|| broken("an offset beyond the end"))?;
        // Sample `channel`, byte `segment % width` from the most significant.
        let (channel, byte) = (segment / width, width - 1 - segment % width);
        let mut slot = channel * width + byte;
        let stride = image.channels * width;
        let filled = unpack(packed, pixels, |value| {
            planes[slot] = value;
            slot += stride;
        });
        if filled < pixels {
            return Err(broken(&format!("expected {pixels} bytes in a segment, found {filled}")));
        }
    }
    let samples = match width {
        1 => Samples::U8(planes),
        2 => {
            Samples::U16(planes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect())
        }
        _ => Samples::U32(
            planes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect(),
        ),
    };
    Ok(Decoded { samples, photometric: None, exact: false })
}

/// At most `limit` bytes; returns how many there were.
fn unpack(packed: &[u8], limit: usize, mut put: impl FnMut(u8)) -> usize {
    let (mut at, mut filled) = (0, 0);
    while let Some(&control) = packed.get(at) {
        at += 1;
        match control as i8 {
            -128 => {}
            repeat @ -127..=-1 => {
                let Some(&value) = packed.get(at) else { break };
                at += 1;
                for _ in 0..(1 - isize::from(repeat)) as usize {
                    if filled == limit {
                        return filled;
                    }
                    put(value);
                    filled += 1;
                }
            }
            literal => {
                for _ in 0..=literal as usize {
                    let Some(&value) = packed.get(at) else { return filled };
                    at += 1;
                    if filled == limit {
                        return filled;
                    }
                    put(value);
                    filled += 1;
                }
            }
        }
        if filled == limit {
            break;
        }
    }
    filled
}
