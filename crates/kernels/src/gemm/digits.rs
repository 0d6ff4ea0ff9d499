//! The matrix product on tiles of digits ([`crate::digits`]): the rows of `a` are split as they are met, `b` was when it was packed.
//!
//! ```text
//!             b  [block of depth][sixteen columns][steps][digit]…      columns of a task, at most [`COLUMNS`] at a time: half of the second level
//!             ┌──┬──┬──┬──┬─
//!             │  │▒▒│  │  │        32 rows of a stay in the nearest cache while they pass by
//! a ┌──────┐  └──┴──┴──┴──┴─
//!   │▒▒▒▒▒▒│ rows of a task       split by the task itself, a block of the depth at a time, where it has all columns or they are few;
//!   └──────┘                      for all tasks before the first, where these share many rows
//! ```

use super::Cut;
use crate::conv::Epilogue;
use crate::digits::{self, Ending, SIDE, Tiles};
use crate::gemm::tile::Tile;
use crate::memory::Floats;
use crate::shared::{Shared, share};
use crate::{Activation, Pool};
use std::cell::RefCell;
use std::ops::Range;

/// Rows that go through the tiles together.
const TALL: usize = 2 * SIDE;
/// Rows that every task may split for itself.
const FEW: usize = 64;
/// Panels of sixteen columns that stay near: 768 KiB with a whole block.
const COLUMNS: usize = 64;

thread_local! {
    /// Digits of rows.
    static ROOM: RefCell<Floats> = RefCell::new(Floats::zeros(0));
}

/// The digits of a constant factor `[k][n]`.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    k: usize,
    n: usize,
    /// `[block of depth][sixteen columns]`, as B of a tile.
    digits: Floats,
    /// `[block of depth][column]`, whole panels.
    steps: Vec<f32>,
}

/// Digits of rows for one block of the depth: panels of sixteen, and each row's step.
#[derive(Clone, Copy)]
struct Rows {
    digits: *const f32,
    steps: *const f32,
}

