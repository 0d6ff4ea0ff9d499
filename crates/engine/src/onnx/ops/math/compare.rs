//! Comparisons, logic, bits and choice: `Equal`, `Greater`, `Less`, `GreaterOrEqual`, `LessOrEqual`,
//! `And`, `Or`, `Xor`, `Not`, `BitwiseAnd`, `BitwiseOr`, `BitwiseXor`, `BitwiseNot`, `BitShift`, `Where`.

use super::arithmetic::{owned, values};
use super::broadcast::{choose, common, infer_stretched, map2, second_shape, stretched};
use super::like_first;
use super::threads::each;
use crate::array::{Array, DType, Data, Element, any_type, same_type};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};

pub(in super::super) const OPS: &[Op] = &[
    Op::new("Equal", equal).infer(infer_truth),
    Op::new("Greater", |call, inputs| ordered(call, inputs, Order::Greater)).infer(infer_truth),
    Op::new("Less", |call, inputs| ordered(call, inputs, Order::Less)).infer(infer_truth),
    Op::new("GreaterOrEqual", |call, inputs| ordered(call, inputs, Order::AtLeast))
        .infer(infer_truth),
    Op::new("LessOrEqual", |call, inputs| ordered(call, inputs, Order::AtMost)).infer(infer_truth),
    Op::new("And", |call, inputs| logic(call, inputs, |x, y| x & y)).infer(infer_truth),
    Op::new("Or", |call, inputs| logic(call, inputs, |x, y| x | y)).infer(infer_truth),
    Op::new("Xor", |call, inputs| logic(call, inputs, |x, y| x ^ y)).infer(infer_truth),
    Op::new("Not", not).infer(like_first),
    Op::new("BitwiseAnd", |call, inputs| bits(call, inputs, Bits::And)).infer(infer_stretched),
    Op::new("BitwiseOr", |call, inputs| bits(call, inputs, Bits::Or)).infer(infer_stretched),
    Op::new("BitwiseXor", |call, inputs| bits(call, inputs, Bits::Xor)).infer(infer_stretched),
    Op::new("BitwiseNot", bitwise_not).infer(like_first),
    Op::new("BitShift", bit_shift).infer(infer_stretched),
    Op::new("Where", choice).infer(infer_choice),
];

/// Rule: truth values of the shape all inputs stretch to.
fn infer_truth(ask: &Ask) -> Option<Vec<Known>> {
    let known = infer_stretched(ask)?;
    Some(known.into_iter().map(|known| Known::of(DType::Bool, known.shape)).collect())
}

/// The two operands, the second as it stretches, and the shape of the result.
fn pair(call: &Call, inputs: &mut Inputs, dtype: DType) -> Result<(Array, Array, Vec<usize>)> {
    let (a, b) = (inputs.take(0)?, inputs.take(1)?);
    let b_shape = second_shape(call, a.shape(), b.shape())?;
    let b = b.reshaped(&b_shape)?;
    let shape = common(&[a.shape(), b.shape()])?;
    call.room(&shape, dtype)?;
    Ok((a, b, shape))
}

fn equal(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    /// `_` tells the type.
    fn compare<T: Element>(
        call: &Call,
        _: &[T],
        a: &Array,
        b: &Array,
        shape: &[usize],
    ) -> Result<Array> {
        let (x, y) = (values::<T>(a)?, values::<T>(b)?);
        Array::of(shape, map2(call.pool, shape, (a.shape(), x), (b.shape(), y), |x, y| x == y))
    }
    let (mut a, mut b, shape) = pair(call, &mut inputs, DType::Bool)?;
    if let (Data::Small(x, _), Data::Small(y, _)) = (a.data(), b.data()) {
        if x == y {
            a = Array::f32(a.shape(), a.to_f32())?;
            b = Array::f32(b.shape(), b.to_f32())?;
        }
    }
    one(any_type!(a.data(), x => compare(call, x, &a, &b, &shape))?)
}

#[derive(Clone, Copy)]
enum Order {
    Greater,
    Less,
    AtLeast,
    AtMost,
}

fn ordered(call: &Call, mut inputs: Inputs, order: Order) -> Result<Vec<Value>> {
    let (a, b, shape) = pair(call, &mut inputs, DType::Bool)?;
    one(super::number::by_number!(a.dtype(), T => {
        let (x, y) = ((a.shape(), values::<T>(&a)?), (b.shape(), values::<T>(&b)?));
        let pool = call.pool;
        let out = match order {
            Order::Greater => map2(pool, &shape, x, y, |x, y| x > y),
            Order::Less => map2(pool, &shape, x, y, |x, y| x < y),
            Order::AtLeast => map2(pool, &shape, x, y, |x, y| x >= y),
            Order::AtMost => map2(pool, &shape, x, y, |x, y| x <= y),
        };
        Array::of(&shape, out)
    })?)
}

