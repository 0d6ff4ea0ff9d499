//! A batch through patterns a few samples at a time.
//!
//! ```text
//!            norm   q k v   attention   linear   …                norm   …            the same network deeper down:
//! sample 0   ───────────────────────────────────▶ ┐               ┌──────────▶        fewer positions, larger weights,
//! sample 1   ───────────────────────────────────▶ ├ kept whole ── ┤ all at once       so more samples at a time
//! sample 2   ───────────────────────────────────▶ ┘               └──────────▶
//! ```
//! What a step writes is then near when the next one reads it; only values that are read behind the chain are kept for all
//! samples. Weights are read anew for each pass, so a chain ends where their size and that of the values ask for another number of
//! samples: the cheapest cutting by the bytes that come from far ([`far`]). Steps whose samples do not depend on one another are told by
//! [`Fused::samples`]. The cutting does not depend on the number of threads.

use super::fuse::{Fused, Share, Spare};
use super::graph::{Graph, Slot};
use super::machine::Values;
use super::ops::Value;
use super::plan::Step;
use crate::array::Array;
use crate::cpu::NodeTime;
use crate::error::Result;
use kernels::Pool;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Patterns that run one after another for a few samples, then for the next.
pub(super) struct Chain {
    pub links: Vec<Link>,
    /// Samples of the batch, and how many go together.
    of: usize,
    together: usize,
}

/// A pattern of a chain.
pub(super) struct Link {
    /// The node it ends in.
    pub node: usize,
    slot: Slot,
    inputs: Vec<Source>,
    /// Somebody behind the chain reads the result.
    kept: bool,
    /// Elements of the result, of all samples.
    len: usize,
    /// Patterns of the chain whose results nobody reads after this one.
    frees: Vec<usize>,
}

/// Where an input of a pattern comes from.
#[derive(Clone, Copy)]
enum Source {
    /// From before the chain: the same for all samples, or a part for each.
    Outside { slot: Slot, apart: bool },
    /// From the pattern of that number in the chain.
    Link(usize),
}

/// What runs around a chain.
pub(super) struct Around<'a> {
    pub graph: &'a Graph,
    pub fused: &'a [Option<Fused>],
    pub pool: &'a Pool,
    pub most_bytes: u64,
}

impl Chain {
    /// Runs all samples. Gives the values that are kept and tells `done` what each pattern took for all samples together.
    pub fn run(
        &self,
        around: &Around,
        values: &mut Values,
        spare: &mut Spare,
        done: &mut Option<&mut dyn FnMut(NodeTime)>,
    ) -> Result<()> {
        values.check_with(self.most_bytes(), around.most_bytes)?;
        let mut times = vec![Duration::ZERO; self.links.len()];
        let kept = |link: &Link| if link.kept { link.len } else { 0 };
        let mut made: Vec<Vec<f32>> = self.links.iter().map(|l| spare.take(kept(l))).collect();
        for first in (0..self.of).step_by(self.together) {
            for (index, time) in times.iter_mut().enumerate() {
                let started = Instant::now();
                let link = &self.links[index];
                if !link.kept {
                    made[index] = spare.take(self.pass(first).part(link.len));
                }
                self.step(index, first, around, values, &mut made)?;
                link.frees.iter().for_each(|at| spare.give_buffer(std::mem::take(&mut made[*at])));
                *time += started.elapsed();
            }
        }
        for ((link, buffer), time) in self.links.iter().zip(made).zip(times) {
            let Some(fused) = &around.fused[link.node] else { continue };
            if let Some(done) = done {
                let (name, op) = (around.graph.nodes[link.node].name.clone(), fused.name);
                done(NodeTime { name, op, time, flops: fused.flops, bytes: 4 * link.len as u64 });
            }
            if link.kept {
                values.set(link.slot, Value::Array(Array::f32(&fused.shape, buffer)?));
            }
        }
        Ok(())
    }

    /// What it reads from before.
    pub fn reads(&self) -> impl Iterator<Item = Slot> {
        self.links.iter().flat_map(|link| &link.inputs).filter_map(|source| match source {
            Source::Outside { slot, .. } => Some(*slot),
            Source::Link(_) => None,
        })
    }

