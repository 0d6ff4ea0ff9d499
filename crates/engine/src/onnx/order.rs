//! Nodes in an order in which they can run. Files should list them so; not all do.

use super::functions::Placed;
use super::proto::{Attribute, Graph, Node};
use crate::error::{Error, ErrorKind, Result};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The nodes sorted so that each stands after those it takes values from, in the file's order where
/// that leaves a choice (Kahn, "Topological sorting of large networks", 1962). `known` tells which
/// names exist without any node. An error names a node of a cycle, or the value that nobody makes.
pub(super) fn sorted<'a>(
    nodes: Vec<Placed<'a>>,
    mut known: impl FnMut(&str) -> bool,
) -> Result<Vec<Placed<'a>>> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (index, placed) in nodes.iter().enumerate() {
        for output in placed.node.outputs.iter().filter(|name| !name.is_empty()) {
            makers.insert(output, index);
        }
    }
    let mut waits = vec![0usize; nodes.len()];
    let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, placed) in nodes.iter().enumerate() {
        let mut needs = Vec::new();
        collect(&placed.node, &mut needs);
        for name in needs {
            if let Some(maker) = makers.get(name) {
                waits[index] += 1;
                feeds[*maker].push(index);
            } else if placed.node.inputs.iter().any(|input| input == name) && !known(name) {
                let message = format!("its input `{name}` is neither given, stored nor made");
                return Err(Error::new(ErrorKind::BrokenFile, message).in_node(label(placed)));
            }
        }
    }
    let ready = (0..nodes.len()).filter(|index| waits[*index] == 0).map(Reverse);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.collect();
    let mut sequence = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        sequence.push(index);
        for fed in &feeds[index] {
            waits[*fed] -= 1;
            if waits[*fed] == 0 {
                ready.push(Reverse(*fed));
            }
        }
    }
    if let Some(stuck) = (0..nodes.len()).find(|index| waits[*index] > 0) {
        let message = "it waits, by way of other nodes, for its own result: the graph has a cycle";
        return Err(Error::new(ErrorKind::BrokenFile, message).in_node(label(&nodes[stuck])));
    }
    let mut slots: Vec<Option<Placed>> = nodes.into_iter().map(Some).collect();
    Ok(sequence.into_iter().filter_map(|index| slots[index].take()).collect())
}

/// Names a node takes, those that its bodies take from around them included.
fn collect<'n>(node: &'n Node, names: &mut Vec<&'n str>) {
    names.extend(node.inputs.iter().map(String::as_str).filter(|name| !name.is_empty()));
    for (_, attribute) in &node.attributes {
        if let Attribute::Graph(graph) = attribute {
            collect_graph(graph, names);
        }
    }
}

fn collect_graph<'n>(graph: &'n Graph, names: &mut Vec<&'n str>) {
    graph.nodes.iter().for_each(|node| collect(node, names));
    names.extend(graph.outputs.iter().map(|info| info.name.as_str()));
}

fn label(placed: &Placed) -> String {
    let node = &placed.node;
    let name = if node.name.is_empty() { node.outputs.first() } else { Some(&node.name) };
    format!("node `{}` ({})", name.map_or("", |name| name), node.op)
}
