//! `LinearAttention`, `CausalConvWithState`: sequences by a state that goes along.

use super::floats::{array_of, floats, maybe_floats};
use super::share::heavy_chunks;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, wrong};
use kernels::{Activation, activation};

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("CausalConvWithState", causal_conv), Op::new("LinearAttention", linear_attention)];

fn three(array: &Array) -> Result<[usize; 3]> {
    array.shape().try_into().map_err(|_| wrong(format!("three axes expected: {:?}", array.shape())))
}

/// Output `[batch][length][heads·dv]` and the state `[batch][kv heads][dk][dv]`.
fn linear_attention(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (q, k, v) = (inputs.array(0)?, inputs.array(1)?, inputs.array(2)?);
    let ([batch, length, q_all], [bk, lk, k_all], [bv, lv, v_all]) =
        (three(q)?, three(k)?, three(v)?);
    let heads = |name: &str| usize::try_from(call.int(name, 0)).ok().filter(|n| *n > 0);
    let (Some(q_heads), Some(heads)) = (heads("q_num_heads"), heads("kv_num_heads")) else {
        return Err(wrong("q_num_heads and kv_num_heads must be positive"));
    };
    let (dk, dv) = (k_all / heads, v_all / heads);
    let fits = q_heads % heads == 0
        && q_heads.checked_mul(dk) == Some(q_all)
        && heads * dk == k_all
        && heads * dv == v_all
        && (bk, lk, bv, lv) == (batch, length, batch, length);
    if !fits {
        return Err(wrong(format!(
            "{:?}, {:?}, {:?} in {heads} heads",
            q.shape(),
            k.shape(),
            v.shape()
        )));
    }
    if q.is_empty() || v.is_empty() {
        return Err(wrong("an empty sequence"));
    }
    let rule = call.text("update_rule", "gated_delta");
    let (gated, delta) = match rule {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => return Err(wrong(format!("update_rule `{other}`"))),
    };
    let per_step = |index: usize, wanted: bool, widths: [usize; 2]| -> Result<(Vec<f32>, usize)> {
        match (inputs.maybe(index)?, wanted) {
            (None, false) => Ok((Vec::new(), 0)),
            (Some(array), true) => {
                let [b, t, width] = three(array)?;
                match (b, t) == (batch, length) && widths.contains(&width) {
                    true => Ok((floats(array)?.into_owned(), width)),
                    false => Err(wrong(format!("input {index} {:?}", array.shape()))),
                }
            }
            _ => Err(wrong(format!("input {index} and update_rule `{rule}`"))),
        }
    };
    let (decay, decay_width) = per_step(4, gated, [heads, heads * dk])?;
    let (beta, beta_width) = per_step(5, delta, [heads, 1])?;
    let state_shape = [batch, heads, dk, dv];
    let (mut state, state_type) = match inputs.maybe(3)? {
        Some(past) if past.shape() == state_shape => (floats(past)?.into_owned(), past.dtype()),
        Some(past) => return Err(wrong(format!("a past state {:?}", past.shape()))),
        None => (vec![0.0; call.room(&state_shape, DType::F32)?], q.dtype()),
    };
    let scale = call.float("scale", 0.0);
    let scale = if scale == 0.0 { 1.0 / (dk as f32).sqrt() } else { scale };
    let shape = [batch, length, q_heads * dv];
    let (q_values, k_values, v_values) = (floats(q)?, floats(k)?, floats(v)?);
    let group = q_heads / heads;
    // By head of the keys first, so that each is one task: [batch][heads][length][group·dv], then the
    // state.
    let out = length * group * dv;
    let chunk = out + dk * dv;
    let mut work = vec![0.0f32; call.room(&[batch, heads, chunk], DType::F32)?];
    for (work, state) in
        work.chunks_exact_mut(chunk.max(1)).zip(state.chunks_exact((dk * dv).max(1)))
    {
        work[out..].copy_from_slice(state);
    }
    heavy_chunks(call.pool, &mut work, chunk, |i, work| {
        let (b, h) = (i / heads, i % heads);
        let (y, state) = work.split_at_mut(out);
        for t in 0..length {
            let row = b * length + t;
            let k = &k_values[row * k_all + h * dk..][..dk];
            let mut new = v_values[row * v_all + h * dv..][..dv].to_vec();
            if gated {
                for (d, state) in state.chunks_exact_mut(dv.max(1)).enumerate() {
                    let at = if decay_width == heads { h } else { h * dk + d };
                    let factor = decay[row * decay_width + at].exp();
                    state.iter_mut().for_each(|s| *s *= factor);
                }
            }
            if delta {
                for (state, k) in state.chunks_exact(dv.max(1)).zip(k) {
                    new.iter_mut().zip(state).for_each(|(new, s)| *new -= s * k);
                }
                let beta = beta[row * beta_width + if beta_width == 1 { 0 } else { h }];
                new.iter_mut().for_each(|new| *new *= beta);
            }
            for (state, k) in state.chunks_exact_mut(dv.max(1)).zip(k) {
                state.iter_mut().zip(&new).for_each(|(s, new)| *s += k * new);
            }
            for g in 0..group {
                let q = &q_values[row * q_all + (h * group + g) * dk..][..dk];
                let y = &mut y[(t * group + g) * dv..][..dv];
                for (state, q) in state.chunks_exact(dv.max(1)).zip(q) {
                    y.iter_mut().zip(state).for_each(|(y, s)| *y += scale * q * s);
                }
            }
        }
    });
    let mut y = vec![0.0f32; call.room(&shape, DType::F32)?];
    let width = group * dv;
    for (i, work) in work.chunks_exact(chunk.max(1)).enumerate() {
        let (b, h) = (i / heads, i % heads);
        for t in 0..length {
            y[((b * length + t) * heads + h) * width..][..width]
                .copy_from_slice(&work[t * width..][..width]);
        }
        state[i * dk * dv..][..dk * dv].copy_from_slice(&work[out..]);
    }
    Ok(vec![
        Value::Array(array_of(q.dtype(), &shape, y)?),
        Value::Array(array_of(state_type, &state_shape, state)?),
    ])
}

