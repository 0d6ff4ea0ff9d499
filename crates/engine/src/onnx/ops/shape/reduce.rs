//! `Reduce*`: some axes combined into one value each.

use super::axes::listed;
use super::sums::along;
use super::typed::{Number, from_f64, narrowed, numbers, widened};
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
    let array = widened(array)?;
    let result = if array.dtype().is_float() {
        numbers!(array, values => Ok(floats(call.pool, values, &shape, &gone, kind)))?
    } else if matches!(kind, Kind::L2 | Kind::LogSum | Kind::LogSumExp | Kind::Mean) {
        let wide: Vec<f64> = numbers!(array, values => {
            Ok(values.iter().map(|value| value.to_f64()).collect())
        })?;
        let values = combined(call.pool, &wide, &shape, &gone, kind);
        let n = values.len();
        from_f64(&[n], values, array.dtype())?.into_data()
    } else {
        numbers!(array, values => Ok(floats(call.pool, values, &shape, &gone, kind)))?
    };
    one(narrowed(Array::new(&target, result)?, dtype)?)
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

fn floats<T: Number>(pool: &Pool, x: &[T], shape: &[usize], gone: &[bool], kind: Kind) -> Data {
    Element::wrap(combined(pool, x, shape, gone, kind))
}

/// The result's values, row-major.
fn combined<T: Number>(pool: &Pool, x: &[T], shape: &[usize], gone: &[bool], kind: Kind) -> Vec<T> {
    let sum = |x: &[T], map: fn(T) -> T| passes(pool, x, shape, gone, T::ZERO, map, T::plus);
    let finish = |values: Vec<T>, f: &dyn Fn(f64) -> f64| -> Vec<T> {
        values.into_iter().map(|value| T::from_f64(f(value.to_f64()))).collect()
    };
    match kind {
        Kind::Sum => passes(pool, x, shape, gone, T::ZERO, |v| v, T::plus),
        Kind::Max => passes(pool, x, shape, gone, T::LOWEST, |v| v, T::larger),
        Kind::Min => passes(pool, x, shape, gone, T::HIGHEST, |v| v, T::smaller),
        Kind::Prod => passes(pool, x, shape, gone, T::ONE, |v| v, T::times),
        Kind::L1 => sum(x, T::magnitude),
        Kind::SumSquare => passes(pool, x, shape, gone, T::ZERO, |v| v.times(v), T::plus),
        Kind::L2 => {
            let squares = passes(pool, x, shape, gone, T::ZERO, |v| v.times(v), T::plus);
            finish(squares, &f64::sqrt)
        }
        Kind::LogSum => finish(passes(pool, x, shape, gone, T::ZERO, |v| v, T::plus), &f64::ln),
        Kind::Mean => {
            let n = shape.iter().zip(gone).filter(|(_, gone)| **gone).map(|(extent, _)| *extent);
            let n = n.fold(1.0, |n, extent| n * extent as f64);
            finish(passes(pool, x, shape, gone, T::ZERO, |v| v, T::plus), &|sum| sum / n)
        }
        Kind::LogSumExp => log_sum_exp(pool, x, shape, gone),
    }
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
