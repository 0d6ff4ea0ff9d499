//! What can be known before anything runs: the type and shape of every value, and the numbers of
//! those that follow from stored values and shapes alone. Shape arithmetic so disappears from the
//! plan, and weights that are stored in parts or as integers are put together once.

use super::graph::{Graph, Node, Slot};
use super::ops::{Ask, Call, Inputs, Known, Memo, NoBodies, Value};
use crate::array::Array;
use kernels::Pool;

/// Most bytes of one result that is computed before the run and kept.
const MOST_FOLDED_BYTES: u64 = 512 << 20;

/// What is known of each slot of `graph`, when `given` is known of its inputs and captures.
pub(super) fn facts(
    graph: &Graph,
    given: impl IntoIterator<Item = (Slot, Option<Known>)>,
    pool: &Pool,
) -> Vec<Option<Known>> {
    let mut facts: Vec<Option<Known>> = vec![None; graph.names.len()];
    for (slot, array) in &graph.constants {
        facts[*slot] = Some(Known::from(array.clone()));
    }
    // A given value takes the place of a stored one.
    for (slot, known) in given {
        facts[slot] = known;
    }
    for node in &graph.nodes {
        let Some(results) = of_node(node, &facts, pool) else { continue };
        for (slot, known) in node.outputs.iter().zip(results) {
            if let Some(slot) = *slot {
                facts[slot] = Some(known);
            }
        }
    }
    facts
}

fn of_node(node: &Node, facts: &[Option<Known>], pool: &Pool) -> Option<Vec<Known>> {
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for slot in &node.inputs {
        inputs.push(match slot {
            None => None,
            Some(slot) => Some(facts[*slot].as_ref()?),
        });
    }
    if !node.bodies.is_empty() {
        return of_branch(node, &inputs, facts, pool);
    }
    let numbers = inputs.iter().flatten().all(|known| known.value.is_some());
    if numbers && !is_random(node) {
        if let Some(results) = run_now(node, &inputs, pool) {
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
    pool: &Pool,
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
    let inside = facts(body, captured, pool);
    body.outputs.iter().map(|slot| inside[*slot].clone()).collect()
}

/// The results of a node whose inputs are all known.
fn run_now(node: &Node, inputs: &[Option<&Known>], pool: &Pool) -> Option<Vec<Known>> {
    let value = |known: &Known| known.value.clone().map(Value::Array);
    let inputs: Vec<Option<Value>> = inputs.iter().map(|known| value(known.as_ref()?)).collect();
    let constant = vec![true; inputs.len()];
    let memo = Memo::with_bodies(Vec::new());
    let call = Call {
        node,
        pool,
        most_bytes: MOST_FOLDED_BYTES,
        constant: &constant,
        memo: &memo,
        bodies: &NoBodies,
    };
    let results = (node.op.run)(&call, Inputs(inputs)).ok()?;
    results
        .into_iter()
        .map(|value| match value {
            Value::Array(array) if array.bytes() <= MOST_FOLDED_BYTES => Some(Known::from(array)),
            _ => None,
        })
        .collect()
}

fn is_random(node: &Node) -> bool {
    let name = node.op.name;
    name.starts_with("Random") || ["Bernoulli", "Multinomial", "Dropout"].contains(&name)
}

/// The stored or folded array of a slot.
pub(super) fn number(facts: &[Option<Known>], slot: Slot) -> Option<&Array> {
    facts[slot].as_ref()?.value.as_ref()
}
