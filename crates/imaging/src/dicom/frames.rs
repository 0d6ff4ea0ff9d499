//! Fragments into frames, and native samples.

use super::attributes::Attributes;
use super::image::{Decoded, DicomImage, Number};
use crate::study::{Frame, Samples};
use base::words::imaging as words;
use base::{Error, Kind, Result};
use std::ops::Range;

/// Bits one native frame takes. YBR_FULL_422 keeps two samples a pixel (PS3.3 C.7.6.3.1.2).
pub(crate) fn native_bits(pixels: u64, channels: u64, allocated: u64, photometric: &str) -> u64 {
    let channels = if photometric == "YBR_FULL_422" && channels == 3 { 2 } else { channels };
    pixels * channels * allocated
}

/// Which fragments belong to which frame (PS3.5 A.4): one frame takes all, one fragment a frame,
/// the extended or the basic offset table, else streams that end with JPEG's end marker.
pub(crate) fn split(
    bytes: &[u8],
    items: &[Range<usize>],
    frames: usize,
    header: &Attributes<'_>,
) -> Result<Vec<Vec<Range<usize>>>> {
    let Some((table, fragments)) = items.split_first() else { return Ok(Vec::new()) };
    let fragments: Vec<_> = fragments.iter().filter(|f| !f.is_empty()).cloned().collect();
    if fragments.is_empty() {
        return Ok(Vec::new());
    }
    if frames == 1 {
        return Ok(vec![fragments]);
    }
    if fragments.len() == frames {
        return Ok(fragments.into_iter().map(|f| vec![f]).collect());
    }
    let base = items.get(1).map_or(0, |first| first.start - 8);
    let extended: Vec<u64> = header
        .raw(0x7fe0_0001)
        .unwrap_or(&[])
        .chunks_exact(8)
        .filter_map(|c| Some(u64::from_le_bytes(c.try_into().ok()?)))
        .collect();
    let basic: Vec<u64> = bytes
        .get(table.clone())
        .unwrap_or(&[])
        .chunks_exact(4)
        .filter_map(|c| Some(u64::from(u32::from_le_bytes(c.try_into().ok()?))))
        .collect();
    for offsets in [extended, basic] {
        if offsets.len() != frames || !offsets.is_sorted() {
            continue;
        }
        let mut list = vec![Vec::new(); frames];
        for fragment in &fragments {
            let offset = (fragment.start - 8 - base.min(fragment.start - 8)) as u64;
            let frame = offsets.partition_point(|&o| o <= offset);
            if frame > 0 {
                list[frame - 1].push(fragment.clone());
            }
        }
        if list.iter().all(|f| !f.is_empty()) {
            return Ok(list);
        }
    }
    let mut list: Vec<Vec<Range<usize>>> = vec![Vec::new()];
    for fragment in fragments {
        let tail = &bytes[fragment.end.saturating_sub(4).max(fragment.start)..fragment.end];
        let ends = tail.windows(2).any(|pair| pair == [0xff, 0xd9]);
        if let Some(last) = list.last_mut() {
            last.push(fragment);
        }
        if ends {
            list.push(Vec::new());
        }
    }
    list.retain(|f| !f.is_empty());
    Ok(list)
}

/// Frame `index` of uncompressed pixel data. `word`: 8-bit samples were written as big-endian
/// words and lie swapped in pairs.
pub(crate) fn native(
    image: &DicomImage,
    number: Number,
    bytes: &[u8],
    index: usize,
    big_endian: bool,
    word: bool,
) -> Result<Frame> {
    let pixels = image.columns * image.rows;
    let bits = native_bits(
        pixels as u64,
        image.channels as u64,
        image.bits_allocated.into(),
        &image.photometric,
    ) as usize;
    let first = bits * index;
    let short = || {
        let expected = (first + bits).div_ceil(8) as u64;
        Error::new(Kind::BrokenInput, words::pixel_data_short(expected, bytes.len() as u64))
            .hint(words::COPY_AGAIN)
    };
    if image.bits_allocated == 1 && number == Number::Integer {
        let mut samples = Vec::with_capacity(bits);
        for bit in first..first + bits {
            let byte = bytes.get(bit / 8).ok_or_else(short)?;
            samples.push(byte >> (bit % 8) & 1);
        }
        return finish(
            image,
            Decoded { samples: Samples::U8(samples), photometric: None, exact: true },
        );
    }
    let swapped: Vec<u8>;
    let source = if word {
        let (start, stop) = (first / 8, (first + bits) / 8);
        swapped = (start..stop)
            .map(|i| bytes.get(i ^ 1).copied())
            .collect::<Option<_>>()
            .ok_or_else(short)?;
        &swapped[..]
    } else {
        bytes.get(first / 8..(first + bits) / 8).ok_or_else(short)?
    };
    macro_rules! parse {
        ($ty:ty) => {{
            let (words, _) = source.as_chunks();
            match big_endian {
                true => words.iter().map(|w| <$ty>::from_be_bytes(*w)).collect::<Vec<$ty>>(),
                false => words.iter().map(|w| <$ty>::from_le_bytes(*w)).collect(),
            }
        }};
    }
    let mut samples = match (number, image.bits_allocated) {
        (Number::Float, _) => Samples::F32(parse!(f32)),
        (Number::Double, _) => Samples::F64(parse!(f64)),
        (_, 8) => Samples::U8(source.to_vec()),
        (_, 16) => Samples::U16(parse!(u16)),
        _ => Samples::U32(parse!(u32)),
    };
    if image.photometric == "YBR_FULL_422" && image.channels == 3 {
        samples = match samples {
            Samples::U8(v) => Samples::U8(expand_422(&v)),
            Samples::U16(v) => Samples::U16(expand_422(&v)),
            other => other,
        };
    } else if image.planar {
        samples = match samples {
            Samples::U8(v) => Samples::U8(interleave(&v)),
            Samples::U16(v) => Samples::U16(interleave(&v)),
            Samples::U32(v) => Samples::U32(interleave(&v)),
            other => other,
        };
    }
    finish(image, Decoded { samples, photometric: None, exact: false })
}

