//! The image attributes of a header, checked once, and the way from a frame's bytes to samples.

use super::attributes::Attributes;
use super::dataset::{Coding, DataSet, PIXEL_DATA, Value};
use super::{frames, jpeg, jpeg2000, jpegls, rle, uid};
use crate::Limits;
use crate::study::{Frame, Samples};
use base::words::imaging as words;
use base::{Error, Kind, Note, Result};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What the numbers of the pixel data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Integer,
    Float,
    Double,
}

#[derive(Clone, Debug)]
enum Pixels {
    Native { data: Range<usize>, word: bool },
    Encapsulated(Vec<Vec<Range<usize>>>),
}

/// A checked header with the file's bytes.
#[derive(Clone, Debug)]
pub(crate) struct DicomImage {
    bytes: Vec<u8>,
    set: DataSet,
    coding: Coding,
    pixels: Pixels,
    number: Number,
    limits: Limits,
    /// The frame decoded last: a compressed frame is usually asked for more than once.
    last: Arc<Mutex<Option<(usize, Frame)>>>,
    pub syntax: Option<String>,
    pub columns: usize,
    pub rows: usize,
    pub frames: usize,
    pub channels: usize,
    pub bits_allocated: u16,
    pub bits_stored: u16,
    pub signed: bool,
    pub planar: bool,
    pub photometric: String,
}

/// What a codec gives: samples of one width, interleaved unless said.
pub(crate) struct Decoded {
    pub samples: Samples,
    /// The photometric interpretation the stream itself claims.
    pub photometric: Option<&'static str>,
    /// Unused bits were cleared by the codec.
    pub exact: bool,
}

