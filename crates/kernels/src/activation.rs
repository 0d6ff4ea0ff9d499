//! The activation functions, written without branches so that the compiler turns a loop over them into vector code.
//!
//! Accuracy (against `f64`, held by tests): `exp` 2e-7 relative; sigmoid, tanh, SiLU, ELU 4e-7; GELU by Abramowitz & Stegun
//! 7.1.26, absolute 2e-7·(1 + |x|). All carry a NaN on.

use crate::{
    Pool,
    isa::multiversion,
    shared::{Shared, pieces},
    simd::Simd,
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
    /// clamp(x, low, high); `Clamp(0, 6)` is ReLU6
    Clamp(f32, f32),
}

impl Activation {
    /// The function of one number. For many, [`activation`] is far quicker and gives the same bits.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            Activation::Relu => relu(x),
            Activation::LeakyRelu(slope) => leaky(x, slope),
            Activation::Elu(alpha) => elu(x, alpha),
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => tanh(x),
            Activation::Gelu => gelu(x),
            Activation::GeluTanh => gelu_tanh(x),
            Activation::Silu => silu(x),
            Activation::HardSigmoid => hard_sigmoid(x),
            Activation::HardSwish => x * hard_sigmoid(x),
            Activation::Softplus => softplus(x),
            Activation::Clamp(low, high) => clamp(x, low, high),
        }
    }
}

/// Applies `act` to every element in place.
pub fn activation(pool: &Pool, act: Activation, x: &mut [f32]) {
    if act == Activation::Identity {
        return;
    }
    let (tasks, step) = pieces(x.len(), 1 << 14);
    let (len, out) = (x.len(), Shared::new(x));
    pool.run(tasks, |task| {
        let from = (task * step).min(len);
        // SAFETY: the ranges of different tasks do not overlap.
        activate(unsafe { out.part(from, step.min(len - from)) }, act);
    });
}

multiversion! {
    /// [`activation`] on this thread.
    pub(crate) fn activate(x: &mut [f32], act: Activation) {
        match act {
            Activation::Identity => {}
            Activation::Relu => x.iter_mut().for_each(|v| *v = relu(*v)),
            Activation::LeakyRelu(slope) => x.iter_mut().for_each(|v| *v = leaky(*v, slope)),
            Activation::Elu(alpha) => x.iter_mut().for_each(|v| *v = elu(*v, alpha)),
            Activation::Sigmoid => x.iter_mut().for_each(|v| *v = sigmoid(*v)),
            Activation::Tanh => x.iter_mut().for_each(|v| *v = tanh(*v)),
            Activation::Gelu => x.iter_mut().for_each(|v| *v = gelu(*v)),
            Activation::GeluTanh => x.iter_mut().for_each(|v| *v = gelu_tanh(*v)),
            Activation::Silu => x.iter_mut().for_each(|v| *v = silu(*v)),
            Activation::HardSigmoid => x.iter_mut().for_each(|v| *v = hard_sigmoid(*v)),
            Activation::HardSwish => x.iter_mut().for_each(|v| *v *= hard_sigmoid(*v)),
            Activation::Softplus => x.iter_mut().for_each(|v| *v = softplus(*v)),
            Activation::Clamp(low, high) => x.iter_mut().for_each(|v| *v = clamp(*v, low, high)),
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

/// eˣ. Reduction to |r| ≤ ½ ln 2 and the polynomial of Cephes `expf` (S. Moshier); 0 below -87.34, ∞ above 88.73.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
    let clipped = if x > 89.0 { 89.0 } else { x };
    let clipped = if clipped < -88.0 { -88.0 } else { clipped };
    let shifted = clipped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clipped - n * 0.693_359_4;
    let r = r - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let p = p * r * r + r + 1.0;
    // 2ⁿ in two factors, so that n = 128 and n = -127 stay in range.
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let power = |e: i32| f32::from_bits((e.wrapping_add(127) as u32) << 23);
    let y = p * power(half) * power(n.wrapping_sub(half));
    let y = if x < -87.336_54 { 0.0 } else { y };
    if x > 88.722_83 { f32::INFINITY } else { y }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn leaky(x: f32, slope: f32) -> f32 {
    if x < 0.0 { x * slope } else { x }
}

#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

#[inline(always)]
fn elu(x: f32, alpha: f32) -> f32 {
    // eˣ - 1 by its series where the difference would cancel.
    let series =
        x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x / 720.0)))));
    let far = exp(if x > 0.0 { 0.0 } else { x }) - 1.0;
    let below = alpha * if x > -0.35 { series } else { far };
    if x > 0.0 { x } else { below }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let e = exp(-2.0 * a);
    let far = (1.0 - e) / (1.0 + e);
    let q = a * a;
    // Taylor series where 1 - e would cancel.
    let near =
        a * (1.0 + q * (-1.0 / 3.0 + q * (2.0 / 15.0 + q * (-17.0 / 315.0 + q * (62.0 / 2835.0)))));
    (if a < 0.25 { near } else { far }).copysign(x)
}

/// erf, Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.26 (|error| ≤ 1.5e-7).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let mut p = 1.061_405_4;
    for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = p * t + c;
    }
    (1.0 - p * t * exp(-a * a)).copysign(x)
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)))
}

#[inline(always)]
fn hard_sigmoid(x: f32) -> f32 {
    clamp(x / 6.0 + 0.5, 0.0, 1.0)
}

#[inline(always)]
fn softplus(x: f32) -> f32 {
    // max(x, 0) + ln(1 + e^-|x|); the logarithm stays the standard library's: this one is rare.
    relu(x) + exp(-x.abs()).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive;

    const ALL: [Activation; 13] = [
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu(0.01),
        Activation::Elu(1.3),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Silu,
        Activation::HardSigmoid,
        Activation::HardSwish,
        Activation::Softplus,
        Activation::Clamp(-1.0, 2.0),
    ];

    #[test]
    fn exp_is_within_two_tenths_of_a_millionth() {
        for i in -8700..=8870 {
            let x = i as f32 * 0.01;
            let (y, t) = (exp(x) as f64, (x as f64).exp());
            assert!((y - t).abs() <= 2e-7 * t, "exp({x}) = {y}, not {t}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-100.0), 0.0);
        assert_eq!(exp(100.0), f32::INFINITY);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn each_activation_agrees_with_its_twin_and_carries_nan() {
        for act in ALL {
            for i in -4000..=4000 {
                let x = i as f32 * 0.005;
                let (y, t) = (act.apply(x) as f64, naive::activation(act, x as f64));
                let bound = match act {
                    Activation::Gelu | Activation::GeluTanh => 2e-7 * (1.0 + (x as f64).abs()),
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
