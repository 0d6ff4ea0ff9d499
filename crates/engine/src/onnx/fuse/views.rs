//! The views of a graph: every value that is another's values in another order.

use super::super::graph::{Node, Slot};
use super::super::ops::ONNX;
use super::{Finder, Fused, View};
use crate::array::DType;

impl Finder<'_> {
    /// Where the values of a slot lie: in another slot, or in itself.
    pub fn view(&self, slot: Slot) -> Option<View> {
        match &self.views[slot] {
            Some(view) => Some(view.clone()),
            None => Some(View::dense(slot, self.shape(slot)?)),
        }
    }

    /// Fills `views`; nodes stand in an order in which they can run. The results of patterns lie in themselves.
    pub fn find_views(&mut self, needed: &[bool], fused: &[Option<Fused>]) {
        self.views.fill(None);
        let plain = |index: &usize| needed[*index] && !matches!(fused.get(*index), Some(Some(_)));
        for index in (0..self.graph.nodes.len()).filter(plain) {
            let node = &self.graph.nodes[index];
            for (output, slot) in node.outputs.iter().enumerate() {
                if let Some(slot) = *slot {
                    self.views[slot] = self.of_output(node, output, slot);
                }
            }
        }
    }

    fn of_output(&self, node: &Node, output: usize, slot: Slot) -> Option<View> {
        let x = node.inputs.first().copied().flatten()?;
        if node.op.domain != ONNX || !self.is_variable(x) || !self.is_variable(slot) {
            return None;
        }
        let (from, to) = (self.shape(x)?, self.shape(slot)?);
        if from.contains(&0) || to.contains(&0) {
            return None;
        }
        let view = self.view(x)?;
        let axis = |axis: i64| {
            let counted = if axis < 0 { axis + from.len() as i64 } else { axis };
            usize::try_from(counted).ok().filter(|axis| *axis < from.len())
        };
        let view = match node.op.name {
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => view.reshaped(to)?,
            "Identity" => view,
            "Cast" if node.attributes.int("to") == Some(1) => {
                // From 32-bit floats to the same.
                (self.facts[x].as_ref()?.dtype == DType::F32).then_some(view)?
            }
            "Transpose" => {
                let order: Vec<usize> = match node.attributes.ints("perm") {
                    Some(order) => {
                        order.iter().map(|a| usize::try_from(*a).ok()).collect::<Option<_>>()?
                    }
                    None => (0..from.len()).rev().collect(),
                };
                view.transposed(&order)?
            }
            "Split" => {
                let axis = axis(node.attributes.int("axis").unwrap_or(0))?;
                let extent = |slot: &Option<Slot>| Some(self.shape((*slot)?)?[axis]);
                let before = node.outputs[..output].iter().map(extent).sum::<Option<usize>>()?;
                view.sliced(axis, before, to[axis])?
            }
            "Gather" => {
                let axis = axis(node.attributes.int("axis").unwrap_or(0))?;
                let index = self.stored(node.inputs.get(1).copied().flatten()?)?;
                let [at] = index.to_i64()?[..] else { return None };
                let at = if at < 0 { at + from[axis] as i64 } else { at };
                let one = view.sliced(axis, usize::try_from(at).ok()?, 1)?;
                one.reshaped(to)?
            }
            _ => return None,
        };
        (view.shape() == to).then_some(view)
    }
}
