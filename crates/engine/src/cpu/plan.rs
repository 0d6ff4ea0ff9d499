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
//! Where every value is a batch of the same samples they go through the network a few at a time: what a layer
//! writes is then still near when the next one reads it, and the arena holds those few.

use crate::graph::{Graph, Op};
use std::ops::Range;

/// The places of all values.
#[derive(Debug)]
pub(super) struct Plan {
    places: Vec<Place>,
    /// Elements of the arena.
    pub arena_len: usize,
    /// Samples that go through the network together, and all, where those are fewer.
    together: Option<(usize, usize)>,
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
    /// For so many threads. `None` when sizes overflow.
    pub fn new(
        graph: &Graph,
        place_in_concat: bool,
        (threads, weight_bytes): (usize, u64),
    ) -> Option<Plan> {
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
        let together = together(&places, threads, weight_bytes);
        if let Some((few, _)) = together {
            places.iter_mut().for_each(|place| place.batch = few);
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
        Some(Plan { places, arena_len, together })
    }

    /// Elements of one sample of a value.
    pub fn range(&self, index: usize, sample: usize) -> Range<usize> {
        let place = &self.places[index];
        let start = place.start + sample * place.stride;
        start..start + place.len
    }

    /// Number of samples of a value that the arena holds.
    pub fn batch(&self, index: usize) -> usize {
        self.places[index].batch
    }

    /// The samples that go through the network together, one pass after another.
    pub fn passes(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (few, all) = self.together.unwrap_or((usize::MAX, usize::MAX));
        (0..all).step_by(few).map(move |first| first..all.min(first.saturating_add(few)))
    }

    /// Number of samples of a value in a pass.
    pub fn count(&self, index: usize, pass: &Range<usize>) -> usize {
        self.batch(index).min(pass.len())
    }

    /// Whether one pass is all there is, so that all samples of every value are in the arena behind it.
    pub fn is_single(&self) -> bool {
        self.together.is_none()
    }

    /// The value was placed inside the concatenation's buffer.
    pub fn lies_in(&self, index: usize, concat: usize) -> bool {
        self.places[index].parent == Some(concat)
    }

    /// Copies the samples of a pass in.
    pub fn write(&self, arena: &mut [f32], index: usize, pass: &Range<usize>, data: &[f32]) {
        let len = self.places[index].len.max(1);
        let samples = data.chunks_exact(len).skip(pass.start).take(self.count(index, pass));
        for (sample, data) in samples.enumerate() {
            arena[self.range(index, sample)].copy_from_slice(data);
        }
    }

    /// Appends the samples of a pass.
    pub fn read(&self, arena: &[f32], index: usize, pass: &Range<usize>, out: &mut Vec<f32>) {
        let count = self.count(index, pass);
        (0..count).for_each(|sample| out.extend_from_slice(&arena[self.range(index, sample)]));
    }
}

/// Bytes of a value from which samples side by side push each other's out of the caches: ResNet-50 takes 4 % longer by it at 512², where values
/// have up to 16 MiB, and 9 % less at 224², where they have 3.
const LARGE: usize = 8 << 20;

/// How many of how many samples go through the network together: so few that what is written is near when it is read, so many that each has a
/// thread, unless they are large, and that the weights, read anew in each pass, are no more than half of what the samples write. `None`
/// where values have different numbers of samples, or those are all.
fn together(places: &[Place], threads: usize, weight_bytes: u64) -> Option<(usize, usize)> {
    let all = places.first()?.batch;
    if all < 2 || places.iter().any(|place| place.batch != all) {
        return None;
    }
    let written: u64 = places.iter().map(|place| place.len as u64 * 4).sum();
    let least = (2 * weight_bytes).div_ceil(written.max(1)).clamp(1, all as u64) as usize;
    let large = places.iter().any(|place| place.len * 4 > LARGE);
    let threads = if all < threads || large { 1 } else { threads.max(1) };
    let passes = all.div_ceil(least.next_multiple_of(threads));
    let few = all.div_ceil(passes).next_multiple_of(threads);
    (few < all).then_some((few, all))
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
    fn samples_go_together_while_weights_weigh_more_than_they_do() {
        let sized = |len, batch| Place { start: 0, stride: 0, len, batch, parent: None };
        let place = |batch| sized(1000, batch);
        let few = |all, threads, weights| {
            let together = together(&[place(all); 5], threads, weights);
            assert!(together.is_none_or(|(_, of)| of == all));
            together.map(|(few, _)| few)
        };
        // A sample writes 20 kB.
        assert_eq!(few(8, 2, 0), Some(2));
        assert_eq!(few(8, 2, 20_000), Some(2));
        assert_eq!(few(8, 2, 30_000), Some(4));
        assert_eq!(few(8, 2, 50_000), Some(4), "in passes of the same length");
        assert_eq!(few(9, 2, 50_000), Some(6));
        assert_eq!(few(8, 2, 80_000), None);
        assert_eq!(few(8, 1, 0), Some(1));
        assert_eq!(few(3, 4, 0), Some(1), "each on all threads");
        assert_eq!(few(4, 4, 0), None);
        assert_eq!(few(1, 1, 0), None);
        let large = [sized(LARGE / 4 + 1, 8), place(8)];
        assert_eq!(together(&large, 2, 0), Some((1, 8)), "on all threads");
        assert!(together(&[place(2), place(1)], 1, 0).is_none());
        assert!(together(&[], 1, 0).is_none());
    }

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
