//! Lesions in volumes, matched as the PI-CAI challenge matches them (picai_eval).

use super::assignment::assign;
use crate::classification::Binary;
use crate::segmentation::components;
use crate::{Undefined, Value};

/// Candidate lesions of a detection map: connected parts (26 neighbours) with one confidence each.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidates {
    /// Part of each voxel, from 1; 0 is none.
    pub labels: Vec<u32>,
    /// Highest value of each part.
    pub confidences: Vec<f64>,
}

/// One case, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct LesionCase {
    /// Lesions that were matched: confidence and overlap.
    pub matched: Vec<(f64, f64)>,
    /// Lesions that were not.
    pub missed: usize,
    /// Confidences of candidates that count as false positives.
    pub false_positives: Vec<f64>,
    /// Highest confidence of the case; 0 without candidate.
    pub confidence: f64,
}

/// Scores over all cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PicaiScore {
    /// Average precision over lesions.
    pub average_precision: Value,
    /// Area under the ROC curve over cases, by their highest confidence.
    pub auroc: Value,
    /// Mean of both.
    pub score: Value,
}

/// The candidates of a detection map (x fastest; 0 is background).
pub fn candidates(map: &[f64], size: [usize; 3]) -> Candidates {
    let mask: Vec<bool> = map.iter().map(|value| *value > 0.0).collect();
    let parts = components(&mask, size);
    let mut confidences = vec![0.0f64; parts.count as usize];
    for (part, value) in parts.labels.iter().zip(map).filter(|(part, _)| **part > 0) {
        let confidence = &mut confidences[*part as usize - 1];
        *confidence = confidence.max(*value);
    }
    Candidates { labels: parts.labels, confidences }
}

/// Matches candidates to the lesions of a mask: as many matches as possible, then as much overlap as
/// possible. A pair needs an intersection over union of at least `least_iou` (0.1; equality counts).
/// A candidate that overlaps a lesion enough but was not chosen is no false positive.
pub fn match_lesions(
    candidates: &Candidates,
    reference: &[bool],
    size: [usize; 3],
    least_iou: f64,
) -> LesionCase {
    let lesions = components(reference, size);
    let found = candidates.confidences.len();
    let mut both = vec![vec![0u64; found]; lesions.count as usize];
    let mut lesion_size = vec![0u64; lesions.count as usize];
    let mut candidate_size = vec![0u64; found];
    for (lesion, candidate) in lesions.labels.iter().zip(&candidates.labels) {
        let (lesion, candidate) = (*lesion as usize, *candidate as usize);
        if lesion > 0 {
            lesion_size[lesion - 1] += 1;
        }
        if candidate > 0 {
            candidate_size[candidate - 1] += 1;
        }
        if lesion > 0 && candidate > 0 {
            both[lesion - 1][candidate - 1] += 1;
        }
    }
    let overlap: Vec<Vec<f64>> = both
        .iter()
        .enumerate()
        .map(|(lesion, row)| {
            row.iter()
                .enumerate()
                .map(|(candidate, both)| {
                    let union = lesion_size[lesion] + candidate_size[candidate] - both;
                    let iou = *both as f64 / union as f64;
                    if *both > 0 && iou >= least_iou { iou } else { 0.0 }
                })
                .collect()
        })
        .collect();
    // One for the match, the overlap to choose among equally many.
    let worth: Vec<Vec<f64>> = overlap
        .iter()
        .map(|row| row.iter().map(|iou| if *iou > 0.0 { 1.0 + iou } else { 0.0 }).collect())
        .collect();
    let mut matched = Vec::new();
    for (lesion, candidate) in assign(&worth).into_iter().enumerate() {
        if let Some(candidate) = candidate.filter(|candidate| overlap[lesion][*candidate] > 0.0) {
            matched.push((candidates.confidences[candidate], overlap[lesion][candidate]));
        }
    }
    let apart = |candidate: &usize| overlap.iter().all(|row| row[*candidate] == 0.0);
    LesionCase {
        missed: lesions.count as usize - matched.len(),
        matched,
        false_positives: (0..found)
            .filter(apart)
            .map(|candidate| candidates.confidences[candidate])
            .collect(),
        confidence: candidates.confidences.iter().copied().fold(0.0, f64::max),
    }
}

impl LesionCase {
    /// There is a lesion.
    pub fn has_lesion(&self) -> bool {
        self.missed + self.matched.len() > 0
    }
}

/// Average precision, AUROC and their mean, every case counted `weights[case]` times.
pub fn picai_score(cases: &[LesionCase], weights: Option<&[u32]>) -> PicaiScore {
    let weight = |case: usize| weights.map_or(1, |weights| weights[case]);
    let mut boxes: Vec<(f64, bool, u32)> = Vec::new();
    let mut lesions = 0u64;
    for (at, case) in cases.iter().enumerate() {
        let times = weight(at);
        lesions += u64::from(times) * (case.missed + case.matched.len()) as u64;
        boxes.extend(case.matched.iter().map(|(confidence, _)| (*confidence, true, times)));
        boxes.extend(case.false_positives.iter().map(|confidence| (*confidence, false, times)));
    }
    let average_precision = precision(boxes, lesions);
    let scores = cases.iter().map(|case| case.confidence).collect();
    let truth = cases.iter().map(LesionCase::has_lesion).collect();
    let every: Vec<u32> = (0..cases.len()).map(weight).collect();
    let auroc = Binary::new(scores, truth)
        .map_err(|_| Undefined::NoCases)
        .and_then(|binary| binary.ranked().auroc_of(&every));
    let score = average_precision.and_then(|ap| auroc.map(|auroc| (ap + auroc) / 2.0));
    PicaiScore { average_precision, auroc, score }
}

/// Σ (R_k − R_{k−1}) P_k over the distinct confidences.
fn precision(mut boxes: Vec<(f64, bool, u32)>, lesions: u64) -> Value {
    if lesions == 0 {
        return Err(Undefined::NoPositives);
    }
    boxes.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut all, mut sum) = (0u64, 0u64, 0.0);
    for tied in boxes.chunk_by(|a, b| a.0 == b.0) {
        let gained: u64 = tied.iter().filter(|(_, hit, _)| *hit).map(|one| u64::from(one.2)).sum();
        all += tied.iter().map(|one| u64::from(one.2)).sum::<u64>();
        right += gained;
        if gained > 0 {
            sum += gained as f64 / lesions as f64 * right as f64 / all as f64;
        }
    }
    Ok(sum)
}
