//! An imported graph: names resolved to slots, nodes in an order in which they can run, every
//! operation found in the table.

use super::ops::Op;
use crate::array::{Array, DType};
use crate::error::{Error, ErrorKind, Result};

/// Where a value lies while a graph runs.
pub(super) type Slot = usize;

/// A graph or the body of a node.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// In an order in which they can run.
    pub nodes: Vec<Node>,
    /// The name of each slot's value.
    pub names: Vec<String>,
    /// Given from outside, in order.
    pub inputs: Vec<Slot>,
    /// Given back, in order.
    pub outputs: Vec<Slot>,
    /// What the file says of each output: type and extents, open ones as 0.
    pub declared: Vec<Option<(DType, Vec<usize>)>>,
    /// Values that lie in the file.
    pub constants: Vec<(Slot, Array)>,
    /// Of a body: slots of the graph around it, and where their values lie here.
    pub captures: Vec<(Slot, Slot)>,
    /// The node that reads each slot last; `usize::MAX` for outputs, 0 for slots nobody reads.
    pub last_use: Vec<usize>,
}

/// One operation with its attributes and places.
#[derive(Debug)]
pub(crate) struct Node {
    /// From the file, or the operation and its number.
    pub name: String,
    /// Its row in the table.
    pub op: &'static Op,
    /// Version of its operator set.
    pub version: i64,
    /// By name.
    pub attributes: Attributes,
    /// `None` for an optional input that is left out.
    pub(super) inputs: Vec<Option<Slot>>,
    /// `None` for an output nobody wants.
    pub(super) outputs: Vec<Option<Slot>>,
    /// Graphs among the attributes.
    pub(super) bodies: Vec<(String, Graph)>,
}

impl Node {
    /// The node and its operation, for messages.
    pub fn label(&self) -> String {
        format!("node `{}` ({})", self.name, self.op.name)
    }

    /// Number of outputs that are listed, wanted or not.
    pub fn output_count(&self) -> usize {
        self.outputs.len()
    }

    /// Somebody wants that output.
    pub fn wants(&self, output: usize) -> bool {
        self.outputs.get(output).is_some_and(Option::is_some)
    }
}

/// The value of an attribute.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    Float(f32),
    Int(i64),
    Text(String),
    Array(Array),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// Attributes by name. A default stands where the operation is implemented, as the operator set
/// defines it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes(Vec<(String, Attribute)>);

impl Attributes {
    pub(super) fn push(&mut self, name: String, value: Attribute) {
        self.0.push((name, value));
    }

    fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The attribute is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// An integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Attribute::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// An integer that stands for yes or no.
    pub fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|value| value != 0)
    }

    /// A float; an integer counts too.
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.get(name) {
            Some(Attribute::Float(value)) => Some(*value),
            Some(Attribute::Int(value)) => Some(*value as f32),
            _ => None,
        }
    }

    /// Text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Attribute::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// An array.
    pub fn array(&self, name: &str) -> Option<&Array> {
        match self.get(name) {
            Some(Attribute::Array(value)) => Some(value),
            _ => None,
        }
    }

    /// Integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.get(name) {
            Some(Attribute::Ints(values)) => Some(values),
            // An empty list does not say its type.
            Some(Attribute::Floats(values)) if values.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// Floats.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        match self.get(name) {
            Some(Attribute::Floats(values)) => Some(values),
            _ => None,
        }
    }

    /// Several texts.
    pub fn texts(&self, name: &str) -> Option<&[String]> {
        match self.get(name) {
            Some(Attribute::Texts(values)) => Some(values),
            _ => None,
        }
    }

    /// Non-negative integers, `default` where the attribute is absent.
    pub fn sizes(&self, name: &str, default: &[usize]) -> Result<Vec<usize>> {
        let Some(values) = self.ints(name) else { return Ok(default.to_vec()) };
        let sizes: Option<Vec<usize>> = values.iter().map(|v| usize::try_from(*v).ok()).collect();
        sizes.ok_or_else(|| {
            Error::new(ErrorKind::Shape, format!("{name} {values:?} must not be negative"))
        })
    }
}

impl Graph {
    /// Fills `last_use`; called once all nodes stand.
    pub fn note_lives(&mut self) {
        self.last_use = vec![0; self.names.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let captured = node.bodies.iter().flat_map(|(_, body)| &body.captures);
            let captured = captured.map(|(outer, _)| *outer);
            for slot in node.inputs.iter().flatten().copied().chain(captured) {
                self.last_use[slot] = index;
            }
        }
        for slot in &self.outputs {
            self.last_use[*slot] = usize::MAX;
        }
    }
}
