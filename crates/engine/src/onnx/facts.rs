//! What can be known before anything runs: the type and shape of every value, and the numbers of
//! those that follow from stored values and shapes alone. Shape arithmetic so disappears from the
//! plan, and weights that are stored in parts or as integers are put together once.

use super::graph::{Graph, Node, Slot};
use super::levels::{Quantised, weight_axes};
use super::ops::{Ask, Call, Inputs, Known, Memo, NoBodies, Value};
use crate::array::{Array, DType};
use kernels::Pool;
use std::sync::Arc;

/// Most bytes of one result that is computed before the run and kept.
const MOST_FOLDED_BYTES: u64 = 512 << 20;

/// What is known of each slot of `graph`, when `given` is known of its inputs and captures. Nothing
/// larger than `most_bytes` is computed beforehand.
pub(super) fn facts(
    graph: &Graph,
    given: impl IntoIterator<Item = (Slot, Option<Known>)>,
    (pool, most_bytes): (&Pool, u64),
) -> Vec<Option<Known>> {
    let most_bytes = most_bytes.min(MOST_FOLDED_BYTES);
    let mut facts: Vec<Option<Known>> = vec![None; graph.names.len()];
    for (slot, array) in &graph.constants {
        facts[*slot] = Some(Known::from(array.clone()));
    }
    // A given value takes the place of a stored one.
    for (slot, known) in given {
        facts[slot] = known;
    }
    let weight_axes = weight_axes(graph);
    for node in &graph.nodes {
        if let Some((slot, known)) = of_levels(node, &facts, &weight_axes) {
            facts[slot] = Some(known);
            continue;
        }
        let Some(results) = of_node(node, &facts, (pool, most_bytes)) else { continue };
        for (slot, known) in node.outputs.iter().zip(results) {
            if let Some(slot) = *slot {
                facts[slot] = Some(known);
            }
        }
    }
    facts
}

/// Makes the floats of a slot that is known by its levels.
pub(super) fn expand(
    graph: &Graph,
    facts: &mut [Option<Known>],
    slot: Slot,
    (pool, most_bytes): (&Pool, u64),
) {
    let most_bytes = most_bytes.min(MOST_FOLDED_BYTES);
    let maker = graph.nodes.iter().find(|node| node.outputs.first() == Some(&Some(slot)));
    let results = maker.and_then(|node| of_node(node, facts, (pool, most_bytes)));
    if let Some(known) = results.and_then(|results| results.into_iter().next()) {
        facts[slot] = Some(known);
    }
}

/// The only result of a `DequantizeLinear` of stored values that layers alone read.
fn of_levels(
    node: &Node,
    facts: &[Option<Known>],
    weight_axes: &[Option<Vec<usize>>],
) -> Option<(Slot, Known)> {
    let &[Some(slot)] = &node.outputs[..] else { return None };
    let axes = weight_axes[slot].as_ref()?;
    let inputs = inputs(node, facts)?;
    let levels = Quantised::of(node, &inputs, axes)?;
    let shape = inputs.first().copied().flatten()?.shape.clone();
    Some((slot, Known { levels: Some(Arc::new(levels)), ..Known::of(DType::F32, shape) }))
}

/// What is known of the inputs, `None` for those that are left out; `None` if one of them is not known at all.
fn inputs<'a>(node: &Node, facts: &'a [Option<Known>]) -> Option<Vec<Option<&'a Known>>> {
    let one = |slot: &Option<Slot>| match slot {
        None => Some(None),
        Some(slot) => Some(Some(facts[*slot].as_ref()?)),
    };
    node.inputs.iter().map(one).collect()
}

fn of_node(node: &Node, facts: &[Option<Known>], with: (&Pool, u64)) -> Option<Vec<Known>> {
    let inputs = inputs(node, facts)?;
    if !node.bodies.is_empty() {
        return of_branch(node, &inputs, facts, with);
    }
    let numbers = inputs.iter().flatten().all(|known| known.value.is_some());
    if numbers && !is_random(node) {
        if let Some(results) = run_now(node, &inputs, with) {
            return Some(results);
        }
    }
    let infer = node.op.infer?;
    infer(&Ask { node, inputs: &inputs })
}

/// An `If` whose condition is known gives what the branch taken gives.
fn of_branch(
    node: &Node,
    inputs: &[Option<&Known>],
    facts_around: &[Option<Known>],
    with: (&Pool, u64),
) -> Option<Vec<Known>> {
    if node.op.name != "If" {
        return None;
    }
    let condition = inputs.first().copied().flatten()?.value.as_ref()?;
    let branch = match condition.slice::<bool>()? {
        [true] => "then_branch",
        [false] => "else_branch",
        _ => return None,
    };
    let (_, body) = node.bodies.iter().find(|(name, _)| name == branch)?;
    let captured = body.captures.iter();
    let captured = captured.map(|(outer, slot)| (*slot, facts_around[*outer].clone()));
    let inside = facts(body, captured, with);
    body.outputs.iter().map(|slot| inside[*slot].clone()).collect()
}

/// The results of a node whose inputs are all known.
fn run_now(
    node: &Node,
    inputs: &[Option<&Known>],
    (pool, most_bytes): (&Pool, u64),
) -> Option<Vec<Known>> {
    let value = |known: &Known| known.value.clone().map(Value::Array);
    let inputs: Vec<Option<Value>> = inputs.iter().map(|known| value(known.as_ref()?)).collect();
    let constant = vec![true; inputs.len()];
    let memo = Memo::with_bodies(Vec::new());
    let call = Call { node, pool, most_bytes, constant: &constant, memo: &memo, bodies: &NoBodies };
    let results = (node.op.run)(&call, Inputs(inputs)).ok()?;
    results
        .into_iter()
        .map(|value| match value {
            Value::Array(array) if array.bytes() <= most_bytes => Some(Known::from(array)),
            _ => None,
        })
        .collect()
}

fn is_random(node: &Node) -> bool {
    let name = node.op.name;
    name.starts_with("Random") || ["Bernoulli", "Multinomial", "Dropout"].contains(&name)
}

/// The numbers of a slot are known, or what they are made of.
pub(super) fn is_number(facts: &[Option<Known>], slot: Slot) -> bool {
    facts[slot].as_ref().is_some_and(|known| known.value.is_some() || known.levels.is_some())
}

/// The stored or folded array of a slot.
pub(super) fn number(facts: &[Option<Known>], slot: Slot) -> Option<&Array> {
    facts[slot].as_ref()?.value.as_ref()
}
