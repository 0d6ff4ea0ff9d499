//! From the features of a head and of its mirror image to labels and to what the network is sure of.
//!
//! The answer of a whole head, 20 numbers a voxel, is made plane by plane and never kept: once for the
//! labels, once more for the sums over the brain that the labels showed.

use super::classes::{CLASSES, code};
use crate::arch::brain_unet;
use crate::error::translate;
use crate::morphology::{Components, Neighbours};
use base::Result;
use engine::Tensor;
use engine::cpu::{Network, Pool};
use std::sync::{Mutex, PoisonError};

/// Outputs of the network: a logit for each class, and one for "left".
pub const OUTPUTS: usize = CLASSES.len() + 1;
/// Planes of features that are unfolded at once.
pub const PLANES: usize = 4;
/// Beyond this lead of the background over every class, the others count as 0 (e⁻²⁰ is 2·10⁻⁹).
const SURE: f32 = 20.0;

/// What the network says of one part of a head.
pub struct Seen<'a> {
    /// Unfolds [`PLANES`] planes of features.
    pub head: &'a mut Network,
    /// Features of the head, `[32][D/2][H/2][W/2]`.
    pub straight: &'a [f32],
    /// Features of the head with left and right exchanged; `None` to do without.
    pub mirrored: Option<&'a [f32]>,
    /// D, H, W of the features.
    pub size: [usize; 3],
}

/// Labels of a part, and how much of each class on each side the network expects.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// FreeSurfer's codes, `[z][y][x]`.
    pub labels: Vec<u16>,
    /// For each class and side (left or middle, right).
    pub sums: Vec<[Sum; 2]>,
}

/// One structure in numbers of voxels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// Expected voxels: the sum of its probabilities.
    pub expected: f64,
    /// Voxels labelled so.
    pub labelled: f64,
    /// The sum of its probabilities where it is labelled.
    pub agreed: f64,
}

impl Sum {
    /// The overlap (Dice) that the network expects of its own label with the truth: twice the
    /// probability inside, by the sizes of both. 0 for nothing.
    pub fn quality(&self) -> f32 {
        let sizes = self.labelled + self.expected;
        if sizes > 0.0 { (2.0 * self.agreed / sizes) as f32 } else { 0.0 }
    }

    fn with(self, other: Sum) -> Sum {
        Sum {
            expected: self.expected + other.expected,
            labelled: self.labelled + other.labelled,
            agreed: self.agreed + other.agreed,
        }
    }
}

/// A row of voxels along x: for each the probabilities of the classes, then that of "left".
type Row = [[f32; OUTPUTS]];

impl Seen<'_> {
    /// FreeSurfer's codes, `[z][y][x]`, and the largest piece of brain (neighbours by faces), which alone is
    /// kept.
    pub fn labels(&mut self, pool: &Pool) -> Result<(Vec<u16>, Option<Piece>)> {
        let rows = self.rows(pool, |_, row: &Row| -> Vec<u16> {
            row.iter().map(|odds| code(best(odds), odds[CLASSES.len()] >= 0.5)).collect()
        })?;
        let mut labels = rows.concat();
        let piece = keep_largest(&mut labels, self.size.map(|extent| 2 * extent));
        Ok((labels, piece))
    }

    /// Labels and sums.
    pub fn decide(&mut self, pool: &Pool) -> Result<Decided> {
        let (labels, _) = self.labels(pool)?;
        let width = 2 * self.size[2];
        let rows = self.rows(pool, |number, row: &Row| {
            let mut sums = vec![[Sum::default(); 2]; CLASSES.len()];
            for (odds, &label) in row.iter().zip(&labels[number * width..]) {
                // Outside the brain the background holds; inside all classes count.
                if label != 0 {
                    add(&mut sums, odds, label);
                }
            }
            sums
        })?;
        let mut sums = vec![[Sum::default(); 2]; CLASSES.len()];
        for row in rows {
            for (all, part) in sums.iter_mut().zip(row) {
                *all = [all[0].with(part[0]), all[1].with(part[1])];
            }
        }
        Ok(Decided { labels, sums })
    }

    /// What `visit` makes of every row, in order (`z · height + y`).
    fn rows<R: Send>(
        &mut self,
        pool: &Pool,
        visit: impl Fn(usize, &Row) -> R + Sync,
    ) -> Result<Vec<R>> {
        let [depth, height, width] = self.size;
        let (height, width) = (2 * height, 2 * width);
        let mut all = Vec::with_capacity(2 * depth * height);
        for first in (0..depth).step_by(PLANES) {
            let straight = unfold(self.head, self.straight, self.size, first)?;
            let mirrored = match self.mirrored {
                Some(features) => Some(unfold(self.head, features, self.size, first)?),
                None => None,
            };
            let rows = 2 * PLANES * height;
            let slots: Vec<Mutex<Option<R>>> = (0..rows).map(|_| Mutex::new(None)).collect();
            pool.run(rows, |row| {
                let mut odds = probabilities(&straight, rows, row, width);
                if let Some(mirrored) = &mirrored {
                    let other = probabilities(mirrored, rows, row, width);
                    mix(&mut odds, &other);
                }
                let made = visit(2 * first * height + row, &odds);
                *slots[row].lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
            });
            all.extend(
                slots
                    .into_iter()
                    .filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)),
            );
        }
        Ok(all)
    }
}

