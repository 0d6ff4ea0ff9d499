//! Products of eight-bit matrices, summed exactly: `MatMulInteger`, `QLinearMatMul`, ONNX Runtime's `QGemm`,
//! `MatMulIntegerToFloat` and `DynamicQuantizeMatMul`.
//!
//! The factors, their zero points taken off, are whole numbers within ±255. As 32-bit floats they are
//! multiplied by the kernels in stretches of depth so short that no sum reaches 2²⁴: every number on the
//! way is exact, and the stretches add up as 32-bit integers.

use super::broadcast::map2;
use super::matmul::turn;
use super::product::{self, After, Stack, floats};
use super::quantize::{Step, dynamic_levels, quantized, step};
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, MICROSOFT, Op, Value, one, wrong};

pub(in super::super) const OPS: &[Op] = &[
    Op::new("MatMulInteger", matmul_integer).infer(infer_integer),
    Op::new("QLinearMatMul", qlinear_matmul).infer(infer_qlinear),
    Op::new("QGemm", qgemm).domain(MICROSOFT),
    Op::new("MatMulIntegerToFloat", matmul_to_float).domain(MICROSOFT).infer(infer_to_float),
    Op::new("DynamicQuantizeMatMul", dynamic_matmul).domain(MICROSOFT).infer(infer_to_float),
];

/// 255² times this stays below 2²⁴.
const DEPTH: usize = 256;

fn infer_integer(ask: &Ask) -> Option<Vec<Known>> {
    let shape = product::shape(&ask.input(0)?.shape, &ask.input(1)?.shape)?;
    Some(vec![Known::of(DType::I32, shape)])
}

fn infer_qlinear(ask: &Ask) -> Option<Vec<Known>> {
    let shape = product::shape(&ask.input(0)?.shape, &ask.input(3)?.shape)?;
    Some(vec![Known::of(ask.input(7)?.dtype, shape)])
}

/// Eight-bit values less their zero points, as floats. `lead` aligns a vector of zero points with the
/// rows (the last axis but one) rather than with the columns.
pub(super) fn centred(
    call: &Call,
    x: &Array,
    zero: Option<&Array>,
    rows: bool,
) -> Result<Vec<f32>> {
    if !matches!(x.dtype(), DType::U8 | DType::I8) {
        return Err(wrong(format!("{} where eight-bit integers are expected", x.dtype())));
    }
    let v = x.to_f32();
    let Some(zero) = zero else { return Ok(v) };
    if zero.dtype() != x.dtype() {
        return Err(wrong(format!("a zero point of {} for {}", zero.dtype(), x.dtype())));
    }
    let z = zero.to_f32();
    if let [z] = z.as_slice() {
        if *z == 0.0 {
            return Ok(v);
        }
    }
    let shape = per(zero.shape(), rows);
    if super::broadcast::stretched(&[x.shape(), &shape]).as_deref() != Some(x.shape()) {
        return Err(wrong(format!("zero points {:?} for {:?}", zero.shape(), x.shape())));
    }
    Ok(map2(call.pool, x.shape(), (x.shape(), &v), (&shape, &z), |x, z| x - z))
}

/// The shape in which a parameter stretches to a matrix: a vector stands for rows or for columns.
fn per(shape: &[usize], rows: bool) -> Vec<usize> {
    match *shape {
        [1] => Vec::new(),
        [n] if rows => vec![n, 1],
        _ => shape.to_vec(),
    }
}

/// The exact product of whole numbers within ±255.
pub(super) fn exact(
    call: &Call,
    stack: &Stack,
    a: &[f32],
    b: &[f32],
    constant: bool,
) -> Result<Vec<i32>> {
    let (k, n) = (stack.k, stack.n);
    if k <= DEPTH {
        let c = floats(call, stack, a, b, false, constant, &After::default())?;
        return Ok(c.into_iter().map(|x| x as i32).collect());
    }
    let mut total: Vec<i32> = Vec::new();
    for from in (0..k).step_by(DEPTH) {
        let to = (from + DEPTH).min(k);
        let left: Vec<f32> = a.chunks(k).flat_map(|row| &row[from..to]).copied().collect();
        let right: Vec<f32> =
            b.chunks((k * n).max(1)).flat_map(|m| &m[from * n..to * n]).copied().collect();
        let part = floats(
            call,
            &stack.of_depth(to - from),
            &left,
            &right,
            false,
            false,
            &After::default(),
        )?;
        if total.is_empty() {
            total = vec![0; part.len()];
        }
        total.iter_mut().zip(part).for_each(|(t, x)| *t = t.wrapping_add(x as i32));
    }
    Ok(total)
}

