//! Transposed convolution whose kernel is as large as its stride (`blocks.rs`), where the result is to lie in blocks of channels: a product with a
//! row for each position and a column for each lane of a block and tap along the row.
//!
//! ```text
//! x [in][d·h·w] ── turned, some positions ──▶ [position][in] × weights [in][kw·lanes] of a block, kd, kh ──▶ lines [position][kw·lanes]
//!
//! lines of a row of x are a row of the block:   position 0 │ position 1 │ …
//!                                               kw 0  kw 1   kw 0  kw 1      ── bias, activation ──▶ y [out / lanes][d][h][w][lanes]
//! ```
//! The sums are those of the plain way, bit by bit. Source: the definition; the tile is that of `gemm/tile.rs`.

use super::blocks::Blocks;
use super::shape::{ConvTransposeShape, Epilogue};
use crate::activation::activate;
use crate::far::{is_far, send, sent};
use crate::gemm::tile::{self, Tile};
use crate::memory::Floats;
use crate::permute::turn;
use crate::shared::{Shared, share};
use crate::{Activation, Isa, Pool};

/// Positions a task takes, at most, and elements of them that are turned: a quarter of a small second-level cache.
const POSITIONS: usize = 384;
const TURNED: usize = 32 << 10;
/// The most columns of a tile of any set.
const WIDEST: usize = 48;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Weights and the shape they serve.
#[derive(Clone, Debug)]
pub(super) struct Raise {
    isa: Isa,
    shape: ConvTransposeShape,
    output: [usize; 3],
    /// `[block of out channels][kd][kh][in][kw][lanes]`
    weight: Floats,
}

impl Raise {
    /// Lanes of a block, where the out channels are whole blocks, taps along a row fill no more than a tile, and the weights are floats: others would
    /// take more memory here.
    pub fn lanes(from: &Blocks, s: &ConvTransposeShape) -> Option<usize> {
        let (isa, lanes) = (from.product.isa, from.product.isa.lanes());
        let fits = s.kernel[2] * lanes <= tile::size(isa).1 && from.product.weight.room(1) == 0;
        (fits && s.in_channels > 0 && s.out_channels.is_multiple_of(lanes)).then_some(lanes)
    }

    /// The same weights for blocks of channels, where [`Raise::lanes`] allows it.
    pub fn of(from: &Blocks, s: &ConvTransposeShape) -> Raise {
        let (isa, rows) = (from.product.isa, from.product.outs);
        let ([kd, kh, kw], ins, lanes) = (s.kernel, s.in_channels, isa.lanes());
        let plain = from.product.unpacked();
        let mut weight = Floats::for_weights(plain.len());
        for (panel, to) in weight.chunks_exact_mut((ins * kw * lanes).max(1)).enumerate() {
            let (block, taps) = (panel / (kd * kh), panel % (kd * kh));
            for (i, to) in to.iter_mut().enumerate() {
                let (channel, tap, lane) = (i / (kw * lanes), i / lanes % kw, i % lanes);
                let row = ((block * lanes + lane) * kd * kh + taps) * kw + tap;
                *to = plain[channel * rows + row];
            }
        }
        Raise { isa, shape: s.clone(), output: from.output, weight }
    }

    /// Memory of the weights, in bytes.
    pub fn bytes(&self) -> usize {
        self.weight.len() * size_of::<f32>()
    }

    /// Columns of the product of a block and the first two taps.
    fn columns(&self) -> usize {
        self.shape.kernel[2] * self.isa.lanes()
    }

    /// Positions of a task: whole tiles.
    fn positions(&self) -> usize {
        let high = tile::size(self.isa).0;
        let most = (TURNED / self.shape.in_channels).min(POSITIONS);
        (most / high * high).max(high)
    }

