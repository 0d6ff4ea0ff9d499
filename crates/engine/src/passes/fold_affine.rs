//! Batch norm folded into the weights of the convolution, transposed convolution or linear layer
//! before it: `k·(w·x + b) + t = (k·w)·x + (k·b + t)`, exact up to rounding.

use crate::graph::{Graph, Op};
use crate::tensor::Tensor;
use kernels::Activation;
use std::sync::Arc;

/// Folds wherever the convolution's value is used by the norm alone.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Op::Affine { scale, shift, activation } = &graph.nodes[index].op else { continue };
        let source = graph.nodes[index].inputs[0].0;
        if uses[source] != 1 {
            continue;
        }
        let Some(op) = folded(&graph.nodes[source].op, scale, shift, *activation) else { continue };
        let inputs = graph.nodes[source].inputs.clone();
        let name = graph.nodes[source].name.clone();
        let node = &mut graph.nodes[index];
        (node.op, node.inputs, node.name) = (op, inputs, name);
    }
}

/// The source with the norm in its weights; `None` when it has an activation or takes no weights.
fn folded(source: &Op, scale: &[f32], shift: &[f32], next: Activation) -> Option<Op> {
    let mut op = source.clone();
    match &mut op {
        Op::Conv { weight, bias, activation, .. } if *activation == Activation::Identity => {
            let per_out = weight.data().len() / scale.len().max(1);
            *weight = scaled(weight, |index| scale[index / per_out.max(1)]);
            *bias = Some(shifted(bias.as_deref(), scale, shift));
            *activation = next;
        }
        Op::ConvTranspose { shape, weight, bias, activation }
            if *activation == Activation::Identity =>
        {
            // [in][out/groups][taps]: an input channel's group gives the first output channel.
            let outs = shape.out_channels / shape.groups;
            let ins = shape.in_channels / shape.groups;
            let taps = shape.kernel.iter().product::<usize>();
            *weight = scaled(weight, |index| {
                let group = index / (ins * outs * taps);
                scale[group * outs + index / taps % outs]
            });
            *bias = Some(shifted(bias.as_deref(), scale, shift));
            *activation = next;
        }
        Op::Linear { weight, bias, activation } if *activation == Activation::Identity => {
            let per_out = weight.data().len() / scale.len().max(1);
            *weight = scaled(weight, |index| scale[index / per_out.max(1)]);
            *bias = Some(shifted(bias.as_deref(), scale, shift));
            *activation = next;
        }
        _ => return None,
    }
    Some(op)
}

fn scaled(weight: &Arc<Tensor>, scale: impl Fn(usize) -> f32) -> Arc<Tensor> {
    let mut weight = weight.as_ref().clone();
    weight.data_mut().iter_mut().enumerate().for_each(|(index, value)| *value *= scale(index));
    Arc::new(weight)
}

fn shifted(bias: Option<&Vec<f32>>, scale: &[f32], shift: &[f32]) -> Arc<Vec<f32>> {
    let bias = |index: usize| bias.map_or(0.0, |bias| bias[index]);
    let shifted = scale.iter().zip(shift).enumerate().map(|(c, (k, t))| k * bias(c) + t);
    Arc::new(shifted.collect())
}