fn matmul_integer(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (a, b) = (inputs.array(0)?, inputs.array(1)?);
    let stack = Stack::new(call, a.shape(), b.shape(), DType::I32)?;
    let x = centred(call, a, inputs.maybe(2)?, true)?;
    let y = centred(call, b, inputs.maybe(3)?, false)?;
    let constant = call.is_constant(1) && call.is_constant(3);
    one(Array::of(&stack.shape, exact(call, &stack, &x, &y, constant)?)?)
}

/// Sums as quantised numbers. The scales of both factors stretch to the result.
fn requantized(
    call: &Call,
    shape: &[usize],
    sums: &[i32],
    (a, b): (&Array, &Array),
    target: Step,
    to: DType,
) -> Result<Array> {
    let (a_shape, b_shape) = (per(a.shape(), true), per(b.shape(), false));
    let scales = super::broadcast::common(&[&a_shape, &b_shape])?;
    if super::broadcast::stretched(&[shape, &scales]).as_deref() != Some(shape) {
        return Err(wrong(format!("scales {scales:?} for {shape:?}")));
    }
    // One factor for all three scales, so that a sum is rounded once.
    let factor = |a: &f32, b: &f32| a * b / target.scale;
    let pair = ((&a_shape[..], &a.to_f32()[..]), (&b_shape[..], &b.to_f32()[..]));
    let both = map2(call.pool, &scales, pair.0, pair.1, factor);
    let real = map2(call.pool, shape, (shape, sums), (&scales, &both), |x, s| *x as f32 * s);
    quantized(call.pool, shape, &real, (&[], &[Step { scale: 1.0, ..target }]), to, true)
}

fn qlinear_matmul(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (a, b) = (inputs.array(0)?, inputs.array(3)?);
    let to = inputs.array(7)?.dtype();
    let stack = Stack::new(call, a.shape(), b.shape(), DType::I32)?;
    let x = centred(call, a, Some(inputs.array(2)?), true)?;
    let y = centred(call, b, Some(inputs.array(5)?), false)?;
    let constant = call.is_constant(3) && call.is_constant(5);
    let sums = exact(call, &stack, &x, &y, constant)?;
    let scales = (inputs.array(1)?, inputs.array(4)?);
    one(requantized(call, &stack.shape, &sums, scales, step(&inputs, 6)?, to)?)
}

fn infer_to_float(ask: &Ask) -> Option<Vec<Known>> {
    let shape = product::shape(&ask.input(0)?.shape, &ask.input(1)?.shape)?;
    Some(vec![Known::of(DType::F32, shape)])
}

/// a, b, their scales, their zero points, a bias.
fn matmul_to_float(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (a, b) = (inputs.array(0)?, inputs.array(1)?);
    let stack = Stack::new(call, a.shape(), b.shape(), DType::I32)?;
    let x = centred(call, a, inputs.maybe(4)?, true)?;
    let y = centred(call, b, inputs.maybe(5)?, false)?;
    let constant = call.is_constant(1) && call.is_constant(5);
    let sums = exact(call, &stack, &x, &y, constant)?;
    let scales = (inputs.array(2)?, inputs.array(3)?);
    one(unquantized(call, &stack.shape, &sums, scales, inputs.maybe(6)?)?)
}

/// a in floats, quantised here to `u8`; b, its scale, its zero point, a bias.
fn dynamic_matmul(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (a, b) = (inputs.array(0)?, inputs.array(1)?);
    let stack = Stack::new(call, a.shape(), b.shape(), DType::I32)?;
    let (levels, scale, zero) = dynamic_levels(call, a)?;
    let x = centred(call, &levels, Some(&Array::scalar(zero)), true)?;
    let y = centred(call, b, inputs.maybe(3)?, false)?;
    let constant = call.is_constant(1) && call.is_constant(3);
    let sums = exact(call, &stack, &x, &y, constant)?;
    let scale = Array::scalar(scale);
    let scales = (&scale, inputs.array(2)?);
    one(unquantized(call, &stack.shape, &sums, scales, inputs.maybe(4)?)?)
}

