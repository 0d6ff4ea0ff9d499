//! The activation functions, a register at a time by `vmath`, on the instruction set of the machine.
//!
//! ```text
//! activate        one run of numbers                  ▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒   ▒ the last, partly filled register
//! activate_block  some rows of a matrix, the columns  ▓▓▓▓▓▓▓▓
//!                 just made, still in the cache       ▓▓▓▓▓▓▓▓ ← stride
//! ```
//! Which function it is is asked once a run or block, not once a number.
//!
//! Accuracy (against `f64`, held by tests): sigmoid, tanh, SiLU, ELU, softplus, Mish 5e-7 relative; GELU, hard sigmoid and hard swish
//! 2.5e-7·(1 + |x|). All carry a NaN on. Sources: `vmath`; Mish: D. Misra, BMVC 2020.

use crate::isa::{Isa, isa};
use crate::simd::{Portable, Simd};
use crate::vmath::{self, Function};
use crate::{
    Pool,
    shared::{Shared, pieces},
};

/// A function applied to each element.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[non_exhaustive]
pub enum Activation {
    /// x
    #[default]
    Identity,
    /// max(x, 0)
    Relu,
    /// x, or `slope`·x below zero
    LeakyRelu(f32),
    /// x, or α(eˣ − 1) below zero
    Elu(f32),
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// ½x(1 + erf(x/√2)), the exact form
    Gelu,
    /// ½x(1 + tanh(√(2/π)(x + 0.044715x³))), the approximation some models are trained with
    GeluTanh,
    /// x·sigmoid(x), also called swish
    Silu,
    /// clamp(x/6 + ½, 0, 1)
    HardSigmoid,
    /// x·clamp(x/6 + ½, 0, 1)
    HardSwish,
    /// ln(1 + eˣ)
    Softplus,
    /// x·tanh(ln(1 + eˣ))
    Mish,
    /// clamp(x, low, high); `Clamp(0, 6)` is ReLU6
    Clamp(f32, f32),
}

impl Activation {
    /// The function of one number. For many, [`activation`] is far quicker and gives the same bits.
    pub fn apply(self, x: f32) -> f32 {
        let mut one = [x];
        activate(&mut one, self);
        one[0]
    }
}

/// Applies `act` to every element in place.
pub fn activation(pool: &Pool, act: Activation, x: &mut [f32]) {
    if act == Activation::Identity {
        return;
    }
    // Whole cache lines.
    let (tasks, lines) = pieces(pool, x.len().div_ceil(16), 1 << 10);
    let step = 16 * lines;
    let (len, out) = (x.len(), Shared::new(x));
    pool.run(tasks, |task| {
        let from = (task * step).min(len);
        // SAFETY: the ranges of different tasks do not overlap.
        activate(unsafe { out.part(from, step.min(len - from)) }, act);
    });
}

/// [`activation`] on this thread.
pub(crate) fn activate(x: &mut [f32], act: Activation) {
    let columns = x.len();
    // SAFETY: one row of a slice; `isa()` returns a set only when the processor has it.
    unsafe { activate_block(isa(), x.as_mut_ptr(), 0, 1, columns, act) }
}

/// Applies `act` to `rows` rows of `columns` neighbours, `stride` apart.
///
/// # Safety
/// The processor has `isa`; all these elements are there, and nobody else has them.
pub(crate) unsafe fn activate_block(
    isa: Isa,
    start: *mut f32,
    stride: usize,
    rows: usize,
    columns: usize,
    act: Activation,
) {
    let block = Block { start, stride, rows, columns };
    // SAFETY: passed on to the caller.
    unsafe {
        match act {
            Activation::Identity => {}
            Activation::Relu => block.map(isa, Relu),
            Activation::LeakyRelu(slope) => block.map(isa, Leaky(slope)),
            Activation::Elu(alpha) => block.map(isa, Elu(alpha)),
            Activation::Sigmoid => block.map(isa, Sigmoid),
            Activation::Tanh => block.map(isa, Tanh),
            Activation::Gelu => block.map(isa, Gelu),
            Activation::GeluTanh => block.map(isa, GeluTanh),
            Activation::Silu => block.map(isa, Silu),
            Activation::HardSigmoid => block.map(isa, HardSigmoid),
            Activation::HardSwish => block.map(isa, HardSwish),
            Activation::Softplus => block.map(isa, Softplus),
            Activation::Mish => block.map(isa, Mish),
            Activation::Clamp(low, high) => block.map(isa, Clamp(low, high)),
        }
    }
}

