//! Normalisation at inference by statistics of the input itself: instance, group, layer.
//!
//! Instance and group norm: mean and variance of a run of numbers in two passes, summed in `f64` in sixteen fixed lanes (so the
//! result does not depend on instruction set or threads), then y = act((x − mean)/√(var + ε)·weight + bias). Layer norm, whose
//! rows are short, does the same in `f32`, in thirty-two fixed lanes. The variance is the biased one (÷ n), as in PyTorch.

use crate::{
    Activation, Pool,
    activation::activate,
    isa::multiversion,
    shared::{Shared, check, pieces},
};

/// The learnt part of a norm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Norm<'a> {
    /// One factor a channel (a column for [`layer_norm`]); `None` is 1.
    pub weight: Option<&'a [f32]>,
    /// One offset a channel (a column for [`layer_norm`]); `None` is 0.
    pub bias: Option<&'a [f32]>,
    /// Added to the variance.
    pub eps: f32,
    /// Applied last.
    pub activation: Activation,
}

impl Norm<'_> {
    #[track_caller]
    fn check(&self, n: usize) {
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
    group_norm(pool, channels, channels, spatial, norm, x, y);
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
    check("x of a norm", x.len(), channels * spatial);
    check("y of a norm", y.len(), x.len());
    norm.check(channels);
    if x.is_empty() {
        return;
    }
    assert!(
        groups > 0 && channels.is_multiple_of(groups),
        "{channels} channels in {groups} groups"
    );
    let (per, run) = (channels / groups, channels / groups * spatial);
    let out = Shared::new(y);
    pool.run(groups, |group| {
        // SAFETY: each group belongs to one task.
        let y = unsafe { out.part(group * run, run) };
        let x = &x[group * run..][..run];
        let (mean, inverse) = moments(x, norm.eps);
        for (i, (x, y)) in x.chunks_exact(spatial).zip(y.chunks_exact_mut(spatial)).enumerate() {
            let channel = group * per + i;
            let scale = inverse * norm.weight.map_or(1.0, |w| w[channel] as f64);
            centre(x, mean, scale, norm.bias.map_or(0.0, |b| b[channel]), y);
        }
        activate(y, norm.activation);
    });
}

/// Each row of `cols` elements by its own mean and variance, weight and bias per column. Panics unless the lengths agree.
pub fn layer_norm(pool: &Pool, rows: usize, cols: usize, norm: &Norm, x: &[f32], y: &mut [f32]) {
    check("x of a norm", x.len(), rows * cols);
    check("y of a norm", y.len(), x.len());
    norm.check(cols);
    if x.is_empty() {
        return;
    }
    let (tasks, step) = pieces(rows, (1usize << 13).div_ceil(cols));
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for row in task * step..((task + 1) * step).min(rows) {
            // SAFETY: each row belongs to one task.
            let y = unsafe { out.part(row * cols, cols) };
            let x = &x[row * cols..][..cols];
            normalise_row(x, y, norm.eps, norm.weight.unwrap_or(&[]), norm.bias.unwrap_or(&[]));
            activate(y, norm.activation);
        }
    });
}

/// Positions normalised together by [`channel_norm`].
const TOGETHER: usize = 64;

/// The channels at each position by their own mean and variance: `[channels][spatial]`, weight and bias per channel. Sums run over
/// the channels in order, in `f32`, of what remains after the first channel is taken off, so that numbers far from zero keep their
/// digits. Panics unless the lengths agree.
pub fn channel_norm(pool: &Pool, channels: usize, norm: &Norm, x: &[f32], y: &mut [f32]) {
    check("y of a norm", y.len(), x.len());
    norm.check(channels);
    if x.is_empty() {
        return;
    }
    assert!(x.len().is_multiple_of(channels), "{} elements in {channels} channels", x.len());
    let spatial = x.len() / channels;
    let blocks = spatial.div_ceil(TOGETHER);
    let (tasks, step) = pieces(blocks, (1usize << 14).div_ceil(channels * TOGETHER));
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for block in task * step..((task + 1) * step).min(blocks) {
            let at = block * TOGETHER;
            let n = TOGETHER.min(spatial - at);
            let [mut mean, mut scale] = [[0.0f32; TOGETHER]; 2];
            let base = &x[at..][..n];
            for c in 1..channels {
                add(&mut mean[..n], &x[c * spatial + at..][..n], base);
            }
            mean.iter_mut().for_each(|m| *m /= channels as f32);
            for c in 0..channels {
                add_square(&mut scale[..n], &x[c * spatial + at..][..n], (base, &mean[..n]));
            }
            for s in &mut scale {
                *s = 1.0 / (*s / channels as f32 + norm.eps).sqrt();
            }
            for c in 0..channels {
                let (weight, bias) =
                    (norm.weight.map_or(1.0, |w| w[c]), norm.bias.map_or(0.0, |b| b[c]));
                let from = &x[c * spatial + at..][..n];
                // SAFETY: these positions of each channel belong to one task.
                let y = unsafe { out.part(c * spatial + at, n) };
                spread(from, (base, &mean[..n], &scale[..n]), (weight, bias), y);
                activate(y, norm.activation);
            }
        }
    });
}