impl DicomImage {
    pub fn new(
        bytes: Vec<u8>,
        set: DataSet,
        coding: Coding,
        syntax: Option<String>,
        limits: &Limits,
        notes: &mut Vec<Note>,
    ) -> Result<DicomImage> {
        let header = Attributes::new(&set, &bytes, coding);
        let (tag, number) = [
            (PIXEL_DATA, Number::Integer),
            (0x7fe0_0008, Number::Float),
            (0x7fe0_0009, Number::Double),
        ]
        .into_iter()
        .find(|(tag, _)| header.element(*tag).is_some())
        .ok_or_else(|| {
            Error::new(Kind::Unsupported, words::NO_PIXEL_DATA).hint(words::GIVE_IMAGE)
        })?;
        let need = |tag, name: &str| {
            header.count(tag).ok_or_else(|| {
                Error::new(Kind::BrokenInput, words::missing(name)).hint(words::COPY_AGAIN)
            })
        };
        let bad = |name: &str, expected: &str, found: u64| {
            Error::new(Kind::BrokenInput, words::bad_value(name, expected, &found.to_string()))
        };
        let rows = need(0x0028_0010, "Rows (0028,0010)")?;
        let columns = need(0x0028_0011, "Columns (0028,0011)")?;
        let allocated = match number {
            Number::Integer => need(0x0028_0100, "Bits Allocated (0028,0100)")?,
            Number::Float => 32,
            Number::Double => 64,
        };
        let stored = header.count(0x0028_0101).unwrap_or(allocated);
        let channels = header.count(0x0028_0002).unwrap_or(1);
        let frames = match header.raw(0x0028_0008) {
            Some(_) => need(0x0028_0008, "Number of Frames (0028,0008)")?.max(1),
            None => 1,
        };
        if rows == 0 || columns == 0 {
            return Err(Error::new(Kind::BrokenInput, words::ZERO_SIZE));
        }
        if !matches!(channels, 1 | 3) {
            return Err(bad("Samples per Pixel (0028,0002)", "1 or 3", channels));
        }
        if number == Number::Integer && !matches!(allocated, 1 | 8 | 16 | 24 | 32) {
            return Err(bad("Bits Allocated (0028,0100)", "1, 8, 16 or 32", allocated));
        }
        if allocated == 24 {
            return Err(Error::new(
                Kind::Unsupported,
                words::bad_value("Bits Allocated (0028,0100)", "1, 8, 16 or 32", "24"),
            ));
        }
        if number == Number::Integer && (stored == 0 || stored > allocated) {
            let expected = format!("1 to {allocated}");
            return Err(bad("Bits Stored (0028,0101)", &expected, stored));
        }
        let pixels_count = rows * columns;
        if pixels_count > limits.max_pixels {
            let text = words::too_many_pixels(columns, rows, limits.max_pixels);
            return Err(Error::new(Kind::Limit, text));
        }
        if frames > limits.max_frames as u64 {
            return Err(Error::new(Kind::Limit, words::too_many_frames(frames, limits.max_frames)));
        }
        let frame_bytes = pixels_count * channels * allocated.div_ceil(8);
        if frame_bytes > limits.max_total_bytes {
            let text = words::too_many_bytes(frame_bytes, limits.max_total_bytes);
            return Err(Error::new(Kind::Limit, text));
        }
        let photometric = header
            .text(0x0028_0004)
            .map(|text| text.to_ascii_uppercase())
            .unwrap_or_else(|| if channels == 3 { "RGB" } else { "MONOCHROME2" }.to_owned());
        let known = match channels {
            1 => matches!(&*photometric, "MONOCHROME1" | "MONOCHROME2" | "PALETTE COLOR"),
            _ => matches!(
                &*photometric,
                "RGB" | "YBR_FULL" | "YBR_FULL_422" | "YBR_RCT" | "YBR_ICT" | "YBR_PARTIAL_420"
            ),
        };
        if !known {
            let shown: String = photometric.chars().filter(|c| !c.is_control()).take(16).collect();
            return Err(Error::new(Kind::Unsupported, words::unsupported_photometric(&shown)));
        }
        let element = header.element(tag).map(|element| (&element.value, element.cut, element.vr));
        let (pixels, frames) = match element {
            Some((Value::Bytes(data), cut, vr)) => {
                let per_frame =
                    frames::native_bits(pixels_count, channels, allocated, &photometric);
                let expected = (per_frame * frames).div_ceil(8);
                if (data.len() as u64) < expected {
                    let text = words::pixel_data_short(expected, data.len() as u64);
                    return Err(Error::new(Kind::BrokenInput, text).hint(words::COPY_AGAIN));
                }
                if cut {
                    notes.push(Note::warning("pixel-data-cut", words::PIXEL_DATA_CUT));
                }
                let word = vr == *b"OW" && coding.big_endian && allocated == 8;
                (Pixels::Native { data: data.clone(), word }, frames)
            }
            Some((Value::Fragments(items), cut, _)) => {
                let list = frames::split(&bytes, items, frames as usize, &header)?;
                if list.len() < frames as usize || list.is_empty() {
                    let text = words::frames_differ(list.len(), frames as usize);
                    return Err(Error::new(Kind::BrokenInput, text).hint(words::COPY_AGAIN));
                }
                if cut {
                    notes.push(Note::warning("pixel-data-cut", words::PIXEL_DATA_CUT));
                }
                if list.len() > frames as usize {
                    let text = words::frames_differ(list.len(), frames as usize);
                    notes.push(Note::warning("frames-differ", text));
                }
                (Pixels::Encapsulated(list), frames)
            }
            _ => return Err(Error::new(Kind::Unsupported, words::NO_PIXEL_DATA)),
        };
        let signed = number == Number::Integer && header.count(0x0028_0103) == Some(1);
        let planar = header.count(0x0028_0006) == Some(1) && channels == 3;
        let image = DicomImage {
            pixels,
            number,
            limits: limits.clone(),
            last: Arc::default(),
            syntax,
            columns: columns as usize,
            rows: rows as usize,
            frames: frames as usize,
            channels: channels as usize,
            bits_allocated: allocated as u16,
            bits_stored: stored as u16,
            signed,
            planar,
            photometric,
            bytes,
            set,
            coding,
        };
        image.codec()?;
        Ok(image)
    }

