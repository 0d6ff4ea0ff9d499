//! `RNN`, `GRU`, `LSTM`: the frame they share. What one step computes stands in `recurrent_cells`.

use super::floats::{array_of, floats, maybe_floats};
use super::gates::{Gate, gates};
use super::recurrent_cells::{Cell, gru, lstm, rnn};
use crate::array::{Array, DType};
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, wrong};
use kernels::{Epilogue, PackedMatrix, gemm, pack_b};
use std::sync::Arc;

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("GRU", |call, inputs| run(call, &inputs, Kind::Gru)).infer(infer),
    Op::new("LSTM", |call, inputs| run(call, &inputs, Kind::Lstm)).infer(infer),
    Op::new("RNN", |call, inputs| run(call, &inputs, Kind::Rnn)).infer(infer),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rnn,
    Gru,
    Lstm,
}

impl Kind {
    /// Gates that have weights.
    fn gates(self) -> usize {
        match self {
            Kind::Rnn => 1,
            Kind::Gru => 3,
            Kind::Lstm => 4,
        }
    }

    fn activations(self) -> &'static [&'static str] {
        match self {
            Kind::Rnn => &["Tanh"],
            Kind::Gru => &["Sigmoid", "Tanh"],
            Kind::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// Extents of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sizes {
    steps: usize,
    batch: usize,
    width: usize,
    hidden: usize,
    directions: usize,
    /// Batch before time.
    by_sample: bool,
}

fn sizes(attributes: &Attributes, x: &[usize], r: &[usize]) -> Result<Sizes> {
    let (&[first, second, width], &[directions, _, hidden]) = (x, r) else {
        return Err(wrong(format!("an input {x:?} and recurrent weights {r:?}")));
    };
    let by_sample = attributes.flag("layout");
    let (steps, batch) = if by_sample { (second, first) } else { (first, second) };
    let wanted = match attributes.text("direction").unwrap_or("forward") {
        "forward" | "reverse" => 1,
        "bidirectional" => 2,
        other => return Err(wrong(format!("the direction `{other}`"))),
    };
    if directions != wanted {
        return Err(wrong(format!("weights for {directions} directions, {wanted} asked for")));
    }
    Ok(Sizes { steps, batch, width, hidden, directions, by_sample })
}

impl Sizes {
    fn output(&self) -> Vec<usize> {
        match self.by_sample {
            true => vec![self.batch, self.steps, self.directions, self.hidden],
            false => vec![self.steps, self.directions, self.batch, self.hidden],
        }
    }

    fn state(&self) -> Vec<usize> {
        match self.by_sample {
            true => vec![self.batch, self.directions, self.hidden],
            false => vec![self.directions, self.batch, self.hidden],
        }
    }

    /// Where a sample's state of a direction lies among the states.
    fn state_at(&self, direction: usize, sample: usize) -> usize {
        self.hidden
            * match self.by_sample {
                true => sample * self.directions + direction,
                false => direction * self.batch + sample,
            }
    }
}

/// Packed weights of a direction.
struct Weights {
    /// `[width][gates·hidden]`
    input: PackedMatrix,
    /// `[hidden][gates·hidden]`, for `GRU` the first two gates and the last apart.
    recurrent: Vec<PackedMatrix>,
}

fn pack(s: &Sizes, kind: Kind, w: &Array, r: &Array) -> Result<Vec<Weights>> {
    let rows = kind.gates().saturating_mul(s.hidden);
    if w.shape() != [s.directions, rows, s.width] || r.shape() != [s.directions, rows, s.hidden] {
        return Err(wrong(format!("weights {:?} and {:?}", w.shape(), r.shape())));
    }
    let (w, r) = (floats(w)?, floats(r)?);
    let direction = |d: usize| {
        let w = &w[d * rows * s.width..][..rows * s.width];
        let r = &r[d * rows * s.hidden..][..rows * s.hidden];
        let split = if kind == Kind::Gru { 2 * s.hidden } else { rows };
        let parts = [&r[..split * s.hidden], &r[split * s.hidden..]];
        let pack = |r: &[f32]| pack_b(s.hidden, r.len() / s.hidden.max(1), r, true);
        let parts = parts.iter().filter(|part| !part.is_empty()).map(|part| pack(part));
        Weights { input: pack_b(s.width, rows, w, true), recurrent: parts.collect() }
    };
    Ok((0..s.directions).map(direction).collect())
}

/// An input of one value a direction, sample and hidden unit, zeros when left out.
fn state(inputs: &Inputs, index: usize, s: &Sizes) -> Result<Vec<f32>> {
    let n = s.directions * s.batch * s.hidden;
    match inputs.maybe(index)? {
        None => Ok(vec![0.0; n]),
        Some(array) if array.shape() == s.state() => Ok(floats(array)?.into_owned()),
        Some(array) => Err(wrong(format!("a state {:?}, {:?} expected", array.shape(), s.state()))),
    }
}

/// An input of `per` values a direction, zeros when left out.
fn per_direction(inputs: &Inputs, index: usize, s: &Sizes, per: usize) -> Result<Vec<f32>> {
    let n = s.directions * per;
    match maybe_floats(inputs, index)? {
        None => Ok(vec![0.0; n]),
        Some(values) if values.len() == n => Ok(values.into_owned()),
        Some(values) => Err(wrong(format!("input {index} has {} values, not {n}", values.len()))),
    }
}

fn run(call: &Call, inputs: &Inputs, kind: Kind) -> Result<Vec<Value>> {
    let (x, w, r) = (inputs.array(0)?, inputs.array(1)?, inputs.array(2)?);
    let attributes = call.attributes();
    let s = sizes(attributes, x.shape(), r.shape())?;
    if s.hidden == 0 || attributes.int("hidden_size").is_some_and(|n| n != s.hidden as i64) {
        return Err(wrong(format!("hidden_size is not the weights' {}", s.hidden)));
    }
    let (rows, hidden) = (kind.gates() * s.hidden, s.hidden);
    call.room(&[s.steps, s.batch, rows], DType::F32)?;
    call.room(&s.output(), DType::F32)?;
    call.room(&s.state(), DType::F32)?;
    let packed: Arc<(Sizes, Vec<Weights>)> = if call.is_constant(1) && call.is_constant(2) {
        call.memo.get(s, || pack(&s, kind, w, r))?
    } else {
        Arc::new((s, pack(&s, kind, w, r)?))
    };
    let bias = per_direction(inputs, 3, &s, 2 * rows)?;
    let lengths = lengths(inputs, &s)?;
    let mut h = state(inputs, 5, &s)?;
    let mut c = if kind == Kind::Lstm { state(inputs, 6, &s)? } else { Vec::new() };
    let peepholes = match kind {
        Kind::Lstm => per_direction(inputs, 7, &s, 3 * hidden)?,
        _ => Vec::new(),
    };
    let gates = gates(attributes, s.directions, kind.activations())?;
    let per = kind.activations().len();
    let clip = attributes.float("clip").filter(|clip| *clip > 0.0);
    let linear_before_reset = attributes.flag("linear_before_reset");
    let values = floats(x)?;
    let mut y = vec![0.0f32; s.steps * s.directions * s.batch * hidden];
    for d in 0..s.directions {
        let weights = &packed.1[d];
        let bias = &bias[d * 2 * rows..][..2 * rows];
        // What the input alone contributes, all steps at once. The biases of W and R can be added here,
        // except that of the last gate of a GRU that resets after the product.
        let mut both: Vec<f32> =
            bias[..rows].iter().zip(&bias[rows..]).map(|(w, r)| w + r).collect();
        if kind == Kind::Gru && linear_before_reset {
            both[2 * hidden..].copy_from_slice(&bias[2 * hidden..rows]);
        }
        let mut from_input = vec![0.0f32; s.steps * s.batch * rows];
        let epilogue = Epilogue { bias: Some(&both), ..Epilogue::default() };
        gemm(call.pool, s.steps * s.batch, &values, &weights.input, &epilogue, &mut from_input);
        let cell = Cell {
            pool: call.pool,
            hidden,
            recurrent: &weights.recurrent,
            reset_bias: &bias[rows + rows - hidden..],
            gates: &gates[d * per..][..per],
            clip,
            peepholes: peepholes.get(d * 3 * hidden..).unwrap_or(&[]),
            input_forget: attributes.flag("input_forget"),
            linear_before_reset,
        };
        let backwards = d == 1 || attributes.text("direction") == Some("reverse");
        walk(&s, d, backwards, &lengths, &from_input, rows, (&mut h, &mut c), &mut y, |x, h, c| {
            match kind {
                Kind::Rnn => rnn(&cell, x, h),
                Kind::Gru => gru(&cell, x, h),
                Kind::Lstm => lstm(&cell, x, h, c),
            }
        });
    }
    let mut results = vec![Value::Array(array_of(x.dtype(), &s.output(), y)?)];
    results.push(Value::Array(array_of(x.dtype(), &s.state(), h)?));
    if kind == Kind::Lstm {
        results.push(Value::Array(array_of(x.dtype(), &s.state(), c)?));
    }
    Ok(results)
}

fn lengths(inputs: &Inputs, s: &Sizes) -> Result<Vec<usize>> {
    let Some(lengths) = inputs.maybe_ints(4)? else { return Ok(vec![s.steps; s.batch]) };
    let fit = |n: &i64| usize::try_from(*n).ok().filter(|n| *n <= s.steps);
    let fitting: Option<Vec<usize>> = lengths.iter().map(fit).collect();
    fitting.filter(|lengths| lengths.len() == s.batch).ok_or_else(|| {
        wrong(format!("sequence lengths {lengths:?} for {} samples of {}", s.batch, s.steps))
    })
}

/// Runs one direction: `step(input part, h, c)` for the samples whose sequence still goes on, one row
/// each.
#[allow(clippy::too_many_arguments, reason = "one loop, cut out to stay readable")]
fn walk(
    s: &Sizes,
    direction: usize,
    backwards: bool,
    lengths: &[usize],
    from_input: &[f32],
    rows: usize,
    (h, c): (&mut [f32], &mut [f32]),
    y: &mut [f32],
    mut step: impl FnMut(&mut [f32], &mut [f32], &mut [f32]),
) {
    let n = s.hidden;
    let (mut x, mut now_h, mut now_c) = (Vec::new(), Vec::new(), Vec::new());
    let steps = if s.batch == 0 { 0 } else { s.steps };
    for t in 0..steps {
        let going: Vec<(usize, usize)> = (0..s.batch)
            .filter(|sample| t < lengths[*sample])
            .map(|sample| (sample, if backwards { lengths[sample] - 1 - t } else { t }))
            .collect();
        x.clear();
        now_h.clear();
        now_c.clear();
        for &(sample, time) in &going {
            let row = if s.by_sample { sample * s.steps + time } else { time * s.batch + sample };
            x.extend_from_slice(&from_input[row * rows..][..rows]);
            let at = s.state_at(direction, sample);
            now_h.extend_from_slice(&h[at..][..n]);
            if !c.is_empty() {
                now_c.extend_from_slice(&c[at..][..n]);
            }
        }
        step(&mut x, &mut now_h, &mut now_c);
        for (i, &(sample, time)) in going.iter().enumerate() {
            let at = s.state_at(direction, sample);
            h[at..][..n].copy_from_slice(&now_h[i * n..][..n]);
            if !c.is_empty() {
                c[at..][..n].copy_from_slice(&now_c[i * n..][..n]);
            }
            let row = match s.by_sample {
                true => (sample * s.steps + time) * s.directions + direction,
                false => (time * s.directions + direction) * s.batch + sample,
            };
            y[row * n..][..n].copy_from_slice(&now_h[i * n..][..n]);
        }
    }
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let (x, r) = (ask.input(0)?, ask.input(2)?);
    let s = sizes(ask.attributes(), &x.shape, &r.shape).ok()?;
    let mut known = vec![Known::of(x.dtype, s.output())];
    known.resize(ask.node.output_count().max(1), Known::of(x.dtype, s.state()));
    Some(known)
}

/// For the cells: limits what goes into a function.
pub(super) fn limited(pool: &kernels::Pool, gate: Gate, clip: Option<f32>, x: &mut [f32]) {
    if let Some(clip) = clip {
        x.iter_mut().for_each(|x| *x = x.clamp(-clip, clip));
    }
    gate.apply(pool, x);
}
