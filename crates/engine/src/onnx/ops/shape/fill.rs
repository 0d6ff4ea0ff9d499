//! Operations that make values out of a shape or a few numbers: `ConstantOfShape`, `Range`,
//! `EyeLike`, `Trilu`, `OneHot` and the windows of signal processing.

use super::typed::{Number, edit, from_f64, narrowed, numbers, same_dtype, whole, widened};
use super::view::product;
use crate::array::{Array, DType, count, same_type};
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, unsupported, wrong};
use std::f64::consts::PI;

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("BlackmanWindow", blackman),
    Op::new("ConstantOfShape", constant_of_shape).infer(infer_constant_of_shape),
    Op::new("EyeLike", eye_like).infer(infer_eye_like),
    Op::new("HammingWindow", hamming),
    Op::new("HannWindow", hann),
    Op::new("OneHot", one_hot).infer(infer_one_hot),
    Op::new("Range", range),
    Op::new("Trilu", trilu).infer(infer_trilu),
];

fn constant_of_shape(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let shape = extents(&inputs.ints(0)?)?;
    let value = filling(call.attributes());
    let n = call.room(&shape, value.dtype())?;
    if value.len() != 1 {
        return Err(wrong(format!("a value of {} numbers, one expected", value.len())));
    }
    one(Array::new(&shape, same_type!(value.data(), v => repeated(&v[0], n)))?)
}

fn infer_constant_of_shape(ask: &Ask) -> Option<Vec<Known>> {
    let shape = extents(&ask.ints(0)?).ok()?;
    count(&shape)?;
    Some(vec![Known::of(filling(ask.attributes()).dtype(), shape)])
}

fn filling(attributes: &Attributes) -> Array {
    attributes.array("value").cloned().unwrap_or_else(|| Array::vector(vec![0.0f32]))
}

fn extents(values: &[i64]) -> Result<Vec<usize>> {
    let shape: Option<Vec<usize>> = values.iter().map(|v| usize::try_from(*v).ok()).collect();
    shape.ok_or_else(|| wrong(format!("a shape of {values:?}")))
}

fn range(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let dtype = inputs.array(0)?.dtype();
    let (start, limit, delta) = (inputs.take(0)?, inputs.take(1)?, inputs.take(2)?);
    for array in [&start, &limit, &delta] {
        same_dtype(&start, array)?;
        if array.len() != 1 {
            return Err(wrong("start, limit and delta must be single numbers"));
        }
    }
    let (start, limit, delta) = (widened(start)?, widened(limit)?, widened(delta)?);
    if !dtype.is_float() {
        let int = |array: &Array| whole(array).map(|v| i128::from(v[0]));
        let (start, limit, delta) = (int(&start)?, int(&limit)?, int(&delta)?);
        if delta == 0 {
            return Err(wrong("a range with delta 0"));
        }
        let distance = if delta > 0 { limit - start } else { start - limit };
        let n = if distance <= 0 { 0 } else { (distance - 1) / delta.abs() + 1 };
        let n = call.room(&[usize::try_from(n).unwrap_or(usize::MAX)], dtype)?;
        let values: Vec<i64> = (0..n as i128).map(|i| (start + i * delta) as i64).collect();
        let whole = Array::vector(values);
        return one(if dtype == DType::I64 { whole } else { cast_ints(&whole, dtype)? });
    }
    let steps = numbers!(start, from => {
        let (to, by) = (super::typed::values_like(from, &limit), super::typed::values_like(from, &delta));
        match (from.first(), to.and_then(|v| v.first()), by.and_then(|v| v.first())) {
            (Some(from), Some(to), Some(by)) => steps(call, *from, *to, *by, dtype),
            _ => Err(wrong("start, limit and delta must be single numbers")),
        }
    })?;
    one(narrowed(steps, dtype)?)
}

/// `start + i·delta` up to, without, `limit`.
fn steps<T: Number>(call: &Call, start: T, limit: T, delta: T, dtype: DType) -> Result<Array> {
    let count = ((limit.to_f64() - start.to_f64()) / delta.to_f64()).ceil();
    if !count.is_finite() {
        return Err(wrong("a range without end"));
    }
    // Converting a float to an integer saturates, and a negative count is an empty range.
    let n = call.room(&[count as usize], dtype)?;
    Ok(Array::vector((0..n).map(|i| start.plus(delta.times(T::from_f64(i as f64)))).collect()))
}

fn cast_ints(array: &Array, dtype: DType) -> Result<Array> {
    let values = array.to_i64().unwrap_or_default();
    match dtype {
        DType::I32 => Ok(Array::vector(values.into_iter().map(|v| v as i32).collect())),
        DType::I16 => Ok(Array::vector(values.into_iter().map(|v| v as i16).collect())),
        DType::I8 => Ok(Array::vector(values.into_iter().map(|v| v as i8).collect())),
        DType::U8 => Ok(Array::vector(values.into_iter().map(|v| v as u8).collect())),
        DType::U16 => Ok(Array::vector(values.into_iter().map(|v| v as u16).collect())),
        DType::U32 => Ok(Array::vector(values.into_iter().map(|v| v as u32).collect())),
        DType::U64 => Ok(Array::vector(values.into_iter().map(|v| v as u64).collect())),
        other => Err(unsupported(format!("a range of type {other}"))),
    }
}

