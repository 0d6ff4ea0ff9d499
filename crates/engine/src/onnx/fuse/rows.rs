//! Whole rows that change their places: windows that are shifted, padded, parted, put together.
//!
//! ```text
//! LayerNorm ─ Pad ─ (Slice, Slice ─ Concat)² ─ Reshape ─ Transpose ─ Reshape     one step: the norm of row from[i] becomes row i
//! linear ─ Reshape ─ Transpose ─ Reshape ─ (Slice, Slice ─ Concat)² ─ Add        one step: row from[i] and row i of the other are added
//! ```
//! A row is as long as the last axis of the tensor that a chain begins with. Nodes that only move such rows are followed one by one on
//! the rows' numbers; what comes out is a list, made once, whatever the chain was.

use super::super::graph::{Node, Slot};
use super::super::ops::ONNX;
use super::view::Factor;
use super::{Finder, Fused, Normed, View, Work};
use kernels::NOWHERE;
use std::collections::HashMap;
use std::rc::Rc;

/// Fewer elements are no row.
const LEAST_WIDTH: usize = 8;
/// More rows are left to the nodes themselves: the list is memory, too.
const MOST_ROWS: usize = 1 << 20;
/// Longer chains are left to the nodes, too: each node of one is a call deeper.
const MOST_NODES: usize = 64;

/// A tensor whose rows are those of another.
struct Moved {
    base: Slot,
    width: usize,
    /// Rows of the base.
    rows: usize,
    /// For each row that of the base, or [`NOWHERE`].
    from: Vec<u32>,
}

impl Moved {
    /// All rows where they were.
    fn in_order(&self) -> bool {
        let all = self.from.len() == self.rows;
        all && self.from.iter().enumerate().all(|(i, row)| i == *row as usize)
    }
}

/// Lists that are made already.
type Lists = HashMap<Slot, Rc<Vec<u32>>>;

