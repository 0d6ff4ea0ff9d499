//! Operations that compare along an axis: `ArgMax`, `ArgMin`, `TopK`.

use super::typed::{Ordered, widened};
use super::view::product;
use crate::array::{Array, DType, Data, Element};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, unsupported, wrong};
use kernels::Pool;
use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("ArgMax", |call, inputs| extreme(call, inputs, Ordering::Greater)).infer(infer_extreme),
    Op::new("ArgMin", |call, inputs| extreme(call, inputs, Ordering::Less)).infer(infer_extreme),
    Op::new("TopK", top_k).infer(infer_top_k),
];

/// Evaluates `$body`, a `Result`, for values of a type that has an order.
macro_rules! orders {
    ($array:expr, $values:ident => $body:expr) => {
        match $array.data() {
            Data::F32($values) => $body,
            Data::F64($values) => $body,
            Data::F16($values) => $body,
            Data::BF16($values) => $body,
            Data::I8($values) => $body,
            Data::I16($values) => $body,
            Data::I32($values) => $body,
            Data::I64($values) => $body,
            Data::U8($values) => $body,
            Data::U16($values) => $body,
            Data::U32($values) => $body,
            Data::U64($values) => $body,
            Data::Bool($values) => $body,
            Data::Text($values) => $body,
            Data::Small(kind, _) => Err(unsupported(format!("order of {}", kind.name()))),
        }
    };
}
pub(super) use orders;

fn extreme(call: &Call, mut inputs: Inputs, wanted: Ordering) -> Result<Vec<Value>> {
    let array = widened(inputs.take(0)?)?;
    let (at, target) = one_less(array.shape(), call.int("axis", 0), call.int("keepdims", 1) != 0)?;
    let last = call.attributes().flag("select_last_index");
    let sizes = around(array.shape(), at);
    call.room(&target, DType::I64)?;
    if sizes[1] == 0 && product(&target) > 0 {
        return Err(wrong("the largest of no values"));
    }
    let found = orders!(array, values => Ok(arg(values, sizes, wanted, last, call.pool)))?;
    one(Array::of(&target, found)?)
}

fn infer_extreme(ask: &Ask) -> Option<Vec<Known>> {
    let keep = ask.attributes().int("keepdims").unwrap_or(1) != 0;
    let at = ask.attributes().int("axis").unwrap_or(0);
    let (_, target) = one_less(&ask.input(0)?.shape, at, keep).ok()?;
    Some(vec![Known::of(DType::I64, target)])
}

fn one_less(shape: &[usize], at: i64, keep: bool) -> Result<(usize, Vec<usize>)> {
    let at = axis(at, shape.len())?;
    let mut target = shape.to_vec();
    if keep {
        target[at] = 1;
    } else {
        target.remove(at);
    }
    Ok((at, target))
}

/// Values before, along and after an axis.
fn around(shape: &[usize], at: usize) -> [usize; 3] {
    [product(&shape[..at]), shape[at], product(&shape[at + 1..])]
}

/// Index of the extreme value along the middle axis; of equal ones the first, or the last.
fn arg<T: Ordered + Sync>(
    x: &[T],
    [outer, extent, inner]: [usize; 3],
    wanted: Ordering,
    last: bool,
    pool: &Pool,
) -> Vec<i64> {
    let mut found = vec![0i64; outer * inner];
    if found.is_empty() || extent == 0 {
        return found;
    }
    let parts: Vec<Mutex<&mut [i64]>> = found.chunks_mut(inner).map(Mutex::new).collect();
    let work = |o: usize| {
        let mut found = parts[o].lock().unwrap_or_else(PoisonError::into_inner);
        let plane = &x[o * extent * inner..(o + 1) * extent * inner];
        for e in 1..extent {
            for (i, best) in found.iter_mut().enumerate() {
                let order = plane[e * inner + i].order(&plane[*best as usize * inner + i]);
                if order == wanted || (last && order == Ordering::Equal) {
                    *best = e as i64;
                }
            }
        }
    };
    if x.len() < 1 << 15 {
        (0..outer).for_each(work)
    } else {
        pool.run(outer, work)
    }
    drop(parts);
    found
}

fn top_k(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.array(0)?;
    let k = match call.attributes().int("k") {
        Some(k) if call.version() < 10 => k,
        _ => inputs.int(1)?,
    };
    let (at, target) = topped(array.shape(), call.int("axis", -1), k)?;
    call.room(&target, DType::I64)?;
    let sizes = around(array.shape(), at);
    let wanted = match call.int("largest", 1) {
        0 => Ordering::Less,
        _ => Ordering::Greater,
    };
    let (values, indices) =
        orders!(array, values => Ok(top(values, sizes, target[at], wanted, call.pool)))?;
    let (values, indices) = (Array::new(&target, values)?, Array::of(&target, indices)?);
    Ok(vec![values.into(), indices.into()])
}

fn infer_top_k(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let k = match ask.attributes().int("k") {
        Some(k) if ask.node.version < 10 => k,
        _ => *ask.ints(1)?.first()?,
    };
    let at = ask.attributes().int("axis").unwrap_or(-1);
    let (_, target) = topped(&x.shape, at, k).ok()?;
    Some(vec![Known::of(x.dtype, target.clone()), Known::of(DType::I64, target)])
}

fn topped(shape: &[usize], at: i64, k: i64) -> Result<(usize, Vec<usize>)> {
    let at = axis(at, shape.len())?;
    let mut target = shape.to_vec();
    target[at] = usize::try_from(k)
        .ok()
        .filter(|k| *k <= shape[at])
        .ok_or_else(|| wrong(format!("the top {k} of an axis of {}", shape[at])))?;
    Ok((at, target))
}

/// The first `k` along the middle axis in the wanted order, equal ones by index, and their indices.
/// They are sorted whether asked for or not: the specification leaves that order open.
fn top<T: Element + Ordered>(
    x: &[T],
    [outer, extent, inner]: [usize; 3],
    k: usize,
    wanted: Ordering,
    pool: &Pool,
) -> (Data, Vec<i64>) {
    let n = outer * k * inner;
    let (mut values, mut indices) = (vec![T::default(); n], vec![0i64; n]);
    if n == 0 {
        return (T::wrap(values), indices);
    }
    let parts: Vec<Mutex<(&mut [T], &mut [i64])>> =
        values.chunks_mut(k * inner).zip(indices.chunks_mut(k * inner)).map(Mutex::new).collect();
    let work = |o: usize| {
        let mut part = parts[o].lock().unwrap_or_else(PoisonError::into_inner);
        let (values, indices) = &mut *part;
        let plane = &x[o * extent * inner..(o + 1) * extent * inner];
        let mut rank: Vec<u32> = Vec::new();
        for i in 0..inner {
            let at = |e: &u32| &plane[*e as usize * inner + i];
            let before = |a: &u32, b: &u32| {
                let order = at(a).order(at(b));
                let order = if wanted == Ordering::Greater { order.reverse() } else { order };
                order.then(a.cmp(b))
            };
            rank.clear();
            rank.extend(0..extent as u32);
            if k < extent {
                rank.select_nth_unstable_by(k - 1, before);
                rank.truncate(k);
            }
            rank.sort_unstable_by(before);
            for (place, e) in rank.iter().enumerate() {
                values[place * inner + i].clone_from(at(e));
                indices[place * inner + i] = i64::from(*e);
            }
        }
    };
    if x.len() < 1 << 12 {
        (0..outer).for_each(work)
    } else {
        pool.run(outer, work)
    }
    drop(parts);
    (T::wrap(values), indices)
}
