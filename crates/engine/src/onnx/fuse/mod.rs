//! What transformers are made of, found in a planned graph and run as one step each.
//!
//! ```text
//! MatMul W ─ Add bias ─ Gelu ─ Add residual                     linear.rs      one product
//! MatMul(q·s, kᵀ) ─ Add bias ─ Softmax ─ MatMul v ─ Transpose    attention.rs   no matrix of scores, q k v read where they lie
//! LayerNorm ─ Pad, Slice, Concat … ─ Reshape ─ Transpose         rows.rs        one norm, its rows in their new order
//! Reshape ─ Transpose ─ Slice … ─ Reshape                       copies.rs      one copy
//! ```
//! A step stands in the place of the last node of its pattern and says what it reads; nodes whose results nobody reads any more
//! then fall out of the plan. A pattern is taken only where types and shapes are known, so the results are the same up to
//! rounding, for every input the plan is made for.

mod attention;
mod copies;
mod linear;
mod product;
mod rows;
mod run;
mod samples;
mod view;
mod views;

pub(super) use run::Spare;
pub(super) use samples::Share;

use super::facts::is_number;
use super::graph::{Graph, Node, Slot};
use super::ops::{Known, ONNX};
use crate::array::{Array, DType};
use crate::graph::Stored;
use kernels::{Activation, AttentionShape, PackedMatrix, Pool, pack_weights};
use std::sync::{Mutex, PoisonError};
use view::{Factor, View};

/// A pattern as one step.
pub(super) struct Fused {
    /// What it reads, constants too.
    pub inputs: Vec<Slot>,
    /// Of its result.
    pub shape: Vec<usize>,
    /// For profiles.
    pub name: &'static str,
    /// A multiply and an add counted as two.
    pub flops: u64,
    work: Work,
}

enum Work {
    Linear(Linear),
    Attention(Box<Attention>),
    Copy {
        offset: usize,
        factors: Vec<Factor>,
    },
    /// Inputs: whose rows they are, then what is added to them, if anything.
    Rows {
        width: usize,
        from: Vec<u32>,
    },
    Norm(Normed),
}

/// A layer norm over the last axis. Inputs: x, weight, then bias if there is one.
struct Normed {
    width: usize,
    eps: f32,
    /// For each row of the result that of x, as [`kernels::gather_rows`] takes them; `None` for all in order.
    from: Option<Vec<u32>>,
}

/// `act(x·w + bias + residual)`; inputs: x, then those that are there.
struct Linear {
    rows: usize,
    has_bias: bool,
    has_residual: bool,
    activation: Activation,
    weight: Matrix,
}

/// The constant factor of a product.
enum Matrix {
    /// As the file stores it: `[depth][columns]`, or the other way round if `turned`.
    Stored {
        weight: Stored,
        depth: usize,
        columns: usize,
        turned: bool,
    },
    Packed(PackedMatrix),
}

/// Inputs: those of q, k, v, then one for each bias.
struct Attention {
    shape: AttentionShape,
    scale: f32,
    qkv: [Places; 3],
    bias: Vec<BiasPlaces>,
}

/// As [`kernels::Matrices`].
struct Places {
    starts: Vec<usize>,
    row: usize,
    column: usize,
}

impl Places {
    /// The same matrices with rows and columns changed.
    fn turned(self) -> Places {
        Places { row: self.column, column: self.row, starts: self.starts }
    }
}

/// As [`kernels::ScoreBias`].
struct BiasPlaces {
    starts: Vec<usize>,
    row: usize,
    inner: usize,
    outer_step: usize,
    inner_step: usize,
}

impl Fused {
    /// Bytes of packed weights.
    pub fn bytes(&self) -> u64 {
        match &self.work {
            Work::Linear(Linear { weight: Matrix::Packed(packed), .. }) => packed.bytes() as u64,
            _ => 0,
        }
    }

    /// Packs the weights and lets go of the stored ones.
    fn pack(&mut self, exact: bool) {
        if let Work::Linear(Linear { weight, .. }) = &mut self.work {
            if let Matrix::Stored { weight: stored, depth, columns, turned } = weight {
                let (k, n) = (*depth, *columns);
                let packed = pack_weights(k, n, stored.weights(), *turned, exact);
                *weight = Matrix::Packed(packed);
            }
        }
    }
}

/// Packs the weights of all steps, in parallel, for sums of products term by term if they are to be `exact`. Steps do not run before.
pub(super) fn pack(fused: &mut [Option<Fused>], pool: &Pool, exact: bool) {
    let steps: Vec<Mutex<&mut Fused>> = fused.iter_mut().flatten().map(Mutex::new).collect();
    pool.run_in_turn(steps.len(), |index| {
        steps[index].lock().unwrap_or_else(PoisonError::into_inner).pack(exact);
    });
}

/// For each node, the pattern that ends in it, its weights not yet packed. `needed` nodes are those that run; `kept` ones belong to somebody else, and the
/// results of `opaque` ones lie in themselves whatever the node does.
pub(super) fn fuse(
    graph: &Graph,
    facts: &[Option<Known>],
    needed: &[bool],
    opaque: &[bool],
    kept: impl Fn(usize) -> bool,
) -> Vec<Option<Fused>> {
    let mut finder = Finder::new(graph, facts, needed, opaque);
    let mut fused: Vec<Option<Fused>> = (0..graph.nodes.len()).map(|_| None).collect();
    let all = || (0..graph.nodes.len()).filter(|index| needed[*index] && !kept(*index));
    for index in all() {
        if let Some((root, step)) = finder.attention(index) {
            if fused[root].is_none() && !kept(root) {
                fused[root] = Some(step);
            }
        }
    }
    for index in all() {
        let taken = |index: usize| fused[index].is_some() || kept(index);
        if let Some((root, step)) = finder.linear(index, taken) {
            fused[root] = Some(step);
        }
    }
    finder.note_steps(&fused);
    for index in all() {
        if fused[index].is_none() {
            let found = finder.rows(index).or_else(|| finder.layer_norm(index));
            fused[index] = found.or_else(|| finder.copy(index));
        }
    }
    fused
}

