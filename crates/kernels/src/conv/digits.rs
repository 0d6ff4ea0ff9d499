//! Convolution as an implicit matrix product on tiles of digits ([`crate::digits`]): output `[out][positions]` = weights `[out][in·taps]` ×
//! input panels (`pack.rs`).
//!
//! ```text
//! weights  split once    [block of depth][sixteen out channels][steps][digit]…
//! task     some panels of positions × some out channels; per block of depth:
//!            for each few panels of positions: fill them side by side, split them, sixteen positions at a time; then for every 32 out
//!            channels, whose digits stay in the nearest cache, run the tiles over all of these
//! ```
//! Every output element is summed block after block in order of depth, whatever the sharing.

use super::gemm::{Part, Sharing, Units};
use super::pack::{Fill, Geometry, Runs};
use super::shape::{ConvArgs, ConvShape};
use crate::digits::{self, Ending, SIDE, Tiles};
use crate::gemm::tile::{self, Tile};
use crate::memory::Floats;
use crate::shared::Shared;
use crate::{Activation, Isa, Pool};

/// Out channels that go through the tiles together.
const TALL: usize = 2 * SIDE;
/// Panels of positions filled together.
const TOGETHER: usize = 4;
/// Sixteens of these: no panel is wider than 64.
const SIXTEENS: usize = 4 * TOGETHER;
/// What filling and splitting an element costs, in multiply-adds of tiles, which take a third of the time of others.
const FILL: usize = 90;

/// Weights as digits, and where they read.
#[derive(Clone, Debug)]
pub(crate) struct Digits {
    /// The set of its vectors.
    isa: Isa,
    ins: usize,
    outs: usize,
    geometry: Geometry,
    /// `[block of depth][sixteen out channels]`, as A of a tile.
    weight: Floats,
    /// `[block of depth][out channel]`, whole panels.
    steps: Vec<f32>,
}

impl Digits {
    /// Whether a convolution can be done so.
    pub fn suits(s: &ConvShape) -> bool {
        s.groups == 1 && s.in_channels > 0
    }

    /// Bytes of the digits of its weights.
    pub fn bytes_of(s: &ConvShape) -> usize {
        let depth = s.in_channels * s.kernel.iter().product::<usize>();
        s.out_channels.div_ceil(SIDE) * digits::room(depth) * size_of::<f32>()
    }

    /// Splits the weights of a convolution of one group, `[out][in][kd][kh][kw]`.
    pub fn new(isa: Isa, shape: &ConvShape, output: [usize; 3], weight: &[f32]) -> Digits {
        let geometry = Geometry::of(shape, output);
        let (ins, outs) = (shape.in_channels, shape.out_channels);
        let depth = ins * geometry.taps();
        let panels = outs.div_ceil(SIDE);
        let (blocks, _) = digits::blocks(depth);
        let mut split = Floats::for_weights(panels * digits::room(depth));
        let mut steps = vec![0.0; blocks * panels * SIDE];
        for block in 0..blocks {
            let terms = digits::terms(depth, block);
            let (from, terms) = (terms.start, terms.len());
            for panel in 0..panels {
                let first = panel * SIDE;
                let at = digits::room(from) * panels + digits::room(terms) * panel;
                let to = &mut split[at..][..digits::room(terms)];
                let steps = &mut steps[(block * panels + panel) * SIDE..][..SIDE];
                let rows = SIDE.min(outs - first);
                digits::split_rows(&weight[first * depth + from..], depth, rows, terms, to, steps);
            }
        }
        Digits { isa, ins, outs, geometry, weight: split, steps }
    }

    /// Memory the weights take, in bytes.
    pub fn bytes(&self) -> usize {
        (self.weight.len() + self.steps.len()) * size_of::<f32>()
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        threads * self.rooms().iter().sum::<usize>() + 16
    }

