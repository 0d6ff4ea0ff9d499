//! `Scan`: a body run along an axis of its inputs.

use super::Gathered;
use super::control::stacked;
use crate::array::Array;
use crate::error::Result;
use crate::onnx::ops::shape::{part, stack};
use crate::onnx::ops::{Call, Inputs, Op, Value, axis, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("Scan", scan)];

/// What is common to all samples.
struct Plan {
    /// Of each scanned input.
    axes: Vec<i64>,
    backward: Vec<bool>,
    /// Of each stacked output.
    out_axes: Vec<i64>,
    out_backward: Vec<bool>,
}

/// Inputs: states, then scanned values; opset 8 has lengths in front and everything in batches.
fn scan(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let attributes = call.attributes();
    let batched = call.version() < 9;
    let lengths = if batched { inputs.maybe_ints(0)? } else { None };
    let first = usize::from(batched);
    let given = inputs.len().saturating_sub(first);
    let scanned = usize::try_from(call.int("num_scan_inputs", 0)).unwrap_or(0);
    let Some(states) = given.checked_sub(scanned).filter(|_| scanned > 0) else {
        return Err(wrong(format!("{given} inputs, {scanned} of them scanned")));
    };
    let outputs = call.node.output_count().saturating_sub(states);
    let list = |name: &str, n: usize| {
        let values = attributes.ints(name).map_or_else(|| vec![0; n], <[i64]>::to_vec);
        if values.len() == n {
            Ok(values)
        } else {
            Err(wrong(format!("{name} has not {n} values")))
        }
    };
    let flags = |values: Vec<i64>| values.into_iter().map(|value| value != 0).collect();
    let directions = if batched { "directions" } else { "scan_input_directions" };
    let plan = Plan {
        axes: list("scan_input_axes", scanned)?,
        backward: flags(list(directions, scanned)?),
        out_axes: list("scan_output_axes", outputs)?,
        out_backward: flags(list("scan_output_directions", outputs)?),
    };
    let values =
        (0..given).map(|i| inputs.take_value(first + i)).collect::<Result<Vec<Value>>>()?;
    if !batched {
        return one_sample(call, values, states, &plan, None);
    }
    let arrays: Option<Vec<Array>> = values.iter().map(|value| value.array().cloned()).collect();
    let arrays = arrays.ok_or_else(|| wrong("a state or scanned value is no tensor"))?;
    let batch = arrays.first().and_then(|array| array.shape().first()).copied().unwrap_or(0);
    let fits = |array: &Array| array.shape().first() == Some(&batch);
    if batch == 0 || !arrays.iter().all(fits) || lengths.as_ref().is_some_and(|l| l.len() != batch)
    {
        return Err(wrong("the inputs are no batches of one size"));
    }
    let mut results: Vec<Vec<Array>> = vec![Vec::new(); states + outputs];
    for sample in 0..batch {
        let values = arrays.iter().map(|array| at(call, array, 0, sample).map(Value::Array));
        let length = lengths.as_ref().map(|lengths| lengths[sample]);
        let values = values.collect::<Result<Vec<Value>>>()?;
        for (all, value) in results.iter_mut().zip(one_sample(call, values, states, &plan, length)?)
        {
            match value {
                Value::Array(array) => all.push(array),
                _ => return Err(wrong("a state is no tensor")),
            }
        }
    }
    // Shorter sequences end in zeros.
    let same = |arrays: Vec<Array>| stack(call, &padded(arrays)?, 0).map(Value::Array);
    results.into_iter().map(same).collect()
}

fn one_sample(
    call: &Call,
    mut values: Vec<Value>,
    states: usize,
    plan: &Plan,
    length: Option<i64>,
) -> Result<Vec<Value>> {
    let scanned: Option<Vec<Array>> =
        values.drain(states..).map(|value| value.array().cloned()).collect();
    let scanned = scanned.ok_or_else(|| wrong("a scanned value is no tensor"))?;
    let mut turns = None;
    let mut axes = Vec::with_capacity(scanned.len());
    for (array, at) in scanned.iter().zip(&plan.axes) {
        let at = axis(*at, array.rank())?;
        let extent = array.shape()[at];
        if *turns.get_or_insert(extent) != extent {
            return Err(wrong("the scanned values differ in length"));
        }
        axes.push(at);
    }
    let full = turns.unwrap_or(0);
    let turns = match length {
        None => full,
        Some(length) => usize::try_from(length)
            .ok()
            .filter(|length| *length <= full)
            .ok_or_else(|| wrong(format!("a length of {length} among {full}")))?,
    };
    let mut stacks: Vec<Gathered> =
        plan.out_axes.iter().map(|_| Gathered::new(call.most_bytes)).collect();
    for turn in 0..turns {
        for ((array, axis), backward) in scanned.iter().zip(&axes).zip(&plan.backward) {
            let index = if *backward { turns - 1 - turn } else { turn };
            values.push(Value::Array(at(call, array, *axis, index)?));
        }
        let mut results = call.bodies.run("body", values)?.into_iter();
        values = results.by_ref().take(states).collect();
        for stack in &mut stacks {
            stack.push(results.next().ok_or_else(|| wrong("the body gives too few values"))?)?;
        }
    }
    for (output, stack) in stacks.iter_mut().enumerate() {
        if plan.out_backward[output] {
            stack.arrays.reverse();
        }
        values.push(stacked(call, stack, states + output, plan.out_axes[output])?);
    }
    Ok(values)
}

/// One index of an axis, which goes.
fn at(call: &Call, array: &Array, axis: usize, index: usize) -> Result<Array> {
    let mut shape = array.shape().to_vec();
    shape.remove(axis);
    part(array, axis, index, 1, call.pool)?.reshaped(&shape)
}

/// Arrays that differ at most in their first axis, brought to one length.
fn padded(arrays: Vec<Array>) -> Result<Vec<Array>> {
    use crate::array::same_type;
    let longest = arrays.iter().filter_map(|array| array.shape().first().copied()).max();
    let Some(longest) = longest else { return Ok(arrays) };
    let one = |array: Array| {
        let mut shape = array.shape().to_vec();
        if shape.first().is_none_or(|first| *first == longest || *first == 0) {
            return Ok(array);
        }
        let n = array.len() / shape[0] * longest;
        shape[0] = longest;
        let data = same_type!(array.data(), values => {
            let mut values = values.to_vec();
            values.resize(n, Default::default());
            values
        });
        Array::new(&shape, data)
    };
    arrays.into_iter().map(one).collect()
}
