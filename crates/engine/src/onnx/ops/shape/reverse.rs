//! `ReverseSequence`: each sequence of a batch backwards, up to its own length.

use super::view::product;
use crate::array::{Array, same_type};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("ReverseSequence", reverse_sequence).infer(infer_same)];

fn infer_same(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, x.shape.clone())])
}

fn reverse_sequence(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.array(0)?;
    let &[a, b, ref rest @ ..] = array.shape() else {
        return Err(wrong(format!("{:?} has no batch of sequences", array.shape())));
    };
    let batch_first = match (call.int("batch_axis", 1), call.int("time_axis", 0)) {
        (0, 1) => true,
        (1, 0) => false,
        other => return Err(wrong(format!("batch and time axes {other:?}"))),
    };
    let (batch, time) = if batch_first { (a, b) } else { (b, a) };
    let lengths: Option<Vec<usize>> = inputs
        .ints(1)?
        .into_iter()
        .map(|length| usize::try_from(length).ok().filter(|length| *length <= time))
        .collect();
    let lengths = lengths
        .filter(|lengths| lengths.len() == batch)
        .ok_or_else(|| wrong(format!("lengths do not fit {batch} sequences of {time}")))?;
    if array.is_empty() {
        return one(array.clone());
    }
    let block = product(rest);
    let data = same_type!(array.data(), values => {
        let mut out = Vec::with_capacity(values.len());
        for i in 0..a {
            for j in 0..b {
                let (sample, t) = if batch_first { (i, j) } else { (j, i) };
                let length = lengths[sample];
                let t = if t < length { length - 1 - t } else { t };
                let row = if batch_first { sample * time + t } else { t * batch + sample };
                out.extend_from_slice(&values[row * block..(row + 1) * block]);
            }
        }
        out
    });
    one(Array::new(array.shape(), data)?)
}
