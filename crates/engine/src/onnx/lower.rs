//! Nodes of a file as operations of the compiled executor, where one does exactly the same.
//!
//! A node is lowered only when types and shapes are known, its weights are stored, and the result is
//! one tensor of 32-bit floats. Everything else stays a general operation.

use super::graph::{Node, Slot};
use super::levels::{Weight, stored};
use super::ops::{Known, MICROSOFT, ONNX};
use crate::array::{Array, DType};
use crate::graph::{Op, axes as spread};
use kernels::{Activation, BinaryOp, ConvShape, ConvTransposeShape, PoolShape};
use std::sync::Arc;

/// A node as an operation of the executor.
#[derive(Debug)]
pub(super) struct Lowered {
    pub op: Op,
    /// Which of the node's inputs it takes.
    pub operands: Vec<usize>,
    /// Of its result.
    pub shape: Vec<usize>,
    /// It is the operand itself, of the same shape.
    pub alias: bool,
}

impl Lowered {
    /// The first input as it is.
    pub fn alias(shape: Vec<usize>) -> Lowered {
        Lowered { op: Op::Reshape, operands: vec![0], shape, alias: true }
    }

    /// An operation whose fusion or packed weights make a piece worth compiling.
    pub fn is_heavy(&self) -> bool {
        matches!(
            self.op,
            Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Linear { .. } | Op::GroupNorm { .. }
        )
    }
}

/// What is known around one node.
struct View<'a> {
    node: &'a Node,
    facts: &'a [Option<Known>],
    /// Of the result.
    shape: &'a [usize],
}

/// The node as an operation, or `None`.
pub(super) fn lower(node: &Node, facts: &[Option<Known>]) -> Option<Lowered> {
    if ![ONNX, MICROSOFT].contains(&node.op.domain)
        || (1..node.output_count()).any(|i| node.wants(i))
    {
        return None;
    }
    let out = facts[node.outputs.first().copied().flatten()?].as_ref()?;
    if out.dtype != DType::F32
        || out.value.is_some()
        || out.shape.len() < 2
        || out.shape.contains(&0)
    {
        return None;
    }
    let view = View { node, facts, shape: &out.shape };
    if view.is_concat_of_one() {
        return Some(Lowered::alias(out.shape.clone()));
    }
    let (op, operands) = match node.op.name {
        "Conv" => view.conv()?,
        "ConvTranspose" => view.conv_transpose()?,
        "BatchNormalization" => view.batch_norm()?,
        "InstanceNormalization" => view.instance_norm()?,
        "GroupNormalization" => view.group_norm()?,
        "MaxPool" => view.pool(Op::MaxPool)?,
        "AveragePool" => view.pool(Op::AvgPool)?,
        "GlobalAveragePool" => view.global_mean()?,
        "ReduceMean" => view.reduce_mean()?,
        "Concat" => view.concat()?,
        "Gemm" => view.gemm()?,
        "Resize" => view.resize()?,
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => view.reshape()?,
        "Identity" | "Dropout" => view.reshape()?,
        "Add" => view.binary(BinaryOp::Add)?,
        "Sub" => view.binary(BinaryOp::Sub)?,
        "Mul" => view.binary(BinaryOp::Mul)?,
        "Div" => view.binary(BinaryOp::Div)?,
        _ => (Op::Activation(view.activation()?), vec![0]),
    };
    Some(Lowered { op, operands, shape: view.shape.to_vec(), alias: false })
}

type Found = Option<(Op, Vec<usize>)>;

