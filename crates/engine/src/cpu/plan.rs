//! Where every value lives. All values share one arena; two may share the same place when their
//! lives do not overlap. A value that ends in a concatenation is placed inside that
//! concatenation's buffer, so that its producer writes it where it is wanted; chained
//! concatenations, as in a DenseNet, thereby share one buffer. Each of its parts is taken from when
//! it is written on: until then others use its place, as the deeper levels of a U-Net do with the
//! half of a skip connection's buffer that comes back up.
//!
//! ```text
//! memory ▲  ░░ free to others ░░▓▓▓▓▓ up      one buffer, two parts
//!        │  ▓▓▓▓▓▓▓▓▓ skip ▓▓▓▓▓▓▓▓▓▓
//!        └──────────────────────────▶ nodes
//! ```

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
    parts: Vec<Part>,
    start: usize,
}

/// Elements of a buffer that belong to one value.
#[derive(Clone, Copy)]
struct Part {
    offset: usize,
    len: usize,
    /// The node that writes it, and the last that reads it.
    life: (usize, usize),
}

impl Buffer {
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.offset + part.len).max().unwrap_or(0)
    }
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
        let buffers = place_buffers(buffers(graph, &roots, &places));
        let mut starts = vec![0; nodes.len()];
        buffers.iter().for_each(|buffer| starts[buffer.root] = buffer.start);
        for (index, (root, offset)) in roots.into_iter().enumerate() {
            places[index].start = starts[root] + offset;
            places[index].stride = places[root].len;
        }
        let ends = buffers.iter().map(|buffer| buffer.start.checked_add(buffer.len()));
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

/// One buffer for each root; a part for each sample of each value in it.
fn buffers(graph: &Graph, roots: &[(usize, usize)], places: &[Place]) -> Vec<Buffer> {
    let lives = lives(graph);
    let mut buffers: Vec<Option<Buffer>> = (0..roots.len()).map(|_| None).collect();
    let mut shared = vec![false; roots.len()];
    roots.iter().enumerate().for_each(|(index, (root, _))| shared[*root] |= *root != index);
    for (index, &(root, offset)) in roots.iter().enumerate() {
        let Place { len, batch, .. } = places[index];
        let buffer =
            buffers[root].get_or_insert_with(|| Buffer { root, parts: Vec::new(), start: 0 });
        let life = lives[index];
        if shared[root] {
            let sample = |sample| Part { offset: offset + sample * places[root].len, len, life };
            buffer.parts.extend((0..batch).map(sample));
        } else {
            buffer.parts.push(Part { offset, len: len * batch, life });
        }
    }
    buffers.into_iter().flatten().collect()
}

/// The node that writes each value, and the last that reads it.
fn lives(graph: &Graph) -> Vec<(usize, usize)> {
    let count = graph.nodes.len();
    let mut lives: Vec<(usize, usize)> = (0..count).map(|index| (index, index)).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        // Inputs are all written before the first node runs.
        if matches!(node.op, Op::Input) {
            lives[index].0 = 0;
        }
        node.inputs.iter().for_each(|input| lives[input.0].1 = lives[input.0].1.max(index));
    }
    graph.outputs.iter().for_each(|(_, value)| lives[value.0].1 = count);
    lives
}

/// Greedy by size (Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
/// 2020): the largest first, each at the lowest place where none of its parts meets another that
/// lives at the same time. Starts are multiples of 16 elements, one cache line.
fn place_buffers(mut buffers: Vec<Buffer>) -> Vec<Buffer> {
    buffers.sort_by_key(|buffer| (std::cmp::Reverse(buffer.len()), buffer.root));
    let mut placed: Vec<Buffer> = Vec::with_capacity(buffers.len());
    for mut buffer in buffers {
        // Between these two a start would let two parts overlap.
        let mut forbidden: Vec<(i64, i64)> = Vec::new();
        for part in buffer.parts.iter().filter(|part| part.len > 0) {
            for other in &placed {
                let meets = |own: &&Part| {
                    own.len > 0 && own.life.0 <= part.life.1 && part.life.0 <= own.life.1
                };
                forbidden.extend(other.parts.iter().filter(meets).map(|own| {
                    let from = (other.start + own.offset) as i64 - part.offset as i64;
                    (from - part.len as i64, from + own.len as i64)
                }));
            }
        }
        forbidden.sort_unstable();
        let mut start = 0i64;
        for (after, before) in forbidden {
            if start <= after {
                break;
            }
            if start < before {
                start = (before as u64).next_multiple_of(16) as i64;
            }
        }
        buffer.start = start as usize;
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
                    let mut offset = 0;
                    let mut part = |_| {
                        let (first, len) = (below(50), below(300));
                        offset += len;
                        Part { offset: offset - len, len, life: (first, first + below(12)) }
                    };
                    let parts = (0..1 + root % 3).map(&mut part).collect();
                    Buffer { root, parts, start: 0 }
                })
                .collect();
            let sum: usize = buffers.iter().map(|buffer| buffer.len().next_multiple_of(16)).sum();
            let placed = place_buffers(buffers);
            assert_eq!(placed.len(), count);
            for (index, a) in placed.iter().enumerate() {
                assert!(a.start % 16 == 0 && a.start + a.len() <= sum);
                let others = placed[index + 1..].iter();
                for (b, y) in others.flat_map(|b| b.parts.iter().map(move |y| (b, y))) {
                    for x in &a.parts {
                        let together = x.life.0 <= y.life.1 && y.life.0 <= x.life.1;
                        let (from, to) = (a.start + x.offset, b.start + y.offset);
                        let apart = from + x.len <= to || to + y.len <= from;
                        assert!(!together || apart || x.len == 0 || y.len == 0);
                    }
                }
            }
        }
    }

    /// A skip connection and what comes back up, and between them two values that live at the same time: 640 without the hole.
    #[test]
    fn a_part_that_is_not_yet_written_is_free_to_others() {
        let whole =
            |root, len, life| Buffer { root, parts: vec![Part { offset: 0, len, life }], start: 0 };
        let concat = Buffer {
            root: 0,
            parts: vec![
                Part { offset: 0, len: 160, life: (1, 8) },
                Part { offset: 160, len: 160, life: (7, 8) },
                Part { offset: 0, len: 320, life: (8, 9) },
            ],
            start: 0,
        };
        let placed = place_buffers(vec![concat, whole(1, 160, (2, 3)), whole(2, 160, (3, 6))]);
        let end = placed.iter().map(|buffer| buffer.start + buffer.len()).max();
        assert_eq!(end, Some(480));
    }
}
