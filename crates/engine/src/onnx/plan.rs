//! How a graph runs on inputs of given types and shapes: what is known beforehand is left out, the
//! parts that the compiled executor can do are handed to it in pieces as large as possible, the rest
//! runs node by node.
//!
//! ```text
//! node      a   conv  conv  nms  gather  conv          a: asks for a general operation
//! compiled      ╰─level 1─╯             ╰level 2╯
//! general   0               1      1
//! ```
//! The level of a compiled node is that of the compiled nodes it reads from, or one more than that
//! of the general nodes it reads from; a general node has the highest level of what it reads from.
//! All compiled nodes of a level form one piece; pieces and general nodes run level by level.

use super::chain::{self, Chain};
use super::channels_last;
use super::facts::{self, number};
use super::fuse::{Fused, Spare, fuse, pack};
use super::graph::{Graph, Slot};
use super::lower::{Lowered, lower};
use super::machine::memos;
use super::ops::{Known, Memo, Value};
use super::session::SessionOptions;
use crate::cpu::{Network, Options};
use crate::error::Result;
use crate::graph::{self, Op};
use std::collections::HashMap;

/// A graph made ready for one set of input shapes.
pub(super) struct Plan {
    /// Values that are the same at every run.
    pub constants: Vec<(Slot, Value)>,
    /// In order.
    pub steps: Vec<Step>,
    /// The step that reads each slot last; `usize::MAX` for outputs.
    pub last_use: Vec<usize>,
    /// Of every node.
    pub memos: Vec<Memo>,
    /// Of every node, the pattern that ends in it.
    pub fused: Vec<Option<Fused>>,
    /// Buffers for results.
    pub spare: Spare,
    /// What was known of each slot.
    pub facts: Vec<Option<Known>>,
}

/// One step of a plan.
pub(super) enum Step {
    /// A node on its own.
    Node(usize),
    /// The pattern that ends in a node.
    Fused(usize),
    /// Patterns that run one after another for a few samples of the batch, then for the next.
    Chain(Chain),
    /// Nodes compiled together.
    Piece(Box<Piece>),
}

/// Nodes compiled together.
pub(super) struct Piece {
    pub network: Network,
    /// Where its inputs lie.
    pub inputs: Vec<Slot>,
    /// Where its outputs go.
    pub outputs: Vec<Slot>,
    /// Number of nodes of the file.
    pub nodes: usize,
}

impl Plan {
    /// Plans `graph` for inputs of which `given` is known. Stored values are let go of as soon as they are packed, where nobody
    /// else holds them. Errors when a compiled piece exceeds the limit.
    pub fn new(
        graph: &Graph,
        given: Vec<(Slot, Option<Known>)>,
        options: &SessionOptions,
    ) -> Result<Plan> {
        let SessionOptions { pool, memory_limit_bytes, exact, lasting } = options;
        let most_bytes = memory_limit_bytes.unwrap_or(u64::MAX);
        let mut facts = facts::facts(graph, given, (pool, most_bytes));
        let numbers: Vec<bool> =
            (0..graph.names.len()).map(|slot| facts::is_number(&facts, slot)).collect();
        let is_number = |slot: Slot| numbers[slot];
        let needed = needed(Reader { graph, fused: &[] }, is_number);
        let lowered =
            |index: usize| if needed[index] { lower(&graph.nodes[index], &facts) } else { None };
        let mut lowered: Vec<Option<Lowered>> = (0..graph.nodes.len()).map(lowered).collect();
        let turned = channels_last::lower(graph, &readers(graph, &needed), &facts, &mut lowered);
        let heavy =
            |index: usize| turned[index] || lowered[index].as_ref().is_some_and(Lowered::is_heavy);
        let mut fused = fuse(graph, &facts, &needed, &turned, heavy);
        (0..fused.len()).filter(|index| fused[*index].is_some()).for_each(|i| lowered[i] = None);
        let reader = Reader { graph, fused: &fused };
        // What only the insides of patterns read is not needed any more.
        let needed = self::needed(reader, is_number);
        let level = settle(reader, &needed, &mut lowered, is_number);

        // Levels that a general node or pattern reads after all.
        let general =
            (0..graph.nodes.len()).filter(|index| needed[*index] && lowered[*index].is_none());
        for slot in general.flat_map(|index| reader.reads(index)) {
            if is_number(slot) && number(&facts, slot).is_none() {
                facts::expand(graph, &mut facts, slot, (pool, most_bytes));
            }
        }

        let read = read(reader, &needed, &lowered);
        let number = |slot: Slot| Some((slot, Value::Array(number(&facts, slot)?.clone())));
        let constants =
            (0..graph.names.len()).filter(|slot| read[*slot]).filter_map(number).collect();
        // What layers pack is not kept a second time.
        facts.iter_mut().flatten().for_each(|known| (known.value, known.levels) = (None, None));
        pack(&mut fused, pool, *exact);
        let reader = Reader { graph, fused: &fused };

        let options = Options {
            memory_limit_bytes: *memory_limit_bytes,
            exact: *exact,
            lasting: *lasting,
            ..Options::new(pool.clone())
        };
        let mut steps = Vec::new();
        for at in 0..=level.iter().copied().max().unwrap_or(0) {
            let here = (0..graph.nodes.len()).filter(|index| needed[*index] && level[*index] == at);
            let (piece, rest): (Vec<usize>, Vec<usize>) =
                here.partition(|index| lowered[*index].is_some());
            if !piece.is_empty() {
                let piece = compile(reader, &piece, &mut lowered, (&needed, &facts), &options)?;
                steps.push(Step::Piece(Box::new(piece)));
            }
            let step = |index: usize| match fused[index] {
                Some(_) => Step::Fused(index),
                None => Step::Node(index),
            };
            steps.extend(rest.into_iter().map(step));
        }
        let lens: Vec<Option<usize>> =
            facts.iter().map(|known| Some(known.as_ref()?.shape.iter().product())).collect();
        let batch = graph.inputs.iter().find_map(|slot| facts[*slot].as_ref()?.shape.first());
        let mut reads = vec![0; graph.names.len()];
        let all = steps.iter().flat_map(|step| reader.step_reads(step));
        all.chain(graph.outputs.iter().copied()).for_each(|slot| reads[slot] += 1);
        let batch = batch.copied().unwrap_or(1);
        let steps = chain::link(steps, graph, &fused, (&lens, &reads), batch);
        let last_use = last_use(reader, &steps);
        let (memos, spare) = (memos(graph), Spare::default());
        Ok(Plan { constants, steps, last_use, memos, fused, spare, facts })
    }
}

