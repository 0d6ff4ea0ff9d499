//! `Slice` and `Split`.

use super::view::{View, strides};
use crate::array::Array;
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, wrong};
use kernels::Pool;

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("Slice", slice).infer(infer_slice), Op::new("Split", split).infer(infer_split)];

/// What a slice takes of one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    start: usize,
    step: i64,
    length: usize,
}

fn slice(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let by_attribute = call.version() < 10;
    let ints = |name: &str, input: usize| match call.attributes().ints(name) {
        Some(values) if by_attribute => Ok(Some(values.to_vec())),
        _ if by_attribute => Ok(None),
        _ => inputs.maybe_ints(input),
    };
    let (starts, ends) = (ints("starts", 1)?, ints("ends", 2)?);
    let (axes, steps) = (ints("axes", 3)?, ints("steps", 4)?);
    let array = inputs.take(0)?;
    let ranges = ranges(
        array.shape(),
        &starts.ok_or_else(|| wrong("starts are missing"))?,
        &ends.ok_or_else(|| wrong("ends are missing"))?,
        axes.as_deref(),
        steps.as_deref(),
    )?;
    one(taken(array, &ranges, call.pool)?)
}

fn infer_slice(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let by_attribute = ask.node.version < 10;
    let ints = |name: &str, input: usize| match (by_attribute, ask.input(input)) {
        (true, _) => Some(ask.attributes().ints(name).map(<[i64]>::to_vec)),
        (false, None) => Some(None),
        (false, Some(_)) => ask.ints(input).map(Some),
    };
    let (starts, ends) = (ints("starts", 1)??, ints("ends", 2)??);
    let (axes, steps) = (ints("axes", 3)?, ints("steps", 4)?);
    let ranges = ranges(&x.shape, &starts, &ends, axes.as_deref(), steps.as_deref()).ok()?;
    Some(vec![Known::of(x.dtype, ranges.iter().map(|range| range.length).collect())])
}

fn ranges(
    shape: &[usize],
    starts: &[i64],
    ends: &[i64],
    axes: Option<&[i64]>,
    steps: Option<&[i64]>,
) -> Result<Vec<Range>> {
    let all = |extent: &usize| Range { start: 0, step: 1, length: *extent };
    let mut ranges: Vec<Range> = shape.iter().map(all).collect();
    let n = starts.len();
    if ends.len() != n
        || axes.is_some_and(|axes| axes.len() != n)
        || steps.is_some_and(|steps| steps.len() != n)
    {
        return Err(wrong("starts, ends, axes and steps differ in number"));
    }
    for (i, (start, end)) in starts.iter().zip(ends).enumerate() {
        let at = axis(axes.map_or(i as i64, |axes| axes[i]), shape.len())?;
        ranges[at] = range(*start, *end, steps.map_or(1, |steps| steps[i]), shape[at])?;
    }
    Ok(ranges)
}

/// As Python's slices: ends beyond the axis are clamped, negative ones count from behind.
fn range(start: i64, end: i64, step: i64, extent: usize) -> Result<Range> {
    let d = extent as i64;
    let from_front = |at: i64| if at < 0 { at.saturating_add(d) } else { at };
    let (low, high) = if step > 0 { (0, d) } else { (-1, d - 1) };
    let (start, end) = (from_front(start).clamp(low, high), from_front(end).clamp(low, high));
    let (distance, stride) = match step {
        0 => return Err(wrong("a slice with step 0")),
        step if step > 0 => (end - start, step.unsigned_abs()),
        step => (start - end, step.unsigned_abs()),
    };
    let length = if distance <= 0 { 0 } else { (distance as u64).div_ceil(stride) as usize };
    // With one value the step means nothing, and may be larger than any stride.
    let step = if length > 1 { step } else { 1 };
    Ok(Range { start: start.max(0) as usize, step, length })
}

fn taken(array: Array, ranges: &[Range], pool: &Pool) -> Result<Array> {
    let whole = |(range, extent): (&Range, &usize)| range.length == *extent && range.step == 1;
    if ranges.iter().zip(array.shape()).all(whole) {
        return Ok(array);
    }
    let mut view = View::whole(array.shape());
    view.shape = ranges.iter().map(|range| range.length).collect();
    if !view.shape.contains(&0) {
        let steps = strides(array.shape());
        for (axis, range) in ranges.iter().enumerate() {
            view.offset += range.start * steps[axis];
            view.strides[axis] *= range.step as isize;
        }
    }
    view.of(&array, pool)
}

