//! Arithmetic: everything that computes number by number, products of matrices, conversions and
//! quantised arithmetic.
//!
//! Half precisions are computed in `f32` and rounded once, at the end of an operation. Integers wrap
//! around; an integer divided by zero is zero, as in NumPy.

pub(super) mod activation;
pub(super) mod arithmetic;
pub(super) mod cast;
pub(super) mod compare;
pub(super) mod dropout;
pub(super) mod einsum;
pub(super) mod integer;
pub(super) mod integer_conv;
pub(super) mod matmul;
pub(super) mod qlinear;
pub(super) mod quantize;
pub(super) mod running;
pub(super) mod softmax;
pub(super) mod unary;

mod broadcast;
mod cast_small;
mod number;
mod product;
mod threads;

use super::{Ask, Known, wrong};
use crate::array::{Array, DType, bf16, f16};
use crate::error::Result;

/// The first input's type and shape.
fn like_first(ask: &Ask) -> Option<Vec<Known>> {
    let first = ask.input(0)?;
    Some(vec![Known::of(first.dtype, first.shape.clone())])
}

/// Floats of 32 bits as the float type asked for, rounded once.
fn halve(shape: &[usize], x: Vec<f32>, dtype: DType) -> Result<Array> {
    match dtype {
        DType::F32 => Array::f32(shape, x),
        DType::F16 => Array::of(shape, x.into_iter().map(f16::from_f32).collect::<Vec<f16>>()),
        DType::BF16 => Array::of(shape, x.into_iter().map(bf16::from_f32).collect::<Vec<bf16>>()),
        DType::F64 => Array::of(shape, x.into_iter().map(f64::from).collect::<Vec<f64>>()),
        other => Err(wrong(format!("{other} where floats are expected"))),
    }
}

#[cfg(test)]
mod tests;