    /// Elements of a thread's panels, of their digits, and of the steps of these.
    fn rooms(&self) -> [usize; 3] {
        let (_, step) = digits::blocks(self.ins * self.geometry.taps());
        let columns = TOGETHER * tile::size(self.isa).1;
        [step * columns, digits::room(step) * columns.div_ceil(SIDE), columns]
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], args: &ConvArgs, work: &mut [f32], y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let positions = self.geometry.positions();
        let depth = self.ins * self.geometry.taps();
        let width = tile::size(self.isa).1;
        let units = Units { high: TALL, width, lanes: SIDE, fill: FILL, read: 1 };
        let sharing = Sharing::new(units, positions, self.outs, [1, depth], pool.threads());
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (work, out) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        let own = self.rooms().iter().sum();
        pool.run_workers(sharing.tasks(), |worker, task| {
            // SAFETY: each thread has a part of its own.
            let room = unsafe { work.part(worker * own, own) };
            // SAFETY: the set was supported when the weights were split; each part of the output is one task's.
            unsafe { self.task(sharing.part(task), x, args, room, &out) };
        });
    }

    /// # Safety
    /// The processor has tiles; no other task writes this part of the output.
    unsafe fn task(&self, part: Part, x: &[f32], args: &ConvArgs, room: &mut [f32], out: &Shared) {
        let width = tile::size(self.isa).1;
        let positions = self.geometry.positions();
        let depth = self.ins * self.geometry.taps();
        let (blocks, step) = digits::blocks(depth);
        let volume: usize = self.geometry.input.iter().product();
        let [filled, split, _] = self.rooms();
        let (filled, room) = room.split_at_mut(filled);
        let (split, steps) = room.split_at_mut(split);
        let panels: Vec<(usize, usize, Runs)> = part
            .columns
            .map(|column| {
                let column = column * width;
                let columns = width.min(positions - column);
                (column, columns, self.geometry.runs(column, columns))
            })
            .collect();
        let end = panels.last().map_or(0, |(column, columns, _)| column + columns);
        // SAFETY: by the contract.
        let mut tiles = unsafe { Tiles::new() };
        for block in 0..blocks {
            let terms = digits::terms(depth, block);
            let (from, terms) = (terms.start, terms.len());
            let each = digits::room(terms);
            for (group, panels) in panels.chunks(TOGETHER).enumerate() {
                let left = end.saturating_sub(panels[0].0 + TOGETHER * width);
                let next = left.min(TOGETHER * width);
                let runs: Vec<&Runs> = panels.iter().map(|(_, _, runs)| runs).collect();
                let pre = args.prologue;
                let fill = Fill { x, volume, pre, from, depth: terms, next, cold: group == 0 };
                fill.write(self.isa, &runs, filled, step * width);
                // The first position of each sixteen, and their number.
                let mut sixteens = [(0, 0); SIXTEENS];
                let mut count = 0;
                for ((column, columns, _), filled) in panels.iter().zip(filled.chunks(step * width))
                {
                    for at in (0..*columns).step_by(SIDE) {
                        let (to, steps) = (
                            &mut split[count * each..][..each],
                            &mut steps[count * SIDE..][..SIDE],
                        );
                        digits::split_columns(&filled[at..], width, terms, to, steps);
                        sixteens[count] = (column + at, SIDE.min(columns - at));
                        count += 1;
                    }
                }
                for pair in part.rows.clone() {
                    // SAFETY: by the contract; the digits of `count` columns have been written.
                    unsafe {
                        let b = (split.as_ptr(), steps.as_ptr());
                        self.rows(&mut tiles, (pair, block), &sixteens[..count], b, args, out);
                    }
                }
            }
        }
    }

    /// 32 out channels at some positions, whose digits follow each other.
    ///
    /// # Safety
    /// As for [`Digits::task`]; the digits are there.
    unsafe fn rows(
        &self,
        tiles: &mut Tiles,
        (pair, block): (usize, usize),
        sixteens: &[(usize, usize)],
        (b, column_steps): (*const f32, *const f32),
        args: &ConvArgs,
        out: &Shared,
    ) {
        let positions = self.geometry.positions();
        let depth = self.ins * self.geometry.taps();
        let terms = digits::terms(depth, block);
        let (from, terms, last) = (terms.start, terms.len(), terms.end == depth);
        let (each, panels) = (digits::room(terms), self.outs.div_ceil(SIDE));
        let e = &args.epilogue;
        let pick = |v: Option<&[f32]>, at: usize| match v {
            Some(v) if last => v[at..].as_ptr(),
            _ => std::ptr::null(),
        };
        let activation = digits::activation_of(e.activation, last);
        let channel = pair * TALL;
        let panel = channel / SIDE;
        let a = &self.weight[digits::room(from) * panels + each * panel..];
        let row_steps = &self.steps[(block * panels + panel) * SIDE..];
        for (i, (position, columns)) in sixteens.iter().enumerate() {
            let at = channel * positions + position;
            let tile = Tile {
                depth: terms,
                a: std::ptr::null(),
                a_stride: 0,
                b: std::ptr::null(),
                // SAFETY: an element of the output.
                c: unsafe { out.pointer().add(at) },
                stride: positions,
                rows: TALL.min(self.outs - channel),
                columns: *columns,
                add: block > 0,
                row_bias: pick(e.bias, channel),
                column_bias: std::ptr::null(),
                residual: pick(e.residual, at),
                relu: last && e.activation == Activation::Relu,
                ahead: std::ptr::null(),
                ahead_lines: 0,
                // Later blocks find it near.
                distant: block == 0 || last && e.residual.is_some(),
                far: false,
            };
            // SAFETY: by the contract; panels are whole.
            unsafe {
                let row_steps = row_steps.as_ptr();
                let to = Ending {
                    tile,
                    activation,
                    row_steps,
                    column_steps: column_steps.add(i * SIDE),
                };
                let steps = terms.div_ceil(digits::STEP);
                let a = digits::Rows::packed(a.as_ptr(), steps);
                tiles.product(steps, a, b.add(i * each), &to);
            }
        }
    }
}
