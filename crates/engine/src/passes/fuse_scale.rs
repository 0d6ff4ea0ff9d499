//! The factors of squeeze-and-excitation before a 1×1 convolution, applied while its input is loaded: the scaled copy is never written.

use crate::graph::{Graph, Measured, Op};

/// Fuses wherever the scaled value is used by the convolution alone.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Some(&source) = graph.nodes[index].inputs.first() else { continue };
        let scaled = &graph.nodes[source.0];
        let (Op::ScaleChannels, &[input, factors]) = (&scaled.op, scaled.inputs.as_slice()) else {
            continue;
        };
        let node = &mut graph.nodes[index];
        if uses[source.0] == 1
            && let Some(measured) = node.op.free_measured(false)
        {
            *measured = Some(Measured::Gate);
            node.inputs[0] = input;
            node.inputs.push(factors);
        }
    }
}
