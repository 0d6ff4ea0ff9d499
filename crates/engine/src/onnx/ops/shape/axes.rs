//! Operations that change the shape and leave the values where they are, and those that tell it.

use crate::array::{Array, count};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("Flatten", flatten).infer(infer_flatten),
    Op::new("Reshape", reshape).infer(infer_reshape),
    Op::new("Shape", shape).infer(infer_shape),
    Op::new("Size", size).infer(infer_size),
    Op::new("Squeeze", squeeze).infer(infer_squeeze),
    Op::new("Unsqueeze", unsqueeze).infer(infer_unsqueeze),
];

fn reshape(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let wanted = match call.attributes().ints("shape") {
        Some(wanted) if call.version() < 5 => wanted.to_vec(),
        _ => inputs.ints(1)?,
    };
    let array = inputs.take(0)?;
    let target = reshaped(array.shape(), &wanted, call.attributes().flag("allowzero"))?;
    one(array.reshaped(&target)?)
}

fn infer_reshape(ask: &Ask) -> Option<Vec<Known>> {
    let wanted = match ask.attributes().ints("shape") {
        Some(wanted) if ask.node.version < 5 => wanted.to_vec(),
        _ => ask.ints(1)?,
    };
    let x = ask.input(0)?;
    let target = reshaped(&x.shape, &wanted, ask.attributes().flag("allowzero")).ok()?;
    // The right number of values is for the run to check; a wrong shape must not be told.
    (count(&target) == count(&x.shape)).then(|| vec![Known::of(x.dtype, target)])
}

/// The shape that `wanted` asks for: 0 keeps an extent unless `allow_zero`, one -1 takes the rest.
fn reshaped(shape: &[usize], wanted: &[i64], allow_zero: bool) -> Result<Vec<usize>> {
    let cannot = || wrong(format!("{shape:?} does not become {wanted:?}"));
    let mut rest = None;
    let mut target = Vec::with_capacity(wanted.len());
    for (position, &extent) in wanted.iter().enumerate() {
        target.push(match extent {
            0 if !allow_zero => *shape.get(position).ok_or_else(cannot)?,
            -1 if rest.is_none() => {
                rest = Some(position);
                1
            }
            _ => usize::try_from(extent).map_err(|_| cannot())?,
        });
    }
    if let Some(rest) = rest {
        let (all, others) = (count(shape), count(&target));
        target[rest] = match (all, others) {
            (Some(all), Some(others)) if others > 0 && all % others == 0 => all / others,
            _ => return Err(cannot()),
        };
    }
    Ok(target)
}

fn flatten(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.take(0)?;
    let target = flattened(array.shape(), call.int("axis", 1))?;
    one(array.reshaped(&target)?)
}

fn infer_flatten(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let target = flattened(&x.shape, ask.attributes().int("axis").unwrap_or(1)).ok()?;
    Some(vec![Known::of(x.dtype, target)])
}

fn flattened(shape: &[usize], at: i64) -> Result<Vec<usize>> {
    let rank = shape.len();
    let at = if at == rank as i64 { rank } else { axis(at, rank)? };
    let (outer, inner) = shape.split_at(at);
    match (count(outer), count(inner)) {
        (Some(outer), Some(inner)) => Ok(vec![outer, inner]),
        _ => Err(wrong(format!("{shape:?} is too large"))),
    }
}

fn squeeze(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let axes = match call.attributes().ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None => inputs.maybe_ints(1)?,
    };
    let array = inputs.take(0)?;
    let target = squeezed(array.shape(), axes.as_deref())?;
    one(array.reshaped(&target)?)
}

fn infer_squeeze(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let axes = listed(ask, 1)?;
    Some(vec![Known::of(x.dtype, squeezed(&x.shape, axes.as_deref()).ok()?)])
}

/// Axes from the attribute or an input; the inner `None` when there are neither.
pub(super) fn listed(ask: &Ask, input: usize) -> Option<Option<Vec<i64>>> {
    if let Some(axes) = ask.attributes().ints("axes") {
        return Some(Some(axes.to_vec()));
    }
    match ask.input(input) {
        None => Some(None),
        Some(_) => ask.ints(input).map(Some),
    }
}

fn squeezed(shape: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>> {
    let Some(axes) = axes else {
        return Ok(shape.iter().copied().filter(|extent| *extent != 1).collect());
    };
    let mut gone = vec![false; shape.len()];
    for at in axes {
        let at = axis(*at, shape.len())?;
        if shape[at] != 1 {
            return Err(wrong(format!("axis {at} of {shape:?} is not of extent 1")));
        }
        gone[at] = true;
    }
    Ok(shape.iter().zip(gone).filter(|(_, gone)| !gone).map(|(extent, _)| *extent).collect())
}

fn unsqueeze(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let axes = match call.attributes().ints("axes") {
        Some(axes) => axes.to_vec(),
        None => inputs.ints(1)?,
    };
    let array = inputs.take(0)?;
    let target = unsqueezed(array.shape(), &axes)?;
    one(array.reshaped(&target)?)
}

fn infer_unsqueeze(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, unsqueezed(&x.shape, &listed(ask, 1)??).ok()?)])
}

fn unsqueezed(shape: &[usize], axes: &[i64]) -> Result<Vec<usize>> {
    let rank = shape.len() + axes.len();
    let mut new = vec![false; rank];
    for at in axes {
        let at = axis(*at, rank)?;
        if std::mem::replace(&mut new[at], true) {
            return Err(wrong(format!("axis {at} is named twice")));
        }
    }
    let mut old = shape.iter();
    Ok(new.iter().map(|new| if *new { 1 } else { *old.next().unwrap_or(&1) }).collect())
}

fn shape(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let bounds = (call.attributes().int("start"), call.attributes().int("end"));
    one(extents(inputs.array(0)?.shape(), bounds))
}

fn infer_shape(ask: &Ask) -> Option<Vec<Known>> {
    let bounds = (ask.attributes().int("start"), ask.attributes().int("end"));
    Some(vec![Known::from(extents(&ask.input(0)?.shape, bounds))])
}

/// Extents from `start` up to `end`, both clamped to the axes there are.
fn extents(shape: &[usize], (start, end): (Option<i64>, Option<i64>)) -> Array {
    let rank = shape.len() as i64;
    let clamp = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank);
    let (start, end) = (clamp(start.unwrap_or(0)), clamp(end.unwrap_or(rank)));
    let kept = shape.get(start as usize..end as usize).unwrap_or(&[]);
    Array::vector(kept.iter().map(|extent| *extent as i64).collect())
}

fn size(_: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    one(Array::scalar(inputs.array(0)?.len() as i64))
}

fn infer_size(ask: &Ask) -> Option<Vec<Known>> {
    Some(vec![Known::from(Array::scalar(count(&ask.input(0)?.shape)? as i64))])
}
