//! Attention as exporters spell it out: found from its softmax.
//!
//! ```text
//! q ─ Mul s ─╮
//! kᵀ ─ Mul s ┴ MatMul ─ Mul s ─ Add bias ─ Reshape ─ Add mask ─ Reshape ─ Softmax ─╮
//! v ───────────────────────────────────────────────────────────────────────────────┴ MatMul ─ Transpose ─ Reshape
//! ```
//! The products may also be written as `Einsum` (`product.rs`). Queries, keys and values may be views; so may what is added to the scores, stretched in any way. A bias that is itself a sum of
//! two stretched tensors (by row and by column of a picture) is taken as two.

use super::super::graph::{Node, Slot};
use super::super::ops::ONNX;
use super::product::Product;
use super::view::joined;
use super::{Attention, BiasPlaces, Factor, Finder, Fused, Places, View, Work};
use kernels::AttentionShape;

/// What is multiplied before the softmax.
struct Scores {
    q: Slot,
    k: Slot,
    /// `k` is `[.., keys, depth]`, not `[.., depth, keys]`.
    turned: bool,
    scale: f32,
    /// In the shape of the product.
    bias: Vec<View>,
    /// `[.., queries, keys]`
    shape: Vec<usize>,
}

impl Finder<'_> {
    /// The pattern around the softmax at `index`: the node it ends in, and the step.
    pub fn attention(&self, index: usize) -> Option<(usize, Fused)> {
        let node = &self.graph.nodes[index];
        if (node.op.domain, node.op.name) != (ONNX, "Softmax") {
            return None;
        }
        let input = node.inputs.first().copied().flatten()?;
        let rank = self.shape(input)?.len() as i64;
        let axis = node.attributes.int("axis").unwrap_or(if node.version < 13 { 1 } else { -1 });
        if axis != -1 && axis != rank - 1 {
            return None;
        }
        let scores = self.scores(input)?;
        let mut weights = Self::output(node)?;
        loop {
            let (next, reader) = self.reader(weights)?;
            match reader.op.name {
                "Cast" | "Identity" => {
                    weights = Self::output(reader).filter(|s| self.is_float(*s))?
                }
                _ => {
                    let values = Self::product(reader)?;
                    return (values.a == weights && values.b != weights)
                        .then(|| self.finish(&scores, next, &values))?;
                }
            }
        }
    }

    fn finish(&self, scores: &Scores, index: usize, product: &Product) -> Option<(usize, Fused)> {
        let (weights, v) = (product.a, product.b);
        let out = Self::output(&self.graph.nodes[index])?;
        let (v_shape, out_shape) = (self.shape(v)?, self.shape(out)?);
        let [outer @ .., queries, keys] = &scores.shape[..] else { return None };
        let [v_outer @ .., v_keys, values] = v_shape else { return None };
        let (v_keys, values) = if product.turned { (values, v_keys) } else { (v_keys, values) };
        let fits = self.shape(weights)? == scores.shape
            && v_outer == outer
            && v_keys == keys
            && out_shape.len() == scores.shape.len()
            && self.is_variable(v)
            && self.is_float(out);
        let depth = *self.shape(scores.q)?.last()?;
        let count: usize = outer.iter().product();
        if !fits || count * queries * keys * values * depth == 0 {
            return None;
        }
        let at = outer.len();
        let (q, k, v) =
            (self.matrices(scores.q, at)?, self.matrices(scores.k, at)?, self.matrices(v, at)?);
        // The kernel takes [keys][depth] and [keys][values].
        let k = if scores.turned { k } else { (k.0, k.1.turned()) };
        let v = if product.turned { (v.0, v.1.turned()) } else { v };
        let bias =
            scores.bias.iter().map(|view| places_of_bias(view, at)).collect::<Option<Vec<_>>>()?;
        let dense = [outer, &[*queries, *values]].concat();
        let (root, slot, beside) = self.end(index, out, &dense)?;
        let shape = AttentionShape {
            count,
            queries: *queries,
            keys: *keys,
            depth,
            values: *values,
            beside,
        };
        let mut inputs = vec![q.0, k.0, v.0];
        inputs.extend(scores.bias.iter().map(|view| view.base));
        let work = Attention { shape, scale: scores.scale, qkv: [q.1, k.1, v.1], bias };
        let step = Fused {
            inputs,
            shape: self.shape(slot)?.to_vec(),
            name: "attention",
            flops: shape.flops(),
            work: Work::Attention(Box::new(work)),
        };
        Some((root, step))
    }

    /// The base of a stack of matrices and where they lie in it; the slot itself where its rows have no single step.
    fn matrices(&self, slot: Slot, outer: usize) -> Option<(Slot, Places)> {
        let shape = self.shape(slot)?;
        if shape.len() != outer + 2 {
            return None;
        }
        let place = |view: &View| {
            let (row, column) = (view.step(outer)?, view.step(outer + 1)?);
            Some((view.base, Places { starts: view.starts(outer), row, column }))
        };
        place(&self.view(slot)?).or_else(|| place(&View::dense(slot, shape)))
    }

    /// What the softmax reads, as a product of two factors and what is added.
    fn scores(&self, slot: Slot) -> Option<Scores> {
        let (_, node) = self.made(slot)?;
        if !self.is_variable(slot) {
            return None;
        }
        match node.op.name {
            "MatMul" | "Einsum" => {
                let Product { a, b, turned } = Self::product(node)?;
                let (q, s) = self.unscaled(a);
                let (k, t) = self.unscaled(b);
                let shape = self.shape(slot)?.to_vec();
                let rank = shape.len();
                let (a, b) = (self.shape(q)?, self.shape(k)?);
                let fits = rank >= 2
                    && a.len() == rank
                    && b.len() == rank
                    && b[if turned { rank - 1 } else { rank - 2 }] == a[rank - 1]
                    && a[..rank - 2] == shape[..rank - 2]
                    && b[..rank - 2] == shape[..rank - 2]
                    && self.is_variable(q)
                    && self.is_variable(k);
                fits.then_some(Scores { q, k, turned, scale: s * t, bias: Vec::new(), shape })
            }
            "Mul" | "Div" => {
                let (inner, factor) = self.factor(node)?;
                let scores = self.scores(inner)?;
                // What was added before would have to be scaled too.
                scores.bias.is_empty().then_some(Scores { scale: scores.scale * factor, ..scores })
            }
            "Reshape" | "Unsqueeze" | "Squeeze" | "Identity" | "Cast" => {
                let inner = node.inputs.first().copied().flatten()?;
                self.is_float(inner).then(|| self.scores(inner))?
            }
            "Expand" | "ScatterND" => self.scores(self.written_over(node, slot)?),
            "Add" => {
                let [a, b] = Self::two(node)?;
                let with = |inner: Slot, bias: Slot| {
                    if self.shape(inner)? != self.shape(slot)? {
                        return None;
                    }
                    let mut scores = self.scores(inner)?;
                    for term in self.terms(bias) {
                        let view = term.stretched(self.shape(slot)?)?.reshaped(&scores.shape)?;
                        // Where its keys have no two steps, the attention is left alone.
                        places_of_bias(&view, scores.shape.len() - 2)?;
                        scores.bias.push(view);
                    }
                    Some(scores)
                };
                (self.is_float(a) && self.is_float(b)).then(|| with(a, b).or_else(|| with(b, a)))?
            }
            _ => None,
        }
    }

    /// What stands in the place of a whole value, as in-place sums are written that hold for all of it (MViTv2 adds its relative positions
    /// so): stretched to its own shape, or scattered to all places in their order.
    fn written_over(&self, node: &Node, slot: Slot) -> Option<Slot> {
        let (values, places) = match (node.op.name, &node.inputs[..]) {
            ("Expand", [values, ..]) => ((*values)?, None),
            ("ScatterND", [_, places, values]) => ((*values)?, Some((*places)?)),
            _ => return None,
        };
        if self.shape(values)? != self.shape(slot)? || !self.is_float(values) {
            return None;
        }
        let Some(places) = places else { return Some(values) };
        let plain = node.attributes.text("reduction").is_none_or(|how| how == "none");
        let all = counts_through(self.stored(places)?.slice::<i64>()?, self.shape(slot)?);
        (plain && all).then_some(values)
    }

    /// A value and what it is multiplied by.
    fn unscaled(&self, slot: Slot) -> (Slot, f32) {
        let (mut slot, mut scale) = (slot, 1.0);
        while let Some((_, node)) = self.made(slot) {
            match (node.op.name, self.factor(node)) {
                ("Mul" | "Div", Some((inner, factor))) if self.shape(inner) == self.shape(slot) => {
                    (slot, scale) = (inner, scale * factor);
                }
                _ => break,
            }
        }
        (slot, scale)
    }

    /// The other input of a product with a stored number, and that number.
    fn factor(&self, node: &Node) -> Option<(Slot, f32)> {
        let [a, b] = Self::two(node)?;
        match (node.op.name, self.number(a), self.number(b)) {
            ("Mul", None, Some(s)) => Some((a, s)),
            ("Mul", Some(s), None) => Some((b, s)),
            ("Div", None, Some(s)) if s != 0.0 => Some((a, 1.0 / s)),
            _ => None,
        }
    }

    /// A bias as one view, or as two where it is the sum of two tensors that stretch to it.
    fn terms(&self, slot: Slot) -> Vec<View> {
        let whole = || self.view(slot).into_iter().collect();
        let sum = || {
            let view = self.view(slot)?;
            if !view.is_dense() || view.offset != 0 {
                return None;
            }
            let (_, node) = self.made(view.base)?;
            let [a, b] = Self::two(node).filter(|_| node.op.name == "Add")?;
            let full = self.shape(view.base)?;
            let small = |slot: Slot| self.shape(slot).is_some_and(|shape| shape != full);
            if !small(a) || !small(b) || !self.is_float(a) || !self.is_float(b) {
                return None;
            }
            let shape = self.shape(slot)?;
            let term = |slot: Slot| self.view(slot)?.stretched(full)?.reshaped(shape);
            Some(vec![term(a)?, term(b)?])
        };
        sum().unwrap_or_else(whole)
    }

    /// The furthest node whose result the attention can write itself, that result, and how many heads lie side by side in it.
    fn end(&self, index: usize, out: Slot, dense: &[usize]) -> Option<(usize, Slot, usize)> {
        let mut best = (index, out, 1);
        let (mut slot, mut view) = (out, View::dense(out, dense));
        while let Some((next, reader)) = self.reader(slot) {
            let Some(to) = Self::output(reader) else { break };
            let step = |view: &View| match reader.op.name {
                "Transpose" => {
                    let order =
                        reader.attributes.ints("perm")?.iter().map(|a| usize::try_from(*a).ok());
                    view.transposed(&order.collect::<Option<Vec<_>>>()?)
                }
                "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => view.reshaped(self.shape(to)?),
                "Identity" | "Cast" => Some(view.clone()),
                _ => None,
            };
            if reader.op.domain != ONNX || !self.is_variable(to) {
                break;
            }
            let Some(turned) = step(&view) else { break };
            (slot, view) = (to, turned);
            if let Some(beside) = beside(&view, dense) {
                best = (next, slot, beside);
            }
        }
        Some(best)
    }
}

