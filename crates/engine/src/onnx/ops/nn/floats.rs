//! Floats of any width, computed in 32 bits and rounded once at the end.

use super::size::product;
use crate::array::{Array, DType, bf16, f16};
use crate::error::Result;
use crate::onnx::ops::{Ask, Inputs, Known, unsupported, wrong};
use std::borrow::Cow;

/// The values of a float array as 32-bit floats; borrowed where they are.
pub(super) fn floats(array: &Array) -> Result<Cow<'_, [f32]>> {
    match array.slice::<f32>() {
        Some(values) => Ok(Cow::Borrowed(values)),
        None if array.dtype().is_float() => Ok(Cow::Owned(array.to_f32())),
        None => Err(wrong(format!("floats expected, {} given", array.dtype()))),
    }
}

/// The floats of an input that may be left out.
pub(super) fn maybe_floats(inputs: &Inputs, index: usize) -> Result<Option<Cow<'_, [f32]>>> {
    inputs.maybe(index)?.map(floats).transpose()
}

/// The values of an array as 64-bit floats.
pub(super) fn doubles(array: &Array) -> Vec<f64> {
    match array.slice::<f64>() {
        Some(values) => values.to_vec(),
        None => array.to_f32().into_iter().map(f64::from).collect(),
    }
}

/// An array of `dtype` from 32-bit floats: rounded for floats, cut off and kept in range for integers.
pub(super) fn array_of(dtype: DType, shape: &[usize], values: Vec<f32>) -> Result<Array> {
    macro_rules! cut {
        ($type:ty) => {
            Array::of(shape, values.into_iter().map(|v| v as $type).collect())
        };
    }
    match dtype {
        DType::F32 => Array::f32(shape, values),
        DType::F64 => cut!(f64),
        DType::F16 => Array::of(shape, values.into_iter().map(f16::from_f32).collect()),
        DType::BF16 => Array::of(shape, values.into_iter().map(bf16::from_f32).collect()),
        DType::I8 => cut!(i8),
        DType::I16 => cut!(i16),
        DType::I32 => cut!(i32),
        DType::I64 => cut!(i64),
        DType::U8 => cut!(u8),
        DType::U16 => cut!(u16),
        DType::U32 => cut!(u32),
        DType::U64 => cut!(u64),
        other => Err(unsupported(format!("values of type {other} here"))),
    }
}

/// As [`array_of`], from 64-bit floats.
pub(super) fn array_of_doubles(dtype: DType, shape: &[usize], values: Vec<f64>) -> Result<Array> {
    match dtype {
        DType::F64 => Array::of(shape, values),
        _ => array_of(dtype, shape, values.into_iter().map(|v| v as f32).collect()),
    }
}

/// Rule: one result with the first input's type and shape.
pub(super) fn like_input(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, x.shape.clone())])
}

/// Values of shape `from` repeated to shape `to` as NumPy broadcasts; `None` where they do not fit.
pub(super) fn spread<T: Copy>(values: &[T], from: &[usize], to: &[usize]) -> Option<Vec<T>> {
    // Ones in front change nothing.
    let from = &from[from.iter().take_while(|n| **n == 1).count().min(from.len())..];
    if from.len() > to.len() || values.len() != product(from) {
        return None;
    }
    let skipped = to.len() - from.len();
    let (mut step, mut running) = (vec![0; to.len()], 1usize);
    for a in (0..from.len()).rev() {
        match from[a] {
            1 => {}
            n if n == to[skipped + a] => step[skipped + a] = running,
            _ => return None,
        }
        running = running.saturating_mul(from[a]);
    }
    let n = crate::array::count(to)?;
    let mut at = vec![0; to.len()];
    let mut place = 0;
    let mut spread = Vec::with_capacity(n);
    for _ in 0..n {
        spread.push(values[place]);
        for a in (0..to.len()).rev() {
            at[a] += 1;
            place += step[a];
            if at[a] < to[a] {
                break;
            }
            place -= step[a] * to[a];
            at[a] = 0;
        }
    }
    Some(spread)
}