/// Logits `[20][8][H][W]` of [`PLANES`] planes of features.
fn unfold(
    head: &mut Network,
    features: &[f32],
    [depth, height, width]: [usize; 3],
    first: usize,
) -> Result<Vec<f32>> {
    let plane = height * width;
    let mut part = Vec::with_capacity(brain_unet::FEATURES * PLANES * plane);
    for channel in features.chunks_exact(depth * plane) {
        part.extend_from_slice(&channel[first * plane..(first + PLANES) * plane]);
    }
    let shape = [1, brain_unet::FEATURES, PLANES, height, width];
    let input = Tensor::new(&shape, part).map_err(translate)?;
    let outputs = head.run(&[&input]).map_err(translate)?;
    Ok(outputs.into_iter().next().map_or(Vec::new(), Tensor::into_data))
}

/// Softmax over the classes and sigmoid of "left" for one of `rows` rows.
fn probabilities(logits: &[f32], rows: usize, row: usize, width: usize) -> Vec<[f32; OUTPUTS]> {
    let lines: [&[f32]; OUTPUTS] = std::array::from_fn(|output| {
        let start = (output * rows + row) * width;
        &logits[start..start + width]
    });
    let mut out = vec![[0.0; OUTPUTS]; width];
    for (x, odds) in out.iter_mut().enumerate() {
        let mut most = f32::NEG_INFINITY;
        for line in &lines[1..CLASSES.len()] {
            most = most.max(line[x]);
        }
        if lines[0][x] > most + SURE {
            odds[0] = 1.0;
            odds[CLASSES.len()] = 0.5;
            continue;
        }
        let most = most.max(lines[0][x]);
        let mut sum = 0.0;
        for (odds, line) in odds.iter_mut().zip(&lines[..CLASSES.len()]) {
            *odds = (line[x] - most).exp();
            sum += *odds;
        }
        odds[..CLASSES.len()].iter_mut().for_each(|value| *value /= sum);
        odds[CLASSES.len()] = 1.0 / (1.0 + (-lines[CLASSES.len()][x]).exp());
    }
    out
}

/// The mean of a row and of the mirrored head's, whose x runs backwards and whose left is right.
fn mix(straight: &mut Row, mirrored: &Row) {
    for (odds, other) in straight.iter_mut().zip(mirrored.iter().rev()) {
        for (value, other) in odds[..CLASSES.len()].iter_mut().zip(other) {
            *value = 0.5 * (*value + other);
        }
        let left = &mut odds[CLASSES.len()];
        *left = 0.5 * (*left + 1.0 - other[CLASSES.len()]);
    }
}

/// The first of the largest.
fn best(odds: &[f32; OUTPUTS]) -> usize {
    (1..CLASSES.len()).fold(0, |best, class| if odds[class] > odds[best] { class } else { best })
}

