//! Lesions in volumes, as the PI-CAI challenge judges them: maps of confidences against masks of
//! lesions, file by file.

use super::masks::{self, Paired};
use super::outcome::{Block, Outcome, Row};
use super::patients;
use super::plots::{Mark, Plot};
use super::segmentation::units_of;
use super::settings::Settings;
use base::words::score as words;
use base::{Note, Result};
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
    /// Subgroups: column, and each case's value.
    pub subgroups: Vec<(String, Vec<String>)>,
}

/// Reads two folders of the same file names: maps, in which every connected part above 0 is a candidate
/// with its highest value, and masks, in which every connected part is a lesion.
pub(super) fn read(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Lesions> {
    let Paired { files, reader, patients, strata, .. } = masks::pair(predicted, truth, settings)?;
    let mut cases = Vec::with_capacity(files.len());
    for files in &files {
        let (map, reference) = masks::read_map(files, &reader, settings)?;
        let size = reference.grid.size;
        let mask: Vec<bool> = reference.voxels.iter().map(|label| *label > 0).collect();
        cases.push(match_lesions(&candidates(&map, size), &mask, size, LEAST_IOU));
    }
    let names: Vec<String> = files.into_iter().map(|files| files.name).collect();
    let units = units_of(&names, settings, patients, &strata)?;
    let subgroups = patients::strata_of(&settings.by, &strata, &[&names])?;
    Ok(Lesions { names, cases, units, subgroups })
}

impl Lesions {
    /// Some of the cases alone, without subgroups.
    pub fn of(&self, members: &[usize]) -> Lesions {
        Lesions {
            names: members.iter().map(|at| self.names[*at].clone()).collect(),
            cases: members.iter().map(|at| self.cases[*at].clone()).collect(),
            units: self.units.only(members),
            subgroups: Vec::new(),
        }
    }

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
    let (seed, resamples, units) = (settings.seed, settings.resamples, &found.units);
    let mut block = block("lesions", &found, settings);
    for (column, value, members) in patients::groups(&found.subgroups) {
        let own = found.of(&members);
        let few = patients::few(own.units.len()).into_iter().collect();
        let own = Block { notes: few, ..self::block(&value, &own, settings) };
        block.subgroups.push((column.clone(), own));
    }
    let each = found.names.iter().zip(&found.cases).map(|(name, case)| {
        json!({
            "id": name,
            "matched": case.matched.iter().map(|(confidence, iou)| json!({ "confidence": confidence, "iou": iou })).collect::<Vec<_>>(),
            "missed": case.missed,
            "false_positives": case.false_positives,
            "confidence": case.confidence,
        })
    });
    block.more.insert("cases".into(), each.collect());
    block.more.insert("least_iou".into(), json!(LEAST_IOU));
    let grouped = settings.group.is_some();
    Ok(Outcome {
        settings: settings.clone(),
        cases: found.cases.len(),
        units: units.len(),
        overall: block.rows.clone(),
        blocks: vec![block],
        subgroups: Vec::new(),
        more: Map::new(),
        notes: vec![
            Note::info("bootstrap", words::how(resamples, seed, units.len(), grouped)),
            Note::info("lesions", words::LESIONS_HOW.clone()),
        ],
        plots: vec![free_response(&found.cases)],
    })
}

fn block(name: &str, found: &Lesions, settings: &Settings) -> Block {
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let units = &found.units;
    let drawn = units.bootstrap_many(seed, resamples, threads, NAMES.len(), |weights, out| {
        out.extend(found.values(weights));
    });
    let full = found.values(&vec![1; units.len()]);
    let rows = NAMES.iter().zip(full).zip(&drawn).map(|((name, value), drawn)| {
        Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
    });
    let sum = |of: &dyn Fn(&LesionCase) -> usize| found.cases.iter().map(of).sum::<usize>() as u64;
    let matched = sum(&|case| case.matched.len());
    Block {
        name: name.into(),
        counts: vec![
            ("n", found.cases.len() as u64),
            ("targets", matched + sum(&|case| case.missed)),
            ("boxes", matched + sum(&|case| case.false_positives.len())),
        ],
        rows: rows.collect(),
        ..Block::default()
    }
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
