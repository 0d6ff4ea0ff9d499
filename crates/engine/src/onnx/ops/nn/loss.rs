//! `NegativeLogLikelihoodLoss`, `SoftmaxCrossEntropyLoss`.

use super::floats::{array_of_doubles, doubles};
use super::size::product;
use crate::array::Array;
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("NegativeLogLikelihoodLoss", likelihood).infer(infer),
    Op::new("SoftmaxCrossEntropyLoss", cross_entropy).infer(infer),
];

/// Batch, classes and positions of `[batch][class][…]`.
fn extents(x: &[usize]) -> Result<[usize; 3]> {
    match x {
        [batch, classes, rest @ ..] => Ok([*batch, *classes, product(rest)]),
        _ => Err(wrong(format!("shape {x:?} has no classes"))),
    }
}

fn likelihood(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    Ok(vec![Value::Array(loss(call, &inputs, x, &doubles(x))?)])
}

fn cross_entropy(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let [_, classes, positions] = extents(x.shape())?;
    let mut values = doubles(x);
    if !values.is_empty() {
        for sample in values.chunks_exact_mut(classes * positions) {
            for p in 0..positions {
                let column = || sample.iter().skip(p).step_by(positions);
                let most = column().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
                let sum: f64 = column().map(|v| (v - most).exp()).sum();
                let shift = most + sum.ln();
                sample.iter_mut().skip(p).step_by(positions).for_each(|v| *v -= shift);
            }
        }
    }
    let loss = loss(call, &inputs, x, &values)?;
    let likelihoods = array_of_doubles(x.dtype(), x.shape(), values)?;
    Ok(vec![Value::Array(loss), Value::Array(likelihoods)])
}

/// The weighted negative of the value of each target class, reduced as asked.
fn loss(call: &Call, inputs: &Inputs, x: &Array, values: &[f64]) -> Result<Array> {
    let [batch, classes, positions] = extents(x.shape())?;
    let target = inputs.array(1)?;
    let targets = inputs.ints(1)?;
    let mut shape = vec![batch];
    shape.extend_from_slice(&x.shape()[2..]);
    if target.shape() != shape {
        return Err(wrong(format!("targets {:?}, {shape:?} expected", target.shape())));
    }
    let weights = inputs.maybe(2)?.map(doubles);
    if weights.as_ref().is_some_and(|weights| weights.len() != classes) {
        return Err(wrong(format!("one weight for each of {classes} classes is needed")));
    }
    let ignored = call.attributes().int("ignore_index");
    let (mut losses, mut total) = (Vec::with_capacity(targets.len()), 0.0);
    for (i, class) in targets.iter().enumerate() {
        if Some(*class) == ignored {
            losses.push(0.0);
            continue;
        }
        let class = usize::try_from(*class).ok().filter(|class| *class < classes);
        let class = class.ok_or_else(|| wrong(format!("a target outside {classes} classes")))?;
        let weight = weights.as_ref().map_or(1.0, |weights| weights[class]);
        total += weight;
        let at = (i / positions * classes + class) * positions + i % positions;
        losses.push(-values[at] * weight);
    }
    let sum: f64 = losses.iter().sum();
    match call.text("reduction", "mean") {
        "none" => array_of_doubles(x.dtype(), &shape, losses),
        "sum" => array_of_doubles(x.dtype(), &[], vec![sum]),
        "mean" => array_of_doubles(x.dtype(), &[], vec![sum / total]),
        other => Err(wrong(format!("reduction `{other}`"))),
    }
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let (x, target) = (ask.input(0)?, ask.input(1)?);
    let shape = match ask.attributes().text("reduction") {
        Some("none") => target.shape.clone(),
        _ => Vec::new(),
    };
    let mut known = vec![Known::of(x.dtype, shape)];
    if ask.node.output_count() > 1 {
        known.push(x.clone());
        known[1].value = None;
    }
    Some(known)
}
