//! `Concat`, and arrays stacked along a new axis.

use super::typed::{same_dtype, values_like};
use super::view::product;
use crate::array::{Array, same_type};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, wrong};
use kernels::Pool;
use std::sync::{Mutex, PoisonError};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("Concat", concat).infer(infer_concat)];

/// Fewer values are copied on one thread.
const SHARE: usize = 1 << 16;

fn concat(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let arrays = (0..inputs.len()).map(|i| inputs.take(i)).collect::<Result<Vec<Array>>>()?;
    let default = if call.version() < 4 { 1 } else { 0 };
    one(join(call, &arrays, call.int("axis", default))?)
}

fn infer_concat(ask: &Ask) -> Option<Vec<Known>> {
    let inputs: Option<Vec<&Known>> = ask.inputs.iter().copied().collect();
    let inputs = inputs?;
    let first = inputs.first()?;
    if inputs.iter().any(|input| input.dtype != first.dtype) {
        return None;
    }
    let default = if ask.node.version < 4 { 1 } else { 0 };
    let at = axis(ask.attributes().int("axis").unwrap_or(default), first.shape.len()).ok()?;
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
    Some(vec![Known::of(first.dtype, joined(&shapes, at).ok()?)])
}

/// The arrays one after the other along an axis.
pub(in crate::onnx::ops) fn join(call: &Call, arrays: &[Array], at: i64) -> Result<Array> {
    let first = arrays.first().ok_or_else(|| wrong("nothing to join"))?;
    let at = axis(at, first.rank())?;
    for array in arrays {
        same_dtype(first, array)?;
    }
    let shapes: Vec<&[usize]> = arrays.iter().map(Array::shape).collect();
    let shape = joined(&shapes, at)?;
    if let [only] = arrays {
        return Ok(only.clone());
    }
    call.room(&shape, first.dtype())?;
    let outer = product(&shape[..at]);
    let data = same_type!(first.data(), like => rows(like, arrays, outer, call.pool));
    Array::new(&shape, data)
}

/// The arrays, all of one shape, along a new axis.
pub(in crate::onnx::ops) fn stack(call: &Call, arrays: &[Array], at: i64) -> Result<Array> {
    let Some(first) = arrays.first() else { return Err(wrong("nothing to stack")) };
    let at = axis(at, first.rank() + 1)?;
    let mut shape = first.shape().to_vec();
    shape.insert(at, 1);
    let rows: Result<Vec<Array>> = arrays
        .iter()
        .map(|array| match array.shape() == first.shape() {
            true => array.clone().reshaped(&shape),
            false => Err(wrong(format!("{:?} beside {:?}", array.shape(), first.shape()))),
        })
        .collect();
    join(call, &rows?, at as i64)
}

fn joined(shapes: &[&[usize]], at: usize) -> Result<Vec<usize>> {
    let mut target = shapes.first().map(|shape| shape.to_vec()).unwrap_or_default();
    for shape in shapes.iter().skip(1) {
        let fits = shape.len() == target.len()
            && (0..shape.len()).all(|axis| axis == at || shape[axis] == target[axis]);
        let sum = shape.get(at).and_then(|extent| target.get(at)?.checked_add(*extent));
        match sum {
            Some(sum) if fits => target[at] = sum,
            _ => return Err(wrong(format!("{shape:?} does not join {target:?} along axis {at}"))),
        }
    }
    Ok(target)
}

/// Row by row, `outer` of them, from every array its part.
fn rows<T: Clone + Default + Send + Sync + 'static>(
    like: &[T],
    arrays: &[Array],
    outer: usize,
    pool: &Pool,
) -> Vec<T> {
    let parts: Vec<&[T]> =
        arrays.iter().filter_map(|a| values_like(like, a)).filter(|v| !v.is_empty()).collect();
    let n: usize = parts.iter().map(|part| part.len()).sum();
    if n == 0 || outer == 0 {
        return Vec::new();
    }
    if n < SHARE || pool.threads() == 1 || n / outer / parts.len() < 64 {
        let mut out = Vec::with_capacity(n);
        for row in 0..outer {
            for part in &parts {
                let length = part.len() / outer;
                out.extend_from_slice(&part[row * length..(row + 1) * length]);
            }
        }
        return out;
    }
    let mut out = vec![T::default(); n];
    let mut rest = out.as_mut_slice();
    let mut pieces: Vec<Mutex<(&mut [T], &[T])>> = Vec::with_capacity(outer * parts.len());
    for row in 0..outer {
        for part in &parts {
            let length = part.len() / outer;
            let (piece, after) = std::mem::take(&mut rest).split_at_mut(length);
            rest = after;
            pieces.push(Mutex::new((piece, &part[row * length..(row + 1) * length])));
        }
    }
    pool.run(pieces.len(), |index| {
        let mut piece = pieces[index].lock().unwrap_or_else(PoisonError::into_inner);
        let (out, from) = &mut *piece;
        out.clone_from_slice(from);
    });
    drop(pieces);
    out
}