/// What each node reads.
#[derive(Clone, Copy)]
struct Reader<'a> {
    graph: &'a Graph,
    fused: &'a [Option<Fused>],
}

impl Reader<'_> {
    /// Slots that a node reads, or the pattern that ends in it; those that its bodies take from around them included.
    fn reads(&self, index: usize) -> Vec<Slot> {
        if let Some(Some(fused)) = self.fused.get(index) {
            return fused.inputs.clone();
        }
        let node = &self.graph.nodes[index];
        let captured = node.bodies.iter().flat_map(|(_, body)| &body.captures);
        node.inputs.iter().flatten().copied().chain(captured.map(|(outer, _)| *outer)).collect()
    }

    /// The same for a step of a plan.
    fn step_reads(&self, step: &Step) -> Vec<Slot> {
        match step {
            Step::Node(index) | Step::Fused(index) => self.reads(*index),
            Step::Chain(chain) => chain.links.iter().flat_map(|l| self.reads(l.node)).collect(),
            Step::Piece(piece) => piece.inputs.clone(),
        }
    }
}

/// The nodes that read each slot, among those that are needed; `usize::MAX` stands for the outputs.
fn readers(graph: &Graph, needed: &[bool]) -> Vec<Vec<usize>> {
    let mut readers = vec![Vec::new(); graph.names.len()];
    for index in (0..graph.nodes.len()).filter(|index| needed[*index]) {
        let reader = Reader { graph, fused: &[] };
        reader.reads(index).into_iter().for_each(|slot| readers[slot].push(index));
    }
    graph.outputs.iter().for_each(|slot| readers[*slot].push(usize::MAX));
    readers
}

/// Nodes that the outputs need, numbers that are known apart.
fn needed(reader: Reader, is_number: impl Fn(Slot) -> bool) -> Vec<bool> {
    let graph = reader.graph;
    let mut wanted = vec![false; graph.names.len()];
    graph.outputs.iter().for_each(|slot| wanted[*slot] = true);
    let mut needed = vec![false; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        let makes = |slot: &Slot| wanted[*slot] && !is_number(*slot);
        if node.outputs.iter().flatten().any(makes) {
            needed[index] = true;
            reader.reads(index).into_iter().for_each(|slot| wanted[slot] = true);
        }
    }
    needed
}

/// The level of every node. Pieces without anything that compiling speeds up run node by node.
fn settle(
    reader: Reader,
    needed: &[bool],
    lowered: &mut [Option<Lowered>],
    is_number: impl Fn(Slot) -> bool,
) -> Vec<usize> {
    loop {
        let level = levels(reader, needed, lowered, &is_number);
        let count = level.iter().copied().max().map_or(0, |most| most + 1);
        let mut worth = vec![false; count];
        for (lowered, level) in lowered.iter().zip(&level) {
            worth[*level] |= lowered.as_ref().is_some_and(Lowered::is_heavy);
        }
        let mut settled = true;
        for (lowered, level) in lowered.iter_mut().zip(&level) {
            if lowered.is_some() && !worth[*level] {
                *lowered = None;
                settled = false;
            }
        }
        if settled {
            return level;
        }
    }
}