/// Sums as floats: times the scales of both factors, plus a bias that stretches to them.
fn unquantized(
    call: &Call,
    shape: &[usize],
    sums: &[i32],
    (a, b): (&Array, &Array),
    bias: Option<&Array>,
) -> Result<Array> {
    let (a_shape, b_shape) = (per(a.shape(), true), per(b.shape(), false));
    let scales = super::broadcast::common(&[&a_shape, &b_shape])?;
    if super::broadcast::stretched(&[shape, &scales]).as_deref() != Some(shape) {
        return Err(wrong(format!("scales {scales:?} for {shape:?}")));
    }
    let pair = ((&a_shape[..], &a.to_f32()[..]), (&b_shape[..], &b.to_f32()[..]));
    let both = map2(call.pool, &scales, pair.0, pair.1, |a, b| a * b);
    let mut real = map2(call.pool, shape, (shape, sums), (&scales, &both), |x, s| *x as f32 * s);
    if let Some(bias) = bias {
        if super::broadcast::stretched(&[shape, bias.shape()]).as_deref() != Some(shape) {
            return Err(wrong(format!("a bias {:?} for {shape:?}", bias.shape())));
        }
        let bias = (bias.shape(), &bias.to_f32()[..]);
        super::broadcast::map2_onto(call.pool, shape, &mut real, bias, |x, b: f32| x + b);
    }
    Array::f32(shape, real)
}

/// `alpha·a·b + c`; a, its step, b, its steps per column, c in 32 bits, the step of the result. Without
/// that step the result is real.
fn qgemm(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let flag = |name: &str| call.attributes().flag(name);
    let (a, b) = (inputs.array(0)?, inputs.array(3)?);
    if a.rank() != 2 || b.rank() != 2 {
        return Err(wrong("two matrices expected"));
    }
    let a = if flag("transA") { turn(call, a)? } else { a.clone() };
    let b = if flag("transB") { turn(call, b)? } else { b.clone() };
    let stack = Stack::new(call, a.shape(), b.shape(), DType::I32)?;
    let x = centred(call, &a, inputs.maybe(2)?, true)?;
    let y = centred(call, &b, inputs.maybe(5)?, false)?;
    let constant = call.is_constant(3) && call.is_constant(5);
    let mut sums = exact(call, &stack, &x, &y, constant)?;
    let shape = &stack.shape;
    if let Some(c) = inputs.maybe(6)? {
        let c_values = super::arithmetic::values::<i32>(c)?;
        if super::broadcast::stretched(&[shape, c.shape()]).as_ref() != Some(shape) {
            return Err(wrong(format!("{:?} does not add to {shape:?}", c.shape())));
        }
        let add = |x: &i32, c: &i32| x.wrapping_add(*c);
        sums = map2(call.pool, shape, (shape, &sums), (c.shape(), c_values), add);
    }
    let alpha = call.float("alpha", 1.0);
    let a_scale = inputs.array(1)?;
    let a_scale =
        Array::f32(a_scale.shape(), a_scale.to_f32().iter().map(|s| s * alpha).collect())?;
    let b_scale = inputs.array(4)?;
    if inputs.maybe(7)?.is_some() {
        let to = inputs.maybe(8)?.map_or(a.dtype(), Array::dtype);
        let target = step(&inputs, 7)?;
        return one(requantized(call, shape, &sums, (&a_scale, b_scale), target, to)?);
    }
    let scales = per(b_scale.shape(), false);
    if a_scale.len() != 1 || super::broadcast::stretched(&[shape, &scales]).as_ref() != Some(shape)
    {
        return Err(wrong("scales that do not fit the product"));
    }
    let first = a_scale.to_f32().first().copied().unwrap_or(1.0);
    let factors: Vec<f32> = b_scale.to_f32().iter().map(|s| s * first).collect();
    let real = map2(call.pool, shape, (shape, &sums), (&scales, &factors), |x, s| *x as f32 * s);
    one(Array::f32(shape, real)?)
}
