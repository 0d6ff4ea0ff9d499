//! `LayerNormalization`, `RMSNormalization` and what ONNX Runtime makes of them: rows by their own
//! statistics.

use super::floats::{array_of, array_of_doubles, doubles, floats, like_input, spread};
use super::share::each_chunk;
use super::size::product;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, MICROSOFT, Op, Value, axis, one, wrong};
use kernels::{Activation, Norm};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("LayerNormalization", layer).infer(infer),
    Op::new("RMSNormalization", rms).infer(like_input),
    // ONNX Runtime writes it in the default set.
    Op::new("SimplifiedLayerNormalization", rms).infer(infer_rms),
    Op::new("SimplifiedLayerNormalization", rms).domain(MICROSOFT).infer(infer_rms),
    Op::new("SkipLayerNormalization", skip_layer).domain(MICROSOFT),
    Op::new("SkipSimplifiedLayerNormalization", skip_rms).domain(MICROSOFT),
];

/// Rows of `cols` values that are normalised together.
struct Rows {
    cols: usize,
    /// Shape of one statistic a row: the axes from `axis` on are 1.
    statistics: Vec<usize>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

fn rows(at: i64, x: &Array, weight: &Array, bias: Option<&Array>) -> Result<Rows> {
    let at = axis(at, x.rank())?;
    let normalised = &x.shape()[at..];
    let fit = |array: &Array| {
        spread(&floats(array)?, array.shape(), normalised).ok_or_else(|| {
            wrong(format!("{:?} does not spread over {normalised:?}", array.shape()))
        })
    };
    let mut statistics = x.shape()[..at].to_vec();
    statistics.resize(x.rank(), 1);
    let cols = product(normalised);
    if x.is_empty() {
        // The other axes may be of any size.
        return Ok(Rows { cols, statistics, weight: Vec::new(), bias: None });
    }
    Ok(Rows { cols, statistics, weight: fit(weight)?, bias: bias.map(fit).transpose()? })
}

/// Mean and 1/√(variance + ε) of each row.
fn moments(x: &[f64], cols: usize, eps: f64) -> (Vec<f64>, Vec<f64>) {
    let row = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / cols as f64;
        let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / cols as f64;
        (mean, 1.0 / (variance + eps).sqrt())
    };
    x.chunks_exact(cols).map(row).unzip()
}

fn layer(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let rows = rows(call.int("axis", -1), x, inputs.array(1)?, inputs.maybe(2)?)?;
    let stash = match call.int("stash_type", 1) {
        11 => DType::F64,
        _ => DType::F32,
    };
    normalise(call, x, &rows, stash)
}

fn normalise(call: &Call, x: &Array, rows: &Rows, stash: DType) -> Result<Vec<Value>> {
    if x.is_empty() {
        return one(x.clone());
    }
    let eps = call.float("epsilon", 1e-5);
    let mut statistics = None;
    if x.dtype() == DType::F64 || call.node.wants(1) || call.node.wants(2) {
        statistics = Some(moments(&doubles(x), rows.cols, f64::from(eps)));
    }
    let y = if let (DType::F64, Some((mean, inverse))) = (x.dtype(), &statistics) {
        let mut y = doubles(x);
        for ((y, mean), inverse) in y.chunks_exact_mut(rows.cols).zip(mean).zip(inverse) {
            for (c, y) in y.iter_mut().enumerate() {
                let bias = rows.bias.as_ref().map_or(0.0, |bias| f64::from(bias[c]));
                *y = (*y - mean) * inverse * f64::from(rows.weight[c]) + bias;
            }
        }
        array_of_doubles(DType::F64, x.shape(), y)?
    } else {
        let norm = Norm {
            weight: Some(&rows.weight),
            bias: rows.bias.as_deref(),
            eps,
            activation: Activation::Identity,
            moments: None,
        };
        let values = floats(x)?;
        let mut y = vec![0.0; values.len()];
        let n = values.len() / rows.cols;
        kernels::layer_norm(call.pool, n, rows.cols, &norm, &values, &mut y);
        array_of(x.dtype(), x.shape(), y)?
    };
    let mut results = vec![Value::Array(y)];
    if let Some((mean, inverse)) = statistics {
        for values in [mean, inverse] {
            results.push(Value::Array(array_of_doubles(stash, &rows.statistics, values)?));
        }
    }
    Ok(results)
}