impl View<'_> {
    fn slot(&self, input: usize) -> Option<Slot> {
        self.node.inputs.get(input).copied().flatten()
    }

    fn known(&self, input: usize) -> Option<&Known> {
        self.facts[self.slot(input)?].as_ref()
    }

    /// Shape of an input that is a tensor of 32-bit floats made at each run.
    fn variable(&self, input: usize) -> Option<&[usize]> {
        let known = self.known(input)?;
        let made = known.value.is_none() && known.levels.is_none();
        let fits = known.dtype == DType::F32 && made && known.shape.len() >= 2;
        fits.then_some(known.shape.as_slice())
    }

    fn stored(&self, input: usize) -> Option<&Array> {
        self.known(input)?.value.as_ref()
    }

    /// What a layer multiplies with.
    fn weight(&self) -> Option<Weight<'_>> {
        stored(self.facts, self.slot(1)?)
    }

    fn floats(&self, input: usize) -> Option<&[f32]> {
        self.stored(input)?.slice::<f32>()
    }

    /// `None` outside: an input that is there but not stored; `Some(None)`: left out.
    fn maybe_floats(&self, input: usize, len: usize) -> Option<Option<Arc<Vec<f32>>>> {
        if self.slot(input).is_none() {
            return Some(None);
        }
        let values = self.floats(input)?;
        (values.len() == len).then(|| Some(Arc::new(values.to_vec())))
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.node.attributes.int(name).unwrap_or(default)
    }

    fn sizes(&self, name: &str, axes: usize, default: usize) -> Option<Vec<usize>> {
        let sizes = self.node.attributes.sizes(name, &vec![default; axes]).ok()?;
        (sizes.len() == axes).then_some(sizes)
    }

    /// Padding before and after each axis, `auto_pad` resolved from the known output extents.
    fn padding(
        &self,
        x: &[usize],
        kernel: &[usize],
        stride: &[usize],
        dilation: &[usize],
    ) -> Option<[[usize; 2]; 3]> {
        let axes = kernel.len();
        let mut pads = [[0; 2]; 3];
        let auto = self.node.attributes.text("auto_pad").unwrap_or("NOTSET");
        for axis in 0..axes {
            let at = 3 - axes + axis;
            pads[at] = match auto {
                "NOTSET" => {
                    let given = self.sizes("pads", 2 * axes, 0)?;
                    [given[axis], given[axes + axis]]
                }
                "VALID" => [0, 0],
                "SAME_UPPER" | "SAME_LOWER" => {
                    let out = x[2 + axis].div_ceil(stride[axis].max(1));
                    let reach =
                        (kernel[axis].max(1) - 1).checked_mul(dilation[axis])?.checked_add(1)?;
                    let span =
                        out.saturating_sub(1).checked_mul(stride[axis])?.checked_add(reach)?;
                    let total = span.saturating_sub(x[2 + axis]);
                    let less = total / 2;
                    if auto == "SAME_UPPER" { [less, total - less] } else { [total - less, less] }
                }
                _ => return None,
            };
        }
        Some(pads)
    }

    fn conv(&self) -> Found {
        let x = self.variable(0)?;
        let weight = self.weight()?;
        let (axes, w) = (x.len().checked_sub(2)?, weight.shape());
        if !(1..=3).contains(&axes) || w.len() != x.len() {
            return None;
        }
        let kernel = &w[2..];
        let (stride, dilation) =
            (self.sizes("strides", axes, 1)?, self.sizes("dilations", axes, 1)?);
        let shape = ConvShape {
            in_channels: x[1],
            out_channels: w[0],
            groups: usize::try_from(self.int("group", 1)).ok()?,
            input: spread(&x[2..], 1),
            kernel: spread(kernel, 1),
            stride: spread(&stride, 1),
            dilation: spread(&dilation, 1),
            pad: self.padding(x, kernel, &stride, &dilation)?,
        };
        let out = shape.output()?;
        if shape.weight_len() != weight.len() || spread(&self.shape[2..], 1) != out {
            return None;
        }
        let bias = self.maybe_floats(2, w[0])?;
        let op = Op::Conv {
            shape,
            weight: weight.weights(0)?,
            bias,
            prologue: None,
            measured: None,
            activation: Activation::Identity,
        };
        Some((op, vec![0]))
    }

    fn conv_transpose(&self) -> Found {
        let x = self.variable(0)?;
        let weight = self.weight()?;
        let (axes, w) = (x.len().checked_sub(2)?, weight.shape());
        let plain = self.node.attributes.ints("output_shape").is_none()
            && matches!(self.node.attributes.text("auto_pad").unwrap_or("NOTSET"), "NOTSET");
        if !(1..=3).contains(&axes) || w.len() != x.len() || !plain {
            return None;
        }
        let groups = usize::try_from(self.int("group", 1)).ok()?;
        let given = self.sizes("pads", 2 * axes, 0)?;
        let pairs: Vec<[usize; 2]> = (0..axes).map(|a| [given[a], given[axes + a]]).collect();
        let mut pad = [[0; 2]; 3];
        pad[3 - axes..].copy_from_slice(&pairs);
        let shape = ConvTransposeShape {
            in_channels: x[1],
            out_channels: w[1].checked_mul(groups)?,
            groups,
            input: spread(&x[2..], 1),
            kernel: spread(&w[2..], 1),
            stride: spread(&self.sizes("strides", axes, 1)?, 1),
            dilation: spread(&self.sizes("dilations", axes, 1)?, 1),
            pad,
            output_padding: spread(&self.sizes("output_padding", axes, 0)?, 0),
        };
        let out = shape.output()?;
        if shape.weight_len() != weight.len() || spread(&self.shape[2..], 1) != out {
            return None;
        }
        let bias = self.maybe_floats(2, shape.out_channels)?;
        let activation = Activation::Identity;
        let weight = weight.weights(1)?;
        Some((Op::ConvTranspose { shape, weight, bias, activation }, vec![0]))
    }

    fn batch_norm(&self) -> Found {
        let channels = *self.variable(0)?.get(1)?;
        if self.int("training_mode", 0) != 0 || self.int("spatial", 1) != 1 {
            return None;
        }
        let (gain, bias) = (self.floats(1)?, self.floats(2)?);
        let (mean, variance) = (self.floats(3)?, self.floats(4)?);
        if [gain, bias, mean, variance].iter().any(|values| values.len() != channels) {
            return None;
        }
        let eps = f64::from(self.node.attributes.float("epsilon").unwrap_or(1e-5));
        let scale = gain.iter().zip(variance);
        let scale: Vec<f64> =
            scale.map(|(g, v)| f64::from(*g) / (f64::from(*v) + eps).sqrt()).collect();
        let shift = bias.iter().zip(mean).zip(&scale);
        let shift = shift.map(|((b, m), k)| (f64::from(*b) - f64::from(*m) * k) as f32).collect();
        Some((affine(scale.iter().map(|k| *k as f32).collect(), shift), vec![0]))
    }

    fn instance_norm(&self) -> Found {
        let x = self.variable(0)?;
        let (groups, axes) = (*x.get(1)?, x.len() - 2);
        let eps = self.node.attributes.float("epsilon").unwrap_or(1e-5);
        let (weight, bias) = (self.maybe_floats(1, groups)?, self.maybe_floats(2, groups)?);
        let activation = Activation::Identity;
        (axes > 0).then_some((Op::GroupNorm { groups, weight, bias, eps, activation }, vec![0]))
    }

    /// From version 21 on weight and bias are those of channels, before of groups.
    fn group_norm(&self) -> Found {
        let channels = *self.variable(0)?.get(1)?;
        let groups = usize::try_from(self.int("num_groups", 0)).ok()?;
        if self.node.version < 21 || groups == 0 || !channels.is_multiple_of(groups) {
            return None;
        }
        let eps = self.node.attributes.float("epsilon").unwrap_or(1e-5);
        let (weight, bias) = (self.maybe_floats(1, channels)?, self.maybe_floats(2, channels)?);
        let activation = Activation::Identity;
        Some((Op::GroupNorm { groups, weight, bias, eps, activation }, vec![0]))
    }

    fn pool(&self, op: fn(PoolShape) -> Op) -> Found {
        let x = self.variable(0)?;
        let axes = x.len().checked_sub(2).filter(|axes| (1..=3).contains(axes))?;
        let kernel = self.sizes("kernel_shape", axes, 0)?;
        let (stride, dilation) =
            (self.sizes("strides", axes, 1)?, self.sizes("dilations", axes, 1)?);
        let mut shape = PoolShape::new(x[1], spread(&x[2..], 1), spread(&kernel, 1));
        shape.stride = spread(&stride, 1);
        shape.dilation = spread(&dilation, 1);
        shape.pad = self.padding(x, &kernel, &stride, &dilation)?;
        shape.ceil_mode = self.int("ceil_mode", 0) != 0;
        shape.count_include_pad = self.int("count_include_pad", 0) != 0;
        // A window over padding alone has no agreed value.
        let covered = (0..3).all(|a| shape.pad[a].iter().all(|pad| *pad < shape.kernel[a].max(1)));
        let fits = covered && shape.output()? == spread(&self.shape[2..], 1);
        fits.then(|| (op(shape), vec![0]))
    }

    fn global_mean(&self) -> Found {
        let positions: usize = self.variable(0)?.get(2..)?.iter().product();
        (positions > 0).then_some((Op::GlobalAvgPool, vec![0]))
    }

    /// The mean over all spatial axes and no others.
    fn reduce_mean(&self) -> Found {
        let x = self.variable(0)?;
        let rank = x.len();
        let axes = match self.node.attributes.ints("axes") {
            Some(axes) => axes.to_vec(),
            None => self.stored(1)?.to_i64()?,
        };
        let mut axes: Vec<i64> =
            axes.iter().map(|a| if *a < 0 { a + rank as i64 } else { *a }).collect();
        axes.sort_unstable();
        let spatial: Vec<i64> = (2..rank as i64).collect();
        (rank > 2 && axes == spatial).then_some((Op::GlobalAvgPool, vec![0]))
    }

    /// As the first layer of a DenseNet's block is written. It must not end a piece: maps before it are to lie where those after it are joined.
    fn is_concat_of_one(&self) -> bool {
        self.node.op.name == "Concat" && self.node.inputs.len() == 1 && self.variable(0).is_some()
    }

    fn concat(&self) -> Found {
        let rank = self.shape.len() as i64;
        let axis = self.int("axis", 1);
        if axis != 1 && axis + rank != 1 {
            return None;
        }
        let inputs: Vec<usize> = (0..self.node.inputs.len()).collect();
        // The same value twice has one place only.
        let slots: Vec<_> = inputs.iter().map(|i| self.slot(*i)).collect();
        let twice = slots.iter().enumerate().any(|(i, slot)| slots[..i].contains(slot));
        let fit = inputs.iter().all(|i| self.variable(*i).is_some_and(|x| x[0] == self.shape[0]));
        (fit && !twice).then_some((Op::Concat, inputs))
    }

    /// A few rows times a stored matrix; more rows are worth the general product.
    fn gemm(&self) -> Found {
        let [rows, features] = *self.variable(0)? else { return None };
        let attribute = |name: &str| self.node.attributes.float(name).unwrap_or(1.0) == 1.0;
        let weight = self.weight()?;
        let [a, b] = *weight.shape() else { return None };
        let transposed = self.int("transB", 0) != 0;
        let (ins, outs) = if transposed { (b, a) } else { (a, b) };
        let plain = self.int("transA", 0) == 0 && attribute("alpha") && attribute("beta");
        if rows > 4 || !plain || ins != features || ins * outs != weight.len() {
            return None;
        }
        let bias = self.maybe_floats(2, outs)?;
        let weight = if transposed { weight.weights(0)? } else { weight.turned()? };
        Some((Op::Linear { weight, bias, activation: Activation::Identity }, vec![0]))
    }

    /// PyTorch's resizing: linear with half pixels or aligned corners, nearest with `floor`.
    fn resize(&self) -> Found {
        let x = self.variable(0)?;
        let rank = x.len();
        let text = |name: &str, default: &'static str| {
            self.node.attributes.text(name).unwrap_or(default).to_string()
        };
        let whole = !(3..=5).contains(&rank)
            || x[..2] != self.shape[..2]
            || self.int("antialias", 0) != 0
            || self.int("exclude_outside", 0) != 0
            || self.node.attributes.has("axes")
            || self.node.version < 11;
        if whole {
            return None;
        }
        // A scale that is not the quotient of the extents places samples elsewhere.
        if let Some(scales) = self.floats(2).filter(|scales| !scales.is_empty()) {
            let exact =
                |((scale, from), to): ((&f32, &usize), &usize)| *scale * *from as f32 == *to as f32;
            if scales.len() != rank || !scales.iter().zip(x).zip(self.shape).all(exact) {
                return None;
            }
        }
        let single = self.shape[2..].iter().zip(&x[2..]).any(|(to, from)| *to == 1 && *from != 1);
        let mode = text("mode", "nearest");
        let place = text("coordinate_transformation_mode", "half_pixel");
        let op = match (mode.as_str(), place.as_str()) {
            ("linear", "half_pixel" | "pytorch_half_pixel") if !single => {
                Op::ResizeLinear { align_corners: false }
            }
            ("linear", "align_corners") if !single => Op::ResizeLinear { align_corners: true },
            ("nearest", "asymmetric") if text("nearest_mode", "round_prefer_floor") == "floor" => {
                Op::ResizeNearest
            }
            _ => return None,
        };
        Some((op, vec![0]))
    }

    /// The same numbers; the batch stays.
    fn reshape(&self) -> Found {
        let x = self.variable(0)?;
        (x[0] == self.shape[0]).then_some((Op::Reshape, vec![0]))
    }

    fn binary(&self, op: BinaryOp) -> Found {
        if self.node.attributes.has("broadcast") || self.node.attributes.has("axis") {
            return None;
        }
        if let (Some(x), Some(y)) = (self.variable(0), self.variable(1)) {
            let batch = x.first() == y.first();
            if x == self.shape && y == self.shape {
                return Some((Op::Binary(op, Activation::Identity), vec![0, 1]));
            }
            // One factor for each channel, as squeeze-and-excitation has it.
            let per_channel = |s: &[usize]| {
                s.len() == self.shape.len()
                    && s.len() > 2
                    && s[1] == self.shape[1]
                    && s[2..].iter().all(|extent| *extent == 1)
            };
            if op == BinaryOp::Mul && batch && x == self.shape && per_channel(y) {
                return Some((Op::ScaleChannels, vec![0, 1]));
            }
            if op == BinaryOp::Mul && batch && y == self.shape && per_channel(x) {
                return Some((Op::ScaleChannels, vec![1, 0]));
            }
            return None;
        }
        // A stored number, or one for each channel.
        let (at, constant, flipped) = match (self.variable(0), self.variable(1)) {
            (Some(_), None) => (0, self.stored(1)?, false),
            (None, Some(_)) => (1, self.stored(0)?, true),
            _ => return None,
        };
        if self.variable(at)? != self.shape || constant.rank() > self.shape.len() {
            return None;
        }
        let values = per_channel(constant, self.shape)?;
        let channels = values.len();
        let ones = vec![1.0; channels];
        let (scale, shift) = match (op, flipped) {
            (BinaryOp::Add, _) => (ones, values),
            (BinaryOp::Sub, false) => (ones, values.iter().map(|v| -v).collect()),
            (BinaryOp::Sub, true) => (vec![-1.0; channels], values),
            (BinaryOp::Mul, _) => (values, vec![0.0; channels]),
            (BinaryOp::Div, false) => {
                // Exact only where the reciprocal is.
                let exact = |v: &f32| v.is_normal() && v.abs().log2().fract() == 0.0;
                if !values.iter().all(exact) {
                    return None;
                }
                (values.iter().map(|v| 1.0 / v).collect(), vec![0.0; channels])
            }
            _ => return None,
        };
        Some((affine(scale, shift), vec![at]))
    }

    fn activation(&self) -> Option<Activation> {
        self.variable(0)?;
        let float = |name: &str, default: f32| self.node.attributes.float(name).unwrap_or(default);
        Some(match self.node.op.name {
            "Relu" => Activation::Relu,
            "LeakyRelu" => Activation::LeakyRelu(float("alpha", 0.01)),
            "Elu" => Activation::Elu(float("alpha", 1.0)),
            "Sigmoid" => Activation::Sigmoid,
            "Tanh" => Activation::Tanh,
            "Softplus" => Activation::Softplus,
            "HardSwish" => Activation::HardSwish,
            "Mish" => Activation::Mish,
            "HardSigmoid"
                if (float("alpha", 0.2) - 1.0 / 6.0).abs() < 1e-7 && float("beta", 0.5) == 0.5 =>
            {
                Activation::HardSigmoid
            }
            "Gelu" if self.node.attributes.text("approximate") == Some("tanh") => {
                Activation::GeluTanh
            }
            "Gelu" => Activation::Gelu,
            "Swish" if float("alpha", 1.0) == 1.0 => Activation::Silu,
            "Clip" => {
                let bound = |input: usize, name: &str, open: f32| match self.slot(input) {
                    Some(_) => self.floats(input)?.first().copied(),
                    None => Some(float(name, open)),
                };
                let low = bound(1, "min", f32::NEG_INFINITY)?;
                Activation::Clamp(low, bound(2, "max", f32::INFINITY)?)
            }
            _ => return None,
        })
    }
}

/// `x·scale + shift`, one of each for every channel.
pub(super) fn affine(scale: Vec<f32>, shift: Vec<f32>) -> Op {
    let (scale, shift) = (Arc::new(scale), Arc::new(shift));
    Op::Affine { scale, shift, activation: Activation::Identity }
}

/// One value for each channel of `shape`, from a stored array that broadcasts to it along all other
/// axes.
fn per_channel(array: &Array, shape: &[usize]) -> Option<Vec<f32>> {
    let (values, channels) = (array.slice::<f32>()?, shape[1]);
    if values.len() == 1 {
        return Some(vec![values[0]; channels]);
    }
    let lead = shape.len() - array.rank();
    let only_channels =
        array.shape().iter().enumerate().all(|(i, extent)| *extent == 1 || i + lead == 1);
    (only_channels && values.len() == channels).then(|| values.to_vec())
}
