//! The elements of a DICOM data set as ranges of the file's bytes (PS3.5 section 7).
//!
//! Nothing is copied: pixel data stay where they are. `dicom-object` builds nested data sets by
//! recursion without a bound and copies every value, so the walk over the headers is done here, with
//! limits; dictionary, value representations and character sets are dicom-rs'.

use base::words::imaging as words;
use base::{Error, Kind, Result};
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::limits::Limits;

/// How headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    pub big_endian: bool,
    pub explicit: bool,
}

/// What an element holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bytes(Range<usize>),
    Items(Vec<DataSet>),
    /// Basic offset table and fragments of encapsulated pixel data.
    Fragments(Vec<Range<usize>>),
}

#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub vr: [u8; 2],
    pub value: Value,
    /// The length in the header reaches beyond the end of the file.
    pub cut: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct DataSet {
    pub elements: BTreeMap<u32, Element>,
}

pub(crate) const PIXEL_DATA: u32 = 0x7fe0_0010;
const ITEM: u32 = 0xfffe_e000;
const ITEM_END: u32 = 0xfffe_e00d;
const SEQUENCE_END: u32 = 0xfffe_e0dd;
const UNDEFINED: u32 = u32::MAX;

/// Walks the headers of `bytes`.
pub(crate) struct Walker<'a> {
    bytes: &'a [u8],
    coding: Coding,
    limits: &'a Limits,
    elements: usize,
}

