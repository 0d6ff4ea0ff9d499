//! Chains of transposes, reshapes and parts as one copy.

use super::{Finder, Fused, Work};

impl Finder<'_> {
    /// The copy that makes the result of the node at `index` straight from where its values lie.
    pub fn copy(&self, index: usize) -> Option<Fused> {
        let node = &self.graph.nodes[index];
        let slot = Self::output(node).or_else(|| node.outputs.iter().flatten().copied().next())?;
        if node.outputs.len() != 1 {
            return None;
        }
        let view = self.views[slot].as_ref()?;
        // The end of a chain: somebody reads it who is no part of one.
        let end = self.readers[slot].iter().any(|reader| {
            let next = self.graph.nodes.get(*reader).and_then(Self::output);
            next.is_none_or(|next| self.views[next].is_none())
        });
        if !end || view.is_dense() && (view.offset == 0 || node.op.name == "Reshape") {
            return None;
        }
        let shape = view.shape();
        Some(Fused {
            inputs: vec![view.base],
            shape,
            name: "copy",
            flops: 0,
            work: Work::Copy { offset: view.offset, factors: view.flat() },
        })
    }
}
