//! nnU-Net's resampling: `resample_data_or_seg_to_shape` of nnunetv2 2.8.1, and the rule by which it
//! treats the axis of thick slices apart.
//!
//! Facts, from `default_resampling.py` there: images by scikit-image's `resize` (mode `edge`, no
//! anti-aliasing, so clipped to the range of the input), label maps by batchgenerators'
//! `resize_segmentation`. When the spacing before (else the one after) is anisotropic by more than
//! a threshold, and one axis alone is the coarsest, every slice across that axis is resized on its
//! own (and clipped to its own range), and along it `map_coordinates` of order `order_z` with mode
//! `nearest` follows.

use super::labels::{Label, Rule, occurring, resize_labels_apart};
use super::parallel::collect;
use super::scipy::{Mode, Zoom};
use super::skimage::Resize;
use super::volume::{Clip, bounds};
use super::{Method, Resampler, extents, resample_volume};
use base::Result;
use kernels::Pool;
use std::borrow::Cow;

/// The keywords of nnU-Net's resampling functions as they stand in `plans.json`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NnUnet {
    /// Order within slices (`order`).
    pub order: usize,
    /// Order along the axis of thick slices (`order_z`).
    pub order_z: usize,
    /// Whether that axis is treated apart; `None`: where the spacing says so.
    pub force_separate_z: Option<bool>,
    /// Largest by smallest spacing above which it is (`ANISO_THRESHOLD`).
    pub threshold: f64,
    /// Who wins in label maps; depends on the version of batchgenerators.
    pub rule: Rule,
}

impl NnUnet {
    /// What new plans hold for images (3), label maps and logits (1).
    pub fn new(order: usize) -> NnUnet {
        let rule = Rule::Largest;
        NnUnet { order, order_z: 0, force_separate_z: None, threshold: 3.0, rule }
    }

    /// The shape at a new spacing (`compute_new_shape`): rounded, half to even.
    pub fn shape(from: [usize; 3], current: [f64; 3], new: [f64; 3]) -> [usize; 3] {
        [0, 1, 2].map(|axis| {
            let extent = current[axis] / new[axis] * from[axis] as f64;
            extent.round_ties_even() as usize
        })
    }

    /// The axis that is treated apart (`determine_do_sep_z_and_axis`); spacings in array order.
    pub fn axis_apart(&self, current: [f64; 3], new: [f64; 3]) -> Option<usize> {
        let largest = |spacing: [f64; 3]| spacing.into_iter().fold(f64::MIN, f64::max);
        let anisotropic = |spacing: [f64; 3]| {
            largest(spacing) / spacing.into_iter().fold(f64::MAX, f64::min) > self.threshold
        };
        let coarsest = |spacing: [f64; 3]| {
            let mut axes = (0..3).filter(|&axis| largest(spacing) / spacing[axis] == 1.0);
            match (axes.next(), axes.next()) {
                (Some(axis), None) => Some(axis),
                _ => None,
            }
        };
        match self.force_separate_z {
            Some(true) => coarsest(current),
            Some(false) => None,
            None if anisotropic(current) => coarsest(current),
            None if anisotropic(new) => coarsest(new),
            None => None,
        }
    }

