//! Normalisation at inference by statistics of the input itself: instance and group norm. Layer norms, over rows and over channels, have
//! files of their own.
//!
//! Mean and variance of a run of numbers are summed in `f64` in sixteen fixed lanes, then y = act((x − mean)/√(var + ε)·weight + bias).
//! The variance is the biased one (÷ n), as in PyTorch.
//!
//! ```text
//! run of a group   ├── piece ──┼── piece ──┼── piece ──┤    each piece read from memory once: its mean, then its squared
//!                     joined in order (`moments.rs`)         differences while it lies in the second-level cache
//! ```
//! Pieces have a fixed length and are joined in a fixed order, so the result does not depend on threads.
//!
//! [`norm_scale`] stops at one factor and one offset a channel, for a convolution that applies them while it reads its input: the
//! normalised volume is then never written.

use crate::{
    Activation, Moments, Pool,
    activation::{activate, is_quick},
    isa::multiversion,
    moments::Spread,
    shared::{Shared, check},
};
use std::sync::OnceLock;

/// The learnt part of a norm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Norm<'a> {
    /// One factor a channel (a column for [`layer_norm`](crate::layer_norm)); `None` is 1.
    pub weight: Option<&'a [f32]>,
    /// One offset a channel (a column for [`layer_norm`](crate::layer_norm)); `None` is 0.
    pub bias: Option<&'a [f32]>,
    /// Added to the variance.
    pub eps: f32,
    /// Applied last.
    pub activation: Activation,
    /// Of `x`, where they are known already: [`conv_moments`](crate::conv_moments) gathers them. Instance and group norms then read
    /// `x` once less.
    pub moments: Option<&'a Moments>,
}

impl Norm<'_> {
    #[track_caller]
    pub(crate) fn check(&self, n: usize) {
        self.weight.inspect(|w| check("weight of a norm", w.len(), n));
        self.bias.inspect(|b| check("bias of a norm", b.len(), n));
    }
}

/// Each channel of `spatial` elements by its own mean and variance. Panics unless the lengths agree.
pub fn instance_norm(
    pool: &Pool,
    channels: usize,
    spatial: usize,
    norm: &Norm,
    x: &[f32],
    y: &mut [f32],
) {
    group_norm_add(pool, [channels, channels, spatial], norm, x, None, y);
}

/// Each of `groups` runs of channels by its own mean and variance. Panics unless the lengths agree and groups divide channels.
pub fn group_norm(
    pool: &Pool,
    groups: usize,
    channels: usize,
    spatial: usize,
    norm: &Norm,
    x: &[f32],
    y: &mut [f32],
) {
    group_norm_add(pool, [groups, channels, spatial], norm, x, None, y);
}

/// [`group_norm`] of `[groups, channels, spatial]` with a residual, laid out as `x`, added before the activation.
pub fn group_norm_add(
    pool: &Pool,
    [groups, channels, spatial]: [usize; 3],
    norm: &Norm,
    x: &[f32],
    residual: Option<&[f32]>,
    y: &mut [f32],
) {
    residual.inspect(|r| check("residual of a norm", r.len(), x.len()));
    check("x of a norm", x.len(), channels * spatial);
    check("y of a norm", y.len(), x.len());
    norm.check(channels);
    if x.is_empty() {
        return;
    }
    let moments = group_moments(pool, groups, channels, x, norm);
    let per = channels / groups;
    let (tasks, step) = (spatial.div_ceil(PIECE), PIECE);
    let out = Shared::new(y);
    pool.run(channels * tasks, |task| {
        let (channel, from) = (task / tasks, task % tasks * step);
        let (at, len) = (channel * spatial + from, step.min(spatial - from));
        // SAFETY: each piece of each channel belongs to one task.
        let y = unsafe { out.part(at, len) };
        let (mean, inverse) = moments[channel / per];
        let scale = inverse * norm.weight.map_or(1.0, |w| w[channel] as f64);
        let bias = norm.bias.map_or(0.0, |b| b[channel]);
        let residual = residual.map_or(&[][..], |r| &r[at..][..len]);
        centre(&x[at..][..len], (mean, scale, bias), residual, norm.activation, y);
        if !is_quick(norm.activation) {
            activate(y, norm.activation);
        }
    });
}

