//! Running sums and products along an axis, determinants: `CumSum`, `CumProd`, `Det`.

use super::arithmetic::{owned, values};
use super::number::{Number, by_number};
use super::threads::fill_units;
use super::{halve, like_first};
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, wrong};

pub(in super::super) const OPS: &[Op] = &[
    Op::new("CumSum", |call, inputs| running(call, inputs, false)).infer(like_first),
    Op::new("CumProd", |call, inputs| running(call, inputs, true)).infer(like_first),
    Op::new("Det", determinant).infer(infer_determinant),
];

fn running(call: &Call, mut inputs: Inputs, product: bool) -> Result<Vec<Value>> {
    let along = inputs.int(1)?;
    let x = inputs.take(0)?;
    let (shape, dtype) = (x.shape().to_vec(), x.dtype());
    let along = axis(along, shape.len())?;
    let exclusive = call.attributes().flag("exclusive");
    let reverse = call.attributes().flag("reverse");
    if x.is_empty() {
        return one(x);
    }
    let inner: usize = shape[along + 1..].iter().product();
    // Halves run in single precision and are rounded at the end.
    let half = matches!(dtype, DType::F16 | DType::BF16);
    let x = if half { Array::f32(&shape, x.to_f32())? } else { x };
    let y = by_number!(x.dtype(), T => {
        let mut v = owned::<T>(x)?;
        let block = shape[along] * inner;
        fill_units(call.pool, &mut v, block, 1 << 14, |_, part| {
            for block in part.chunks_mut(block) {
                scan(block, shape[along], inner, exclusive, reverse, product);
            }
        });
        Array::of(&shape, v)
    })?;
    one(if half { halve(&shape, y.to_f32(), dtype)? } else { y })
}

/// `[extent][inner]`, in place.
fn scan<T: Number>(
    block: &mut [T],
    extent: usize,
    inner: usize,
    exclusive: bool,
    reverse: bool,
    product: bool,
) {
    let start = if product { T::from_f64(1.0) } else { T::default() };
    let mut total = vec![start; inner];
    for step in 0..extent {
        let row = if reverse { extent - 1 - step } else { step };
        for (x, total) in block[row * inner..][..inner].iter_mut().zip(&mut total) {
            let before = *total;
            *total = if product { before.mul(*x) } else { before.add(*x) };
            *x = if exclusive { before } else { *total };
        }
    }
}

fn infer_determinant(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let outer = x.shape.len().checked_sub(2)?;
    Some(vec![Known::of(x.dtype, x.shape[..outer].to_vec())])
}

/// Of each `[n][n]` matrix, by elimination with row exchanges.
fn determinant(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let (outer, n) = match *x.shape() {
        [ref outer @ .., m, n] if m == n => (outer, n),
        ref other => return Err(wrong(format!("{other:?} holds no square matrices"))),
    };
    let count = call.room(outer, x.dtype())?;
    if !x.dtype().is_float() {
        return Err(wrong(format!("{} where floats are expected", x.dtype())));
    }
    let wide: Vec<f64> = by_number!(x.dtype(), T => {
        Ok(values::<T>(x)?.iter().map(|x| x.to_f64()).collect())
    })?;
    let results: Vec<f64> = match n {
        // The determinant of nothing is the empty product.
        0 => vec![1.0; count],
        n => wide.chunks(n * n).map(|matrix| eliminate(matrix.to_vec(), n)).collect(),
    };
    one(by_number!(x.dtype(), T => {
        Array::of(outer, results.into_iter().map(T::from_f64).collect::<Vec<T>>())
    })?)
}

fn eliminate(mut a: Vec<f64>, n: usize) -> f64 {
    let mut result = 1.0;
    for column in 0..n {
        let mut pivot = column;
        for row in column + 1..n {
            if a[row * n + column].abs() > a[pivot * n + column].abs() {
                pivot = row;
            }
        }
        if pivot != column {
            result = -result;
            for j in 0..n {
                a.swap(pivot * n + j, column * n + j);
            }
        }
        let top = a[column * n + column];
        result *= top;
        if top == 0.0 {
            return result;
        }
        for row in column + 1..n {
            let factor = a[row * n + column] / top;
            for j in column..n {
                a[row * n + j] -= factor * a[column * n + j];
            }
        }
    }
    result
}
