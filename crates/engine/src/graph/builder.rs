//! Builds a [`Graph`] node by node and checks every shape on the way.

use super::op::{Graph, Node, Op, Value};
use super::params::{Conv, ConvTranspose, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::weights::Scope;
use kernels::{Activation, BinaryOp, ConvShape, ConvTransposeShape, PoolShape};
use std::sync::Arc;

/// Builds a graph. Shapes are `[N, C, (D,) (H,) W]`; an error names the node.
#[derive(Debug, Default)]
pub struct Builder {
    graph: Graph,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> &[usize] {
        &self.graph.nodes[value.0].shape
    }

    /// A tensor given at each run.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> Value {
        self.push(name.to_string(), Op::Input, &[], shape.to_vec())
    }

    /// Convolution with `weight` `[out, in/groups, k…]` and `bias` `[out]` of the scope.
    pub fn conv(&mut self, x: Value, s: &Scope, conv: Conv) -> Result<Value> {
        let (batch, channels, spatial) = self.image(x, conv.kernel.len(), s.path())?;
        let shape = ConvShape {
            in_channels: channels,
            out_channels: conv.channels,
            groups: conv.groups,
            input: axes(&spatial, 1),
            kernel: axes(&conv.kernel, 1),
            stride: axes(&conv.stride, 1),
            dilation: axes(&conv.dilation, 1),
            pad: axes(&conv.pad, 0).map(|pad| [pad, pad]),
        };
        let Some(output) = shape.output() else {
            return Err(shape_error(
                s.path(),
                format!("{conv:?} does not fit {:?}", self.shape(x)),
            ));
        };
        let mut weight_shape = vec![conv.channels, channels / conv.groups];
        weight_shape.extend(&conv.kernel);
        let weight = s.tensor("weight", &weight_shape).into();
        let bias = self.bias(s, conv.bias, conv.channels);
        let shape_out = with_spatial(batch, conv.channels, &output, conv.kernel.len());
        let (prologue, measured, activation) = (None, None, Activation::Identity);
        let op = Op::Conv { shape, weight, bias, prologue, measured, activation };
        Ok(self.push(s.path().to_string(), op, &[x], shape_out))
    }

    /// A layer of `weight` `[out, in]` and, where it has one, `bias` `[out]` at every position of `[N, C, D, H, W]`.
    pub fn pointwise(&mut self, x: Value, s: &Scope, out: usize, bias: bool) -> Result<Value> {
        let (_, channels, _) = self.image(x, 3, s.path())?;
        let stored = s.tensor("weight", &[out, channels]).data().to_vec();
        let wanted = bias;
        let bias = wanted.then(|| s.tensor("bias", &[out]).data().to_vec());
        let held = Scope::recording_with(move |name, _| match name {
            "bias" => bias.clone().unwrap_or_default(),
            _ => stored.clone(),
        });
        let conv = Conv { bias: wanted, ..Conv::new(out, [1; 3]) };
        self.conv(x, &held, conv)
    }

    /// Transposed convolution with `weight` `[in, out/groups, k…]` and `bias` `[out]`.
    pub fn conv_transpose(&mut self, x: Value, s: &Scope, p: ConvTranspose) -> Result<Value> {
        let conv = &p.conv;
        let (batch, channels, spatial) = self.image(x, conv.kernel.len(), s.path())?;
        let added = vec![p.output_padding; conv.kernel.len()];
        let before = axes(&conv.pad, 0);
        let cut = axes(&vec![p.cut_end; conv.kernel.len()], 0);
        let shape = ConvTransposeShape {
            in_channels: channels,
            out_channels: conv.channels,
            groups: conv.groups,
            input: axes(&spatial, 1),
            kernel: axes(&conv.kernel, 1),
            stride: axes(&conv.stride, 1),
            dilation: axes(&conv.dilation, 1),
            pad: std::array::from_fn(|axis| [before[axis], before[axis] + cut[axis]]),
            output_padding: axes(&added, 0),
        };
        let Some(output) = shape.output() else {
            return Err(shape_error(s.path(), format!("{p:?} does not fit {:?}", self.shape(x))));
        };
        let mut weight_shape = vec![channels, conv.channels / conv.groups];
        weight_shape.extend(&conv.kernel);
        let weight = s.tensor("weight", &weight_shape).into();
        let bias = self.bias(s, conv.bias, conv.channels);
        let shape_out = with_spatial(batch, conv.channels, &output, conv.kernel.len());
        let op = Op::ConvTranspose { shape, weight, bias, activation: Activation::Identity };
        Ok(self.push(s.path().to_string(), op, &[x], shape_out))
    }

    /// Batch norm at inference: `weight`, `bias`, `running_mean`, `running_var` `[C]` of the scope.
    pub fn batch_norm(&mut self, x: Value, s: &Scope, eps: f32) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        let Some(&channels) = shape.get(1) else {
            return Err(shape_error(s.path(), format!("batch norm needs channels, got {shape:?}")));
        };
        let of = |name| s.tensor(name, &[channels]);
        let (weight, bias) = (of("weight"), of("bias"));
        let (mean, variance) = (of("running_mean"), of("running_var"));
        let scale: Vec<f64> = weight
            .data()
            .iter()
            .zip(variance.data())
            .map(|(&w, &v)| f64::from(w) / (f64::from(v) + f64::from(eps)).sqrt())
            .collect();
        let shift = bias.data().iter().zip(mean.data()).zip(&scale);
        let shift = shift.map(|((&b, &m), &k)| (f64::from(b) - f64::from(m) * k) as f32).collect();
        let scale = scale.iter().map(|&k| k as f32).collect();
        let (scale, shift) = (Arc::new(scale), Arc::new(shift));
        let op = Op::Affine { scale, shift, activation: Activation::Identity };
        Ok(self.push(s.path().to_string(), op, &[x], shape))
    }

    /// `x · scale + shift` with constants for each channel.
    pub fn affine(&mut self, x: Value, scale: Vec<f32>, shift: Vec<f32>) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        if shape.get(1) != Some(&scale.len()) || scale.len() != shift.len() {
            let (k, t) = (scale.len(), shift.len());
            return Err(shape_error("affine", format!("{k} scales, {t} shifts for {shape:?}")));
        }
        let (scale, shift) = (Arc::new(scale), Arc::new(shift));
        let op = Op::Affine { scale, shift, activation: Activation::Identity };
        Ok(self.push(self.numbered("affine"), op, &[x], shape))
    }

    /// An activation, element by element.
    pub fn activation(&mut self, x: Value, activation: Activation) -> Value {
        let shape = self.shape(x).to_vec();
        self.push(self.numbered("activation"), Op::Activation(activation), &[x], shape)
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, x: Value) -> Value {
        self.activation(x, Activation::Relu)
    }

    /// `1 / (1 + exp(-x))`.
    pub fn sigmoid(&mut self, x: Value) -> Value {
        self.activation(x, Activation::Sigmoid)
    }

    /// Maximum over windows.
    pub fn max_pool(&mut self, x: Value, window: Window) -> Result<Value> {
        self.pool("max_pool", x, &window, Op::MaxPool)
    }

    /// Mean over windows.
    pub fn avg_pool(&mut self, x: Value, window: Window) -> Result<Value> {
        self.pool("avg_pool", x, &window, Op::AvgPool)
    }

    /// Mean over all positions: `[N, C, …]` to `[N, C]`.
    pub fn global_avg_pool(&mut self, x: Value) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        if shape.len() < 3 || shape.contains(&0) {
            return Err(shape_error("global_avg_pool", format!("no positions in {shape:?}")));
        }
        let name = self.numbered("global_avg_pool");
        Ok(self.push(name, Op::GlobalAvgPool, &[x], shape[..2].to_vec()))
    }

    /// Each channel of `x`, `[N, C, …]`, times its factor, `[N, C]` or `[N, C, 1, …]`: what squeeze-and-excitation does.
    pub fn scale_channels(&mut self, x: Value, factors: Value) -> Result<Value> {
        let (shape, by) = (self.shape(x).to_vec(), self.shape(factors));
        let fits =
            shape.len() > 2 && by.get(..2) == shape.get(..2) && by[2..].iter().all(|n| *n == 1);
        if !fits {
            return Err(shape_error("scale_channels", format!("factors {by:?} for {shape:?}")));
        }
        let name = self.numbered("scale_channels");
        Ok(self.push(name, Op::ScaleChannels, &[x, factors], shape))
    }

    /// Joins along `axis`, which must be 1: the channels.
    pub fn concat(&mut self, parts: &[Value], axis: usize) -> Result<Value> {
        let name = self.numbered("concat");
        let shapes: Vec<&[usize]> = parts.iter().map(|&part| self.shape(part)).collect();
        let Some(first) = shapes.first() else {
            return Err(shape_error(&name, "nothing to join".into()));
        };
        let alike =
            |s: &&[usize]| s.len() == first.len() && s[0] == first[0] && s[2..] == first[2..];
        if axis != 1 || first.len() < 2 || !shapes.iter().all(alike) {
            return Err(shape_error(&name, format!("cannot join {shapes:?} along axis {axis}")));
        }
        let mut shape = first.to_vec();
        shape[1] = shapes.iter().map(|shape| shape[1]).sum();
        Ok(self.push(name, Op::Concat, parts, shape))
    }

    /// `x + y`, of the same shape.
    pub fn add(&mut self, x: Value, y: Value) -> Result<Value> {
        self.binary(BinaryOp::Add, x, y)
    }

    /// An operation on two values of the same shape, element by element.
    pub fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        let name = self.numbered("binary");
        if self.shape(y) != shape {
            return Err(shape_error(&name, format!("{shape:?} and {:?} differ", self.shape(y))));
        }
        Ok(self.push(name, Op::Binary(op, Activation::Identity), &[x, y], shape))
    }

    /// `x · weightᵀ + bias`: `[N, in]` to `[N, out]`, `weight` `[out, in]`, `bias` `[out]`.
    pub fn linear(&mut self, x: Value, s: &Scope, out: usize) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        let [batch, features] = shape[..] else {
            return Err(shape_error(s.path(), format!("linear needs [N, in], got {shape:?}")));
        };
        let weight = s.tensor("weight", &[out, features]).into();
        let bias = self.bias(s, true, out);
        let op = Op::Linear { weight, bias, activation: Activation::Identity };
        Ok(self.push(s.path().to_string(), op, &[x], vec![batch, out]))
    }

    /// Linear interpolation along all spatial axes.
    pub fn resize_linear(&mut self, x: Value, to: &[usize], align: bool) -> Result<Value> {
        let name = self.numbered("resize_linear");
        let (batch, channels, from) = self.image(x, to.len(), &name)?;
        if to.contains(&0) || from.contains(&0) {
            return Err(shape_error(&name, format!("cannot resize {from:?} to {to:?}")));
        }
        let mut shape = vec![batch, channels];
        shape.extend(to);
        Ok(self.push(name, Op::ResizeLinear { align_corners: align }, &[x], shape))
    }

    /// Softmax over the last axis.
    pub fn softmax(&mut self, x: Value) -> Value {
        let shape = self.shape(x).to_vec();
        self.push(self.numbered("softmax"), Op::Softmax, &[x], shape)
    }

    /// The graph, with its outputs by name.
    pub fn finish(mut self, outputs: &[(&str, Value)]) -> Graph {
        self.graph.outputs =
            outputs.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        self.graph
    }

    fn pool(
        &mut self,
        kind: &str,
        x: Value,
        window: &Window,
        op: fn(PoolShape) -> Op,
    ) -> Result<Value> {
        let name = self.numbered(kind);
        let (batch, channels, spatial) = self.image(x, window.kernel.len(), &name)?;
        let mut shape = PoolShape::new(channels, axes(&spatial, 1), axes(&window.kernel, 1));
        shape.stride = axes(&window.stride, 1);
        shape.pad = axes(&window.pad, 0).map(|pad| [pad, pad]);
        shape.ceil_mode = window.ceil_mode;
        shape.count_include_pad = window.count_include_pad;
        let Some(output) = shape.output() else {
            return Err(shape_error(&name, format!("{window:?} does not fit {:?}", self.shape(x))));
        };
        let shape_out = with_spatial(batch, channels, &output, window.kernel.len());
        Ok(self.push(name, op(shape), &[x], shape_out))
    }

    /// Batch, channels and spatial extents of a value with `rank` spatial axes.
    pub(super) fn image(
        &self,
        x: Value,
        rank: usize,
        name: &str,
    ) -> Result<(usize, usize, Vec<usize>)> {
        match self.shape(x) {
            [batch, channels, spatial @ ..] if spatial.len() == rank && (1..=3).contains(&rank) => {
                Ok((*batch, *channels, spatial.to_vec()))
            }
            shape => Err(shape_error(name, format!("{rank} spatial axes wanted, got {shape:?}"))),
        }
    }

    fn bias(&self, s: &Scope, wanted: bool, channels: usize) -> Option<Arc<Vec<f32>>> {
        wanted.then(|| Arc::new(s.tensor("bias", &[channels]).data().to_vec()))
    }

    pub(super) fn numbered(&self, kind: &str) -> String {
        format!("{kind}_{}", self.graph.nodes.len())
    }

    pub(super) fn push(
        &mut self,
        name: String,
        op: Op,
        inputs: &[Value],
        shape: Vec<usize>,
    ) -> Value {
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), shape });
        Value(self.graph.nodes.len() - 1)
    }
}

pub(super) fn shape_error(node: &str, message: String) -> Error {
    Error::new(ErrorKind::Shape, message).in_node(node)
}

/// One to three axes as depth, height, width.
pub(crate) fn axes(values: &[usize], fill: usize) -> [usize; 3] {
    let mut all = [fill; 3];
    let start = 3 - values.len().min(3);
    all[start..].copy_from_slice(&values[values.len().saturating_sub(3)..]);
    all
}

fn with_spatial(batch: usize, channels: usize, output: &[usize; 3], rank: usize) -> Vec<usize> {
    let mut shape = vec![batch, channels];
    shape.extend(&output[3 - rank..]);
    shape
}
