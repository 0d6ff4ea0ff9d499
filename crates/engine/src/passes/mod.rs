//! Rewrites of a graph that change its cost, not its result. Each keeps the order of nodes valid:
//! a fused operation stands where the last of its parts stood.

mod fold_affine;
mod fuse_activation;
mod fuse_gate;
mod fuse_norm;
mod fuse_prologue;
mod fuse_residual;
mod fuse_scale;
mod join_norm;
mod nest_concat;
mod pair_convs;
mod pool_first;

use crate::graph::{Graph, Op, Value};

type Pass = fn(&mut Graph);

/// Which rewrites run before a graph is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    /// A value times a function of itself into one activation.
    pub fuse_gate: bool,
    /// A group norm spelled out as reshapes, a norm and factors into one operation.
    pub join_norm: bool,
    /// A mean over windows before the 1×1 convolution that stands before it.
    pub pool_first: bool,
    /// Batch norm into the weights of the convolution before it.
    pub fold_affine: bool,
    /// A residual sum into the convolution that makes one of its terms.
    pub fuse_residual: bool,
    /// An activation into the operation before it.
    pub fuse_activation: bool,
    /// Batch norm and activation into the 1×1 convolution or the mean over windows after them.
    pub fuse_prologue: bool,
    /// Instance or group norm and activation into the convolution after them.
    pub fuse_norm: bool,
    /// Factors of channels into the 1×1 convolution after them.
    pub fuse_scale: bool,
    /// A 1×1 convolution and the depthwise one after it, a few channels at a time.
    pub pair_convs: bool,
    /// Producers write straight into the buffer of a concatenation.
    pub place_in_concat: bool,
}

impl Passes {
    /// All of them.
    pub const fn all() -> Passes {
        Passes::each(true)
    }

    /// None: every node runs as it was built.
    pub const fn none() -> Passes {
        Passes::each(false)
    }

    const fn each(on: bool) -> Passes {
        Passes {
            fuse_gate: on,
            join_norm: on,
            pool_first: on,
            fold_affine: on,
            fuse_residual: on,
            fuse_activation: on,
            fuse_prologue: on,
            fuse_norm: on,
            fuse_scale: on,
            pair_convs: on,
            place_in_concat: on,
        }
    }

    /// Rewrites the graph; nodes that nothing uses any more are removed.
    pub fn rewrite(&self, graph: Graph) -> Graph {
        let mut graph = remove_dead(graph);
        let passes: [(bool, Pass); 11] = [
            (self.fuse_gate, fuse_gate::run),
            (self.join_norm, join_norm::run),
            (self.pool_first, pool_first::run),
            (self.fold_affine, fold_affine::run),
            (self.fuse_residual, fuse_residual::run),
            (self.fuse_activation, fuse_activation::run),
            (self.fuse_prologue, fuse_prologue::run),
            (self.fuse_norm, fuse_norm::run),
            (self.fuse_scale, fuse_scale::run),
            (self.pair_convs, pair_convs::run),
            (self.place_in_concat, nest_concat::run),
        ];
        for (wanted, pass) in passes {
            if wanted {
                pass(&mut graph);
                graph = remove_dead(graph);
            }
        }
        graph
    }
}

/// Keeps inputs and what the outputs need.
fn remove_dead(graph: Graph) -> Graph {
    let mut needed = vec![false; graph.nodes.len()];
    graph.outputs.iter().for_each(|(_, value)| needed[value.0] = true);
    for index in (0..graph.nodes.len()).rev() {
        needed[index] |= matches!(graph.nodes[index].op, Op::Input);
        if needed[index] {
            graph.nodes[index].inputs.iter().for_each(|value| needed[value.0] = true);
        }
    }
    let mut moved = vec![Value(0); graph.nodes.len()];
    let mut nodes = Vec::new();
    for (index, mut node) in graph.nodes.into_iter().enumerate() {
        if needed[index] {
            node.inputs.iter_mut().for_each(|value| *value = moved[value.0]);
            moved[index] = Value(nodes.len());
            nodes.push(node);
        }
    }
    let outputs = graph.outputs.into_iter().map(|(name, value)| (name, moved[value.0])).collect();
    Graph { nodes, outputs }
}
