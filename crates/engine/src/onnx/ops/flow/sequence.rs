//! Sequences of tensors.

use crate::array::Array;
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::ops::shape::{join, part, stack};
use crate::onnx::ops::{Call, Inputs, Op, Value, axis, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("ConcatFromSequence", concat_from_sequence),
    Op::new("SequenceAt", sequence_at),
    Op::new("SequenceConstruct", sequence_construct),
    Op::new("SequenceEmpty", sequence_empty),
    Op::new("SequenceErase", sequence_erase),
    Op::new("SequenceInsert", sequence_insert),
    Op::new("SequenceLength", sequence_length),
    Op::new("SequenceMap", sequence_map),
    Op::new("SplitToSequence", split_to_sequence),
];

/// Tensors in a sequence; even empty ones take memory.
const MOST: usize = 1 << 20;

fn sequence(inputs: &mut Inputs, index: usize) -> Result<Vec<Array>> {
    match inputs.take_value(index)? {
        Value::Sequence(arrays) => Ok(arrays),
        _ => Err(wrong(format!("input {index} is no sequence"))),
    }
}

fn limited(length: usize) -> Result<()> {
    match length <= MOST {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Limit, format!("a sequence longer than {MOST}"))),
    }
}

fn sequence_construct(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let arrays = (0..inputs.len()).map(|i| inputs.take(i)).collect::<Result<Vec<Array>>>()?;
    Ok(vec![Value::Sequence(arrays)])
}

fn sequence_empty(_: &Call, _: Inputs) -> Result<Vec<Value>> {
    Ok(vec![Value::Sequence(Vec::new())])
}

fn sequence_length(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    one(Array::scalar(sequence(&mut inputs, 0)?.len() as i64))
}

fn sequence_at(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let position = inputs.int(1)?;
    let mut arrays = sequence(&mut inputs, 0)?;
    let at = axis(position, arrays.len())?;
    one(arrays.swap_remove(at))
}

fn sequence_erase(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let position = if inputs.maybe(1)?.is_some() { inputs.int(1)? } else { -1 };
    let mut arrays = sequence(&mut inputs, 0)?;
    let at = axis(position, arrays.len())?;
    arrays.remove(at);
    Ok(vec![Value::Sequence(arrays)])
}

fn sequence_insert(_: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let position = if inputs.maybe(2)?.is_some() { Some(inputs.int(2)?) } else { None };
    let array = inputs.take(1)?;
    let mut arrays = sequence(&mut inputs, 0)?;
    limited(arrays.len() + 1)?;
    let n = arrays.len() as i64;
    let at = position.map_or(n, |at| if at < 0 { at.saturating_add(n) } else { at });
    if !(0..=n).contains(&at) {
        return Err(wrong(format!("position {at} in a sequence of {n}")));
    }
    arrays.insert(at as usize, array);
    Ok(vec![Value::Sequence(arrays)])
}

fn split_to_sequence(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let sizes = inputs.maybe_ints(1)?;
    let scalar = inputs.maybe(1)?.is_some_and(|sizes| sizes.rank() == 0);
    let array = inputs.take(0)?;
    let at = axis(call.int("axis", 0), array.rank())?;
    let extent = array.shape()[at];
    let keep = sizes.is_some() || call.int("keepdims", 1) != 0;
    let cannot = || wrong(format!("an axis of {extent} does not split that way"));
    let sizes: Vec<usize> = match sizes {
        Some(sizes) if !scalar => {
            let sizes: Option<Vec<usize>> =
                sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
            sizes.ok_or_else(cannot)?
        }
        sizes => {
            let each = sizes.and_then(|sizes| sizes.first().copied()).unwrap_or(1);
            let each = usize::try_from(each).ok().filter(|each| *each > 0).ok_or_else(cannot)?;
            limited(extent.div_ceil(each))?;
            (0..extent.div_ceil(each)).map(|i| each.min(extent - i * each)).collect()
        }
    };
    limited(sizes.len())?;
    if sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)) != Some(extent) {
        return Err(cannot());
    }
    let (mut start, mut parts) = (0, Vec::with_capacity(sizes.len()));
    for size in sizes {
        let taken = part(&array, at, start, size, call.pool)?;
        start += size;
        parts.push(if keep {
            taken
        } else {
            let mut shape = taken.shape().to_vec();
            shape.remove(at);
            taken.reshaped(&shape)?
        });
    }
    Ok(vec![Value::Sequence(parts)])
}

fn concat_from_sequence(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let arrays = sequence(&mut inputs, 0)?;
    let at = call.attributes().int("axis").ok_or_else(|| wrong("axis is missing"))?;
    one(match call.attributes().flag("new_axis") {
        true => stack(call, &arrays, at)?,
        false => join(call, &arrays, at)?,
    })
}

/// The body takes one tensor of each sequence, and the other inputs as they are.
fn sequence_map(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let values = (0..inputs.len()).map(|i| inputs.take_value(i)).collect::<Result<Vec<Value>>>()?;
    let Some(Value::Sequence(first)) = values.first() else {
        return Err(wrong("the first input is no sequence"));
    };
    let mut results: Vec<Vec<Array>> = vec![Vec::new(); call.node.output_count()];
    let mut bytes = 0u64;
    for turn in 0..first.len() {
        let of = |value: &Value| match value {
            Value::Sequence(arrays) => arrays
                .get(turn)
                .map(|array| Value::Array(array.clone()))
                .ok_or_else(|| wrong("the sequences differ in length")),
            other => Ok(other.clone()),
        };
        let given = values.iter().map(of).collect::<Result<Vec<Value>>>()?;
        for (all, value) in results.iter_mut().zip(call.bodies.run("body", given)?) {
            let Value::Array(array) = value else { return Err(wrong("the body gives no tensor")) };
            bytes += array.bytes();
            all.push(array);
        }
        if bytes > call.most_bytes {
            let message =
                format!("sequences of more than the {} MiB allowed", call.most_bytes >> 20);
            return Err(Error::new(ErrorKind::Limit, message));
        }
    }
    Ok(results.into_iter().map(Value::Sequence).collect())
}
