//! Two tensors and more, number by number: `Add`, `Sub`, `Mul`, `Div`, `Pow`, `Mod`, `Max`, `Min`,
//! `Sum`, `Mean`. Shapes stretch to each other; before version 7 by the attributes `broadcast` and
//! `axis`.

use super::broadcast::{common, infer_stretched, map2, map2_onto, second_shape};
use super::number::{Number, by_number};
use super::threads::each;
use crate::array::{Array, DType, Data, Element};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, wrong};
use kernels::BinaryOp;
use std::sync::Arc;

pub(in super::super) const OPS: &[Op] = &[
    Op::new("Add", |call, inputs| two(call, inputs, Kind::Add)).infer(infer_stretched),
    Op::new("Sub", |call, inputs| two(call, inputs, Kind::Sub)).infer(infer_stretched),
    Op::new("Mul", |call, inputs| two(call, inputs, Kind::Mul)).infer(infer_stretched),
    Op::new("Div", |call, inputs| two(call, inputs, Kind::Div)).infer(infer_stretched),
    Op::new("Pow", pow).infer(infer_stretched),
    Op::new("Mod", modulo).infer(infer_stretched),
    Op::new("Max", |call, inputs| many(call, inputs, Kind::Max)).infer(infer_stretched),
    Op::new("Min", |call, inputs| many(call, inputs, Kind::Min)).infer(infer_stretched),
    Op::new("Sum", |call, inputs| many(call, inputs, Kind::Add)).infer(infer_stretched),
    Op::new("Mean", mean).infer(infer_stretched),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Modulo,
    Fmod,
    Max,
    Min,
}

impl Kind {
    /// Evaluates `use_it` with the function of two numbers.
    fn of<T: Number>(self) -> fn(T, T) -> T {
        match self {
            Kind::Add => T::add,
            Kind::Sub => T::sub,
            Kind::Mul => T::mul,
            Kind::Div => T::div,
            Kind::Pow => T::pow,
            Kind::Modulo => T::modulo,
            Kind::Fmod => T::fmod,
            Kind::Max => T::max,
            Kind::Min => T::min,
        }
    }

    fn kernel(self) -> Option<BinaryOp> {
        Some(match self {
            Kind::Add => BinaryOp::Add,
            Kind::Sub => BinaryOp::Sub,
            Kind::Mul => BinaryOp::Mul,
            Kind::Div => BinaryOp::Div,
            Kind::Max => BinaryOp::Max,
            Kind::Min => BinaryOp::Min,
            _ => return None,
        })
    }
}

fn two(call: &Call, mut inputs: Inputs, kind: Kind) -> Result<Vec<Value>> {
    let (a, b) = (inputs.take(0)?, inputs.take(1)?);
    let b_shape = second_shape(call, a.shape(), b.shape())?;
    let b = b.reshaped(&b_shape)?;
    one(combine(call, kind, a, b)?)
}

/// `kind(a, b)` of the stretched operands, written over one of them where it can be.
fn combine(call: &Call, kind: Kind, a: Array, b: Array) -> Result<Array> {
    if a.dtype() != b.dtype() {
        return Err(wrong(format!("{} and {} do not mix", a.dtype(), b.dtype())));
    }
    let shape = common(&[a.shape(), b.shape()])?;
    call.room(&shape, a.dtype())?;
    if a.dtype() == DType::F32 {
        return floats(call, kind, a, b, &shape);
    }
    by_number!(a.dtype(), T => {
        let f = kind.of::<T>();
        let (x, y) = (values::<T>(&a)?, values::<T>(&b)?);
        let out = map2(call.pool, &shape, (a.shape(), x), (b.shape(), y), |x, y| f(*x, *y));
        Array::of(&shape, out)
    })
}

/// The case that counts for speed.
fn floats(call: &Call, kind: Kind, a: Array, b: Array, shape: &[usize]) -> Result<Array> {
    if a.shape() == shape && unshared(&a) {
        let mut x = owned(a)?;
        onto(call, kind, shape, &mut x, (b.shape(), values(&b)?), false);
        return Array::f32(shape, x);
    }
    if b.shape() == shape && unshared(&b) {
        let mut y = owned(b)?;
        onto(call, kind, shape, &mut y, (a.shape(), values(&a)?), true);
        return Array::f32(shape, y);
    }
    let (x, y) = (values::<f32>(&a)?, values::<f32>(&b)?);
    if let Some(op) = kind.kernel() {
        if a.shape() == shape && (y.len() == 1 || b.shape() == shape) {
            let mut out = vec![0.0; x.len()];
            kernels::binary(call.pool, op, x, y, &mut out);
            return Array::f32(shape, out);
        }
    }
    let (a, b) = ((a.shape(), x), (b.shape(), y));
    let pool = call.pool;
    let out = match kind {
        Kind::Add => map2(pool, shape, a, b, |x, y| x + y),
        Kind::Sub => map2(pool, shape, a, b, |x, y| x - y),
        Kind::Mul => map2(pool, shape, a, b, |x, y| x * y),
        Kind::Div => map2(pool, shape, a, b, |x, y| x / y),
        Kind::Max => map2(pool, shape, a, b, |x, y| Number::max(*x, *y)),
        Kind::Min => map2(pool, shape, a, b, |x, y| Number::min(*x, *y)),
        kind => {
            let f = kind.of::<f32>();
            map2(pool, shape, a, b, |x, y| f(*x, *y))
        }
    };
    Array::f32(shape, out)
}

