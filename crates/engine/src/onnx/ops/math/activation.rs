//! Activation functions: `Relu`, `LeakyRelu`, `PRelu`, `Elu`, `Selu`, `Celu`, `Sigmoid`, `Tanh`,
//! `HardSigmoid`, `HardSwish`, `Swish`, `Mish`, `Gelu`, `Softplus`, `Softsign`, `ThresholdedRelu`,
//! `Shrink`, `Clip`, `SwiGLU`, and ONNX Runtime's `Gelu`, `FastGelu`, `QuickGelu`, `BiasGelu`.

use super::arithmetic::{owned, values};
use super::broadcast::{common, infer_stretched, map2};
use super::number::{Number, by_number};
use super::threads::each;
use super::unary::{erf, floating};
use super::{halve, like_first};
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, MICROSOFT, Op, Value, one, wrong};
use kernels::Activation;

pub(in super::super) const OPS: &[Op] = &[
    Op::new("Relu", relu).infer(like_first),
    Op::new("LeakyRelu", leaky_relu).infer(like_first),
    Op::new("PRelu", prelu).infer(like_first),
    Op::new("Elu", elu).infer(like_first),
    Op::new("Selu", selu).infer(like_first),
    Op::new("Celu", celu).infer(like_first),
    Op::new("Sigmoid", sigmoid).infer(like_first),
    Op::new("Tanh", |call, inputs| kernel(call, inputs, Activation::Tanh, f64::tanh))
        .infer(like_first),
    Op::new("HardSigmoid", hard_sigmoid).infer(like_first),
    Op::new("HardSwish", hard_swish).infer(like_first),
    Op::new("Swish", swish).infer(like_first),
    Op::new("Mish", mish).infer(like_first),
    Op::new("Gelu", gelu).infer(like_first),
    Op::new("Softplus", |call, inputs| kernel(call, inputs, Activation::Softplus, softplus))
        .infer(like_first),
    Op::new("Softsign", |call, inputs| {
        floating(call, inputs, |x| x / (1.0 + x.abs()), |x| x / (1.0 + x.abs()))
    })
    .infer(like_first),
    Op::new("ThresholdedRelu", thresholded_relu).infer(like_first),
    Op::new("Shrink", shrink).infer(like_first),
    Op::new("Clip", clip).infer(like_first),
    Op::new("SwiGLU", swiglu).infer(like_first),
    Op::new("Gelu", gelu).domain(MICROSOFT).infer(like_first),
    Op::new("QuickGelu", quick_gelu).domain(MICROSOFT).infer(like_first),
    Op::new("FastGelu", |call, inputs| biased(call, inputs, Activation::GeluTanh, gelu_tanh_f64))
        .domain(MICROSOFT)
        .infer(infer_stretched),
    Op::new("BiasGelu", |call, inputs| biased(call, inputs, Activation::Gelu, gelu_f64))
        .domain(MICROSOFT)
        .infer(infer_stretched),
];

/// A function that the kernels have.
pub(super) fn kernel(
    call: &Call,
    mut inputs: Inputs,
    activation: Activation,
    double: impl Fn(f64) -> f64 + Sync,
) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    one(activated(call, x, activation, double)?)
}

fn activated(
    call: &Call,
    x: Array,
    activation: Activation,
    double: impl Fn(f64) -> f64 + Sync,
) -> Result<Array> {
    let (shape, dtype) = (x.shape().to_vec(), x.dtype());
    match dtype {
        DType::F64 => {
            let mut x = owned::<f64>(x)?;
            each(call.pool, &mut x, double);
            Array::of(&shape, x)
        }
        DType::F32 | DType::F16 | DType::BF16 => {
            let mut x = if dtype == DType::F32 { owned::<f32>(x)? } else { x.to_f32() };
            kernels::activation(call.pool, activation, &mut x);
            halve(&shape, x, dtype)
        }
        other => Err(wrong(format!("{other} where floats are expected"))),
    }
}

fn relu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    if x.dtype().is_float() {
        return kernel(call, inputs, Activation::Relu, |x| if x < 0.0 { 0.0 } else { x });
    }
    one(by_number!(x.dtype(), T => {
        let (x, shape) = (values::<T>(x)?, x.shape());
        let zero = T::default();
        Array::of(shape, x.iter().map(|x| if *x < zero { zero } else { *x }).collect::<Vec<T>>())
    })?)
}

fn leaky_relu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let slope = call.float("alpha", 0.01);
    let double = |x: f64| if x < 0.0 { x * f64::from(slope) } else { x };
    kernel(call, inputs, Activation::LeakyRelu(slope), double)
}

