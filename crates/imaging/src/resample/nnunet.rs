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
use super::segment::{self, Decision, Segmenter, segment_volume};
use super::skimage::Resize;
use super::volume::{Clip, Plan, bounds};
use super::{Method, Resampler, extents, resample_volume};
use base::words::resample as words;
use base::{Error, Kind, Result};
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

    /// The axis that is treated apart; spacings in array order.
    pub fn axis_apart(&self, current: [f64; 3], new: [f64; 3]) -> Option<usize> {
        axis_apart(self.force_separate_z, self.threshold, current, new)
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
        let slices = self.slices(pool, &data, from, to, self.axis_apart(current, new));
        let middle = [0, 1, 2].map(|axis| slices.axes[axis].outputs());
        let slices = Resampler::planned(pool, data, slices);
        if middle == to {
            return Ok(slices);
        }
        let along = Method::Scipy(along(self.order_z));
        Resampler::new(pool, slices.all(pool), middle, to, &along)
    }

    /// The logits of all classes `[labels.len()][from[0]][from[1]][from[2]]` to a label map of
    /// shape `to`, never holding them there; `labels[c]` is the label of class `c`.
    ///
    /// Errors: as [`Resampler::new`].
    pub fn segment<'a, L: Label>(
        &self,
        pool: &Pool,
        logits: impl Into<Cow<'a, [f32]>>,
        labels: &[L],
        decision: Decision,
        shapes: [[usize; 3]; 2],
        spacings: [[f64; 3]; 2],
    ) -> Result<Vec<L>> {
        let [from, to] = shapes;
        let logits: Cow<'a, [f32]> = logits.into();
        segment::check(&logits, labels.len(), from, to)?;
        let apart = self.axis_apart(spacings[0], spacings[1]);
        let in_one_go = apart.is_none_or(|axis| self.order_z == 0 || from[axis] == to[axis]);
        if in_one_go {
            let plan = |class: &[f32]| self.slices(pool, class, from, to, apart);
            return Ok(segment::segment(pool, logits, labels, decision, to, plan));
        }
        // Within slices first, all classes, for the axis of thick slices comes after clipping.
        let volume = logits.len() / labels.len();
        let mut middle = to;
        if let Some(axis) = apart {
            middle[axis] = from[axis];
        }
        let mut slices = Vec::with_capacity(labels.len() * middle.iter().product::<usize>());
        for class in logits.chunks_exact(volume) {
            let plan = self.slices(pool, class, from, to, apart);
            slices.extend(Resampler::planned(pool, class.into(), plan).all(pool));
        }
        let along = Method::Scipy(along(self.order_z));
        segment_volume(pool, slices, labels, decision, middle, to, &along)
    }

    /// The same in slabs, for logits that cannot be held whole.
    ///
    /// Errors: as [`Segmenter::new`]; orders above 1 filter.
    pub fn segmenter(
        &self,
        pool: &Pool,
        [from, to]: [[usize; 3]; 2],
        spacings: [[f64; 3]; 2],
    ) -> Result<Segmenter> {
        let length = from.iter().fold(1usize, |product, &extent| product.saturating_mul(extent));
        extents(length, from, to)?;
        let apart = self.axis_apart(spacings[0], spacings[1]);
        let in_one_go = apart.is_none_or(|axis| self.order_z == 0 || from[axis] == to[axis]);
        if self.order > 1 || !in_one_go {
            return Err(Error::new(Kind::Unsupported, words::NOT_IN_SLABS));
        }
        Segmenter::planned(self.slices(pool, &[], from, to, apart))
    }

    /// The plan within slices, and along the axis apart too where order 0 does it.
    fn slices(
        &self,
        pool: &Pool,
        data: &[f32],
        from: [usize; 3],
        to: [usize; 3],
        apart: Option<usize>,
    ) -> Plan {
        let resize = Resize::edge(self.order);
        let Some(axis) = apart.filter(|_| from != to) else {
            let mut plan = resize.plan(from, to);
            // Linear and nearest never leave the range.
            if self.order < 2 {
                plan.clip = Clip::Free;
            }
            return plan;
        };
        let mut middle = to;
        if self.order_z != 0 {
            middle[axis] = from[axis];
        }
        let mut plan = resize.plan(from, middle);
        plan.apart(axis, from[axis], middle[axis]);
        plan.clip = Clip::Free;
        if self.order >= 2 {
            let ranges = slice_ranges(pool, data, from, axis);
            let picked = (0..middle[axis]).map(|output| ranges[plan.axes[axis].row(output).0]);
            plan.clip = Clip::Slices { axis, bounds: picked.collect() };
        }
        plan
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

/// The axis of thick slices, where one is treated apart (`determine_do_sep_z_and_axis`).
pub(super) fn axis_apart(
    force: Option<bool>,
    threshold: f64,
    current: [f64; 3],
    new: [f64; 3],
) -> Option<usize> {
    let largest = |spacing: [f64; 3]| spacing.into_iter().fold(f64::MIN, f64::max);
    let anisotropic = |spacing: [f64; 3]| {
        largest(spacing) / spacing.into_iter().fold(f64::MAX, f64::min) > threshold
    };
    let coarsest = |spacing: [f64; 3]| {
        let mut axes = (0..3).filter(|&axis| largest(spacing) / spacing[axis] == 1.0);
        match (axes.next(), axes.next()) {
            (Some(axis), None) => Some(axis),
            _ => None,
        }
    };
    match force {
        Some(true) => coarsest(current),
        Some(false) => None,
        None if anisotropic(current) => coarsest(current),
        None if anisotropic(new) => coarsest(new),
        None => None,
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
