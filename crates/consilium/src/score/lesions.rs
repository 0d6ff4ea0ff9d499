//! Lesions in volumes, as the PI-CAI challenge judges them: maps of confidences against masks of
//! lesions, file by file.

use super::masks;
use super::outcome::{Block, Outcome, Row};
use super::patients;
use super::plots::{Mark, Plot};
use super::settings::Settings;
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use metrics::Value;
use metrics::compare::Units;
use metrics::detection::{LesionCase, PicaiScore, candidates, match_lesions, picai_score};
use serde_json::{Map, json};
use std::path::Path;

/// Overlap at which a candidate counts as found: the challenge's, equality included.
const LEAST_IOU: f64 = 0.1;
/// picai_eval's score, AP and auroc.
pub(super) const NAMES: [&str; 3] = ["picai_score", "AP_lesions", "auroc"];

/// Cases with what was found in each, and their patients.
pub(super) struct Lesions {
    /// Names of the cases.
    pub names: Vec<String>,
    /// Case by case.
    pub cases: Vec<LesionCase>,
    /// The patients.
    pub units: Units,
}

/// Reads two folders of the same file names: maps, in which every connected part above 0 is a candidate
/// with its highest value, and masks, in which every connected part is a lesion.
pub(super) fn read(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Lesions> {
    let files = masks::pair(predicted, truth, settings)?.files;
    let mut cases = Vec::with_capacity(files.len());
    for files in &files {
        let (map, reference) = masks::read_map(files, settings)?;
        let size = reference.grid.size;
        let mask: Vec<bool> = reference.voxels.iter().map(|label| *label > 0).collect();
        cases.push(match_lesions(&candidates(&map, size), &mask, size, LEAST_IOU));
    }
    let names: Vec<String> = files.into_iter().map(|files| files.name).collect();
    let units = match &settings.group {
        None => Units::single(names.len()),
        Some(typed) => {
            let beside = patients::beside(typed).ok_or_else(|| {
                let error = Error::new(Kind::Usage, words::no_column("--group", typed));
                error.hint(words::COLUMN_BESIDE.clone())
            })?;
            Units::grouped(&patients::column("--group", (&beside.0, beside.1), &names)?)
        }
    };
    Ok(Lesions { names, cases, units })
}

impl Lesions {
    /// The values of [`NAMES`] with every patient counted so often.
    pub fn values(&self, weights: &[u32]) -> Vec<Value> {
        Lesions::mixed(&[(self, weights)])
    }

    /// The same of cases put together of several models, each with its own weights.
    pub fn mixed(parts: &[(&Lesions, &[u32])]) -> Vec<Value> {
        let cases: Vec<LesionCase> =
            parts.iter().flat_map(|(lesions, _)| lesions.cases.iter().cloned()).collect();
        let of_case: Vec<u32> = parts
            .iter()
            .flat_map(|(lesions, weights)| {
                lesions.units.of_case().iter().map(|unit| weights[*unit as usize])
            })
            .collect();
        let PicaiScore { average_precision, auroc, score } = picai_score(&cases, Some(&of_case));
        vec![score, average_precision, auroc]
    }
}

/// Judges folders of maps.
pub(super) fn judge(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    let found = read(predicted, truth, settings)?;
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let units = &found.units;
    let drawn = units.bootstrap_many(seed, resamples, threads, NAMES.len(), |weights, out| {
        out.extend(found.values(weights));
    });
    let full = found.values(&vec![1; units.len()]);
    let rows: Vec<Row> = NAMES
        .iter()
        .zip(full)
        .zip(&drawn)
        .map(|((name, value), drawn)| {
            Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        })
        .collect();
    let sum = |of: &dyn Fn(&LesionCase) -> usize| found.cases.iter().map(of).sum::<usize>() as u64;
    let matched = sum(&|case| case.matched.len());
    let counts = vec![
        ("n", found.cases.len() as u64),
        ("targets", matched + sum(&|case| case.missed)),
        ("boxes", matched + sum(&|case| case.false_positives.len())),
    ];
    let each = found.names.iter().zip(&found.cases).map(|(name, case)| {
        json!({
            "id": name,
            "matched": case.matched.iter().map(|(confidence, iou)| json!({ "confidence": confidence, "iou": iou })).collect::<Vec<_>>(),
            "missed": case.missed,
            "false_positives": case.false_positives,
            "confidence": case.confidence,
        })
    });
    let mut more = Map::new();
    more.insert("cases".into(), each.collect());
    more.insert("least_iou".into(), json!(LEAST_IOU));
    let grouped = settings.group.is_some();
    Ok(Outcome {
        settings: settings.clone(),
        cases: found.cases.len(),
        units: units.len(),
        overall: rows.clone(),
        blocks: vec![Block { name: "lesions".into(), counts, rows, more, ..Block::default() }],
        more: Map::new(),
        notes: vec![
            Note::info("bootstrap", words::how(resamples, seed, units.len(), grouped)),
            Note::info("lesions", words::LESIONS_HOW.clone()),
        ],
        plots: vec![free_response(&found.cases)],
    })
}

/// Sensitivity over false positives a case.
fn free_response(cases: &[LesionCase]) -> Plot {
    let mut all: Vec<(f64, bool)> = Vec::new();
    for case in cases {
        all.extend(case.matched.iter().map(|(confidence, _)| (*confidence, true)));
        all.extend(case.false_positives.iter().map(|confidence| (*confidence, false)));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lesions: usize = cases.iter().map(|case| case.missed + case.matched.len()).sum();
    let mut points = vec![(0.0, 0.0)];
    let (mut hits, mut alarms) = (0, 0);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        hits += tied.iter().filter(|one| one.1).count();
        alarms += tied.iter().filter(|one| !one.1).count();
        points
            .push((alarms as f64 / cases.len().max(1) as f64, hits as f64 / lesions.max(1) as f64));
    }
    let mut plot = Plot::unit(
        &words::PLOT_FROC_LESIONS,
        &words::AXIS_FALSE_POSITIVES,
        &words::AXIS_SENSITIVITY,
    );
    plot.x = [0.0, points.last().map_or(1.0, |last| last.0.clamp(1.0, 8.0))];
    plot.with(Mark::Line(points.into_iter().filter(|point| point.0 <= 8.0).collect()))
}
