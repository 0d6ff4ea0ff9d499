//! An activation applied where its input is written, instead of in a pass over memory of its own.

use crate::graph::{Graph, Op};
use kernels::Activation;

/// Fuses wherever the activation is the only use of its input.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Op::Activation(next) = graph.nodes[index].op else { continue };
        let source = graph.nodes[index].inputs[0].0;
        let mut op = graph.nodes[source].op.clone();
        let Some(activation) = activation_of(&mut op) else { continue };
        if uses[source] != 1 || *activation != Activation::Identity {
            continue;
        }
        *activation = next;
        let inputs = graph.nodes[source].inputs.clone();
        let name = graph.nodes[source].name.clone();
        let node = &mut graph.nodes[index];
        (node.op, node.inputs, node.name) = (op, inputs, name);
    }
}

fn activation_of(op: &mut Op) -> Option<&mut Activation> {
    match op {
        Op::Conv { activation, .. }
        | Op::ConvTranspose { activation, .. }
        | Op::Affine { activation, .. }
        | Op::Linear { activation, .. }
        | Op::GroupNorm { activation, .. }
        | Op::LayerNorm { activation, .. }
        | Op::ChannelNorm { activation, .. }
        | Op::Binary(_, activation) => Some(activation),
        _ => None,
    }
}