fn rms(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let rows = rows(call.int("axis", -1), x, inputs.array(1)?, None)?;
    let (y, inverse) = by_root_mean_square(call, x, &rows)?;
    let mut results = vec![Value::Array(y)];
    if call.node.wants(1) {
        results.push(Value::Array(inverse));
    }
    Ok(results)
}

/// Each row divided by √(mean of squares + ε), then weighted; and the inverse roots.
fn by_root_mean_square(call: &Call, x: &Array, rows: &Rows) -> Result<(Array, Array)> {
    let eps = f64::from(call.float("epsilon", 1e-5));
    if rows.cols == 0 || x.is_empty() {
        let n = call.room(&rows.statistics, DType::F32)?;
        return Ok((x.clone(), Array::f32(&rows.statistics, vec![0.0; n])?));
    }
    let inverse = |x: &[f32]| {
        // Eight partial sums keep the adder busy.
        let mut sums = [0.0f64; 8];
        for chunk in x.chunks(8) {
            for (sum, v) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(*v) * f64::from(*v);
            }
        }
        1.0 / (sums.iter().sum::<f64>() / x.len() as f64 + eps).sqrt()
    };
    let values = floats(x)?;
    let roots = values.chunks_exact(rows.cols).map(|x| inverse(x) as f32).collect();
    let mut y = vec![0.0f32; values.len()];
    each_chunk(call.pool, &mut y, rows.cols, |row, y| {
        let x = &values[row * rows.cols..][..rows.cols];
        let scale = inverse(x) as f32;
        for ((y, x), w) in y.iter_mut().zip(x).zip(&rows.weight) {
            *y = x * scale * w;
        }
        for (y, b) in y.iter_mut().zip(rows.bias.as_deref().unwrap_or(&[])) {
            *y += b;
        }
    });
    Ok((array_of(x.dtype(), x.shape(), y)?, Array::f32(&rows.statistics, roots)?))
}

/// `input + skip + bias`, the sum that both skip forms normalise.
fn skipped(inputs: &Inputs, bias: usize) -> Result<Array> {
    let x = inputs.array(0)?;
    let mut sum = floats(x)?.into_owned();
    let more = [Some(inputs.array(1)?), inputs.maybe(bias)?];
    for array in more.into_iter().flatten() {
        let values = spread(&floats(array)?, array.shape(), x.shape())
            .ok_or_else(|| wrong(format!("{:?} on {:?}", array.shape(), x.shape())))?;
        sum.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
    }
    array_of(x.dtype(), x.shape(), sum)
}

fn skip_layer(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = skipped(&inputs, 4)?;
    let rows = rows(-1, &x, inputs.array(2)?, inputs.maybe(3)?)?;
    let mut results = normalise(call, &x, &rows, DType::F32)?;
    results.resize(3, Value::Absent);
    results.push(Value::Array(x));
    Ok(results)
}

fn skip_rms(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let x = skipped(&inputs, 3)?;
    let rows = rows(-1, &x, inputs.array(2)?, None)?;
    let (y, inverse) = by_root_mean_square(call, &x, &rows)?;
    Ok(vec![Value::Array(y), Value::Absent, Value::Array(inverse), Value::Array(x)])
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let stash = match ask.attributes().int("stash_type") {
        Some(11) => DType::F64,
        _ => DType::F32,
    };
    with_statistics(ask, stash)
}

fn infer_rms(ask: &Ask) -> Option<Vec<Known>> {
    with_statistics(ask, DType::F32)
}

fn with_statistics(ask: &Ask, stash: DType) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let at = axis(ask.attributes().int("axis").unwrap_or(-1), x.shape.len()).ok()?;
    let mut statistics = x.shape[..at].to_vec();
    statistics.resize(x.shape.len(), 1);
    let mut known = vec![Known::of(x.dtype, x.shape.clone())];
    known.resize(ask.node.output_count().max(1), Known::of(stash, statistics));
    Some(known)
}