/// Adds one voxel with the label it got.
fn add(sums: &mut [[Sum; 2]], odds: &[f32; OUTPUTS], label: u16) {
    let left = f64::from(odds[CLASSES.len()]);
    for ((class, sums), odds) in CLASSES.iter().zip(sums).zip(odds).skip(1) {
        let odds = f64::from(*odds);
        if class.right == 0 {
            sums[0].expected += odds;
            if label == class.left {
                sums[0].labelled += 1.0;
                sums[0].agreed += odds;
            }
            continue;
        }
        for (side, share, code) in [(0, left, class.left), (1, 1.0 - left, class.right)] {
            sums[side].expected += odds * share;
            if label == code {
                sums[side].labelled += 1.0;
                sums[side].agreed += odds * share;
            }
        }
    }
}

/// A piece of brain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Voxels.
    pub voxels: usize,
    /// Its first voxel along x, y, z, and the one past its last.
    pub ends: [[usize; 2]; 3],
}

/// Clears what does not hang together with the largest piece, which is returned.
fn keep_largest(labels: &mut [u16], shape: [usize; 3]) -> Option<Piece> {
    let [_, ny, nx] = shape;
    let mask: Vec<bool> = labels.iter().map(|label| *label != 0).collect();
    let components = Components::of_mask(&mask, shape, Neighbours::Faces);
    let largest = components.largest()?;
    let mut ends = [[usize::MAX, 0]; 3];
    for run in &components.runs {
        if run.component != largest {
            labels[run.start..run.end].fill(0);
            continue;
        }
        let (row, first) = (run.start / nx, run.start % nx);
        let (y, z) = (row % ny, row / ny);
        let spans = [[first, first + run.end - run.start], [y, y + 1], [z, z + 1]];
        for (ends, span) in ends.iter_mut().zip(spans) {
            *ends = [ends[0].min(span[0]), ends[1].max(span[1])];
        }
    }
    Some(Piece { voxels: components.sizes[largest], ends })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(class: usize, left: f32) -> [f32; OUTPUTS] {
        let mut odds = [0.0; OUTPUTS];
        odds[class] = 1.0;
        odds[CLASSES.len()] = left;
        odds
    }

    #[test]
    fn the_mirrored_heads_left_is_right() {
        let mut straight = [sure(14, 0.9), sure(14, 0.1)];
        let mirrored = [sure(14, 0.9), sure(14, 0.1)];
        mix(&mut straight, &mirrored);
        assert!((straight[0][CLASSES.len()] - 0.9).abs() < 1e-6);
        assert!((straight[1][CLASSES.len()] - 0.1).abs() < 1e-6);
    }

    #[test]
    fn quality_is_one_where_nothing_is_in_doubt() {
        let mut sums = vec![[Sum::default(); 2]; CLASSES.len()];
        for _ in 0..5 {
            add(&mut sums, &sure(14, 1.0), 17);
        }
        assert_eq!(sums[14][0], Sum { expected: 5.0, labelled: 5.0, agreed: 5.0 });
        assert_eq!((sums[14][0].quality(), sums[14][1].quality()), (1.0, 0.0));
        let mut half = [0.0; OUTPUTS];
        (half[13], half[16], half[CLASSES.len()]) = (0.5, 0.5, 0.5);
        let mut sums = vec![[Sum::default(); 2]; CLASSES.len()];
        add(&mut sums, &half, 16);
        assert_eq!(sums[13][0].quality(), 2.0 / 3.0);
    }

    #[test]
    fn islands_are_cleared() {
        let mut labels = [2, 2, 0, 3, 0, 0];
        let piece = keep_largest(&mut labels, [1, 1, 6]);
        assert_eq!(labels, [2, 2, 0, 0, 0, 0]);
        assert_eq!(piece, Some(Piece { voxels: 2, ends: [[0, 2], [0, 1], [0, 1]] }));
        assert_eq!(keep_largest(&mut [0; 6], [1, 1, 6]), None);
    }

    #[test]
    fn a_far_lead_of_the_background_is_certainty() {
        let mut logits = vec![0.0; OUTPUTS * 2];
        (logits[0], logits[1]) = (25.0, 1.0);
        let odds = probabilities(&logits, 1, 0, 2);
        assert_eq!(odds[0][0], 1.0);
        let sum: f32 = odds[1][..CLASSES.len()].iter().sum();
        assert!((sum - 1.0).abs() < 1e-6 && odds[1][0] > odds[1][1]);
    }
}
