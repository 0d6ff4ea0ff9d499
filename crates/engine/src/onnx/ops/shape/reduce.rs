//! `Reduce*`: some axes combined into one value each.

use super::axes::listed;
use super::sums::along;
use super::typed::{Number, from_f64, narrowed};
use super::view::{View, product};
use crate::array::{Array, DType, Data, Element};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, axis, one, unsupported};
use kernels::Pool;

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("ReduceL1", |call, inputs| reduce(call, inputs, Kind::L1)).infer(infer),
    Op::new("ReduceL2", |call, inputs| reduce(call, inputs, Kind::L2)).infer(infer),
    Op::new("ReduceLogSum", |call, inputs| reduce(call, inputs, Kind::LogSum)).infer(infer),
    Op::new("ReduceLogSumExp", |call, inputs| reduce(call, inputs, Kind::LogSumExp)).infer(infer),
    Op::new("ReduceMax", |call, inputs| reduce(call, inputs, Kind::Max)).infer(infer),
    Op::new("ReduceMean", |call, inputs| reduce(call, inputs, Kind::Mean)).infer(infer),
    Op::new("ReduceMin", |call, inputs| reduce(call, inputs, Kind::Min)).infer(infer),
    Op::new("ReduceProd", |call, inputs| reduce(call, inputs, Kind::Prod)).infer(infer),
    Op::new("ReduceSum", |call, inputs| reduce(call, inputs, Kind::Sum)).infer(infer),
    Op::new("ReduceSumSquare", |call, inputs| reduce(call, inputs, Kind::SumSquare)).infer(infer),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    L1,
    L2,
    LogSum,
    LogSumExp,
    Max,
    Mean,
    Min,
    Prod,
    Sum,
    SumSquare,
}

fn reduce(call: &Call, mut inputs: Inputs, kind: Kind) -> Result<Vec<Value>> {
    let axes = match call.attributes().ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None => inputs.maybe_ints(1)?,
    };
    let array = inputs.take(0)?;
    let (dtype, shape) = (array.dtype(), array.shape().to_vec());
    let gone = gone(shape.len(), axes.as_deref(), call.attributes().flag("noop_with_empty_axes"))?;
    let target = reduced(&shape, &gone, call.int("keepdims", 1) != 0);
    call.room(&target, dtype)?;
    let plain = matches!(kind, Kind::Max | Kind::Mean | Kind::Min | Kind::Prod | Kind::Sum);
    if plain && !gone.contains(&true) {
        return one(array);
    }
    if dtype == DType::Bool && !matches!(kind, Kind::Max | Kind::Min) {
        return Err(unsupported("arithmetic with truths"));
    }
    let data = match array.data() {
        Data::F32(values) => f32::wrap(combined(call.pool, values, &shape, &gone, kind)),
        Data::F64(values) => f64::wrap(combined(call.pool, values, &shape, &gone, kind)),
        Data::F16(_) | Data::BF16(_) => {
            f32::wrap(combined(call.pool, &array.to_f32(), &shape, &gone, kind))
        }
        _ => integers(call.pool, &array, &shape, &gone, kind)?,
    };
    one(narrowed(Array::new(&target, data)?, dtype)?)
}

/// Integers of every width as the widest, so that the sums exist once. Sums and products wrap the
/// same when they are cut afterwards; the ends of the widest type, which stand for the largest and
/// smallest of nothing, become those of the narrow one. Means and roots go by way of 64-bit floats.
fn integers(
    pool: &Pool,
    array: &Array,
    shape: &[usize],
    gone: &[bool],
    kind: Kind,
) -> Result<Data> {
    let dtype = array.dtype();
    let Some(values) = array.to_i64() else {
        return Err(unsupported(format!("values of type {dtype}")));
    };
    if matches!(kind, Kind::L2 | Kind::LogSum | Kind::LogSumExp | Kind::Mean) {
        let wide: Vec<f64> = match array.slice::<u64>() {
            Some(values) => values.iter().map(|value| *value as f64).collect(),
            None => values.iter().map(|value| *value as f64).collect(),
        };
        let values = combined(pool, &wide, shape, gone, kind);
        return Ok(from_f64(&[values.len()], values, dtype)?.into_data());
    }
    if let Some(values) = array.slice::<u64>() {
        return Ok(u64::wrap(combined(pool, values, shape, gone, kind)));
    }
    let values = combined(pool, &values, shape, gone, kind);
    let ends = matches!(kind, Kind::Max | Kind::Min);
    macro_rules! cut {
        ($type:ty) => {{
            let (low, high) = (i64::from(<$type>::MIN), i64::from(<$type>::MAX));
            let cut = |v: i64| if ends { v.clamp(low, high) as $type } else { v as $type };
            <$type>::wrap(values.into_iter().map(cut).collect())
        }};
    }
    Ok(match dtype {
        DType::I8 => cut!(i8),
        DType::I16 => cut!(i16),
        DType::I32 => cut!(i32),
        DType::U8 => cut!(u8),
        DType::U16 => cut!(u16),
        DType::U32 => cut!(u32),
        DType::Bool => {
            // Of nothing: the largest is false, the smallest true.
            bool::wrap(values.into_iter().map(|v| v > 0).collect())
        }
        _ => i64::wrap(values),
    })
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let noop = ask.attributes().flag("noop_with_empty_axes");
    let gone = gone(x.shape.len(), listed(ask, 1)?.as_deref(), noop).ok()?;
    let keep = ask.attributes().int("keepdims").unwrap_or(1) != 0;
    Some(vec![Known::of(x.dtype, reduced(&x.shape, &gone, keep))])
}