/// Writes over `x`, which has the result's shape; `x` is the second operand if `flipped`.
fn onto(
    call: &Call,
    kind: Kind,
    shape: &[usize],
    x: &mut [f32],
    y: (&[usize], &[f32]),
    flipped: bool,
) {
    let pool = call.pool;
    match (kind, flipped) {
        (Kind::Add, _) => map2_onto(pool, shape, x, y, |x, y| x + y),
        (Kind::Mul, _) => map2_onto(pool, shape, x, y, |x, y| x * y),
        (Kind::Sub, false) => map2_onto(pool, shape, x, y, |x, y| x - y),
        (Kind::Sub, true) => map2_onto(pool, shape, x, y, |x, y| y - x),
        (Kind::Div, false) => map2_onto(pool, shape, x, y, |x, y| x / y),
        (Kind::Div, true) => map2_onto(pool, shape, x, y, |x, y| y / x),
        (Kind::Max, _) => map2_onto(pool, shape, x, y, Number::max),
        (Kind::Min, _) => map2_onto(pool, shape, x, y, Number::min),
        (Kind::Pow, false) if y.1.len() == 1 && y.1[0] == 2.0 => each(pool, x, |x| x * x),
        (kind, false) => {
            let f = kind.of::<f32>();
            map2_onto(pool, shape, x, y, f);
        }
        (kind, true) => {
            let f = kind.of::<f32>();
            map2_onto(pool, shape, x, y, |x, y| f(y, x));
        }
    }
}

/// Nobody else holds the values.
fn unshared(array: &Array) -> bool {
    matches!(array.data(), Data::F32(values) if Arc::strong_count(values) == 1)
}

/// Its values, taken.
pub(super) fn owned<T: Element>(array: Array) -> Result<Vec<T>> {
    let dtype = array.dtype();
    array.into_vec().ok_or_else(|| wrong(format!("{dtype} where {} is expected", T::DTYPE)))
}

/// Its values, of that type.
pub(super) fn values<T: Element>(array: &Array) -> Result<&[T]> {
    array
        .slice()
        .ok_or_else(|| wrong(format!("{} values where {} are expected", array.dtype(), T::DTYPE)))
}

fn modulo(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let kind = if call.attributes().flag("fmod") { Kind::Fmod } else { Kind::Modulo };
    two(call, inputs, kind)
}

/// The exponent may be of another type; the result has the base's.
fn pow(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let (a, b) = (inputs.take(0)?, inputs.take(1)?);
    let b_shape = second_shape(call, a.shape(), b.shape())?;
    let b = b.reshaped(&b_shape)?;
    if a.dtype() == b.dtype() {
        return one(combine(call, Kind::Pow, a, b)?);
    }
    if a.dtype() == DType::F32 {
        let b = Array::f32(b.shape(), b.to_f32())?;
        return one(combine(call, Kind::Pow, a, b)?);
    }
    let shape = common(&[a.shape(), b.shape()])?;
    call.room(&shape, a.dtype())?;
    let whole = b.to_i64();
    let exponents: Vec<f64> = by_number!(b.dtype(), T => {
        Ok(values::<T>(&b)?.iter().map(|x| x.to_f64()).collect())
    })?;
    one(by_number!(a.dtype(), T => {
        let x = values::<T>(&a)?;
        let out = match (&whole, T::DTYPE.is_float()) {
            (Some(whole), false) => {
                let power = |x: &T, y: &i64| match T::try_from_i64(*y) {
                    Some(y) => Number::pow(*x, y),
                    None => T::from_f64(x.to_f64().powf(*y as f64)),
                };
                map2(call.pool, &shape, (a.shape(), x), (b.shape(), whole), power)
            }
            _ => {
                let power = |x: &T, y: &f64| T::from_f64(x.to_f64().powf(*y));
                map2(call.pool, &shape, (a.shape(), x), (b.shape(), &exponents), power)
            }
        };
        Array::of(&shape, out)
    })?)
}

/// An exponent in the type of the base, where it fits.
trait FromWhole: Number {
    fn try_from_i64(x: i64) -> Option<Self> {
        let y = Self::from_f64(x as f64);
        (y.to_f64() == x as f64).then_some(y)
    }
}

impl<T: Number> FromWhole for T {}

fn many(call: &Call, mut inputs: Inputs, kind: Kind) -> Result<Vec<Value>> {
    let mut result = inputs.take(0)?;
    if inputs.len() == 1 {
        // Of a type that can be computed with.
        by_number!(result.dtype(), T => values::<T>(&result).map(|_| ()))?;
    }
    for index in 1..inputs.len() {
        result = combine(call, kind, result, inputs.take(index)?)?;
    }
    one(result)
}

fn mean(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let n = inputs.len();
    let sum = many(call, inputs, Kind::Add)?;
    let Some(sum) = sum.into_iter().next().and_then(|v| v.array().cloned()) else {
        return Err(wrong("no mean of nothing"));
    };
    let divisor = by_number!(sum.dtype(), T => Ok(Array::scalar(T::from_f64(n as f64))))?;
    one(combine(call, Kind::Div, sum, divisor)?)
}