    /// Bytes of the results that are there together.
    fn most_bytes(&self) -> u64 {
        let bytes = |link: &Link| {
            let len = if link.kept { link.len } else { self.pass(0).part(link.len) };
            4 * len as u64
        };
        let mut live: u64 = self.links.iter().filter(|link| link.kept).map(bytes).sum();
        let mut most = live;
        for link in &self.links {
            live += if link.kept { 0 } else { bytes(link) };
            most = most.max(live);
            live -= link.frees.iter().map(|at| bytes(&self.links[*at])).sum::<u64>();
        }
        most
    }

    /// The pass that begins with this sample.
    fn pass(&self, first: usize) -> Share {
        Share { count: self.together.min(self.of - first), of: self.of }
    }

    /// One pattern for the samples from `first` on.
    fn step(
        &self,
        index: usize,
        first: usize,
        around: &Around,
        values: &Values,
        made: &mut [Vec<f32>],
    ) -> Result<()> {
        let link = &self.links[index];
        let Some(fused) = &around.fused[link.node] else { return Ok(()) };
        let share = self.pass(first);
        let part = |len: usize| -> Range<usize> {
            let start = len / self.of * first;
            start..start + share.part(len)
        };
        // The buffer of a result that is not kept is of this pass.
        let place = |link: &Link| if link.kept { part(link.len) } else { 0..share.part(link.len) };
        let mut y = std::mem::take(&mut made[index]);
        let mut inputs = Vec::with_capacity(link.inputs.len());
        for source in &link.inputs {
            inputs.push(match *source {
                Source::Link(at) => &made[at][place(&self.links[at])],
                Source::Outside { slot, apart } => {
                    let all = Fused::input(values, slot);
                    let all = all.map_err(|e| e.in_node(around.graph.nodes[link.node].label()))?;
                    if apart { &all[part(all.len())] } else { all }
                }
            });
        }
        fused.compute(around.pool, &inputs, share, &mut y[place(link)]);
        made[index] = y;
        Ok(())
    }
}

/// What is known of a pattern while chains are looked for.
struct Candidate {
    node: usize,
    slot: Slot,
    inputs: Vec<Slot>,
    /// Which of them have samples.
    apart: Vec<bool>,
    /// Bytes of all samples: of each input and the result.
    read: Vec<u64>,
    written: u64,
    weights: u64,
}

/// Longer chains are not looked for: a block of a transformer has six to eight, and the time it takes grows with the cube.
const MOST_LINKS: usize = 48;
/// What starting a step costs, as bytes that come from far: some 5 µs.
const START_BYTES: f64 = 32768.0;
/// Half of what is touched again after so many bytes comes from far: what two or three cores have of their own, between the caches of one
/// and those all share.
const NEAR_BYTES: f64 = (8 << 20) as f64;

/// Puts patterns that follow one another into chains where that brings more than it costs. `of`: samples of the batch; `lens`:
/// elements of each slot; `reads`: how often steps and outputs read it, as what the patterns of a chain do not read is read elsewhere.
pub(super) fn link(
    steps: Vec<Step>,
    graph: &Graph,
    fused: &[Option<Fused>],
    (lens, reads): (&[Option<usize>], &[usize]),
    of: usize,
) -> Vec<Step> {
    if of < 2 {
        return steps;
    }
    let mut linked = Vec::with_capacity(steps.len());
    let mut open: Vec<Candidate> = Vec::new();
    for step in steps {
        let found = match &step {
            Step::Fused(index) => fused[*index].as_ref().and_then(|f| {
                let slot = graph.nodes[*index].outputs.first().copied().flatten()?;
                candidate(*index, slot, f, lens, of)
            }),
            _ => None,
        };
        match found {
            Some(candidate) => open.push(candidate),
            None => {
                linked.extend(cut(&std::mem::take(&mut open), reads, of));
                linked.push(step);
            }
        }
    }
    linked.extend(cut(&open, reads, of));
    linked
}