multiversion! {
    fn add(sum: &mut [f32], x: &[f32], base: &[f32]) {
        sum.iter_mut().zip(x).zip(base).for_each(|((s, x), b)| *s += *x - *b);
    }
}

multiversion! {
    fn add_square(sum: &mut [f32], x: &[f32], from: (&[f32], &[f32])) {
        for (((s, x), b), m) in sum.iter_mut().zip(x).zip(from.0).zip(from.1) {
            let v = (*x - *b) - *m;
            *s += v * v;
        }
    }
}

multiversion! {
    /// `y = (x − base − mean)·scale·weight + bias`, all but the last two for each position.
    fn spread(x: &[f32], each: (&[f32], &[f32], &[f32]), all: (f32, f32), y: &mut [f32]) {
        for ((((y, x), b), m), s) in y.iter_mut().zip(x).zip(each.0).zip(each.1).zip(each.2) {
            *y = ((*x - *b) - *m) * *s * all.0 + all.1;
        }
    }
}

/// Fixed lanes of the sums of a row: enough that no addition waits for the one before.
const LANES: usize = 32;

multiversion! {
    /// One row of [`layer_norm`]; weight and bias are absent when empty. In `f32`: what is squared are distances from a first
    /// mean, and the mean of those distances then corrects both (the "corrected two-pass algorithm" of Chan, Golub & LeVeque,
    /// "Algorithms for computing the sample variance", 1983).
    fn normalise_row(x: &[f32], y: &mut [f32], eps: f32, weight: &[f32], bias: &[f32]) {
        #[inline(always)]
        fn sums<const N: usize>(x: &[f32], f: impl Fn(f32) -> [f32; N]) -> [f32; N] {
            let mut sums = [[0.0f32; LANES]; N];
            let (whole, rest) = x.as_chunks::<LANES>();
            for chunk in whole {
                for i in 0..LANES {
                    let terms = f(chunk[i]);
                    for n in 0..N {
                        sums[n][i] += terms[n];
                    }
                }
            }
            for (i, v) in rest.iter().enumerate() {
                let terms = f(*v);
                for n in 0..N {
                    sums[n][i] += terms[n];
                }
            }
            sums.map(|lanes| {
                let mut lanes = lanes;
                for width in [16, 8, 4, 2, 1] {
                    for i in 0..width {
                        lanes[i] += lanes[i + width];
                    }
                }
                lanes[0]
            })
        }
        let count = x.len() as f32;
        let [sum] = sums(x, |v| [v]);
        let mean = sum / count;
        let [off, square] = sums(x, |v| [v - mean, (v - mean) * (v - mean)]);
        let off = off / count;
        let inverse = 1.0 / (square / count - off * off + eps).sqrt();
        if weight.len() == x.len() && bias.len() == x.len() {
            for (((y, x), w), b) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                *y = ((*x - mean) - off) * inverse * *w + *b;
            }
            return;
        }
        for (y, x) in y.iter_mut().zip(x) {
            *y = ((*x - mean) - off) * inverse;
        }
        y.iter_mut().zip(weight).for_each(|(y, w)| *y *= *w);
        y.iter_mut().zip(bias).for_each(|(y, b)| *y += *b);
    }
}

multiversion! {
    /// `y = (x − mean)·scale + bias`. The mean is taken off first, in two parts, so that numbers far from zero keep their digits.
    fn centre(x: &[f32], mean: f64, scale: f64, bias: f32, y: &mut [f32]) {
        let high = mean as f32;
        let shift = (bias as f64 - (mean - high as f64) * scale) as f32;
        let scale = scale as f32;
        for (y, x) in y.iter_mut().zip(x) {
            *y = (*x - high) * scale + shift;
        }
    }
}

multiversion! {
    /// Mean and 1/√(variance + ε).
    fn moments(x: &[f32], eps: f32) -> (f64, f64) {
        let mean = lanes(x, |v| v) / x.len() as f64;
        let variance = lanes(x, |v| (v - mean) * (v - mean)) / x.len() as f64;
        (mean, 1.0 / (variance + eps as f64).sqrt())
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
