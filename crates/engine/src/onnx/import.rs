//! From messages to a graph that can run: names resolved, order established, operations found.

use super::external::External;
use super::functions::{Imports, MOST_NODES, Placed, inline};
use super::graph::{Attribute, Attributes, Graph, Node, Slot};
use super::ops::{self, ONNX};
use super::{idioms, order, proto, tensor};
use crate::array::DType;
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};

/// Values that a sparse tensor may unfold to.
const MOST_DENSE: usize = 1 << 28;

/// What all graphs of a model share while it is imported.
pub(super) struct Importer<'a, 'e> {
    pub functions: &'e [proto::Function<'a>],
    pub imports: &'e Imports,
    pub external: &'e External<'e>,
    /// Operations that are not in the table, with the first node that asks for each.
    pub unknown: BTreeMap<String, String>,
    /// Names of the graph being read, and of those around it before it.
    scopes: Vec<Names>,
    nodes: usize,
}

/// Names of one graph.
#[derive(Default)]
struct Names {
    slots: HashMap<String, Slot>,
    names: Vec<String>,
    captures: Vec<(Slot, Slot)>,
}

impl<'a, 'e> Importer<'a, 'e> {
    pub fn new(
        functions: &'e [proto::Function<'a>],
        imports: &'e Imports,
        external: &'e External<'e>,
    ) -> Importer<'a, 'e> {
        let (unknown, scopes) = (BTreeMap::new(), Vec::new());
        Importer { functions, imports, external, unknown, scopes, nodes: 0 }
    }

    /// A graph, written for the operator sets of `imports`.
    pub fn graph(&mut self, graph: proto::Graph<'a>, imports: usize) -> Result<Graph> {
        self.scopes.push(Names::default());
        let read = self.read(graph, imports);
        let names = self.scopes.pop().unwrap_or_default();
        let mut graph = read?;
        (graph.names, graph.captures) = (names.names, names.captures);
        idioms::find(&mut graph);
        graph.note_lives();
        Ok(graph)
    }

    fn read(&mut self, from: proto::Graph<'a>, imports: usize) -> Result<Graph> {
        let mut graph = Graph::default();
        for info in &from.inputs {
            graph.inputs.push(self.define(&info.name)?);
        }
        for stored in &from.initializers {
            let array = tensor::array(stored, self.external)?;
            let slot = self.define_constant(&stored.name, &graph.inputs)?;
            graph.constants.push((slot, array));
        }
        for stored in &from.sparse {
            let array = tensor::dense(stored, self.external, MOST_DENSE)?;
            let slot = self.define_constant(&stored.values.name, &graph.inputs)?;
            graph.constants.push((slot, array));
        }
        let placed = inline(from.nodes, imports, self.functions)?;
        self.nodes += placed.len();
        if self.nodes > MOST_NODES {
            let message = format!("more than {MOST_NODES} nodes");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        for placed in order::sorted(placed, |name| self.find(name).is_some())? {
            if let Some(node) = self.node(placed, graph.nodes.len())? {
                graph.nodes.push(node);
            }
        }
        for info in &from.outputs {
            graph.declared.push(declared(info));
            let slot = self
                .find(&info.name)
                .ok_or_else(|| broken(format!("the output `{}` is made by no node", info.name)));
            match slot {
                Ok(slot) => graph.outputs.push(slot),
                // What an unknown operation would have made is no further error.
                Err(error) if self.unknown.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(graph)
    }

    /// `None` for an operation that is not in the table; it is noted, so that all are named at once.
    fn node(&mut self, placed: Placed<'a>, index: usize) -> Result<Option<Node>> {
        let Placed { node, imports } = placed;
        let name =
            if node.name.is_empty() { format!("{}_{index}", node.op) } else { node.name.clone() };
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            match self.find(input) {
                _ if input.is_empty() => inputs.push(None),
                Some(slot) => inputs.push(Some(slot)),
                None if self.unknown.is_empty() => {
                    let message = format!("its input `{input}` is neither given, stored nor made");
                    return Err(broken(message).in_node(name));
                }
                None => inputs.push(None),
            }
        }
        let mut attributes = Attributes::default();
        let mut bodies = Vec::new();
        for (key, value) in node.attributes {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let value = match value {
                proto::Attribute::Float(value) => Attribute::Float(value),
                proto::Attribute::Int(value) => Attribute::Int(value),
                proto::Attribute::Text(value) => Attribute::Text(text(value)),
                proto::Attribute::Floats(values) => Attribute::Floats(values),
                proto::Attribute::Ints(values) => Attribute::Ints(values),
                proto::Attribute::Texts(values) => {
                    Attribute::Texts(values.into_iter().map(text).collect())
                }
                proto::Attribute::Tensor(stored) => {
                    let array = tensor::array(&stored, self.external);
                    Attribute::Array(array.map_err(|error| error.in_node(&name))?)
                }
                proto::Attribute::Sparse(stored) => {
                    let array = tensor::dense(&stored, self.external, MOST_DENSE);
                    Attribute::Array(array.map_err(|error| error.in_node(&name))?)
                }
                proto::Attribute::Graph(body) => {
                    bodies.push((key, self.graph(*body, imports)?));
                    continue;
                }
                proto::Attribute::Reference(_) | proto::Attribute::Other => continue,
            };
            attributes.push(key, value);
        }
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for output in &node.outputs {
            outputs.push(if output.is_empty() { None } else { Some(self.define(output)?) });
        }
        let Some(op) = ops::find(&node.domain, &node.op) else {
            let full = match node.domain.as_str() {
                "" | "ai.onnx" => node.op,
                domain => format!("{domain}.{}", node.op),
            };
            self.unknown.entry(full).or_insert(name);
            return Ok(None);
        };
        let version = self.version(op.domain, imports);
        Ok(Some(Node { name, op, version, attributes, inputs, outputs, bodies }))
    }

    fn version(&self, domain: &str, imports: usize) -> i64 {
        let same = |name: &str| name == domain || (domain == ONNX && name == "ai.onnx");
        let imports = self.imports.get(imports).or_else(|| self.imports.first());
        let found = imports.and_then(|list| list.iter().find(|(name, _)| same(name)));
        found.map_or(1, |(_, version)| *version)
    }

    /// A new value. An error when the name is taken: every value is made once.
    fn define(&mut self, name: &str) -> Result<Slot> {
        let Some(scope) = self.scopes.last_mut() else { return Err(broken("no graph".into())) };
        let slot = scope.names.len();
        if scope.slots.insert(name.to_string(), slot).is_some() {
            return Err(broken(format!("the value `{name}` is made twice")));
        }
        scope.names.push(name.to_string());
        Ok(slot)
    }

    /// A stored value; files of IR version 3 list each among the inputs too.
    fn define_constant(&mut self, name: &str, inputs: &[Slot]) -> Result<Slot> {
        let known = self.scopes.last().and_then(|scope| scope.slots.get(name)).copied();
        match known {
            Some(slot) if inputs.contains(&slot) => Ok(slot),
            _ => self.define(name),
        }
    }

    /// The slot of a value in the innermost graph, captured from the graphs around it if need be.
    fn find(&mut self, name: &str) -> Option<Slot> {
        let inner = self.scopes.len().checked_sub(1)?;
        let home = (0..=inner).rev().find(|at| self.scopes[*at].slots.contains_key(name))?;
        let mut slot = *self.scopes[home].slots.get(name)?;
        for scope in &mut self.scopes[home + 1..] {
            let here = scope.names.len();
            scope.slots.insert(name.to_string(), here);
            scope.names.push(name.to_string());
            scope.captures.push((slot, here));
            slot = here;
        }
        Some(slot)
    }
}

fn declared(info: &proto::ValueInfo) -> Option<(DType, Vec<usize>)> {
    let tensor = info.tensor.as_ref()?;
    let extent = |dim: &proto::Dim| match dim {
        proto::Dim::Fixed(extent) => *extent,
        _ => 0,
    };
    let shape = tensor.dims.as_deref().unwrap_or(&[]).iter().map(extent).collect();
    Some((DType::from_onnx(tensor.data_type)?, shape))
}

fn broken(message: String) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}