fn candidate(
    node: usize,
    slot: Slot,
    fused: &Fused,
    lens: &[Option<usize>],
    of: usize,
) -> Option<Candidate> {
    let inputs = fused.inputs.clone();
    let lens: Vec<usize> = inputs.iter().map(|slot| lens[*slot]).collect::<Option<_>>()?;
    let apart = fused.samples(&lens, of)?;
    let read = lens.iter().map(|len| 4 * *len as u64).collect();
    let written = 4 * fused.shape.iter().product::<usize>() as u64;
    Some(Candidate { node, slot, inputs, apart, read, written, weights: fused.bytes() })
}

/// How much of what is touched again after `bytes` others comes from far.
fn far(bytes: f64) -> f64 {
    bytes / (bytes + NEAR_BYTES)
}

/// A stretch of patterns in chains, by the cheapest cutting.
fn cut(stretch: &[Candidate], reads: &[usize], of: usize) -> Vec<Step> {
    let count = stretch.len();
    // For each end the cost of all before it, where its last part begins, and how many samples go together there.
    let mut best: Vec<(f64, usize, usize)> = vec![(0.0, 0, of)];
    for end in 1..=count {
        let mut least = (f64::INFINITY, end - 1, of);
        for start in (end.saturating_sub(MOST_LINKS)..end).rev() {
            let part = &stretch[start..end];
            if !is_chain(part) {
                break;
            }
            let inside = insides(part, reads);
            let mut together = 1;
            loop {
                let cost = best[start].0 + cost(part, &inside, together, of);
                if cost < least.0 {
                    least = (cost, start, together);
                }
                if together == of {
                    break;
                }
                together = (2 * together).min(of);
            }
        }
        best.push(least);
    }
    let (mut parts, mut end) = (Vec::new(), count);
    while end > 0 {
        let (_, start, together) = best[end];
        parts.push((start..end, together));
        end = start;
    }
    let mut steps = Vec::new();
    for (range, together) in parts.into_iter().rev() {
        let part = &stretch[range];
        if together == of {
            steps.extend(part.iter().map(|candidate| Step::Fused(candidate.node)));
        } else {
            steps.push(Step::Chain(chain(part, reads, (together, of))));
        }
    }
    steps
}

/// What all samples read as a whole must be there before.
fn is_chain(part: &[Candidate]) -> bool {
    part.iter().all(|reader| {
        reader
            .inputs
            .iter()
            .zip(&reader.apart)
            .all(|(slot, apart)| *apart || maker(part, *slot).is_none())
    })
}

fn maker(part: &[Candidate], slot: Slot) -> Option<usize> {
    part.iter().position(|candidate| candidate.slot == slot)
}

/// Whether nobody outside reads the result of each pattern.
fn insides(part: &[Candidate], reads: &[usize]) -> Vec<bool> {
    let here = |slot: Slot| part.iter().flat_map(|c| &c.inputs).filter(|s| **s == slot).count();
    part.iter().map(|candidate| here(candidate.slot) == reads[candidate.slot]).collect()
}

/// Bytes that come from far, and what it costs to start all steps.
fn cost(part: &[Candidate], inside: &[bool], together: usize, of: usize) -> f64 {
    let passes = of.div_ceil(together) as f64;
    let share = together as f64 / of as f64;
    let weights: f64 = part.iter().map(|candidate| candidate.weights as f64).sum();
    let mut bytes = weights * (1.0 + (passes - 1.0) * far(weights));
    for (candidate, inside) in part.iter().zip(inside) {
        let apart = candidate.read.iter().zip(&candidate.apart).filter(|(_, apart)| **apart);
        let all = candidate.written as f64 + apart.map(|(bytes, _)| *bytes as f64).sum::<f64>();
        let of_result = if *inside { share } else { 1.0 };
        bytes += candidate.written as f64 * far(all * of_result);
        for (at, slot) in candidate.inputs.iter().enumerate().filter(|(at, _)| candidate.apart[*at])
        {
            let near = maker(part, *slot).is_some();
            bytes += candidate.read[at] as f64 * far(all * if near { share } else { 1.0 });
        }
    }
    bytes + passes * part.len() as f64 * START_BYTES
}

