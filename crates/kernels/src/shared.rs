//! One output slice, many tasks: the only way tasks of a [`Pool`](crate::Pool) write, and the length checks.

use crate::Pool;
use std::marker::PhantomData;
use std::ops::Range;

/// A mutable slice handed to all tasks of one parallel loop; each takes the part that is its own.
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `Shared` only gives out ranges through `part` and `pointer`, whose callers promise disjointness.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub fn new(slice: &'a mut [f32]) -> Shared<'a> {
        Shared { start: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// Elements `from..from + len`. Panics outside the slice.
    ///
    /// # Safety
    /// No two tasks that may run at the same time ask for overlapping ranges.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, from: usize, len: usize) -> &mut [f32] {
        assert!(from <= self.len && len <= self.len - from, "part {from}+{len} of {}", self.len);
        // SAFETY: in bounds by the assertion; disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }

    /// The start of the slice, for kernels that write tiles of a matrix whose rows interleave with another task's.
    pub fn pointer(&self) -> *mut f32 {
        self.start
    }
}

/// Panics unless a slice has the length its shape asks for, naming both.
#[track_caller]
pub(crate) fn check(what: &str, actual: usize, expected: usize) {
    assert!(actual == expected, "{what} has {actual} elements, its shape asks for {expected}");
}

/// Splits `0..n` in contiguous pieces of about `grain` elements, few enough to be worth a task each and, where there are more than
/// threads, so many that each thread gets as many as the others: their number, and the length of all but the last.
pub(crate) fn pieces(pool: &Pool, n: usize, grain: usize) -> (usize, usize) {
    let tasks = n.div_ceil(grain.max(1)).clamp(1, 64);
    let even = if tasks > pool.threads() { tasks.next_multiple_of(pool.threads()) } else { tasks };
    let step = n.div_ceil(even).max(1);
    (n.div_ceil(step), step)
}

/// Calls `f` with the number of each row of `y`, of `width` elements, and the row itself, some rows a task.
pub(crate) fn each_row(
    pool: &Pool,
    width: usize,
    y: &mut [f32],
    f: impl Fn(usize, &mut [f32]) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let rows = y.len() / width;
    let (tasks, step) = pieces(pool, rows, (1usize << 13).div_ceil(width));
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for row in task * step..((task + 1) * step).min(rows) {
            // SAFETY: each row belongs to one task.
            f(row, unsafe { out.part(row * width, width) });
        }
    });
}

/// Part `index` of `0..n` cut in `parts` that differ by one at most.
pub(crate) fn share(n: usize, parts: usize, index: usize) -> Range<usize> {
    n * index / parts..n * (index + 1) / parts
}