    pub fn attributes(&self) -> Attributes<'_> {
        Attributes::new(&self.set, &self.bytes, self.coding)
    }

    /// Pixel data are encapsulated.
    pub fn is_compressed(&self) -> bool {
        matches!(self.pixels, Pixels::Encapsulated(_))
    }

    /// The shape a stream must have: columns, rows, samples.
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.columns, self.rows, self.channels)
    }

    /// Which decoder the pixel data need; the first bytes decide where no syntax is named.
    fn codec(&self) -> Result<Codec> {
        let Pixels::Encapsulated(frames) = &self.pixels else { return Ok(Codec::Native) };
        let syntax = self.syntax.as_deref().unwrap_or("");
        let first = frames.first().and_then(|f| f.first()).and_then(|r| self.bytes.get(r.clone()));
        let codec = match syntax {
            uid::RLE => Codec::Rle,
            uid::ENCAPSULATED => Codec::Encapsulated,
            _ if uid::JPEG.contains(&syntax) => Codec::Jpeg,
            _ if uid::JPEG_LS.contains(&syntax) => Codec::JpegLs,
            _ if uid::JPEG_2000.contains(&syntax) => Codec::Jpeg2000,
            "" | uid::IMPLICIT | uid::EXPLICIT | uid::DEFLATED => match first {
                Some([0xff, 0xd8, ..]) => Codec::Jpeg,
                Some([0xff, 0x4f, ..] | [0, 0, 0, 12, b'j', b'P', ..]) => Codec::Jpeg2000,
                _ => Codec::Rle,
            },
            other => {
                let text = words::unsupported_syntax(other, &super::facts::syntax_name(other));
                return Err(Error::new(Kind::Unsupported, text).hint(words::EXPORT_UNCOMPRESSED));
            }
        };
        // JPEG and JPEG-LS streams tell themselves apart by their frame marker.
        Ok(match (codec, first) {
            (Codec::Jpeg, Some(stream)) if jpegls::is_jpegls(stream) => Codec::JpegLs,
            (codec, _) => codec,
        })
    }

    /// Frame `index`, decoded, or copied if it was the last one decoded.
    pub fn frame(&self, index: usize) -> Result<Frame> {
        if matches!(self.pixels, Pixels::Native { .. }) {
            return self.decode(index);
        }
        if let Ok(last) = self.last.lock()
            && let Some((_, frame)) = last.as_ref().filter(|(at, _)| *at == index)
        {
            return Ok(frame.clone());
        }
        let frame = self.decode(index)?;
        if let Ok(mut last) = self.last.lock() {
            *last = Some((index, frame.clone()));
        }
        Ok(frame)
    }

    fn decode(&self, index: usize) -> Result<Frame> {
        let decoded = match &self.pixels {
            Pixels::Native { data, word } => {
                let bytes = self.bytes.get(data.clone()).unwrap_or(&[]);
                return frames::native(
                    self,
                    self.number,
                    bytes,
                    index,
                    self.coding.big_endian,
                    *word,
                );
            }
            Pixels::Encapsulated(list) => {
                let ranges = list.get(index).map_or(&[][..], |r| &r[..]);
                let joined;
                let stream: &[u8] = match ranges {
                    [one] => self.bytes.get(one.clone()).unwrap_or(&[]),
                    many => {
                        joined = many
                            .iter()
                            .flat_map(|r| self.bytes[r.clone()].iter().copied())
                            .collect::<Vec<u8>>();
                        &joined
                    }
                };
                match self.codec()? {
                    Codec::Native | Codec::Encapsulated => {
                        return frames::native(self, self.number, stream, 0, false, false);
                    }
                    Codec::Rle => rle::decode(self, stream)?,
                    Codec::Jpeg => jpeg::decode(self, stream)?,
                    Codec::JpegLs => jpegls::decode(self, stream)?,
                    Codec::Jpeg2000 => jpeg2000::decode(self, stream, &self.limits)?,
                }
            }
        };
        frames::finish(self, decoded)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Native,
    Encapsulated,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}
