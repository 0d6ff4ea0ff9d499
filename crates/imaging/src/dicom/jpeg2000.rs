//! JPEG 2000 (ITU-T T.800) by `hayro-jpeg2000`, with the sign handling of the reference.

use super::image::{Decoded, DicomImage};
use crate::Limits;
use crate::study::Samples;
use base::words::imaging as words;
use base::{Error, Kind, Result};
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

pub(crate) fn decode(image: &DicomImage, stream: &[u8], limits: &Limits) -> Result<Decoded> {
    let broken = |why: &str| {
        Error::new(Kind::BrokenInput, words::decoder("JPEG 2000", why)).hint(words::COPY_AGAIN)
    };
    // The bare codestream: colour boxes of a JP2 wrapper are not the header's business.
    let start = stream
        .windows(4)
        .position(|four| four == [0xff, 0x4f, 0xff, 0x51])
        .ok_or_else(|| broken("no codestream"))?;
    let code = &stream[start..];
    let size = Size::parse(code).ok_or_else(|| broken("no SIZ marker"))?;
    let found = (size.columns, size.rows, size.components);
    if found != image.shape() {
        return Err(Error::new(
            Kind::BrokenInput,
            words::size_differs("JPEG 2000", found, image.shape()),
        ));
    }
    if size.high_throughput {
        return Err(Error::new(
            Kind::Unsupported,
            words::unsupported_syntax("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000"),
        )
        .hint(words::EXPORT_UNCOMPRESSED));
    }
    // Samples pass through 32-bit floats, exact to 24 bits.
    if size.precision == 0 || size.precision > 24 {
        return Err(Error::new(
            Kind::Unsupported,
            words::bad_value("JPEG 2000 precision", "1 to 24", &size.precision.to_string()),
        ));
    }
    // A tile for every few pixels costs more than the picture.
    let pixels = (size.columns * size.rows) as u64;
    if size.tiles > 4096 + pixels / 64 || pixels > limits.max_pixels {
        return Err(broken("too many tiles for its size"));
    }
    let settings = DecodeSettings { resolve_palette_indices: false, ..DecodeSettings::default() };
    let picture = Image::new(code, &settings).map_err(|error| broken(&error.to_string()))?;
    let mut context = DecoderContext::default();
    let decoded = picture.decode(&mut context).map_err(|error| broken(&error.to_string()))?;
    let components = decoded.components();
    let count = size.columns * size.rows;
    if components.len() != size.components || components.iter().any(|c| c.samples().len() < count) {
        return Err(broken("components are missing"));
    }
    let bits = u32::from(size.precision);
    let top = (1i64 << bits) - 1;
    // The decoder shifts signed components like unsigned ones; take that back.
    let shift = if size.signed { 1i64 << (bits - 1) } else { 0 };
    // Grey samples follow Pixel Representation where the codestream contradicts it.
    let mono = image.channels == 1 && image.photometric != "PALETTE COLOR";
    let extend = mono && image.signed && !size.signed;
    let mask = mono && !image.signed && size.signed;
    let convert = |sample: f32| -> i64 {
        let value = (sample.round_ties_even() as i64).clamp(0, top) - shift;
        if extend && value > top >> 1 {
            value - (top + 1)
        } else if mask {
            value & top
        } else {
            value
        }
    };
    macro_rules! gather {
        ($ty:ty) => {{
            let mut out = vec![0 as $ty; count * size.components];
            for (channel, component) in components.iter().enumerate() {
                let slots = out.iter_mut().skip(channel).step_by(size.components);
                for (slot, &sample) in slots.zip(component.samples()) {
                    *slot = convert(sample) as $ty;
                }
            }
            out
        }};
    }
    let samples = match (image.bits_allocated, size.precision) {
        (1..=8, 0..=8) => Samples::U8(gather!(u8)),
        (..=16, ..=16) => Samples::U16(gather!(u16)),
        _ => Samples::U32(gather!(u32)),
    };
    let photometric = match &*image.photometric {
        "YBR_RCT" | "YBR_ICT" => Some("RGB"),
        _ => None,
    };
    Ok(Decoded { samples, photometric, exact: true })
}

/// The SIZ marker segment (T.800 A.5.1).
struct Size {
    columns: usize,
    rows: usize,
    components: usize,
    precision: u8,
    signed: bool,
    tiles: u64,
    high_throughput: bool,
}

impl Size {
    fn parse(code: &[u8]) -> Option<Size> {
        let u16_at = |at: usize| Some(u16::from_be_bytes(code.get(at..at + 2)?.try_into().ok()?));
        let u32_at = |at: usize| Some(u32::from_be_bytes(code.get(at..at + 4)?.try_into().ok()?));
        let (x1, y1, x0, y0) = (u32_at(8)?, u32_at(12)?, u32_at(16)?, u32_at(20)?);
        let (tw, th) = (u32_at(24)?, u32_at(28)?);
        if tw == 0 || th == 0 {
            return None;
        }
        let depth = *code.get(42)?;
        Some(Size {
            columns: x1.checked_sub(x0)? as usize,
            rows: y1.checked_sub(y0)? as usize,
            components: usize::from(u16_at(40)?),
            precision: (depth & 0x7f) + 1,
            signed: depth & 0x80 != 0,
            tiles: u64::from(x1.div_ceil(tw)) * u64::from(y1.div_ceil(th)),
            // Part 15 sets bit 14 of Rsiz.
            high_throughput: u16_at(6)? & 0x4000 != 0,
        })
    }
}