    /// Elements of a thread's scratch: positions, and as many more as a last tile reads; and lines.
    fn scratch(&self) -> [usize; 2] {
        let positions = self.positions() + tile::size(self.isa).0;
        [positions * self.shape.in_channels, positions * self.columns()]
            .map(|n| n.next_multiple_of(16))
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        16 + threads * self.scratch().iter().sum::<usize>()
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], e: &Epilogue, work: &mut [f32], y: &mut [f32]) {
        let (s, lanes) = (&self.shape, self.isa.lanes());
        assert!(e.residual.is_none(), "nothing is added to blocks");
        let aligned = work.as_ptr().align_offset(64).min(16);
        let far = is_far(y);
        // Lines that go past the caches go from registers: what waits for memory meanwhile is the next tile. They are not read again.
        let once = tile::blocks(s.in_channels).0 == 1 && e.activation == Activation::Identity;
        let straight = far && once && y.as_ptr().align_offset(LINE) == 0;
        let (work, y) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        let ([turned, lines], each) = (self.scratch(), self.positions());
        let volume: usize = s.input.iter().product();
        let panels = s.out_channels / lanes * s.kernel[0] * s.kernel[1];
        let pieces = volume.div_ceil(each);
        let shares = (4 * pool.threads()).div_ceil(pieces.max(1)).clamp(1, panels.max(1));
        pool.run_workers(pieces * shares, |worker, task| {
            // SAFETY: each thread has scratch memory of its own.
            let scratch = unsafe { work.part(worker * (turned + lines), turned + lines) };
            let (turned, lines) = scratch.split_at_mut(turned);
            let first = task / shares * each;
            let count = each.min(volume - first);
            let from = &x[first..(s.in_channels - 1) * volume + first + count];
            // SAFETY: `count` positions of all channels are there, and have room.
            unsafe {
                let to = turned.as_mut_ptr();
                let size = [count, s.in_channels];
                turn(self.isa, from.as_ptr(), volume, to, s.in_channels, size);
            }
            for panel in share(panels, shares, task % shares) {
                if straight {
                    for (done, at, run) in self.runs(panel, first, count) {
                        // SAFETY: these positions and taps of the block are this task's.
                        let to = unsafe { y.part(at, run * self.columns()) };
                        let turned = &turned[done * s.in_channels..];
                        self.product(panel, run, turned, e, (to, true));
                    }
                    continue;
                }
                self.product(panel, count, turned, e, (lines, false));
                let lines = &mut lines[..count * self.columns()];
                activate(lines, e.activation);
                // SAFETY: these positions and taps of the block are this task's.
                unsafe { self.place(panel, first, lines, far, &y) };
            }
            if far {
                sent();
            }
        });
    }

    /// The sums of some positions, with the bias, to lines that go past the caches or do not.
    fn product(
        &self,
        panel: usize,
        count: usize,
        turned: &[f32],
        e: &Epilogue,
        (lines, far): (&mut [f32], bool),
    ) {
        let (ins, columns, lanes) = (self.shape.in_channels, self.columns(), self.isa.lanes());
        let [kd, kh, _] = self.shape.kernel;
        let weight = &self.weight[panel * ins * columns..][..ins * columns];
        let mut bias = [0.0; WIDEST];
        if let Some(given) = e.bias {
            let given = &given[panel / (kd * kh) * lanes..][..lanes];
            bias[..columns].chunks_exact_mut(lanes).for_each(|to| to.copy_from_slice(given));
        }
        assert!(
            turned.len() >= (count + tile::size(self.isa).0 - 1) * ins
                && lines.len() >= count * columns
        );
        let (blocks, step) = tile::blocks(ins);
        for block in 0..blocks {
            let from = block * step;
            let last = block + 1 == blocks && e.bias.is_some();
            let tile = Tile {
                depth: step.min(ins - from),
                a: turned[from..].as_ptr(),
                a_stride: ins,
                b: weight[from * columns..].as_ptr(),
                c: lines.as_mut_ptr(),
                stride: columns,
                rows: count,
                columns,
                add: block > 0,
                row_bias: std::ptr::null(),
                column_bias: if last { bias.as_ptr() } else { std::ptr::null() },
                residual: std::ptr::null(),
                relu: false,
                ahead: std::ptr::null(),
                ahead_lines: 0,
                distant: false,
                far,
            };
            // SAFETY: the set was supported when the weights were packed; A has rows for whole tiles and C for all positions, by the assertion.
            unsafe { tile::run_rows(self.isa, &tile, (std::ptr::null(), 0)) };
        }
    }

    /// Lines of the positions from `first` on to where they belong.
    ///
    /// # Safety
    /// No other task writes there.
    unsafe fn place(&self, panel: usize, first: usize, lines: &[f32], far: bool, y: &Shared) {
        let columns = self.columns();
        for (done, at, run) in self.runs(panel, first, lines.len() / columns) {
            let lines = &lines[done * columns..][..run * columns];
            // SAFETY: by the contract.
            let to = unsafe { y.part(at, lines.len()) };
            match far {
                true => send(lines, to),
                false => to.copy_from_slice(lines),
            }
        }
    }

    /// The positions from `first` on row by row of the input: how many are done before, where the result begins, how many there are.
    fn runs(
        &self,
        panel: usize,
        first: usize,
        count: usize,
    ) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let ([_, h, w], [od, oh, ow]) = (self.shape.input, self.output);
        let ([kd, kh, _], columns, lanes) = (self.shape.kernel, self.columns(), self.isa.lanes());
        let (block, taps) = (panel / (kd * kh), panel % (kd * kh));
        let mut done = 0;
        std::iter::from_fn(move || {
            let position = first + done;
            let (plane, row, column) = (position / (h * w), position / w % h, position % w);
            let run = (w - column).min(count - done);
            let (plane, down) = (plane * kd + taps / kh, row * kh + taps % kh);
            let at = ((block * od + plane) * oh + down) * ow * lanes + column * columns;
            let next = (run > 0).then_some((done, at, run));
            done += run;
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Weights;

    #[test]
    fn blocks_of_channels_hold_the_bits_of_plain_rows() {
        let shape =
            |ins: usize, outs: usize, input: [usize; 3], kernel: [usize; 3]| ConvTransposeShape {
                in_channels: ins,
                out_channels: outs,
                groups: 1,
                input,
                kernel,
                stride: kernel,
                dilation: [1; 3],
                pad: [[0; 2]; 3],
                output_padding: [0; 3],
            };
        let noise = |seed: usize, n: usize| -> Vec<f32> {
            (0..n).map(|i| ((i + seed) * 7919 % 2003) as f32 * 1e-3 - 1.0).collect()
        };
        let shapes = [
            shape(20, 32, [1, 9, 13], [1, 2, 2]),
            shape(1, 16, [3, 4, 5], [2, 2, 2]),
            // Several blocks of the depth, more positions than a task takes.
            shape(400, 16, [1, 14, 17], [1, 2, 2]),
            shape(7, 48, [2, 21, 30], [2, 2, 1]),
            shape(33, 16, [1, 6, 1], [1, 3, 2]),
            // So large that it goes past the caches, from registers and by way of lines.
            shape(8, 16, [1, 261, 397], [1, 2, 2]),
            shape(200, 16, [1, 261, 397], [1, 2, 2]),
        ];
        for (isa, s) in
            Isa::all_vectors().into_iter().flat_map(|isa| shapes.iter().map(move |s| (isa, s)))
        {
            let output = s.output().unwrap();
            let volume: usize = output.iter().product();
            let taps: usize = s.kernel.iter().product();
            let x = noise(1, s.in_channels * s.input.iter().product::<usize>());
            let weight = noise(2, s.in_channels * s.out_channels * taps);
            let bias = noise(3, s.out_channels);
            let plain = Blocks::new(isa, s, output, &Weights::from(&weight));
            let lanes = Raise::lanes(&plain, s).expect("blocks");
            let raise = Raise::of(&plain, s);
            let large = volume > 1 << 17;
            let ends = [
                (Some(&bias[..]), Activation::Identity),
                (None, Activation::Identity),
                (Some(&bias[..]), Activation::Silu),
            ];
            for ((bias, activation), threads) in ends.into_iter().zip([2, 1, 3]) {
                let (pool, e) = (Pool::new(threads), Epilogue { bias, residual: None, activation });
                let mut expected = Floats::zeros(s.out_channels * volume);
                let mut work = vec![f32::NAN; plain.workspace(threads)];
                plain.run(&pool, s, &x, &e, &mut work, &mut expected);
                let mut y = Floats::zeros(s.out_channels * volume);
                y.fill(f32::NAN);
                let mut work = vec![f32::NAN; raise.workspace(threads)];
                raise.run(&pool, &x, &e, &mut work, &mut y);
                for (channel, expected) in expected.chunks_exact(volume).enumerate() {
                    let block = &y[channel / lanes * lanes * volume..][..lanes * volume];
                    let found = block.iter().skip(channel % lanes).step_by(lanes);
                    let same = found.zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(same, "{isa:?} {s:?} {activation:?} channel {channel}");
                }
                if large {
                    break;
                }
            }
        }
    }
}
