//! The products of Winograd's filtering on tiles of digits ([`crate::digits`]), where channels are many.
//!
//! ```text
//! weights of a point   split once      [block of depth][sixteen out channels]
//! V of a point         [tiles][in]     split as it is met, up to 96 tiles at a time; M takes the sums as it takes those of the register tile
//! ```
//! A row of V shares a step, so what a number of it errs by depends on the greatest of its channels at that point. The transforms add to errors as they
//! do to those of single precision.

use super::Winograd;
use super::weights::{Kernels, LANES};
use crate::Activation;
use crate::conv::shape::ConvShape;
use crate::digits::{self, Ending, SIDE, STEP, Tiles};
use crate::gemm::tile::Tile;
use crate::memory::Floats;
use std::ops::Range;

/// Out channels are transformed sixteen at a time, and split so.
const _: () = assert!(LANES == SIDE);
/// Rows that go through the tiles together.
const TALL: usize = 2 * SIDE;
/// Rows that are split together.
const ROWS: usize = 3 * TALL;

/// Weights of all points.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    /// `[point][block of depth][sixteen out channels]`, as B of a tile.
    pub digits: Floats,
    /// `[point][block of depth][out channel]`.
    steps: Vec<f32>,
    /// Where each point begins in the two.
    starts: Vec<[usize; 2]>,
}

/// Elements of scratch memory of a thread.
pub(super) fn room(depth: usize) -> usize {
    let most = digits::terms(depth, 0).len();
    (ROWS / SIDE * digits::room(most) + ROWS).next_multiple_of(16)
}

/// Bytes of the digits of weights that are `bytes` as floats: three quarters, the depth filled up to whole steps.
pub(in super::super) fn bytes(bytes: usize, ins: usize) -> usize {
    let filled = ins.next_multiple_of(STEP) as f64 / ins.max(1) as f64;
    (bytes as f64 * 0.75 * filled).ceil() as usize
}

impl Digits {
    /// Splits the weights of `w`, `[out][in][kernel]`, sixteen out channels at a time.
    pub fn new(w: &Winograd, s: &ConvShape, weight: &[f32]) -> Digits {
        let [_, outs] = w.rows();
        let panels = outs / SIDE;
        let mut starts = vec![[0, 0]];
        // The same of the sixteen channels that are being split, as floats.
        let mut own = vec![0];
        for xi in 0..w.points() {
            let (depth, [digits, steps]) = (w.depth(xi), starts[xi]);
            let number = digits::blocks(depth).0;
            starts.push([digits + digits::room(depth) * panels, steps + number * outs]);
            own.push(own[xi] + depth * SIDE);
        }
        let [all, all_steps] = starts[w.points()];
        let (mut split, mut steps) = (Floats::for_weights(all), vec![0.0; all_steps]);
        let mut columns = vec![0.0; own[w.points()]];
        let mut kernels = Kernels::new(w.step);
        for (panel, some) in w.lanes().enumerate() {
            w.transform(s, weight, &some, &mut kernels, |xi, row, u| {
                columns[own[xi] + row * SIDE..][..SIDE].copy_from_slice(u);
            });
            for xi in 0..w.points() {
                let (depth, [start, first]) = (w.depth(xi), starts[xi]);
                for block in 0..digits::blocks(depth).0 {
                    let terms = digits::terms(depth, block);
                    let each = digits::room(terms.len());
                    let to = start + digits::room(terms.start) * panels + each * panel;
                    let steps = &mut steps[first + block * outs + panel * SIDE..][..SIDE];
                    let columns = &columns[own[xi] + terms.start * SIDE..];
                    let to = &mut split[to..][..each];
                    digits::split_columns(columns, SIDE, terms.len(), to, steps);
                }
            }
        }
        Digits { digits: split, steps, starts }
    }

    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        (self.digits.len() + self.steps.len()) * size_of::<f32>()
    }

    /// `M = V U` of one point for some out channels, whole panels; `room` is scratch memory of [`room`] elements.
    ///
    /// # Safety
    /// The processor has tiles; `v` and `m` have `tiles` rows, and no other task writes there.
    pub unsafe fn product(
        &self,
        w: &Winograd,
        xi: usize,
        tiles: usize,
        channels: Range<usize>,
        (v, m): (*const f32, *mut f32),
        room: &mut [f32],
    ) {
        let ([row, outs], depth) = (w.rows(), w.depth(xi));
        let (number, panels) = (digits::blocks(depth).0, outs / SIDE);
        let [start, first] = self.starts[xi];
        let (split, row_steps) = room.split_at_mut(room.len() - ROWS);
        // SAFETY: by the contract.
        let mut products = unsafe { Tiles::new() };
        for from in (0..tiles).step_by(ROWS) {
            let rows = ROWS.min(tiles - from);
            for block in 0..number {
                let terms = digits::terms(depth, block);
                let each = digits::room(terms.len());
                for at in (0..rows).step_by(SIDE) {
                    let count = SIDE.min(rows - at);
                    let reach = (count - 1) * row + terms.len();
                    // SAFETY: rows of V, by the contract.
                    let a = unsafe {
                        let a = v.add((from + at) * row + terms.start);
                        std::slice::from_raw_parts(a, reach)
                    };
                    let to = &mut split[at / SIDE * each..][..each];
                    digits::split_rows(
                        a,
                        row,
                        count,
                        terms.len(),
                        to,
                        &mut row_steps[at..][..SIDE],
                    );
                }
                let b = start + digits::room(terms.start) * panels;
                let steps = &self.steps[first + block * outs..];
                for at in (0..rows).step_by(TALL) {
                    for panel in channels.start / SIDE..channels.end / SIDE {
                        let tile = Tile {
                            depth: terms.len(),
                            a: std::ptr::null(),
                            a_stride: 0,
                            b: std::ptr::null(),
                            // SAFETY: an element of M, by the contract.
                            c: unsafe { m.add((from + at) * outs + panel * SIDE) },
                            stride: outs,
                            rows: TALL.min(rows - at),
                            columns: SIDE,
                            add: block > 0,
                            row_bias: std::ptr::null(),
                            column_bias: std::ptr::null(),
                            residual: std::ptr::null(),
                            relu: false,
                            ahead: std::ptr::null(),
                            ahead_lines: 0,
                            distant: false,
                            far: false,
                        };
                        let to = Ending {
                            tile,
                            activation: Activation::Identity,
                            row_steps: row_steps[at..].as_ptr(),
                            column_steps: steps[panel * SIDE..][..SIDE].as_ptr(),
                        };
                        let b = &self.digits[b + each * panel..][..each];
                        let steps = terms.len().div_ceil(STEP);
                        let a = digits::Rows::packed(split[at / SIDE * each..].as_ptr(), steps);
                        // SAFETY: the digits of these rows have been written, those of the columns are there, by the slice; M is the task's.
                        unsafe {
                            products.product(steps, a, b.as_ptr(), &to);
                        }
                    }
                }
            }
        }
    }
}
