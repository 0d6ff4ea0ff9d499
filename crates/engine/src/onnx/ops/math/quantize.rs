//! Into and out of quantised numbers: `QuantizeLinear`, `DequantizeLinear`, `DynamicQuantizeLinear`.
//!
//! A scale and a zero point hold for a whole tensor, for one place along an axis, or for a block of
//! places along it.

use super::arithmetic::values;
use super::broadcast::map2;
use super::cast_small::{Rounding, encode};
use super::{halve, like_first};
use crate::array::{Array, DType, Data, Small};
use crate::error::Result;
use crate::onnx::ops::{
    Ask, Call, Inputs, Known, MICROSOFT, Op, Value, axis, one, unsupported, wrong,
};
use kernels::Pool;
use std::borrow::Cow;
use std::sync::Arc;

pub(in super::super) const OPS: &[Op] = &[
    Op::new("QuantizeLinear", quantize).infer(infer_quantize),
    Op::new("DequantizeLinear", dequantize).infer(infer_dequantize),
    Op::new("QuantizeLinear", quantize).domain(MICROSOFT).infer(infer_quantize),
    Op::new("DequantizeLinear", dequantize).domain(MICROSOFT).infer(infer_dequantize),
    Op::new("DynamicQuantizeLinear", dynamic).infer(infer_dynamic),
];

/// Scale and zero point of some values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Step {
    pub scale: f32,
    pub zero: f32,
}

fn infer_quantize(ask: &Ask) -> Option<Vec<Known>> {
    let dtype = match (ask.input(2), ask.attributes().int("output_dtype").filter(|to| *to != 0)) {
        (Some(zero), _) => zero.dtype,
        (None, Some(to)) => DType::from_onnx(to)?,
        (None, None) => DType::U8,
    };
    Some(vec![Known::of(dtype, ask.input(0)?.shape.clone())])
}

fn infer_dequantize(ask: &Ask) -> Option<Vec<Known>> {
    let dtype = match ask.attributes().int("output_dtype").filter(|to| *to != 0) {
        Some(to) => DType::from_onnx(to)?,
        None => ask.input(1)?.dtype,
    };
    Some(vec![Known::of(dtype, ask.input(0)?.shape.clone())])
}

fn infer_dynamic(ask: &Ask) -> Option<Vec<Known>> {
    let scalar = |dtype| Known::of(dtype, Vec::new());
    let first = Known { dtype: DType::U8, ..like_first(ask)?.pop()? };
    Some(vec![first, scalar(DType::F32), scalar(DType::U8)])
}

/// Steps with the shape in which they stretch to `x`.
fn steps(
    call: &Call,
    x: &[usize],
    scale: &Array,
    zero: Option<&Array>,
) -> Result<(Vec<usize>, Vec<Step>)> {
    if !scale.dtype().is_float() && scale.dtype() != DType::Small(Small::F8E8M0) {
        return Err(wrong(format!("a scale of {}", scale.dtype())));
    }
    if zero.is_some_and(|zero| zero.len() != scale.len()) {
        return Err(wrong("a zero point for each scale expected"));
    }
    let zeros = zero.map_or_else(|| vec![0.0; scale.len()], Array::to_f32);
    let steps: Vec<Step> =
        scale.to_f32().into_iter().zip(zeros).map(|(scale, zero)| Step { scale, zero }).collect();
    if steps.len() == 1 && scale.rank() <= 1 {
        return Ok((Vec::new(), steps));
    }
    let along = axis(call.int("axis", 1), x.len())?;
    let mut shape = vec![1; x.len()];
    if scale.rank() == 1 {
        if x[along] != scale.len() {
            return Err(wrong(format!("{} scales for axis {along} of {x:?}", scale.len())));
        }
        shape[along] = scale.len();
        return Ok((shape, steps));
    }
    // Blocks: as many scales as blocks along the axis, everything else alike.
    let own = scale.shape();
    let block = call.int("block_size", 0);
    let blocks = own.get(along).copied().unwrap_or(0);
    let block = match usize::try_from(block) {
        Ok(0) | Err(_) => x[along].div_ceil(blocks.max(1)),
        Ok(block) => block,
    };
    let fits = own.len() == x.len()
        && (0..x.len())
            .all(|i| own[i] == if i == along { x[i].div_ceil(block.max(1)) } else { x[i] });
    if !fits || block == 0 {
        return Err(wrong(format!("scales {own:?} in blocks of {block} for {x:?}")));
    }
    if call.room(x, DType::F64)? == 0 {
        return Ok((x.to_vec(), Vec::new()));
    }
    let inner: usize = x[along + 1..].iter().product();
    let outer: usize = x[..along].iter().product();
    let mut full = Vec::with_capacity(outer * x[along] * inner);
    for o in 0..outer {
        for place in 0..x[along] {
            let from = (o * blocks + place / block) * inner;
            full.extend_from_slice(&steps[from..from + inner]);
        }
    }
    Ok((x.to_vec(), full))
}

/// The nearest integer, ties to even, of a number within ±2²¹; NaN stays. Adding 1.5·2²³ leaves no bits
/// below one.
fn nearest(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND) - ROUND
}