/// How many heads lie side by side in a result whose values are those of `[.., queries, values]` in the order of `view`; `None` if
/// it is in no such order.
fn beside(view: &View, dense: &[usize]) -> Option<usize> {
    let [outer @ .., queries, values] = dense else { return None };
    let count: usize = outer.iter().product();
    let flat = view.flat();
    if matches!(flat[..], [] | [Factor { step: 1, .. }]) {
        return Some(1);
    }
    let head = queries * values;
    let among = flat.iter().filter(|factor| factor.step == head).map(|factor| factor.extent);
    among.filter(|beside| count.is_multiple_of(*beside)).find(|&beside| {
        let order = [
            Factor { extent: count / beside, step: beside * head },
            Factor { extent: *queries, step: *values },
            Factor { extent: beside, step: head },
            Factor { extent: *values, step: 1 },
        ];
        joined(order.into_iter()) == flat
    })
}

/// Whether `places` are the coordinates of all elements of `shape`, in their order.
fn counts_through(places: &[i64], shape: &[usize]) -> bool {
    let mut all = places.chunks_exact(shape.len().max(1)).enumerate();
    let in_order = |(mut rest, place): (usize, &[i64])| {
        shape.iter().zip(place).rev().all(|(extent, at)| {
            let wanted = rest % extent;
            rest /= extent;
            usize::try_from(*at) == Ok(wanted)
        })
    };
    places.len() == shape.iter().product::<usize>() * shape.len() && all.all(in_order)
}

fn places_of_bias(view: &View, outer: usize) -> Option<BiasPlaces> {
    let row = view.step(outer)?;
    let keys = joined(view.axes.get(outer + 1)?.iter().copied());
    let (inner, outer_step, inner_step) = match keys[..] {
        [] => (1, 0, 0),
        [one] => (one.extent, 0, one.step),
        [a, b] => (b.extent, a.step, b.step),
        _ => return None,
    };
    Some(BiasPlaces { starts: view.starts(outer), row, inner, outer_step, inner_step })
}

#[cfg(test)]
mod tests {
    use super::counts_through;

    #[test]
    fn only_all_places_in_their_order_stand_for_the_whole() {
        let all = [0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2];
        assert!(counts_through(&all, &[2, 3]));
        assert!(!counts_through(&all[..10], &[2, 3]) && !counts_through(&all, &[3, 2]));
        assert!(!counts_through(&[0, 0, 0, 2, 0, 1, 1, 0, 1, 1, 1, 2], &[2, 3]));
        assert!(!counts_through(&[0, 0, 0, 1, 0, -1, 1, 0, 1, 1, 1, 2], &[2, 3]));
    }
}
