//! `GlobalAveragePool`, `GlobalMaxPool`, `GlobalLpPool`: one value a channel.

use super::floats::{array_of, floats};
use super::size::product;
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("GlobalAveragePool", average).infer(infer),
    Op::new("GlobalLpPool", lp).infer(infer),
    Op::new("GlobalMaxPool", max).infer(infer),
];

/// `[batch][channel][1…]`.
fn pooled(x: &[usize]) -> Result<Vec<usize>> {
    match x {
        [batch, channels, rest @ ..] => {
            let mut shape = vec![*batch, *channels];
            shape.resize(2 + rest.len(), 1);
            Ok(shape)
        }
        _ => Err(wrong(format!("shape {x:?} has no channels"))),
    }
}

fn each_channel(inputs: &Inputs, f: impl Fn(&[f32]) -> f32) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let shape = pooled(x.shape())?;
    let values = floats(x)?;
    let spatial: usize = product(&x.shape()[2..]);
    let y = match spatial {
        0 => vec![f(&[]); shape[0].saturating_mul(shape[1]).min(values.len())],
        _ => values.chunks_exact(spatial).map(f).collect(),
    };
    one(array_of(x.dtype(), &shape, y)?)
}

fn average(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let shape = pooled(x.shape())?;
    if x.is_empty() {
        return each_channel(&inputs, |_| f32::NAN);
    }
    let channels = shape[0] * shape[1];
    let mut y = vec![0.0; channels];
    kernels::global_avg_pool(call.pool, channels, x.len() / channels, &floats(x)?, &mut y);
    one(array_of(x.dtype(), &shape, y)?)
}

fn max(_: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let larger = |m: f32, v: &f32| if *v > m || v.is_nan() { *v } else { m };
    each_channel(&inputs, |x| x.iter().fold(f32::NEG_INFINITY, larger))
}

fn lp(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let p = f64::from(call.float("p", 2.0));
    if p <= 0.0 {
        return Err(wrong(format!("a norm of degree {p}")));
    }
    each_channel(&inputs, |x| {
        x.iter().map(|v| f64::from(*v).abs().powf(p)).sum::<f64>().powf(1.0 / p) as f32
    })
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, pooled(&x.shape).ok()?)])
}
