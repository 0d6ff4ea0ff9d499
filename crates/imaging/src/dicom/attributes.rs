//! Values of elements, read leniently: what is not what it should be is absent.

use super::dataset::{Coding, DataSet, Element, Value};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

/// Shared Functional Groups Sequence and Per-Frame Functional Groups Sequence.
pub(crate) const SHARED_GROUPS: u32 = 0x5200_9229;
pub(crate) const PER_FRAME_GROUPS: u32 = 0x5200_9230;

/// A data set with the bytes its ranges refer to.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    set: &'a DataSet,
    bytes: &'a [u8],
    coding: Coding,
}

impl<'a> Attributes<'a> {
    pub fn new(set: &'a DataSet, bytes: &'a [u8], coding: Coding) -> Attributes<'a> {
        Attributes { set, bytes, coding }
    }

    pub fn element(&self, tag: u32) -> Option<&'a Element> {
        self.set.elements.get(&tag)
    }

    pub fn raw(&self, tag: u32) -> Option<&'a [u8]> {
        match &self.element(tag)?.value {
            Value::Bytes(range) => self.bytes.get(range.clone()).filter(|raw| !raw.is_empty()),
            _ => None,
        }
    }

    /// First item of a sequence.
    pub fn item(&self, tag: u32) -> Option<Attributes<'a>> {
        self.nth_item(tag, 0)
    }

    /// Item `n` of a sequence, from 0.
    pub fn nth_item(&self, tag: u32, n: usize) -> Option<Attributes<'a>> {
        match &self.element(tag)?.value {
            Value::Items(items) => Some(Attributes { set: items.get(n)?, ..*self }),
            _ => None,
        }
    }

    /// The functional group `tag` of frame `frame`: its own, else the shared one (PS3.3 C.7.6.16).
    pub fn group(&self, tag: u32, frame: usize) -> Option<Attributes<'a>> {
        let own = self.nth_item(PER_FRAME_GROUPS, frame).and_then(|groups| groups.item(tag));
        own.or_else(|| self.item(SHARED_GROUPS)?.item(tag))
    }

    /// Text in the default repertoire, without padding.
    pub fn text(&self, tag: u32) -> Option<String> {
        let raw = self.raw(tag)?;
        let text = String::from_utf8_lossy(&raw[..raw.len().min(1 << 16)]);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Text in the data set's Specific Character Set (0008,0005); what cannot be decoded is
    /// replaced.
    pub fn local_text(&self, tag: u32, charset: Option<&str>) -> Option<String> {
        let raw = self.raw(tag)?;
        let raw = &raw[..raw.len().min(1 << 10)];
        let first = charset.unwrap_or("").split('\\').map(str::trim).find(|code| !code.is_empty());
        let decoded = first
            .and_then(SpecificCharacterSet::from_code)
            .and_then(|codec| codec.decode(raw).ok())
            .unwrap_or_else(|| String::from_utf8_lossy(raw).into_owned());
        let clean: String = decoded.chars().filter(|c| !c.is_control()).collect();
        let clean = clean.trim();
        (!clean.is_empty()).then(|| clean.to_owned())
    }

    /// Numbers of a decimal or integer string, or of a binary value. `None` when any is not one.
    pub fn numbers(&self, tag: u32) -> Option<Vec<f64>> {
        let element = self.element(tag)?;
        let raw = self.raw(tag)?;
        let big = self.coding.big_endian;
        macro_rules! binary {
            ($ty:ty) => {
                raw.chunks_exact(size_of::<$ty>())
                    .filter_map(|chunk| chunk.try_into().ok())
                    .map(|c| if big { <$ty>::from_be_bytes(c) } else { <$ty>::from_le_bytes(c) })
                    .map(|v| v as f64)
                    .collect::<Vec<f64>>()
            };
        }
        let numbers = match &element.vr {
            b"US" | b"OW" => binary!(u16),
            // "US or SS" of the dictionary, where the header does not say.
            b"UN" if raw.len() == 2 => binary!(u16),
            b"SS" => binary!(i16),
            b"UL" => binary!(u32),
            b"SL" => binary!(i32),
            b"FL" => binary!(f32),
            b"FD" => binary!(f64),
            _ => {
                let text = std::str::from_utf8(&raw[..raw.len().min(1 << 16)]).ok()?;
                text.split('\\')
                    .map(|part| part.trim_matches(|c: char| c == '\0' || c.is_whitespace()))
                    .map(|part| part.parse::<f64>().ok().filter(|v| v.is_finite()))
                    .collect::<Option<Vec<f64>>>()?
            }
        };
        (!numbers.is_empty()).then_some(numbers)
    }

    /// A value to compare by: numbers as they are written out, else the text.
    pub fn text_or_number(&self, tag: u32) -> Option<String> {
        match self.numbers(tag) {
            Some(numbers) => Some(format!("{numbers:?}")),
            None => self.text(tag),
        }
    }

    pub fn number(&self, tag: u32) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    /// A whole number that is not negative.
    pub fn count(&self, tag: u32) -> Option<u64> {
        let value = self.number(tag)?;
        (value >= 0.0 && value.fract() == 0.0 && value < 4_294_967_296.0).then_some(value as u64)
    }

    /// Values of 16 bits each, whatever the value representation says (LUT data are OW or US).
    pub fn words(&self, tag: u32) -> Option<Vec<u16>> {
        let big = self.coding.big_endian;
        Some(
            self.raw(tag)?
                .chunks_exact(2)
                .map(|c| match big {
                    true => u16::from_be_bytes([c[0], c[1]]),
                    false => u16::from_le_bytes([c[0], c[1]]),
                })
                .collect(),
        )
    }
}
