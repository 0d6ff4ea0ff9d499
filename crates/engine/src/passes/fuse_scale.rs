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
        if let Op::Conv { shape, prologue, measured, .. } = &mut node.op
            && uses[source.0] == 1
            && prologue.is_none()
            && measured.is_none()
            && shape.groups == 1
            && shape.kernel == [1; 3]
        {
            *measured = Some(Measured::Gate);
            node.inputs[0] = input;
            node.inputs.push(factors);
        }
    }
}
