//! Stretches of a graph that turn a picture to channels-last, treat each position alone, and turn it
//! back, as the blocks of a ConvNeXt: lowered on the picture as it lies, without turning anything.
//!
//! ```text
//! [N, C, H, W] ─ Transpose ─ LayerNorm ─ MatMul ─ Add ─ Gelu ─ MatMul ─ Add ─ Transpose ─ [N, C, H, W]
//!                   ╎          over C    1×1 conv  bias        1×1 conv  bias     ╎
//!                   ╰───────────────── [N, C, H, W] throughout ──────────────────╯
//! ```
//! A stretch is a chain whose values nothing else reads, so nobody sees in which order they lie. Its
//! nodes depend on one another alone and therefore always fall into the same compiled piece.
//!
//! Source: Z. Liu et al., "A ConvNet for the 2020s", CVPR 2022, whose reference code has this form.

use super::graph::{Graph, Node, Slot};
use super::levels;
use super::lower::{Lowered, affine};
use super::ops::{Known, ONNX};
use crate::array::{Array, DType};
use crate::graph::{Op, axes as spread};
use kernels::{Activation, ConvShape};
use std::sync::Arc;

/// Lowers every such stretch and tells which nodes they are. `readers` lists the nodes that read each slot, `usize::MAX` for the
/// graph's outputs.
pub(super) fn lower(
    graph: &Graph,
    readers: &[Vec<usize>],
    facts: &[Option<Known>],
    lowered: &mut [Option<Lowered>],
) -> Vec<bool> {
    let mut inside = vec![false; graph.nodes.len()];
    for start in 0..graph.nodes.len() {
        if let Some(stretch) = stretch(graph, start, readers, facts, lowered) {
            for (index, node) in stretch {
                (lowered[index], inside[index]) = (Some(node), true);
            }
        }
    }
    inside
}

type Stretch = Vec<(usize, Lowered)>;

fn stretch(
    graph: &Graph,
    start: usize,
    readers: &[Vec<usize>],
    facts: &[Option<Known>],
    lowered: &[Option<Lowered>],
) -> Option<Stretch> {
    let first = &graph.nodes[start];
    let x = known(facts, input(first, 0)?)?;
    let rank = x.shape.len();
    if !(3..=5).contains(&rank) || x.value.is_some() || x.levels.is_some() || x.shape.contains(&0) {
        return None;
    }
    let last = rank - 1;
    let there: Vec<i64> = [0].into_iter().chain(2..rank as i64).chain([1]).collect();
    let back: Vec<i64> = [0, last as i64].into_iter().chain(1..last as i64).collect();
    if !turns(first, &there) {
        return None;
    }
    let mut shape = x.shape.clone();
    let mut nodes = vec![(start, Lowered::alias(shape.clone()))];
    let mut slot = first.outputs.first().copied().flatten()?;
    loop {
        let [index] = readers[slot][..] else { return None };
        let node = graph.nodes.get(index)?;
        let out = node.outputs.first().copied().flatten()?;
        if turns(node, &back) {
            nodes.push((index, Lowered::alias(shape)));
            // A stretch that does nothing is left to others.
            return (nodes.len() > 2).then_some(nodes);
        }
        let (op, at) = step(node, slot, &shape, facts, lowered[index].as_ref())?;
        shape[1] = *known(facts, out)?.shape.last()?;
        nodes.push((index, Lowered { op, operands: vec![at], shape: shape.clone(), alias: false }));
        slot = out;
    }
}

fn input(node: &Node, at: usize) -> Option<Slot> {
    node.inputs.get(at).copied().flatten()
}

/// Type and shape, if it is of 32-bit floats.
fn known(facts: &[Option<Known>], slot: Slot) -> Option<&Known> {
    facts[slot].as_ref().filter(|known| known.dtype == DType::F32)
}

fn turns(node: &Node, order: &[i64]) -> bool {
    (node.op.domain, node.op.name) == (ONNX, "Transpose")
        && node.attributes.ints("perm") == Some(order)
}

/// A node between the turns on `x`, whose extents are `[N, C, …]`, and which of its inputs that is.
fn step(
    node: &Node,
    x: Slot,
    shape: &[usize],
    facts: &[Option<Known>],
    lowered: Option<&Lowered>,
) -> Option<(Op, usize)> {
    let stored = |at: usize| known(facts, input(node, at)?)?.value.as_ref();
    let channels = shape[1];
    let vector = |at: usize| match input(node, at) {
        None => Some(None),
        Some(_) => {
            let values = stored(at)?.slice::<f32>()?;
            (values.len() == channels).then(|| Some(Arc::new(values.to_vec())))
        }
    };
    if (1..node.output_count()).any(|i| node.wants(i)) || node.op.domain != ONNX {
        return None;
    }
    match node.op.name {
        "LayerNormalization" if input(node, 0) == Some(x) => {
            let axis = node.attributes.int("axis").unwrap_or(-1);
            if axis != -1 && axis != shape.len() as i64 - 1 {
                return None;
            }
            let eps = node.attributes.float("epsilon").unwrap_or(1e-5);
            let (weight, bias) = (vector(1)?, vector(2)?);
            let activation = Activation::Identity;
            Some((Op::ChannelNorm { weight, bias, eps, activation }, 0))
        }
        "MatMul" if input(node, 0) == Some(x) => {
            let weight = levels::stored(facts, input(node, 1)?)?;
            let &[ins, outs] = weight.shape() else { return None };
            if ins != channels {
                return None;
            }
            let weight = weight.turned()?;
            let shape = ConvShape::new(ins, outs, spread(&shape[2..], 1), [1; 3]);
            shape.output()?;
            let (bias, prologue, measured, activation) = (None, None, None, Activation::Identity);
            Some((Op::Conv { shape, weight, bias, prologue, measured, activation }, 0))
        }
        "Add" | "Mul" if !node.attributes.has("axis") && !node.attributes.has("broadcast") => {
            let at = if input(node, 0) == Some(x) { 0 } else { 1 };
            let values = last_axis(stored(1 - at)?, shape.len(), channels)?;
            let op = if node.op.name == "Add" {
                affine(vec![1.0; channels], values)
            } else {
                affine(values, vec![0.0; channels])
            };
            Some((op, at))
        }
        _ => match lowered?.op {
            Op::Activation(act) if input(node, 0) == Some(x) => Some((Op::Activation(act), 0)),
            _ => None,
        },
    }
}

/// One value for each index along the last axis, of an array that broadcasts along all others.
fn last_axis(array: &Array, rank: usize, channels: usize) -> Option<Vec<f32>> {
    let values = array.slice::<f32>()?;
    if array.rank() > rank {
        return None;
    }
    match values {
        [value] => Some(vec![*value; channels]),
        _ => {
            let along = array.shape().last() == Some(&channels) && values.len() == channels;
            along.then(|| values.to_vec())
        }
    }
}
