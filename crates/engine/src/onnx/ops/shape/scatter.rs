//! Operations that write values at indices: `ScatterElements`, `Scatter`, `ScatterND`,
//! `TensorScatter`.

use super::gather::{elements, tuples};
use super::typed::{Number, edit, narrowed, numbers, same_dtype, values_like, widened};
use super::view::product;
use crate::array::Array;
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, unsupported, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("Scatter", scatter_elements).infer(infer_same),
    Op::new("ScatterElements", scatter_elements).infer(infer_same),
    Op::new("ScatterND", scatter_nd).infer(infer_same),
    Op::new("TensorScatter", tensor_scatter).infer(infer_same),
];

fn infer_same(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, x.shape.clone())])
}

fn scatter_elements(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let places = inputs.ints(1)?;
    let (places_shape, updates) = (inputs.array(1)?.shape().to_vec(), inputs.array(2)?.clone());
    let array = inputs.take(0)?;
    let at = axis(call.int("axis", 0), array.rank())?;
    if updates.shape() != places_shape {
        return Err(wrong(format!("updates {:?}, indices {places_shape:?}", updates.shape())));
    }
    let positions = elements(array.shape(), &places_shape, at, &places)?;
    one(written(call, array, &updates, &positions, 1)?)
}

fn scatter_nd(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let places = inputs.ints(1)?;
    let (places_shape, updates) = (inputs.array(1)?.shape().to_vec(), inputs.array(2)?.clone());
    let array = inputs.take(0)?;
    let block = places_shape
        .split_last()
        .filter(|(depth, _)| **depth > 0)
        .and_then(|(depth, outer)| Some((*depth, outer, array.shape().get(*depth..)?)))
        .filter(|(_, outer, inner)| updates.shape() == [*outer, *inner].concat());
    let Some((depth, _, inner)) = block else {
        return Err(wrong(format!(
            "values {:?}, indices {places_shape:?}, updates {:?}",
            array.shape(),
            updates.shape()
        )));
    };
    let block = product(inner);
    let positions = tuples(array.shape(), &places, 0, depth, usize::MAX)?;
    one(written(call, array, &updates, &positions, block)?)
}

/// Writes each block of updates at its position, by the rule that the attribute names.
fn written(
    call: &Call,
    array: Array,
    updates: &Array,
    positions: &[usize],
    block: usize,
) -> Result<Array> {
    same_dtype(&array, updates)?;
    if block == 0 || positions.is_empty() {
        return Ok(array);
    }
    let rule = call.text("reduction", "none");
    if rule == "none" {
        return Ok(edit!(array, values => {
            let updates = values_like(values, updates).unwrap_or(&[]);
            for (position, update) in positions.iter().zip(updates.chunks(block)) {
                values[*position..position + block].clone_from_slice(update);
            }
        }));
    }
    let (dtype, shape) = (array.dtype(), array.shape().to_vec());
    let (array, updates) = (widened(array)?, widened(updates.clone())?);
    let data = numbers!(array, values => {
        let mut values = values.to_vec();
        let updates = values_like(&values, &updates).unwrap_or(&[]);
        reduce(&mut values, updates, positions, block, rule).map(|()| crate::array::Element::wrap(values))
    })?;
    narrowed(Array::new(&shape, data)?, dtype)
}

fn reduce<T: Number>(
    values: &mut [T],
    updates: &[T],
    positions: &[usize],
    block: usize,
    rule: &str,
) -> Result<()> {
    let combine = match rule {
        "add" => T::plus,
        "mul" => T::times,
        "max" => T::larger,
        "min" => T::smaller,
        other => return Err(unsupported(format!("reduction `{other}`"))),
    };
    for (position, update) in positions.iter().zip(updates.chunks(block)) {
        for (value, update) in values[*position..position + block].iter_mut().zip(update) {
            *value = combine(*value, *update);
        }
    }
    Ok(())
}

/// Writes a stretch of a sequence, for each sample of the batch at its own place.
fn tensor_scatter(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let update = inputs.array(1)?.clone();
    let starts = inputs.maybe_ints(2)?;
    let array = inputs.take(0)?;
    same_dtype(&array, &update)?;
    let at = axis(call.int("axis", -2), array.rank())?;
    let (shape, length) = (array.shape().to_vec(), update.shape().get(at).copied().unwrap_or(0));
    let mut expected = shape.clone();
    expected[at] = length;
    if at == 0 || update.shape() != expected || length > shape[at] {
        return Err(wrong(format!("an update of {:?} for {shape:?}", update.shape())));
    }
    if update.is_empty() {
        return one(array);
    }
    let starts = starts.unwrap_or_else(|| vec![0; shape[0]]);
    let circular = match call.text("mode", "linear") {
        "linear" => false,
        "circular" => true,
        other => return Err(unsupported(format!("mode `{other}`"))),
    };
    let fits = |start: &i64| {
        *start >= 0 && (circular || start.saturating_add(length as i64) <= shape[at] as i64)
    };
    if starts.len() != shape[0] || !starts.iter().all(fits) {
        return Err(wrong(format!("write indices {starts:?} for {shape:?}")));
    }
    let block = product(&shape[at + 1..]);
    let (rows, extent) = (product(&shape[..at]), shape[at]);
    let mut positions = Vec::with_capacity(rows * length);
    for row in 0..rows {
        let start = starts[row / (rows / shape[0])] as usize % extent;
        positions.extend((0..length).map(|i| (row * extent + (start + i) % extent) * block));
    }
    one(edit!(array, values => {
        let updates = values_like(values, &update).unwrap_or(&[]);
        for (position, update) in positions.iter().zip(updates.chunks(block)) {
            values[*position..position + block].clone_from_slice(update);
        }
    }))
}
