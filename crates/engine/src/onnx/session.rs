//! Runs a model on inputs of any shape it admits. A plan is made for each set of input shapes and
//! kept, the most recent few of them.

use super::chain::Around;
use super::fuse::Fused;
use super::machine::{Machine, Values, outputs};
use super::model::{Model, Port};
use super::ops::{Known, Value};
use super::plan::{Piece, Plan, Step};
use super::profile;
use crate::array::{Array, DType};
use crate::cpu::NodeTime;
use crate::error::{Error, ErrorKind, Result};
use kernels::Pool;
use std::time::Instant;

/// How a model runs.
#[derive(Clone)]
pub struct SessionOptions {
    /// The threads it runs on.
    pub pool: Pool,
    /// Most bytes that the values of a run may take together, stored values apart.
    pub memory_limit_bytes: Option<u64>,
    /// Convolutions and linear layers as sums of products, term by term, slower: see [`kernels::PackOptions`].
    pub exact: bool,
    /// It runs many times: see [`crate::cpu::Options::lasting`].
    pub lasting: bool,
}

impl SessionOptions {
    /// On these threads, without a limit, as fast as can be.
    pub fn new(pool: Pool) -> SessionOptions {
        SessionOptions { pool, memory_limit_bytes: None, exact: false, lasting: false }
    }
}

/// What a plan does, for those who want to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanSummary {
    /// Nodes of the file.
    pub nodes: usize,
    /// Of them, what is known before anything runs, or is not needed.
    pub folded: usize,
    /// Of them, in compiled pieces.
    pub compiled: usize,
    /// Of the rest, patterns that a batch goes through a few samples at a time.
    pub chained: usize,
    /// Compiled pieces.
    pub pieces: usize,
    /// Bytes of buffers and packed weights of the pieces.
    pub piece_bytes: u64,
    /// Bytes of packed weights, in the pieces and of the products between them.
    pub weight_bytes: u64,
}

/// Bytes of values when no limit is given.
const DEFAULT_MOST_BYTES: u64 = 32 << 30;
/// Plans that are kept.
const MOST_PLANS: usize = 8;

/// Type and shape of each given input; `None` for one that is no tensor or not given.
type Key = Vec<Option<(DType, Vec<usize>)>>;

/// Outputs by name, in the declared order.
pub type Named = Vec<(String, Array)>;

/// A model ready to run.
pub struct Session {
    model: Model,
    options: SessionOptions,
    /// The most recently used last.
    plans: Vec<(Key, Plan)>,
    /// Why there is no plan, where only one can be.
    failed: Option<Error>,
    peak_bytes: u64,
}

