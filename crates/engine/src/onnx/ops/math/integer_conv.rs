//! Convolutions of eight-bit numbers, summed exactly: `ConvInteger`, `QLinearConv`.
//!
//! The patches of a sample become the columns of a matrix (zero, once the zero point is taken off, where
//! they reach beyond the picture); the weights are its left factor (`integer`).

use super::integer::{centred, exact};
use super::product::Stack;
use super::quantize::{Step, quantized, step};
use crate::array::{Array, DType, count};
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};

pub(in super::super) const OPS: &[Op] = &[
    Op::new("ConvInteger", conv_integer).infer(infer_integer),
    Op::new("QLinearConv", qlinear_conv).infer(infer_qlinear),
];

/// One axis of the picture.
#[derive(Clone, Copy, Debug)]
struct Line {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: i64,
}

/// How patches lie.
#[derive(Debug)]
struct Geometry {
    groups: usize,
    lines: Vec<Line>,
}

impl Geometry {
    fn of(attributes: &Attributes, x: &[usize], w: &[usize]) -> Option<Geometry> {
        let axes = x.len().checked_sub(2).filter(|axes| *axes > 0 && w.len() == x.len())?;
        let groups = usize::try_from(attributes.int("group").unwrap_or(1)).ok()?;
        if groups == 0 || w[1].checked_mul(groups)? != x[1] || !w[0].is_multiple_of(groups) {
            return None;
        }
        let sizes = |name: &str| attributes.sizes(name, &vec![1; axes]).ok();
        let (strides, dilations) = (sizes("strides")?, sizes("dilations")?);
        let pads = attributes.ints("pads").map_or_else(|| vec![0; 2 * axes], <[i64]>::to_vec);
        let kernel = attributes.sizes("kernel_shape", &w[2..]).ok()?;
        if strides.len() != axes
            || dilations.len() != axes
            || pads.len() != 2 * axes
            || kernel != w[2..]
        {
            return None;
        }
        let auto = attributes.text("auto_pad").unwrap_or("NOTSET");
        let mut lines = Vec::new();
        for i in 0..axes {
            let (input, kernel, stride, dilation) = (x[i + 2], w[i + 2], strides[i], dilations[i]);
            if stride == 0 || dilation == 0 || kernel == 0 {
                return None;
            }
            let reach = i64::try_from((kernel - 1).checked_mul(dilation)?.checked_add(1)?).ok()?;
            let wide = i64::try_from(input).ok()?;
            let step = i64::try_from(stride).ok()?;
            let (before, after) = match auto {
                "SAME_UPPER" | "SAME_LOWER" => {
                    let whole = (input.div_ceil(stride) as i64 - 1).checked_mul(step)?;
                    let total = whole.checked_add(reach)?.checked_sub(wide)?.max(0);
                    let less = total / 2;
                    if auto == "SAME_UPPER" { (less, total - less) } else { (total - less, less) }
                }
                "VALID" => (0, 0),
                _ => (pads[i], pads[i + axes]),
            };
            let room = wide.checked_add(before)?.checked_add(after)?.checked_sub(reach)?;
            let output = usize::try_from(room).map_or(0, |room| room / stride + 1);
            lines.push(Line { input, output, kernel, stride, dilation, before });
        }
        Some(Geometry { groups, lines })
    }

    fn shape(&self, x: &[usize], w: &[usize]) -> Vec<usize> {
        [x[0], w[0]].into_iter().chain(self.lines.iter().map(|line| line.output)).collect()
    }

    /// `[channels · taps][places]` of `[channels][picture]`.
    fn columns(&self, x: &[f32], columns: &mut [f32]) {
        let picture: usize = self.lines.iter().map(|line| line.input).product();
        let taps: usize = self.lines.iter().map(|line| line.kernel).product();
        let places: usize = self.lines.iter().map(|line| line.output).product();
        if picture == 0 || places == 0 {
            return;
        }
        for (row, out) in columns.chunks_mut(places).enumerate() {
            let (channel, mut tap) = (row / taps, row % taps);
            let x = &x[channel * picture..][..picture];
            let mut offsets = vec![0i64; self.lines.len()];
            for (offset, line) in offsets.iter_mut().zip(&self.lines).rev() {
                *offset = (tap % line.kernel * line.dilation) as i64 - line.before;
                tap /= line.kernel;
            }
            let Some(last) = self.lines.last() else { return };
            let shift = offsets.last().copied().unwrap_or(0);
            for (line_number, out) in out.chunks_mut(last.output).enumerate() {
                // Where the line starts, if it lies in the picture.
                let (mut rest, mut start, mut step) = (line_number, 0, last.input);
                let mut inside = true;
                for (line, offset) in self.lines.iter().zip(&offsets).rev().skip(1) {
                    let at = (rest % line.output * line.stride) as i64 + offset;
                    rest /= line.output;
                    match usize::try_from(at).ok().filter(|at| *at < line.input) {
                        Some(at) => start += at * step,
                        None => inside = false,
                    }
                    step *= line.input;
                }
                if !inside {
                    out.fill(0.0);
                    continue;
                }
                for (i, o) in out.iter_mut().enumerate() {
                    let at = usize::try_from((i * last.stride) as i64 + shift).ok();
                    *o = at.filter(|at| *at < last.input).map_or(0.0, |at| x[start + at]);
                }
            }
        }
    }
}

