//! `LRN`, `LpNormalization`, `MeanVarianceNormalization`.

use super::floats::{array_of, array_of_doubles, doubles, floats, like_input};
use super::share::each_chunk;
use super::size::product;
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, axis, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("LRN", lrn).infer(like_input),
    Op::new("LpNormalization", lp).infer(like_input),
    Op::new("MeanVarianceNormalization", mean_variance).infer(like_input),
];

/// x / (bias + α/size · Σ x²)^β over the `size` channels around each.
fn lrn(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let [_, channels, rest @ ..] = x.shape() else {
        return Err(wrong(format!("shape {:?} has no channels", x.shape())));
    };
    let size = call.int("size", 0);
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| wrong("LRN needs a size"))?;
    let (channels, spatial) = (*channels, product(rest));
    let (alpha, beta) = (call.float("alpha", 1e-4) / size as f32, call.float("beta", 0.75));
    let bias = call.float("bias", 1.0);
    let values = floats(x)?;
    let mut y = vec![0.0f32; values.len()];
    each_chunk(call.pool, &mut y, spatial, |row, y| {
        let (sample, c) = (row / channels * channels, row % channels);
        let low = c.saturating_sub((size - 1) / 2);
        let high = c.saturating_add(size / 2).min(channels - 1);
        for other in low..=high {
            let x = &values[(sample + other) * spatial..][..spatial];
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x * x);
        }
        let x = &values[row * spatial..][..spatial];
        y.iter_mut().zip(x).for_each(|(y, x)| *y = x / (bias + alpha * *y).powf(beta));
    });
    one(array_of(x.dtype(), x.shape(), y)?)
}

/// Each run along an axis divided by its norm of degree 1 or 2; a run of zeros stays.
fn lp(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let at = axis(call.int("axis", -1), x.rank())?;
    let p = call.int("p", 2);
    if p != 1 && p != 2 {
        return Err(wrong(format!("a norm of degree {p}")));
    }
    let (n, inner) = (x.shape()[at], product(&x.shape()[at + 1..]));
    let mut y = doubles(x);
    for block in y.chunks_exact_mut(n.saturating_mul(inner).max(1)) {
        let mut norms = vec![0.0f64; inner];
        for row in block.chunks_exact(inner.max(1)) {
            norms.iter_mut().zip(row).for_each(|(sum, v)| {
                *sum += if p == 1 { v.abs() } else { v * v };
            });
        }
        for norm in &mut norms {
            let root = if p == 1 { *norm } else { norm.sqrt() };
            *norm = if root == 0.0 { 1.0 } else { root };
        }
        for row in block.chunks_exact_mut(inner.max(1)) {
            row.iter_mut().zip(&norms).for_each(|(v, norm)| *v /= norm);
        }
    }
    one(array_of_doubles(x.dtype(), x.shape(), y)?)
}

/// (x − mean) / (deviation + 10⁻⁹), both over `axes`.
fn mean_variance(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let axes = call.attributes().ints("axes").unwrap_or(&[0, 2, 3]);
    let mut over = vec![false; x.rank()];
    for a in axes {
        over[axis(*a, x.rank())?] = true;
    }
    // The group each value belongs to: its place along the axes that stay.
    let (mut step, mut groups) = (vec![0; x.rank()], 1usize);
    for a in (0..x.rank()).rev() {
        if !over[a] {
            step[a] = groups;
            groups = groups.saturating_mul(x.shape()[a]);
        }
    }
    let group = |mut i: usize| {
        let mut group = 0;
        for a in (0..x.rank()).rev() {
            group += i % x.shape()[a] * step[a];
            i /= x.shape()[a];
        }
        group
    };
    let mut y = doubles(x);
    if y.is_empty() {
        return one(x.clone());
    }
    let n = (y.len() / groups) as f64;
    let places: Vec<usize> = (0..y.len()).map(group).collect();
    let (mut mean, mut variance) = (vec![0.0f64; groups], vec![0.0f64; groups]);
    y.iter().zip(&places).for_each(|(v, g)| mean[*g] += v / n);
    for (v, g) in y.iter_mut().zip(&places) {
        *v -= mean[*g];
        variance[*g] += *v * *v / n;
    }
    y.iter_mut().zip(&places).for_each(|(v, g)| *v /= variance[*g].sqrt() + 1e-9);
    one(array_of_doubles(x.dtype(), x.shape(), y)?)
}
