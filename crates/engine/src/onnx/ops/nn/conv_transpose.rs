//! `ConvTranspose`: each input value adds the kernel, scaled, at its place in the output.

use super::conv::{fill_bias, groups};
use super::floats::{array_of, floats, maybe_floats};
use super::size::product;
use super::window::{AutoPad, bounded, on_three, pads, per_axis, spatial};
use crate::array::DType;
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};
use kernels::{
    ConvTransposeShape, Epilogue, PackedConvTranspose, conv_transpose_workspace,
    pack_conv_transpose,
};
use std::sync::Arc;

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("ConvTranspose", run).infer(infer)];

/// The kernels keep one packed part for each phase of a stride; beyond this many the plain sum runs.
const MOST_PHASES: usize = 512;

/// What it looks like for `x` `[batch][in][spatial…]` and `w` `[in][out/groups][kernel…]`, and the
/// shape of its result.
fn plan(
    attributes: &Attributes,
    x: &[usize],
    w: &[usize],
) -> Result<(ConvTransposeShape, Vec<usize>)> {
    let input = spatial(x)?;
    let rank = input.len();
    let groups = groups(attributes)?;
    if w.len() != x.len() || w[0] != x[1] || !x[1].is_multiple_of(groups) {
        return Err(wrong(format!("weights {w:?} in {groups} groups for an input {x:?}")));
    }
    let kernel = &w[2..];
    bounded("the input's shape", input, rank, 1)?;
    bounded("the kernel's shape", kernel, rank, 1)?;
    if attributes.has("kernel_shape") && attributes.sizes("kernel_shape", &[])? != kernel {
        return Err(wrong(format!("kernel_shape is not the weights' {kernel:?}")));
    }
    let stride = per_axis(attributes, "strides", rank, 1, 1)?;
    let dilation = per_axis(attributes, "dilations", rank, 1, 1)?;
    let mut extra = per_axis(attributes, "output_padding", rank, 0, 0)?;
    let auto = AutoPad::of(attributes)?;
    let same = matches!(auto, AutoPad::SameUpper | AutoPad::SameLower);
    let mut pad =
        if auto == AutoPad::NotSet { pads(attributes, rank)? } else { vec![[0; 2]; rank] };
    let wanted = if attributes.has("output_shape") {
        let wanted = attributes.sizes("output_shape", &[])?;
        // Some files list batch and channels too.
        let wanted = if wanted.len() == rank + 2 { wanted[2..].to_vec() } else { wanted };
        bounded("output_shape", &wanted, rank, 0)?;
        Some(wanted)
    } else {
        same.then(|| (0..rank).map(|a| input[a] * stride[a]).collect())
    };
    let mut output = vec![0; rank];
    for a in 0..rank {
        let reach = dilation[a] * (kernel[a] - 1) + 1;
        let full = (input[a] - 1) * stride[a] + reach + extra[a];
        match &wanted {
            Some(wanted) => {
                output[a] = wanted[a];
                // What is too much is cut off both ends, what is missing stays empty at the end.
                let total = full.saturating_sub(wanted[a]);
                pad[a] = match auto {
                    AutoPad::SameUpper => auto.split(total),
                    _ => [total - total / 2, total / 2],
                };
                extra[a] += wanted[a].saturating_sub(full);
            }
            None => {
                let cut = pad[a][0] + pad[a][1];
                output[a] = full.checked_sub(cut).ok_or_else(|| {
                    wrong(format!("pads of {cut} cut more than the {full} values there are"))
                })?;
            }
        }
    }
    let outs = w[1].checked_mul(groups).ok_or_else(|| wrong("too many channels"))?;
    let mut shape = vec![x[0], outs];
    shape.extend_from_slice(&output);
    let transpose = ConvTransposeShape {
        in_channels: x[1],
        out_channels: outs,
        groups,
        input: on_three(input, 1),
        kernel: on_three(kernel, 1),
        stride: on_three(&stride, 1),
        dilation: on_three(&dilation, 1),
        pad: on_three(&pad, [0; 2]),
        output_padding: on_three(&extra, 0),
    };
    Ok((transpose, shape))
}

