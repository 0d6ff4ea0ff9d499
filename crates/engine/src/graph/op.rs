//! The operations, and the graph they form.

use super::stored::Stored;
use kernels::{
    Activation, BinaryOp, ConvShape, ConvTransposeShape, PoolShape, Prologue, WindowShape,
};
use std::fmt;
use std::sync::Arc;

/// A handle to what a node gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(crate) usize);

/// `activation(x · scale + shift)`, by channel of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelAffine {
    /// `[C]`.
    pub scale: Arc<Vec<f32>>,
    /// `[C]`.
    pub shift: Arc<Vec<f32>>,
    /// Applied last.
    pub activation: Activation,
}

impl ChannelAffine {
    pub(crate) fn prologue(&self) -> Prologue<'_> {
        let ChannelAffine { scale, shift, activation } = self;
        Prologue { scale, shift, activation: *activation, slopes: None }
    }
}

/// What the last input of a convolution does to the first while that is loaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measured {
    /// A factor and an offset for each channel, then this activation: a norm by the input's own statistics, [`Op::NormScale`].
    Norm(Activation),
    /// The same for the channels from `at` on, as many as it has factors: a part of a concatenation. The others stay as they are.
    Part {
        /// The first channel.
        at: usize,
        /// Behind factor and offset.
        activation: Activation,
    },
    /// A factor for each channel: the gate of squeeze-and-excitation.
    Gate,
}

/// Factors, offsets and slopes for all channels where a norm is that of a part.
pub(crate) type Widened = Option<[Vec<f32>; 3]>;

impl Measured {
    /// A part's factors and offsets among those of all channels, which do nothing.
    pub(crate) fn widened(self, scales: &[f32], channels: usize) -> Widened {
        let Measured::Part { at, activation } = self else { return None };
        let (scale, shift) = scales.split_at(scales.len() / 2);
        let slope = match activation {
            Activation::Relu => 0.0,
            Activation::LeakyRelu(slope) => slope,
            _ => 1.0,
        };
        let mut all = [vec![1.0; channels], vec![0.0; channels], vec![1.0; channels]];
        let part = at..at + scale.len();
        all[0][part.clone()].copy_from_slice(scale);
        all[1][part.clone()].copy_from_slice(shift);
        all[2][part].fill(slope);
        Some(all)
    }

    /// `scales` are the last input, `widened` what a part made of them; `zeros`, one for each channel, the offsets of a gate.
    pub(crate) fn prologue<'a>(
        self,
        scales: &'a [f32],
        zeros: &'a [f32],
        widened: &'a Widened,
    ) -> Prologue<'a> {
        let none = Activation::Identity;
        if let Some([scale, shift, slopes]) = widened {
            return Prologue { scale, shift, activation: none, slopes: Some(slopes) };
        }
        match self {
            Measured::Norm(activation) | Measured::Part { activation, .. } => {
                let (scale, shift) = scales.split_at(scales.len() / 2);
                Prologue { scale, shift, activation, slopes: None }
            }
            Measured::Gate => {
                Prologue { scale: scales, shift: zeros, activation: none, slopes: None }
            }
        }
    }
}

/// A convolution of one input, with nothing before it.
#[derive(Clone, Debug)]
pub struct PlainConv {
    /// Its shape.
    pub shape: ConvShape,
    /// `[out, in/groups, k…]`.
    pub weight: Stored,
    /// `[out]`.
    pub bias: Option<Arc<Vec<f32>>>,
    /// Applied to the output.
    pub activation: Activation,
}

