//! `BatchNormalization`: each channel by given statistics or, while training, by its own.

use super::floats::{array_of, floats};
use super::share::each_chunk;
use super::size::product;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, wrong};
use kernels::Activation;

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("BatchNormalization", batch_norm).infer(infer)];

/// Channels, and values a channel has in one sample.
fn layout(call: &Call, x: &[usize]) -> Result<(usize, usize)> {
    let (channels, spatial) = match x {
        [_] => (1, 1),
        [_, channels, rest @ ..] => (*channels, product(rest)),
        [] => return Err(wrong("a scalar has no channels")),
    };
    // Before version 9 every position could have statistics of its own.
    if call.version() < 9 && call.int("spatial", 1) == 0 {
        return Ok((channels * spatial, 1));
    }
    Ok((channels, spatial))
}

fn batch_norm(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    let (channels, spatial) = match x.is_empty() {
        true => return empty(call, x, &inputs),
        false => layout(call, x.shape())?,
    };
    let mut parameters = Vec::new();
    for index in 1..5 {
        let values = floats(inputs.array(index)?)?;
        if values.len() != channels {
            return Err(wrong(format!("input {index} must have {channels} values")));
        }
        parameters.push(values);
    }
    let eps = f64::from(call.float("epsilon", 1e-5));
    let training = match call.version() {
        ..7 => call.int("is_test", 0) == 0 && call.node.wants(1),
        7..14 => call.node.wants(1) || call.node.wants(2),
        _ => call.int("training_mode", 0) != 0,
    };
    let mut own = Vec::new();
    if training {
        own = moments(&floats(&x)?, channels, spatial);
    }
    let coefficients = (0..channels).map(|c| {
        let (mean, variance) = match own.get(c) {
            Some(own) => *own,
            None => (f64::from(parameters[2][c]), f64::from(parameters[3][c])),
        };
        let scale = f64::from(parameters[0][c]) / (variance + eps).sqrt();
        (scale as f32, (f64::from(parameters[1][c]) - mean * scale) as f32)
    });
    let (scale, shift): (Vec<f32>, Vec<f32>) = coefficients.unzip();
    let dtype = x.dtype();
    let mut results = vec![Value::Array(apply(call, x, spatial, &scale, &shift)?)];
    if training {
        let momentum = f64::from(call.float("momentum", 0.9));
        let mix = |index: usize, own: Vec<f64>| -> Result<Value> {
            let old = inputs.array(index)?;
            let given = floats(old)?.into_owned();
            let mixed = given.iter().zip(own);
            let mixed =
                mixed.map(|(g, o)| (f64::from(*g) * momentum + o * (1.0 - momentum)) as f32);
            Ok(Value::Array(array_of(old.dtype(), &[channels], mixed.collect())?))
        };
        results.push(mix(3, own.iter().map(|(mean, _)| *mean).collect())?);
        results.push(mix(4, own.iter().map(|(_, variance)| *variance).collect())?);
        let saved = |values: Vec<f32>| array_of(dtype, &[channels], values).map(Value::Array);
        results.push(saved(own.iter().map(|(mean, _)| *mean as f32).collect())?);
        results.push(saved(own.iter().map(|(_, variance)| *variance as f32).collect())?);
    }
    Ok(results)
}

fn empty(call: &Call, x: Array, inputs: &Inputs) -> Result<Vec<Value>> {
    let mut results = vec![Value::Array(x)];
    for index in [3, 4, 3, 4] {
        if results.len() < call.node.output_count() {
            results.push(Value::Array(inputs.array(index)?.clone()));
        }
    }
    Ok(results)
}

/// `x·scale + shift` by channel.
fn apply(call: &Call, x: Array, spatial: usize, scale: &[f32], shift: &[f32]) -> Result<Array> {
    let (dtype, shape) = (x.dtype(), x.shape().to_vec());
    let sample = scale.len() * spatial;
    if spatial == 1 {
        let mut y = match dtype {
            DType::F32 => x.into_vec().unwrap_or_default(),
            _ => floats(&x)?.into_owned(),
        };
        each_chunk(call.pool, &mut y, sample, |_, y| {
            for ((y, scale), shift) in y.iter_mut().zip(scale).zip(shift) {
                *y = *y * scale + shift;
            }
        });
        return array_of(dtype, &shape, y);
    }
    let values = floats(&x)?;
    let mut y = vec![0.0; values.len()];
    for (x, y) in values.chunks_exact(sample).zip(y.chunks_exact_mut(sample)) {
        kernels::affine(call.pool, spatial, scale, shift, Activation::Identity, x, y);
    }
    array_of(dtype, &shape, y)
}

/// Mean and variance (divided by n) of each channel over all samples.
fn moments(x: &[f32], channels: usize, spatial: usize) -> Vec<(f64, f64)> {
    let channel = |c: usize| {
        let runs = move || x.chunks_exact(spatial).skip(c).step_by(channels).flatten();
        let n = (x.len() / channels) as f64;
        let mean = runs().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = runs().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance)
    };
    (0..channels).map(channel).collect()
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let mut known = vec![Known::of(x.dtype, x.shape.clone())];
    for index in [3, 4, 3, 4] {
        if known.len() < ask.node.output_count() {
            let input = ask.input(index)?;
            known.push(Known::of(input.dtype, input.shape.clone()));
        }
    }
    Some(known)
}
