//! Data sets put together element by element.

use base::Concept;
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::InMemDicomObject;

/// A data set or an item of a sequence.
pub(super) struct Item(pub InMemDicomObject);

impl Item {
    pub fn new() -> Item {
        Item(InMemDicomObject::new_empty())
    }

    pub fn text(mut self, tag: Tag, vr: VR, value: &str) -> Item {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        self
    }

    /// An element that must be there and has no value.
    pub fn empty(mut self, tag: Tag, vr: VR) -> Item {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
        self
    }

    pub fn short(mut self, tag: Tag, value: u16) -> Item {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        self
    }

    pub fn shorts(mut self, tag: Tag, values: &[u16]) -> Item {
        let values = PrimitiveValue::U16(values.iter().copied().collect());
        self.0.put(DataElement::new(tag, VR::US, values));
        self
    }

    pub fn longs(mut self, tag: Tag, values: &[u32]) -> Item {
        let values = PrimitiveValue::U32(values.iter().copied().collect());
        self.0.put(DataElement::new(tag, VR::UL, values));
        self
    }

    pub fn pointer(mut self, tag: Tag, value: Tag) -> Item {
        self.0.put(DataElement::new(
            tag,
            VR::AT,
            PrimitiveValue::Tags([value].into_iter().collect()),
        ));
        self
    }

    /// Decimal strings.
    pub fn decimals(self, tag: Tag, values: &[f64]) -> Item {
        let text: Vec<String> = values.iter().map(|value| decimal(*value)).collect();
        self.text(tag, VR::DS, &text.join("\\"))
    }

    pub fn items(mut self, tag: Tag, items: Vec<Item>) -> Item {
        let items: Vec<InMemDicomObject> = items.into_iter().map(|item| item.0).collect();
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }

    pub fn item(self, tag: Tag, item: Item) -> Item {
        self.items(tag, vec![item])
    }

    /// A code sequence of one item.
    pub fn concept(self, tag: Tag, concept: &Concept) -> Item {
        self.item(tag, code(concept))
    }
}

/// The code sequence macro (PS3.3 table 8.8-1): values of more than 16 characters are Long Code Values.
pub(super) fn code(concept: &Concept) -> Item {
    use dicom_dictionary_std::tags;
    let (tag, vr) = match concept.value.chars().count() {
        0..=16 => (tags::CODE_VALUE, VR::SH),
        _ => (tags::LONG_CODE_VALUE, VR::UC),
    };
    Item::new()
        .text(tag, vr, &concept.value)
        .text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &cut(&concept.scheme, 16))
        .text(tags::CODE_MEANING, VR::LO, &cut(&concept.meaning, 64))
}

/// As many characters as a value representation allows; the backslash separates values.
pub(super) fn cut(text: &str, most: usize) -> String {
    let clean = text.chars().map(|c| if c == '\\' || c.is_control() { ' ' } else { c });
    clean.take(most).collect::<String>().trim().to_owned()
}

/// A decimal string of at most 16 characters (PS3.5 6.2), as exact as fits.
pub(super) fn decimal(value: f64) -> String {
    let shortest = format!("{value}");
    if shortest.len() <= 16 {
        return shortest;
    }
    let fixed = (0..=14).rev().map(|digits| format!("{value:.digits$}")).find(|t| t.len() <= 16);
    let small = value != 0.0 && value.abs() < 1e-4;
    match fixed {
        Some(text) if !small => text,
        _ => (0..=10)
            .rev()
            .map(|digits| format!("{value:.digits$e}"))
            .find(|text| text.len() <= 16)
            .unwrap_or_else(|| "0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_fit_and_keep_what_can_be_kept() {
        for value in [0.0, 1.5, -361.200_012_207_031_25, 1.0 / 3.0, 1e-17, -2.0 / 3e9, 123_456.789]
        {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            let back: f64 = text.parse().unwrap();
            assert!((back - value).abs() <= 1e-9 * value.abs(), "{value} {text}");
        }
        assert_eq!(decimal(-0.7), "-0.7");
    }

    #[test]
    fn texts_are_cut_by_characters_and_cannot_become_several() {
        assert_eq!(cut("a\\b\nc", 16), "a b c");
        assert_eq!(cut("左肾上腺", 2), "左肾");
    }
}
