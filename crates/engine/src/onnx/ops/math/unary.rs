//! One tensor, number by number: `Neg`, `Abs`, `Sign`, `Reciprocal`, `Sqrt`, `Exp`, `Log`, `Erf`, the
//! circular and hyperbolic functions and their inverses, `Floor`, `Ceil`, `Round`, `IsNaN`, `IsInf`.

use super::arithmetic::{owned, values};
use super::like_first;
use super::number::{Number, by_number};
use super::threads::{each, map};
use crate::array::{Array, DType, bf16, f16};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};

pub(in super::super) const OPS: &[Op] = &[
    Op::new("Neg", |call, inputs| signed(call, inputs, |x| -x, Signed::Neg)).infer(like_first),
    Op::new("Abs", |call, inputs| signed(call, inputs, f32::abs, Signed::Abs)).infer(like_first),
    Op::new("Sign", |call, inputs| signed(call, inputs, Number::sign, Signed::Sign))
        .infer(like_first),
    Op::new("Reciprocal", |call, inputs| floating(call, inputs, |x| 1.0 / x, |x| 1.0 / x))
        .infer(like_first),
    Op::new("Sqrt", |call, inputs| floating(call, inputs, f32::sqrt, f64::sqrt)).infer(like_first),
    Op::new("Exp", |call, inputs| floating(call, inputs, f32::exp, f64::exp)).infer(like_first),
    Op::new("Log", |call, inputs| floating(call, inputs, f32::ln, f64::ln)).infer(like_first),
    Op::new("Erf", |call, inputs| floating(call, inputs, erf_f32, erf)).infer(like_first),
    Op::new("Sin", |call, inputs| floating(call, inputs, f32::sin, f64::sin)).infer(like_first),
    Op::new("Cos", |call, inputs| floating(call, inputs, f32::cos, f64::cos)).infer(like_first),
    Op::new("Tan", |call, inputs| floating(call, inputs, f32::tan, f64::tan)).infer(like_first),
    Op::new("Asin", |call, inputs| floating(call, inputs, f32::asin, f64::asin)).infer(like_first),
    Op::new("Acos", |call, inputs| floating(call, inputs, f32::acos, f64::acos)).infer(like_first),
    Op::new("Atan", |call, inputs| floating(call, inputs, f32::atan, f64::atan)).infer(like_first),
    Op::new("Sinh", |call, inputs| floating(call, inputs, f32::sinh, f64::sinh)).infer(like_first),
    Op::new("Cosh", |call, inputs| floating(call, inputs, f32::cosh, f64::cosh)).infer(like_first),
    Op::new("Asinh", |call, inputs| floating(call, inputs, f32::asinh, f64::asinh))
        .infer(like_first),
    Op::new("Acosh", |call, inputs| floating(call, inputs, f32::acosh, f64::acosh))
        .infer(like_first),
    Op::new("Atanh", |call, inputs| floating(call, inputs, f32::atanh, f64::atanh))
        .infer(like_first),
    Op::new("Floor", |call, inputs| floating(call, inputs, f32::floor, f64::floor))
        .infer(like_first),
    Op::new("Ceil", |call, inputs| floating(call, inputs, f32::ceil, f64::ceil)).infer(like_first),
    Op::new("Round", |call, inputs| {
        floating(call, inputs, f32::round_ties_even, f64::round_ties_even)
    })
    .infer(like_first),
    Op::new("IsNaN", |call, inputs| test(call, inputs, f64::is_nan)).infer(yes_or_no),
    Op::new("IsInf", is_inf).infer(yes_or_no),
];

/// Rule: the first input's shape, of truth values.
fn yes_or_no(ask: &Ask) -> Option<Vec<Known>> {
    Some(vec![Known::of(DType::Bool, ask.input(0)?.shape.clone())])
}

/// A function of floats. Halves go through `f32`.
pub(super) fn floating(
    call: &Call,
    mut inputs: Inputs,
    f: impl Fn(f32) -> f32 + Sync,
    g: impl Fn(f64) -> f64 + Sync,
) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    let shape = x.shape().to_vec();
    let pool = call.pool;
    one(match x.dtype() {
        DType::F32 => {
            let mut x = owned::<f32>(x)?;
            each(pool, &mut x, f);
            Array::of(&shape, x)?
        }
        DType::F64 => {
            let mut x = owned::<f64>(x)?;
            each(pool, &mut x, g);
            Array::of(&shape, x)?
        }
        DType::F16 => {
            let mut x = owned::<f16>(x)?;
            each(pool, &mut x, |x| f16::from_f32(f(x.to_f32())));
            Array::of(&shape, x)?
        }
        DType::BF16 => {
            let mut x = owned::<bf16>(x)?;
            each(pool, &mut x, |x| bf16::from_f32(f(x.to_f32())));
            Array::of(&shape, x)?
        }
        other => return Err(wrong(format!("{other} where floats are expected"))),
    })
}

