//! Products of matrices: `MatMul`, `Gemm`, and ONNX Runtime's `FusedMatMul`, `FusedGemm`.

use super::arithmetic::values;
use super::broadcast::{map2, stretched};
use super::halve;
use super::number::{Number, by_number};
use super::product::{self, After, Stack, floats, numbers, transposed};
use crate::array::{Array, DType, same_type};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, MICROSOFT, Op, Value, one, unsupported, wrong};
use kernels::Activation;
use std::borrow::Cow;

pub(in super::super) const OPS: &[Op] = &[
    Op::new("MatMul", matmul).infer(infer_matmul),
    Op::new("Gemm", |call, inputs| general(call, inputs, Activation::Identity)).infer(infer_gemm),
    Op::new("FusedMatMul", fused_matmul).domain(MICROSOFT).infer(infer_matmul),
    Op::new("FusedGemm", fused_gemm).domain(MICROSOFT).infer(infer_gemm),
];

fn infer_matmul(ask: &Ask) -> Option<Vec<Known>> {
    let (a, b) = (ask.input(0)?, ask.input(1)?);
    let flag = |name: &str| ask.attributes().flag(name);
    if flag("transBatchA") || flag("transBatchB") {
        return None;
    }
    let a_shape = turned(&a.shape, flag("transA"));
    let b_shape = turned(&b.shape, flag("transB"));
    Some(vec![Known::of(a.dtype, product::shape(&a_shape, &b_shape)?)])
}

/// The shape with its last two axes exchanged, if asked for; a vector stays.
fn turned(shape: &[usize], turn: bool) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if turn && shape.len() > 1 {
        let last = shape.len() - 1;
        shape.swap(last - 1, last);
    }
    shape
}

/// The 32-bit floats of an array, converted if they are halves.
fn singles(array: &Array) -> Cow<'_, [f32]> {
    match array.slice::<f32>() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(array.to_f32()),
    }
}

/// The product of stacks of matrices of one type; `b` is `[.., n, k]` if `b_turned`. `constant` says
/// that `b` is the same at every run.
pub(super) fn multiply(
    call: &Call,
    a: &Array,
    b: &Array,
    b_turned: bool,
    constant: bool,
) -> Result<Array> {
    if a.dtype() != b.dtype() {
        return Err(wrong(format!("{} and {} do not mix", a.dtype(), b.dtype())));
    }
    let b_turned = b_turned && b.rank() > 1;
    let stack = Stack::new(call, a.shape(), &turned(b.shape(), b_turned), a.dtype())?;
    match a.dtype() {
        DType::F32 | DType::F16 | DType::BF16 => {
            let (x, y) = (singles(a), singles(b));
            let c = floats(call, &stack, &x, &y, b_turned, constant, &After::default())?;
            halve(&stack.shape, c, a.dtype())
        }
        dtype => {
            let turned_b;
            let b = match b_turned {
                true => {
                    turned_b = turn(call, b)?;
                    &turned_b
                }
                false => b,
            };
            by_number!(dtype, T => {
                let c = numbers(call.pool, &stack, values::<T>(a)?, values::<T>(b)?);
                Array::of(&stack.shape, c)
            })
        }
    }
}

/// The last two axes exchanged; a vector stays.
pub(super) fn turn(call: &Call, x: &Array) -> Result<Array> {
    let [.., rows, columns] = *x.shape() else { return Ok(x.clone()) };
    let data = same_type!(x.data(), v => transposed(call.pool, rows, columns, v));
    Array::new(&turned(x.shape(), true), data)
}

fn matmul(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    one(multiply(call, inputs.array(0)?, inputs.array(1)?, false, call.is_constant(1))?)
}

fn fused_matmul(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let flag = |name: &str| call.attributes().flag(name);
    if flag("transBatchA") || flag("transBatchB") {
        return Err(unsupported("products with transposed stacks"));
    }
    let (a, b) = (inputs.array(0)?, inputs.array(1)?);
    let turned_a = if flag("transA") { turn(call, a)? } else { a.clone() };
    let c = multiply(call, &turned_a, b, flag("transB"), call.is_constant(1))?;
    one(scaled(call, c, call.float("alpha", 1.0))?)
}

