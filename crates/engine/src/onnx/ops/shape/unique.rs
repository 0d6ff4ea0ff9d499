//! Operations whose result's size only the values tell: `Unique`, `NonZero`.

use super::order::orders;
use super::typed::Ordered;
use super::view::{View, product};
use crate::array::{Array, DType, Data, Element};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, axis, one, unsupported};
use std::cmp::Ordering;

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("NonZero", non_zero), Op::new("Unique", unique)];

/// Indices of the values that are not zero, (axes, values found), in the order of the values.
fn non_zero(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.array(0)?;
    let found = orders!(array, values => Ok(others_than_default(values)))?;
    let shape = if array.rank() == 0 { vec![1] } else { array.shape().to_vec() };
    let n = found.len();
    call.room(&[shape.len(), n], DType::I64)?;
    let mut indices = vec![0i64; shape.len() * n];
    for (column, position) in found.into_iter().enumerate() {
        let mut rest = position;
        for axis in (0..shape.len()).rev() {
            indices[axis * n + column] = (rest % shape[axis]) as i64;
            rest /= shape[axis];
        }
    }
    one(Array::of(&[shape.len(), n], indices)?)
}

fn others_than_default<T: Element>(values: &[T]) -> Vec<usize> {
    let zero = T::default();
    let found = values.iter().enumerate().filter(|(_, value)| **value != zero);
    found.map(|(position, _)| position).collect()
}

/// What [`unique`] finds among rows.
struct Distinct {
    /// First of each kind, in the wanted order.
    first: Vec<usize>,
    /// The kind of each row.
    kind: Vec<usize>,
    /// Rows of each kind.
    count: Vec<i64>,
}

fn unique(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.take(0)?;
    let sorted = call.int("sorted", 1) != 0;
    let at = call.attributes().int("axis").map(|at| axis(at, array.rank())).transpose()?;
    // With an axis its slices are compared: they become rows.
    let (rows, order, count) = match at {
        None => (array.clone(), Vec::new(), array.len()),
        Some(at) => {
            let mut order: Vec<usize> = (0..array.rank()).collect();
            order.remove(at);
            order.insert(0, at);
            let rows = View::whole(array.shape()).permuted(&order).of(&array, call.pool)?;
            (rows, order, array.shape()[at])
        }
    };
    let length = if at.is_none() { 1 } else { product(&rows.shape()[1..]) };
    let (distinct, data) = orders!(rows, values => {
        let distinct = distinct(values, count, length, sorted);
        let kept = distinct.first.iter().flat_map(|row| &values[row * length..(row + 1) * length]);
        let kept = kept.cloned().collect();
        Ok((distinct, Element::wrap(kept)))
    })?;
    let n = distinct.first.len();
    let kept = match at {
        None => Array::new(&[n], data)?,
        Some(_) => {
            let mut shape = rows.shape().to_vec();
            shape[0] = n;
            let mut back = vec![0; order.len()];
            for (position, axis) in order.iter().enumerate() {
                back[*axis] = position;
            }
            let kept = Array::new(&shape, data)?;
            View::whole(&shape).permuted(&back).of(&kept, call.pool)?
        }
    };
    let ints = |values: Vec<usize>| {
        Value::Array(Array::vector(values.into_iter().map(|v| v as i64).collect::<Vec<i64>>()))
    };
    Ok(vec![
        kept.into(),
        ints(distinct.first),
        ints(distinct.kind),
        Array::vector(distinct.count).into(),
    ])
}

fn distinct<T: Ordered>(values: &[T], rows: usize, length: usize, sorted: bool) -> Distinct {
    let row = |index: usize| &values[index * length..(index + 1) * length];
    let compare = |a: usize, b: usize| {
        let pairs = row(a).iter().zip(row(b));
        pairs.map(|(a, b)| a.order(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..rows).collect();
    // Stable: among equal rows the first stays in front.
    order.sort_by(|a, b| compare(*a, *b));
    let mut found = Distinct { first: Vec::new(), kind: vec![0; rows], count: Vec::new() };
    for index in order {
        match found.first.last() {
            Some(last) if compare(*last, index).is_eq() => {}
            _ => {
                found.first.push(index);
                found.count.push(0);
            }
        }
        found.kind[index] = found.first.len() - 1;
        if let Some(count) = found.count.last_mut() {
            *count += 1;
        }
    }
    if !sorted {
        let mut by_place: Vec<usize> = (0..found.first.len()).collect();
        by_place.sort_by_key(|kind| found.first[*kind]);
        let mut renamed = vec![0; by_place.len()];
        for (new, old) in by_place.iter().enumerate() {
            renamed[*old] = new;
        }
        found.first = by_place.iter().map(|old| found.first[*old]).collect();
        found.count = by_place.iter().map(|old| found.count[*old]).collect();
        found.kind.iter_mut().for_each(|kind| *kind = renamed[*kind]);
    }
    found
}
