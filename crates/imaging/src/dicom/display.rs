//! From stored values to what a person looks at (PS3.3 C.11.1, C.11.2, C.11.6).

use super::attributes::Attributes;
use super::image::DicomImage;
use crate::study::{Frame, Samples};
use base::words::imaging as words;
use base::{Error, Kind, Note, Picture, Result};

/// A lookup table: first value mapped, bits of the entries, entries.
struct Lut {
    first: f32,
    bits: u16,
    entries: Vec<u16>,
}

impl Lut {
    /// LUT Descriptor (0028,3002), LUT Data (0028,3006). `None` when they contradict each other.
    fn read(item: &Attributes<'_>, signed: bool) -> Option<Lut> {
        let descriptor = item.numbers(0x0028_3002)?;
        let [count, first, bits] = descriptor[..] else { return None };
        let count = if count <= 0.0 { count + 65536.0 } else { count } as usize;
        let first = match first {
            f if signed && f >= 32768.0 => f - 65536.0,
            f => f,
        };
        let bits = bits as u16;
        if !(1..=16).contains(&bits) {
            return None;
        }
        let entries = match item.words(0x0028_3006)? {
            words if words.len() >= count => words[..count].to_vec(),
            // 8-bit entries may be packed two in a word.
            words if bits <= 8 && words.len() * 2 >= count => {
                words.iter().flat_map(|w| w.to_le_bytes()).take(count).map(u16::from).collect()
            }
            _ => return None,
        };
        (!entries.is_empty()).then_some(Lut { first: first as f32, bits, entries })
    }

    fn apply(&self, value: f32) -> f32 {
        let last = self.entries.len() - 1;
        let index = (value - self.first).clamp(0.0, last as f32) as usize;
        f32::from(self.entries[index])
    }
}

/// Values of frame `index` after the Modality LUT, interleaved. Colour passes unchanged.
pub(crate) fn modality(image: &DicomImage, frame: &Frame, index: usize) -> Vec<f32> {
    let mut values = frame.samples.to_f32();
    if frame.channels != 1 || image.photometric == "PALETTE COLOR" {
        return values;
    }
    let header = image.attributes();
    if let Some(item) = header.item(0x0028_3000) {
        if let Some(lut) = Lut::read(&item, image.signed) {
            values.iter_mut().for_each(|v| *v = lut.apply(*v));
        }
    } else if let Some((slope, intercept)) = rescale(&header, index)
        && (slope, intercept) != (1.0, 0.0)
    {
        values.iter_mut().for_each(|v| *v = (f64::from(*v) * slope + intercept) as f32);
    }
    values
}

/// Rescale Slope and Intercept; also where enhanced objects keep them (PS3.3 C.7.6.16.2.9).
fn rescale(header: &Attributes<'_>, index: usize) -> Option<(f64, f64)> {
    let here = |a: &Attributes<'_>| Some((a.number(0x0028_1053)?, a.number(0x0028_1052)?));
    here(header)
        .or_else(|| here(&header.group(0x0028_9145, index)?))
        .filter(|(slope, _)| *slope != 0.0)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Linear,
    LinearExact,
    Sigmoid,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    centre: f64,
    width: f64,
    shape: Shape,
}

impl Window {
    /// The first of several windows; in enhanced objects that of Frame VOI LUT (PS3.3
    /// C.7.6.16.2.10).
    fn of_frame(header: &Attributes<'_>, index: usize) -> Option<Window> {
        Window::read(header).or_else(|| Window::read(&header.group(0x0028_9132, index)?))
    }

    fn read(header: &Attributes<'_>) -> Option<Window> {
        let centre = header.number(0x0028_1050)?;
        let width = header.number(0x0028_1051)?;
        let shape = match header.text(0x0028_1056).as_deref() {
            Some("SIGMOID") => Shape::Sigmoid,
            Some("LINEAR_EXACT") => Shape::LinearExact,
            _ => Shape::Linear,
        };
        let least = if shape == Shape::Linear { 1.0 } else { f64::MIN_POSITIVE };
        (width >= least).then_some(Window { centre, width, shape })
    }

    /// PS3.3 C.11.2.1.2 and C.11.2.1.3, to 0..=1.
    fn apply(&self, x: f64) -> f64 {
        let (c, w) = (self.centre, self.width);
        match self.shape {
            Shape::Linear if w == 1.0 => f64::from(x > c - 0.5),
            Shape::Linear => (((x - (c - 0.5)) / (w - 1.0)) + 0.5).clamp(0.0, 1.0),
            Shape::LinearExact => ((x - c) / w + 0.5).clamp(0.0, 1.0),
            Shape::Sigmoid => 1.0 / (1.0 + (-4.0 * (x - c) / w).exp()),
        }
    }
}