/// x `[..]`, the slope stretches to it; before version 7 a slope per channel is axis 1.
fn prelu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, slope) = (inputs.array(0)?, inputs.array(1)?);
    let mut slope_shape = slope.shape().to_vec();
    if call.version() < 7 && slope.rank() == 1 && x.rank() > 2 && slope.len() != 1 {
        slope_shape.resize(x.rank() - 1, 1);
    }
    if common(&[x.shape(), &slope_shape])? != x.shape() {
        return Err(wrong(format!("the slope {slope_shape:?} is larger than {:?}", x.shape())));
    }
    one(by_number!(x.dtype(), T => {
        let (v, s) = (values::<T>(x)?, values::<T>(slope)?);
        let zero = T::default();
        let f = |x: &T, s: &T| if *x < zero { x.mul(*s) } else { *x };
        Array::of(x.shape(), map2(call.pool, x.shape(), (x.shape(), v), (&slope_shape, s), f))
    })?)
}

fn elu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let alpha = call.float("alpha", 1.0);
    let double = |x: f64| if x < 0.0 { f64::from(alpha) * x.exp_m1() } else { x };
    kernel(call, inputs, Activation::Elu(alpha), double)
}

fn selu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    // The constants of Klambauer et al., 2017, as the operator set states them.
    let old = call.version() < 6;
    let alpha = call.float("alpha", if old { 1.6732 } else { 1.673_263_2 });
    let gamma = call.float("gamma", if old { 1.0507 } else { 1.050_701 });
    let (a, g) = (f64::from(alpha), f64::from(gamma));
    floating(
        call,
        inputs,
        |x| gamma * if x > 0.0 { x } else { alpha * x.exp_m1() },
        |x| g * if x > 0.0 { x } else { a * x.exp_m1() },
    )
}

fn celu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let alpha = call.float("alpha", 1.0);
    let a = f64::from(alpha);
    floating(
        call,
        inputs,
        |x| if x < 0.0 { alpha * (x / alpha).exp_m1() } else { x },
        |x| if x < 0.0 { a * (x / a).exp_m1() } else { x },
    )
}

fn sigmoid(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    kernel(call, inputs, Activation::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()))
}

fn hard_sigmoid(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (alpha, beta) = (call.float("alpha", 0.2), call.float("beta", 0.5));
    let (a, b) = (f64::from(alpha), f64::from(beta));
    floating(call, inputs, |x| unit(alpha * x + beta), |x| (a * x + b).clamp(0.0, 1.0))
}

/// Clamped to 0…1; NaN stays.
fn unit(x: f32) -> f32 {
    let x = if x < 0.0 { 0.0 } else { x };
    if x > 1.0 { 1.0 } else { x }
}

fn hard_swish(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    kernel(call, inputs, Activation::HardSwish, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))
}

fn swish(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    scaled_swish(call, inputs, call.float("alpha", 1.0))
}

fn quick_gelu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    scaled_swish(call, inputs, call.float("alpha", 1.702))
}

/// x·sigmoid(αx)
fn scaled_swish(call: &Call, inputs: Inputs, alpha: f32) -> Result<Vec<Value>> {
    let a = f64::from(alpha);
    let double = |x: f64| x / (1.0 + (-a * x).exp());
    if alpha == 1.0 {
        return kernel(call, inputs, Activation::Silu, double);
    }
    floating(call, inputs, |x| x / (1.0 + (-alpha * x).exp()), double)
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn mish(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let double = |x: f64| x * softplus(x).tanh();
    kernel(call, inputs, Activation::Mish, double)
}

fn gelu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    match call.text("approximate", "none") {
        "none" => kernel(call, inputs, Activation::Gelu, gelu_f64),
        "tanh" => kernel(call, inputs, Activation::GeluTanh, gelu_tanh_f64),
        other => Err(wrong(format!("the approximation `{other}` is neither `none` nor `tanh`"))),
    }
}

