//! The whole of one case: what was read, what each model said, what the panel makes of it.

use crate::case::CaseFacts;
use crate::image::Picture;
use crate::note::Note;
use crate::reading::{Code, Reading};

/// What the models say about one finding, taken together.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// What.
    pub code: &'static Code,
    /// Mean of the models' scores; not a probability.
    pub mean_score: f32,
    /// Lowest and highest score.
    pub range: (f32, f32),
    /// Models that scored it.
    pub models: usize,
    /// Of those with an operating point: how many say yes.
    pub positive: usize,
    /// How many have an operating point.
    pub voting: usize,
}

/// The panel's opinion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opinion {
    /// Findings that at least one model scored, highest mean first.
    pub findings: Vec<Agreement>,
    /// Share of findings (scored by two or more voting models) on which all voters agree; `None`
    /// when there is no such finding.
    pub unanimity: Option<f32>,
    /// Remarks: contradictions, refusals, out-of-domain signs.
    pub notes: Vec<Note>,
}

/// One model in the manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRun {
    /// Identifier in the catalogue.
    pub id: String,
    /// File name of the weights (no folder).
    pub weights_file: Option<String>,
    /// SHA-256 of the weights' file.
    pub weights_sha256: Option<String>,
    /// Container they came in: `pytorch-zip-module`, `safetensors`, …
    pub container: Option<String>,
    /// Seconds to load, plan and transform the weights.
    pub load_seconds: f64,
    /// Seconds for this case.
    pub run_seconds: f64,
    /// Of these, seconds in which networks ran; `None` where they are not told apart.
    pub network_seconds: Option<f64>,
    /// Peak bytes of the network's buffers as planned.
    pub planned_bytes: u64,
}

/// How the result came about, enough to repeat it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Version of the program.
    pub version: String,
    /// Instruction set the kernels used.
    pub cpu: String,
    /// Threads.
    pub threads: usize,
    /// When, RFC 3339, UTC.
    pub created: String,
    /// Settings that differ from the defaults, name and value.
    pub settings: Vec<(String, String)>,
    /// The models.
    pub models: Vec<ModelRun>,
    /// Seconds to read and decode the input.
    pub decode_seconds: f64,
}

/// Everything a report is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Consultation {
    /// What was read.
    pub case: CaseFacts,
    /// The image as a person looks at it, at the original size: window applied, MONOCHROME2 sense.
    pub picture: Picture,
    /// One reading per model, in the order asked for.
    pub readings: Vec<Reading>,
    /// The panel's.
    pub opinion: Opinion,
    /// Remarks on the case as a whole.
    pub notes: Vec<Note>,
    /// How it came about.
    pub manifest: Manifest,
}
