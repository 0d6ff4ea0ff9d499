//! A label map as it is worked on, and what is asked of one: labels, volumes, middles, boxes, cut-outs.
//!
//! Reference: Hendrik-code/TPTBox (f43f7fb) `core/np_utils.py`. Arrays are row-major, `[a][b][c]` of `shape`;
//! within the pipeline that is posterior, inferior, right, or the axes i, j, k of the case's own voxels.

use crate::morphology::{Components, Neighbours, fill_holes};
use crate::systems::totalsegmentator::bounds_of;
use std::collections::BTreeMap;

/// A box of voxels, first and one past the last along each axis.
pub(super) type Box3 = [[usize; 2]; 3];

/// A label map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Labels `[a][b][c]`; 0 is background.
    pub values: Vec<u16>,
    /// Extents.
    pub shape: [usize; 3],
}

impl Labels {
    /// Nothing marked.
    pub(super) fn none(shape: [usize; 3]) -> Labels {
        Labels { values: vec![0; shape.iter().product()], shape }
    }

    /// The voxel that a place falls in, the volume's last where it lies beyond.
    pub(super) fn index(&self, at: [f64; 3]) -> usize {
        let at: [usize; 3] = std::array::from_fn(|axis| {
            (at[axis].max(0.0) as usize).min(self.shape[axis].saturating_sub(1))
        });
        (at[0] * self.shape[1] + at[1]) * self.shape[2] + at[2]
    }

    /// Place of a voxel.
    pub(super) fn place(&self, at: usize) -> [usize; 3] {
        let [_, height, width] = self.shape;
        [at / (height * width), at / width % height, at % width]
    }

    /// Where labels pass.
    pub(super) fn mask(&self, wanted: impl Fn(u16) -> bool) -> Vec<bool> {
        self.values.iter().map(|&label| wanted(label)).collect()
    }

    /// Whether a label is there.
    pub(super) fn has(&self, label: u16) -> bool {
        self.values.contains(&label)
    }

