//! The CPU executor: a graph is rewritten, its memory planned and its weights packed once; then it
//! runs as often as wanted.

mod asides;
mod blocks;
mod plan;
mod step;

pub use crate::passes::Passes;
pub use kernels::Pool;

use kernels::{Floats, PackOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Op};
use crate::tensor::Tensor;
use asides::Asides;
use plan::Plan;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use step::Step;

/// How a network is compiled.
#[derive(Clone)]
pub struct Options {
    /// The threads it runs on.
    pub pool: Pool,
    /// Refuses, before the buffers are allocated, a network that needs more.
    pub memory_limit_bytes: Option<u64>,
    /// Rewrites before planning.
    pub passes: Passes,
    /// Convolutions and linear layers as sums of products, term by term, slower: see [`kernels::PackOptions`].
    pub exact: bool,
    /// Buffers in huge pages: each run is some hundredths faster, but in a virtual machine they may be slow to fill the first time. For
    /// networks that run many times, as over the tiles of a volume.
    pub lasting: bool,
}

impl Options {
    /// On these threads with all rewrites, without a limit, as fast as can be.
    pub fn new(pool: Pool) -> Options {
        Options {
            pool,
            memory_limit_bytes: None,
            passes: Passes::all(),
            exact: false,
            lasting: false,
        }
    }
}

/// What a compiled network holds in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Activations, shared between values whose lives do not overlap.
    pub activations: u64,
    /// Scratch of the kernels.
    pub workspace: u64,
    /// Weights as the kernels read them.
    pub weights: u64,
}

impl Memory {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.activations + self.workspace + self.weights
    }
}

/// What one node of a run took.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeTime {
    /// The node's name.
    pub name: String,
    /// The operation's name.
    pub op: &'static str,
    /// Wall time.
    pub time: Duration,
    /// Floating-point operations, a multiply and an add counted as two.
    pub flops: u64,
    /// Bytes of its result.
    pub bytes: u64,
}

/// A network ready to run.
pub struct Network {
    nodes: Arc<Vec<Planned>>,
    plan: Arc<Plan>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    pool: Pool,
    /// One thread, for samples side by side.
    one: Pool,
    /// The memory of all values.
    arena: Floats,
    workspace: Floats,
    /// Whether these are in huge pages.
    lasting: bool,
    asides: Asides,
    memory: Memory,
    /// Time that runs have taken, all together.
    ran: Duration,
}

struct Planned {
    name: String,
    op: &'static str,
    flops: u64,
    inputs: Vec<usize>,
    shape: Vec<usize>,
    step: Step,
    /// The next convolution, whose weights this node may ask for.
    next: Option<usize>,
}

impl Network {
    /// Rewrites, plans, packs. Errors with [`ErrorKind::Limit`] when the plan exceeds the limit.
    pub fn compile(graph: Graph, options: &Options) -> Result<Network> {
        Network::compile_with(graph, options, blocks::choose)
    }

    /// The same; `arrange` chooses which values lie in blocks of channels, from the planned nodes and the outputs.
    fn compile_with(
        graph: Graph,
        options: &Options,
        arrange: impl FnOnce(&mut [Planned], &[usize]),
    ) -> Result<Network> {
        let graph = options.passes.rewrite(graph);
        let raw_weights: u64 = graph.nodes.iter().map(|node| step::weight_bytes(&node.op)).sum();
        let sizes = (options.pool.threads(), raw_weights);
        let plan = Plan::new(&graph, options.passes.place_in_concat, sizes)
            .ok_or_else(|| Error::new(ErrorKind::Limit, "the network's sizes overflow"))?;
        let activations = plan.arena_len as u64 * 4;
        check_limit(options, activations + raw_weights)?;

        let inputs = of_kind(&graph, |op| matches!(op, Op::Input));
        let outputs: Vec<usize> = graph.outputs.iter().map(|(_, value)| value.0).collect();
        let room = options.memory_limit_bytes.map(|limit| limit - activations);
        let mut nodes = pack(graph, options, room.map(|room| (room, raw_weights)));
        arrange(&mut nodes, &outputs);
        let workspace = workspace_len(&nodes, &plan, options.pool.threads());
        let weights = nodes.iter().map(|node| node.step.weight_bytes()).sum();
        let memory = Memory { activations, workspace: workspace as u64 * 4, weights };
        check_limit(options, memory.total())?;
        let lasting = options.lasting;
        let (arena, workspace) = (buffer(plan.arena_len, lasting), buffer(workspace, lasting));
        let pool = options.pool.clone();
        let asides = Asides::new(&nodes);
        let (nodes, plan) = (Arc::new(nodes), Arc::new(plan));
        let ran = Duration::ZERO;
        let one = Pool::new(1);
        Ok(Network {
            nodes,
            plan,
            inputs,
            outputs,
            pool,
            one,
            arena,
            workspace,
            lasting,
            asides,
            memory,
            ran,
        })
    }