/// Remarks on LUTs and window, known from the header alone.
pub(crate) fn remarks(image: &DicomImage) -> Vec<Note> {
    let mut notes = Vec::new();
    if image.channels != 1 || image.photometric == "PALETTE COLOR" {
        if image.photometric == "PALETTE COLOR" && palette(image).is_none() {
            notes.push(Note::warning("palette-broken", words::PALETTE_BROKEN));
        }
        return notes;
    }
    let header = image.attributes();
    match header.item(0x0028_3000) {
        Some(item) if Lut::read(&item, image.signed).is_none() => {
            notes.push(Note::warning("modality-lut-broken", words::MODALITY_LUT_BROKEN));
        }
        None if header.element(0x0028_1053).is_some() && rescale(&header, 0).is_none() => {
            notes.push(Note::warning("rescale-broken", words::RESCALE_BROKEN));
        }
        _ => {}
    }
    let lut = header.item(0x0028_3010).map(|item| Lut::read(&item, image.signed).is_some());
    if lut == Some(false) {
        notes.push(Note::warning("voi-lut-broken", words::VOI_LUT_BROKEN));
    }
    if lut != Some(true) && Window::of_frame(&header, 0).is_none() {
        let written = header.raw(0x0028_1050).is_some() || header.raw(0x0028_1051).is_some();
        notes.push(match written {
            true => Note::warning("window-broken", words::WINDOW_BROKEN),
            false => Note::info("no-window", words::NO_WINDOW),
        });
    }
    if inverted(image) {
        notes.push(Note::info("monochrome1-inverted", words::INVERTED));
    }
    notes
}

/// MONOCHROME1 or Presentation LUT Shape INVERSE; a MONOCHROME1 image usually says both and is
/// inverted once (PS3.3 C.11.6.1.2).
fn inverted(image: &DicomImage) -> bool {
    image.photometric == "MONOCHROME1"
        || image.attributes().text(0x2050_0020).as_deref() == Some("INVERSE")
}

/// The picture of DICOM frame `index`.
pub(crate) fn of_dicom(image: &DicomImage, frame: &Frame, index: usize) -> Result<Picture> {
    if frame.channels == 3 {
        return of_picture(frame, image.bits_stored);
    }
    if image.photometric == "PALETTE COLOR"
        && let Some(palette) = palette(image)
    {
        let mut data = Vec::with_capacity(frame.samples.len() * 3);
        for index in frame.samples.to_f32() {
            data.extend(palette.iter().map(|lut| {
                let value = lut.apply(index);
                if lut.bits > 8 { (value / 256.0) as u8 } else { value as u8 }
            }));
        }
        return picture(frame, 3, data);
    }
    let header = image.attributes();
    let values = modality(image, frame, index);
    let flip = inverted(image);
    let byte = |unit: f64| {
        let unit = if flip { 1.0 - unit } else { unit };
        (unit * 255.0 + 0.5) as u8
    };
    let voi = header.item(0x0028_3010).and_then(|item| Lut::read(&item, image.signed));
    let data: Vec<u8> = if let Some(lut) = voi {
        let top = f64::from((1u32 << lut.bits) - 1);
        values.iter().map(|&v| byte((f64::from(lut.apply(v)) / top).min(1.0))).collect()
    } else if let Some(window) = Window::of_frame(&header, index) {
        by_table(&frame.samples, &values, |v| byte(window.apply(v)))
    } else {
        let padding = Padding::read(&header, image.signed);
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for (index, &v) in values.iter().enumerate() {
            let is_padding = padding.as_ref().is_some_and(|p| p.holds(&frame.samples, index));
            if v.is_finite() && !is_padding {
                low = low.min(v);
                high = high.max(v);
            }
        }
        let (low, span) = (f64::from(low), f64::from(high) - f64::from(low));
        let scale = if span > 0.0 { 1.0 / span } else { 0.0 };
        by_table(&frame.samples, &values, |v| byte(((v - low) * scale).clamp(0.0, 1.0)))
    };
    picture(frame, 1, data)
}

/// `f` of every value. 16-bit samples have few different values: each is computed once.
fn by_table(samples: &Samples, values: &[f32], f: impl Fn(f64) -> u8) -> Vec<u8> {
    match samples {
        Samples::U8(v) => table(v, usize::from, values, f),
        Samples::U16(v) => table(v, usize::from, values, f),
        Samples::I16(v) => table(v, |x| usize::from(x as u16), values, f),
        _ => values.iter().map(|&v| f(v.into())).collect(),
    }
}

fn table<T: Copy>(
    samples: &[T],
    index: impl Fn(T) -> usize,
    values: &[f32],
    f: impl Fn(f64) -> u8,
) -> Vec<u8> {
    let mut known = vec![u16::MAX; 65536];
    let pairs = samples.iter().zip(values);
    pairs
        .map(|(&sample, &value)| {
            let known = &mut known[index(sample)];
            if *known == u16::MAX {
                *known = u16::from(f(value.into()));
            }
            *known as u8
        })
        .collect()
}

/// Pixel Padding Value (0028,0120) and Range Limit (0028,0121), stored values.
struct Padding {
    low: f64,
    high: f64,
}