fn gelu_f64(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

fn gelu_tanh_f64(x: f64) -> f64 {
    let root = (2.0 / std::f64::consts::PI).sqrt();
    0.5 * x * (1.0 + (root * (x + 0.044715 * x * x * x)).tanh())
}

/// f(x + bias), the bias along the last axis and optional.
fn biased(
    call: &Call,
    mut inputs: Inputs,
    activation: Activation,
    double: impl Fn(f64) -> f64 + Sync,
) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    let Some(bias) = inputs.maybe(1)? else { return one(activated(call, x, activation, double)?) };
    if x.shape().last() != bias.shape().last() || bias.rank() != 1 {
        return Err(wrong(format!("a bias {:?} for {:?}", bias.shape(), x.shape())));
    }
    if x.dtype() != bias.dtype() {
        return Err(wrong(format!("{} and {} do not mix", x.dtype(), bias.dtype())));
    }
    let (shape, dtype) = (x.shape(), x.dtype());
    let sum = match dtype {
        DType::F64 => {
            let pair = ((shape, values::<f64>(&x)?), (bias.shape(), values::<f64>(bias)?));
            Array::of(shape, map2(call.pool, shape, pair.0, pair.1, |x, b| x + b))?
        }
        _ => {
            let (v, b) = (x.to_f32(), bias.to_f32());
            Array::f32(
                shape,
                map2(call.pool, shape, (shape, &v), (bias.shape(), &b), |x, b| x + b),
            )?
        }
    };
    let result = activated(call, sum, activation, double)?;
    one(match dtype {
        DType::F16 | DType::BF16 => halve(result.shape(), result.to_f32(), dtype)?,
        _ => result,
    })
}

fn thresholded_relu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let alpha = call.float("alpha", 1.0);
    let a = f64::from(alpha);
    floating(call, inputs, |x| if x > alpha { x } else { 0.0 }, |x| if x > a { x } else { 0.0 })
}

fn shrink(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let bias = f64::from(call.float("bias", 0.0));
    let limit = f64::from(call.float("lambd", 0.5));
    let x = inputs.array(0)?;
    one(by_number!(x.dtype(), T => {
        let f = |x: &T| match x.to_f64() {
            v if v < -limit => T::from_f64(v + bias),
            v if v > limit => T::from_f64(v - bias),
            _ => T::default(),
        };
        Array::of(x.shape(), super::threads::map(call.pool, values::<T>(x)?, f))
    })?)
}

/// Limits are attributes before version 11, inputs from then on.
fn clip(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    let shape = x.shape().to_vec();
    let limit = |index: usize, name: &str| -> Result<Option<f64>> {
        if call.version() < 11 {
            return Ok(call.attributes().float(name).map(f64::from));
        }
        let Some(limit) = inputs.maybe(index)? else { return Ok(None) };
        by_number!(limit.dtype(), T => match values::<T>(limit)? {
            [limit] => Ok(Some(limit.to_f64())),
            other => Err(wrong(format!("{} limits, one expected", other.len()))),
        })
    };
    let (low, high) = (limit(1, "min")?, limit(2, "max")?);
    if x.dtype() == DType::F32 {
        let mut x = owned::<f32>(x)?;
        let low = low.map_or(f32::NEG_INFINITY, |x| x as f32);
        let high = high.map_or(f32::INFINITY, |x| x as f32);
        kernels::activation(call.pool, Activation::Clamp(low, high), &mut x);
        return one(Array::f32(&shape, x)?);
    }
    let exact = |index: usize| inputs.maybe(index).ok().flatten();
    one(by_number!(x.dtype(), T => {
        // In the type itself: the limits of 64-bit integers do not pass through a float.
        let of = |index: usize, wide: Option<f64>| match exact(index).and_then(|a| a.slice::<T>()) {
            Some([limit]) if call.version() >= 11 => Some(*limit),
            _ => wide.map(T::from_f64),
        };
        let (low, high) = (of(1, low), of(2, high));
        let mut x = owned::<T>(x)?;
        each(call.pool, &mut x, |mut x| {
            if let Some(low) = low {
                x = if x < low { low } else { x };
            }
            if let Some(high) = high {
                x = if x > high { high } else { x };
            }
            x
        });
        Array::of(&shape, x)
    })?)
}

/// swish(a)·b of equal shapes.
fn swiglu(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let alpha = call.float("alpha", 1.0);
    let (a, b) = (inputs.array(0)?, inputs.array(1)?);
    let (shape, dtype) = (a.shape(), a.dtype());
    if shape != b.shape() || dtype != b.dtype() {
        return Err(wrong(format!(
            "a gate {shape:?} of {dtype} for {:?} of {}",
            b.shape(),
            b.dtype()
        )));
    }
    if dtype == DType::F64 {
        let alpha = f64::from(alpha);
        let f = |a: &f64, b: &f64| a / (1.0 + (-alpha * a).exp()) * b;
        let (x, y) = (values(a)?, values(b)?);
        return one(Array::of(shape, map2(call.pool, shape, (shape, x), (shape, y), f))?);
    }
    if !dtype.is_float() {
        return Err(wrong(format!("{dtype} where floats are expected")));
    }
    let f = |a: &f32, b: &f32| a / (1.0 + (-alpha * a).exp()) * b;
    let (x, y) = (a.to_f32(), b.to_f32());
    let out = map2(call.pool, shape, (shape, &x), (shape, &y), f);
    one(halve(shape, out, dtype)?)
}