fn eye_like(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let dtype = eye_type(call.attributes(), x.dtype())?;
    let &[rows, columns] = x.shape() else {
        return Err(wrong(format!("{:?} is not a matrix", x.shape())));
    };
    let n = call.room(x.shape(), DType::F64)?;
    let mut values = vec![0.0; n];
    let k = call.int("k", 0);
    for row in 0..rows {
        let column = usize::try_from(k.saturating_add(row as i64));
        if let Some(column) = column.ok().filter(|column| *column < columns) {
            values[row * columns + column] = 1.0;
        }
    }
    one(from_f64(x.shape(), values, dtype)?)
}

fn infer_eye_like(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(eye_type(ask.attributes(), x.dtype).ok()?, x.shape.clone())])
}

fn eye_type(attributes: &Attributes, default: DType) -> Result<DType> {
    let Some(number) = attributes.int("dtype") else { return Ok(default) };
    DType::from_onnx(number).ok_or_else(|| unsupported(format!("values of type number {number}")))
}

fn trilu(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let k = match inputs.maybe(1)? {
        Some(_) => inputs.int(1)?,
        None => 0,
    };
    let upper = call.int("upper", 1) != 0;
    let array = inputs.take(0)?;
    let &[.., rows, columns] = array.shape() else {
        return Err(wrong(format!("{:?} has no matrices", array.shape())));
    };
    if array.is_empty() {
        return one(array);
    }
    one(edit!(array, values => {
        for (index, row) in values.chunks_mut(columns).enumerate() {
            // The diagonal's column in this row, kept by both triangles.
            let diagonal = ((index % rows) as i64).saturating_add(k);
            let cleared = if upper {
                0..diagonal.clamp(0, columns as i64) as usize
            } else {
                diagonal.saturating_add(1).clamp(0, columns as i64) as usize..columns
            };
            row[cleared].fill(Default::default());
        }
    }))
}

fn infer_trilu(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, x.shape.clone())])
}

fn one_hot(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (indices, values) = (inputs.array(0)?, inputs.array(2)?);
    let depth = depth(inputs.array(1)?)?;
    let (shape, at) = hot_shape(indices.shape(), depth, call.int("axis", -1))?;
    call.room(&shape, values.dtype())?;
    if values.len() != 2 {
        return Err(wrong(format!("{} values, off and on expected", values.len())));
    }
    let hot = whole(indices)?;
    let inner = product(&shape[at + 1..]);
    let sizes = [product(&shape), depth, inner];
    let data = same_type!(values.data(), values => marked(&values[0], &values[1], &hot, sizes));
    one(Array::new(&shape, data)?)
}

/// `n` values `off`, and `on` where the indices say; `inner` values lie behind the new axis.
fn marked<T: Clone>(off: &T, on: &T, hot: &[i64], [n, depth, inner]: [usize; 3]) -> Vec<T> {
    let mut out = repeated(off, n);
    for (i, index) in hot.iter().enumerate().filter(|_| depth > 0) {
        let counted = if *index < 0 { index.saturating_add(depth as i64) } else { *index };
        if let Some(index) = usize::try_from(counted).ok().filter(|index| *index < depth) {
            out[(i / inner * depth + index) * inner + i % inner].clone_from(on);
        }
    }
    out
}

fn repeated<T: Clone>(value: &T, n: usize) -> Vec<T> {
    vec![value.clone(); n]
}

fn infer_one_hot(ask: &Ask) -> Option<Vec<Known>> {
    let depth = depth(ask.input(1)?.value.as_ref()?).ok()?;
    let axis = ask.attributes().int("axis").unwrap_or(-1);
    let (shape, _) = hot_shape(&ask.input(0)?.shape, depth, axis).ok()?;
    count(&shape)?;
    Some(vec![Known::of(ask.input(2)?.dtype, shape)])
}

fn depth(array: &Array) -> Result<usize> {
    match whole(array)?.as_slice() {
        [depth] if *depth >= 0 => Ok(*depth as usize),
        other => Err(wrong(format!("a depth of {other:?}"))),
    }
}

fn hot_shape(indices: &[usize], depth: usize, at: i64) -> Result<(Vec<usize>, usize)> {
    let at = axis(at, indices.len() + 1)?;
    let mut shape = indices.to_vec();
    shape.insert(at, depth);
    Ok((shape, at))
}

/// Coefficients of the cosines of 0, 1 and 2 periods, as the operator specification has them.
type Cosines = [f64; 3];

fn hann(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    window(call, &inputs, [0.5, -0.5, 0.0])
}

fn hamming(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    window(call, &inputs, [25.0 / 46.0, -21.0 / 46.0, 0.0])
}

fn blackman(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    window(call, &inputs, [0.42, -0.5, 0.08])
}

fn window(call: &Call, inputs: &Inputs, [a0, a1, a2]: Cosines) -> Result<Vec<Value>> {
    let number = call.int("output_datatype", 1);
    let dtype = DType::from_onnx(number)
        .ok_or_else(|| unsupported(format!("values of type number {number}")))?;
    let size = extents(&[inputs.int(0)?])?;
    let n = call.room(&size, DType::F64)?;
    let periodic = call.int("periodic", 1) != 0;
    let period = if periodic { n } else { n.saturating_sub(1) }.max(1) as f64;
    let value = |i: usize| {
        let angle = 2.0 * PI * i as f64 / period;
        a0 + a1 * angle.cos() + a2 * (2.0 * angle).cos()
    };
    one(from_f64(&size, (0..n).map(value).collect(), dtype)?)
}
