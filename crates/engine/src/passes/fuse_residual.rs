//! The sum at the end of a residual block, added while the last convolution or norm writes its output.

use crate::graph::{Graph, Op};
use kernels::{Activation, BinaryOp};

/// Fuses wherever one term is a convolution or norm used by the sum alone. Of two, the later is taken: the
/// other is then surely ready.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Op::Binary(BinaryOp::Add, next) = graph.nodes[index].op else { continue };
        let mut terms = [graph.nodes[index].inputs[0], graph.nodes[index].inputs[1]];
        terms.sort();
        let fits = |value: usize| uses[value] == 1 && takes_residual(graph, value);
        let (conv, other) = match terms {
            [a, b] if a == b => continue,
            [a, b] if fits(b.0) => (b, a),
            [a, b] if fits(a.0) => (a, b),
            _ => continue,
        };
        let mut op = graph.nodes[conv.0].op.clone();
        if let Op::Conv { activation, .. }
        | Op::ConvTranspose { activation, .. }
        | Op::GroupNorm { activation, .. } = &mut op
        {
            *activation = next;
        }
        let inputs = vec![graph.nodes[conv.0].inputs[0], other];
        let name = graph.nodes[conv.0].name.clone();
        let node = &mut graph.nodes[index];
        (node.op, node.inputs, node.name) = (op, inputs, name);
    }
}

fn takes_residual(graph: &Graph, index: usize) -> bool {
    let node = &graph.nodes[index];
    match &node.op {
        Op::Conv { activation, .. }
        | Op::ConvTranspose { activation, .. }
        | Op::GroupNorm { activation, .. } => {
            *activation == Activation::Identity && node.inputs.len() == 1
        }
        _ => false,
    }
}
