//! What ONNX Runtime's static quantiser writes between products: `QLinearAdd`, `QLinearMul`,
//! `QLinearSigmoid`, `QLinearLeakyRelu`, `QLinearGlobalAveragePool`, `QLinearConcat`.
//!
//! All are computed dequantised, in 32-bit floats, and quantised once at the end.

use super::broadcast::{common, map2, stretched};
use super::quantize::{Step, dequantized, quantized, step};
use crate::array::{Array, DType, count};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, MICROSOFT, Op, Value, axis, one, wrong};
use kernels::Activation;

pub(in super::super) const OPS: &[Op] = &[
    Op::new("QLinearAdd", |call, inputs| two(call, inputs, |x, y| x + y))
        .domain(MICROSOFT)
        .infer(infer_two),
    Op::new("QLinearMul", |call, inputs| two(call, inputs, |x, y| x * y))
        .domain(MICROSOFT)
        .infer(infer_two),
    Op::new("QLinearSigmoid", |call, inputs| activated(call, inputs, Activation::Sigmoid))
        .domain(MICROSOFT)
        .infer(super::like_first),
    Op::new("QLinearLeakyRelu", |call, inputs| {
        let slope = call.float("alpha", 0.01);
        activated(call, inputs, Activation::LeakyRelu(slope))
    })
    .domain(MICROSOFT)
    .infer(super::like_first),
    Op::new("QLinearGlobalAveragePool", global_average).domain(MICROSOFT).infer(infer_global),
    Op::new("QLinearConcat", concat).domain(MICROSOFT).infer(infer_concat),
];

/// An input as floats, by the step that follows it.
fn real(call: &Call, inputs: &Inputs, at: usize) -> Result<Vec<f32>> {
    dequantized(call.pool, inputs.array(at)?, (&[], &[step(inputs, at + 1)?]))
}

fn rounded(call: &Call, shape: &[usize], x: &[f32], target: Step, to: DType) -> Result<Array> {
    quantized(call.pool, shape, x, (&[], &[target]), to, true)
}

fn infer_two(ask: &Ask) -> Option<Vec<Known>> {
    let (a, b) = (ask.input(0)?, ask.input(3)?);
    Some(vec![Known::of(a.dtype, stretched(&[&a.shape, &b.shape])?)])
}

/// a, its scale and zero point, b, its own, those of the result.
fn two(call: &Call, inputs: Inputs, f: impl Fn(f32, f32) -> f32 + Sync) -> Result<Vec<Value>> {
    let (a, b) = (inputs.array(0)?, inputs.array(3)?);
    let shape = common(&[a.shape(), b.shape()])?;
    call.room(&shape, DType::F32)?;
    let (x, y) = (real(call, &inputs, 0)?, real(call, &inputs, 3)?);
    let pair = ((a.shape(), x.as_slice()), (b.shape(), y.as_slice()));
    let out = map2(call.pool, &shape, pair.0, pair.1, |x, y| f(*x, *y));
    one(rounded(call, &shape, &out, step(&inputs, 6)?, a.dtype())?)
}

/// x, its scale and zero point, those of the result.
fn activated(call: &Call, inputs: Inputs, activation: Activation) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let mut v = real(call, &inputs, 0)?;
    kernels::activation(call.pool, activation, &mut v);
    one(rounded(call, x.shape(), &v, step(&inputs, 3)?, x.dtype())?)
}

/// The shape with a picture of one place, and the channels' axis.
fn pooled(shape: &[usize], last: bool) -> Option<Vec<usize>> {
    let (rank, channel) = (shape.len(), if last { shape.len().checked_sub(1)? } else { 1 });
    if rank < 3 {
        return None;
    }
    Some((0..rank).map(|i| if i == 0 || i == channel { shape[i] } else { 1 }).collect())
}

fn infer_global(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, pooled(&x.shape, ask.attributes().flag("channels_last"))?)])
}

/// x `[n][c][..]` or `[n][..][c]`, its step, that of the result.
fn global_average(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let last = call.attributes().flag("channels_last");
    let shape = pooled(x.shape(), last)
        .ok_or_else(|| wrong(format!("{:?} holds no pictures of channels", x.shape())))?;
    let rank = x.rank();
    let channels = if last { x.shape()[rank - 1] } else { x.shape()[1] };
    let rows = call.room(&shape, DType::F32)?;
    let places = x.len().checked_div(rows).unwrap_or(0);
    let v = real(call, &inputs, 0)?;
    let mean = |row: usize| {
        let (from, by) = match last {
            true => (row / channels * places * channels + row % channels, channels),
            false => (row * places, 1),
        };
        let sum: f64 = (0..places).map(|i| f64::from(v[from + i * by])).sum();
        (sum / places as f64) as f32
    };
    let means: Vec<f32> = (0..rows).map(mean).collect();
    one(rounded(call, &shape, &means, step(&inputs, 3)?, x.dtype())?)
}

fn joined(shapes: &[&[usize]], along: i64) -> Option<(usize, Vec<usize>)> {
    let first = *shapes.first()?;
    let along = axis(along, first.len()).ok()?;
    let mut shape = first.to_vec();
    for other in &shapes[1..] {
        let alike = other.len() == first.len()
            && (0..first.len()).all(|i| i == along || other[i] == first[i]);
        if !alike {
            return None;
        }
        shape[along] = shape[along].checked_add(other[along])?;
    }
    Some((along, shape))
}

fn infer_concat(ask: &Ask) -> Option<Vec<Known>> {
    let inputs: Vec<&Known> =
        (2..ask.inputs.len()).step_by(3).map_while(|i| ask.input(i)).collect();
    let shapes: Vec<&[usize]> = inputs.iter().map(|known| known.shape.as_slice()).collect();
    let (_, shape) = joined(&shapes, ask.attributes().int("axis")?)?;
    Some(vec![Known::of(inputs.first()?.dtype, shape)])
}

/// The step of the result, then each part and its step.
fn concat(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let places: Vec<usize> = (2..inputs.len()).step_by(3).collect();
    let parts: Vec<&Array> = places.iter().map(|i| inputs.array(*i)).collect::<Result<_>>()?;
    let shapes: Vec<&[usize]> = parts.iter().map(|part| part.shape()).collect();
    let (along, shape) = joined(&shapes, call.int("axis", 0))
        .ok_or_else(|| wrong(format!("the shapes {shapes:?} do not join")))?;
    let total = call.room(&shape, DType::F32)?;
    let target = step(&inputs, 0)?;
    let Some(to) = parts.first().map(|part| part.dtype()) else { return Err(wrong("no parts")) };
    let mut blocks = Vec::new();
    for at in &places {
        let part = inputs.array(*at)?;
        let block =
            count(&part.shape()[along..]).ok_or_else(|| wrong("the extents are too large"))?;
        blocks.push((real(call, &inputs, *at)?, block));
    }
    let mut out = Vec::with_capacity(total);
    let outer: usize = if total == 0 { 0 } else { shape[..along].iter().product() };
    for o in 0..outer {
        for (values, block) in &blocks {
            out.extend_from_slice(&values[o * block..][..*block]);
        }
    }
    one(rounded(call, &shape, &out, target, to)?)
}