    /// Voxels of every label that is there, background not counted.
    pub(super) fn volumes(&self) -> BTreeMap<u16, usize> {
        let mut counts = vec![0usize; usize::from(u16::MAX) + 1];
        self.values.iter().for_each(|&label| counts[usize::from(label)] += 1);
        let counted = (1..=u16::MAX).zip(counts.into_iter().skip(1));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// Labels that are there, ascending.
    pub(super) fn unique(&self) -> Vec<u16> {
        self.volumes().into_keys().collect()
    }

    /// The middle of every label's voxels.
    pub(super) fn middles(&self) -> BTreeMap<u16, [f64; 3]> {
        let mut sums: BTreeMap<u16, ([u64; 3], u64)> = BTreeMap::new();
        let marked = self.values.iter().enumerate().filter(|(_, label)| **label != 0);
        for (at, &label) in marked {
            let sum = sums.entry(label).or_default();
            let place = self.place(at);
            (0..3).for_each(|axis| sum.0[axis] += place[axis] as u64);
            sum.1 += 1;
        }
        let middle = |(sum, count): ([u64; 3], u64)| sum.map(|sum| sum as f64 / count as f64);
        sums.into_iter().map(|(label, sum)| (label, middle(sum))).collect()
    }

    /// Each connected piece of what is marked, numbered from 1 in the order of first voxels.
    pub(super) fn pieces(&self, wanted: impl Fn(u16) -> bool, by: Neighbours) -> Labels {
        let map: Vec<u16> = self.values.iter().map(|&label| u16::from(wanted(label))).collect();
        let found = Components::of(&map, self.shape, by);
        let mut out = Labels::none(self.shape);
        for run in &found.runs {
            let number = u16::try_from(run.component + 1).unwrap_or(u16::MAX);
            out.values[run.start..run.end].fill(number);
        }
        out
    }

    /// The box around what is marked, `margin` voxels wider; `None` where nothing is.
    pub(super) fn around(&self, wanted: impl Fn(u16) -> bool, margin: usize) -> Option<Box3> {
        let [depth, height, width] = self.shape;
        let bounds = bounds_of(&self.mask(wanted), [width, height, depth], [margin; 3]);
        bounds.map(|[c, b, a]| [a, b, c])
    }

    /// What lies in a box.
    pub(super) fn cut(&self, bounds: Box3) -> Labels {
        let shape = bounds.map(|[from, to]| to - from);
        let mut values = Vec::with_capacity(shape.iter().product());
        self.rows(bounds, |at, length| values.extend_from_slice(&self.values[at..at + length]));
        Labels { values, shape }
    }

    /// Puts back what was cut from a box.
    pub(super) fn put(&mut self, part: &Labels, bounds: Box3) {
        let mut rows = Vec::new();
        self.rows(bounds, |at, length| rows.push(at..at + length));
        let width = part.shape[2].max(1);
        for (row, part) in rows.into_iter().zip(part.values.chunks_exact(width)) {
            self.values[row].copy_from_slice(part);
        }
    }

    fn rows(&self, [a, b, c]: Box3, mut take: impl FnMut(usize, usize)) {
        let [_, height, width] = self.shape;
        for z in a[0]..a[1] {
            for y in b[0]..b[1] {
                take((z * height + y) * width + c[0], c[1] - c[0]);
            }
        }
    }

    /// Gives labels new names; those not in the table keep theirs.
    pub(super) fn rename(&mut self, table: &BTreeMap<u16, u16>) {
        for label in &mut self.values {
            if let Some(new) = table.get(label) {
                *label = *new;
            }
        }
    }

    /// Deletes pieces (by faces) of fewer than `least` voxels of the labels that pass.
    pub(super) fn without_small(&mut self, wanted: impl Fn(u16) -> bool, least: usize) {
        // As the original, which takes a map without background for broken.
        if !self.has(0) {
            return;
        }
        let found = Components::of(&self.values, self.shape, Neighbours::Faces);
        for run in &found.runs {
            if wanted(run.label) && found.sizes[run.component] < least {
                self.values[run.start..run.end].fill(0);
            }
        }
    }

    /// Fills what a label encloses, label by label in the order given (`fill_voids.fill`).
    pub(super) fn fill(&mut self, labels: &[u16]) {
        for &label in labels {
            let Some(bounds) = self.around(|other| other == label, 1) else { continue };
            let mut part = self.cut(bounds);
            let filled =
                fill_holes(&part.mask(|other| other == label), part.shape, Neighbours::Faces);
            for (value, filled) in part.values.iter_mut().zip(filled) {
                if filled && *value == 0 {
                    *value = label;
                }
            }
            self.put(&part, bounds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_comes_back_where_it_was() {
        let values = (0..2 * 3 * 4).map(|at| at as u16).collect();
        let mut labels = Labels { values, shape: [2, 3, 4] };
        let bounds = [[0, 2], [1, 3], [2, 4]];
        let mut part = labels.cut(bounds);
        assert_eq!(part.values, [6, 7, 10, 11, 18, 19, 22, 23]);
        part.values.fill(1);
        labels.put(&part, bounds);
        assert_eq!(labels.volumes()[&1], 9);
        assert_eq!(labels.cut(bounds), part);
        assert_eq!(labels.around(|label| label == 5, 1), Some([[0, 2], [0, 3], [0, 3]]));
        assert_eq!(labels.middles()[&5], [0.0, 1.0, 1.0]);
    }

    #[test]
    fn small_pieces_go_and_holes_are_filled() {
        let mut labels = Labels::none([3, 3, 6]);
        labels.values.fill(7);
        labels.values[(3 + 1) * 6 + 1] = 0;
        // The ring is closed but towards the border.
        for at in [3, 9, 15, 21, 27, 33, 39, 45, 51] {
            labels.values[at] = 0;
        }
        labels.fill(&[7]);
        assert_eq!(labels.values[(3 + 1) * 6 + 1], 7);
        assert_eq!(labels.volumes()[&7], 54 - 9);
        labels.without_small(|label| label == 7, 19);
        assert_eq!(labels.volumes()[&7], 27);
    }
}
