//! `Softmax`, `LogSoftmax`, `Hardmax`. Before version 13 they take the axes from `axis` on together,
//! from then on that axis alone.

use super::arithmetic::{owned, values};
use super::number::{Number, by_number};
use super::threads::{fill, fill_units};
use super::{halve, like_first};
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, axis, one, wrong};
use kernels::Pool;

pub(in super::super) const OPS: &[Op] = &[
    Op::new("Softmax", |call, inputs| soft(call, inputs, false)).infer(like_first),
    Op::new("LogSoftmax", |call, inputs| soft(call, inputs, true)).infer(like_first),
    Op::new("Hardmax", hardmax).infer(like_first),
];

/// `[outer][along][inner]` of the axis or axes that a call takes together.
fn split(call: &Call, shape: &[usize]) -> Result<[usize; 3]> {
    let (before, rank) = (call.version() < 13, shape.len());
    let chosen = call.int("axis", if before { 1 } else { -1 });
    if before && chosen == rank as i64 {
        return Ok([shape.iter().product(), 1, 1]);
    }
    if rank == 0 {
        return Ok([1, 1, 1]);
    }
    let axis = axis(chosen, rank)?;
    let outer = shape[..axis].iter().product();
    Ok(match before {
        true => [outer, shape[axis..].iter().product(), 1],
        false => [outer, shape[axis], shape[axis + 1..].iter().product()],
    })
}

fn soft(call: &Call, mut inputs: Inputs, logarithm: bool) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    let (shape, dtype) = (x.shape().to_vec(), x.dtype());
    if x.is_empty() {
        return one(x);
    }
    let [outer, along, inner] = split(call, &shape)?;
    match dtype {
        DType::F64 => {
            let mut v = owned::<f64>(x)?;
            for block in v.chunks_mut(along * inner) {
                columns(block, inner, logarithm, f64::exp, f64::ln);
            }
            one(Array::of(&shape, v)?)
        }
        DType::F32 | DType::F16 | DType::BF16 => {
            if inner == 1 && !logarithm {
                let wide;
                let v = match x.slice::<f32>() {
                    Some(v) => v,
                    None => {
                        wide = x.to_f32();
                        &wide
                    }
                };
                let mut y = vec![0.0; v.len()];
                kernels::softmax(call.pool, outer, along, v, &mut y);
                return one(halve(&shape, y, dtype)?);
            }
            let mut v = if dtype == DType::F32 { owned::<f32>(x)? } else { x.to_f32() };
            if outer < 2 * call.pool.threads() && inner > 1 {
                v.chunks_mut(along * inner)
                    .for_each(|block| columns_together(call.pool, block, inner, logarithm));
            } else {
                fill_units(call.pool, &mut v, along * inner, 1 << 12, |_, part| {
                    for block in part.chunks_mut(along * inner) {
                        columns(block, inner, logarithm, f32::exp, f32::ln);
                    }
                });
            }
            one(halve(&shape, v, dtype)?)
        }
        other => Err(wrong(format!("{other} where floats are expected"))),
    }
}

/// Softmax of each column of `[along][inner]`, in place.
fn columns<T: Number>(
    block: &mut [T],
    inner: usize,
    logarithm: bool,
    exp: impl Fn(T) -> T,
    ln: impl Fn(T) -> T,
) {
    let mut top = vec![T::from_f64(f64::NEG_INFINITY); inner];
    for row in block.chunks(inner) {
        top.iter_mut().zip(row).for_each(|(m, x)| *m = if *x > *m { *x } else { *m });
    }
    let mut sum = vec![0.0f64; inner];
    for row in block.chunks_mut(inner) {
        for ((x, m), s) in row.iter_mut().zip(&top).zip(&mut sum) {
            *x = x.sub(*m);
            let power = exp(*x);
            *s += power.to_f64();
            if !logarithm {
                *x = power;
            }
        }
    }
    let scale: Vec<T> = if logarithm {
        sum.iter().map(|s| ln(T::from_f64(*s))).collect()
    } else {
        sum.iter().map(|s| T::from_f64(1.0 / s)).collect()
    };
    for row in block.chunks_mut(inner) {
        for (x, s) in row.iter_mut().zip(&scale) {
            *x = if logarithm { x.sub(*s) } else { x.mul(*s) };
        }
    }
}

/// As [`columns`] with all threads on one block: few pictures, softmax across their channels. The same
/// numbers in the same order, so the same bits.
fn columns_together(pool: &Pool, block: &mut [f32], inner: usize, logarithm: bool) {
    let mut top = vec![f32::NEG_INFINITY; inner];
    fill(pool, &mut top, |from, top| {
        for row in block.chunks(inner) {
            top.iter_mut().zip(&row[from..]).for_each(|(m, x)| *m = if *x > *m { *x } else { *m });
        }
    });
    let by_column = |from: usize, part: &mut [f32], of: &[f32], f: &dyn Fn(&mut [f32], &[f32])| {
        let (mut rest, mut column) = (part, from % inner);
        while !rest.is_empty() {
            let (now, later) = rest.split_at_mut(rest.len().min(inner - column));
            f(now, &of[column..]);
            (rest, column) = (later, 0);
        }
    };
    fill(pool, block, |from, part| {
        by_column(from, part, &top, &|x, top| {
            x.iter_mut().zip(top).for_each(|(x, m)| *x -= m);
            if !logarithm {
                x.iter_mut().for_each(|x| *x = x.exp());
            }
        });
    });
    let mut sum = vec![0.0f64; inner];
    fill(pool, &mut sum, |from, sum| {
        for row in block.chunks(inner) {
            for (s, x) in sum.iter_mut().zip(&row[from..]) {
                *s += f64::from(if logarithm { x.exp() } else { *x });
            }
        }
    });
    let scale = |s: &f64| if logarithm { (*s as f32).ln() } else { (1.0 / s) as f32 };
    let scale: Vec<f32> = sum.iter().map(scale).collect();
    fill(pool, block, |from, part| {
        by_column(from, part, &scale, &|x, scale| {
            if logarithm {
                x.iter_mut().zip(scale).for_each(|(x, s)| *x -= s);
            } else {
                x.iter_mut().zip(scale).for_each(|(x, s)| *x *= s);
            }
        });
    });
}

/// One where the first largest value stands, zero elsewhere.
fn hardmax(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    if x.is_empty() {
        return one(x.clone());
    }
    let [_, along, inner] = split(call, x.shape())?;
    one(by_number!(x.dtype(), T => {
        let v = values::<T>(x)?;
        let mut y = vec![T::default(); v.len()];
        for (block, out) in v.chunks(along * inner).zip(y.chunks_mut(along * inner)) {
            for column in 0..inner {
                let mut best = column;
                for at in (column..block.len()).step_by(inner) {
                    best = if block[at] > block[best] { at } else { best };
                }
                out[best] = T::from_f64(1.0);
            }
        }
        Array::of(x.shape(), y)
    })?)
}
