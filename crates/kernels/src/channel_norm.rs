//! Layer norm over channels: at each position the channels by their own mean and variance.
//!
//! ```text
//! channel 0   ▒▒▒▒│▒▒▒▒│▒▒▒▒│▒▒▒▒      positions are lanes: a few vectors of sums stay in registers while the channels go by, three times,
//! channel 1   ▒▒▒▒│▒▒▒▒│▒▒▒▒│▒▒▒▒      from the nearer caches twice:  Σ x − x₀;   Σ (x − x₀ − mean)²;   y
//! channel 2   ▒▒▒▒│▒▒▒▒│▒▒▒▒│▒▒▒▒
//! ```
//! Sums are `f32`, of what remains after the first channel is taken off, so that numbers far from zero keep their digits (shifted data:
//! T. Chan, G. Golub & R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983). The variance is the
//! biased one (÷ n), as in PyTorch.

use crate::isa::{isa, on_set};
use crate::shared::{Shared, check, pieces};
use crate::simd::Simd;
use crate::{Activation, Norm, Pool, activation::activate};

/// Positions normalised together, in a few registers at a time.
const TOGETHER: usize = 64;
/// Vectors of positions whose sums are in registers together, with what they are taken from.
const BESIDE: usize = 4;
/// Elements worth a task.
const GRAIN: usize = 1 << 14;

/// The channels at each position by their own mean and variance: `[channels][spatial]`, weight and bias per channel. Sums run over
/// the channels in order. Panics unless the lengths agree.
pub fn channel_norm(pool: &Pool, channels: usize, norm: &Norm, x: &[f32], y: &mut [f32]) {
    check("y of a norm", y.len(), x.len());
    norm.check(channels);
    if x.is_empty() {
        return;
    }
    assert!(x.len().is_multiple_of(channels), "{} elements in {channels} channels", x.len());
    let spatial = x.len() / channels;
    let blocks = spatial.div_ceil(TOGETHER);
    let (tasks, step) = pieces(pool, blocks, GRAIN.div_ceil(channels * TOGETHER));
    let out = Shared::new(y);
    let call = &Call { x, y: &out, channels, spatial, norm };
    let isa = isa();
    pool.run(tasks, |task| {
        for block in task * step..((task + 1) * step).min(blocks) {
            let from = block * TOGETHER;
            let to = spatial.min(from + TOGETHER);
            on_set!(isa, positions(call: &Call, from: usize, to: usize));
            if norm.activation != Activation::Identity {
                for c in 0..channels {
                    // SAFETY: these positions of each channel belong to one task.
                    activate(unsafe { out.part(c * spatial + from, to - from) }, norm.activation);
                }
            }
        }
    });
}

struct Call<'a> {
    x: &'a [f32],
    y: &'a Shared<'a>,
    channels: usize,
    spatial: usize,
    norm: &'a Norm<'a>,
}

/// Positions `from..to` of all channels, but for the activation.
///
/// # Safety
/// The instruction set is there; the positions exist and are this task's.
#[inline(always)]
unsafe fn positions<S: Simd>(call: &Call, from: usize, to: usize) {
    let mut at = from;
    // SAFETY: by the contract.
    unsafe {
        while at + BESIDE * S::LANES <= to {
            call.columns::<S, BESIDE>(at, BESIDE * S::LANES);
            at += BESIDE * S::LANES;
        }
        while at < to {
            let valid = S::LANES.min(to - at);
            call.columns::<S, 1>(at, valid);
            at += valid;
        }
    }
}

impl Call<'_> {
    /// `N` vectors of positions from `at` on; of a single one only the first `valid` may be there.
    ///
    /// # Safety
    /// As for [`positions`].
    #[inline(always)]
    unsafe fn columns<S: Simd, const N: usize>(&self, at: usize, valid: usize) {
        let Call { channels, spatial, norm, .. } = *self;
        let count = channels as f32;
        // SAFETY: each channel has these positions, by the contract. Loops, not closures, which would not have the instruction set.
        unsafe {
            let (x, y) = (self.x.as_ptr().add(at), self.y.pointer().add(at));
            let zero = [S::splat(0.0); N];
            let (mut base, mut mean, mut squares) = (zero, zero, zero);
            for j in 0..N {
                base[j] = some::<S>(x.add(j * S::LANES), valid);
            }
            for c in 1..channels {
                for j in 0..N {
                    let x = some::<S>(x.add(c * spatial + j * S::LANES), valid);
                    mean[j] = S::add(mean[j], S::sub(x, base[j]));
                }
            }
            for j in 0..N {
                mean[j] = S::div(mean[j], S::splat(count));
            }
            for c in 0..channels {
                for j in 0..N {
                    let x = some::<S>(x.add(c * spatial + j * S::LANES), valid);
                    let apart = S::sub(S::sub(x, base[j]), mean[j]);
                    squares[j] = S::add(squares[j], S::mul(apart, apart));
                }
            }
            let mut scale = zero;
            for j in 0..N {
                let mut lanes = [0.0f32; 16];
                S::store(lanes.as_mut_ptr(), squares[j]);
                for lane in &mut lanes[..S::LANES] {
                    *lane = 1.0 / (*lane / count + norm.eps).sqrt();
                }
                scale[j] = S::load(lanes.as_ptr());
            }
            for c in 0..channels {
                let weight = S::splat(match norm.weight {
                    Some(weight) => weight[c],
                    None => 1.0,
                });
                let bias = S::splat(match norm.bias {
                    Some(bias) => bias[c],
                    None => 0.0,
                });
                for j in 0..N {
                    let place = c * spatial + j * S::LANES;
                    let apart = S::sub(S::sub(some::<S>(x.add(place), valid), base[j]), mean[j]);
                    let v = S::add(S::mul(S::mul(apart, scale[j]), weight), bias);
                    if valid < S::LANES {
                        S::store_part(y.add(place), v, valid);
                    } else {
                        S::store(y.add(place), v);
                    }
                }
            }
        }
    }
}

/// A vector, or the first `valid` elements of one.
///
/// # Safety
/// They are there, and the instruction set.
#[inline(always)]
unsafe fn some<S: Simd>(from: *const f32, valid: usize) -> S::V {
    // SAFETY: by the contract.
    unsafe { if valid < S::LANES { S::load_part(from, valid) } else { S::load(from) } }
}
