//! Panoptic quality of separate parts (Kirillov et al. 2019).

use super::{Lattice, components};
use crate::{Undefined, Value};
use std::collections::BTreeMap;

/// Parts matched with an intersection over union above one half.
#[derive(Clone, Debug, PartialEq)]
pub struct Panoptic {
    /// Parts of the reference that were matched.
    pub true_positives: usize,
    /// Predicted parts that match none.
    pub false_positives: usize,
    /// Parts of the reference that were not matched.
    pub false_negatives: usize,
    /// Mean intersection over union of the matches; undefined without any.
    pub segmentation_quality: Value,
    /// TP / (TP + FP/2 + FN/2); undefined when both are empty.
    pub recognition_quality: Value,
    /// Their product, 0 without a match; undefined when both are empty.
    pub panoptic_quality: Value,
}

/// Panoptic quality of two masks, split into connected parts (26 neighbours).
pub fn panoptic_quality(predicted: &[bool], reference: &[bool], lattice: &Lattice) -> Panoptic {
    let (p, r) = (components(predicted, lattice.size), components(reference, lattice.size));
    let mut shared: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let (mut size_p, mut size_r) =
        (vec![0u64; p.count as usize + 1], vec![0u64; r.count as usize + 1]);
    for (a, b) in p.labels.iter().zip(&r.labels) {
        size_p[*a as usize] += 1;
        size_r[*b as usize] += 1;
        if *a > 0 && *b > 0 {
            *shared.entry((*a, *b)).or_default() += 1;
        }
    }
    // Above one half no part can have two partners.
    let ious: Vec<f64> = shared
        .iter()
        .filter_map(|((a, b), both)| {
            let union = size_p[*a as usize] + size_r[*b as usize] - both;
            (2 * both > union).then(|| *both as f64 / union as f64)
        })
        .collect();
    let true_positives = ious.len();
    let false_positives = p.count as usize - true_positives;
    let false_negatives = r.count as usize - true_positives;
    let parts = true_positives as f64 + 0.5 * (false_positives + false_negatives) as f64;
    let over = |x: f64| if parts == 0.0 { Err(Undefined::BothEmpty) } else { Ok(x / parts) };
    let segmentation_quality = crate::stats::mean(&ious).ok_or(match (p.count, r.count) {
        (0, 0) => Undefined::BothEmpty,
        (0, _) => Undefined::Missed,
        (_, 0) => Undefined::Spurious,
        _ => Undefined::NothingMatched,
    });
    Panoptic {
        true_positives,
        false_positives,
        false_negatives,
        segmentation_quality,
        recognition_quality: over(true_positives as f64),
        panoptic_quality: over(ious.iter().sum()),
    }
}
