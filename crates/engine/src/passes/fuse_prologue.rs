//! Batch norm and activation before a 1×1 convolution, or before a mean over windows, applied while
//! its input is loaded: the normalised copy of a DenseNet's growing feature map is never written. A
//! larger kernel would load, and so normalise, every element once for each tap.

use crate::graph::{ChannelAffine, Graph, Op};
use std::sync::Arc;

/// Fuses wherever the norm's value is used by what follows alone.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Some(&source) = graph.nodes[index].inputs.first() else { continue };
        let Op::Affine { scale, shift, activation } = &graph.nodes[source.0].op else { continue };
        let (scale, shift) = (Arc::clone(scale), Arc::clone(shift));
        let fused = ChannelAffine { scale, shift, activation: *activation };
        let input = graph.nodes[source.0].inputs[0];
        if uses[source.0] != 1 {
            continue;
        }
        let node = &mut graph.nodes[index];
        match &mut node.op {
            Op::Conv { shape, prologue, .. } if prologue.is_none() && shape.kernel == [1; 3] => {
                *prologue = Some(fused);
            }
            Op::AvgPool(shape) => {
                node.op = Op::NormPool { shape: shape.clone(), prologue: fused };
            }
            _ => continue,
        }
        node.inputs[0] = input;
    }
}