impl Digits {
    /// Splits `b`, `[k][n]` or, if `transposed`, `[n][k]`.
    pub fn new(k: usize, n: usize, b: &[f32], transposed: bool) -> Digits {
        let panels = n.div_ceil(SIDE);
        let (number, step) = digits::blocks(k);
        let mut split = Floats::for_weights(digits::room(k) * panels);
        let mut steps = vec![0.0; number * panels * SIDE];
        let mut columns = vec![0.0; step * SIDE];
        for block in 0..number {
            let from = (block * step).min(k);
            let depth = step.min(k - from);
            for panel in 0..panels {
                let first = panel * SIDE;
                let wide = SIDE.min(n - first);
                for (i, row) in columns.chunks_exact_mut(SIDE).take(depth).enumerate() {
                    for (j, to) in row[..wide].iter_mut().enumerate() {
                        *to = match transposed {
                            true => b[(first + j) * k + from + i],
                            false => b[(from + i) * n + first + j],
                        };
                    }
                    row[wide..].fill(0.0);
                }
                let at = digits::room(from) * panels + digits::room(depth) * panel;
                let to = &mut split[at..][..digits::room(depth)];
                let steps = &mut steps[(block * panels + panel) * SIDE..][..SIDE];
                digits::split_columns(&columns, SIDE, depth, to, steps);
            }
        }
        Digits { k, n, digits: split, steps }
    }

    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        (self.digits.len() + self.steps.len()) * size_of::<f32>()
    }

    /// `c = act(a · b + bias + residual)`; slices have been checked, and `c` is not empty.
    pub fn run(&self, pool: &Pool, m: usize, a: &[f32], e: &Epilogue, c: &mut [f32]) {
        let panels = self.n.div_ceil(SIDE);
        let (number, step) = digits::blocks(self.k);
        let cut = Cut::new(m, [panels, panels], TALL, pool.threads());
        let out = Shared::new(c);
        let block = |rows: Range<usize>, columns: Range<usize>, block: usize, a: Rows| {
            // SAFETY: the set was supported when `b` was packed; the rows' digits are there, and this part of `c` is the task's.
            unsafe { self.block((rows, columns), block, a, e, &out) }
        };
        if cut.across > 1 && m > FEW {
            // Rows of a block, one behind the other.
            let high = m.next_multiple_of(SIDE);
            let room = |block: usize| digits::room((block * step).min(self.k)) * (high / SIDE);
            ROOM.with_borrow_mut(|split| {
                let steps_at = room(number);
                let split = grown(split, steps_at + number * high);
                let whole = Shared::new(split);
                pool.run(high / SIDE * number, |task| {
                    let (panel, block) = (task / number, task % number);
                    let from = block * step;
                    let depth = step.min(self.k - from.min(self.k));
                    // SAFETY: each panel and block is one task's.
                    let (to, steps) = unsafe {
                        let to = room(block) + panel * digits::room(depth);
                        let steps = steps_at + block * high + panel * SIDE;
                        (whole.part(to, digits::room(depth)), whole.part(steps, SIDE))
                    };
                    self.split((a, m), panel, from..from + depth, to, steps);
                });
                let split = whole.pointer().cast_const();
                let split = Sent(split);
                pool.run(cut.down * cut.across, |task| {
                    let (rows, columns) = self.part(&cut, m, task);
                    for chunk in chunks(columns) {
                        for number in 0..number {
                            let depth = step.min(self.k - (number * step).min(self.k));
                            let panel = rows.start / SIDE;
                            // SAFETY: inside what has been split.
                            let own = unsafe {
                                let digits =
                                    split.get().add(room(number) + panel * digits::room(depth));
                                let steps = split.get().add(steps_at + number * high + rows.start);
                                Rows { digits, steps }
                            };
                            block(rows.clone(), chunk.clone(), number, own);
                        }
                    }
                });
            });
            return;
        }
        pool.run(cut.down * cut.across, |task| {
            let (rows, columns) = self.part(&cut, m, task);
            let high = rows.len().next_multiple_of(SIDE);
            ROOM.with_borrow_mut(|split| {
                let each = digits::room(step);
                let split = grown(split, high / SIDE * each + high);
                let (split, steps) = split.split_at_mut(high / SIDE * each);
                for chunk in chunks(columns) {
                    for number in 0..number {
                        let from = (number * step).min(self.k);
                        let depth = step.min(self.k - from);
                        let first = rows.start / SIDE;
                        for panel in 0..high / SIDE {
                            let to =
                                &mut split[panel * digits::room(depth)..][..digits::room(depth)];
                            let steps = &mut steps[panel * SIDE..][..SIDE];
                            self.split((a, m), first + panel, from..from + depth, to, steps);
                        }
                        let own = Rows { digits: split.as_ptr(), steps: steps.as_ptr() };
                        block(rows.clone(), chunk.clone(), number, own);
                    }
                }
            });
        });
    }

    /// Rows and panels of columns of a task.
    fn part(&self, cut: &Cut, m: usize, task: usize) -> (Range<usize>, Range<usize>) {
        let rows = share(m.div_ceil(TALL), cut.down, task / cut.across);
        let columns = share(self.n.div_ceil(SIDE), cut.across, task % cut.across);
        (rows.start * TALL..(rows.end * TALL).min(m), columns)
    }

    /// The digits of some terms of sixteen rows.
    fn split(
        &self,
        (a, m): (&[f32], usize),
        panel: usize,
        terms: Range<usize>,
        to: &mut [f32],
        steps: &mut [f32],
    ) {
        let first = panel * SIDE;
        let a = &a[first * self.k + terms.start..];
        digits::split_rows(a, self.k, SIDE.min(m - first), terms.len(), to, steps);
    }

    /// Adds a block of the depth to some rows and columns.
    ///
    /// # Safety
    /// The processor has tiles; `a` are the rows' digits of this block; the part of `out` is no other task's.
    unsafe fn block(
        &self,
        (rows, columns): (Range<usize>, Range<usize>),
        block: usize,
        a: Rows,
        e: &Epilogue,
        out: &Shared,
    ) {
        let (n, panels) = (self.n, self.n.div_ceil(SIDE));
        let (number, step) = digits::blocks(self.k);
        let from = (block * step).min(self.k);
        let depth = step.min(self.k - from);
        let (last, each) = (block + 1 == number, digits::room(depth));
        let pick = |v: Option<&[f32]>, at: usize| match v {
            Some(v) if last => v[at..].as_ptr(),
            _ => std::ptr::null(),
        };
        let activation = match e.activation {
            Activation::Relu => Activation::Identity,
            activation if last => activation,
            _ => Activation::Identity,
        };
        // SAFETY: by the contract.
        let mut tiles = unsafe { Tiles::new() };
        for row in rows.clone().step_by(TALL) {
            for panel in columns.clone() {
                let column = panel * SIDE;
                let at = row * n + column;
                let tile = Tile {
                    depth,
                    a: std::ptr::null(),
                    a_stride: 0,
                    b: std::ptr::null(),
                    // SAFETY: an element of the output.
                    c: unsafe { out.pointer().add(at) },
                    stride: n,
                    rows: TALL.min(rows.end - row),
                    columns: SIDE.min(n - column),
                    add: block > 0,
                    row_bias: std::ptr::null(),
                    column_bias: pick(e.bias, column),
                    residual: pick(e.residual, at),
                    relu: last && e.activation == Activation::Relu,
                    ahead: std::ptr::null(),
                    ahead_lines: 0,
                    // Later blocks find it near.
                    distant: block == 0 || last && e.residual.is_some(),
                };
                let b = &self.digits[digits::room(from) * panels + each * panel..][..each];
                let steps = &self.steps[(block * panels + panel) * SIDE..][..SIDE];
                // SAFETY: by the contract; panels are whole.
                unsafe {
                    let own = (row - rows.start) / SIDE;
                    let row_steps = a.steps.add(own * SIDE);
                    let to = Ending { tile, activation, row_steps, column_steps: steps.as_ptr() };
                    let factors = [a.digits.add(own * each), b.as_ptr()];
                    tiles.product(depth.div_ceil(digits::STEP), factors, &to);
                }
            }
        }
    }
}

/// A pointer to memory that tasks only read.
struct Sent(*const f32);

// SAFETY: what it points to is only read.
unsafe impl Sync for Sent {}

impl Sent {
    fn get(&self) -> *const f32 {
        self.0
    }
}

/// Some panels at a time.
fn chunks(panels: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let parts = panels.len().div_ceil(COLUMNS).max(1);
    (0..parts).map(move |part| {
        let part = share(panels.len(), parts, part);
        panels.start + part.start..panels.start + part.end
    })
}

/// At least so many numbers.
fn grown(room: &mut Floats, len: usize) -> &mut [f32] {
    if room.len() < len {
        *room = Floats::zeros(len);
    }
    &mut room[..len]
}