#[derive(Clone, Copy)]
enum Signed {
    Neg,
    Abs,
    Sign,
}

/// A function that integers have as well.
fn signed(
    call: &Call,
    mut inputs: Inputs,
    f: impl Fn(f32) -> f32 + Sync,
    kind: Signed,
) -> Result<Vec<Value>> {
    if inputs.array(0)?.dtype() == DType::F32 {
        return floating(call, inputs, f, |x| x);
    }
    let x = inputs.take(0)?;
    let shape = x.shape().to_vec();
    one(by_number!(x.dtype(), T => {
        let mut x = owned::<T>(x)?;
        let f = match kind {
            Signed::Neg => <T as Number>::neg,
            Signed::Abs => <T as Number>::abs,
            Signed::Sign => <T as Number>::sign,
        };
        each(call.pool, &mut x, f);
        Array::of(&shape, x)
    })?)
}

fn test(call: &Call, inputs: Inputs, f: impl Fn(f64) -> bool + Sync) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    one(by_number!(x.dtype(), T => {
        Array::of(x.shape(), map(call.pool, values::<T>(x)?, |x| f(x.to_f64())))
    })?)
}

fn is_inf(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let above = call.int("detect_positive", 1) != 0;
    let below = call.int("detect_negative", 1) != 0;
    test(call, inputs, |x| (above && x == f64::INFINITY) || (below && x == f64::NEG_INFINITY))
}

/// The error function. Below 3 its series 2/√π·e^(-x²)·Σ 2ⁿx²ⁿ⁺¹/(2n+1)!!, above the continued
/// fraction of its complement (Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.6 and
/// 7.1.14).
pub(super) fn erf(x: f64) -> f64 {
    let a = x.abs();
    if a.is_nan() || a > 6.0 {
        return if a.is_nan() { x } else { x.signum() };
    }
    let gauss = (-a * a).exp();
    let value = if a < 3.0 {
        let (mut term, mut sum, mut n) = (a, a, 1.0);
        while term > sum * 1e-17 {
            term *= 2.0 * a * a / (2.0 * n + 1.0);
            sum += term;
            n += 1.0;
        }
        std::f64::consts::FRAC_2_SQRT_PI * gauss * sum
    } else {
        let tail = (1..60).rev().fold(a, |tail, n| a + f64::from(n) / 2.0 / tail);
        1.0 - gauss / tail * (std::f64::consts::FRAC_2_SQRT_PI / 2.0)
    };
    value.copysign(x)
}

/// As [`erf`], in single precision and without branches, so that loops over it become vector code:
/// x·P(x²)/Q(x²), fitted by weighted least squares to [`erf`] on |x| ≤ 4, where it is 1 in single
/// precision; relative error below 4e-7.
pub(super) fn erf_f32(x: f32) -> f32 {
    const P: [f32; 7] = [
        std::f32::consts::FRAC_2_SQRT_PI,
        2.071_181e-1,
        5.152_394_3e-2,
        3.990_261_4e-3,
        1.472_783_9e-4,
        -1.942_274_8e-6,
        1.911_095_6e-8,
    ];
    const Q: [f32; 5] = [1.0, 5.168_848_6e-1, 1.179_677_9e-1, 1.495_745_8e-2, 1.021_034_9e-3];
    let c = if x > 4.0 { 4.0 } else { x };
    let c = if c < -4.0 { -4.0 } else { c };
    let t = c * c;
    let p = P.iter().rev().fold(0.0, |p, k| p * t + k);
    let q = Q.iter().rev().fold(0.0, |q, k| q * t + k);
    let y = c * p / q;
    let y = if y > 1.0 { 1.0 } else { y };
    if y < -1.0 { -1.0 } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_meets_its_table() {
        // Abramowitz & Stegun, table 7.1.
        for (x, y) in [(0.1, 0.112_462_916_0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9)] {
            assert!((erf(x) - y).abs() < 1e-10 && (erf(-x) + y).abs() < 1e-10, "{x}");
        }
        assert!((erf(2.0) - 0.995_322_265).abs() < 1e-9);
        assert!((erf(3.5) - 0.999_999_256_9).abs() < 1e-10);
        assert_eq!((erf(7.0), erf(0.0)), (1.0, 0.0));
        assert!(erf(f64::NAN).is_nan() && erf_f32(f32::NAN).is_nan());
    }

    #[test]
    fn single_precision_follows_it_everywhere() {
        for i in -60_000..=60_000 {
            let x = i as f32 * 1e-4;
            let (y, wanted) = (f64::from(erf_f32(x)), erf(f64::from(x)));
            assert!((y - wanted).abs() <= 5e-7 * wanted.abs(), "{x}: {y} {wanted}");
        }
        assert_eq!((erf_f32(f32::INFINITY), erf_f32(f32::NEG_INFINITY)), (1.0, -1.0));
    }
}
