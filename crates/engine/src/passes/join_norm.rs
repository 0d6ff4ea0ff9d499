//! A group norm that a file spells out as its parts, as one operation.
//!
//! ```text
//! x [N,C,…] ─ reshape [N,G,·] ─ norm of G groups ─ reshape [N,C,…] ─ ·scale ─ +shift      the parts
//! x [N,C,…] ─ norm of G groups, its weights scale and shift                               one operation
//! ```
//! A group is the same stretch of memory either way. PyTorch's exporter writes group norm like this below version 21 of the operator set,
//! which has no word for it with weights of channels.

use crate::graph::{Graph, Node, Op};
use kernels::Activation;
use std::sync::Arc;

/// Joins wherever nothing else uses what lies between.
pub(super) fn run(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let uses = graph.uses();
        let Some(&source) = graph.nodes[index].inputs.first() else { continue };
        if uses[source.0] != 1 {
            continue;
        }
        match graph.nodes[index].op {
            Op::Reshape => join(graph, index, &uses),
            Op::Affine { .. } => scale(graph, index),
            _ => {}
        }
    }
}

/// A norm whose value goes back into the shape that its own input had before.
fn join(graph: &mut Graph, index: usize, uses: &[usize]) {
    let Node { op, inputs, .. } = &graph.nodes[graph.nodes[index].inputs[0].0];
    let (Op::GroupNorm { groups, weight, bias, eps, activation }, &[inner]) = (op, &inputs[..])
    else {
        return;
    };
    let before = &graph.nodes[inner.0];
    let (Op::Reshape, &[x]) = (&before.op, &before.inputs[..]) else { return };
    let (shape, flat) = (&graph.nodes[x.0].shape, &before.shape);
    let (&[batch, channels, ..], &[same, groups_there, _, ..]) = (&shape[..], &flat[..]) else {
        return;
    };
    // One group, or one channel of it, at a time.
    let fits = *shape == graph.nodes[index].shape
        && batch == same
        && *groups == groups_there
        && channels.is_multiple_of(*groups)
        && uses[inner.0] == 1;
    if !fits {
        return;
    }
    let spread = |values: &Option<Arc<Vec<f32>>>| {
        let repeated = |values: &Arc<Vec<f32>>| {
            let each = values.iter().flat_map(|v| std::iter::repeat_n(*v, channels / groups));
            Arc::new(each.collect())
        };
        values.as_ref().map(repeated)
    };
    let (weight, bias) = (spread(weight), spread(bias));
    let op = Op::GroupNorm { groups: *groups, weight, bias, eps: *eps, activation: *activation };
    let node = &mut graph.nodes[index];
    (node.op, node.inputs) = (op, vec![x]);
}

/// A factor and an offset for each channel after a norm or after another such operation.
fn scale(graph: &mut Graph, index: usize) {
    let Op::Affine { scale, shift, activation: next } = graph.nodes[index].op.clone() else {
        return;
    };
    let source = graph.nodes[index].inputs[0];
    let Node { op, inputs, shape, .. } = &graph.nodes[source.0];
    let (&[x], Some(&channels)) = (&inputs[..], shape.get(1)) else { return };
    if scale.len() != channels || shift.len() != channels {
        return;
    }
    let times = |values: &Option<Arc<Vec<f32>>>| match values {
        Some(values) => values.iter().zip(&*scale).map(|(v, k)| v * k).collect(),
        None => scale.to_vec(),
    };
    let plus = |values: &Option<Arc<Vec<f32>>>| match values {
        Some(values) => {
            values.iter().zip(&*scale).zip(&*shift).map(|((v, k), t)| v * k + t).collect()
        }
        None => shift.to_vec(),
    };
    let op = match op {
        Op::GroupNorm { groups, weight, bias, eps, activation: Activation::Identity } => {
            Op::GroupNorm {
                groups: *groups,
                weight: Some(Arc::new(times(weight))),
                bias: Some(Arc::new(plus(bias))),
                eps: *eps,
                activation: next,
            }
        }
        Op::Affine { scale: before, shift: offset, activation: Activation::Identity } => {
            Op::Affine {
                scale: Arc::new(times(&Some(Arc::clone(before)))),
                shift: Arc::new(plus(&Some(Arc::clone(offset)))),
                activation: next,
            }
        }
        _ => return,
    };
    let node = &mut graph.nodes[index];
    (node.op, node.inputs) = (op, vec![x]);
}