impl Finder<'_> {
    /// The step that makes the result of the node at `index` straight from the rows it is made of.
    pub fn rows(&self, index: usize) -> Option<Fused> {
        let node = &self.graph.nodes[index];
        let slot = Self::output(node).filter(|_| node.op.domain == ONNX)?;
        if node.op.name == "Add" {
            return self.added(index, node, slot);
        }
        // The end of a chain: somebody reads it who is no part of one.
        let end = self.readers[slot].iter().any(|reader| {
            let next = self.graph.nodes.get(*reader).and_then(Self::output);
            next.is_none_or(|next| self.mover(next).is_none())
        });
        self.mover(slot).filter(|_| end)?;
        let moved = self.moved(slot)?;
        if let Some((norm, node)) = self.norm(moved.base, moved.width) {
            if self.only_leads_to(moved.base, index) {
                let from = (!moved.in_order()).then_some(moved.from);
                return Some(Normed { from, ..norm }.step(node, self.shape(slot)?));
            }
        }
        // What one copy with steps does needs no list, and what moves nothing no copy.
        let view = self.views[slot].as_ref();
        if moved.in_order() || view.is_some_and(|view| view.base == moved.base) {
            return None;
        }
        let work = Work::Rows { width: moved.width, from: moved.from };
        let shape = self.shape(slot)?.to_vec();
        Some(Fused { inputs: vec![moved.base], shape, name: "rows", flops: 0, work })
    }

    /// A sum with rows from elsewhere.
    fn added(&self, index: usize, node: &Node, slot: Slot) -> Option<Fused> {
        let [a, b] = Self::two(node)?;
        let alike = |other: Slot| self.is_variable(other) && self.shape(other) == self.shape(slot);
        if a == b || !alike(a) || !alike(b) {
            return None;
        }
        [(a, b), (b, a)].into_iter().find_map(|(x, other)| {
            self.reader(x).filter(|(reader, _)| *reader == index)?;
            self.mover(x)?;
            let moved = self.moved(x).filter(|moved| !moved.in_order())?;
            let Moved { base, width, from, .. } = moved;
            let shape = self.shape(slot)?.to_vec();
            let (inputs, work) = (vec![base, other], Work::Rows { width, from });
            Some(Fused { inputs, shape, name: "rows + add", flops: 0, work })
        })
    }

    /// A layer norm as a step of its own.
    pub fn layer_norm(&self, index: usize) -> Option<Fused> {
        let node = &self.graph.nodes[index];
        let slot = node.outputs.first().copied().flatten()?;
        let x = node.inputs.first().copied().flatten()?;
        let (norm, _) = self.norm(slot, *self.shape(x)?.last()?)?;
        Some(norm.step(node, self.shape(slot)?))
    }

    /// The norm of rows of `width` that makes a slot.
    fn norm(&self, slot: Slot, width: usize) -> Option<(Normed, &Node)> {
        let (index, node) = self.made(slot)?;
        let wanted = node.outputs.iter().skip(1).all(Option::is_none);
        if node.op.name != "LayerNormalization" || !wanted || self.opaque[index] {
            return None;
        }
        let x = node.inputs.first().copied().flatten()?;
        let last = self.shape(x)?.len() as i64 - 1;
        let rows = [None, Some(-1), Some(last)].contains(&node.attributes.int("axis"));
        let fits = |slot: Slot| {
            self.is_float(slot) && self.stored(slot).is_some_and(|array| array.len() == width)
        };
        let weights = node.inputs.iter().skip(1).flatten().all(|slot| fits(*slot));
        let given = node.inputs.get(1).copied().flatten().is_some();
        let whole = self.is_variable(x) && self.shape(x)?.last() == Some(&width) && width > 0;
        if !rows || !weights || !given || !whole {
            return None;
        }
        let eps = node.attributes.float("epsilon").unwrap_or(1e-5);
        Some((Normed { width, eps, from: None }, node))
    }

    /// Whether all that reads a slot is part of chains that end in the node at `end`.
    fn only_leads_to(&self, slot: Slot, end: usize) -> bool {
        let mut open = vec![slot];
        let mut steps = 0;
        while let Some(slot) = open.pop() {
            steps += 1;
            for reader in &self.readers[slot] {
                if *reader == end {
                    continue;
                }
                let next = self.graph.nodes.get(*reader).and_then(Self::output);
                match next.filter(|next| self.mover(*next).is_some() && steps < 100) {
                    Some(next) => open.push(next),
                    None => return false,
                }
            }
        }
        true
    }

    /// The node that makes a slot if it only moves values.
    fn mover(&self, slot: Slot) -> Option<&Node> {
        const MOVERS: [&str; 9] = [
            "Concat",
            "Flatten",
            "Identity",
            "Pad",
            "Reshape",
            "Slice",
            "Squeeze",
            "Transpose",
            "Unsqueeze",
        ];
        let (index, node) = self.made(slot)?;
        let moves = MOVERS.contains(&node.op.name) && node.outputs.len() == 1;
        let free = !self.opaque[index] && !self.steps[index] && self.is_variable(slot);
        let first = node.inputs.first().copied().flatten()?;
        (moves && free && self.is_variable(first)).then_some(node)
    }

    fn moved(&self, slot: Slot) -> Option<Moved> {
        let mut base = slot;
        while let Some(node) = self.mover(base) {
            base = node.inputs[0]?;
        }
        let width = *self.shape(base)?.last()?;
        if width < LEAST_WIDTH {
            return None;
        }
        let mut lists = Lists::new();
        let rows = self.count(base, width)?;
        lists.insert(base, Rc::new((0..rows as u32).collect()));
        let from = self.list(slot, (width, 0), &mut lists)?;
        drop(lists);
        Some(Moved { base, width, rows, from: Rc::unwrap_or_clone(from) })
    }

    /// Rows of a slot.
    fn count(&self, slot: Slot, width: usize) -> Option<usize> {
        let shape = self.shape(slot)?;
        let all: usize = shape.iter().product();
        let whole = shape.last()?.is_multiple_of(width) && all > 0;
        Some(all / width).filter(|rows| whole && *rows <= MOST_ROWS)
    }

    /// For each row of a slot that of the base, which is in `lists`; so many nodes have been gone through.
    fn list(
        &self,
        slot: Slot,
        (width, nodes): (usize, usize),
        lists: &mut Lists,
    ) -> Option<Rc<Vec<u32>>> {
        if let Some(list) = lists.get(&slot) {
            return Some(list.clone());
        }
        let node = self.mover(slot).filter(|_| nodes < MOST_NODES)?;
        self.count(slot, width)?;
        let inputs: Vec<Slot> = match node.op.name {
            "Concat" => node.inputs.iter().copied().collect::<Option<_>>()?,
            _ => vec![node.inputs[0]?],
        };
        let mut parts = Vec::with_capacity(inputs.len());
        for input in &inputs {
            parts.push(self.list(*input, (width, nodes + 1), lists)?);
        }
        let grid = |slot: Slot| -> Option<Vec<usize>> {
            self.count(slot, width)?;
            let mut grid = self.shape(slot)?.to_vec();
            *grid.last_mut()? /= width;
            Some(grid)
        };
        let list = match node.op.name {
            "Concat" => {
                let grids = inputs.iter().map(|input| grid(*input)).collect::<Option<Vec<_>>>()?;
                let axis = node.attributes.int("axis")?;
                let axis = if axis < 0 { axis + grids[0].len() as i64 } else { axis };
                joined(&parts, &grids, usize::try_from(axis).ok()?)?
            }
            "Pad" => padded(&parts[0], &grid(inputs[0])?, &self.pads(node, inputs[0], width)?)?,
            _ => {
                let dense = View::dense(inputs[0], self.shape(inputs[0])?);
                let view = self.changed(node, 0, slot, dense)?;
                rows_of(&view, width)?
                    .map(|row| parts[0].get(row).copied())
                    .collect::<Option<_>>()?
            }
        };
        let list = Rc::new(list);
        lists.insert(slot, list.clone());
        (list.len() == self.count(slot, width)?).then_some(list)
    }

    /// Zeros before and after each axis, the last one's in rows.
    fn pads(&self, node: &Node, x: Slot, width: usize) -> Option<Vec<(usize, usize)>> {
        let input = |at: usize| node.inputs.get(at).copied().flatten();
        let constant = node.attributes.text("mode").is_none_or(|mode| mode == "constant");
        let zero = input(2).is_none_or(|value| self.number(value) == Some(0.0));
        if !constant || !zero || input(3).is_some() || node.version < 11 {
            return None;
        }
        let pads = self.stored(input(1)?)?.to_i64()?;
        let pads: Vec<usize> =
            pads.into_iter().map(|pad| usize::try_from(pad).ok()).collect::<Option<_>>()?;
        let rank = self.shape(x)?.len();
        let (before, after) = pads.split_at_checked(rank).filter(|(_, b)| b.len() == rank)?;
        let mut pads: Vec<_> = before.iter().copied().zip(after.iter().copied()).collect();
        let (low, high) = pads.last_mut()?;
        if !low.is_multiple_of(width) || !high.is_multiple_of(width) {
            return None;
        }
        (*low, *high) = (*low / width, *high / width);
        Some(pads)
    }
}