fn run(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, w) = (inputs.array(0)?, inputs.array(1)?);
    let (shape, out) = plan(call.attributes(), x.shape(), w.shape())?;
    let bias = maybe_floats(&inputs, 2)?;
    if bias.as_ref().is_some_and(|bias| bias.len() != shape.out_channels) {
        return Err(wrong(format!("the bias must have {} values", shape.out_channels)));
    }
    let n = call.room(&out, DType::F32)?;
    let mut y = vec![0.0f32; n];
    if n == 0 || x.is_empty() {
        fill_bias(bias.as_deref().unwrap_or(&[0.0]), &out, &mut y);
        return one(array_of(x.dtype(), &out, y)?);
    }
    let (from, to) = (shape.input_len(), product(&out[1..]));
    let (weights, values) = (floats(w)?, floats(x)?);
    let samples = values.chunks_exact(from).zip(y.chunks_exact_mut(to));
    let phases = shape.stride.iter().fold(1usize, |n, s| n.saturating_mul(*s));
    if phases > MOST_PHASES || shape.output().is_none() {
        let to = on_three(&out[2..], 1);
        samples.for_each(|(x, y)| scatter(&shape, to, x, &weights, bias.as_deref(), y));
        return one(array_of(x.dtype(), &out, y)?);
    }
    let pack = || Ok(pack_conv_transpose(&shape, &weights));
    let packed: Arc<(ConvTransposeShape, PackedConvTranspose)> = if call.is_constant(1) {
        call.memo.get(shape.clone(), pack)?
    } else {
        Arc::new((shape.clone(), pack()?))
    };
    let mut work = vec![0.0; conv_transpose_workspace(&shape, &packed.1, call.pool.threads())];
    let epilogue = Epilogue { bias: bias.as_deref(), ..Epilogue::default() };
    for (x, y) in samples {
        kernels::conv_transpose(call.pool, &shape, x, &packed.1, &epilogue, &mut work, y);
    }
    one(array_of(x.dtype(), &out, y)?)
}

/// One sample, value by value: `x` `[in][d][h][w]`, `y` `[out][d][h][w]`.
fn scatter(
    s: &ConvTransposeShape,
    to: [usize; 3],
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    let (ins, outs) = (s.in_channels / s.groups, s.out_channels / s.groups);
    let (positions, taps) = (product(&to), product(&s.kernel));
    let [_, ih, iw] = s.input;
    let [_, kh, kw] = s.kernel;
    let place = |axis: usize, i: usize, k: usize| {
        (i * s.stride[axis] + k * s.dilation[axis])
            .checked_sub(s.pad[axis][0])
            .filter(|o| *o < to[axis])
    };
    for (o, y) in y.chunks_exact_mut(positions).enumerate() {
        y.fill(bias.map_or(0.0, |bias| bias[o]));
        for c in o / outs * ins..(o / outs + 1) * ins {
            let kernel = &weight[(c * outs + o % outs) * taps..][..taps];
            let x = x.chunks_exact(ih * iw * s.input[0]).nth(c).unwrap_or(&[]);
            for (i, x) in x.iter().enumerate() {
                for (k, w) in kernel.iter().enumerate() {
                    let z = place(0, i / (ih * iw), k / (kh * kw));
                    let h = place(1, i / iw % ih, k / kw % kh);
                    let w_at = place(2, i % iw, k % kw);
                    if let (Some(z), Some(h), Some(at)) = (z, h, w_at) {
                        y[(z * to[1] + h) * to[2] + at] += x * w;
                    }
                }
            }
        }
    }
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let (x, w) = (ask.input(0)?, ask.input(1)?);
    let (_, shape) = plan(ask.attributes(), &x.shape, &w.shape).ok()?;
    Some(vec![Known::of(x.dtype, shape)])
}