/// Which axes are combined: those named; all when none is, unless `noop`.
pub(super) fn gone(rank: usize, axes: Option<&[i64]>, noop: bool) -> Result<Vec<bool>> {
    let axes = axes.unwrap_or(&[]);
    if axes.is_empty() {
        return Ok(vec![!noop; rank]);
    }
    let mut gone = vec![false; rank];
    for at in axes {
        gone[axis(*at, rank)?] = true;
    }
    Ok(gone)
}

fn reduced(shape: &[usize], gone: &[bool], keep: bool) -> Vec<usize> {
    let axes = shape.iter().zip(gone);
    match keep {
        true => axes.map(|(extent, gone)| if *gone { 1 } else { *extent }).collect(),
        false => axes.filter(|(_, gone)| !**gone).map(|(extent, _)| *extent).collect(),
    }
}

/// The result's values, row-major.
fn combined<T: Number>(pool: &Pool, x: &[T], shape: &[usize], gone: &[bool], kind: Kind) -> Vec<T> {
    let values = match kind {
        Kind::Sum | Kind::Mean | Kind::LogSum => {
            passes(pool, x, shape, gone, T::ZERO, |v| v, T::plus)
        }
        Kind::Max => passes(pool, x, shape, gone, T::LOWEST, |v| v, T::larger),
        Kind::Min => passes(pool, x, shape, gone, T::HIGHEST, |v| v, T::smaller),
        Kind::Prod => passes(pool, x, shape, gone, T::ONE, |v| v, T::times),
        Kind::L1 => passes(pool, x, shape, gone, T::ZERO, T::magnitude, T::plus),
        Kind::SumSquare | Kind::L2 => {
            passes(pool, x, shape, gone, T::ZERO, |v| v.times(v), T::plus)
        }
        Kind::LogSumExp => log_sum_exp(pool, x, shape, gone),
    };
    let n = shape.iter().zip(gone).filter(|(_, gone)| **gone).map(|(extent, _)| *extent);
    let n = n.fold(1.0, |n, extent| n * extent as f64);
    let finish: &dyn Fn(f64) -> f64 = match kind {
        Kind::Mean => &|sum| sum / n,
        Kind::L2 => &f64::sqrt,
        Kind::LogSum => &f64::ln,
        _ => return values,
    };
    values.into_iter().map(|value| T::from_f64(finish(value.to_f64()))).collect()
}

/// Adjacent axes of one kind become one; then the combined ones go, the innermost first. `map` is
/// applied once to every value.
fn passes<T: Number>(
    pool: &Pool,
    x: &[T],
    shape: &[usize],
    gone: &[bool],
    start: T,
    map: impl Fn(T) -> T + Sync,
    combine: impl Fn(T, T) -> T + Sync,
) -> Vec<T> {
    let mut groups: Vec<(usize, bool)> = Vec::new();
    for (&extent, &gone) in shape.iter().zip(gone).filter(|(extent, _)| **extent != 1) {
        match groups.last_mut().filter(|last| last.1 == gone) {
            Some(last) => last.0 = last.0.saturating_mul(extent),
            None => groups.push((extent, gone)),
        }
    }
    let mut result: Option<Vec<T>> = None;
    while let Some(at) = groups.iter().rposition(|(_, gone)| *gone) {
        let size = |groups: &[(usize, bool)]| {
            product(&groups.iter().map(|(extent, _)| *extent).collect::<Vec<_>>())
        };
        let sizes = [size(&groups[..at]), groups[at].0, size(&groups[at + 1..])];
        result = Some(match &result {
            None => along(pool, x, sizes, start, &map, &combine),
            Some(partial) => along(pool, partial, sizes, start, |value| value, &combine),
        });
        groups.remove(at);
    }
    result.unwrap_or_else(|| x.iter().map(|value| map(*value)).collect())
}

/// The largest value is taken out first, so that no exponential overflows.
fn log_sum_exp<T: Number>(pool: &Pool, x: &[T], shape: &[usize], gone: &[bool]) -> Vec<T> {
    let axes = |which: bool| (0..shape.len()).filter(move |axis| gone[*axis] == which);
    let order: Vec<usize> = axes(false).chain(axes(true)).collect();
    let extent = product(&axes(true).map(|axis| shape[axis]).collect::<Vec<_>>());
    let n = product(&axes(false).map(|axis| shape[axis]).collect::<Vec<_>>());
    if extent == 0 || n == 0 {
        return vec![T::from_f64(f64::NEG_INFINITY); n];
    }
    let rows = View::whole(shape).permuted(&order).copy(x, pool);
    let largest = along(pool, &rows, [n, extent, 1], T::LOWEST, |v| v, T::larger);
    let of = |(row, largest): (&[T], &T)| {
        let top = largest.to_f64();
        if !top.is_finite() {
            return *largest;
        }
        let sum: f64 = row.iter().map(|value| (value.to_f64() - top).exp()).sum();
        T::from_f64(top + sum.ln())
    };
    rows.chunks(extent).zip(&largest).map(of).collect()
}