impl Normed {
    /// The step in place of `node`, or of the chain that moves its rows.
    fn step(self, node: &Node, shape: &[usize]) -> Fused {
        let inputs = node.inputs.iter().flatten().copied().collect();
        let name = "layer norm";
        Fused { inputs, shape: shape.to_vec(), name, flops: 0, work: Work::Norm(self) }
    }
}

/// The rows of `width` that a view consists of, in order, if it does.
fn rows_of(view: &View, width: usize) -> Option<impl Iterator<Item = usize>> {
    let mut factors = view.flat();
    let last = factors.pop()?;
    let whole = last.step == 1
        && last.extent.is_multiple_of(width)
        && view.offset.is_multiple_of(width)
        && factors.iter().all(|factor| factor.step.is_multiple_of(width));
    if !whole {
        return None;
    }
    factors.push(Factor { extent: last.extent / width, step: width });
    let starts = View { base: view.base, offset: view.offset, axes: vec![factors] }.starts(1);
    Some(starts.into_iter().map(move |start| start / width))
}

/// Lists of several tensors, each on its grid of rows, joined along an axis.
fn joined(parts: &[Rc<Vec<u32>>], grids: &[Vec<usize>], axis: usize) -> Option<Vec<u32>> {
    let blocks: Vec<usize> =
        grids.iter().map(|grid| Some(grid.get(axis..)?.iter().product())).collect::<Option<_>>()?;
    let outer: usize = grids[0][..axis].iter().product();
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for at in 0..outer {
        for (part, block) in parts.iter().zip(&blocks) {
            all.extend_from_slice(part.get(at * block..(at + 1) * block)?);
        }
    }
    Some(all)
}

