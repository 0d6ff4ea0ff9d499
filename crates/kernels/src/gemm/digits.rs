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
struct Rows<'a> {
    digits: &'a [f32],
    steps: &'a [f32],
}

/// A product that runs.
struct Product<'a> {
    m: usize,
    a: &'a [f32],
    e: &'a Epilogue<'a>,
    out: Shared<'a>,
    cut: Cut,
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
            let terms = digits::terms(k, block);
            let (from, depth) = (terms.start, terms.len());
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
        let cut = Cut::new(m, [panels, panels], TALL, pool.threads());
        let product = Product { m, a, e, out: Shared::new(c), cut };
        if product.cut.across > 1 && m > FEW {
            ROOM.with_borrow_mut(|room| self.split_first(pool, &product, room));
        } else {
            let Cut { down, across } = product.cut;
            pool.run(down * across, |task| {
                ROOM.with_borrow_mut(|room| self.split_in_turn(&product, task, room));
            });
        }
    }

    /// All rows are split, then multiplied.
    fn split_first(&self, pool: &Pool, product: &Product, room: &mut Floats) {
        let number = digits::blocks(self.k).0;
        let panels = product.m.div_ceil(SIDE);
        // Blocks one behind the other, then their steps.
        let from = |block: usize| digits::room(self.terms(block).start) * panels;
        let end = digits::room(self.k) * panels;
        let (split, steps) = grown(room, end + number * panels * SIDE).split_at_mut(end);
        let (split_to, steps_to) = (Shared::new(split), Shared::new(steps));
        pool.run(panels * number, |task| {
            let (panel, block) = (task / number, task % number);
            let each = digits::room(self.terms(block).len());
            // SAFETY: each panel of a block is one task's.
            let (to, steps) = unsafe {
                let steps = steps_to.part((block * panels + panel) * SIDE, SIDE);
                (split_to.part(from(block) + panel * each, each), steps)
            };
            self.split(product, panel, block, to, steps);
        });
        let (split, steps) = (&*split, &*steps);
        pool.run(product.cut.down * product.cut.across, |task| {
            let (rows, columns) = self.part(product, task);
            let first = rows.start / SIDE;
            for chunk in chunks(columns) {
                for block in 0..number {
                    let each = digits::room(self.terms(block).len());
                    let digits = &split[from(block) + first * each..];
                    let steps = &steps[(block * panels + first) * SIDE..];
                    self.block(
                        product,
                        (rows.clone(), chunk.clone()),
                        block,
                        Rows { digits, steps },
                    );
                }
            }
        });
    }

    /// The rows of a task are split as it comes to them.
    fn split_in_turn(&self, product: &Product, task: usize, room: &mut Floats) {
        let (number, step) = digits::blocks(self.k);
        let (rows, columns) = self.part(product, task);
        let panels = rows.len().div_ceil(SIDE);
        let end = digits::room(step) * panels;
        let (split, steps) = grown(room, end + panels * SIDE).split_at_mut(end);
        for chunk in chunks(columns) {
            for block in 0..number {
                let each = digits::room(self.terms(block).len());
                for panel in 0..panels {
                    let to = &mut split[panel * each..][..each];
                    let steps = &mut steps[panel * SIDE..][..SIDE];
                    self.split(product, rows.start / SIDE + panel, block, to, steps);
                }
                let own = Rows { digits: split, steps };
                self.block(product, (rows.clone(), chunk.clone()), block, own);
            }
        }
    }

    /// The terms of a block.
    fn terms(&self, block: usize) -> Range<usize> {
        digits::terms(self.k, block)
    }

    /// Rows and panels of columns of a task.
    fn part(&self, product: &Product, task: usize) -> (Range<usize>, Range<usize>) {
        let Product { m, cut, .. } = product;
        let rows = share(m.div_ceil(TALL), cut.down, task / cut.across);
        let columns = share(self.n.div_ceil(SIDE), cut.across, task % cut.across);
        (rows.start * TALL..(rows.end * TALL).min(*m), columns)
    }

    /// The digits of a block of sixteen rows.
    fn split(
        &self,
        product: &Product,
        panel: usize,
        block: usize,
        to: &mut [f32],
        steps: &mut [f32],
    ) {
        let (first, terms) = (panel * SIDE, self.terms(block));
        let a = &product.a[first * self.k + terms.start..];
        digits::split_rows(a, self.k, SIDE.min(product.m - first), terms.len(), to, steps);
    }

    /// Adds a block of the depth to some rows and columns of a task, whose digits of it are `a`.
    fn block(
        &self,
        Product { e, out, .. }: &Product,
        (rows, columns): (Range<usize>, Range<usize>),
        block: usize,
        a: Rows,
    ) {
        let (n, panels) = (self.n, self.n.div_ceil(SIDE));
        let number = digits::blocks(self.k).0;
        let (from, depth) = (self.terms(block).start, self.terms(block).len());
        let (last, each) = (block + 1 == number, digits::room(depth));
        let pick = |v: Option<&[f32]>, at: usize| match v {
            Some(v) if last => v[at..].as_ptr(),
            _ => std::ptr::null(),
        };
        let activation = digits::activation_of(e.activation, last);
        assert!(a.steps.len() >= rows.len().next_multiple_of(SIDE));
        assert!(a.digits.len() >= rows.len().div_ceil(SIDE) * each);
        // SAFETY: the set was supported when `b` was packed.
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
                    far: false,
                };
                let b = &self.digits[digits::room(from) * panels + each * panel..][..each];
                let steps = &self.steps[(block * panels + panel) * SIDE..][..SIDE];
                let own = (row - rows.start) / SIDE;
                let row_steps = a.steps[own * SIDE..].as_ptr();
                let to = Ending { tile, activation, row_steps, column_steps: steps.as_ptr() };
                let steps = depth.div_ceil(digits::STEP);
                let a = digits::Rows::packed(a.digits[own * each..].as_ptr(), steps);
                // SAFETY: the digits of the rows are there, by the assertions, those of the columns by the slice; this part of the output is
                // the task's.
                unsafe { tiles.product(steps, a, b.as_ptr(), &to) };
            }
        }
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