fn logic(
    call: &Call,
    mut inputs: Inputs,
    f: impl Fn(bool, bool) -> bool + Sync,
) -> Result<Vec<Value>> {
    let (a, b, shape) = pair(call, &mut inputs, DType::Bool)?;
    let (x, y) = ((a.shape(), values(&a)?), (b.shape(), values(&b)?));
    one(Array::of(&shape, map2(call.pool, &shape, x, y, |x, y| f(*x, *y)))?)
}

fn not(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    let shape = x.shape().to_vec();
    let mut x = owned::<bool>(x)?;
    each(call.pool, &mut x, |x| !x);
    one(Array::of(&shape, x)?)
}

/// Evaluates `$body` with `$T` standing for an integer type.
macro_rules! by_integer {
    ($dtype:expr, $T:ident => $body:expr) => {{
        macro_rules! with {
            ($type:ty) => {{
                type $T = $type;
                $body
            }};
        }
        match $dtype {
            DType::I8 => with!(i8),
            DType::I16 => with!(i16),
            DType::I32 => with!(i32),
            DType::I64 => with!(i64),
            DType::U8 => with!(u8),
            DType::U16 => with!(u16),
            DType::U32 => with!(u32),
            DType::U64 => with!(u64),
            other => Err(wrong(format!("{other} values where integers are expected"))),
        }
    }};
}

#[derive(Clone, Copy)]
enum Bits {
    And,
    Or,
    Xor,
}

fn bits(call: &Call, mut inputs: Inputs, kind: Bits) -> Result<Vec<Value>> {
    let dtype = inputs.array(0)?.dtype();
    let (a, b, shape) = pair(call, &mut inputs, dtype)?;
    one(by_integer!(dtype, T => {
        let (x, y) = ((a.shape(), values::<T>(&a)?), (b.shape(), values::<T>(&b)?));
        let out = match kind {
            Bits::And => map2(call.pool, &shape, x, y, |x, y| x & y),
            Bits::Or => map2(call.pool, &shape, x, y, |x, y| x | y),
            Bits::Xor => map2(call.pool, &shape, x, y, |x, y| x ^ y),
        };
        Array::of(&shape, out)
    })?)
}

fn bitwise_not(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.take(0)?;
    let shape = x.shape().to_vec();
    one(by_integer!(x.dtype(), T => {
        let mut x = owned::<T>(x)?;
        each(call.pool, &mut x, |x| !x);
        Array::of(&shape, x)
    })?)
}

/// Shifts by the width and more, or by less than nothing, leave nothing but a sign.
fn bit_shift(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let left = match call.text("direction", "") {
        "LEFT" => true,
        "RIGHT" => false,
        other => return Err(wrong(format!("the direction `{other}` is neither LEFT nor RIGHT"))),
    };
    let dtype = inputs.array(0)?.dtype();
    let (a, b, shape) = pair(call, &mut inputs, dtype)?;
    one(by_integer!(dtype, T => {
        let f = |x: &T, y: &T| {
            let by = u32::try_from(*y).unwrap_or(u32::MAX);
            // The sign alone is left of what is shifted out to the right.
            let gone = if left { 0 } else { (*x >> (T::BITS - 1)) >> 1 };
            if left { x.checked_shl(by) } else { x.checked_shr(by) }.unwrap_or(gone)
        };
        let (x, y) = ((a.shape(), values::<T>(&a)?), (b.shape(), values::<T>(&b)?));
        Array::of(&shape, map2(call.pool, &shape, x, y, f))
    })?)
}

fn infer_choice(ask: &Ask) -> Option<Vec<Known>> {
    let (condition, a, b) = (ask.input(0)?, ask.input(1)?, ask.input(2)?);
    Some(vec![Known::of(a.dtype, stretched(&[&condition.shape, &a.shape, &b.shape])?)])
}

/// All three stretch to each other.
fn choice(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (condition, a, b) = (inputs.array(0)?, inputs.array(1)?, inputs.array(2)?);
    if a.dtype() != b.dtype() {
        return Err(wrong(format!("{} and {} do not mix", a.dtype(), b.dtype())));
    }
    let shape = common(&[condition.shape(), a.shape(), b.shape()])?;
    call.room(&shape, a.dtype())?;
    let yes = (condition.shape(), values::<bool>(condition)?);
    fn as_type<'a, T: Element>(_: &[T], array: &'a Array) -> &'a [T] {
        array.slice().unwrap_or_default()
    }
    let data = match (a.data(), b.data()) {
        (Data::Small(kind, x), Data::Small(_, y)) => {
            let (x, y) = ((a.shape(), x.as_slice()), (b.shape(), y.as_slice()));
            Data::Small(*kind, std::sync::Arc::new(choose(call.pool, &shape, yes, x, y)))
        }
        _ => same_type!(a.data(), x => {
            let (x, y) = ((a.shape(), x.as_slice()), (b.shape(), as_type(x, b)));
            choose(call.pool, &shape, yes, x, y)
        }),
    };
    one(Array::new(&shape, data)?)
}