impl Session {
    /// Runs `model` with `options`.
    pub fn new(model: Model, options: SessionOptions) -> Session {
        Session { model, options, plans: Vec::new(), failed: None, peak_bytes: 0 }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Most bytes of values between nodes in the last run, stored values and compiled pieces apart.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Bytes that the session holds between runs: stored values, packed weights and the buffers of compiled pieces.
    pub fn held_bytes(&self) -> u64 {
        let Some((_, plan)) = self.plans.last() else { return self.model.stored_bytes() };
        let constants = plan.constants.iter().map(|(_, value)| value.bytes()).sum();
        let patterns = plan.fused.iter().flatten().map(Fused::bytes).sum::<u64>();
        let pieces = plan.steps.iter().map(|step| match step {
            Step::Piece(piece) => piece.network.planned_bytes(),
            Step::Node(_) | Step::Fused(_) | Step::Chain(_) => 0,
        });
        // Constants of the plan are those of the file, where it still has them.
        self.model.stored_bytes().max(constants) + patterns + pieces.sum::<u64>()
    }

    /// What the most recent plan does.
    pub fn summary(&self) -> Option<PlanSummary> {
        let (_, plan) = self.plans.last()?;
        let mut summary =
            PlanSummary { nodes: self.model.graph.nodes.len(), ..PlanSummary::default() };
        let mut general = 0;
        for step in &plan.steps {
            match step {
                Step::Node(_) | Step::Fused(_) => general += 1,
                Step::Chain(chain) => {
                    general += chain.links.len();
                    summary.chained += chain.links.len();
                }
                Step::Piece(piece) => {
                    summary.pieces += 1;
                    summary.compiled += piece.nodes;
                    summary.piece_bytes += piece.network.planned_bytes();
                    summary.weight_bytes += piece.network.memory().weights;
                }
            }
        }
        summary.weight_bytes += plan.fused.iter().flatten().map(Fused::bytes).sum::<u64>();
        summary.folded = summary.nodes - general - summary.compiled;
        Some(summary)
    }

    /// All outputs by name, in the declared order. Errors name the node: an input that is missing or
    /// does not fit, a result larger than the limit.
    pub fn run(&mut self, inputs: &[(&str, Array)]) -> Result<Named> {
        self.run_named(inputs, None)
    }

    /// The same with the time of every node.
    pub fn run_timed(&mut self, inputs: &[(&str, Array)]) -> Result<(Named, Vec<NodeTime>)> {
        let mut times = Vec::new();
        let results = self.run_named(inputs, Some(&mut |time| times.push(time)))?;
        Ok((results, times))
    }

    /// The same for values of every kind.
    pub fn run_values(&mut self, inputs: Vec<(&str, Value)>) -> Result<Vec<Value>> {
        self.execute(inputs, None)
    }

    fn run_named(
        &mut self,
        inputs: &[(&str, Array)],
        done: Option<&mut dyn FnMut(NodeTime)>,
    ) -> Result<Named> {
        let given = inputs.iter().map(|(name, array)| (*name, Value::Array(array.clone())));
        let values = self.execute(given.collect(), done)?;
        let named = self.model.outputs.iter().zip(values).map(|(port, value)| match value {
            Value::Array(array) => Ok((port.name.clone(), array)),
            _ => {
                let message = format!("the output `{}` is no tensor", port.name);
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        });
        named.collect()
    }

    fn execute(
        &mut self,
        inputs: Vec<(&str, Value)>,
        mut done: Option<&mut dyn FnMut(NodeTime)>,
    ) -> Result<Vec<Value>> {
        let given = self.arrange(inputs)?;
        self.choose_plan(&given)?;
        let Some((_, plan)) = self.plans.last_mut() else {
            return Err(Error::new(ErrorKind::Unsupported, "no plan"));
        };
        let graph = &self.model.graph;
        let mut values = Values::new(graph.names.len());
        for (slot, value) in &plan.constants {
            values.set_constant(*slot, value.clone());
        }
        for (slot, value) in graph.inputs.iter().zip(given) {
            if let Some(value) = value {
                values.set(*slot, value);
            }
        }
        let most_bytes = self.options.memory_limit_bytes.unwrap_or(DEFAULT_MOST_BYTES);
        let machine = Machine { pool: &self.options.pool, most_bytes, depth: 0 };
        let last_use = &plan.last_use;
        for (position, step) in plan.steps.iter_mut().enumerate() {
            match step {
                Step::Node(index) => {
                    let node = &graph.nodes[*index];
                    let shapes = done.is_some().then(|| profile::shapes(node, &values));
                    let memo = &plan.memos[*index];
                    let at = (position, last_use.as_slice());
                    let time = machine.step(graph, *index, at, memo, &mut values)?;
                    if let (Some(done), Some(shapes)) = (&mut done, shapes) {
                        done(profile::node_time(node, &shapes, &values, time));
                    }
                    check_facts(graph, node, &plan.facts, &values)?;
                }
                Step::Fused(index) => {
                    let Some(fused) = &plan.fused[*index] else { continue };
                    let started = Instant::now();
                    let result = fused.run(&self.options.pool, &values, &mut plan.spare);
                    let node = &graph.nodes[*index];
                    let result = result.map_err(|error| error.in_node(node.label()))?;
                    if let Some(done) = &mut done {
                        let (time, bytes) = (started.elapsed(), result.bytes());
                        let (name, op) = (node.name.clone(), fused.name);
                        done(NodeTime { name, op, time, flops: fused.flops, bytes });
                    }
                    for slot in &fused.inputs {
                        if last_use[*slot] == position {
                            plan.spare.give(values.drop_value(*slot));
                        }
                    }
                    if let Some(slot) = node.outputs.first().copied().flatten() {
                        values.set(slot, Value::Array(result));
                    }
                    values.check(most_bytes).map_err(|error| error.in_node(node.label()))?;
                    check_facts(graph, node, &plan.facts, &values)?;
                }
                Step::Chain(chain) => {
                    let (fused, pool) = (&plan.fused, &self.options.pool);
                    let around = Around { graph, fused, pool, most_bytes };
                    chain.run(&around, &mut values, &mut plan.spare, &mut done)?;
                    for slot in chain.reads() {
                        if last_use[slot] == position {
                            plan.spare.give(values.drop_value(slot));
                        }
                    }
                    values.check(most_bytes)?;
                }
                Step::Piece(piece) => {
                    run_piece(piece, (position, last_use), &mut values, &mut done)?;
                    values.check(most_bytes)?;
                }
            }
        }
        self.peak_bytes = values.peak_bytes();
        outputs(graph, &values)
    }

    /// Inputs in declared order. Errors for names that do not exist and inputs that are missing.
    fn arrange(&self, inputs: Vec<(&str, Value)>) -> Result<Vec<Option<Value>>> {
        let ports = &self.model.inputs;
        let mut given: Vec<Option<Value>> = vec![None; ports.len()];
        for (name, value) in inputs {
            let Some(at) = ports.iter().position(|port| port.name == name) else {
                let known: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
                let message = format!("no input `{name}`; there is {}", known.join(", "));
                return Err(Error::new(ErrorKind::Shape, message));
            };
            given[at] = Some(value);
        }
        for (port, value) in ports.iter().zip(&given) {
            match value {
                Some(Value::Array(array)) => port.check(array)?,
                Some(_) if port.is_fixed() => {
                    let message = format!("the input `{}` is no tensor", port.name);
                    return Err(Error::new(ErrorKind::Shape, message));
                }
                None if !port.optional => {
                    let message = format!("the input `{}` is not given", port.name);
                    return Err(Error::new(ErrorKind::Shape, message));
                }
                _ => {}
            }
        }
        Ok(given)
    }

    /// Makes the plan for these inputs the last of the list.
    fn choose_plan(&mut self, given: &[Option<Value>]) -> Result<()> {
        let of = |value: &Option<Value>| {
            let array = value.as_ref()?.array()?;
            Some((array.dtype(), array.shape().to_vec()))
        };
        let key: Key = given.iter().map(of).collect();
        if let Some(at) = self.plans.iter().position(|(known, _)| *known == key) {
            let plan = self.plans.remove(at);
            self.plans.push(plan);
            return Ok(());
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // The only plan there will ever be takes the stored values and lets go of each once it is packed.
        let only = self.model.inputs.iter().all(Port::is_fixed);
        let stored =
            if only { std::mem::take(&mut self.model.graph.constants) } else { Vec::new() };
        let stored = stored.into_iter().map(|(slot, array)| (slot, Some(Known::from(array))));
        let graph = &self.model.graph;
        let known = graph.inputs.iter().zip(&key).zip(given);
        let known = known.filter_map(|((slot, key), value)| match (key, value) {
            (Some((dtype, shape)), _) => Some((*slot, Some(Known::of(*dtype, shape.clone())))),
            // Given, but not a tensor: a stored value must not stand in for it.
            (None, Some(_)) => Some((*slot, None)),
            (None, None) => None,
        });
        let plan = Plan::new(graph, stored.chain(known).collect(), &self.options);
        if let (Err(error), true) = (&plan, only) {
            self.failed = Some(error.clone());
        }
        let plan = plan?;
        if self.plans.len() >= MOST_PLANS {
            self.plans.remove(0);
        }
        self.plans.push((key, plan));
        Ok(())
    }
}

fn run_piece(
    piece: &mut Piece,
    (position, last_use): (usize, &[usize]),
    values: &mut Values,
    done: &mut Option<&mut dyn FnMut(NodeTime)>,
) -> Result<()> {
    let mut inputs: Vec<Array> = Vec::with_capacity(piece.inputs.len());
    for slot in &piece.inputs {
        let array = values.get(*slot).and_then(Value::array).cloned();
        let lost = || Error::new(ErrorKind::BrokenFile, "a value is not there");
        inputs.push(array.ok_or_else(lost)?);
    }
    let mut views = Vec::with_capacity(inputs.len());
    for array in &inputs {
        let wrong =
            || Error::new(ErrorKind::Shape, format!("float32 expected, not {}", array.dtype()));
        views.push((array.shape(), array.slice::<f32>().ok_or_else(wrong)?));
    }
    let results = piece.network.run_views(&views, done)?;
    drop(views);
    for slot in &piece.inputs {
        if last_use[*slot] == position {
            values.drop_value(*slot);
        }
    }
    for (slot, result) in piece.outputs.iter().zip(results) {
        if last_use[*slot] > position {
            values.set(*slot, Value::Array(Array::from(result)));
        }
    }
    Ok(())
}

/// A result that is not what the plan expected would be a wrong rule for shapes: better an error
/// than a wrong number further down.
fn check_facts(
    graph: &super::graph::Graph,
    node: &super::graph::Node,
    facts: &[Option<Known>],
    values: &Values,
) -> Result<()> {
    for slot in node.outputs.iter().flatten() {
        let (Some(known), Some(Value::Array(array))) = (&facts[*slot], values.get(*slot)) else {
            continue;
        };
        if (known.dtype, known.shape.as_slice()) != (array.dtype(), array.shape()) {
            let message = format!(
                "`{}` is {} {:?}, planned as {} {:?}: please report this",
                graph.names[*slot],
                array.dtype(),
                array.shape(),
                known.dtype,
                known.shape
            );
            return Err(Error::new(ErrorKind::Shape, message).in_node(node.label()));
        }
    }
    Ok(())
}
