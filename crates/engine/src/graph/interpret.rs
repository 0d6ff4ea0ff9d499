//! A graph computed the plain way: every node by the naive twin of its kernel, every value kept.
//! Slow; the oracle that the executors are tested against.

use super::op::{ChannelAffine, Graph, Node, Op, PlainConv};
use super::stored::Sums;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;
use kernels::{Activation, ConvArgs, Epilogue, Norm, naive};
use std::sync::Arc;

impl Graph {
    /// The outputs, computed node by node without any planning. Works on a graph before and after
    /// rewriting. Errors unless the inputs have the declared shapes.
    pub fn interpret(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let shapes = self.input_shapes();
        let given: Vec<&[usize]> = inputs.iter().map(|tensor| tensor.shape()).collect();
        if given != shapes {
            let message = format!("inputs {given:?} given, {shapes:?} wanted");
            return Err(Error::new(ErrorKind::Shape, message));
        }
        let mut inputs = inputs.iter();
        let mut values: Vec<Tensor> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let given = match node.op {
                Op::Input => inputs.next().map(|tensor| Tensor::clone(tensor)),
                _ => None,
            };
            values.push(match given {
                Some(tensor) => tensor,
                None => compute(node, &values),
            });
        }
        Ok(self.outputs.iter().map(|(_, value)| values[value.0].clone()).collect())
    }
}

fn compute(node: &Node, values: &[Tensor]) -> Tensor {
    let mut out = Tensor::zeros(&node.shape);
    let batch = match node.shape.as_slice() {
        [batch, _, ..] => *batch,
        _ => 1,
    };
    let y_len = out.data().len() / batch.max(1);
    for sample in 0..batch {
        let parts: Vec<&[f32]> = node
            .inputs
            .iter()
            .map(|input| {
                let data = values[input.0].data();
                let len = data.len() / batch;
                &data[sample * len..(sample + 1) * len]
            })
            .collect();
        let from = node.inputs.first().map_or(&[][..], |input| values[input.0].shape());
        let y = &mut out.data_mut()[sample * y_len..(sample + 1) * y_len];
        one_sample(node, from, &parts, y);
    }
    out
}

