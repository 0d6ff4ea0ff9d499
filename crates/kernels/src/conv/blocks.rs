//! Transposed convolution whose kernel is as large as its stride: every input element fills a block of the output of its own, so that all
//! blocks together are one matrix product with a row for each out channel and tap.
//!
//! ```text
//! weights [out · taps][in] × input panel [in][positions] ──▶ scratch [out][kd][kh][kw][positions] of a few input rows
//!
//! x row  a b c …      scratch of out channel, kd, kh:  kw 0   a₀ b₀ c₀ …
//!                                                      kw 1   a₁ b₁ c₁ …   ──▶ output row  a₀ a₁ b₀ b₁ c₀ c₁ …
//! ```
//! A task is a few input rows, on deep layers of few positions also a share of the out channels; its scratch stays in the second-level
//! cache and every output row is written once. With two taps along the rows, whole registers of them and nothing else to be done, tiles go from their
//! registers to the output (`gemm/weave.rs`), and scratch holds only what is summed before the last block of the depth.

use super::gemm::{Product, Source};
use super::pack::Geometry;
use super::shape::{ConvTransposeShape, Epilogue};
use crate::elementwise::add_scaled;
use crate::far::{is_far, send, sent};
use crate::gemm::tile;
use crate::gemm::weave::Weave;
use crate::isa::multiversion;
use crate::shared::Shared;
use crate::{Activation, Isa, Pool, Weights, activation::activate};

/// Bytes of a cache line.
const LINE: usize = 64;
/// Positions a task takes, about.
const POSITIONS: usize = 384;

/// Weights, and the product's geometry at position zero.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    pub product: Product,
    /// Output along each axis.
    pub output: [usize; 3],
}

/// `[in][out][taps]` weights, a row for each out channel and tap.
struct Blocked {
    rows: usize,
    taps: usize,
}

impl Source for Blocked {
    fn place(&self, row: usize, channel: usize, _: usize) -> usize {
        channel * self.rows + row
    }

    fn out(&self, row: usize) -> usize {
        row / self.taps
    }
}

impl Blocks {
    /// Whether each output element has exactly one input element and tap.
    pub fn suits(s: &ConvTransposeShape) -> bool {
        s.groups == 1
            && s.kernel == s.stride
            && s.dilation == [1; 3]
            && s.pad == [[0; 2]; 3]
            && s.output_padding == [0; 3]
    }

    /// Packs `[in][out][taps]`.
    pub fn new(isa: Isa, s: &ConvTransposeShape, output: [usize; 3], weight: &Weights) -> Blocks {
        let taps: usize = s.kernel.iter().product();
        let rows = s.out_channels * taps;
        let geometry = Geometry {
            output: s.input,
            input: s.input,
            stride: [1; 3],
            offset: [vec![0], vec![0], vec![0]],
        };
        let source = Blocked { rows, taps };
        let product = Product::new(isa, 1, [s.in_channels, rows], geometry, weight, source);
        Blocks { product, output }
    }

    /// Input rows of a task, and their positions.
    fn chunk(&self) -> (usize, usize) {
        let [_, h, w] = self.product.geometry.input;
        let rows = (POSITIONS / w.max(1)).clamp(1, h.max(1));
        (rows, rows * w)
    }

    /// Elements of scratch memory of a thread, whole cache lines: panels, the product, and a row on its way.
    fn scratch(&self) -> usize {
        let product = self.product.outs * self.chunk().1;
        (self.product.panels() + product + self.output[2]).next_multiple_of(16)
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        16 + threads * self.scratch()
    }

    /// Runs; slices have been checked.
    pub fn run(
        &self,
        pool: &Pool,
        s: &ConvTransposeShape,
        x: &[f32],
        e: &Epilogue,
        work: &mut [f32],
        y: &mut [f32],
    ) {
        let ([depth, height, _], taps) = (s.input, s.kernel.iter().product::<usize>());
        if y.is_empty() {
            return;
        }
        let aligned = work.as_ptr().align_offset(64).min(16);
        let far = is_far(y);
        let on_lines = y.as_ptr().align_offset(LINE) == 0;
        let (work, result) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        let weaves = self.weaves(s, e).then(|| Woven {
            shape: s,
            output: self.output,
            lanes: self.product.isa.lanes(),
            bias: e.bias,
            far: far && on_lines,
            y: &result,
        });
        let (rows, panel) = (self.chunk().0, self.product.panels());
        let chunks = height.div_ceil(rows);
        // A share of the channels is whole panels of rows and whole channels.
        let high = tile::size(self.product.isa).0;
        let unit = (1..=high).find(|n| (n * taps).is_multiple_of(high)).unwrap_or(high);
        let units = s.out_channels.div_ceil(unit);
        let shares = (4 * pool.threads()).div_ceil(depth * chunks).clamp(1, units);
        pool.run_workers(depth * chunks * shares, |worker, task| {
            // SAFETY: each thread has scratch memory of its own.
            let scratch = unsafe { work.part(worker * self.scratch(), self.scratch()) };
            let (panel, scratch) = scratch.split_at_mut(panel);
            let (scratch, line) = scratch.split_at_mut(scratch.len() - self.output[2]);
            let mut line = far.then_some(line);
            let (share, chunk) = (task % shares, task / shares);
            let (z, row) = (chunk / chunks, chunk % chunks * rows);
            let rows = rows.min(height - row);
            let channels = units * share / shares * unit
                ..(units * (share + 1) / shares * unit).min(s.out_channels);
            let geometry = Geometry {
                output: [1, rows, s.input[2]],
                offset: [vec![z as isize], vec![row as isize], vec![0]],
                ..self.product.geometry.clone()
            };
            let panels = channels.start * taps / high..(channels.end * taps).div_ceil(high);
            if let Some(weaves) = &weaves {
                let tile = |at: usize, column: usize| weaves.tile([at, column], [z, row]);
                self.product.run_part(&geometry, panels, x, panel, (scratch, Some(&tile)));
                if weaves.far {
                    sent();
                }
                return;
            }
            self.product.run_part(&geometry, panels, x, panel, (scratch, None));
            for channel in channels {
                let place = [channel, z, row, rows];
                // SAFETY: the blocks of these rows and channels are this task's.
                unsafe { self.place(s, place, scratch, e, (line.as_deref_mut(), &result)) };
            }
            if far {
                sent();
            }
        });
    }