/// Each channel `[length]` convolved with its own `[k]` of the values so far.
fn causal_conv(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, w) = (inputs.array(0)?, inputs.array(1)?);
    let ([batch, channels, length], [outs, one, k]) = (three(x)?, three(w)?);
    let bias = maybe_floats(&inputs, 2)?;
    let fits = outs == channels && one == 1 && k > 0;
    if !fits || bias.as_ref().is_some_and(|bias| bias.len() != channels) {
        return Err(wrong(format!("weights {:?} for {:?}", w.shape(), x.shape())));
    }
    if x.is_empty() {
        return Err(wrong("an empty sequence"));
    }
    let silu = match call.text("activation", "none") {
        "none" | "" => false,
        "silu" | "swish" => true,
        other => return Err(wrong(format!("the activation `{other}`"))),
    };
    let before = k - 1;
    let state_shape = [batch, channels, before];
    let past = match inputs.maybe(3)? {
        Some(past) if past.shape() == state_shape => floats(past)?.into_owned(),
        Some(past) => return Err(wrong(format!("a past state {:?}", past.shape()))),
        None => vec![0.0; call.room(&state_shape, DType::F32)?],
    };
    let (values, weights) = (floats(x)?, floats(w)?);
    let (mut y, mut state) = (vec![0.0f32; values.len()], vec![0.0f32; past.len()]);
    for row in 0..batch * channels {
        let c = row % channels;
        let mut line = past[row * before..][..before].to_vec();
        line.extend_from_slice(&values[row * length..][..length]);
        let y = &mut y[row * length..][..length];
        y.fill(bias.as_ref().map_or(0.0, |bias| bias[c]));
        for (tap, weight) in weights[c * k..][..k].iter().enumerate() {
            y.iter_mut().zip(&line[tap..]).for_each(|(y, x)| *y += weight * x);
        }
        state[row * before..][..before].copy_from_slice(&line[length..]);
    }
    if silu {
        activation(call.pool, Activation::Silu, &mut y);
    }
    Ok(vec![
        Value::Array(array_of(x.dtype(), x.shape(), y)?),
        Value::Array(array_of(x.dtype(), &state_shape, state)?),
    ])
}
