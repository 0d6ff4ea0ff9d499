//! Runs a graph node by node. A value is dropped after its last use, and handed over to that use, so
//! that operations can work in place.

use super::graph::{Graph, Node};
use super::ops::{Bodies, Call, Inputs, Memo, Value};
use crate::array::{Array, DType};
use crate::error::{Error, ErrorKind, Result};
use kernels::Pool;
use std::time::{Duration, Instant};

/// How deep bodies may call bodies while running.
const MOST_NESTED: usize = 32;

/// What all nodes of a run share.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    pub pool: &'a Pool,
    /// Bytes that one value may take, and all of them together.
    pub most_bytes: u64,
    pub depth: usize,
}

/// The values of a graph while it runs, by slot.
pub(super) struct Values {
    values: Vec<Option<Value>>,
    /// The same at every run: never handed over.
    constant: Vec<bool>,
    live_bytes: u64,
    peak_bytes: u64,
}

impl Values {
    pub fn new(slots: usize) -> Values {
        Values {
            values: vec![None; slots],
            constant: vec![false; slots],
            live_bytes: 0,
            peak_bytes: 0,
        }
    }

    /// A value that is the same at every run.
    pub fn set_constant(&mut self, slot: usize, value: Value) {
        self.values[slot] = Some(value);
        self.constant[slot] = true;
    }

    /// A value of this run.
    pub fn set(&mut self, slot: usize, value: Value) {
        self.live_bytes += value.bytes();
        self.peak_bytes = self.peak_bytes.max(self.live_bytes);
        self.values[slot] = Some(value);
        self.constant[slot] = false;
    }

    pub fn get(&self, slot: usize) -> Option<&Value> {
        self.values[slot].as_ref()
    }

    pub fn is_constant(&self, slot: usize) -> bool {
        self.constant[slot]
    }

    /// Most bytes of values that were alive together, constants apart.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// An error when the values of this run take more than `most_bytes` together.
    pub fn check(&self, most_bytes: u64) -> Result<()> {
        if self.live_bytes <= most_bytes {
            return Ok(());
        }
        let (live, most) = (self.live_bytes >> 20, most_bytes >> 20);
        let message = format!("the values of this run take {live} MiB, {most} are allowed");
        Err(Error::new(ErrorKind::Limit, message))
    }

    /// The same with so many bytes beside them for a while.
    pub fn check_with(&mut self, bytes: u64, most_bytes: u64) -> Result<()> {
        self.live_bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.live_bytes);
        let checked = self.check(most_bytes);
        self.live_bytes -= bytes;
        checked
    }

    /// The value for a use at `index`, handed over when it is the last.
    pub fn for_use(&mut self, slot: usize, index: usize, last_use: usize) -> Option<Value> {
        if index == last_use && !self.constant[slot] {
            let value = self.values[slot].take();
            self.live_bytes -= value.as_ref().map_or(0, Value::bytes);
            value
        } else {
            self.values[slot].clone()
        }
    }

    /// Forgets a value of this run, and gives it away.
    pub fn drop_value(&mut self, slot: usize) -> Option<Value> {
        if self.constant[slot] {
            return None;
        }
        let value = self.values[slot].take();
        self.live_bytes -= value.as_ref().map_or(0, Value::bytes);
        value
    }
}

/// A memo for each node, and for those of bodies.
pub(super) fn memos(graph: &Graph) -> Vec<Memo> {
    let bodies = |node: &Node| node.bodies.iter().map(|(_, body)| memos(body)).collect();
    graph.nodes.iter().map(|node| Memo::with_bodies(bodies(node))).collect()
}