fn infer_integer(ask: &Ask) -> Option<Vec<Known>> {
    let (x, w) = (&ask.input(0)?.shape, &ask.input(1)?.shape);
    let geometry = Geometry::of(ask.attributes(), x, w)?;
    Some(vec![Known::of(DType::I32, geometry.shape(x, w))])
}

fn infer_qlinear(ask: &Ask) -> Option<Vec<Known>> {
    let (x, w) = (&ask.input(0)?.shape, &ask.input(3)?.shape);
    let geometry = Geometry::of(ask.attributes(), x, w)?;
    Some(vec![Known::of(ask.input(7)?.dtype, geometry.shape(x, w))])
}

/// The sums, `[sample][out][places]`, and their shape.
fn convolve(
    call: &Call,
    x: &Array,
    x_zero: Option<&Array>,
    w: &Array,
    w_zero: Option<&Array>,
) -> Result<(Vec<usize>, Vec<i32>)> {
    let (xs, ws) = (x.shape(), w.shape());
    let geometry = Geometry::of(call.attributes(), xs, ws)
        .ok_or_else(|| wrong(format!("weights {ws:?} do not fit {xs:?} and the attributes")))?;
    let shape = geometry.shape(xs, ws);
    let total = call.room(&shape, DType::I32)?;
    let v = centred(call, x, x_zero, false)?;
    // Zero points of weights stand for output channels.
    let large = || wrong("the extents are too large");
    let k = count(&ws[1..]).ok_or_else(large)?;
    let flat = w.clone().reshaped(&[ws[0], k])?;
    let weights = centred(call, &flat, w_zero, true)?;
    if total == 0 {
        return Ok((shape, Vec::new()));
    }
    let places = count(&shape[2..]).ok_or_else(large)?;
    let n = call.room(&[k, places], DType::F32)?;
    let (outs, ins) = (ws[0] / geometry.groups, ws[1]);
    let picture = count(&xs[2..]).ok_or_else(large)?;
    let stack = Stack::new(call, &[outs, k], &[k, places], DType::I32)?;
    let mut columns = vec![0.0; n];
    let mut sums = Vec::with_capacity(total);
    for sample in 0..xs[0] {
        for group in 0..geometry.groups {
            let from = (sample * xs[1] + group * ins) * picture;
            geometry.columns(&v[from..][..ins * picture], &mut columns);
            let weights = &weights[group * outs * k..][..outs * k];
            sums.extend(exact(call, &stack, weights, &columns, false)?);
        }
    }
    Ok((shape, sums))
}

fn conv_integer(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, w) = (inputs.array(0)?, inputs.array(1)?);
    let (shape, sums) = convolve(call, x, inputs.maybe(2)?, w, inputs.maybe(3)?)?;
    one(Array::of(&shape, sums)?)
}

/// x and its step, the weights and their steps per output channel, the step of y, a bias in 32 bits of
/// scale `x_scale·w_scale`.
fn qlinear_conv(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, w) = (inputs.array(0)?, inputs.array(3)?);
    let to = inputs.array(7)?.dtype();
    let (shape, mut sums) = convolve(call, x, Some(inputs.array(2)?), w, Some(inputs.array(5)?))?;
    let outs = w.shape().first().copied().unwrap_or(0);
    let places = if sums.is_empty() { 1 } else { shape[2..].iter().product() };
    if let Some(bias) = inputs.maybe(8)? {
        let bias = super::arithmetic::values::<i32>(bias)?;
        if bias.len() != outs {
            return Err(wrong(format!("{} biases for {outs} channels", bias.len())));
        }
        for (row, sums) in sums.chunks_mut(places).enumerate() {
            let bias = bias[row % outs];
            sums.iter_mut().for_each(|x| *x = x.wrapping_add(bias));
        }
    }
    let (x_scale, target) = (step(&inputs, 1)?.scale, step(&inputs, 6)?);
    let w_scale = inputs.array(4)?.to_f32();
    if w_scale.len() != 1 && w_scale.len() != outs {
        return Err(wrong(format!("{} scales for {outs} channels", w_scale.len())));
    }
    let mut real = vec![0.0; sums.len()];
    for (row, (real, sums)) in real.chunks_mut(places).zip(sums.chunks(places)).enumerate() {
        let w_scale = if w_scale.len() == 1 { w_scale[0] } else { w_scale[row % outs] };
        // One factor for all three scales, so that a sum is rounded once.
        let scale = x_scale * w_scale / target.scale;
        real.iter_mut().zip(sums).for_each(|(r, x)| *r = *x as f32 * scale);
    }
    let target = [Step { scale: 1.0, ..target }];
    one(quantized(call.pool, &shape, &real, (&[], &target), to, true)?)
}
