//! A concatenation that repeats an earlier one takes it as a whole. A DenseNet written as "each
//! layer joins all maps so far" so becomes the chain `join(join(a, b), c)`, whose links share one
//! buffer: every map is written once and never copied.

use crate::graph::{Graph, Op, Value};

/// Rewrites every concatenation as the fewest earlier ones that a walk from the left finds.
pub(super) fn run(graph: &mut Graph) {
    // The parts of each concatenation, those of nested ones included.
    let mut known: Vec<(Value, Vec<Value>)> = Vec::new();
    for index in 0..graph.nodes.len() {
        if !matches!(graph.nodes[index].op, Op::Concat) {
            continue;
        }
        let mut parts = Vec::new();
        for input in &graph.nodes[index].inputs {
            match known.iter().find(|(concat, _)| concat == input) {
                Some((_, nested)) => parts.extend(nested),
                None => parts.push(*input),
            }
        }
        let mut inputs = Vec::new();
        let mut rest = parts.as_slice();
        while let [first, ..] = rest {
            let fits = known.iter().filter(|(_, nested)| rest.starts_with(nested));
            let (value, count) = fits
                .map(|(concat, nested)| (*concat, nested.len()))
                .max_by_key(|(_, count)| *count)
                .unwrap_or((*first, 1));
            inputs.push(value);
            rest = rest.get(count.max(1)..).unwrap_or(&[]);
        }
        graph.nodes[index].inputs = inputs;
        known.push((Value(index), parts));
    }
}