/// Y1 Y2 B R to Y1 B R Y2 B R.
fn expand_422<T: Copy>(packed: &[T]) -> Vec<T> {
    packed.chunks_exact(4).flat_map(|p| [p[0], p[2], p[3], p[1], p[2], p[3]]).collect()
}

/// Three planes to three samples a pixel.
pub(crate) fn interleave<T: Copy>(planar: &[T]) -> Vec<T> {
    let plane = planar.len() / 3;
    (0..plane).flat_map(|i| [planar[i], planar[plane + i], planar[2 * plane + i]]).collect()
}

/// The last steps for every coding: unused bits, sign, YBR to RGB, and the check that the samples
/// are as many as the header says.
pub(crate) fn finish(image: &DicomImage, decoded: Decoded) -> Result<Frame> {
    let Decoded { samples, photometric, exact } = decoded;
    let bits = if exact { 32 } else { u32::from(image.bits_stored) };
    let samples = match samples {
        Samples::U8(mut v) if !image.signed => {
            if bits < 8 {
                v.iter_mut().for_each(|x| *x &= (1 << bits) - 1);
            }
            Samples::U8(v)
        }
        Samples::U8(v) => {
            let shift = 8u32.saturating_sub(bits);
            Samples::I8(v.into_iter().map(|x| ((x << shift) as i8) >> shift).collect())
        }
        Samples::U16(mut v) if !image.signed => {
            if bits < 16 {
                v.iter_mut().for_each(|x| *x &= (1 << bits) - 1);
            }
            Samples::U16(v)
        }
        Samples::U16(v) => {
            let shift = 16u32.saturating_sub(bits);
            Samples::I16(v.into_iter().map(|x| ((x << shift) as i16) >> shift).collect())
        }
        Samples::U32(mut v) if !image.signed => {
            if bits < 32 {
                v.iter_mut().for_each(|x| *x &= (1 << bits) - 1);
            }
            Samples::U32(v)
        }
        Samples::U32(v) => {
            let shift = 32u32.saturating_sub(bits);
            Samples::I32(v.into_iter().map(|x| ((x << shift) as i32) >> shift).collect())
        }
        other => other,
    };
    let expected = image.columns * image.rows * image.channels;
    if samples.len() != expected {
        let text = words::bad_value("samples", &expected.to_string(), &samples.len().to_string());
        return Err(Error::new(Kind::BrokenInput, text));
    }
    let photometric = photometric.unwrap_or(&image.photometric);
    let samples = match samples {
        Samples::U8(v)
            if image.channels == 3 && matches!(photometric, "YBR_FULL" | "YBR_FULL_422") =>
        {
            Samples::U8(ybr_to_rgb(v))
        }
        other => other,
    };
    // An 8-bit stream in a 16-bit header keeps the header's type.
    let samples = match (samples, image.bits_allocated) {
        (Samples::U8(v), 16) => Samples::U16(v.into_iter().map(u16::from).collect()),
        (Samples::I8(v), 16) => Samples::I16(v.into_iter().map(i16::from).collect()),
        (Samples::U8(v), 32) => Samples::U32(v.into_iter().map(u32::from).collect()),
        (Samples::U16(v), 32) => Samples::U32(v.into_iter().map(u32::from).collect()),
        (Samples::I8(v), 32) => Samples::I32(v.into_iter().map(i32::from).collect()),
        (Samples::I16(v), 32) => Samples::I32(v.into_iter().map(i32::from).collect()),
        (samples, _) => samples,
    };
    Ok(Frame { columns: image.columns, rows: image.rows, channels: image.channels, samples })
}

/// PS3.3 C.7.6.3.1.2 with the constants of ITU-T T.871, rounded as pydicom does.
fn ybr_to_rgb(mut samples: Vec<u8>) -> Vec<u8> {
    for pixel in samples.chunks_exact_mut(3) {
        let (y, b, r) =
            (f32::from(pixel[0]), f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0);
        let byte = |v: f32| (v + 0.5).floor().clamp(0.0, 255.0) as u8;
        pixel[0] = byte(y + 1.402 * r);
        pixel[1] = byte(y - 0.114 * 1.772 / 0.587 * b - 0.299 * 1.402 / 0.587 * r);
        pixel[2] = byte(y + 1.772 * b);
    }
    samples
}