    /// The same network with buffers of its own, to run beside this one on other threads; the
    /// weights are shared. Adds [`Network::fork_bytes`] to the process.
    pub fn fork(&self, pool: &Pool) -> Network {
        let workspace = workspace_len(&self.nodes, &self.plan, pool.threads());
        Network {
            nodes: self.nodes.clone(),
            plan: self.plan.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            pool: pool.clone(),
            one: self.one.clone(),
            arena: buffer(self.plan.arena_len, self.lasting),
            workspace: buffer(workspace, self.lasting),
            lasting: self.lasting,
            asides: Asides::new(&self.nodes),
            memory: Memory { workspace: workspace as u64 * 4, ..self.memory },
            ran: Duration::ZERO,
        }
    }

    /// Bytes that a fork on one thread adds.
    pub fn fork_bytes(&self) -> u64 {
        self.memory.activations + workspace_len(&self.nodes, &self.plan, 1) as u64 * 4
    }

    /// Bytes of all buffers and weights: what the network adds to the process at most.
    pub fn planned_bytes(&self) -> u64 {
        self.memory.total()
    }

    /// The same, by use.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// Gives this network's buffers to another of the same plan and takes the other's: of several
    /// networks that take turns only one then fills memory (a buffer never written is not held by
    /// the system). Errors when the plans differ.
    pub fn exchange_buffers(&mut self, other: &mut Network) -> Result<()> {
        if self.plan.arena_len != other.plan.arena_len
            || self.memory.workspace != other.memory.workspace
        {
            return Err(Error::new(ErrorKind::Shape, "two networks of different plans"));
        }
        std::mem::swap(&mut self.arena, &mut other.arena);
        std::mem::swap(&mut self.workspace, &mut other.workspace);
        Ok(())
    }

    /// Gives the buffers back to the system; the next run takes them anew, for the price of touching
    /// them once.
    pub fn release_buffers(&mut self) {
        self.arena = Floats::default();
        self.workspace = Floats::default();
    }

    /// Wall time of all runs so far.
    pub fn ran(&self) -> Duration {
        self.ran
    }

    /// Values that a concatenation must copy, because they could not be written in place.
    pub fn copies(&self) -> usize {
        let concats = self.nodes.iter().enumerate().filter(|(_, n)| matches!(n.step, Step::Concat));
        concats
            .map(|(index, node)| {
                node.inputs.iter().filter(|&&input| !self.plan.lies_in(input, index)).count()
            })
            .sum()
    }

    /// One run: inputs in the order of their declaration, outputs in the order given to
    /// [`Builder::finish`](crate::graph::Builder::finish).
    pub fn run(&mut self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.run_nodes(&views(inputs), |_, _| {})
    }

    /// One run on inputs given as shape and values; `done`, if anybody asks, hears of every node.
    pub(crate) fn run_views(
        &mut self,
        inputs: &[(&[usize], &[f32])],
        done: &mut Option<&mut dyn FnMut(NodeTime)>,
    ) -> Result<Vec<Tensor>> {
        let Some(done) = done else { return self.run_nodes(inputs, |_, _| {}) };
        let (outputs, times) = self.run_views_timed(inputs)?;
        times.into_iter().for_each(done);
        Ok(outputs)
    }