/// One operation. Fields the builder leaves empty are filled by the passes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Op {
    /// Given at each run.
    Input,
    /// Convolution; a second input is added before the activation. The last input may be applied to the first, see [`Measured`].
    #[non_exhaustive]
    Conv {
        /// Its shape.
        shape: ConvShape,
        /// `[out, in/groups, k…]`.
        weight: Stored,
        /// `[out]`.
        bias: Option<Arc<Vec<f32>>>,
        /// Applied to the input while it is loaded.
        prologue: Option<ChannelAffine>,
        /// What the last input does to the first while that is loaded.
        measured: Option<Measured>,
        /// Applied to the output.
        activation: Activation,
    },
    /// A pointwise and a depthwise convolution, one after the other.
    ConvPair(Box<[PlainConv; 2]>),
    /// Transposed convolution; a second input is added before the activation.
    #[non_exhaustive]
    ConvTranspose {
        /// Its shape.
        shape: ConvTransposeShape,
        /// `[in, out/groups, k…]`.
        weight: Stored,
        /// `[out]`.
        bias: Option<Arc<Vec<f32>>>,
        /// Applied to the output.
        activation: Activation,
    },
    /// `activation(x · scale + shift)`, by channel: batch norm at inference.
    Affine {
        /// `[C]`.
        scale: Arc<Vec<f32>>,
        /// `[C]`.
        shift: Arc<Vec<f32>>,
        /// Applied to the output.
        activation: Activation,
    },
    /// Element by element.
    Activation(Activation),
    /// Two inputs of the same shape, then an activation.
    Binary(BinaryOp, Activation),
    /// The first input times the second, `[N, C, 1…]`, channel by channel.
    ScaleChannels,
    /// Maximum over windows.
    MaxPool(PoolShape),
    /// Mean over windows.
    AvgPool(PoolShape),
    /// Mean over windows of what an [`Op::Affine`] makes of the input.
    #[non_exhaustive]
    NormPool {
        /// Its shape.
        shape: PoolShape,
        /// Applied to the input while it is loaded.
        prologue: ChannelAffine,
    },
    /// Mean over all positions: `[N, C]`.
    GlobalAvgPool,
    /// Along the channels.
    Concat,
    /// `x · weightᵀ + bias`.
    Linear {
        /// `[out, in]`.
        weight: Stored,
        /// `[out]`.
        bias: Option<Arc<Vec<f32>>>,
        /// Applied to the output.
        activation: Activation,
    },
    /// Linear interpolation to the node's shape.
    ResizeLinear {
        /// The corners' centres coincide, instead of the images' edges.
        align_corners: bool,
    },
    /// The nearest neighbour in the input, to the node's shape.
    ResizeNearest,
    /// Runs of channels by their own mean and variance; as many groups as channels: instance norm. A second input is added before the
    /// activation.
    GroupNorm {
        /// Number of runs.
        groups: usize,
        /// `[C]`.
        weight: Option<Arc<Vec<f32>>>,
        /// `[C]`.
        bias: Option<Arc<Vec<f32>>>,
        /// Added to the variance.
        eps: f32,
        /// Applied to the output.
        activation: Activation,
    },
    /// What [`Op::GroupNorm`] does to each channel, as factors and offsets, `[N, 2, C]`.
    NormScale {
        /// Number of runs.
        groups: usize,
        /// `[C]`.
        weight: Option<Arc<Vec<f32>>>,
        /// `[C]`.
        bias: Option<Arc<Vec<f32>>>,
        /// Added to the variance.
        eps: f32,
    },
    /// Over the last axis.
    LayerNorm {
        /// Of the last axis' extent.
        weight: Option<Arc<Vec<f32>>>,
        /// Of the last axis' extent.
        bias: Option<Arc<Vec<f32>>>,
        /// Added to the variance.
        eps: f32,
        /// Applied to the output.
        activation: Activation,
    },
    /// Over the channels at each position.
    ChannelNorm {
        /// `[C]`.
        weight: Option<Arc<Vec<f32>>>,
        /// `[C]`.
        bias: Option<Arc<Vec<f32>>>,
        /// Added to the variance.
        eps: f32,
        /// Applied to the output.
        activation: Activation,
    },
    /// Attention inside windows, `[N, 3·C, D, H, W]` to `[N, C, D, H, W]`.
    WindowAttention {
        /// Its shape.
        shape: WindowShape,
        /// `[heads][n][n]`, added to the scores of every window of n places.
        bias: Arc<Vec<f32>>,
        /// `[3·C]`, where windows reach beyond the volume.
        pad: Arc<Vec<f32>>,
    },
    /// The same numbers in the node's shape.
    Reshape,
    /// Over the last axis.
    Softmax,
}