fn chain(part: &[Candidate], reads: &[usize], (together, of): (usize, usize)) -> Chain {
    let inside = insides(part, reads);
    let source = |slot: Slot, apart: bool| match maker(part, slot) {
        Some(at) => Source::Link(at),
        None => Source::Outside { slot, apart },
    };
    let last = |slot: Slot| part.iter().rposition(|reader| reader.inputs.contains(&slot));
    let link = |(index, candidate): (usize, &Candidate)| Link {
        node: candidate.node,
        slot: candidate.slot,
        inputs: candidate
            .inputs
            .iter()
            .zip(&candidate.apart)
            .map(|(s, a)| source(*s, *a))
            .collect(),
        kept: !inside[index],
        len: candidate.written as usize / 4,
        frees: (0..index).filter(|at| inside[*at] && last(part[*at].slot) == Some(index)).collect(),
    };
    Chain { links: part.iter().enumerate().map(link).collect(), of, together }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Patterns one behind the other, each with its weights and what a sample of its result takes, in MiB; eight samples.
    fn row(sizes: &[(u64, u64)]) -> Vec<Candidate> {
        let mut read = MIB;
        let one = |(node, &(weights, written)): (usize, &(u64, u64))| {
            let before = std::mem::replace(&mut read, 8 * written * MIB);
            Candidate {
                node,
                slot: node + 1,
                inputs: vec![node],
                apart: vec![true],
                read: vec![before],
                written: 8 * written * MIB,
                weights: weights * MIB,
            }
        };
        sizes.iter().enumerate().map(one).collect()
    }

    /// First and last node of each step, and the samples that go together.
    fn parts(stretch: &[Candidate], reads: &[usize]) -> Vec<(usize, usize, usize)> {
        let part = |step: &Step| match step {
            Step::Chain(c) => (c.links[0].node, c.links[c.links.len() - 1].node, c.together),
            Step::Fused(node) => (*node, *node, 8),
            _ => (usize::MAX, usize::MAX, 0),
        };
        cut(stretch, reads, 8).iter().map(part).collect()
    }

    #[test]
    fn samples_go_alone_where_they_are_large_and_together_where_weights_are() {
        let large = row(&[(0, 4), (0, 4), (0, 4)]);
        assert_eq!(parts(&large, &[1; 4]), [(0, 2, 1)]);
        let heavy = row(&[(90, 1), (90, 1)]);
        assert_eq!(parts(&heavy, &[1; 3]), [(0, 0, 8), (1, 1, 8)]);
        let both = row(&[(0, 4), (0, 4), (90, 1), (90, 1)]);
        assert_eq!(parts(&both, &[1; 5]), [(0, 1, 1), (2, 2, 8), (3, 3, 8)]);
    }

    #[test]
    fn what_somebody_else_reads_is_kept_and_the_rest_given_back() {
        let stretch = row(&[(0, 4), (0, 4), (0, 4), (0, 4)]);
        // The second result is read once more elsewhere.
        let steps = cut(&stretch, &[1, 1, 2, 1, 1], 8);
        let [Step::Chain(chain)] = &steps[..] else { panic!("{} steps", steps.len()) };
        let kept: Vec<bool> = chain.links.iter().map(|link| link.kept).collect();
        assert_eq!(kept, [false, true, false, true]);
        let frees: Vec<&[usize]> = chain.links.iter().map(|link| &link.frees[..]).collect();
        assert_eq!(frees, [&[][..], &[0], &[], &[2]]);
        // Two results of all samples, one of a sample.
        assert_eq!(chain.most_bytes(), (2 * 32 + 4) * MIB);
        assert!(matches!(chain.links[0].inputs[..], [Source::Outside { slot: 0, apart: true }]));
        assert!(matches!(chain.links[2].inputs[..], [Source::Link(1)]));
    }

    #[test]
    fn what_all_samples_read_is_made_before_the_chain() {
        let mut stretch = row(&[(0, 4), (0, 4), (0, 4)]);
        // The last one reads all of the first, as a bias that all samples share.
        stretch[2].inputs.push(1);
        stretch[2].apart.push(false);
        stretch[2].read.push(32 * MIB);
        let parts = parts(&stretch, &[1, 2, 1, 0]);
        assert!(parts.iter().all(|(first, last, _)| *first > 0 || *last < 2), "{parts:?}");
    }
}