impl<'a> Walker<'a> {
    pub fn new(bytes: &'a [u8], coding: Coding, limits: &'a Limits) -> Walker<'a> {
        Walker { bytes, coding, limits, elements: 0 }
    }

    /// Reads the top level from `start`. Stops after pixel data, at the end, or where headers stop
    /// making sense; the second value says why when that was before the end.
    pub fn top_level(mut self, start: usize) -> Result<(DataSet, Option<Error>)> {
        let mut set = DataSet::default();
        let mut at = start;
        while at + 8 <= self.bytes.len() {
            match self.element(at, self.bytes.len(), self.coding, 0) {
                Ok(Some((tag, element, next))) => {
                    // What follows the pixel data is padding or a signature.
                    let last = matches!(tag, 0x7fe0_0008..=PIXEL_DATA);
                    set.elements.entry(tag).or_insert(element);
                    at = next;
                    if last {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) if error.kind() == Kind::Limit => return Err(error),
                Err(error) => return Ok((set, Some(error))),
            }
        }
        Ok((set, None))
    }

    /// Only group 2, which is always explicit little endian; returns where it ends.
    pub fn meta(mut self, start: usize) -> (DataSet, usize) {
        let mut set = DataSet::default();
        let mut at = start;
        let coding = Coding { big_endian: false, explicit: true };
        while at + 8 <= self.bytes.len() && self.bytes[at..at + 2] == [2, 0] {
            match self.element(at, self.bytes.len(), coding, 0) {
                Ok(Some((tag, element, next))) => {
                    set.elements.insert(tag, element);
                    at = next;
                }
                _ => break,
            }
        }
        (set, at)
    }

    fn u16(&self, at: usize, coding: Coding) -> Option<u16> {
        let pair: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if coding.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    fn u32(&self, at: usize, coding: Coding) -> Option<u32> {
        let four: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if coding.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    fn tag(&self, at: usize, coding: Coding) -> Option<u32> {
        Some(u32::from(self.u16(at, coding)?) << 16 | u32::from(self.u16(at + 2, coding)?))
    }

    /// One element at `at`: tag, element, where the next begins. `None` at a delimiter.
    fn element(
        &mut self,
        at: usize,
        end: usize,
        coding: Coding,
        depth: usize,
    ) -> Result<Option<(u32, Element, usize)>> {
        self.elements += 1;
        if self.elements > self.limits.max_elements {
            let text = words::too_many_elements(self.limits.max_elements);
            return Err(Error::new(Kind::Limit, text));
        }
        let cut = || Error::new(Kind::BrokenInput, words::header_cut(at)).hint(words::COPY_AGAIN);
        let tag = self.tag(at, coding).ok_or_else(cut)?;
        if matches!(tag, ITEM | ITEM_END | SEQUENCE_END) {
            return Ok(None);
        }
        let (vr, length, body) = self.head(at, tag, coding).ok_or_else(cut)?;
        if length == UNDEFINED {
            if tag == PIXEL_DATA && depth == 0 {
                let (fragments, next, cut) = self.fragments(body, end, coding);
                let value = Value::Fragments(fragments);
                return Ok(Some((tag, Element { vr, value, cut }, next)));
            }
            // An unknown element of undefined length is an implicit little endian sequence
            // (PS3.5 section 6.2.2 note 4).
            let inner = match &vr {
                b"UN" => Coding { big_endian: false, explicit: false },
                _ => coding,
            };
            let (items, next) = self.items(body, end, None, inner, depth + 1)?;
            return Ok(Some((
                tag,
                Element { vr: *b"SQ", value: Value::Items(items), cut: false },
                next,
            )));
        }
        let length = length as usize;
        let stop = body.checked_add(length).filter(|&stop| stop <= end);
        if vr == *b"SQ" {
            let stop = stop.ok_or_else(cut)?;
            let (items, _) = match self.items(body, stop, Some(stop), coding, depth + 1) {
                Err(error) if error.kind() != Kind::Limit => (Vec::new(), stop),
                other => other?,
            };
            return Ok(Some((tag, Element { vr, value: Value::Items(items), cut: false }, stop)));
        }
        match stop {
            Some(stop) => {
                Ok(Some((tag, Element { vr, value: Value::Bytes(body..stop), cut: false }, stop)))
            }
            // Cut pixel data are kept, so that the error can say how much is missing.
            None if (0x7fe0_0008..=PIXEL_DATA).contains(&tag) => {
                Ok(Some((tag, Element { vr, value: Value::Bytes(body..end), cut: true }, end)))
            }
            None => Err(cut()),
        }
    }

    /// Value representation, length, start of the value.
    fn head(&self, at: usize, tag: u32, coding: Coding) -> Option<([u8; 2], u32, usize)> {
        let written: [u8; 2] = self.bytes.get(at + 4..at + 6)?.try_into().ok()?;
        if coding.explicit && written.iter().all(u8::is_ascii_uppercase) {
            let long = matches!(
                &written,
                b"OB"
                    | b"OW"
                    | b"OF"
                    | b"OD"
                    | b"OL"
                    | b"OV"
                    | b"SQ"
                    | b"UC"
                    | b"UR"
                    | b"UT"
                    | b"UN"
                    | b"SV"
                    | b"UV"
            );
            return match long {
                true => Some((written, self.u32(at + 8, coding)?, at + 12)),
                false => Some((written, u32::from(self.u16(at + 6, coding)?), at + 8)),
            };
        }
        Some((dictionary_vr(tag), self.u32(at + 4, coding)?, at + 8))
    }

    fn items(
        &mut self,
        mut at: usize,
        end: usize,
        stop: Option<usize>,
        coding: Coding,
        depth: usize,
    ) -> Result<(Vec<DataSet>, usize)> {
        if depth > self.limits.max_depth {
            return Err(Error::new(Kind::Limit, words::too_deep(self.limits.max_depth)));
        }
        let mut items = Vec::new();
        while stop.is_none_or(|stop| at < stop) {
            let item_at = at;
            let broken = || Error::new(Kind::BrokenInput, words::sequence_broken(item_at));
            let tag = self.tag(at, coding).ok_or_else(broken)?;
            let length = self.u32(at + 4, coding).ok_or_else(broken)?;
            at += 8;
            match tag {
                SEQUENCE_END => return Ok((items, at)),
                ITEM => {}
                _ => return Err(broken()),
            }
            self.elements += 1;
            let item_end = match length {
                UNDEFINED => None,
                length => {
                    Some(at.checked_add(length as usize).filter(|&e| e <= end).ok_or_else(broken)?)
                }
            };
            let mut set = DataSet::default();
            loop {
                if item_end.is_some_and(|item_end| at >= item_end) {
                    break;
                }
                match self.element(at, item_end.unwrap_or(end), coding, depth)? {
                    Some((tag, element, next)) => {
                        set.elements.insert(tag, element);
                        at = next;
                    }
                    None if self.tag(at, coding) == Some(ITEM_END) => {
                        at += 8;
                        break;
                    }
                    None => break,
                }
            }
            if let Some(item_end) = item_end {
                at = item_end;
            }
            items.push(set);
        }
        Ok((items, at))
    }

    /// Items of encapsulated pixel data (PS3.5 A.4), by their lengths, so that delimiters inside a
    /// fragment do no harm. The last value says that the end came too early.
    fn fragments(
        &self,
        mut at: usize,
        end: usize,
        coding: Coding,
    ) -> (Vec<Range<usize>>, usize, bool) {
        let mut fragments = Vec::new();
        loop {
            let (Some(tag), Some(length)) = (self.tag(at, coding), self.u32(at + 4, coding)) else {
                return (fragments, end, true);
            };
            at += 8;
            match tag {
                ITEM if length != UNDEFINED => {
                    let stop = at.saturating_add(length as usize);
                    if stop > end {
                        fragments.push(at..end);
                        return (fragments, end, true);
                    }
                    fragments.push(at..stop);
                    at = stop;
                }
                SEQUENCE_END => return (fragments, at, false),
                _ => return (fragments, at, true),
            }
        }
    }
}

fn dictionary_vr(tag: u32) -> [u8; 2] {
    let tag = Tag((tag >> 16) as u16, tag as u16);
    let name = match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => vr.to_string(),
        _ => VR::UN.to_string(),
    };
    name.as_bytes().try_into().unwrap_or(*b"UN")
}