fn one_sample(node: &Node, from: &[usize], parts: &[&[f32]], y: &mut [f32]) {
    let [x, rest @ ..] = parts else { return };
    let second = rest.first().copied();
    match &node.op {
        Op::Input => {}
        Op::Conv { shape, weight, bias, prologue, measured, activation } => {
            let (rest, scales) = match (measured, rest) {
                (Some(measured), [rest @ .., scales]) => (rest, Some((*measured, *scales))),
                _ => (rest, None),
            };
            let second = rest.first().copied();
            let zeros = vec![0.0; shape.in_channels];
            let widened =
                scales.and_then(|(measured, scales)| measured.widened(scales, shape.in_channels));
            let measured =
                scales.map(|(measured, scales)| measured.prologue(scales, &zeros, &widened));
            let prologue = prologue.as_ref().map(ChannelAffine::prologue).or(measured);
            let bias = bias.as_ref().map(|bias| bias.as_slice());
            let epilogue = Epilogue { bias, residual: second, activation: *activation };
            let weight = weight.floats(shape.into());
            naive::conv(
                shape,
                x,
                &weight,
                &ConvArgs { prologue, epilogue, ..ConvArgs::default() },
                y,
            );
        }
        Op::ConvPair(pair) => {
            let compute = |conv: &PlainConv, x: &[f32], y: &mut [f32]| {
                let bias = conv.bias.as_ref().map(|bias| bias.as_slice());
                let epilogue = Epilogue { bias, residual: None, activation: conv.activation };
                let weight = conv.weight.floats((&conv.shape).into());
                let args = ConvArgs { epilogue, ..ConvArgs::default() };
                naive::conv(&conv.shape, x, &weight, &args, y);
            };
            let [first, second] = &**pair;
            let mut between = vec![0.0; second.shape.input_len()];
            compute(first, x, &mut between);
            compute(second, &between, y);
        }
        Op::ConvTranspose { shape, weight, bias, activation } => {
            let bias = bias.as_ref().map(|bias| bias.as_slice());
            let epilogue = Epilogue { bias, residual: second, activation: *activation };
            let weight = weight.floats(shape.into());
            naive::conv_transpose(shape, x, &weight, &epilogue, y);
        }
        Op::Affine { scale, shift, activation } => {
            naive::affine(x.len() / scale.len().max(1), scale, shift, *activation, x, y);
        }
        Op::Activation(activation) => activate(*activation, x, y),
        Op::Binary(op, activation) => {
            let mut sum = vec![0.0; y.len()];
            naive::binary(*op, x, second.unwrap_or(x), &mut sum);
            activate(*activation, &sum, y);
        }
        Op::ScaleChannels => {
            let scale = second.unwrap_or(&[]);
            let (spatial, shift) = (x.len() / scale.len().max(1), vec![0.0; scale.len()]);
            naive::affine(spatial, scale, &shift, Activation::Identity, x, y);
        }
        Op::MaxPool(shape) => naive::max_pool(shape, x, y),
        Op::AvgPool(shape) => naive::avg_pool(shape, x, y),
        Op::NormPool { shape, prologue: ChannelAffine { scale, shift, activation } } => {
            let mut normed = vec![0.0; x.len()];
            let spatial = x.len() / scale.len().max(1);
            naive::affine(spatial, scale, shift, *activation, x, &mut normed);
            naive::avg_pool(shape, &normed, y);
        }
        Op::GlobalAvgPool => naive::global_avg_pool(y.len(), x.len() / y.len().max(1), x, y),
        Op::Concat => {
            let all = parts.iter().flat_map(|part| part.iter());
            y.iter_mut().zip(all).for_each(|(y, x)| *y = *x);
        }
        Op::Linear { weight, bias, activation } => {
            let weight = weight.floats(Sums::Rows { terms: x.len() });
            for (o, y) in y.iter_mut().enumerate() {
                let row = &weight[o * x.len()..(o + 1) * x.len()];
                let sum: f64 = row.iter().zip(*x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                let bias = bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
                *y = naive::activation(*activation, sum + bias) as f32;
            }
        }
        Op::ResizeLinear { align_corners } => {
            let (from, to) = (spatial(from), spatial(&node.shape));
            let channels = y.len() / to.iter().product::<usize>().max(1);
            naive::resize_linear(channels, from, to, *align_corners, x, y);
        }
        Op::ResizeNearest => {
            let (from, to) = (spatial(from), spatial(&node.shape));
            let channels = y.len() / to.iter().product::<usize>().max(1);
            naive::resize_nearest(channels, from, to, x, y);
        }
        Op::GroupNorm { groups, weight, bias, eps, activation } => {
            let channels = node.shape[1];
            let spatial = x.len() / channels.max(1);
            if let Some(second) = second {
                let norm = norm(weight, bias, *eps, Activation::Identity);
                naive::group_norm(*groups, channels, spatial, &norm, x, y);
                let sum: Vec<f32> = y.iter().zip(second).map(|(a, b)| a + b).collect();
                activate(*activation, &sum, y);
            } else {
                let norm = norm(weight, bias, *eps, *activation);
                naive::group_norm(*groups, channels, spatial, &norm, x, y);
            }
        }
        Op::NormScale { groups, weight, bias, eps } => {
            let norm = norm(weight, bias, *eps, Activation::Identity);
            let (scale, shift) = y.split_at_mut(node.shape[2]);
            naive::norm_scale(*groups, &norm, x, scale, shift);
        }
        Op::LayerNorm { weight, bias, eps, activation } => {
            let columns = node.shape.last().copied().unwrap_or(1);
            naive::layer_norm(columns, &norm(weight, bias, *eps, *activation), x, y);
        }
        Op::ChannelNorm { weight, bias, eps, activation } => {
            let channels = node.shape[1];
            naive::channel_norm(channels, &norm(weight, bias, *eps, *activation), x, y);
        }
        Op::WindowAttention { shape, bias, pad } => {
            naive::window_attention(shape, x, [pad, bias], y);
        }
        Op::Reshape => y.copy_from_slice(x),
        Op::Softmax => naive::softmax(node.shape.last().copied().unwrap_or(1), x, y),
    }
}

fn norm<'a>(
    weight: &'a Option<Arc<Vec<f32>>>,
    bias: &'a Option<Arc<Vec<f32>>>,
    eps: f32,
    activation: Activation,
) -> Norm<'a> {
    let (weight, bias) = (weight.as_ref().map(|v| &v[..]), bias.as_ref().map(|v| &v[..]));
    Norm { weight, bias, eps, activation, moments: None }
}

fn activate(activation: Activation, x: &[f32], y: &mut [f32]) {
    let apply = |x: f32| naive::activation(activation, f64::from(x)) as f32;
    y.iter_mut().zip(x).for_each(|(y, x)| *y = apply(*x));
}

/// Spatial axes of `[N, C, …]` as depth, height, width.
fn spatial(shape: &[usize]) -> [usize; 3] {
    let mut all = [1; 3];
    all.iter_mut().rev().zip(shape.iter().skip(2).rev()).for_each(|(to, from)| *to = *from);
    all
}
