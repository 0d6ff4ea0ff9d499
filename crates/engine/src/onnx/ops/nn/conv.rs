//! `Conv`: weights packed once where they are the same at every run.

use super::floats::{array_of, floats, maybe_floats};
use super::size::product;
use super::window::{Window, spatial};
use crate::array::DType;
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};
use kernels::{ConvArgs, ConvShape, Epilogue, PackedConv, conv_workspace, pack_conv};
use std::sync::Arc;

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("Conv", conv).infer(infer)];

/// Groups a convolution splits its channels in.
pub(super) fn groups(attributes: &Attributes) -> Result<usize> {
    let groups = attributes.int("group").unwrap_or(1);
    match usize::try_from(groups) {
        Ok(groups) if groups > 0 => Ok(groups),
        _ => Err(wrong(format!("group {groups}"))),
    }
}

/// What a convolution of `x` `[batch][in][spatial…]` by `w` `[out][in/groups][kernel…]` looks like, and
/// the shape of its result.
fn plan(attributes: &Attributes, x: &[usize], w: &[usize]) -> Result<(ConvShape, Vec<usize>)> {
    let input = spatial(x)?;
    if w.len() != x.len() {
        return Err(wrong(format!("weights {w:?} for an input {x:?}")));
    }
    let window = Window::new(attributes, input, &w[2..], false)?;
    let (groups, ins, outs) = (groups(attributes)?, x[1], w[0]);
    if w[1].checked_mul(groups) != Some(ins) || !outs.is_multiple_of(groups) {
        return Err(wrong(format!("weights {w:?} in {groups} groups for an input {x:?}")));
    }
    let mut shape = vec![x[0], outs];
    shape.extend_from_slice(window.output_shape());
    let conv = ConvShape {
        in_channels: ins,
        out_channels: outs,
        groups,
        input: window.input,
        kernel: window.kernel,
        stride: window.stride,
        dilation: window.dilation,
        pad: window.pad,
    };
    Ok((conv, shape))
}

fn conv(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, w) = (inputs.array(0)?, inputs.array(1)?);
    let (shape, out) = plan(call.attributes(), x.shape(), w.shape())?;
    let bias = maybe_floats(&inputs, 2)?;
    if bias.as_ref().is_some_and(|bias| bias.len() != shape.out_channels) {
        return Err(wrong(format!("the bias must have {} values", shape.out_channels)));
    }
    let n = call.room(&out, DType::F32)?;
    let mut y = vec![0.0f32; n];
    let to = product(&out[1..]);
    if n > 0 && !x.is_empty() {
        let from = shape.input_len();
        if shape.output().is_none() {
            return Err(wrong(format!("a convolution of {:?} by {:?}", x.shape(), w.shape())));
        }
        let weights = floats(w)?;
        let pack = || Ok(pack_conv(&shape, &weights));
        let packed: Arc<(ConvShape, PackedConv)> = if call.is_constant(1) {
            call.memo.get(shape.clone(), pack)?
        } else {
            Arc::new((shape.clone(), pack()?))
        };
        let mut work = vec![0.0; conv_workspace(&shape, &packed.1, call.pool.threads())];
        let epilogue = Epilogue { bias: bias.as_deref(), ..Epilogue::default() };
        let args = ConvArgs { epilogue, ..ConvArgs::default() };
        for (x, y) in floats(x)?.chunks_exact(from).zip(y.chunks_exact_mut(to)) {
            kernels::conv(call.pool, &shape, x, &packed.1, &args, &mut work, y);
        }
    } else if let Some(bias) = bias {
        fill_bias(&bias, &out, &mut y);
    }
    one(array_of(x.dtype(), &out, y)?)
}

/// Every value of a channel becomes the channel's bias: a sum over nothing.
pub(super) fn fill_bias(bias: &[f32], shape: &[usize], y: &mut [f32]) {
    let spatial: usize = product(&shape[2..]);
    for (y, bias) in y.chunks_exact_mut(spatial.max(1)).zip(bias.iter().cycle()) {
        y.fill(*bias);
    }
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let (x, w) = (ask.input(0)?, ask.input(1)?);
    let (_, shape) = plan(ask.attributes(), &x.shape, &w.shape).ok()?;
    Some(vec![Known::of(x.dtype, shape)])
}