    /// One run whose first output is lent to `take` where it lies instead of being copied. Errors
    /// for a network of several samples, which do not lie side by side.
    pub fn run_lent<T>(
        &mut self,
        inputs: &[&Tensor],
        take: impl FnOnce(&mut [f32]) -> T,
    ) -> Result<T> {
        let single = |output: &&usize| self.plan.is_single() && self.plan.batch(**output) == 1;
        let Some(&output) = self.outputs.first().filter(single) else {
            return Err(Error::new(ErrorKind::Shape, "an answer of one sample is lent"));
        };
        self.compute(&views(inputs), |_, _| {}, &mut [])?;
        Ok(take(&mut self.arena[self.plan.range(output, 0)]))
    }

    /// One run that reports after each node how many of how many are done.
    pub fn run_with_progress(
        &mut self,
        inputs: &[&Tensor],
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Vec<Tensor>> {
        let (mut done, total) = (0, self.nodes.len() * self.plan.passes().count());
        self.run_nodes(&views(inputs), |_, _| {
            done += 1;
            progress(done, total);
        })
    }

    /// One run with the wall time of every node.
    pub fn run_timed(&mut self, inputs: &[&Tensor]) -> Result<(Vec<Tensor>, Vec<NodeTime>)> {
        self.run_views_timed(&views(inputs))
    }

    fn run_views_timed(
        &mut self,
        inputs: &[(&[usize], &[f32])],
    ) -> Result<(Vec<Tensor>, Vec<NodeTime>)> {
        let mut times = vec![Duration::ZERO; self.nodes.len()];
        let outputs = self.run_nodes(inputs, |index, time| times[index] += time)?;
        let times = self.nodes.iter().zip(times).map(|(node, time)| node.took(time));
        Ok((outputs, times.collect()))
    }

    /// One run; `done` hears of every node in every pass.
    fn run_nodes(
        &mut self,
        inputs: &[(&[usize], &[f32])],
        done: impl FnMut(usize, Duration),
    ) -> Result<Vec<Tensor>> {
        let shape = |index: &usize| &self.nodes[*index].shape;
        let lengths = self.outputs.iter().map(|index| shape(index).iter().product());
        let mut answers: Vec<Vec<f32>> = lengths.map(Vec::with_capacity).collect();
        self.compute(inputs, done, &mut answers)?;
        let answers = self.outputs.iter().zip(answers);
        answers.map(|(index, values)| Tensor::new(&self.nodes[*index].shape, values)).collect()
    }

    /// Every node once for each pass of the plan. The outputs stay in the arena; those of all passes are appended to `answers`, as many
    /// as there are.
    fn compute(
        &mut self,
        inputs: &[(&[usize], &[f32])],
        mut done: impl FnMut(usize, Duration),
        answers: &mut [Vec<f32>],
    ) -> Result<()> {
        let begun = Instant::now();
        if inputs.len() != self.inputs.len() {
            let message = format!("{} inputs given, {} wanted", inputs.len(), self.inputs.len());
            return Err(Error::new(ErrorKind::Shape, message));
        }
        for ((shape, _), &index) in inputs.iter().zip(&self.inputs) {
            let node = &self.nodes[index];
            if *shape != node.shape {
                let message = format!("shape {shape:?} given, {:?} wanted", node.shape);
                return Err(Error::new(ErrorKind::Shape, message).in_node(&node.name));
            }
        }
        if self.arena.len() < self.plan.arena_len {
            self.arena = buffer(self.plan.arena_len, self.lasting);
            self.workspace = buffer((self.memory.workspace / 4) as usize, self.lasting);
        }
        for pass in self.plan.passes() {
            for ((_, values), &index) in inputs.iter().zip(&self.inputs) {
                self.plan.write(&mut self.arena, index, &pass, values);
            }
            for (index, node) in self.nodes.iter().enumerate() {
                let started = Instant::now();
                let io = step::Io {
                    plan: &self.plan,
                    pass: &pass,
                    index,
                    inputs: &node.inputs,
                    shapes: (
                        self.nodes[node.inputs.first().copied().unwrap_or(index)].shape.as_slice(),
                        &node.shape,
                    ),
                    asides: &self.asides,
                    next: node.next.map(|next| &self.nodes[next].step),
                };
                let pools = [&self.pool, &self.one];
                node.step.run(pools, &io, &mut self.arena, &mut self.workspace);
                done(index, started.elapsed());
            }
            for (answer, &index) in answers.iter_mut().zip(&self.outputs) {
                self.plan.read(&self.arena, index, &pass, answer);
            }
        }
        self.ran += begun.elapsed();
        Ok(())
    }
}

impl Planned {
    fn took(&self, time: Duration) -> NodeTime {
        let bytes = self.shape.iter().product::<usize>() as u64 * 4;
        NodeTime { name: self.name.clone(), op: self.op, time, flops: self.flops, bytes }
    }
}

fn buffer(len: usize, lasting: bool) -> Floats {
    if lasting { Floats::lasting(len) } else { Floats::zeros(len) }
}

/// Elements of scratch that the greediest node wants, in the first pass or in the last, which may have fewer samples.
fn workspace_len(nodes: &[Planned], plan: &Plan, threads: usize) -> usize {
    let passes: Vec<Range<usize>> =
        plan.passes().next().into_iter().chain(plan.passes().last()).collect();
    let wanted = |(index, node): (usize, &Planned)| {
        let count = |pass| node.step.batch_workspace(plan.count(index, pass), threads);
        passes.iter().map(count).max().unwrap_or(0)
    };
    nodes.iter().enumerate().map(wanted).max().unwrap_or(0)
}

fn views<'a>(inputs: &[&'a Tensor]) -> Vec<(&'a [usize], &'a [f32])> {
    inputs.iter().map(|tensor| (tensor.shape(), tensor.data())).collect()
}

