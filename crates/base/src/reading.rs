//! What one model said about one case.

use crate::image::{Image, Mask, Rect};
use crate::note::Note;
use crate::text::Text;

/// A thing that can be found, segmented or measured: a stable identifier, its names, its codes.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// Stable identifier, kebab-case: `pleural-effusion`.
    pub id: &'static str,
    /// Its name.
    pub name: Text,
    /// Its code in a public terminology, where one was verified.
    pub coding: Option<Coding>,
}

/// A code of a public terminology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Coding {
    /// `SCT` (SNOMED CT), `RADLEX`, `DCM`.
    pub scheme: &'static str,
    /// The code's value.
    pub value: &'static str,
}

/// Which side of the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The patient's left.
    Left,
    /// The patient's right.
    Right,
    /// Both.
    Both,
}

/// The model that spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRef {
    /// Identifier in the catalogue.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// SHA-256 of the weights' file, lower-case hex.
    pub weights_sha256: Option<String>,
    /// Weights were made on the spot: the answer means nothing.
    pub placeholder_weights: bool,
}

/// Why a model did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable identifier, kebab-case: `wrong-modality`.
    pub code: &'static str,
    /// The reason.
    pub reason: Text,
}

/// One finding and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub code: &'static Code,
    /// In 0..=1. A probability only where `calibrated`.
    pub score: f32,
    /// The score has been calibrated on a named data set.
    pub calibrated: bool,
    /// Interval of the score, where the method gives one.
    pub interval: Option<(f32, f32)>,
    /// The model's operating point on the same scale: at or above it the model says yes.
    pub threshold: Option<f32>,
    /// Side of the patient.
    pub side: Option<Side>,
    /// Where in the body.
    pub site: Option<&'static Code>,
}

impl Finding {
    /// `score >= threshold`; `None` when the model has no operating point.
    pub fn positive(&self) -> Option<bool> {
        self.threshold.map(|threshold| self.score >= threshold)
    }
}

/// One structure's outline.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// What.
    pub code: &'static Code,
    /// Value in a label map, from 1; structures of one model may overlap.
    pub label: u16,
    /// On the grid of the original image.
    pub mask: Mask,
    /// Area in mm², where the pixel spacing is known.
    pub area_mm2: Option<f64>,
    /// Mean score of the pixels inside.
    pub mean_score: Option<f32>,
}

/// A box around a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingBox {
    /// What.
    pub code: &'static Code,
    /// In 0..=1; not a probability.
    pub score: f32,
    /// Where, in pixels of the original image.
    pub rect: Rect,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Stable identifier, kebab-case: `cardiothoracic-ratio`.
    pub id: &'static str,
    /// What is measured.
    pub name: Text,
    /// The number.
    pub value: f64,
    /// UCUM unit: `mm`, `mL`, `mo`, `1` for a ratio.
    pub unit: &'static str,
    /// Interval, where the method gives one.
    pub interval: Option<(f64, f64)>,
}

/// How an explanation map was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExplanationMethod {
    /// Grad-CAM on the last feature map (Selvaraju et al. 2017).
    GradCam,
    /// Drop of the score when a patch is covered (Zeiler and Fergus 2014).
    Occlusion,
}

/// Where the model looked for one finding.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplanationMap {
    /// For which finding.
    pub code: &'static Code,
    /// How it was made.
    pub method: ExplanationMethod,
    /// One channel, coarse, 0..=1 (the map's own maximum is 1; all 0 when nothing speaks for it).
    pub map: Image,
    /// The part of the original image it covers.
    pub covers: Rect,
}

/// How unlike its training data a case looks.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfDomain {
    /// Larger is stranger.
    pub score: f32,
    /// At or above it the case counts as out of domain.
    pub threshold: Option<f32>,
    /// How it was measured, in one sentence.
    pub method: Text,
}

/// How far an answer can be trusted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trust {
    /// In 0..=1: how unsure the model is of its answer; the method is in the notes.
    pub uncertainty: Option<f32>,
    /// Signs that the case is unlike what the model was trained on.
    pub out_of_domain: Vec<OutOfDomain>,
}

/// One model's answer to one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Who.
    pub model: ModelRef,
    /// Why not, when it did not answer; everything below is then empty.
    pub refused: Option<Refusal>,
    /// Findings in the model's own order. Heads that were never trained are absent.
    pub findings: Vec<Finding>,
    /// Structures.
    pub segments: Vec<Segment>,
    /// Boxes.
    pub boxes: Vec<FindingBox>,
    /// Numbers.
    pub values: Vec<Measurement>,
    /// A report text of the model's own.
    pub text: Option<String>,
    /// Explanation maps of the leading findings.
    pub maps: Vec<ExplanationMap>,
    /// How far to trust it.
    pub trust: Trust,
    /// Remarks.
    pub notes: Vec<Note>,
    /// Wall time of preparation, network and interpretation, in seconds.
    pub seconds: f64,
}

impl Reading {
    /// An answer with nothing in it yet.
    pub fn empty(model: ModelRef) -> Reading {
        Reading {
            model,
            refused: None,
            findings: Vec::new(),
            segments: Vec::new(),
            boxes: Vec::new(),
            values: Vec::new(),
            text: None,
            maps: Vec::new(),
            trust: Trust::default(),
            notes: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The model does not answer this case.
    pub fn refused(model: ModelRef, refusal: Refusal) -> Reading {
        Reading { refused: Some(refusal), ..Reading::empty(model) }
    }
}
