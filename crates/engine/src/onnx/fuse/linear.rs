//! A product with a stored matrix, and what is done to each of its results, as one step.

use super::super::graph::{Node, Slot};
use super::super::levels::stored;
use super::super::ops::ONNX;
use super::{Finder, Fused, Linear, Matrix, Work};
use kernels::Activation;

/// Multiplications below which a step of its own does not pay.
const SMALL: usize = 1 << 12;

impl Finder<'_> {
    /// The pattern that begins with the product at `index`: the node it ends in, and the step. Nodes that are `taken` end nothing.
    pub fn linear(&self, index: usize, taken: impl Fn(usize) -> bool) -> Option<(usize, Fused)> {
        let node = &self.graph.nodes[index];
        if node.op.domain != ONNX || taken(index) {
            return None;
        }
        let (x, w) =
            (node.inputs.first().copied().flatten()?, node.inputs.get(1).copied().flatten()?);
        let (shape, weight) = (self.shape(x)?, stored(self.facts, w)?);
        let (&[a, b], Some(&depth)) = (weight.shape(), shape.last()) else { return None };
        let turned = match node.op.name {
            "MatMul" => false,
            "Gemm" => node.attributes.flag("transB"),
            _ => return None,
        };
        let one = |name: &str| node.attributes.float(name).unwrap_or(1.0) == 1.0;
        if node.op.name == "Gemm"
            && (node.attributes.flag("transA") || !one("alpha") || !one("beta"))
        {
            return None;
        }
        let (inside, columns) = if turned { (b, a) } else { (a, b) };
        let rows: usize = shape[..shape.len() - 1].iter().product();
        let fits = self.is_variable(x) && inside == depth && shape.len() > 1;
        if !fits || rows * depth * columns < SMALL {
            return None;
        }
        let mut root = index;
        let mut at = Self::output(node)?;
        let mut bias = match node.inputs.get(2).copied().flatten() {
            Some(bias) => Some(self.by_column(bias, columns).then_some(bias)?),
            None => None,
        };
        let (mut residual, mut activation) = (None, Activation::Identity);
        while let Some((next, reader)) = self.reader(at) {
            let Some(to) = Self::output(reader) else { break };
            if reader.op.domain != ONNX || taken(next) || self.shape(to) != self.shape(at) {
                break;
            }
            let done = activation != Activation::Identity;
            if let ("Add", Some([p, q])) = (reader.op.name, Self::two(reader)) {
                let other = if p == at { q } else { p };
                if done || residual.is_some() || other == at {
                    break;
                }
                if bias.is_none() && self.by_column(other, columns) {
                    bias = Some(other);
                } else if self.is_float(other) && self.shape(other) == self.shape(at) {
                    residual = Some(other);
                } else {
                    break;
                }
            } else if let (false, Some(function)) = (done, function(reader, at)) {
                activation = function;
            } else {
                break;
            }
            (root, at) = (next, to);
        }
        let weight = weight.factor(turned)?;
        let mut inputs = vec![x];
        inputs.extend(bias);
        inputs.extend(residual);
        let step = Fused {
            inputs,
            shape: self.shape(at)?.to_vec(),
            name: "linear",
            flops: 2 * (rows * depth * columns) as u64,
            work: Work::Linear(Linear {
                rows,
                has_bias: bias.is_some(),
                has_residual: residual.is_some(),
                activation,
                weight: Matrix::Stored { weight, depth, columns, turned },
            }),
        };
        Some((root, step))
    }

    /// A stored number for each column.
    fn by_column(&self, slot: Slot, columns: usize) -> bool {
        let Some(array) = self.stored(slot) else { return false };
        let shape = array.shape();
        self.is_float(slot) && array.len() == columns && shape.last() == Some(&columns)
    }
}

/// The activation that a node applies to its only input.
fn function(node: &Node, x: Slot) -> Option<Activation> {
    if node.inputs.first() != Some(&Some(x)) || node.inputs.len() != 1 {
        return None;
    }
    Some(match node.op.name {
        "Relu" => Activation::Relu,
        "Sigmoid" => Activation::Sigmoid,
        "Tanh" => Activation::Tanh,
        "Gelu" if node.attributes.text("approximate") == Some("tanh") => Activation::GeluTanh,
        "Gelu" => Activation::Gelu,
        "Swish" if node.attributes.float("alpha").unwrap_or(1.0) == 1.0 => Activation::Silu,
        _ => return None,
    })
}