impl Machine<'_> {
    /// Runs node `index` on the values of its graph, as the step at `position` of an order in which
    /// `last_use` says where each value is read last. Gives the time it took.
    pub fn step(
        &self,
        graph: &Graph,
        index: usize,
        (position, last_use): (usize, &[usize]),
        memo: &Memo,
        values: &mut Values,
    ) -> Result<Duration> {
        let node = &graph.nodes[index];
        let frame = Frame { machine: *self, node, memo, captured: captured(node, values)? };
        let constant: Vec<bool> = node
            .inputs
            .iter()
            .map(|slot| slot.is_none_or(|slot| values.is_constant(slot)))
            .collect();
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (input, slot) in node.inputs.iter().enumerate() {
            let Some(slot) = *slot else {
                inputs.push(None);
                continue;
            };
            let again = node.inputs[input + 1..].contains(&Some(slot));
            let last = if again { usize::MAX } else { last_use[slot] };
            let value = values.for_use(slot, position, last);
            inputs.push(Some(value.ok_or_else(|| lost(&graph.names[slot], node))?));
        }
        let call = Call {
            node,
            pool: self.pool,
            most_bytes: self.most_bytes,
            constant: &constant,
            memo,
            bodies: &frame,
        };
        let started = Instant::now();
        let results = (node.op.run)(&call, Inputs(inputs)).map_err(|e| e.in_node(node.label()))?;
        let time = started.elapsed();
        for (_, body) in &node.bodies {
            for (outer, _) in &body.captures {
                if last_use[*outer] == position {
                    values.drop_value(*outer);
                }
            }
        }
        let mut results = results.into_iter();
        for slot in &node.outputs {
            let result = results.next();
            let Some(slot) = *slot else { continue };
            let Some(result) = result else {
                let message = format!("gives no `{}`", graph.names[slot]);
                return Err(Error::new(ErrorKind::Unsupported, message).in_node(node.label()));
            };
            // What nobody reads is not kept.
            if last_use[slot] > position {
                values.set(slot, result);
            }
        }
        values.check(self.most_bytes).map_err(|error| error.in_node(node.label()))?;
        Ok(time)
    }

    /// Runs a whole graph: a body, or a graph whose values are already placed.
    fn body(
        &self,
        graph: &Graph,
        memos: &[Memo],
        inputs: Vec<Value>,
        captured: &[Value],
    ) -> Result<Vec<Value>> {
        if self.depth >= MOST_NESTED {
            let message = format!("graphs run each other deeper than {MOST_NESTED}");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let inner = Machine { depth: self.depth + 1, ..*self };
        let mut values = Values::new(graph.names.len());
        for (slot, array) in &graph.constants {
            values.set_constant(*slot, Value::Array(array.clone()));
        }
        for ((_, slot), value) in graph.captures.iter().zip(captured) {
            values.set(*slot, value.clone());
        }
        if inputs.len() != graph.inputs.len() {
            let message =
                format!("a body takes {} inputs, {} given", graph.inputs.len(), inputs.len());
            return Err(Error::new(ErrorKind::Shape, message));
        }
        for (slot, value) in graph.inputs.iter().zip(inputs) {
            values.set(*slot, value);
        }
        for (index, memo) in memos.iter().enumerate() {
            inner.step(graph, index, (index, &graph.last_use), memo, &mut values)?;
        }
        outputs(graph, &values)
    }
}

/// The outputs of a graph that has run.
pub(super) fn outputs(graph: &Graph, values: &Values) -> Result<Vec<Value>> {
    let one = |slot: &usize| {
        values.get(*slot).cloned().ok_or_else(|| {
            let message = format!("the output `{}` was not made", graph.names[*slot]);
            Error::new(ErrorKind::BrokenFile, message)
        })
    };
    graph.outputs.iter().map(one).collect()
}

/// The values that the bodies of a node take from around them.
fn captured(node: &Node, values: &Values) -> Result<Vec<Vec<Value>>> {
    let of = |slot: &usize| values.get(*slot).cloned().ok_or_else(|| lost("around it", node));
    let bodies = node.bodies.iter();
    bodies.map(|(_, body)| body.captures.iter().map(|(outer, _)| of(outer)).collect()).collect()
}

fn lost(name: &str, node: &Node) -> Error {
    let message = format!("the value `{name}` is not there");
    Error::new(ErrorKind::BrokenFile, message).in_node(node.label())
}

struct Frame<'a> {
    machine: Machine<'a>,
    node: &'a Node,
    memo: &'a Memo,
    captured: Vec<Vec<Value>>,
}

impl Frame<'_> {
    fn position(&self, name: &str) -> Result<usize> {
        self.node.bodies.iter().position(|(key, _)| key == name).ok_or_else(|| {
            Error::new(ErrorKind::BrokenFile, format!("the graph `{name}` is missing"))
        })
    }
}

impl Bodies for Frame<'_> {
    fn run(&self, name: &str, inputs: Vec<Value>) -> Result<Vec<Value>> {
        let at = self.position(name)?;
        let (graph, memos) = (&self.node.bodies[at].1, &self.memo.bodies[at]);
        self.machine.body(graph, memos, inputs, &self.captured[at])
    }

    fn nothing(&self, name: &str, output: usize) -> Result<Array> {
        let declared = &self.node.bodies[self.position(name)?].1.declared;
        let (dtype, inner) = match declared.get(output) {
            Some(Some((dtype, shape))) => (*dtype, shape.as_slice()),
            _ => (DType::F32, &[][..]),
        };
        Array::new(&[&[0], inner].concat(), dtype.no_values())
    }

    fn input_count(&self, name: &str) -> Result<usize> {
        Ok(self.node.bodies[self.position(name)?].1.inputs.len())
    }
}