impl Op {
    /// What the last input of a convolution does to the first while that is loaded, to be filled in: `None` for what is no convolution,
    /// applies something already, or loads its input once for each of several groups or, unless `cheap`, taps.
    pub(crate) fn free_measured(&mut self, cheap: bool) -> Option<&mut Option<Measured>> {
        match self {
            Op::Conv { shape, prologue: None, measured, .. } => {
                let once = cheap || shape.kernel == [1; 3];
                (measured.is_none() && shape.groups == 1 && once).then_some(measured)
            }
            _ => None,
        }
    }

    /// The operation's name.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input => "input",
            Op::Conv { .. } => "conv",
            Op::ConvPair(_) => "conv-pair",
            Op::ConvTranspose { .. } => "conv-transpose",
            Op::Affine { .. } => "affine",
            Op::Activation(_) => "activation",
            Op::Binary(..) => "binary",
            Op::ScaleChannels => "scale-channels",
            Op::MaxPool(_) => "max-pool",
            Op::AvgPool(_) => "avg-pool",
            Op::NormPool { .. } => "norm-pool",
            Op::GlobalAvgPool => "global-avg-pool",
            Op::Concat => "concat",
            Op::Linear { .. } => "linear",
            Op::ResizeLinear { .. } => "resize-linear",
            Op::ResizeNearest => "resize-nearest",
            Op::GroupNorm { .. } => "group-norm",
            Op::NormScale { .. } => "norm-scale",
            Op::LayerNorm { .. } => "layer-norm",
            Op::ChannelNorm { .. } => "channel-norm",
            Op::WindowAttention { .. } => "window-attention",
            Op::Reshape => "reshape",
            Op::Softmax => "softmax",
        }
    }
}

/// One node: what it does, with what, and the shape of what it gives.
#[derive(Clone, Debug)]
pub struct Node {
    /// The scope of its weights, or its operation and number.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// What it takes; always nodes before it.
    pub inputs: Vec<Value>,
    /// `[N, C, …]`.
    pub shape: Vec<usize>,
}

/// A network: nodes in an order in which they can run.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) outputs: Vec<(String, Value)>,
}

impl Graph {
    /// All nodes, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The names of the outputs, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|(name, _)| name.as_str())
    }

    /// Shapes of the inputs, in the order in which they were declared.
    pub fn input_shapes(&self) -> Vec<&[usize]> {
        let inputs = self.nodes.iter().filter(|node| matches!(node.op, Op::Input));
        inputs.map(|node| node.shape.as_slice()).collect()
    }

    /// Floating-point operations of one run in convolutions and linear layers, a multiply and an
    /// add counted as two.
    pub fn flops(&self) -> u64 {
        self.nodes.iter().map(Node::flops).sum()
    }

    /// How many nodes use each node's value; an output of the graph counts as a use.
    pub(crate) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        for value in self.nodes.iter().flat_map(|node| &node.inputs) {
            uses[value.0] += 1;
        }
        for (_, value) in &self.outputs {
            uses[value.0] += 1;
        }
        uses
    }
}

impl Node {
    pub(crate) fn flops(&self) -> u64 {
        let batch = self.shape.first().copied().unwrap_or(1) as u64;
        match &self.op {
            Op::Conv { shape, .. } => batch * shape.flops(),
            Op::ConvPair(pair) => batch * pair.iter().map(|conv| conv.shape.flops()).sum::<u64>(),
            Op::ConvTranspose { shape, .. } => batch * shape.flops(),
            Op::Linear { weight, .. } => 2 * batch * weight.len() as u64,
            _ => 0,
        }
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.nodes.iter().enumerate() {
            let inputs: Vec<String> = node.inputs.iter().map(|v| format!("%{}", v.0)).collect();
            let (op, inputs) = (node.op.name(), inputs.join(" "));
            writeln!(f, "%{index} = {op} {inputs} -> {:?}  {}", node.shape, node.name)?;
        }
        Ok(())
    }
}
