//! Codes of public terminologies, as DICOM carries them.

use std::borrow::Cow;

/// A coded concept (PS3.3 section 8): scheme, value, meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Concept {
    /// `SCT` (SNOMED CT), `DCM`, or `99…` for a scheme of one maker.
    pub scheme: Cow<'static, str>,
    /// The code.
    pub value: Cow<'static, str>,
    /// What it means, in English.
    pub meaning: Cow<'static, str>,
}

impl Concept {
    /// A concept known beforehand.
    pub const fn fixed(
        scheme: &'static str,
        value: &'static str,
        meaning: &'static str,
    ) -> Concept {
        Concept {
            scheme: Cow::Borrowed(scheme),
            value: Cow::Borrowed(value),
            meaning: Cow::Borrowed(meaning),
        }
    }

    /// A concept read from a file, or one of no public terminology.
    pub fn new(
        scheme: impl Into<String>,
        value: impl Into<String>,
        meaning: impl Into<String>,
    ) -> Concept {
        Concept {
            scheme: Cow::Owned(scheme.into()),
            value: Cow::Owned(value.into()),
            meaning: Cow::Owned(meaning.into()),
        }
    }
}

/// What a segment shows, in the terms of DICOM's segment sequence (PS3.3 C.8.20.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SegmentCode {
    /// Anatomical structure, tissue, morphologically altered structure, …
    pub category: Concept,
    /// The structure.
    pub kind: Concept,
    /// Left or right.
    pub modifier: Option<Concept>,
    /// Where it lies, for what may lie in many places: a tumour.
    pub region: Option<Concept>,
}

/// One segment of a segmentation that was read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentFacts {
    /// Its number, which is its label where the volume is a label map.
    pub number: u16,
    /// The frame of the volume that shows it, where segments overlap or are fractions.
    pub frame: Option<usize>,
    /// Segment Label.
    pub name: String,
    /// Its codes, where they are complete.
    pub code: Option<SegmentCode>,
    /// `AUTOMATIC`, `SEMIAUTOMATIC`, `MANUAL`; empty where the file does not say.
    pub made: String,
}