    /// An image or logits (one channel) `[from[0]][from[1]][from[2]]` ready to be resampled to
    /// `to`; spacings in array order.
    ///
    /// Errors: as [`Resampler::new`].
    pub fn data<'a>(
        &self,
        pool: &Pool,
        data: impl Into<Cow<'a, [f32]>>,
        from: [usize; 3],
        to: [usize; 3],
        current: [f64; 3],
        new: [f64; 3],
    ) -> Result<Resampler<'a>> {
        let data = data.into();
        extents(data.len(), from, to)?;
        let resize = Resize::edge(self.order);
        let apart = self.axis_apart(current, new).filter(|_| from != to);
        let Some(axis) = apart else {
            return Resampler::new(pool, data, from, to, &Method::Skimage(resize));
        };
        let mut middle = to;
        let in_one_go = self.order_z == 0;
        if !in_one_go {
            middle[axis] = from[axis];
        }
        let mut plan = resize.plan(from, middle);
        plan.apart(axis, from[axis], middle[axis]);
        // Linear and nearest never leave the range of a slice.
        plan.clip = Clip::Free;
        if self.order >= 2 {
            let ranges = slice_ranges(pool, &data, from, axis);
            let picked = (0..middle[axis]).map(|output| ranges[plan.axes[axis].row(output).0]);
            plan.clip = Clip::Slices { axis, bounds: picked.collect() };
        }
        let slices = Resampler::planned(pool, data, plan);
        if in_one_go {
            return Ok(slices);
        }
        let along = Method::Scipy(along(self.order_z));
        Resampler::new(pool, slices.all(pool), middle, to, &along)
    }

    /// A label map, likewise. Errors: as [`Resampler::new`].
    pub fn labels<L: Label>(
        &self,
        pool: &Pool,
        labels: &[L],
        from: [usize; 3],
        to: [usize; 3],
        current: [f64; 3],
        new: [f64; 3],
    ) -> Result<Vec<L>> {
        let apart = self.axis_apart(current, new);
        let (order, rule) = (self.order, self.rule);
        let Some(axis) = apart.filter(|_| self.order_z != 0) else {
            return resize_labels_apart(pool, labels, from, to, order, rule, apart);
        };
        let mut middle = to;
        middle[axis] = *from.get(axis).unwrap_or(&0);
        let slices = resize_labels_apart(pool, labels, from, middle, order, rule, apart)?;
        if middle == to {
            return Ok(slices);
        }
        let mut out = vec![L::default(); to.iter().product()];
        for label in occurring(&slices) {
            let share: Vec<f32> =
                slices.iter().map(|&l| if l == label { 1.0 } else { 0.0 }).collect();
            let share =
                resample_volume(pool, &share, middle, to, &Method::Scipy(along(self.order_z)))?;
            let wins = out.iter_mut().zip(share).filter(|(_, share)| *share > 0.5);
            wins.for_each(|(out, _)| *out = label);
        }
        Ok(out)
    }
}

/// What `map_coordinates` does along one axis.
fn along(order: usize) -> Zoom {
    Zoom { order, mode: Mode::Nearest, cval: 0.0, prefilter: true, grid_mode: true }
}

/// Smallest and largest value of each slice across an axis.
fn slice_ranges(pool: &Pool, data: &[f32], shape: [usize; 3], axis: usize) -> Vec<(f32, f32)> {
    let plane = shape[1] * shape[2];
    let of_planes = |z: usize| &data[z * plane..][..plane];
    if axis == 0 {
        return collect(pool, shape[0], |z| bounds(of_planes(z)));
    }
    let mut ranges = vec![(f32::INFINITY, f32::NEG_INFINITY); shape[axis]];
    let parts = collect(pool, shape[0], |z| {
        let mut ranges = ranges.clone();
        for (y, row) in of_planes(z).chunks_exact(shape[2]).enumerate() {
            for (x, &value) in row.iter().enumerate() {
                let range = &mut ranges[if axis == 1 { y } else { x }];
                *range = (range.0.min(value), range.1.max(value));
            }
        }
        ranges
    });
    for part in parts {
        for (range, other) in ranges.iter_mut().zip(part) {
            *range = (range.0.min(other.0), range.1.max(other.1));
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_apart_is_the_one_of_thick_slices() {
        let keywords = NnUnet::new(3);
        let one = [1.0; 3];
        assert_eq!(keywords.axis_apart([5.0, 1.0, 1.0], one), Some(0));
        assert_eq!(keywords.axis_apart([1.0, 1.0, 5.0], one), Some(2));
        assert_eq!(keywords.axis_apart([3.0, 1.0, 1.0], one), None);
        assert_eq!(keywords.axis_apart(one, [1.0, 4.0, 1.0]), Some(1));
        assert_eq!(keywords.axis_apart([0.24, 1.25, 1.25], one), None);
        let forced = NnUnet { force_separate_z: Some(true), ..keywords };
        assert_eq!(forced.axis_apart([1.5, 1.0, 1.0], one), Some(0));
        assert_eq!(forced.axis_apart(one, one), None);
        let never = NnUnet { force_separate_z: Some(false), ..keywords };
        assert_eq!(never.axis_apart([9.0, 1.0, 1.0], one), None);
    }

    #[test]
    fn shapes_round_half_to_even() {
        assert_eq!(NnUnet::shape([5, 3, 7], [1.0; 3], [2.0, 2.0, 1.0]), [2, 2, 7]);
    }
}