/// Whether [`in_register`] is the whole activation, so that [`activate`] has nothing left to do.
pub(crate) fn is_quick(act: Activation) -> bool {
    matches!(act, Activation::Identity | Activation::Relu | Activation::LeakyRelu(_))
}

/// The activation of a register if it [`is_quick`], else the register as it is.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn in_register<S: Simd>(act: Activation, v: S::V) -> S::V {
    // SAFETY: passed on to the caller.
    unsafe {
        match act {
            Activation::Relu => S::relu(v),
            Activation::LeakyRelu(slope) => {
                S::if_less(v, S::splat(0.0), S::mul(v, S::splat(slope)), v)
            }
            _ => v,
        }
    }
}

/// What a number goes through before a kernel: factor, offset, activation.
pub(crate) type Before = Option<(f32, f32, Activation)>;

/// The prologue of a register, without an activation that is not a quick one. No closure: one might not be inlined, and would then be
/// compiled without the instruction set.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn before<S: Simd>(pre: Before, v: S::V) -> S::V {
    // SAFETY: the instruction set by the caller.
    unsafe {
        match pre {
            None => v,
            Some((scale, shift, act)) => {
                in_register::<S>(act, S::fma(v, S::splat(scale), S::splat(shift)))
            }
        }
    }
}

/// Rows of a matrix.
#[derive(Clone, Copy)]
struct Block {
    start: *mut f32,
    stride: usize,
    rows: usize,
    columns: usize,
}

