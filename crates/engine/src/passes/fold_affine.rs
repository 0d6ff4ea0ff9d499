//! Batch norm folded into the weights of the convolution, transposed convolution or linear layer
//! before it: `k·(w·x + b) + t = (k·w)·x + (k·b + t)`, exact up to rounding.

use crate::graph::{Graph, Op, Sums};
use kernels::Activation;
use std::sync::Arc;

/// Folds wherever the convolution's value is used by the norm alone.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Op::Affine { scale, shift, activation } = &graph.nodes[index].op else { continue };
        let source = graph.nodes[index].inputs[0].0;
        if uses[source] != 1 || !takes_norm(&graph.nodes[source].op) {
            continue;
        }
        let (scale, shift, activation) = (Arc::clone(scale), Arc::clone(shift), *activation);
        // The layer moves to the norm's place instead of being copied, so that no weights are held
        // twice. What stays behind has no use and goes with the dead nodes.
        let old = &mut graph.nodes[source];
        let mut op = std::mem::replace(&mut old.op, Op::Concat);
        let (inputs, name) = (std::mem::take(&mut old.inputs), std::mem::take(&mut old.name));
        fold(&mut op, &scale, &shift, activation);
        let node = &mut graph.nodes[index];
        (node.op, node.inputs, node.name) = (op, inputs, name);
    }
}

/// It has weights, and nothing stands between them and the norm.
fn takes_norm(op: &Op) -> bool {
    match op {
        Op::Conv { activation, .. }
        | Op::ConvTranspose { activation, .. }
        | Op::Linear { activation, .. } => *activation == Activation::Identity,
        _ => false,
    }
}

/// Puts the norm into the layer's weights: as factors of the channels, which are multiplied in when the weights are packed.
fn fold(op: &mut Op, scale: &Arc<Vec<f32>>, shift: &[f32], next: Activation) {
    let (weight, sums, bias, activation) = match op {
        Op::ConvTranspose { shape, weight, bias, activation } => {
            (weight, Sums::from(&*shape), bias, activation)
        }
        Op::Conv { shape, weight, bias, activation, .. } => {
            (weight, Sums::from(&*shape), bias, activation)
        }
        Op::Linear { weight, bias, activation } => {
            let terms = weight.len() / scale.len().max(1);
            (weight, Sums::Rows { terms }, bias, activation)
        }
        _ => return,
    };
    weight.fold(scale, sums);
    *bias = Some(shifted(bias.as_deref(), scale, shift));
    *activation = next;
}

fn shifted(bias: Option<&Vec<f32>>, scale: &[f32], shift: &[f32]) -> Arc<Vec<f32>> {
    let bias = |index: usize| bias.map_or(0.0, |bias| bias[index]);
    let shifted = scale.iter().zip(shift).enumerate().map(|(c, (k, t))| k * bias(c) + t);
    Arc::new(shifted.collect())
}
