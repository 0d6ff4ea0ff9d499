//! nnU-Net's other resampling, `resample_torch_fornnunet` of nnunetv2 2.8.1, as plans name it that
//! were made for speed.
//!
//! Facts, from `resample_torch.py` there: `interpolate` trilinear, or where an axis is treated apart
//! bilinear within slices and then `nearest-exact` along it. Label maps: each label's indicator
//! times 1000, kept in half precision, the largest wins; or, to save memory, every label above one
//! half, in ascending order.

use super::labels::{Label, Rule, Shares, direct};
use super::nnunet::axis_apart;
use super::segment::{self, Decision, Segmenter};
use super::taps::Taps;
use super::torch::{Interpolate, Interpolation};
use super::volume::{Clip, Plan};
use super::{Resampler, extents};
use base::Result;
use kernels::Pool;
use std::borrow::Cow;

/// The keywords of `resample_torch_fornnunet` as they stand in `plans.json`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NnUnetTorch {
    /// Whether the axis of thick slices is treated apart; `None`: where the spacing says so.
    pub force_separate_z: Option<bool>,
    /// Largest by smallest spacing above which it is.
    pub threshold: f64,
    /// What is done along that axis (`aniso_axis_mode`).
    pub along: Interpolation,
    /// `memefficient_seg_resampling`.
    pub save_memory: bool,
}

impl Default for NnUnetTorch {
    fn default() -> NnUnetTorch {
        let along = Interpolation::NearestExact;
        NnUnetTorch { force_separate_z: None, threshold: 3.0, along, save_memory: false }
    }
}

impl NnUnetTorch {
    /// One channel `[from[0]][from[1]][from[2]]` ready to be resampled to `to`; spacings in array
    /// order. Errors: as [`Resampler::new`].
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
        Ok(Resampler::planned(pool, data, self.plan(from, to, current, new)))
    }

    /// A label map, likewise; along the axis apart the nearest slice. Errors: as
    /// [`Resampler::new`].
    pub fn labels<L: Label>(
        &self,
        pool: &Pool,
        labels: &[L],
        from: [usize; 3],
        to: [usize; 3],
        current: [f64; 3],
        new: [f64; 3],
    ) -> Result<Vec<L>> {
        extents(labels.len(), from, to)?;
        let exact = NnUnetTorch { along: Interpolation::NearestExact, ..*self };
        let shares = exact.axes(from, to, current, new).map(|axis| Shares::of(&axis));
        let nearest = Interpolate::new(Interpolation::NearestExact).plan(from, to).axes;
        let nearest = nearest.map(|axis| Shares::of(&axis));
        let rule = if self.save_memory { Rule::OverHalf } else { Rule::LargestHalfPrecision };
        Ok(direct(pool, labels, from, to, &shares, &nearest, rule))
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
        [from, to]: [[usize; 3]; 2],
        spacings: [[f64; 3]; 2],
    ) -> Result<Vec<L>> {
        let logits: Cow<'a, [f32]> = logits.into();
        segment::check(&logits, labels.len(), from, to)?;
        let plan = |_: &[f32]| self.plan(from, to, spacings[0], spacings[1]);
        Ok(segment::segment(pool, logits, labels, decision, to, plan))
    }

    /// The same in slabs, for logits that cannot be held whole. Errors: as [`Segmenter::new`].
    pub fn segmenter(
        &self,
        [from, to]: [[usize; 3]; 2],
        spacings: [[f64; 3]; 2],
    ) -> Result<Segmenter> {
        let length = from.iter().fold(1usize, |product, &extent| product.saturating_mul(extent));
        extents(length, from, to)?;
        Segmenter::planned(self.plan(from, to, spacings[0], spacings[1]))
    }

    fn plan(&self, from: [usize; 3], to: [usize; 3], current: [f64; 3], new: [f64; 3]) -> Plan {
        let axes = self.axes(from, to, current, new);
        let prefilter = [None, None, None];
        Plan { smooth: None, prefilter, axes, outside: 0.0, clip: Clip::Free }
    }

    fn axes(
        &self,
        from: [usize; 3],
        to: [usize; 3],
        current: [f64; 3],
        new: [f64; 3],
    ) -> [Taps; 3] {
        let apart = axis_apart(self.force_separate_z, self.threshold, current, new);
        [0, 1, 2].map(|axis| {
            let kind = if apart == Some(axis) { self.along } else { Interpolation::Linear };
            Interpolate::new(kind).axis(from[axis], to[axis], None)
        })
    }
}