    /// Whether tiles go straight to the output: two taps along the rows, whole registers of these, and nothing to be done but adding a bias.
    fn weaves(&self, s: &ConvTransposeShape, e: &Epilogue) -> bool {
        let whole = s.kernel[2] == 2 && s.input[2].is_multiple_of(self.product.isa.lanes());
        whole && e.residual.is_none() && e.activation == Activation::Identity
    }

    /// Writes the output rows of some input rows and one channel, by way of a row of scratch memory if they are to be sent.
    ///
    /// # Safety
    /// No other task writes them.
    unsafe fn place(
        &self,
        s: &ConvTransposeShape,
        [channel, z, row, rows]: [usize; 4],
        scratch: &[f32],
        e: &Epilogue,
        (mut line, result): (Option<&mut [f32]>, &Shared),
    ) {
        let ([kd, kh, kw], [od, oh, ow], w) = (s.kernel, self.output, s.input[2]);
        let bias = e.bias.map_or(0.0, |b| b[channel]);
        for (k, i) in (0..kd * kh).flat_map(|k| (0..rows).map(move |i| (k, i))) {
            let (plane, down) = (z * kd + k / kh, (row + i) * kh + k % kh);
            let at = ((channel * od + plane) * oh + down) * ow;
            // SAFETY: by the contract.
            let to = unsafe { result.part(at, ow) };
            let (y, to) = match &mut line {
                Some(line) => (&mut **line, Some(to)),
                None => (to, None),
            };
            let from = &scratch[((channel * kd * kh + k) * kw * rows + i) * w..];
            interleave(from, rows * w, kw, bias, y);
            if let Some(residual) = e.residual {
                add_scaled(&residual[at..][..ow], 1.0, y);
            }
            activate(y, e.activation);
            if let Some(to) = to {
                send(y, to);
            }
        }
    }
}

/// Output that tiles are woven into.
struct Woven<'a> {
    shape: &'a ConvTransposeShape,
    output: [usize; 3],
    lanes: usize,
    bias: Option<&'a [f32]>,
    far: bool,
    y: &'a Shared<'a>,
}

impl Woven<'_> {
    /// Where the tile of a row of the product and a position goes; positions are those of the input rows from `row` of plane `z` on.
    fn tile(&self, [at, column]: [usize; 2], [z, row]: [usize; 2]) -> Weave {
        let ([kd, kh, kw], [od, oh, ow]) = (self.shape.kernel, self.output);
        let (wide, outs) = (self.shape.input[2], self.shape.out_channels);
        let mut weave = Weave {
            rows: [std::ptr::null_mut(); 4],
            places: [0; 3],
            bias: [0.0; 4],
            far: self.far,
        };
        for (pair, (to, bias)) in weave.rows.iter_mut().zip(&mut weave.bias).enumerate() {
            let (channel, tap) = ((at / kw + pair) / (kd * kh), (at / kw + pair) % (kd * kh));
            if channel < outs {
                let (plane, down) = (z * kd + tap / kh, row * kh + tap % kh);
                let start = ((channel * od + plane) * oh + down) * ow;
                *to = self.y.pointer().wrapping_add(start);
                *bias = self.bias.map_or(0.0, |bias| bias[channel]);
            }
        }
        for (vector, place) in weave.places.iter_mut().enumerate() {
            let (line, from) =
                ((column + vector * self.lanes) / wide, (column + vector * self.lanes) % wide);
            *place = line * kh * ow + from * kw;
        }
        weave
    }
}

multiversion! {
    /// `y[i·n + k] = from[k·step + i] + bias`.
    fn interleave(from: &[f32], step: usize, n: usize, bias: f32, y: &mut [f32]) {
        match n {
            1 => y.iter_mut().zip(from).for_each(|(y, v)| *y = *v + bias),
            2 => {
                let pairs = y.as_chunks_mut::<2>().0.iter_mut();
                for ((y, a), b) in pairs.zip(from).zip(&from[step..]) {
                    *y = [*a + bias, *b + bias];
                }
            }
            _ => {
                for k in 0..n {
                    let y = y[k..].iter_mut().step_by(n);
                    y.zip(&from[k * step..]).for_each(|(y, v)| *y = *v + bias);
                }
            }
        }
    }
}