/// Indices `start..start + length` of one axis.
pub(in crate::onnx::ops) fn part(
    array: &Array,
    axis: usize,
    start: usize,
    length: usize,
    pool: &Pool,
) -> Result<Array> {
    let all = |extent: &usize| Range { start: 0, step: 1, length: *extent };
    let mut ranges: Vec<Range> = array.shape().iter().map(all).collect();
    ranges[axis] = Range { start, step: 1, length };
    taken(array.clone(), &ranges, pool)
}

fn split(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let sizes = match call.attributes().ints("split") {
        Some(sizes) => Some(sizes.to_vec()),
        None => inputs.maybe_ints(1)?,
    };
    let array = inputs.take(0)?;
    let axis = axis(call.int("axis", 0), array.rank())?;
    let wanted = call.node.output_count();
    let sizes = sizes_of_split(array.shape()[axis], sizes.as_deref(), wanted)?;
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for (output, length) in sizes.into_iter().enumerate() {
        parts.push(match call.node.wants(output) {
            true => Value::Array(part(&array, axis, start, length, call.pool)?),
            false => Value::Absent,
        });
        start += length;
    }
    Ok(parts)
}

fn infer_split(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let sizes = match ask.attributes().ints("split") {
        Some(sizes) => Some(sizes.to_vec()),
        None if ask.input(1).is_some() => Some(ask.ints(1)?),
        None => None,
    };
    let at = axis(ask.attributes().int("axis").unwrap_or(0), x.shape.len()).ok()?;
    let sizes = sizes_of_split(x.shape[at], sizes.as_deref(), ask.node.output_count()).ok()?;
    let of = |length| {
        let mut shape = x.shape.clone();
        shape[at] = length;
        Known::of(x.dtype, shape)
    };
    Some(sizes.into_iter().map(of).collect())
}

/// Extents of the parts; without `sizes` they are equal, the last one smaller if need be.
fn sizes_of_split(extent: usize, sizes: Option<&[i64]>, parts: usize) -> Result<Vec<usize>> {
    let Some(sizes) = sizes else {
        let each = extent.div_ceil(parts.max(1));
        let size = |i| extent.saturating_sub(each.saturating_mul(i)).min(each);
        return Ok((0..parts).map(size).collect());
    };
    let whole: Option<Vec<usize>> = sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
    let total = |sizes: &Vec<usize>| sizes.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
    match whole {
        Some(whole) if total(&whole) == Some(extent) => Ok(whole),
        _ => Err(wrong(format!("an axis of {extent} does not split into {sizes:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_python() {
        let of = |start, end, step, extent| {
            let range = range(start, end, step, extent).unwrap();
            (0..range.length)
                .map(|i| range.start as i64 + i as i64 * range.step)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0, i64::MAX, 1, 4), [0, 1, 2, 3]);
        assert_eq!(of(-1, i64::MIN, -1, 4), [3, 2, 1, 0]);
        assert_eq!(of(i64::MAX, 0, -2, 5), [4, 2]);
        assert_eq!(of(1, 4, i64::MAX, 5), [1]);
        assert_eq!(of(4, -6, i64::MIN, 5), [4]);
        assert_eq!(of(2, 2, 1, 5), [0; 0]);
        assert_eq!(of(0, 9, 3, 0), [0; 0]);
        assert_eq!(of(-1, -9, -1, 0), [0; 0]);
        assert!(range(0, 1, 0, 3).is_err());
    }

    #[test]
    fn equal_parts_leave_the_smallest_for_the_end() {
        assert_eq!(sizes_of_split(7, None, 3).unwrap(), [3, 3, 1]);
        assert_eq!(sizes_of_split(5, None, 4).unwrap(), [2, 2, 1, 0]);
        assert!(sizes_of_split(5, Some(&[2, 4]), 2).is_err());
        assert!(sizes_of_split(5, Some(&[i64::MAX, i64::MAX, 7]), 3).is_err());
    }
}
