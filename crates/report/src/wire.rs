//! The shapes of `result.json`, schema `consilium.result/1`: what scripts depend on.
//!
//! Fields may be added; a field never changes its meaning, unit or type. Inner types of the program
//! are converted into these and are not serialisable themselves. Fields are written in the order
//! below. What is unknown is `null`, never an empty string or a special number.

// Each field is described in the JSON Schema; saying it twice would let the two drift.
#![allow(missing_docs)]

use serde::Serialize;
use std::collections::BTreeMap;

/// Name of the format, first field of the file.
pub const SCHEMA: &str = "consilium.result/1";

/// A text in both languages.
#[derive(Serialize)]
pub struct Words {
    pub en: String,
    pub zh: String,
}

/// A remark.
#[derive(Serialize)]
pub struct Remark {
    pub code: &'static str,
    pub severity: &'static str,
    pub text: Words,
}

/// The whole file. A case is a picture or a volume, and so are the segments and boxes.
#[derive(Serialize)]
pub struct Document<C, S, B> {
    pub schema: &'static str,
    pub disclaimer: Words,
    pub case: C,
    pub models: Vec<Model<S, B>>,
    pub opinion: Opinion,
    pub notes: Vec<Remark>,
    pub manifest: Manifest,
    pub files: Files,
}

/// What was read, de-identified.
#[derive(Serialize)]
pub struct Case {
    pub name: String,
    pub file: File,
    pub columns: usize,
    pub rows: usize,
    pub frames: usize,
    pub modality: Option<String>,
    pub body_part: Option<String>,
    pub view: Option<String>,
    pub laterality: Option<&'static str>,
    pub pixel_spacing: Option<Spacing>,
    pub patient: Patient,
    pub device: Option<String>,
    pub notes: Vec<Remark>,
}

/// The input file.
#[derive(Serialize)]
pub struct File {
    pub format: &'static str,
    pub bytes: u64,
    pub sha256: String,
    pub transfer_syntax: Option<TransferSyntax>,
    pub photometric: Option<String>,
    pub bits_allocated: u16,
    pub bits_stored: u16,
    pub signed: bool,
}

/// A DICOM transfer syntax.
#[derive(Serialize)]
pub struct TransferSyntax {
    pub uid: String,
    pub name: String,
}

/// Distance between pixel centres in millimetres.
#[derive(Serialize)]
pub struct Spacing {
    pub row_mm: Option<f64>,
    pub column_mm: Option<f64>,
    pub source: &'static str,
}

/// What may be kept of the patient.
#[derive(Serialize)]
pub struct Patient {
    pub age_years: Option<u16>,
    pub sex: Option<&'static str>,
}

/// One model's answer.
#[derive(Serialize)]
pub struct Model<S, B> {
    pub id: String,
    pub name: Words,
    pub weights_sha256: Option<String>,
    pub placeholder_weights: bool,
    pub refused: Option<Refused>,
    pub findings: Vec<Finding>,
    pub segments: Vec<S>,
    pub boxes: Vec<B>,
    pub values: Vec<Value>,
    pub text: Option<String>,
    pub trust: Trust,
    pub explanations: Vec<Explanation>,
    pub notes: Vec<Remark>,
    pub seconds: Option<f64>,
}

/// Why a model did not answer.
#[derive(Serialize)]
pub struct Refused {
    pub code: &'static str,
    pub reason: Words,
}

/// A terminology's code.
#[derive(Serialize)]
pub struct Coding {
    pub scheme: &'static str,
    pub value: &'static str,
}

/// Where in the body.
#[derive(Serialize)]
pub struct Site {
    pub code: &'static str,
    pub name: Words,
}

/// One finding.
#[derive(Serialize)]
pub struct Finding {
    pub code: &'static str,
    pub name: Words,
    pub coding: Option<Coding>,
    pub score: Option<f64>,
    pub calibrated: bool,
    pub interval: Option<[Option<f64>; 2]>,
    pub threshold: Option<f64>,
    pub positive: Option<bool>,
    pub side: Option<&'static str>,
    pub site: Option<Site>,
}

/// One structure.
#[derive(Serialize)]
pub struct Segment {
    pub code: &'static str,
    pub name: Words,
    pub label: u16,
    pub volume_ml: Option<f64>,
    pub mask: Option<String>,
    pub statistics: Statistics,
}

/// Numbers of one structure.
#[derive(Serialize)]
pub struct Statistics {
    pub area_mm2: Option<f64>,
    pub area_px: usize,
    pub mean_score: Option<f64>,
}

/// A rectangle in pixels of the original image, origin at its top left corner.
#[derive(Serialize)]
pub struct Rect {
    pub x: Option<f64>,
    pub y: Option<f64>,
    pub width: Option<f64>,
    pub height: Option<f64>,
}

/// A box around a finding.
#[derive(Serialize)]
pub struct FindingBox {
    pub code: &'static str,
    pub name: Words,
    pub score: Option<f64>,
    pub rect: Rect,
}

