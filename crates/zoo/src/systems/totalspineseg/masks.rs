//! What is done to whole label maps between the steps. Maps are `[x][y][z]` of `shape`.
//!
//! Reference: neuropoly/totalspineseg (ddab04b1) `utils/largest_component.py`, `fill_canal.py`,
//! `extract_alternate.py`.

use crate::morphology::{Components, Neighbours, dilate};
use std::ops::Range;

/// How far apart parts of one spine may lie: half of it is grown on each side before they are joined.
const REACH: usize = 5;
/// Labels of the result.
pub(super) const CORD: u16 = 1;
/// See [`CORD`].
pub(super) const CANAL: u16 = 2;
/// Labels of discs among those of the result.
pub(super) const DISCS: Range<u16> = 63..101;

/// Keeps the largest piece of all that is marked, parts near each other together.
pub fn largest_piece(labels: &mut [u16], shape: [usize; 3]) {
    let mask: Vec<bool> = labels.iter().map(|&label| label > 0).collect();
    let kept = largest(&mask, &dilate(&mask, shape, REACH), shape);
    labels.iter_mut().zip(kept).filter(|(_, kept)| !kept).for_each(|(label, _)| *label = 0);
}

/// The mask in the piece of `grown` that holds most of it; of equals in the first.
fn largest(mask: &[bool], grown: &[bool], shape: [usize; 3]) -> Vec<bool> {
    let pieces = Components::of_mask(grown, shape, Neighbours::All);
    let mut counts = vec![0usize; pieces.sizes.len()];
    for run in &pieces.runs {
        counts[run.component] += mask[run.start..run.end].iter().filter(|inside| **inside).count();
    }
    let most = counts.iter().copied().max();
    let best = counts.iter().position(|count| Some(*count) == most);
    let kept = pieces.mask(mask.len(), |piece| Some(piece) == best);
    kept.iter().zip(mask).map(|(kept, inside)| *kept && *inside).collect()
}

/// One cord and one canal, and the canal in every voxel between its walls that is not cord.
pub fn fill_canal(labels: &mut [u16], shape: [usize; 3]) {
    let keep = |labels: &mut [u16], of: &[u16], rest: u16| {
        let mask: Vec<bool> = labels.iter().map(|label| of.contains(label)).collect();
        let kept = largest(&mask, &mask, shape);
        for (label, (inside, kept)) in labels.iter_mut().zip(mask.iter().zip(kept)) {
            if *inside && !kept {
                *label = rest;
            }
        }
    };
    keep(labels, &[CORD], CANAL);
    if !labels.contains(&CANAL) {
        return;
    }
    keep(labels, &[CORD, CANAL], 0);
    let mask: Vec<bool> = labels.iter().map(|label| [CORD, CANAL].contains(label)).collect();
    let (from_left, from_back) = (spans(&mask, shape, 0), spans(&mask, shape, 1));
    for (at, label) in labels.iter_mut().enumerate() {
        if from_left[at] && from_back[at] && *label != CORD {
            *label = CANAL;
        }
    }
}

/// Every line along an axis filled from its first marked voxel to its last.
pub(super) fn spans(mask: &[bool], shape: [usize; 3], axis: usize) -> Vec<bool> {
    let strides = [shape[1] * shape[2], shape[2], 1];
    let (stride, count) = (strides[axis], shape[axis]);
    let [a, b] = match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    };
    let mut out = vec![false; mask.len()];
    for first in 0..shape[a] {
        for second in 0..shape[b] {
            let start = first * strides[a] + second * strides[b];
            let mut marked = (0..count).filter(|at| mask[start + at * stride]);
            let Some(low) = marked.next() else { continue };
            let high = marked.next_back().unwrap_or(low);
            (low..=high).for_each(|at| out[start + at * stride] = true);
        }
    }
    out
}

/// Every second disc of those that are there, from the uppermost: what step 2 is told.
pub fn alternate_discs(labels: &[u16]) -> Vec<u16> {
    let chosen: Vec<u16> = DISCS.filter(|disc| labels.contains(disc)).step_by(2).collect();
    labels.iter().map(|label| u16::from(chosen.contains(label))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_near_each_other_are_one_piece() {
        let shape = [1, 1, 40];
        let mut labels = vec![0u16; 40];
        // Three voxels, a gap of ten, two; far away four.
        for at in [0, 1, 2, 13, 14, 34, 35, 36, 37] {
            labels[at] = 3;
        }
        largest_piece(&mut labels, shape);
        assert_eq!(labels.iter().filter(|label| **label == 3).count(), 5);
        assert_eq!(labels[34], 0);
    }

    #[test]
    fn the_canal_has_no_gaps_and_no_islands() {
        let shape = [5, 5, 1];
        let mut labels = vec![0u16; 25];
        for at in [6, 7, 8, 11, 13, 16, 17, 18] {
            labels[at] = CANAL;
        }
        // A wall of a vertebra inside, and an island.
        labels[12] = 41;
        labels[24] = CANAL;
        fill_canal(&mut labels, shape);
        assert_eq!(labels[12], CANAL);
        // Through a corner the island touches.
        assert_eq!(labels[24], CANAL);
        labels[24] = 0;
        labels[4] = CORD;
        fill_canal(&mut labels, shape);
        assert_eq!(labels[12], CANAL);
        assert_eq!(alternate_discs(&[91, 0, 93, 92, 91]), [1, 0, 1, 0, 1]);
    }
}
