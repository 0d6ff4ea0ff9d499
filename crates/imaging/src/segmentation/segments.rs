//! The segments of a segmentation, and their items in its segment sequence.

use super::colour::cielab;
use super::elements::{Item, cut};
use super::write::Algorithm;
use base::{Concept, SegmentCode, Text};
use dicom_core::VR;
use dicom_dictionary_std::tags;

/// One structure of a label map.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Its labels in the map; several for a region made of parts.
    pub labels: Vec<u16>,
    /// Its name.
    pub name: Text,
    /// Its codes; without, one of this program's own is made from the name.
    pub code: Option<SegmentCode>,
    /// Red, green, blue to show it in.
    pub colour: [u8; 3],
}

/// The scheme of codes for what no public terminology was found for.
const OWN_SCHEME: &str = "99CONSILIUM";
/// Category of a segment whose kind is not known (CID 7150).
const UNKNOWN: Concept = Concept::fixed("SCT", "309825002", "Spatial and Relational Concept");
/// CID 7150 and the background of label maps.
const BACKGROUND: Concept = Concept::fixed("DCM", "125040", "Background");
/// Family of the algorithm (CID 7162 is extensible).
const FAMILY: Concept = Concept::fixed("DCM", "123110", "Artificial Intelligence");

/// Item of the segment sequence (PS3.3 C.8.20.4) with number `number`.
pub(super) fn item(segment: &Segment, number: u16, algorithm: &Algorithm) -> Item {
    let own;
    let code = match &segment.code {
        Some(code) => code,
        None => {
            own = SegmentCode {
                category: UNKNOWN,
                kind: own_code(segment.name.en()),
                modifier: None,
                region: None,
            };
            &own
        }
    };
    let name = cut(segment.name.en(), 64);
    let mut item = Item::new()
        .concept(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, &code.category)
        .short(tags::SEGMENT_NUMBER, number)
        .text(tags::SEGMENT_LABEL, VR::LO, if name.is_empty() { "segment" } else { &name })
        .text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC")
        .text(tags::SEGMENT_ALGORITHM_NAME, VR::LO, &cut(&algorithm.name, 64))
        .item(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, identification(algorithm))
        .shorts(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &cielab(segment.colour));
    if segment.name.zh() != segment.name.en() {
        item = item.text(tags::SEGMENT_DESCRIPTION, VR::ST, &cut(segment.name.zh(), 256));
    }
    let mut kind = super::elements::code(&code.kind);
    if let Some(modifier) = &code.modifier {
        kind = kind.concept(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE, modifier);
    }
    item = item.item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, kind);
    if let Some(region) = &code.region {
        item = item.concept(tags::ANATOMIC_REGION_SEQUENCE, region);
    }
    item
}

/// Number 0 of a label map.
pub(super) fn background() -> Item {
    Item::new()
        .concept(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, &UNKNOWN)
        .short(tags::SEGMENT_NUMBER, 0)
        .text(tags::SEGMENT_LABEL, VR::LO, "Background")
        .text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "MANUAL")
        .shorts(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &cielab([0; 3]))
        .concept(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, &BACKGROUND)
}

/// The algorithm identification macro (PS3.3 table 10-19).
fn identification(algorithm: &Algorithm) -> Item {
    Item::new()
        .text(tags::ALGORITHM_VERSION, VR::LO, &cut(&algorithm.version, 64))
        .concept(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, &FAMILY)
        .text(tags::ALGORITHM_NAME, VR::LO, &cut(&algorithm.name, 64))
        .text(tags::ALGORITHM_SOURCE, VR::LO, &cut(&algorithm.source, 64))
}

/// A code of the program's own scheme: the name in small letters, digits and hyphens.
fn own_code(name: &str) -> Concept {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let value = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    let value = if value.is_empty() { "segment".to_owned() } else { cut(&value, 64) };
    let meaning = cut(name, 64);
    Concept::new(OWN_SCHEME, value, if meaning.is_empty() { "segment".to_owned() } else { meaning })
}