/// x / scale rounded, plus the zero point, within `low..=high`.
fn level(x: f32, step: &Step, low: f32, high: f32) -> f32 {
    const FAR: f32 = 1_048_576.0;
    let x = x / step.scale;
    let x = if x > FAR { FAR } else { x };
    let x = if x < -FAR { -FAR } else { x };
    let x = nearest(x) + step.zero;
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// Floats as quantised numbers of the type.
pub(super) fn quantized(
    pool: &Pool,
    shape: &[usize],
    x: &[f32],
    steps: (&[usize], &[Step]),
    to: DType,
    saturate: bool,
) -> Result<Array> {
    let x = (shape, x);
    macro_rules! whole {
        ($type:ty) => {{
            let (low, high) = (f32::from(<$type>::MIN), f32::from(<$type>::MAX));
            map2(pool, shape, x, steps, |x, step| level(*x, step, low, high) as i32 as $type)
        }};
    }
    let data = match to {
        DType::U8 => Data::U8(Arc::new(whole!(u8))),
        DType::I8 => Data::I8(Arc::new(whole!(i8))),
        DType::U16 => Data::U16(Arc::new(whole!(u16))),
        DType::I16 => Data::I16(Arc::new(whole!(i16))),
        DType::I32 => Data::I32(Arc::new(map2(pool, shape, x, steps, |x, step| {
            (f64::from(x / step.scale).round_ties_even() + f64::from(step.zero)) as i32
        }))),
        DType::Small(kind) => {
            let (low, high) = kind.range();
            let codes = if kind.is_integer() {
                map2(pool, shape, x, steps, |x, step| {
                    kind.encode(level(*x, step, low, high), saturate)
                })
            } else {
                map2(pool, shape, x, steps, |x, step| {
                    encode(kind, x / step.scale + step.zero, saturate, Rounding::Up)
                })
            };
            Data::Small(kind, Arc::new(codes))
        }
        other => return Err(unsupported(format!("quantising to {other}"))),
    };
    Array::new(shape, data)
}

/// Quantised numbers as floats: (x - zero point)·scale.
pub(super) fn dequantized(pool: &Pool, x: &Array, steps: (&[usize], &[Step])) -> Result<Vec<f32>> {
    let shape = x.shape();
    let f = |x: f32, step: &Step| (x - step.zero) * step.scale;
    Ok(match x.data() {
        Data::U8(v) => map2(pool, shape, (shape, v), steps, |x, s| f(f32::from(*x), s)),
        Data::I8(v) => map2(pool, shape, (shape, v), steps, |x, s| f(f32::from(*x), s)),
        Data::I32(v) => map2(pool, shape, (shape, v), steps, |x, s| {
            ((f64::from(*x) - f64::from(s.zero)) * f64::from(s.scale)) as f32
        }),
        Data::U16(_) | Data::I16(_) | Data::Small(..) => {
            map2(pool, shape, (shape, &x.to_f32()), steps, |x, s| f(*x, s))
        }
        other => return Err(wrong(format!("{} is no quantised type", other.dtype()))),
    })
}

fn quantize(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, scale, zero) = (inputs.array(0)?, inputs.array(1)?, inputs.maybe(2)?);
    let to = match (zero, call.int("output_dtype", 0)) {
        (Some(zero), _) => zero.dtype(),
        (None, 0) => DType::U8,
        (None, to) => {
            DType::from_onnx(to).ok_or_else(|| unsupported(format!("quantising to type {to}")))?
        }
    };
    if !x.dtype().is_float() && x.dtype() != DType::I32 {
        return Err(wrong(format!("{} where floats are expected", x.dtype())));
    }
    let (shape, steps) = steps(call, x.shape(), scale, zero)?;
    let v = match x.slice::<f32>() {
        Some(v) => Cow::Borrowed(v),
        None => Cow::Owned(x.to_f32()),
    };
    let saturate = call.int("saturate", 1) != 0;
    one(quantized(call.pool, x.shape(), &v, (&shape, &steps), to, saturate)?)
}

fn dequantize(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, scale, zero) = (inputs.array(0)?, inputs.array(1)?, inputs.maybe(2)?);
    let to = match call.int("output_dtype", 0) {
        0 => scale.dtype(),
        to => DType::from_onnx(to).ok_or_else(|| unsupported(format!("floats of type {to}")))?,
    };
    call.room(x.shape(), DType::F32)?;
    let (shape, steps) = steps(call, x.shape(), scale, zero)?;
    let out = dequantized(call.pool, x, (&shape, &steps))?;
    one(halve(x.shape(), out, to)?)
}

/// To `u8`, with the step that holds zero and all values: y, its scale, its zero point.
fn dynamic(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (y, scale, zero) = dynamic_levels(call, inputs.array(0)?)?;
    Ok(vec![y.into(), Array::scalar(scale).into(), Array::scalar(zero).into()])
}

/// Levels of `u8`, their scale, their zero point.
pub(super) fn dynamic_levels(call: &Call, x: &Array) -> Result<(Array, f32, u8)> {
    let v = values::<f32>(x)?;
    let (low, high) = v.iter().fold((0.0f32, 0.0f32), |(low, high), x| (low.min(*x), high.max(*x)));
    let scale = (high - low) / 255.0;
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let zero = (-low / scale).clamp(0.0, 255.0).round_ties_even();
    let step = [Step { scale, zero }];
    let y = quantized(call.pool, x.shape(), v, (&[], &step), DType::U8, true)?;
    Ok((y, scale, zero as u8))
}

/// The step of a whole tensor.
pub(super) fn step(inputs: &Inputs, scale: usize) -> Result<Step> {
    let zero = match inputs.maybe(scale + 1)? {
        Some(zero) => zero.to_f32(),
        None => vec![0.0],
    };
    match (inputs.array(scale)?.to_f32().as_slice(), zero.as_slice()) {
        ([scale], [zero]) => Ok(Step { scale: *scale, zero: *zero }),
        _ => Err(wrong("one scale and one zero point expected")),
    }
}
