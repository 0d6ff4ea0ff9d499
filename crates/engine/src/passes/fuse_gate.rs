//! A value times a function of itself, as files write activations that their format has no word for:
//! `x·sigmoid(x)` is SiLU, `x·hard_sigmoid(x)` hard swish, `x·tanh(softplus(x))` Mish. As one
//! activation it is computed in one pass, or where its input is written.
//!
//! Sources: the definitions, see [`Activation`].

use crate::graph::{Graph, Op, Value};
use kernels::{Activation, BinaryOp};

/// Rewrites the products; what stood between them and their value goes with the dead nodes.
pub(super) fn run(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let Op::Binary(BinaryOp::Mul, Activation::Identity) = graph.nodes[index].op else {
            continue;
        };
        let [a, b] = [graph.nodes[index].inputs[0], graph.nodes[index].inputs[1]];
        let found = gate(graph, a, b).map(|act| (act, a));
        if let Some((act, x)) = found.or_else(|| gate(graph, b, a).map(|act| (act, b))) {
            let node = &mut graph.nodes[index];
            (node.op, node.inputs) = (Op::Activation(act), vec![x]);
        }
    }
}

/// What `x · gate` is, if `gate` is a function of `x`.
fn gate(graph: &Graph, x: Value, gate: Value) -> Option<Activation> {
    let step = |value: Value| match graph.nodes[value.0].op {
        Op::Activation(act) => Some((act, graph.nodes[value.0].inputs[0])),
        _ => None,
    };
    let (act, from) = step(gate)?;
    match act {
        Activation::Sigmoid if from == x => Some(Activation::Silu),
        Activation::HardSigmoid if from == x => Some(Activation::HardSwish),
        Activation::Tanh => match step(from)? {
            (Activation::Softplus, inner) if inner == x => Some(Activation::Mish),
            _ => None,
        },
        _ => None,
    }
}