impl Block {
    /// # Safety
    /// As [`activate_block`].
    unsafe fn map<F: Function>(self, isa: Isa, f: F) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: passed on to the caller; so below.
            Isa::Avx512 => unsafe { avx512(self, f) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { avx2(self, f) },
            // SAFETY: as above; NEON is part of AArch64.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { self.map_with::<crate::simd::Neon, F>(f) },
            // SAFETY: as above.
            _ => unsafe { self.map_with::<Portable, F>(f) },
        }
    }

    #[inline(always)]
    unsafe fn map_with<S: Simd, F: Function>(self, f: F) {
        for row in 0..self.rows {
            let whole = self.columns - self.columns % S::LANES;
            // SAFETY: by the contract of `activate_block`.
            unsafe {
                let row = self.start.add(row * self.stride);
                for i in (0..whole).step_by(S::LANES) {
                    S::store(row.add(i), f.of::<S>(S::load(row.add(i))));
                }
                if whole < self.columns {
                    let (p, n) = (row.add(whole), self.columns - whole);
                    S::store_part(p, f.of::<S>(S::load_part(p, n)), n);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn avx512<F: Function>(block: Block, f: F) {
    // SAFETY: passed on to the caller.
    unsafe { block.map_with::<crate::simd::Avx512, F>(f) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<F: Function>(block: Block, f: F) {
    // SAFETY: passed on to the caller.
    unsafe { block.map_with::<crate::simd::Avx2, F>(f) }
}

/// A function of a register: its name, its parameters, and what it does.
macro_rules! function {
    ($name:ident $(($($field:ident),+))?, $x:ident, $S:ident => $body:expr) => {
        #[derive(Clone, Copy)]
        struct $name $(($(function!(@ $field)),+))?;
        impl Function for $name {
            #[inline(always)]
            unsafe fn of<$S: Simd>(self, $x: $S::V) -> $S::V {
                $(let $name($($field),+) = self;)?
                // SAFETY: the instruction set by the contract of the trait.
                unsafe { $body }
            }
        }
    };
    (@ $field:ident) => { f32 };
}

function!(Relu, x, S => S::relu(x));
function!(Leaky(slope), x, S => S::if_less(x, S::splat(0.0), S::mul(x, S::splat(slope)), x));
function!(Elu(alpha), x, S => {
    let zero = S::splat(0.0);
    // A NaN is not less than zero, and so returned as it is.
    S::if_less(x, zero, S::mul(S::splat(alpha), below_zero::<S>(S::min(zero, x))), x)
});
function!(Sigmoid, x, S => vmath::sigmoid::<S>(x));
function!(Tanh, x, S => vmath::tanh::<S>(x));
function!(Gelu, x, S => vmath::gelu::<S>(x));
function!(GeluTanh, x, S => vmath::gelu_tanh::<S>(x));
function!(Silu, x, S => vmath::silu::<S>(x));
function!(HardSigmoid, x, S => hard::<S>(x));
function!(HardSwish, x, S => S::mul(x, hard::<S>(x)));
function!(Softplus, x, S => {
    // max(x, 0) + ln(1 + e^-|x|)
    let e = vmath::exp_flushed::<S>(S::sub(S::splat(0.0), S::abs(x)));
    S::add(S::relu(x), vmath::log1p::<S>(e))
});
function!(Mish, x, S => {
    // tanh(ln(1 + e)) = e(e + 2)/(e(e + 2) + 2) with e = eˣ; from 20 on it is 1 in single precision.
    let e = vmath::exp_flushed::<S>(S::min(S::splat(20.0), x));
    let two = S::splat(2.0);
    let n = S::mul(e, S::add(e, two));
    S::mul(x, S::div(n, S::add(n, two)))
});
function!(Clamp(low, high), x, S => clamp::<S>(x, low, high));

/// Between two bounds; the order of the operands keeps a NaN.
#[inline(always)]
unsafe fn clamp<S: Simd>(x: S::V, low: f32, high: f32) -> S::V {
    // SAFETY: the instruction set by the contract of `Function`; so below.
    unsafe { S::min(S::splat(high), S::max(S::splat(low), x)) }
}

/// clamp(x/6 + ½, 0, 1)
#[inline(always)]
unsafe fn hard<S: Simd>(x: S::V) -> S::V {
    // SAFETY: as above.
    unsafe { clamp::<S>(S::fma(x, S::splat(1.0 / 6.0), S::splat(0.5)), 0.0, 1.0) }
}

/// eˣ - 1 for x ≤ 0: its series where the difference would cancel.
#[inline(always)]
unsafe fn below_zero<S: Simd>(x: S::V) -> S::V {
    const SERIES: [f32; 6] = [1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0];
    // SAFETY: as above.
    unsafe {
        let near = S::mul(x, vmath::polynomial::<S, 6>(x, SERIES));
        let far = S::sub(vmath::exp_flushed::<S>(x), S::splat(1.0));
        S::if_less(x, S::splat(-0.35), far, near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::ACTIVATIONS as ALL;
    use crate::naive;

    #[test]
    fn each_activation_agrees_with_its_twin_and_carries_nan() {
        for act in ALL {
            for i in -4000..=4000 {
                let x = i as f32 * 0.005;
                let (y, t) = (act.apply(x) as f64, naive::activation(act, x as f64));
                let bound = match act {
                    Activation::Gelu | Activation::GeluTanh => 2.5e-7 * (1.0 + (x as f64).abs()),
                    Activation::HardSigmoid | Activation::HardSwish => {
                        2e-7 * (1.0 + (x as f64).abs())
                    }
                    _ => 5e-7 * t.abs().max(1e-30),
                };
                assert!((y - t).abs() <= bound, "{act:?}({x}) = {y}, not {t}");
            }
            assert!(act.apply(f32::NAN).is_nan(), "{act:?}");
        }
    }

    #[test]
    fn a_slice_gets_the_same_bits_as_its_elements() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32 - 500.0) * 0.031).collect();
        for act in ALL {
            let mut y = x.clone();
            activation(&Pool::new(2), act, &mut y);
            for (x, y) in x.iter().zip(&y) {
                assert_eq!(act.apply(*x).to_bits(), y.to_bits(), "{act:?}({x})");
            }
        }
    }
}
