//! `FlexAttention` of `ai.onnx.preview`: attention whose scores and probabilities graphs may change.

use super::floats::{array_of, floats};
use crate::array::DType;
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, unsupported, wrong};
use kernels::{Epilogue, gemm, pack_b, softmax};

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("FlexAttention", run).domain("ai.onnx.preview").infer(infer)];

/// Batch, heads, length, width.
fn four(shape: &[usize]) -> Result<[usize; 4]> {
    shape.try_into().map_err(|_| wrong(format!("four axes expected: {shape:?}")))
}

/// The body of that name on an array of shape `shape`, or the array itself without one.
fn through(
    call: &Call,
    name: &str,
    dtype: DType,
    shape: &[usize],
    x: Vec<f32>,
) -> Result<Vec<f32>> {
    if call.bodies.input_count(name).is_err() {
        return Ok(x);
    }
    let given = array_of(dtype, shape, x)?;
    let result = call.bodies.run(name, vec![Value::Array(given)])?.into_iter().next();
    match result {
        Some(Value::Array(array)) if array.shape() == shape => Ok(floats(&array)?.into_owned()),
        _ => Err(wrong(format!("{name} must give one array of shape {shape:?}"))),
    }
}

fn run(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (q, k, v) = (inputs.array(0)?, inputs.array(1)?, inputs.array(2)?);
    let ([batch, heads, rows, width], [bk, kv, columns, wk], [bv, hv, lv, out]) =
        (four(q.shape())?, four(k.shape())?, four(v.shape())?);
    let fits = (bk, bv, hv, wk, lv) == (batch, batch, kv, width, columns)
        && kv > 0
        && heads.is_multiple_of(kv)
        && width > 0;
    if !fits {
        return Err(wrong(format!("{:?}, {:?}, {:?}", q.shape(), k.shape(), v.shape())));
    }
    let dtype = match call.attributes().int("softmax_precision") {
        Some(number) => {
            let dtype = DType::from_onnx(number).filter(|dtype| dtype.is_float());
            dtype.ok_or_else(|| unsupported(format!("softmax_precision {number}")))?
        }
        None if q.dtype() == DType::F64 => DType::F64,
        None => DType::F32,
    };
    let scale = call.attributes().float("scale").unwrap_or(1.0 / (width as f32).sqrt());
    let shape = [batch, heads, rows, columns];
    let n = call.room(&shape, DType::F64)?;
    let y_shape = [batch, heads, rows, out];
    let mut y = vec![0.0f32; call.room(&y_shape, DType::F64)?];
    if n == 0 {
        return one(array_of(v.dtype(), &y_shape, y)?);
    }
    let (q_values, k_values, v_values) = (floats(q)?, floats(k)?, floats(v)?);
    let mut scores = vec![0.0f32; n];
    let (none, per) = (Epilogue::default(), heads / kv);
    for (i, scores) in scores.chunks_exact_mut(rows * columns).enumerate() {
        let keys = &k_values[i / per * columns * width..][..columns * width];
        let keys = pack_b(width, columns, keys, true);
        gemm(call.pool, rows, &q_values[i * rows * width..][..rows * width], &keys, &none, scores);
        scores.iter_mut().for_each(|s| *s *= scale);
    }
    let scores = through(call, "score_mod", dtype, &shape, scores)?;
    let mut weights = vec![0.0f32; n];
    softmax(call.pool, n / columns, columns, &scores, &mut weights);
    let weights = through(call, "prob_mod", dtype, &shape, weights)?;
    if out > 0 {
        for (i, y) in y.chunks_exact_mut(rows * out).enumerate() {
            let values = &v_values[i / per * columns * out..][..columns * out];
            let values = pack_b(columns, out, values, false);
            let weights = &weights[i * rows * columns..][..rows * columns];
            gemm(call.pool, rows, weights, &values, &none, y);
        }
    }
    one(array_of(v.dtype(), &y_shape, y)?)
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let (q, v) = (ask.input(0)?, ask.input(2)?);
    let ([batch, heads, rows, _], [_, _, _, out]) = (four(&q.shape).ok()?, four(&v.shape).ok()?);
    Some(vec![Known::of(v.dtype, vec![batch, heads, rows, out])])
}
