//! Functions that files spell out because their operator set has no word for them, found once when a
//! file is read and written as one node. The parts that nothing else reads are then not needed.
//!
//! ```text
//! x ─ Div √2 ─ Erf ─ Add 1 ─ Mul ─ Mul ½      Gelu: the two products in any order
//! ╰──────────────────────────╯
//! x ─ Sigmoid ─ Mul                           Swish; likewise HardSwish, Mish
//! ╰─────────────╯
//! x ─ Sub mean ┬──────────── Div ─ Mul weight ─ Add bias      LayerNormalization: means along the last axis
//!              ╰ Pow 2 ─ ReduceMean ─ Add ε ─ Sqrt ╯
//! ```
//! Only exact spellings count: a constant may differ from its value by what single precision rounds.
//! Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016; J. Ba, J. Kiros and G. Hinton, "Layer normalization", 2016;
//! the operators' definitions in the ONNX operator set.

use super::graph::{Attribute, Attributes, Graph, Node, Slot};
use super::ops::{self, ONNX};
use crate::array::Array;
use std::collections::HashMap;

/// Version of the operator set that the new nodes are of: the first with all of them.
const VERSION: i64 = 24;

/// A node that says the same as several.
struct Word {
    name: &'static str,
    inputs: Vec<Slot>,
    epsilon: Option<f32>,
}

impl Word {
    fn of(name: &'static str, x: Slot) -> Word {
        Word { name, inputs: vec![x], epsilon: None }
    }
}

/// Rewrites a graph whose nodes stand in an order in which they can run.
pub(super) fn find(graph: &mut Graph) {
    let view = View::new(graph);
    let found: Vec<(usize, Word)> = (0..graph.nodes.len())
        .filter_map(|index| view.word(index).map(|word| (index, word)))
        .collect();
    for (index, word) in found {
        let Some(op) = ops::find(ONNX, word.name) else { continue };
        let node = &mut graph.nodes[index];
        (node.op, node.version) = (op, VERSION);
        node.inputs = word.inputs.into_iter().map(Some).collect();
        node.attributes = Attributes::default();
        if let Some(epsilon) = word.epsilon {
            node.attributes.push("epsilon".to_owned(), Attribute::Float(epsilon));
        }
    }
}

/// Who makes each value, and which are stored.
struct View<'a> {
    nodes: &'a [Node],
    maker: HashMap<Slot, usize>,
    stored: HashMap<Slot, &'a Array>,
}

