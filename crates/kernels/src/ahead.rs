//! Weights that are read next, asked for while the products of a layer run.
//!
//! ```text
//! layer        product │ product │ product │ …      a few lines of the next layer's weights with every eighth step of a tile
//! next layer             finds them in the second-level cache
//! ```
//! A layer of few positions waits for its weights as long as it multiplies by them, and the layer before it has memory to spare. What is
//! asked for is a hint: no result depends on it.

use crate::gemm::tile::STEPS;
use crate::shared::share;

/// Most bytes a thread asks for: what a layer reads itself has to stay in its second-level cache too.
pub(crate) const MOST: usize = 640 << 10;
/// Elements of a cache line.
const LINE: usize = 16;

/// The packed weights of the layer that comes next, from [`PackedConv::ahead`](crate::PackedConv::ahead).
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    weights: &'a [f32],
    /// Each thread reads its share of them alone, not all.
    shared_out: bool,
}

impl<'a> Ahead<'a> {
    pub(crate) fn new(weights: &'a [f32], shared_out: bool) -> Ahead<'a> {
        Ahead { weights, shared_out }
    }

    /// What one of `tasks` tasks asks for, so that each of the threads has what it will read when all have ended.
    pub(crate) fn part(&self, threads: usize, task: usize, tasks: usize) -> &'a [f32] {
        let most = MOST / size_of::<f32>();
        if self.shared_out {
            let weights = &self.weights[..self.weights.len().min(most * threads)];
            return &weights[share(weights.len(), tasks, task)];
        }
        let each = tasks.div_ceil(threads.max(1)).max(1);
        let weights = &self.weights[..self.weights.len().min(most)];
        &weights[share(weights.len(), each, task % each)]
    }
}

/// What is still to be asked for, evenly over the steps of a task.
pub(crate) struct Asking<'a> {
    left: &'a [f32],
    lines: usize,
}

impl<'a> Asking<'a> {
    /// For tiles that are `steps` steps deep, all together.
    pub fn new(weights: &'a [f32], steps: usize) -> Asking<'a> {
        let lines = weights.len().div_ceil(LINE);
        Asking { left: weights, lines: lines.div_ceil((steps / STEPS).max(1)) }
    }

    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// What tiles that are `depth` steps deep, all together, ask for: where it begins, and how many lines with every [`STEPS`].
    pub fn take(&mut self, depth: usize) -> (*const f32, usize) {
        let lines = if self.is_done() { 0 } else { self.lines };
        let (now, left) =
            self.left.split_at((lines * depth.div_ceil(STEPS) * LINE).min(self.left.len()));
        self.left = left;
        (now.as_ptr(), lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_of_a_thread_ask_for_all_it_will_read() {
        let weights = vec![0.0; 10_007];
        let read = |shared_out, threads, tasks, of: std::ops::Range<usize>| -> usize {
            let ahead = Ahead::new(&weights, shared_out);
            of.map(|task| ahead.part(threads, task, tasks).len()).sum()
        };
        assert_eq!(read(true, 2, 9, 0..9), weights.len());
        assert_eq!(read(false, 2, 8, 0..4), weights.len());
        assert_eq!(read(false, 2, 8, 4..8), weights.len());
        assert_eq!(read(false, 1, 3, 0..3), weights.len());
        assert_eq!(Ahead::new(&[], false).part(2, 0, 1).len(), 0);
    }

    #[test]
    fn asking_ends_within_the_steps_there_are() {
        let weights = vec![0.0; 16 * 1000 + 3];
        let mut asking = Asking::new(&weights, 10 * 192);
        let mut lines = 0;
        for _ in 0..10 {
            let (_, each) = asking.take(192);
            lines += each * 192 / STEPS;
        }
        assert!(asking.is_done() && lines >= 1001, "{lines} lines");
        assert_eq!(asking.take(192).1, 0);
        assert!(Asking::new(&[], 0).is_done());
    }
}
