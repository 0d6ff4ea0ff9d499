//! `RotaryEmbedding`: pairs of values turned by the angle of their position.

use super::floats::{array_of, floats, like_input};
use super::share::each_chunk;
use crate::array::Array;
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, MICROSOFT, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("RotaryEmbedding", |call, inputs| {
        rotary(call, inputs.array(0)?, [inputs.array(1)?, inputs.array(2)?], inputs.maybe_ints(3)?)
    })
    .infer(like_input),
    Op::new("RotaryEmbedding", microsoft).domain(MICROSOFT).infer(like_input),
];

fn microsoft(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let caches = [inputs.array(2)?, inputs.array(3)?];
    rotary(call, inputs.array(0)?, caches, Some(inputs.ints(1)?))
}

/// `x` is `[batch][heads][length][width]` or `[batch][length][heads·width]`; the caches hold cosines
/// and sines, `[position][half]` or, without positions, `[batch][length][half]`.
fn rotary(
    call: &Call,
    x: &Array,
    caches: [&Array; 2],
    positions: Option<Vec<i64>>,
) -> Result<Vec<Value>> {
    let [cos, sin] = caches;
    let Some(&half) = cos.shape().last().filter(|half| **half > 0 && cos.shape() == sin.shape())
    else {
        return Err(wrong(format!("caches {:?} and {:?}", cos.shape(), sin.shape())));
    };
    let turned = half.saturating_mul(2);
    let asked = call.int("rotary_embedding_dim", 0);
    if asked != 0 && asked != turned as i64 {
        return Err(wrong(format!("rotary_embedding_dim {asked} for caches {:?}", cos.shape())));
    }
    let heads = usize::try_from(call.int("num_heads", 0)).unwrap_or(0);
    let (batch, length, heads, width, by_head) = match *x.shape() {
        [batch, heads, length, width] => (batch, length, heads, width, true),
        [batch, length, all] if heads > 0 && all % heads == 0 => {
            (batch, length, heads, all / heads, false)
        }
        [batch, length, all] if heads == 0 && all % turned == 0 => {
            (batch, length, all / turned, turned, false)
        }
        _ => return Err(wrong(format!("an input {:?} in {heads} heads", x.shape()))),
    };
    if turned > width {
        return Err(wrong(format!("{turned} of {width} values to turn")));
    }
    if x.is_empty() {
        return one(x.clone());
    }
    let rows = cos.len() / half;
    let row_of = |b: usize, t: usize| -> Option<usize> {
        match &positions {
            None => Some(b * length + t),
            Some(positions) if positions.len() == 1 => {
                usize::try_from(positions[0]).ok()?.checked_add(t)
            }
            Some(positions) => usize::try_from(*positions.get(b * length + t)?).ok(),
        }
        .filter(|row| *row < rows)
    };
    let mut places = Vec::new();
    for (b, t) in (0..batch).flat_map(|b| (0..length).map(move |t| (b, t))) {
        places.push(row_of(b, t).ok_or_else(|| wrong(format!("no position for {b}, {t}")))?);
    }
    let (cos, sin) = (floats(cos)?, floats(sin)?);
    let interleaved = call.int("interleaved", 0) != 0;
    let mut y = floats(x)?.into_owned();
    each_chunk(call.pool, &mut y, width, |i, y| {
        let (b, t) = match by_head {
            true => (i / length / heads, i % length),
            false => (i / heads / length, i / heads % length),
        };
        let at = places[b * length + t] * half;
        for k in 0..half {
            let (first, second) = if interleaved { (2 * k, 2 * k + 1) } else { (k, half + k) };
            let (c, s, a, b) = (cos[at + k], sin[at + k], y[first], y[second]);
            (y[first], y[second]) = (c * a - s * b, s * a + c * b);
        }
    });
    one(array_of(x.dtype(), x.shape(), y)?)
}