fn of_kind(graph: &Graph, wanted: impl Fn(&Op) -> bool) -> Vec<usize> {
    let nodes = graph.nodes.iter().enumerate();
    nodes.filter(|(_, node)| wanted(&node.op)).map(|(index, _)| index).collect()
}

/// Packs the weights of all nodes, in parallel. The graph's own copies are freed as it goes.
///
/// `room` is what all weights may take, and what they take as the graph holds them: a convolution may grow by as much as all of
/// them can, an eighth left for the kernels' scratch.
fn pack(graph: Graph, options: &Options, room: Option<(u64, u64)>) -> Vec<Planned> {
    let packing = |op: &Op| PackOptions {
        exact: options.exact,
        limit_bytes: room.map(|(room, raw)| {
            let share = step::weight_bytes(op) as f64 / raw.max(1) as f64;
            (share * (room - room / 8) as f64) as usize
        }),
        prologue: false,
    };
    // The largest first: what it is made of is then not held beside all that has been packed.
    let mut order: Vec<usize> = (0..graph.nodes.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(step::weight_bytes(&graph.nodes[index].op)));
    let slots: Vec<Mutex<(Option<crate::graph::Node>, Option<Planned>)>> =
        graph.nodes.into_iter().map(|node| Mutex::new((Some(node), None))).collect();
    options.pool.run_in_turn(order.len(), |turn| {
        let mut slot = slots[order[turn]].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = slot.0.take() {
            slot.1 = Some(Planned {
                flops: node.flops(),
                op: node.op.name(),
                inputs: node.inputs.iter().map(|value| value.0).collect(),
                step: {
                    let packing = packing(&node.op);
                    Step::new(node.op, &node.shape, &packing)
                },
                name: node.name,
                shape: node.shape,
                next: None,
            });
        }
    });
    let mut nodes: Vec<Planned> = slots
        .into_iter()
        .filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner).1)
        .collect();
    let mut next = None;
    for (index, node) in nodes.iter_mut().enumerate().rev() {
        node.next = next;
        if let Step::Conv { .. } = node.step {
            next = Some(index);
        }
    }
    nodes
}

fn check_limit(options: &Options, need: u64) -> Result<()> {
    match options.memory_limit_bytes {
        Some(limit) if need > limit => Err(Error::new(
            ErrorKind::Limit,
            format!("the network needs {} MiB, the limit is {} MiB", need >> 20, limit >> 20),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
