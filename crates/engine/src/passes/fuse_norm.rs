//! Instance or group norm and activation before convolutions, applied while their input is loaded: the norm only measures, and the
//! normalised volume is never written.
//!
//! ```text
//! x ─ norm ─ conv                        x ─ conv, told factors and offsets
//!
//! x ─ norm ┬─ conv                       x ┬─ conv, told factors and offsets
//!          └─ concat ─ conv                └─ concat ─ conv, told those of a part
//! ```
//! The second is the skip connection of a U-Net.

use crate::graph::{Graph, Measured, Node, Op, Value};
use kernels::Activation;

/// Fuses wherever all that use the norm's value are such convolutions.
pub(super) fn run(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let norm = &graph.nodes[index];
        let Op::GroupNorm { groups, weight, bias, eps, activation } = norm.op.clone() else {
            continue;
        };
        let (&[input], &[batch, channels, ..]) = (&norm.inputs[..], &norm.shape[..]) else {
            continue;
        };
        let Some(users) = users(graph, Value(index), activation) else { continue };
        for User { conv, concat, measured } in users {
            let reader = &mut graph.nodes[concat.unwrap_or(conv)];
            let own = reader.inputs.iter_mut().filter(|value| value.0 == index);
            own.for_each(|value| *value = input);
            let conv = &mut graph.nodes[conv];
            if let Some(free) = conv.op.free_measured(is_cheap(activation)) {
                *free = Some(measured);
            }
            conv.inputs.push(Value(index));
        }
        let norm = &mut graph.nodes[index];
        norm.op = Op::NormScale { groups, weight, bias, eps };
        norm.shape = vec![batch, 2, channels];
    }
}

/// A convolution that can apply a norm, and the concatenation through which it reads the norm's value, if through any.
struct User {
    conv: usize,
    concat: Option<usize>,
    measured: Measured,
}

/// All that use a norm's value; `None` where one of them is something else.
fn users(graph: &mut Graph, norm: Value, activation: Activation) -> Option<Vec<User>> {
    let uses = graph.uses();
    let cheap = is_cheap(activation);
    // The only use of a value, as the first input of a convolution that has nothing to apply yet.
    let free = |graph: &mut Graph, value: Value, conv: usize| {
        let node = &mut graph.nodes[conv];
        let first = node.inputs.first() == Some(&value) && !node.inputs[1..].contains(&value);
        first && node.op.free_measured(cheap).is_some()
    };
    let mut users: Vec<User> = Vec::new();
    for index in norm.0 + 1..graph.nodes.len() {
        if !graph.nodes[index].inputs.contains(&norm) {
            continue;
        }
        if free(graph, norm, index) {
            users.push(User { conv: index, concat: None, measured: Measured::Norm(activation) });
            continue;
        }
        let Op::Concat = graph.nodes[index].op else { return None };
        let reader = |node: &Node| node.inputs.contains(&Value(index));
        let conv = graph.nodes.iter().position(reader)?;
        if uses[index] != 1 || !cheap || !free(graph, Value(index), conv) {
            return None;
        }
        let parts = &graph.nodes[index].inputs;
        let place = parts.iter().position(|part| *part == norm)?;
        if parts[place + 1..].contains(&norm) || users.iter().any(|user| user.conv == conv) {
            return None;
        }
        let at = parts[..place].iter().map(|part| graph.nodes[part.0].shape.get(1).copied());
        let at = at.sum::<Option<usize>>()?;
        users.push(User { conv, concat: Some(index), measured: Measured::Part { at, activation } });
    }
    let found = users.len();
    // What costs more than a norm itself is computed once.
    let right = found == 1 || cheap && found > 1;
    (right && uses[norm.0] == found).then_some(users)
}

/// Computing it once for each tap that reads an element costs next to nothing.
fn is_cheap(activation: Activation) -> bool {
    matches!(activation, Activation::Identity | Activation::Relu | Activation::LeakyRelu(_))
}
