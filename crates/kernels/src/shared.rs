//! One output slice, many tasks: the only way tasks of a [`Pool`](crate::Pool) write, and the length checks.

use std::marker::PhantomData;

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

/// Splits `0..n` in contiguous pieces of about `grain` elements, few enough to be worth a task each.
pub(crate) fn pieces(n: usize, grain: usize) -> (usize, usize) {
    let tasks = n.div_ceil(grain.max(1)).clamp(usize::from(n > 0), 64);
    (tasks, n.div_ceil(tasks.max(1)))
}

/// Numbers that start on a cache line: a vector load that straddles two lines costs double.
#[derive(Clone, Debug)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

impl Default for Aligned {
    fn default() -> Aligned {
        Aligned::zeros(0)
    }
}

impl Aligned {
    /// At least `len` elements, of any value.
    pub fn grow(&mut self, len: usize) {
        if self.len < len {
            *self = Aligned::zeros(len);
        }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Aligned {
        Aligned { lines: vec![Line([0.0; 16]); len.div_ceil(16)], len }
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `lines` are `16 · lines.len() ≥ len` floats without gaps (`Line` is as large as its array).
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
