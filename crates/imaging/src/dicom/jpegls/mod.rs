//! JPEG-LS, lossless and near-lossless (ITU-T T.87), 2 to 16 bits, interleaved by plane, line or
//! sample. Names follow the recommendation.

mod scan;

use super::image::{Decoded, DicomImage};
use crate::study::Samples;
use base::words::imaging as words;
use base::{Error, Kind, Result};
use scan::{Parameters, Scan};

/// The stream's frame marker is SOF55.
pub(crate) fn is_jpegls(stream: &[u8]) -> bool {
    let mut at = 2;
    while let (Some(0xff), Some(&marker)) = (stream.get(at), stream.get(at + 1)) {
        match marker {
            0xf7 => return true,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => return false,
            0xda | 0xd9 => return false,
            0xff => at += 1,
            _ => {
                let (Some(&high), Some(&low)) = (stream.get(at + 2), stream.get(at + 3)) else {
                    return false;
                };
                at += 2 + usize::from(high) * 256 + usize::from(low);
            }
        }
    }
    false
}

pub(crate) fn decode(image: &DicomImage, stream: &[u8]) -> Result<Decoded> {
    let broken = |why: &str| {
        Error::new(Kind::BrokenInput, words::decoder("JPEG-LS", why)).hint(words::COPY_AGAIN)
    };
    let mut frame: Option<(usize, usize, Vec<u8>)> = None;
    let mut precision = 0u32;
    let mut preset: Option<[i32; 5]> = None;
    let mut planes: Vec<u16> = Vec::new();
    let mut done = 0;
    let mut at = 2;
    if stream.get(..2) != Some(&[0xff, 0xd8]) {
        return Err(broken("no start marker"));
    }
    let pixels = image.columns * image.rows;
    loop {
        while stream.get(at) == Some(&0xff) && stream.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let (Some(0xff), Some(&marker)) = (stream.get(at), stream.get(at + 1)) else {
            return Err(broken("ends before its end marker"));
        };
        at += 2;
        if marker == 0xd9 {
            break;
        }
        let length = match stream.get(at..at + 2) {
            Some(two) => usize::from(two[0]) * 256 + usize::from(two[1]),
            None => return Err(broken("a marker without its length")),
        };
        let body = stream
            .get(at + 2..at + length.max(2))
            .ok_or_else(|| broken("a marker segment beyond the end"))?;
        at += length.max(2);
        match marker {
            0xf7 => {
                let [p, yh, yl, xh, xl, n, ..] = body[..] else {
                    return Err(broken("short SOF55"));
                };
                precision = p.into();
                let rows = usize::from(yh) * 256 + usize::from(yl);
                let columns = usize::from(xh) * 256 + usize::from(xl);
                let found = (columns, rows, usize::from(n));
                if found != image.shape() {
                    let text = words::size_differs("JPEG-LS", found, image.shape());
                    return Err(Error::new(Kind::BrokenInput, text));
                }
                if !(2..=16).contains(&precision) || u32::from(image.bits_allocated) < precision {
                    return Err(broken("a precision that does not fit the header"));
                }
                let ids: Vec<u8> = body[6..].chunks_exact(3).map(|c| c[0]).collect();
                if body[6..].chunks_exact(3).any(|c| c[1] != 0x11) || ids.len() < usize::from(n) {
                    return Err(broken("subsampled components"));
                }
                frame = Some((columns, rows, ids));
                planes = vec![0; pixels * usize::from(n)];
            }
            0xf8 => match body {
                [1, values @ ..] if values.len() >= 10 => {
                    let v =
                        |i: usize| i32::from(values[i * 2]) * 256 + i32::from(values[i * 2 + 1]);
                    preset = Some([v(0), v(1), v(2), v(3), v(4)]);
                }
                _ => return Err(broken("mapping tables are not supported")),
            },
            0xdd if body.iter().any(|&b| b != 0) => {
                return Err(Error::new(
                    Kind::Unsupported,
                    words::decoder("JPEG-LS", "restart intervals are not supported"),
                )
                .hint(words::EXPORT_UNCOMPRESSED));
            }
            0xda => {
                let Some((columns, rows, ids)) = &frame else { return Err(broken("no SOF55")) };
                let count = usize::from(*body.first().unwrap_or(&0));
                if count == 0 || body.len() < 1 + 2 * count + 3 || done + count > ids.len() {
                    return Err(broken("a scan header that makes no sense"));
                }
                let near = i32::from(body[1 + 2 * count]);
                let interleave = body[2 + 2 * count];
                let sets = match (count, interleave) {
                    (1, _) => 1,
                    (_, 1 | 2) => count,
                    _ => return Err(broken("an interleave mode that makes no sense")),
                };
                let coder = Parameters::new(precision, near, preset)
                    .ok_or_else(|| broken("preset parameters out of range"))?;
                let mut scan = Scan::new(&stream[at..], coder);
                let channels = ids.len();
                let shape = (*columns, *rows, channels);
                let fine = match interleave {
                    2 if count > 1 => scan.by_sample(shape, done, sets, &mut planes),
                    _ => scan.by_line(shape, done, sets, &mut planes),
                };
                fine.ok_or_else(|| broken("the coded data end early or are damaged"))?;
                at += scan.bits.consumed();
                done += count;
                // On to the next marker, whatever padding is left.
                while at + 1 < stream.len() && !(stream[at] == 0xff && stream[at + 1] >= 0x80) {
                    at += 1;
                }
                if done == channels {
                    break;
                }
            }
            _ => {}
        }
    }
    let Some((_, _, ids)) = frame else { return Err(broken("no SOF55")) };
    if done < ids.len() {
        return Err(broken("scans are missing"));
    }
    let photometric = match &ids[..] {
        [82, 71, 66] | [114, 103, 98] => Some("RGB"),
        _ => None,
    };
    // Signed samples are coded as unsigned ones (PS3.5 8.2.3).
    if image.signed && image.bits_allocated > 8 {
        let shift = 16 - precision;
        planes.iter_mut().for_each(|v| *v = (((*v << shift) as i16) >> shift) as u16);
    }
    let samples = match image.bits_allocated {
        ..=8 => {
            let shift = 8 - precision.min(8);
            let narrow = |v: u16| match image.signed {
                true => (((v as u8) << shift) as i8 >> shift) as u8,
                false => v as u8,
            };
            Samples::U8(planes.into_iter().map(narrow).collect())
        }
        _ => Samples::U16(planes),
    };
    Ok(Decoded { samples, photometric, exact: true })
}