/// A list on its grid of rows, nothing around it.
fn padded(list: &[u32], grid: &[usize], pads: &[(usize, usize)]) -> Option<Vec<u32>> {
    let mut list = list.to_vec();
    for (axis, (before, after)) in pads.iter().enumerate() {
        let inner: usize = grid[axis + 1..].iter().product();
        let block = inner * grid[axis];
        let more = before.checked_add(*after)?.checked_mul(inner)?;
        let len = (list.len() / block).checked_mul(more)?.checked_add(list.len())?;
        if len > MOST_ROWS {
            return None;
        }
        let mut wide = Vec::with_capacity(len);
        for part in list.chunks_exact(block) {
            wide.resize(wide.len() + before * inner, NOWHERE);
            wide.extend_from_slice(part);
            wide.resize(wide.len() + after * inner, NOWHERE);
        }
        list = wide;
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_whole_rows_is_a_list_of_them() {
        // Windows of 2×2 of a picture of 4×6 places with 8 channels each.
        let view = View::dense(0, &[4, 6, 8]).reshaped(&[2, 2, 3, 2, 8]).unwrap();
        let windows = view.transposed(&[0, 2, 1, 3, 4]).unwrap();
        let rows: Vec<usize> = rows_of(&windows, 8).unwrap().collect();
        assert_eq!(rows[..8], [0, 1, 6, 7, 2, 3, 8, 9]);
        assert_eq!(rows[23], 23);
        let second = View::dense(0, &[4, 6, 8]).sliced(0, 1, 2, 2).unwrap();
        assert!(rows_of(&second, 8).unwrap().eq((6..12).chain(18..24)));
        // Parts of rows, and rows whose elements change places.
        assert!(rows_of(&View::dense(0, &[4, 8]).sliced(1, 4, 4, 1).unwrap(), 8).is_none());
        assert!(rows_of(&View::dense(0, &[4, 8]).transposed(&[1, 0]).unwrap(), 8).is_none());
        // A row of 16 is two of 8.
        assert!(rows_of(&View::dense(0, &[3, 16]), 8).unwrap().eq(0..6));
    }

    #[test]
    fn lists_are_joined_along_any_axis() {
        let parts = [Rc::new(vec![0, 1, 2, 3]), Rc::new(vec![7, 8])];
        let grids = [vec![2, 2, 1], vec![2, 1, 1]];
        assert_eq!(joined(&parts, &grids, 1), Some(vec![0, 1, 7, 2, 3, 8]));
        assert_eq!(joined(&parts, &[vec![2, 2], vec![1, 2]], 0), Some(vec![0, 1, 2, 3, 7, 8]));
        assert_eq!(joined(&parts, &grids, 4), None);
    }

    #[test]
    fn around_a_list_there_is_nothing() {
        const N: u32 = NOWHERE;
        let wide = padded(&[0, 1, 2, 3, 4, 5], &[1, 2, 3, 1], &[(0, 0), (1, 0), (0, 1), (0, 0)]);
        assert_eq!(wide, Some(vec![N, N, N, N, 0, 1, 2, N, 3, 4, 5, N]));
        assert_eq!(padded(&[0], &[1], &[(0, usize::MAX)]), None);
        assert_eq!(padded(&[0], &[1], &[(MOST_ROWS, 0)]), None);
    }
}
