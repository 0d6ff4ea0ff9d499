//! A mean over windows moved before the 1×1 convolution that stands before it, as between the blocks
//! of a DenseNet: both are linear, one along the picture and the other along the channels, so they
//! commute, exact up to rounding; and the convolution then works on the fewer positions.

use crate::graph::{Graph, Op};
use kernels::{Activation, ConvShape, PoolShape};

/// Moves wherever the convolution's value is used by the mean alone and the windows see no padding.
pub(super) fn run(graph: &mut Graph) {
    let uses = graph.uses();
    for index in 0..graph.nodes.len() {
        let Op::AvgPool(pool) = &graph.nodes[index].op else { continue };
        let source = graph.nodes[index].inputs[0].0;
        let node = &graph.nodes[source];
        let Op::Conv { shape, prologue, activation, .. } = &node.op else { continue };
        let plain = prologue.is_none() && *activation == Activation::Identity;
        if uses[source] != 1 || node.inputs.len() != 1 || !plain || !pointwise(shape) {
            continue;
        }
        let Some(pooled) = whole(pool).then(|| pool.output()).flatten() else { continue };
        if pooled.iter().product::<usize>() >= shape.input.iter().product() {
            continue;
        }
        let pool = PoolShape { channels: shape.in_channels, ..pool.clone() };
        let shape = ConvShape { input: pooled, ..shape.clone() };
        let mut extents = graph.nodes[index].shape.clone();
        let Some(channels) = extents.get_mut(1) else { continue };
        *channels = pool.channels;
        // The two change places; the convolution's weights move along.
        let mut conv = std::mem::replace(&mut graph.nodes[source].op, Op::AvgPool(pool));
        if let Op::Conv { shape: old, .. } = &mut conv {
            *old = shape;
        }
        graph.nodes[source].shape = extents;
        graph.nodes[index].op = conv;
        let name = std::mem::take(&mut graph.nodes[index].name);
        graph.nodes[index].name = std::mem::replace(&mut graph.nodes[source].name, name);
    }
}

/// One point, everywhere.
fn pointwise(shape: &ConvShape) -> bool {
    shape.kernel == [1; 3] && shape.stride == [1; 3] && shape.pad == [[0; 2]; 3]
}

/// Every window lies on the input.
fn whole(pool: &PoolShape) -> bool {
    pool.pad == [[0; 2]; 3] && !pool.ceil_mode
}