/// What [`group_norm`] does to `x` before the activation, as a factor and an offset a channel: `x·scale + shift`. The activation of
/// `norm` is left to whoever applies them. Where a mean is far from zero compared to the deviation, the offset cancels digits that
/// [`group_norm`] keeps: a factor of that ratio in the error. Panics unless the lengths agree and groups divide channels.
pub fn norm_scale(
    pool: &Pool,
    groups: usize,
    channels: usize,
    norm: &Norm,
    x: &[f32],
    scale: &mut [f32],
    shift: &mut [f32],
) {
    assert!(x.is_empty() || x.len().is_multiple_of(channels.max(1)), "channels of one length");
    check("scale of a norm", scale.len(), channels);
    check("shift of a norm", shift.len(), channels);
    norm.check(channels);
    if x.is_empty() {
        return;
    }
    let moments = group_moments(pool, groups, channels, x, norm);
    for (channel, (scale, shift)) in scale.iter_mut().zip(shift).enumerate() {
        let (mean, inverse) = moments[channel / (channels / groups)];
        let factor = inverse * norm.weight.map_or(1.0, |w| w[channel] as f64);
        *scale = factor as f32;
        *shift = (norm.bias.map_or(0.0, |b| b[channel] as f64) - mean * factor) as f32;
    }
}

/// Elements of a piece: 128 KiB, a quarter of a second-level cache.
const PIECE: usize = 1 << 15;

/// Mean and 1/√(variance + ε) of each group.
fn group_moments(
    pool: &Pool,
    groups: usize,
    channels: usize,
    x: &[f32],
    norm: &Norm,
) -> Vec<(f64, f64)> {
    assert!(
        groups > 0 && channels.is_multiple_of(groups),
        "{channels} channels in {groups} groups"
    );
    let inverse = |variance: f64| 1.0 / (variance + norm.eps as f64).sqrt();
    if let Some(Moments { channels: known }) = norm.moments {
        check("moments of a norm", known.len(), channels);
        // Channels are as long as each other.
        let per = channels / groups;
        let all = known.chunks_exact(per).map(|group| {
            let mean = group.iter().map(|(mean, _)| mean).sum::<f64>() / per as f64;
            let apart = |(m, variance): &(f64, f64)| variance + (m - mean) * (m - mean);
            (mean, inverse(group.iter().map(apart).sum::<f64>() / per as f64))
        });
        return all.collect();
    }
    let run = x.len() / groups;
    let pieces = run.div_ceil(PIECE);
    let found: Vec<OnceLock<Spread>> = vec![OnceLock::new(); groups * pieces];
    pool.run(groups * pieces, |task| {
        let (group, from) = (task / pieces, task % pieces * PIECE);
        let x = &x[group * run + from..][..PIECE.min(run - from)];
        found[task].get_or_init(|| spread(x));
    });
    let join = |group: &[OnceLock<Spread>]| {
        let all = Spread::of(group);
        (all.mean, inverse(all.variance()))
    };
    found.chunks_exact(pieces).map(join).collect()
}

multiversion! {
    fn spread(x: &[f32]) -> Spread {
        let count = x.len() as f64;
        let mean = lanes(x, |v| v) / count;
        Spread { count, mean, squares: lanes(x, |v| (v - mean) * (v - mean)) }
    }
}

multiversion! {
    /// `y = act((x − mean)·scale + bias + residual)` if the activation is a quick one, else without it; the residual is absent when empty.
    /// The mean is taken off first, in two parts, so that numbers far from zero keep their digits.
    fn centre(x: &[f32], by: (f64, f64, f32), residual: &[f32], act: Activation, y: &mut [f32]) {
        let (mean, scale, bias) = by;
        let high = mean as f32;
        let shift = (bias as f64 - (mean - high as f64) * scale) as f32;
        let scale = scale as f32;
        let norm = |x: f32| (x - high) * scale + shift;
        match act {
            Activation::Relu => each(x, residual, y, norm, |v| if v < 0.0 { 0.0 } else { v }),
            Activation::LeakyRelu(slope) => {
                each(x, residual, y, norm, |v| if v < 0.0 { v * slope } else { v })
            }
            _ => each(x, residual, y, norm, |v| v),
        }
    }
}

#[inline(always)]
fn each(
    x: &[f32],
    residual: &[f32],
    y: &mut [f32],
    norm: impl Fn(f32) -> f32,
    act: impl Fn(f32) -> f32,
) {
    if residual.is_empty() {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = act(norm(*x)));
    } else {
        y.iter_mut().zip(x).zip(residual).for_each(|((y, x), r)| *y = act(norm(*x) + *r));
    }
}

/// Σ f(x) in sixteen interleaved partial sums.
#[inline(always)]
pub(crate) fn lanes(x: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0f64; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for chunk in whole {
        for i in 0..16 {
            sums[i] += f(chunk[i] as f64);
        }
    }
    for (i, v) in rest.iter().enumerate() {
        sums[i] += f(*v as f64);
    }
    sums.iter().sum()
}