/// A box in a volume.
#[derive(Serialize)]
pub struct VolumeBox {
    pub code: String,
    pub name: Words,
    pub score: Option<f64>,
    pub label: u16,
    pub centre_ras_mm: [Option<f64>; 3],
    pub extent_ras_mm: [Option<f64>; 3],
}

/// A number with its unit.
#[derive(Serialize)]
pub struct Value {
    pub code: &'static str,
    pub name: Words,
    pub value: Option<f64>,
    pub unit: &'static str,
    pub interval: Option<[Option<f64>; 2]>,
}

/// How far to trust the answer.
#[derive(Serialize)]
pub struct Trust {
    pub uncertainty: Option<f64>,
    pub out_of_domain: Vec<OutOfDomain>,
}

/// One sign that the case is unlike the training data.
#[derive(Serialize)]
pub struct OutOfDomain {
    pub score: Option<f64>,
    pub threshold: Option<f64>,
    pub exceeded: Option<bool>,
    pub method: Words,
}

/// An explanation map.
#[derive(Serialize)]
pub struct Explanation {
    pub code: &'static str,
    pub name: Words,
    pub method: &'static str,
    pub covers: Rect,
    pub picture: Option<String>,
}

/// The panel's opinion.
#[derive(Serialize)]
pub struct Opinion {
    pub findings: Vec<OpinionFinding>,
    pub unanimity: Option<f64>,
    pub notes: Vec<Remark>,
}

/// What the models together say of one finding.
#[derive(Serialize)]
pub struct OpinionFinding {
    pub code: &'static str,
    pub name: Words,
    pub mean_score: Option<f64>,
    pub agreement: Agreement,
}

/// How far the models agree.
#[derive(Serialize)]
pub struct Agreement {
    pub models: usize,
    pub voting: usize,
    pub positive: usize,
    pub lowest_score: Option<f64>,
    pub highest_score: Option<f64>,
}

/// How the result came about.
#[derive(Serialize)]
pub struct Manifest {
    pub program: &'static str,
    pub version: String,
    pub created: String,
    pub cpu: String,
    pub threads: usize,
    pub settings: BTreeMap<String, String>,
    pub decode_seconds: Option<f64>,
    pub models: Vec<ModelRun>,
}

/// One model in the manifest.
#[derive(Serialize)]
pub struct ModelRun {
    pub id: String,
    pub weights_file: Option<String>,
    pub weights_sha256: Option<String>,
    pub container: Option<String>,
    pub load_seconds: Option<f64>,
    pub run_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_seconds: Option<f64>,
    pub planned_bytes: u64,
}

/// Files written beside this one, by name.
#[derive(Serialize)]
pub struct Files {
    pub report: Option<String>,
    pub image: Option<String>,
    pub anatomy: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segmentations: Vec<String>,
}

/// [`Case`] with the grid of a volume.
#[derive(Serialize)]
pub struct VolumeCase {
    #[serde(flatten)]
    pub case: Case,
    pub volume: VolumeGrid,
}

/// Where voxels lie.
#[derive(Serialize)]
pub struct VolumeGrid {
    pub spacing_mm: [Option<f64>; 3],
    pub affine_ras_mm: [[Option<f64>; 4]; 4],
    pub orientation: String,
    pub geometry: &'static str,
}

/// One structure of a label map.
#[derive(Serialize)]
pub struct VolumeSegment {
    pub code: String,
    pub name: Words,
    pub coding: Option<SegmentCoding>,
    pub label: u16,
    pub labels: Vec<u16>,
    pub volume_ml: Option<f64>,
    pub mask: Option<String>,
    pub statistics: VolumeStatistics,
}

/// A structure in a public terminology, as DICOM's segment sequence has it.
#[derive(Serialize)]
pub struct SegmentCoding {
    pub category: Concept,
    pub r#type: Concept,
    pub modifier: Option<Concept>,
    pub region: Option<Concept>,
}

/// A coded concept.
#[derive(Serialize)]
pub struct Concept {
    pub scheme: String,
    pub value: String,
    pub meaning: String,
}

/// Numbers of one structure of a volume.
#[derive(Serialize)]
pub struct VolumeStatistics {
    pub voxels: u64,
    pub mean: Option<f64>,
    pub sd: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub centre_ras_mm: Option<[Option<f64>; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<StructureDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appraisal: Option<Appraisal>,
}

/// How far a structure's volume is to be trusted, where the model says so.
#[derive(Serialize)]
pub struct Appraisal {
    pub quality: Option<f64>,
    pub withheld: bool,
    pub share_of_intracranial: Option<f64>,
    pub asymmetry: Option<f64>,
}

/// What `--statistics` adds.
#[derive(Serialize)]
pub struct StructureDetails {
    pub p5: Option<f64>,
    pub p25: Option<f64>,
    pub median: Option<f64>,
    pub p75: Option<f64>,
    pub p95: Option<f64>,
    pub axes_mm: [Option<f64>; 3],
    pub extent_mm: [Option<f64>; 3],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surface_mm2: Option<f64>,
    pub parts: u64,
    pub largest_part: Option<f64>,
}
