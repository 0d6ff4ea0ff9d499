//! Values that may be absent.

use crate::array::Array;
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("Optional", optional),
    Op::new("OptionalGetElement", optional_get_element),
    Op::new("OptionalHasElement", optional_has_element),
];

fn optional(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    Ok(vec![inputs.take_value(0).unwrap_or(Value::Absent)])
}

fn optional_get_element(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    match inputs.take_value(0)? {
        Value::Absent => Err(wrong("the optional value is absent")),
        value => Ok(vec![value]),
    }
}

fn optional_has_element(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let there = inputs.take_value(0).is_ok_and(|value| !matches!(value, Value::Absent));
    one(Array::scalar(there))
}