impl Padding {
    fn read(header: &Attributes<'_>, signed: bool) -> Option<Padding> {
        let sign = |v: f64| if signed && v >= 32768.0 { v - 65536.0 } else { v };
        let value = sign(header.number(0x0028_0120)?);
        let limit = header.number(0x0028_0121).map_or(value, sign);
        Some(Padding { low: value.min(limit), high: value.max(limit) })
    }

    fn holds(&self, samples: &Samples, index: usize) -> bool {
        samples.get(index).is_some_and(|v| v >= self.low && v <= self.high)
    }
}

/// Red, green, blue: descriptors (0028,1101)-(0028,1103), data (0028,1201)-(0028,1203) or the
/// segmented form (0028,1221)-(0028,1223) (PS3.3 C.7.9).
fn palette(image: &DicomImage) -> Option<[Lut; 3]> {
    let header = image.attributes();
    let one = |i: u32| {
        let [count, first, bits] = header.numbers(0x0028_1101 + i)?[..] else { return None };
        let count = if count <= 0.0 { count + 65536.0 } else { count } as usize;
        let entries = match header.words(0x0028_1221 + i) {
            Some(segments) => expand_segments(&segments, count)?,
            None => match header.words(0x0028_1201 + i)? {
                words if words.len() >= count => words[..count].to_vec(),
                words if words.len() * 2 >= count => {
                    words.iter().flat_map(|w| w.to_le_bytes()).take(count).map(u16::from).collect()
                }
                _ => return None,
            },
        };
        // Some writers keep 8-bit entries under a 16-bit descriptor.
        let bits = if entries.iter().all(|&e| e < 256) { 8 } else { bits as u16 };
        (!entries.is_empty()).then_some(Lut { first: first as f32, bits, entries })
    };
    Some([one(0)?, one(1)?, one(2)?])
}

/// Discrete (0) and linear (1) segments, 16 bit (PS3.3 C.7.9.2); indirect ones are not known.
fn expand_segments(segments: &[u16], count: usize) -> Option<Vec<u16>> {
    let mut out: Vec<u16> = Vec::with_capacity(count.min(65536));
    let mut at = 0;
    while out.len() < count && at + 2 < segments.len() {
        let (op, length) = (segments[at], usize::from(segments[at + 1]));
        at += 2;
        match op {
            0 => {
                out.extend(segments.get(at..at + length)?);
                at += length;
            }
            1 => {
                let (from, to) = (f64::from(*out.last()?), f64::from(segments[at]));
                let step = |i: usize| from + (to - from) * i as f64 / length as f64;
                out.extend((1..=length).map(|i| step(i).round() as u16));
                at += 1;
            }
            _ => return None,
        }
    }
    (out.len() >= count).then(|| {
        out.truncate(count);
        out
    })
}

/// Grey or RGB of `bits` bits as it is, scaled to 8.
pub(crate) fn of_picture(frame: &Frame, bits: u16) -> Result<Picture> {
    let data = match &frame.samples {
        Samples::U8(v) if bits == 8 => v.clone(),
        Samples::U16(v) if bits == 16 => v.iter().map(|&x| (x >> 8) as u8).collect(),
        other => {
            let top = 2f32.powi(i32::from(bits)) - 1.0;
            other.to_f32().into_iter().map(|v| (v / top * 255.0 + 0.5) as u8).collect()
        }
    };
    picture(frame, frame.channels, data)
}

fn picture(frame: &Frame, channels: usize, data: Vec<u8>) -> Result<Picture> {
    Picture::new(frame.columns, frame.rows, channels, data)
        .ok_or_else(|| Error::new(Kind::Bug, words::ZERO_SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(centre: f64, width: f64, shape: Shape) -> Window {
        Window { centre, width, shape }
    }

    #[test]
    fn windows_follow_the_standard_s_examples() {
        // PS3.3 C.11.2.1.2.1: c = 2048, w = 4096 keeps 12-bit values; c = 0, w = 100.
        let w = window(2048.0, 4096.0, Shape::Linear);
        assert_eq!((w.apply(0.0), w.apply(4095.0)), (0.0, 1.0));
        let w = window(0.0, 100.0, Shape::Linear);
        assert_eq!((w.apply(-50.0), w.apply(49.0)), (0.0, 1.0));
        assert!((w.apply(-0.5) - 0.5).abs() < 1e-12);
        let w = window(0.0, 100.0, Shape::LinearExact);
        assert_eq!((w.apply(-50.0), w.apply(0.0), w.apply(50.0)), (0.0, 0.5, 1.0));
        let w = window(10.0, 1.0, Shape::Linear);
        assert_eq!((w.apply(9.5), w.apply(9.6)), (0.0, 1.0));
        assert_eq!(window(3.0, 7.0, Shape::Sigmoid).apply(3.0), 0.5);
    }

    #[test]
    fn segmented_palettes_expand() {
        assert_eq!(expand_segments(&[0, 2, 5, 9, 1, 4, 17], 6), Some(vec![5, 9, 11, 13, 15, 17]));
        assert_eq!(expand_segments(&[1, 4, 17], 4), None);
        assert_eq!(expand_segments(&[2, 1, 0, 0], 4), None);
    }
}
