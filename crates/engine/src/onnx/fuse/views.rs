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
        let opaque = self.opaque;
        let plain = |index: &usize| {
            needed[*index] && !opaque[*index] && !matches!(fused.get(*index), Some(Some(_)))
        };
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
        let view = self.view(node.inputs.first().copied().flatten()?)?;
        self.changed(node, output, slot, view)
    }

    /// `slot`, an output of `node`, where the node's input lies in `view`.
    pub fn changed(&self, node: &Node, output: usize, slot: Slot, view: View) -> Option<View> {
        let x = node.inputs.first().copied().flatten()?;
        if node.op.domain != ONNX || !self.is_variable(x) || !self.is_variable(slot) {
            return None;
        }
        let (from, to) = (self.shape(x)?, self.shape(slot)?);
        if from.contains(&0) || to.contains(&0) {
            return None;
        }
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
                view.sliced(axis, before, to[axis], 1)?
            }
            "Gather" => {
                let axis = axis(node.attributes.int("axis").unwrap_or(0))?;
                let index = self.stored(node.inputs.get(1).copied().flatten()?)?;
                let [at] = index.to_i64()?[..] else { return None };
                let at = if at < 0 { at + from[axis] as i64 } else { at };
                let one = view.sliced(axis, usize::try_from(at).ok()?, 1, 1)?;
                one.reshaped(to)?
            }
            "Slice" => self.part(node, view, (from, to))?,
            _ => return None,
        };
        (view.shape() == to).then_some(view)
    }

    /// A slice with stored bounds and steps forward.
    fn part(&self, node: &Node, view: View, (from, to): (&[usize], &[usize])) -> Option<View> {
        let ints = |input: usize, name: &str| match node.inputs.get(input).copied().flatten() {
            Some(slot) => self.stored(slot)?.to_i64(),
            None => node.attributes.ints(name).map(<[i64]>::to_vec),
        };
        let starts = ints(1, "starts")?;
        let axes = ints(3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = ints(4, "steps").unwrap_or_else(|| vec![1; starts.len()]);
        let given = |input: usize| node.inputs.get(input).copied().flatten().is_some();
        if given(3) && ints(3, "axes").is_none() || given(4) && ints(4, "steps").is_none() {
            return None;
        }
        let mut view = view;
        for ((start, axis), step) in starts.into_iter().zip(axes).zip(steps) {
            let axis = if axis < 0 { axis + from.len() as i64 } else { axis };
            let axis = usize::try_from(axis).ok().filter(|axis| *axis < from.len())?;
            let extent = from[axis] as i64;
            let start =
                if start < 0 { start.saturating_add(extent) } else { start }.clamp(0, extent);
            let every = usize::try_from(step).ok().filter(|every| *every > 0)?;
            view = view.sliced(axis, start as usize, to[axis], every)?;
        }
        Some(view)
    }
}
