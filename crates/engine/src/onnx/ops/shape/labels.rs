//! Small operations of the set `ai.onnx.ml`: `ArrayFeatureExtractor`, `Binarizer`, `LabelEncoder`.

use super::gather::blocks;
use super::typed::{indices, narrowed, numbers, values_like, widened};
use crate::array::{Array, Data, Element, same_type};
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, wrong};
use std::collections::HashMap;

const ML: &str = "ai.onnx.ml";

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("ArrayFeatureExtractor", extract).domain(ML),
    Op::new("Binarizer", binarize).domain(ML),
    Op::new("LabelEncoder", encode).domain(ML),
];

/// Some indices of the last axis.
fn extract(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.array(0)?;
    let Some((&extent, outer)) = array.shape().split_last() else {
        return Err(wrong("a scalar has no axis to pick from"));
    };
    let picked = indices(&inputs.ints(1)?, extent)?;
    let mut shape = if outer.is_empty() { vec![1] } else { outer.to_vec() };
    shape.push(picked.len());
    call.room(&shape, array.dtype())?;
    let rows = array.len() / extent.max(1);
    let row = |row: usize| picked.iter().map(move |index| row * extent + index);
    let positions: Vec<usize> = (0..rows).flat_map(row).collect();
    let data = same_type!(array.data(), values => blocks(values, &positions, 1, call.pool));
    one(Array::new(&shape, data)?)
}

/// 1 above the threshold, otherwise 0.
fn binarize(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    use super::typed::Number;
    fn over<T: Number>(values: &[T], threshold: f64) -> Data {
        let one = |value: &T| if value.to_f64() > threshold { T::ONE } else { T::ZERO };
        T::wrap(values.iter().map(one).collect())
    }
    let array = inputs.take(0)?;
    let (dtype, shape) = (array.dtype(), array.shape().to_vec());
    let array = widened(array)?;
    let threshold = f64::from(call.float("threshold", 0.0));
    let data = numbers!(array, values => Ok(over(values, threshold)))?;
    one(narrowed(Array::new(&shape, data)?, dtype)?)
}

/// Keys to values; others to the default.
fn encode(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let attributes = call.attributes();
    let array = inputs.array(0)?;
    let keys = list(attributes, "keys").ok_or_else(|| wrong("keys are missing"))?;
    let values = list(attributes, "values").ok_or_else(|| wrong("values are missing"))?;
    if keys.dtype() != array.dtype() || keys.len() != values.len() {
        return Err(wrong("keys, values and input do not go together"));
    }
    let mut table: HashMap<String, usize> = HashMap::new();
    for (position, key) in names(&keys)?.into_iter().enumerate() {
        table.entry(key).or_insert(position);
    }
    let found: Vec<Option<usize>> =
        names(array)?.iter().map(|name| table.get(name).copied()).collect();
    let default = default(attributes, &values);
    call.room(array.shape(), values.dtype())?;
    let data = same_type!(values.data(), known => picked(known, &found, default.as_ref()));
    one(Array::new(array.shape(), data)?)
}

/// The known values at those positions, elsewhere the default.
fn picked<T: Clone + Default + 'static>(
    known: &[T],
    found: &[Option<usize>],
    default: Option<&Array>,
) -> Vec<T> {
    let other = default.and_then(|array| values_like(known, array)?.first().cloned());
    let other = other.unwrap_or_default();
    found.iter().map(|at| at.map_or_else(|| other.clone(), |at| known[at].clone())).collect()
}

fn list(attributes: &Attributes, what: &str) -> Option<Array> {
    let name = |kind: &str| format!("{what}_{kind}");
    if let Some(array) = attributes.array(&name("tensor")) {
        return Some(array.clone());
    }
    if let Some(texts) = attributes.texts(&name("strings")) {
        return Some(Array::vector(texts.to_vec()));
    }
    if let Some(ints) = attributes.ints(&name("int64s")) {
        return Some(Array::vector(ints.to_vec()));
    }
    attributes.floats(&name("floats")).map(|floats| Array::vector(floats.to_vec()))
}

/// Defaults of the operator specification where the file has none.
fn default(attributes: &Attributes, values: &Array) -> Option<Array> {
    if let Some(array) = attributes.array("default_tensor") {
        return Some(array.clone());
    }
    Some(match values.data() {
        Data::Text(_) => {
            Array::scalar(attributes.text("default_string").unwrap_or("_Unused").to_string())
        }
        Data::I64(_) => Array::scalar(attributes.int("default_int64").unwrap_or(-1)),
        Data::F32(_) => Array::scalar(attributes.float("default_float").unwrap_or(-0.0)),
        _ => return None,
    })
}

/// A text for each value, equal for equal values; all NaN are one, and so are both zeros.
fn names(array: &Array) -> Result<Vec<String>> {
    fn of<T: Element + std::fmt::Display>(values: &[T]) -> Vec<String> {
        values.iter().map(|value| format!("{value}")).collect()
    }
    match array.data() {
        Data::Text(texts) => Ok(texts.to_vec()),
        Data::F32(v) => Ok(of(&v.iter().map(|x| x + 0.0).collect::<Vec<f32>>())),
        Data::F64(v) => Ok(of(&v.iter().map(|x| x + 0.0).collect::<Vec<f64>>())),
        _ => numbers!(array, values => Ok(of(values))),
    }
}
