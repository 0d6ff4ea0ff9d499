//! Operations that pick values by index: `Gather`, `GatherElements`, `GatherND`, `Compress`.

use super::typed::{index, indices};
use super::view::{Walk, product, strides};
use crate::array::{Array, count, same_type};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, wrong};
use kernels::Pool;
use std::sync::{Mutex, PoisonError};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("Compress", compress),
    Op::new("Gather", gather).infer(infer_gather),
    Op::new("GatherElements", gather_elements).infer(infer_gather_elements),
    Op::new("GatherND", gather_nd).infer(infer_gather_nd),
];

/// Fewer values are copied on one thread.
const SHARE: usize = 1 << 16;

fn gather(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (array, places) = (inputs.array(0)?, inputs.array(1)?);
    let at = axis(call.int("axis", 0), array.rank())?;
    let extent = array.shape()[at];
    let picked = indices(&inputs.ints(1)?, extent)?;
    let shape = gathered(array.shape(), places.shape(), at);
    call.room(&shape, array.dtype())?;
    let inner = product(&array.shape()[at + 1..]);
    let outer = product(&array.shape()[..at]);
    let starts = |row: usize| picked.iter().map(move |index| (row * extent + index) * inner);
    let starts: Vec<usize> =
        if product(&shape) == 0 { Vec::new() } else { (0..outer).flat_map(starts).collect() };
    let data = same_type!(array.data(), values => blocks(values, &starts, inner, call.pool));
    one(Array::new(&shape, data)?)
}

fn infer_gather(ask: &Ask) -> Option<Vec<Known>> {
    let (x, places) = (ask.input(0)?, ask.input(1)?);
    let at = axis(ask.attributes().int("axis").unwrap_or(0), x.shape.len()).ok()?;
    let shape = gathered(&x.shape, &places.shape, at);
    count(&shape)?;
    Some(vec![Known::of(x.dtype, shape)])
}

fn gathered(shape: &[usize], places: &[usize], at: usize) -> Vec<usize> {
    [&shape[..at], places, &shape[at + 1..]].concat()
}

/// Blocks of `length` values from those starts on, one after the other.
pub(super) fn blocks<T: Clone + Default + Send + Sync>(
    from: &[T],
    starts: &[usize],
    length: usize,
    pool: &Pool,
) -> Vec<T> {
    let n = starts.len() * length;
    if length == 1 {
        return starts.iter().map(|start| from[*start].clone()).collect();
    }
    if n < SHARE || pool.threads() == 1 {
        let mut out = Vec::with_capacity(n);
        for start in starts {
            out.extend_from_slice(&from[*start..start + length]);
        }
        return out;
    }
    let mut out = vec![T::default(); n];
    let share = starts.len().div_ceil(4 * pool.threads());
    let parts: Vec<Mutex<&mut [T]>> = out.chunks_mut(share * length).map(Mutex::new).collect();
    pool.run(parts.len(), |task| {
        let mut part = parts[task].lock().unwrap_or_else(PoisonError::into_inner);
        for (out, start) in part.chunks_mut(length).zip(&starts[task * share..]) {
            out.clone_from_slice(&from[*start..start + length]);
        }
    });
    drop(parts);
    out
}

fn gather_elements(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (array, places) = (inputs.array(0)?, inputs.array(1)?);
    let at = axis(call.int("axis", 0), array.rank())?;
    call.room(places.shape(), array.dtype())?;
    let positions = elements(array.shape(), places.shape(), at, &inputs.ints(1)?)?;
    let data = same_type!(array.data(), values => blocks(values, &positions, 1, call.pool));
    one(Array::new(places.shape(), data)?)
}

fn infer_gather_elements(ask: &Ask) -> Option<Vec<Known>> {
    Some(vec![Known::of(ask.input(0)?.dtype, ask.input(1)?.shape.clone())])
}

/// For each value of the indices, whose shape is `places`, the position it means in an array of
/// `shape`: its own, but for axis `at`, where it is the index's.
pub(super) fn elements(
    shape: &[usize],
    places: &[usize],
    at: usize,
    values: &[i64],
) -> Result<Vec<usize>> {
    let inside = |axis: usize| axis == at || places[axis] <= shape[axis];
    if places.len() != shape.len() || !(0..shape.len()).all(inside) {
        return Err(wrong(format!("indices of shape {places:?} for values of shape {shape:?}")));
    }
    let steps = strides(shape);
    let mut free: Vec<isize> = steps.iter().map(|step| *step as isize).collect();
    free[at] = 0;
    let mut walk = Walk::new(places, &free, 0);
    let mut positions = Vec::with_capacity(values.len());
    for value in values {
        positions.push(walk.position as usize + index(*value, shape[at])? * steps[at]);
        walk.step();
    }
    Ok(positions)
}

