//! Functions that a model defines itself, replaced by their bodies. Names inside a body get the
//! call's name in front, so that no two calls meet.

use super::proto::{Attribute, Function, Graph, Model, Node};
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// How deep functions may call each other.
const MOST_CALLS: usize = 32;
/// Nodes after replacing.
pub(super) const MOST_NODES: usize = 1_000_000;

/// A node with the versions of the operator sets it was written for.
pub(super) struct Placed<'a> {
    pub node: Node<'a>,
    /// Index into the list of opset imports.
    pub imports: usize,
}

/// The opset imports in use: the model's first, then those of each function.
pub(super) type Imports = Vec<Vec<(String, i64)>>;

/// All nodes of a graph with calls of functions replaced; bodies of nodes are left for later.
pub(super) fn inline<'a>(
    nodes: Vec<Node<'a>>,
    imports: usize,
    functions: &[Function<'a>],
) -> Result<Vec<Placed<'a>>> {
    let mut placed = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.into_iter().enumerate() {
        expand(node, index, imports, functions, 0, &mut placed)?;
    }
    Ok(placed)
}

/// Opset imports of the model and of each of its functions; function `i` has index `i + 1`.
pub(super) fn imports(model: &Model) -> Imports {
    let mut imports = vec![model.opsets.clone()];
    imports.extend(model.functions.iter().map(|function| function.opsets.clone()));
    imports
}

fn expand<'a>(
    node: Node<'a>,
    index: usize,
    imports: usize,
    functions: &[Function<'a>],
    depth: usize,
    placed: &mut Vec<Placed<'a>>,
) -> Result<()> {
    let found = functions.iter().position(|function| {
        function.name == node.op
            && function.domain == node.domain
            && function.overload == node.overload
    });
    let Some(found) = found else {
        if placed.len() >= MOST_NODES {
            let message = format!("more than {MOST_NODES} nodes");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        placed.push(Placed { node, imports });
        return Ok(());
    };
    if depth >= MOST_CALLS {
        let message = format!("functions call each other deeper than {MOST_CALLS}");
        return Err(Error::new(ErrorKind::Limit, message).in_node(node.op));
    }
    let function = &functions[found];
    let prefix = format!("{}/{}#{index}/", node.name, node.op);
    let mut names: HashMap<&str, String> = HashMap::new();
    for (formal, actual) in [(&function.inputs, &node.inputs), (&function.outputs, &node.outputs)] {
        for (position, name) in formal.iter().enumerate() {
            // A result nobody wants still needs a name inside.
            let actual = actual.get(position).filter(|actual| !actual.is_empty());
            let is_input = std::ptr::eq(formal, &function.inputs);
            match actual {
                Some(actual) => names.insert(name, actual.clone()),
                None if is_input => names.insert(name, String::new()),
                None => None,
            };
        }
    }
    let given = |name: &str| {
        let at_call = node.attributes.iter().find(|(key, _)| key == name);
        at_call.or_else(|| function.defaults.iter().find(|(key, _)| key == name)).map(|(_, v)| v)
    };
    for (inner, body) in function.nodes.iter().enumerate() {
        let mut body = rename(body, &prefix, &names);
        body.attributes = resolve(body.attributes, &given);
        body.name = format!("{prefix}{}", body.name);
        expand(body, inner, found + 1, functions, depth + 1, placed)?;
    }
    Ok(())
}

/// Attributes that refer to the function's own are replaced by what the call gave, or left out.
fn resolve<'a, 'f>(
    attributes: Vec<(String, Attribute<'a>)>,
    given: &impl Fn(&str) -> Option<&'f Attribute<'a>>,
) -> Vec<(String, Attribute<'a>)>
where
    'a: 'f,
{
    let one = |(name, value): (String, Attribute<'a>)| match value {
        Attribute::Reference(outer) => given(&outer).map(|value| (name, value.clone())),
        Attribute::Graph(mut graph) => {
            for node in &mut graph.nodes {
                node.attributes = resolve(std::mem::take(&mut node.attributes), given);
            }
            Some((name, Attribute::Graph(graph)))
        }
        other => Some((name, other)),
    };
    attributes.into_iter().filter_map(one).collect()
}

fn rename<'a>(node: &Node<'a>, prefix: &str, names: &HashMap<&str, String>) -> Node<'a> {
    let place = |name: &String| match names.get(name.as_str()) {
        Some(actual) => actual.clone(),
        None if name.is_empty() => String::new(),
        None => format!("{prefix}{name}"),
    };
    let mut node = node.clone();
    node.inputs = node.inputs.iter().map(place).collect();
    node.outputs = node.outputs.iter().map(place).collect();
    for (_, attribute) in &mut node.attributes {
        if let Attribute::Graph(graph) = attribute {
            rename_graph(graph, prefix, names);
        }
    }
    node
}

fn rename_graph(graph: &mut Graph, prefix: &str, names: &HashMap<&str, String>) {
    let place = |name: &mut String| match names.get(name.as_str()) {
        Some(actual) => *name = actual.clone(),
        None if name.is_empty() => {}
        None => *name = format!("{prefix}{name}"),
    };
    graph.nodes = graph.nodes.iter().map(|node| rename(node, prefix, names)).collect();
    graph.initializers.iter_mut().for_each(|tensor| place(&mut tensor.name));
    graph.sparse.iter_mut().for_each(|sparse| place(&mut sparse.values.name));
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|info| place(&mut info.name));
}
