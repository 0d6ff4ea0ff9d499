//! Instance or group norm and activation before a convolution, applied while its input is loaded: the norm only measures, and the
//! normalised volume is never written.

use crate::graph::{Graph, Measured, Op};
use kernels::Activation;

/// Fuses wherever the norm's value is used by the convolution alone.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Some(&source) = graph.nodes[index].inputs.first() else { continue };
        let norm = &graph.nodes[source.0];
        let Op::GroupNorm { groups, weight, bias, eps, activation } = norm.op.clone() else {
            continue;
        };
        let &[input] = norm.inputs.as_slice() else { continue };
        let (batch, channels) = match norm.shape.as_slice() {
            [batch, channels, ..] => (*batch, *channels),
            _ => continue,
        };
        let node = &mut graph.nodes[index];
        if uses[source.0] == 1
            && let Some(measured) = node.op.free_measured(is_cheap(activation))
        {
            *measured = Some(Measured::Norm(activation));
            node.inputs[0] = input;
            node.inputs.push(source);
            let norm = &mut graph.nodes[source.0];
            norm.op = Op::NormScale { groups, weight, bias, eps };
            norm.shape = vec![batch, 2, channels];
        }
    }
}

/// Computing it once for each tap that reads an element costs next to nothing.
fn is_cheap(activation: Activation) -> bool {
    matches!(activation, Activation::Identity | Activation::Relu | Activation::LeakyRelu(_))
}