fn levels(
    reader: Reader,
    needed: &[bool],
    lowered: &[Option<Lowered>],
    is_number: impl Fn(Slot) -> bool,
) -> Vec<usize> {
    let graph = reader.graph;
    let mut level = vec![0; graph.nodes.len()];
    let mut made_by: Vec<Option<usize>> = vec![None; graph.names.len()];
    for (index, node) in graph.nodes.iter().enumerate().filter(|(index, _)| needed[*index]) {
        let mut highest = 0;
        for slot in reader.reads(index).into_iter().filter(|slot| !is_number(*slot)) {
            let Some(maker) = made_by[slot] else { continue };
            let next = lowered[index].is_some() && lowered[maker].is_none();
            highest = highest.max(level[maker] + usize::from(next));
        }
        level[index] = highest;
        node.outputs.iter().flatten().for_each(|slot| made_by[*slot] = Some(index));
    }
    level
}

/// Builds the graph of a piece and compiles it.
fn compile(
    reader: Reader,
    piece: &[usize],
    lowered: &mut [Option<Lowered>],
    (needed, facts): (&[bool], &[Option<Known>]),
    options: &Options,
) -> Result<Piece> {
    let graph = reader.graph;
    let mut inside = vec![false; graph.nodes.len()];
    piece.iter().for_each(|index| inside[*index] = true);
    let mut wanted = vec![false; graph.names.len()];
    graph.outputs.iter().for_each(|slot| wanted[*slot] = true);
    for index in 0..graph.nodes.len() {
        if needed[index] && !inside[index] {
            reader.reads(index).into_iter().for_each(|slot| wanted[slot] = true);
        }
    }

    let mut network = graph::Graph::default();
    let mut at: HashMap<Slot, graph::Value> = HashMap::new();
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for index in piece {
        let node = &graph.nodes[*index];
        let Some(Lowered { op, operands, shape, alias }) = lowered[*index].take() else { continue };
        let mut places = Vec::with_capacity(operands.len());
        for operand in operands {
            let Some(slot) = node.inputs.get(operand).copied().flatten() else { continue };
            let place = *at.entry(slot).or_insert_with(|| {
                inputs.push(slot);
                let shape = facts[slot].as_ref().map_or(Vec::new(), |known| known.shape.clone());
                push(&mut network, graph.names[slot].clone(), Op::Input, Vec::new(), shape)
            });
            places.push(place);
        }
        let place = match places[..] {
            [place] if alias => place,
            _ => push(&mut network, node.name.clone(), op, places, shape),
        };
        if let Some(slot) = node.outputs.first().copied().flatten() {
            at.insert(slot, place);
            if wanted[slot] {
                outputs.push(slot);
                network.outputs.push((graph.names[slot].clone(), place));
            }
        }
    }
    let network = Network::compile(network, options)?;
    Ok(Piece { network, inputs, outputs, nodes: piece.len() })
}

fn push(
    network: &mut graph::Graph,
    name: String,
    op: Op,
    inputs: Vec<graph::Value>,
    shape: Vec<usize>,
) -> graph::Value {
    network.nodes.push(graph::Node { name, op, inputs, shape });
    graph::Value(network.nodes.len() - 1)
}

/// Which slots are read when the plan runs: by pieces, nodes and patterns, and as outputs.
fn read(reader: Reader, needed: &[bool], lowered: &[Option<Lowered>]) -> Vec<bool> {
    let graph = reader.graph;
    let mut read = vec![false; graph.names.len()];
    for index in (0..graph.nodes.len()).filter(|index| needed[*index]) {
        let slots = match &lowered[index] {
            Some(Lowered { operands, .. }) => {
                let inputs = &graph.nodes[index].inputs;
                operands.iter().filter_map(|at| inputs.get(*at).copied().flatten()).collect()
            }
            None => reader.reads(index),
        };
        slots.into_iter().for_each(|slot| read[slot] = true);
    }
    graph.outputs.iter().for_each(|slot| read[*slot] = true);
    read
}

/// The step that reads each slot last; `usize::MAX` for outputs.
fn last_use(reader: Reader, steps: &[Step]) -> Vec<usize> {
    let graph = reader.graph;
    let mut last_use = vec![0usize; graph.names.len()];
    for (position, step) in steps.iter().enumerate() {
        reader.step_reads(step).into_iter().for_each(|slot| last_use[slot] = position);
    }
    graph.outputs.iter().for_each(|slot| last_use[*slot] = usize::MAX);
    last_use
}
