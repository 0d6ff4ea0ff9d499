//! Operations that hand on what they are given: `Identity`, `Constant`.

use super::{Ask, Call, Inputs, Known, Op, Value, one, wrong};
use crate::array::Array;
use crate::error::Result;

pub(super) const OPS: &[Op] = &[
    Op::new("Identity", identity).infer(same),
    Op::new("Constant", constant).infer(infer_constant),
];

fn identity(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    Ok(vec![inputs.take_value(0)?])
}

fn constant(call: &Call, _: Inputs) -> Result<Vec<Value>> {
    one(stored(call.attributes()).ok_or_else(|| wrong("a constant without a value"))?)
}

fn infer_constant(ask: &Ask) -> Option<Vec<Known>> {
    Some(vec![Known::from(stored(ask.attributes())?)])
}

fn stored(attributes: &crate::onnx::graph::Attributes) -> Option<Array> {
    if let Some(array) = attributes.array("value").or_else(|| attributes.array("sparse_value")) {
        return Some(array.clone());
    }
    if let Some(value) = attributes.float("value_float") {
        return Some(Array::scalar(value));
    }
    if let Some(value) = attributes.int("value_int") {
        return Some(Array::scalar(value));
    }
    if let Some(text) = attributes.text("value_string") {
        return Some(Array::scalar(text.to_string()));
    }
    if let Some(values) = attributes.floats("value_floats") {
        return Some(Array::vector(values.to_vec()));
    }
    if let Some(values) = attributes.ints("value_ints") {
        return Some(Array::vector(values.to_vec()));
    }
    attributes.texts("value_strings").map(|texts| Array::vector(texts.to_vec()))
}

/// The first input's type and shape.
fn same(ask: &Ask) -> Option<Vec<Known>> {
    Some(vec![ask.input(0)?.clone()])
}
