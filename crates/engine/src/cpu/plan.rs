//! Where every value lives. All values share one arena; two may share the same place when their
//! lives do not overlap. A value that ends in a concatenation is placed inside that
//! concatenation's buffer, so that its producer writes it where it is wanted; chained
//! concatenations, as in a DenseNet, thereby share one buffer.

use crate::graph::{Graph, Op};
use std::ops::Range;

/// The places of all values.
#[derive(Debug)]
pub(super) struct Plan {
    places: Vec<Place>,
    /// Elements of the arena.
    pub arena_len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// First element of the first sample.
    start: usize,
    /// From one sample to the next.
    stride: usize,
    /// Elements of one sample.
    len: usize,
    batch: usize,
    /// The concatenation it is part of, and the one that owns the buffer.
    parent: Option<usize>,
}

/// A buffer of the arena while it is being placed.
struct Buffer {
    root: usize,
    len: usize,
    /// First node that writes, last node that reads.
    life: (usize, usize),
    start: usize,
}

impl Plan {
    /// `None` when sizes overflow.
    pub fn new(graph: &Graph, place_in_concat: bool) -> Option<Plan> {
        let nodes = &graph.nodes;
        let mut places = Vec::with_capacity(nodes.len());
        for node in nodes {
            // A vector or a scalar is one sample.
            let (batch, rest) = match node.shape.as_slice() {
                [batch, rest @ ..] if !rest.is_empty() => (*batch, rest),
                all => (1, all),
            };
            let len = rest.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent))?;
            len.checked_mul(batch)?.checked_mul(4)?;
            places.push(Place { start: 0, stride: len, len, batch, parent: None });
        }
        // Offsets inside the parent; later concatenations first, so that chains nest.
        let mut offsets = vec![0; nodes.len()];
        if place_in_concat {
            for (index, node) in nodes.iter().enumerate().rev() {
                if !matches!(node.op, Op::Concat) {
                    continue;
                }
                let mut offset = 0;
                for input in &node.inputs {
                    let is_free =
                        places[input.0].parent.is_none() && !matches!(nodes[input.0].op, Op::Input);
                    if is_free {
                        places[input.0].parent = Some(index);
                        offsets[input.0] = offset;
                    }
                    offset += places[input.0].len;
                }
            }
        }
        let roots: Vec<(usize, usize)> = (0..nodes.len())
            .map(|index| {
                let (mut at, mut offset) = (index, 0);
                while let Some(parent) = places[at].parent {
                    offset += offsets[at];
                    at = parent;
                }
                (at, offset)
            })
            .collect();
        let buffers = place_buffers(lives(graph, &roots, &places));
        let mut starts = vec![0; nodes.len()];
        buffers.iter().for_each(|buffer| starts[buffer.root] = buffer.start);
        for (index, (root, offset)) in roots.into_iter().enumerate() {
            places[index].start = starts[root] + offset;
            places[index].stride = places[root].len;
        }
        let ends = buffers.iter().map(|buffer| buffer.start.checked_add(buffer.len));
        let arena_len = ends.collect::<Option<Vec<_>>>()?.into_iter().max().unwrap_or(0);
        Some(Plan { places, arena_len })
    }

    /// Elements of one sample of a value.
    pub fn range(&self, index: usize, sample: usize) -> Range<usize> {
        let place = &self.places[index];
        let start = place.start + sample * place.stride;
        start..start + place.len
    }

    /// Number of samples of a value.
    pub fn batch(&self, index: usize) -> usize {
        self.places[index].batch
    }

    /// The value was placed inside the concatenation's buffer.
    pub fn lies_in(&self, index: usize, concat: usize) -> bool {
        self.places[index].parent == Some(concat)
    }

    /// Copies a whole value in.
    pub fn write(&self, arena: &mut [f32], index: usize, data: &[f32]) {
        let len = self.places[index].len.max(1);
        for (sample, data) in data.chunks_exact(len).enumerate() {
            arena[self.range(index, sample)].copy_from_slice(data);
        }
    }

    /// Copies a whole value out.
    pub fn read(&self, arena: &[f32], index: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.places[index].len * self.batch(index));
        (0..self.batch(index)).for_each(|s| out.extend_from_slice(&arena[self.range(index, s)]));
        out
    }
}

/// One buffer for each root, from its first writer to its last reader.
fn lives(graph: &Graph, roots: &[(usize, usize)], places: &[Place]) -> Vec<Buffer> {
    let count = graph.nodes.len();
    let mut lives = vec![(usize::MAX, 0); count];
    for (index, node) in graph.nodes.iter().enumerate() {
        let life = &mut lives[roots[index].0];
        // Inputs are all written before the first node runs.
        let written = if matches!(node.op, Op::Input) { 0 } else { index };
        *life = (life.0.min(written), life.1.max(index));
        for input in &node.inputs {
            let life = &mut lives[roots[input.0].0];
            life.1 = life.1.max(index);
        }
    }
    for (_, value) in &graph.outputs {
        lives[roots[value.0].0].1 = count;
    }
    (0..count)
        .filter(|&index| roots[index].0 == index)
        .map(|root| {
            let len = places[root].len * places[root].batch;
            Buffer { root, len, life: lives[root], start: 0 }
        })
        .collect()
}

/// Greedy by size (Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
/// 2020): the largest first, each at the lowest place free for the whole of its life. Starts are
/// multiples of 16 elements, one cache line.
fn place_buffers(mut buffers: Vec<Buffer>) -> Vec<Buffer> {
    buffers.sort_by_key(|buffer| (std::cmp::Reverse(buffer.len), buffer.root));
    let mut placed: Vec<Buffer> = Vec::with_capacity(buffers.len());
    for mut buffer in buffers {
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|other| other.life.0 <= buffer.life.1 && buffer.life.0 <= other.life.1)
            .map(|other| (other.start, other.start + other.len))
            .collect();
        taken.sort_unstable();
        let mut start = 0usize;
        for (from, to) in taken {
            if start.saturating_add(buffer.len) <= from {
                break;
            }
            start = start.max(to.next_multiple_of(16));
        }
        buffer.start = start;
        placed.push(buffer);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_alive_together_never_overlap() {
        let mut state = 42u64;
        let mut below = |end: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) as usize) % end
        };
        for _ in 0..200 {
            let count = 1 + below(40);
            let buffers: Vec<Buffer> = (0..count)
                .map(|root| {
                    let first = below(50);
                    let life = (first, first + below(12));
                    Buffer { root, len: below(500), life, start: 0 }
                })
                .collect();
            let sum: usize = buffers.iter().map(|buffer| buffer.len.next_multiple_of(16)).sum();
            let placed = place_buffers(buffers);
            assert_eq!(placed.len(), count);
            for (index, a) in placed.iter().enumerate() {
                assert!(a.start % 16 == 0 && a.start + a.len <= sum);
                for b in &placed[index + 1..] {
                    let together = a.life.0 <= b.life.1 && b.life.0 <= a.life.1;
                    let apart = a.start + a.len <= b.start || b.start + b.len <= a.start;
                    assert!(!together || apart || a.len == 0 || b.len == 0);
                }
            }
        }
    }
}