impl<'a> View<'a> {
    fn new(graph: &'a Graph) -> View<'a> {
        let (mut maker, mut stored) = (HashMap::new(), HashMap::new());
        // A stored value that is also an input may be given anew at each run.
        let own = graph.constants.iter().filter(|(slot, _)| !graph.inputs.contains(slot));
        stored.extend(own.map(|(slot, array)| (*slot, array)));
        for (index, node) in graph.nodes.iter().enumerate() {
            for slot in node.outputs.iter().flatten() {
                maker.insert(*slot, index);
            }
            let Some(Some(slot)) = node.outputs.first().copied() else { continue };
            let value: Option<&Array> = match (node.op.domain, node.op.name) {
                (ONNX, "Constant") => node.attributes.array("value"),
                (ONNX, "Identity") => {
                    let source = node.inputs.first().copied().flatten();
                    source.and_then(|source| stored.get(&source).copied())
                }
                _ => None,
            };
            stored.extend(value.map(|value| (slot, value)));
        }
        View { nodes: &graph.nodes, maker, stored }
    }

    /// The node that makes a value, if it is of that name and of the default set.
    fn made_by(&self, slot: Slot, name: &str) -> Option<&Node> {
        let node = &self.nodes[*self.maker.get(&slot)?];
        (node.op.domain == ONNX && node.op.name == name).then_some(node)
    }

    /// The only input of a node of that name and without attributes.
    fn argument(&self, slot: Slot, name: &str) -> Option<Slot> {
        let node = self.made_by(slot, name)?;
        let [x] = node.inputs[..] else { return None };
        x
    }

    fn pair(node: &Node) -> Option<[Slot; 2]> {
        let old = node.attributes.has("axis") || node.attributes.has("broadcast");
        match node.inputs[..] {
            [Some(a), Some(b)] if !old => Some([a, b]),
            _ => None,
        }
    }

    /// The other input of a node of that name one of whose inputs is the number.
    fn with(&self, slot: Slot, name: &str, number: f32) -> Option<Slot> {
        let [a, b] = View::pair(self.made_by(slot, name)?)?;
        match (self.is(a, number), self.is(b, number)) {
            (false, true) => Some(a),
            (true, false) if !["Div", "Pow"].contains(&name) => Some(b),
            _ => None,
        }
    }

    fn is(&self, slot: Slot, number: f32) -> bool {
        self.number(slot).is_some_and(|v| (v - number).abs() <= 2e-7 * number)
    }

    fn number(&self, slot: Slot) -> Option<f32> {
        self.stored.get(&slot).and_then(|array| single(array))
    }

    /// What the node is the end of.
    fn word(&self, index: usize) -> Option<Word> {
        let node = &self.nodes[index];
        if node.op.domain != ONNX {
            return None;
        }
        let [a, b] = View::pair(node)?;
        match node.op.name {
            "Mul" => self.function([a, b]).map(|(name, x)| Word::of(name, x)),
            "Add" => self.layer_norm(a, b).or_else(|| self.layer_norm(b, a)),
            _ => None,
        }
    }

    /// `(x − mean)/√(variance + ε)·weight + bias` with means along the last axis; weight and bias of one length.
    fn layer_norm(&self, scaled: Slot, bias: Slot) -> Option<Word> {
        let len = |slot: Slot| match self.stored.get(&slot)?.shape() {
            &[len] if len > 1 => Some(len),
            _ => None,
        };
        let columns = len(bias)?;
        let [a, b] = View::pair(self.made_by(scaled, "Mul")?)?;
        let of = |normed: Slot, weight: Slot| {
            (len(weight)? == columns).then_some(())?;
            let [centred, deviation] = View::pair(self.made_by(normed, "Div")?)?;
            let [x, mean] = View::pair(self.made_by(centred, "Sub")?)?;
            (self.last_mean(mean)? == x).then_some(())?;
            let [p, q] = View::pair(self.made_by(self.argument(deviation, "Sqrt")?, "Add")?)?;
            let (variance, epsilon) = match (self.number(p), self.number(q)) {
                (None, Some(epsilon)) => (p, epsilon),
                (Some(epsilon), None) => (q, epsilon),
                _ => return None,
            };
            let square = self.last_mean(variance)?;
            let twice = self.with(square, "Pow", 2.0) == Some(centred)
                || self.made_by(square, "Mul").and_then(View::pair) == Some([centred; 2]);
            let inputs = vec![x, weight, bias];
            twice.then_some(Word { name: "LayerNormalization", inputs, epsilon: Some(epsilon) })
        };
        of(a, b).or_else(|| of(b, a))
    }

    /// What a mean along the last axis, which stays, is of.
    fn last_mean(&self, slot: Slot) -> Option<Slot> {
        let node = self.made_by(slot, "ReduceMean")?;
        let kept = node.attributes.int("keepdims").unwrap_or(1) == 1;
        let last = match node.inputs.get(1).copied().flatten() {
            None => node.attributes.ints("axes") == Some(&[-1]),
            Some(axes) => self.stored.get(&axes)?.slice::<i64>() == Some(&[-1]),
        };
        node.inputs.first().copied().flatten().filter(|_| kept && last)
    }

    /// The function that ends in a product, and its argument.
    fn function(&self, [a, b]: [Slot; 2]) -> Option<(&'static str, Slot)> {
        let ordered = |[a, b]: [Slot; 2]| self.gelu(a, b).or_else(|| self.gated(a, b));
        ordered([a, b]).or_else(|| ordered([b, a]))
    }

    /// ½·x·(1 + erf(x/√2)), as a product of `a` and `b`.
    fn gelu(&self, a: Slot, b: Slot) -> Option<(&'static str, Slot)> {
        let x = if self.is(a, 0.5) {
            // ½ · (x · (1 + erf))
            let [c, d] = View::pair(self.made_by(b, "Mul")?)?;
            let of = |x: Slot, one: Slot| (self.one_and_erf(one)? == x).then_some(x);
            of(c, d).or_else(|| of(d, c))?
        } else if let Some(x) = self.with(a, "Mul", 0.5) {
            // (½ · x) · (1 + erf)
            (self.one_and_erf(b)? == x).then_some(x)?
        } else {
            // x · (½ · (1 + erf))
            let one = self.with(b, "Mul", 0.5)?;
            (self.one_and_erf(one)? == a).then_some(a)?
        };
        Some(("Gelu", x))
    }

    /// The `x` of 1 + erf(x/√2).
    fn one_and_erf(&self, slot: Slot) -> Option<Slot> {
        let inner = self.argument(self.with(slot, "Add", 1.0)?, "Erf")?;
        self.with(inner, "Div", std::f32::consts::SQRT_2)
            .or_else(|| self.with(inner, "Mul", std::f32::consts::FRAC_1_SQRT_2))
    }

    /// `x` times a function of `x`.
    fn gated(&self, x: Slot, gate: Slot) -> Option<(&'static str, Slot)> {
        if self.argument(gate, "Sigmoid") == Some(x) {
            return Some(("Swish", x));
        }
        if let Some(node) = self.made_by(gate, "HardSigmoid") {
            let float = |name: &str, default: f32| node.attributes.float(name).unwrap_or(default);
            let sixth = (float("alpha", 0.2) - 1.0 / 6.0).abs() < 1e-7 && float("beta", 0.5) == 0.5;
            return (sixth && node.inputs == [Some(x)]).then_some(("HardSwish", x));
        }
        let inner = self.argument(gate, "Tanh")?;
        (self.argument(inner, "Softplus")? == x).then_some(("Mish", x))
    }
}

/// The number of an array that holds one 32-bit float.
fn single(array: &Array) -> Option<f32> {
    match array.slice::<f32>() {
        Some([value]) if array.rank() <= 1 => Some(*value),
        _ => None,
    }
}