/// What a pattern is looked up in.
struct Finder<'a> {
    graph: &'a Graph,
    facts: &'a [Option<Known>],
    /// The needed node that makes each slot.
    maker: Vec<Option<usize>>,
    /// The needed nodes that read each slot; `usize::MAX` stands for outputs and bodies.
    readers: Vec<Vec<usize>>,
    /// Where the values of each slot lie.
    views: Vec<Option<View>>,
    /// Nodes that are no views.
    opaque: &'a [bool],
    /// Nodes that a product or an attention ends in.
    steps: Vec<bool>,
}

impl<'a> Finder<'a> {
    fn new(
        graph: &'a Graph,
        facts: &'a [Option<Known>],
        needed: &[bool],
        opaque: &'a [bool],
    ) -> Finder<'a> {
        let slots = graph.names.len();
        let (mut maker, mut readers) = (vec![None; slots], vec![Vec::new(); slots]);
        for (index, node) in graph.nodes.iter().enumerate().filter(|(index, _)| needed[*index]) {
            node.inputs.iter().flatten().for_each(|slot| readers[*slot].push(index));
            let bodies = node.bodies.iter().flat_map(|(_, body)| &body.captures);
            bodies.for_each(|(outer, _)| readers[*outer].push(usize::MAX));
            node.outputs.iter().flatten().for_each(|slot| maker[*slot] = Some(index));
        }
        graph.outputs.iter().for_each(|slot| readers[*slot].push(usize::MAX));
        let (views, steps) = (vec![None; slots], vec![false; graph.nodes.len()]);
        let mut finder = Finder { graph, facts, maker, readers, views, opaque, steps };
        finder.find_views(needed, &[]);
        finder
    }

    /// Once the patterns stand, only what they read counts as read.
    fn note_steps(&mut self, fused: &[Option<Fused>]) {
        let mut read = vec![false; self.graph.names.len()];
        let mut needed = vec![false; self.graph.nodes.len()];
        self.graph.outputs.iter().for_each(|slot| read[*slot] = true);
        for index in (0..self.graph.nodes.len()).rev() {
            let node = &self.graph.nodes[index];
            let made = node.outputs.iter().flatten();
            let here = |slot: &Slot| read[*slot] && self.maker[*slot] == Some(index);
            if !made.into_iter().any(here) {
                continue;
            }
            needed[index] = true;
            match &fused[index] {
                Some(step) => step.inputs.iter().for_each(|slot| read[*slot] = true),
                None => {
                    node.inputs.iter().flatten().for_each(|slot| read[*slot] = true);
                    let bodies = node.bodies.iter().flat_map(|(_, body)| &body.captures);
                    bodies.for_each(|(outer, _)| read[*outer] = true);
                }
            }
        }
        for readers in &mut self.readers {
            readers.clear();
        }
        for (index, node) in self.graph.nodes.iter().enumerate().filter(|(i, _)| needed[*i]) {
            match &fused[index] {
                // Patterns read in place.
                Some(step) => step.inputs.iter().for_each(|s| self.readers[*s].push(usize::MAX)),
                None => {
                    node.inputs.iter().flatten().for_each(|s| self.readers[*s].push(index));
                    let bodies = node.bodies.iter().flat_map(|(_, body)| &body.captures);
                    bodies.for_each(|(outer, _)| self.readers[*outer].push(usize::MAX));
                }
            }
        }
        self.graph.outputs.iter().for_each(|slot| self.readers[*slot].push(usize::MAX));
        self.steps = fused.iter().map(Option::is_some).collect();
        self.find_views(&needed, fused);
    }

    /// The node that makes a slot, if it is of the default set.
    fn made(&self, slot: Slot) -> Option<(usize, &'a Node)> {
        let index = self.maker[slot]?;
        let node = &self.graph.nodes[index];
        (node.op.domain == ONNX).then_some((index, node))
    }

    fn shape(&self, slot: Slot) -> Option<&'a [usize]> {
        Some(self.facts[slot].as_ref()?.shape.as_slice())
    }

    fn stored(&self, slot: Slot) -> Option<&'a Array> {
        self.facts[slot].as_ref()?.value.as_ref()
    }

    /// 32-bit floats.
    fn is_float(&self, slot: Slot) -> bool {
        self.facts[slot].as_ref().is_some_and(|known| known.dtype == DType::F32)
    }

    /// 32-bit floats made at each run.
    fn is_variable(&self, slot: Slot) -> bool {
        self.is_float(slot) && !is_number(self.facts, slot)
    }

    /// A stored number.
    fn number(&self, slot: Slot) -> Option<f32> {
        match self.stored(slot)?.slice::<f32>()? {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// The only node that reads a slot.
    fn reader(&self, slot: Slot) -> Option<(usize, &'a Node)> {
        match self.readers[slot][..] {
            [index] => self.graph.nodes.get(index).map(|node| (index, node)),
            _ => None,
        }
    }

    fn output(node: &Node) -> Option<Slot> {
        match node.outputs[..] {
            [Some(slot)] => Some(slot),
            _ => None,
        }
    }

    fn two(node: &Node) -> Option<[Slot; 2]> {
        let old = node.attributes.has("axis") || node.attributes.has("broadcast");
        match node.inputs[..] {
            [Some(a), Some(b)] if !old => Some([a, b]),
            _ => None,
        }
    }
}