fn gather_nd(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (array, places) = (inputs.array(0)?, inputs.array(1)?);
    let batch = call.int("batch_dims", 0);
    let (shape, batch, depth) = gathered_nd(array.shape(), places.shape(), batch)?;
    if call.room(&shape, array.dtype())? == 0 {
        return one(Array::new(&shape, same_type!(array.data(), v => v[..0].to_vec()))?);
    }
    let block = product(&array.shape()[batch + depth..]);
    let per_batch = product(&places.shape()[batch..places.rank() - 1]);
    let starts = tuples(array.shape(), &inputs.ints(1)?, batch, depth, per_batch)?;
    let data = same_type!(array.data(), values => blocks(values, &starts, block, call.pool));
    one(Array::new(&shape, data)?)
}

fn infer_gather_nd(ask: &Ask) -> Option<Vec<Known>> {
    let (x, places) = (ask.input(0)?, ask.input(1)?);
    let batch = ask.attributes().int("batch_dims").unwrap_or(0);
    let (shape, ..) = gathered_nd(&x.shape, &places.shape, batch).ok()?;
    count(&shape)?;
    Some(vec![Known::of(x.dtype, shape)])
}

/// The result's shape, the number of leading axes that both share, and the length of the tuples.
fn gathered_nd(
    shape: &[usize],
    places: &[usize],
    batch: i64,
) -> Result<(Vec<usize>, usize, usize)> {
    let cannot = || wrong(format!("indices of shape {places:?} for values of shape {shape:?}"));
    let batch = usize::try_from(batch).map_err(|_| cannot())?;
    let (depth, outer) = places.split_last().ok_or_else(cannot)?;
    let inner = batch.checked_add(*depth).and_then(|from| shape.get(from..)).ok_or_else(cannot)?;
    if outer.get(..batch) != shape.get(..batch) || *depth == 0 {
        return Err(cannot());
    }
    Ok(([outer, inner].concat(), batch, *depth))
}

/// Where the block that each tuple of `depth` indices names starts; the first `batch` axes are its own.
pub(super) fn tuples(
    shape: &[usize],
    values: &[i64],
    batch: usize,
    depth: usize,
    per_batch: usize,
) -> Result<Vec<usize>> {
    let steps = strides(shape);
    let whole = product(&shape[batch..]);
    let of = |(i, tuple): (usize, &[i64])| {
        let mut position = i / per_batch.max(1) * whole;
        for (offset, value) in tuple.iter().enumerate() {
            position += index(*value, shape[batch + offset])? * steps[batch + offset];
        }
        Ok(position)
    };
    values.chunks(depth.max(1)).enumerate().map(of).collect()
}

fn compress(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.array(0)?;
    let kept: Vec<usize> = inputs
        .slice::<bool>(1)?
        .iter()
        .enumerate()
        .filter(|(_, kept)| **kept)
        .map(|(index, _)| index)
        .collect();
    let (outer, extent, inner, mut shape, at) = match call.attributes().int("axis") {
        None => (1, array.len(), 1, vec![0], 0),
        Some(at) => {
            let at = axis(at, array.rank())?;
            let (shape, inner) = (array.shape(), product(&array.shape()[at + 1..]));
            (product(&shape[..at]), shape[at], inner, shape.to_vec(), at)
        }
    };
    shape[at] = kept.len();
    if kept.last().is_some_and(|last| *last >= extent) {
        return Err(wrong(format!("a condition longer than the axis of {extent}")));
    }
    call.room(&shape, array.dtype())?;
    let starts: Vec<usize> = if product(&shape) == 0 {
        Vec::new()
    } else {
        let row = |row: usize| kept.iter().map(move |index| (row * extent + index) * inner);
        (0..outer).flat_map(row).collect()
    };
    let data = same_type!(array.data(), values => blocks(values, &starts, inner, call.pool));
    one(Array::new(&shape, data)?)
}