fn scaled(call: &Call, c: Array, alpha: f32) -> Result<Array> {
    if alpha == 1.0 {
        return Ok(c);
    }
    let shape = c.shape().to_vec();
    by_number!(c.dtype(), T => {
        let mut v = super::arithmetic::owned::<T>(c)?;
        let alpha = T::from_f64(f64::from(alpha));
        super::threads::each(call.pool, &mut v, |x| x.mul(alpha));
        Array::of(&shape, v)
    })
}

fn infer_gemm(ask: &Ask) -> Option<Vec<Known>> {
    let (a, b) = (ask.input(0)?, ask.input(1)?);
    let a_shape = turned(&a.shape, ask.attributes().flag("transA"));
    let b_shape = turned(&b.shape, ask.attributes().flag("transB"));
    if a_shape.len() != 2 || b_shape.len() != 2 {
        return None;
    }
    Some(vec![Known::of(a.dtype, product::shape(&a_shape, &b_shape)?)])
}

/// `act(alpha·a·b + beta·c)`; a `[m, k]`, b `[k, n]`, each as its transpose if asked for; c stretches
/// to `[m, n]`.
fn general(call: &Call, inputs: Inputs, activation: Activation) -> Result<Vec<Value>> {
    let flag = |name: &str| call.attributes().flag(name);
    let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
    let (a, b, c) = (inputs.array(0)?, inputs.array(1)?, inputs.maybe(2)?);
    if a.rank() != 2 || b.rank() != 2 {
        return Err(wrong(format!("{:?} times {:?}: two matrices expected", a.shape(), b.shape())));
    }
    let turned_a;
    let a = match flag("transA") {
        true => {
            turned_a = turn(call, a)?;
            &turned_a
        }
        false => a,
    };
    let constant = call.is_constant(1);
    let c = c.filter(|_| beta != 0.0);
    if a.dtype() == DType::F32 && b.dtype() == DType::F32 && alpha == 1.0 {
        let stack = Stack::new(call, a.shape(), &turned(b.shape(), flag("transB")), DType::F32)?;
        let (m, n) = (stack.m, stack.n);
        let c = c.map(|c| scaled(call, c.clone(), beta)).transpose()?;
        let flat = c.as_ref().map(values::<f32>).transpose()?;
        let per_column = c.as_ref().is_some_and(|c| matches!(*c.shape(), [k] | [1, k] if k == n));
        let whole = c.as_ref().is_some_and(|c| *c.shape() == [m, n]);
        if c.is_none() || per_column || whole {
            let after = After {
                bias: flat.filter(|_| per_column),
                residual: flat.filter(|_| whole && !per_column),
                activation,
            };
            let (x, y) = (values(a)?, values(b)?);
            // Even a small product goes through the kernels when something is added to it.
            let result = match stack.k {
                0 => None,
                _ => Some(floats(call, &stack, x, y, flag("transB"), constant, &after)?),
            };
            if let Some(result) = result {
                return one(Array::f32(&stack.shape, result)?);
            }
        }
    }
    let product = scaled(call, multiply(call, a, b, flag("transB"), constant)?, alpha)?;
    let sum = match c {
        None => product,
        Some(c) => {
            let shape = product.shape().to_vec();
            if c.dtype() != product.dtype()
                || stretched(&[&shape, c.shape()]).as_ref() != Some(&shape)
            {
                return Err(wrong(format!(
                    "{:?} of {} does not add to {shape:?}",
                    c.shape(),
                    c.dtype()
                )));
            }
            let c = scaled(call, c.clone(), beta)?;
            by_number!(product.dtype(), T => {
                let (x, y) = ((&shape[..], values::<T>(&product)?), (c.shape(), values::<T>(&c)?));
                Array::of(&shape, map2(call.pool, &shape, x, y, |x, y| x.add(*y)))
            })?
        }
    };
    if activation == Activation::Identity {
        return one(sum);
    }
    let (shape, dtype) = (sum.shape().to_vec(), sum.dtype());
    let mut x = sum.to_f32();
    kernels::activation(call.pool, activation, &mut x);
    one(halve(&shape, x, dtype)?)
}

fn fused_gemm(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let activation = match call.text("activation", "") {
        "" => Activation::Identity,
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu(call.float("activation_alpha", 0.01)),
        "Sigmoid" => Activation::Sigmoid,
        "Tanh" => Activation::Tanh,
        other => return Err(unsupported(format!("a product with the activation `{other}`"))),
    };
    general(call, inputs, activation)
}
