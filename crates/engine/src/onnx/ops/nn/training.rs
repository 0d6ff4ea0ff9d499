//! The steps of optimisers: `Adagrad`, `Adam`, `Momentum` of `ai.onnx.preview.training`.

use super::floats::{array_of_doubles, doubles};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, wrong};

const DOMAIN: &str = "ai.onnx.preview.training";

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("Adagrad", adagrad).domain(DOMAIN),
    Op::new("Adam", adam).domain(DOMAIN),
    Op::new("Momentum", momentum).domain(DOMAIN),
];

/// Applies `step(rate, count, value, gradient, states)` to every value of every tensor. The inputs are
/// rate, count, then all tensors, all gradients, all first states, …; the results likewise, without the
/// gradients.
fn optimise(
    inputs: &Inputs,
    states: usize,
    step: impl Fn(f64, f64, f64, &mut [f64; 2], f64) -> f64,
) -> Result<Vec<Value>> {
    let one = |index: usize| -> Result<f64> {
        let values = doubles(inputs.array(index)?);
        values.first().copied().ok_or_else(|| wrong(format!("input {index} is empty")))
    };
    let (rate, count) = (one(0)?, one(1)?);
    let kinds = 2 + states;
    let tensors = inputs.len().saturating_sub(2) / kinds;
    if tensors == 0 || tensors * kinds + 2 != inputs.len() {
        return Err(wrong(format!("{} inputs", inputs.len())));
    }
    let mut results = vec![Vec::new(); 1 + states];
    for i in 0..tensors {
        let array = |kind: usize| inputs.array(2 + kind * tensors + i);
        let x = array(0)?;
        let mut all = Vec::new();
        for kind in 0..kinds {
            if array(kind)?.shape() != x.shape() {
                return Err(wrong("a tensor, its gradient and its states have one shape"));
            }
            all.push(doubles(array(kind)?));
        }
        for v in 0..x.len() {
            let mut state = [0.0; 2];
            for (s, state) in state.iter_mut().enumerate().take(states) {
                *state = all[2 + s][v];
            }
            all[0][v] = step(rate, count, all[0][v], &mut state, all[1][v]);
            for (s, state) in state.iter().enumerate().take(states) {
                all[2 + s][v] = *state;
            }
        }
        for (kind, values) in all.into_iter().enumerate().filter(|(kind, _)| *kind != 1) {
            let result = array_of_doubles(array(kind)?.dtype(), x.shape(), values)?;
            results[kind.saturating_sub(1)].push(Value::Array(result));
        }
    }
    Ok(results.into_iter().flatten().collect())
}

fn adagrad(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let [decay, eps, norm] = [("decay_factor", 0.0), ("epsilon", 1e-6), ("norm_coefficient", 0.0)]
        .map(|(name, default)| f64::from(call.float(name, default)));
    optimise(&inputs, 1, |rate, count, x, state, gradient| {
        let g = norm * x + gradient;
        state[0] += g * g;
        x - rate / (1.0 + count * decay) * g / (state[0].sqrt() + eps)
    })
}

fn adam(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let [alpha, beta, eps, norm, after] = [
        ("alpha", 0.9),
        ("beta", 0.999),
        ("epsilon", 1e-6),
        ("norm_coefficient", 0.0),
        ("norm_coefficient_post", 0.0),
    ]
    .map(|(name, default)| f64::from(call.float(name, default)));
    optimise(&inputs, 2, |rate, count, x, state, gradient| {
        let g = norm * x + gradient;
        state[0] = alpha * state[0] + (1.0 - alpha) * g;
        state[1] = beta * state[1] + (1.0 - beta) * g * g;
        let rate = match count > 0.0 {
            true => rate * (1.0 - beta.powf(count)).sqrt() / (1.0 - alpha.powf(count)),
            false => rate,
        };
        (1.0 - after) * (x - rate * state[0] / (state[1].sqrt() + eps))
    })
}

fn momentum(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let [alpha, beta, norm] =
        ["alpha", "beta", "norm_coefficient"].map(|name| f64::from(call.float(name, 0.0)));
    let nesterov = match call.text("mode", "standard") {
        "standard" => false,
        "nesterov" => true,
        other => return Err(wrong(format!("mode `{other}`"))),
    };
    optimise(&inputs, 1, |rate, count, x, state, gradient| {
        let g = norm * x + gradient;
        state[0] = alpha * state[0] + if count > 0.0 { beta } else { 1.0 } * g;
        x - rate * if nesterov { g + alpha * state[0] } else { state[0] }
    })
}
