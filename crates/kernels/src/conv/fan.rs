//! Direct convolution of few channels that fan out to many, above all a network's first layer, where the result is to lie in blocks of
//! channels: out channels are the lanes, and nothing of the input is rearranged but its border.
//!
//! ```text
//! x [in][d][h][w] ── rows of a band, with their zeros ──▶ lines [in][kd][rows][pitch]
//!
//! lines:    0 a b c d e …
//!             │ │ │             P positions of a row, a stride apart,          sums [P][V vectors of out channels] stay in registers
//!             ▼ ▼ ▼             × weights [in·taps][V vectors]                 over all channels and taps
//!           └ sums ┘ ── bias, activation ──▶ y [out / lanes][d][h][w][lanes]
//! ```
//! A number read serves V vectors, a vector of weights P positions. Kernel, stride, dilation and padding only decide where the lines are read. The
//! sums are those of `direct.rs`, bit by bit. A piece of a row is the unit of what is gathered (`tally.rs`).
//!
//! Source: the definition; channels as lanes are the layout of E. Georganas et al., "Anatomy of high-performance deep learning convolutions on SIMD
//! architectures", SC 2018, section II.

use super::shape::{ConvArgs, ConvShape, Epilogue};
use super::tally::{self, Tally};
use super::winograd::panels;
use crate::activation::{activate, before, in_register, is_quick};
use crate::elementwise::add_scaled;
use crate::far::{is_far, sent};
use crate::isa::on_set;
use crate::memory::Floats;
use crate::shared::Shared;
use crate::simd::Simd;
use crate::{Activation, Isa, Moments, Pool, Weights};
use std::ops::Range;

/// Positions of a piece of a row, whole tiles of each width.
const PIECE: usize = 96;
/// The most positions of a tile, and elements of its sums.
const LONGEST: usize = 16;
const MOST_SUMS: usize = 24 * 16;
/// Sums of a channel that do not wait for each other.
const CHAINS: usize = 4;
/// Elements of the lines of a band: a quarter of a small second-level cache.
const LINES: usize = 16 << 10;
/// The most elements of the lines of one row.
const MOST: usize = 128 << 10;
/// The most in channels.
const CHANNELS: usize = 16;

/// Weights and the shape they serve.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    isa: Isa,
    shape: ConvShape,
    output: [usize; 3],
    /// Elements of a line.
    pitch: usize,
    /// Out channels of each group that is computed together, whole vectors.
    panels: Vec<Range<usize>>,
    /// `[panel][in · taps][channels of the panel]`
    weight: Floats,
}

/// Elements of a line: all that the last tile of a row reads.
fn pitch(s: &ConvShape, output: [usize; 3]) -> Option<usize> {
    let last = (output[2] + LONGEST - 1).checked_mul(s.stride[2])?;
    last.checked_add((s.kernel[2] - 1) * s.dilation[2])
}

/// Lines that some rows of the output read, of each channel and plane of the kernel.
fn tall(s: &ConvShape, rows: usize) -> usize {
    (rows - 1) * s.stride[1] + (s.kernel[1] - 1) * s.dilation[1] + 1
}

impl Fan {
    /// Packs `[out][in][kd][kh][kw]` weights, where a convolution is of this kind and its out channels are two vectors or more: with one, numbers are
    /// read as fast as they are multiplied.
    pub fn new(isa: Isa, s: &ConvShape, output: [usize; 3], weight: &Weights) -> Option<Fan> {
        let vectors = s.out_channels / isa.lanes();
        let whole = vectors > 1 && s.out_channels == vectors * isa.lanes();
        let few = s.groups == 1 && (1..=CHANNELS).contains(&s.in_channels);
        let near = [s.in_channels, s.kernel[0], tall(s, 1)];
        let pitch = pitch(s, output)?;
        let line = near.iter().try_fold(pitch, |n, k| n.checked_mul(*k))?;
        if !whole || !few || line > MOST {
            return None;
        }
        let depth = s.weight_len() / s.out_channels;
        let weight = weight.floats(depth, |i| [i / depth, i % depth]);
        let panels: Vec<_> = panels(s.out_channels, isa).collect();
        let mut packed = Floats::for_weights(s.weight_len());
        for panel in &panels {
            for (o, k) in panel.clone().flat_map(|o| (0..depth).map(move |k| (o, k))) {
                let at = panel.start * depth + k * panel.len() + o - panel.start;
                packed[at] = weight[o * depth + k];
            }
        }
        Some(Fan { isa, shape: s.clone(), output, pitch, panels, weight: packed })
    }

    /// Memory of the weights, in bytes.
    pub fn bytes(&self) -> usize {
        self.weight.len() * size_of::<f32>()
    }

    /// Elements of the lines of some rows, whole cache lines.
    fn lines(&self, rows: usize) -> usize {
        let lines = self.shape.in_channels * self.shape.kernel[0] * tall(&self.shape, rows);
        (lines * self.pitch).next_multiple_of(16)
    }

    /// Rows of a band: its lines stay near, and there is enough to share out.
    fn rows(&self, threads: usize) -> usize {
        let [planes, high, _] = self.output;
        let most = (planes * high / (8 * threads)).clamp(1, high.max(1));
        (1..=most).rev().find(|rows| self.lines(*rows) <= LINES).unwrap_or(1)
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        16 + self.tallies_len() + threads * self.lines(self.rows(threads))
    }

    /// Pieces of a row.
    fn pieces(&self) -> usize {
        self.output[2].div_ceil(PIECE)
    }

    /// Outputs of each piece, row by row.
    fn counts(&self) -> Vec<f64> {
        let [planes, high, wide] = self.output;
        let row = (0..wide).step_by(PIECE).map(move |at| PIECE.min(wide - at) as f64);
        (0..planes * high).flat_map(|_| row.clone()).collect()
    }

    /// Elements of what is gathered of each piece and channel, see `tally.rs`.
    fn tallies_len(&self) -> usize {
        self.output[0] * self.output[1] * self.pieces() * 2 * self.shape.out_channels
    }

    /// Runs, to blocks of channels; slices have been checked. Returns what [`conv_moments`](super::conv_moments) does.
    pub fn run(
        &self,
        pool: &Pool,
        x: &[f32],
        (args, wanted): (&ConvArgs, bool),
        work: &mut [f32],
        y: &mut [f32],
    ) -> Option<Moments> {
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (tallies, work) = work[aligned..].split_at_mut(self.tallies_len());
        let Epilogue { residual, activation, .. } = args.epilogue;
        let done = residual.is_none() && is_quick(activation);
        let streams = done && is_far(y) && y.as_ptr().align_offset(4 * self.isa.lanes()) == 0;
        let (tallies, work, y) = (Shared::new(tallies), Shared::new(work), Shared::new(y));
        let tallies = wanted.then_some(&tallies);
        let early = if done { activation } else { Activation::Identity };
        let call = Call { own: self, x, args, y: &y, tallies, early, done, streams };
        let (rows, [planes, high, _]) = (self.rows(pool.threads()), self.output);
        let (bands, own) = (high.div_ceil(rows), self.lines(rows));
        pool.run_workers(planes * bands, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let lines = unsafe { work.part(worker * own, own) };
            let first = task % bands * rows;
            let band = Band { plane: task / bands, rows: first..(first + rows).min(high) };
            let (call, band) = (&call, &band);
            // The set was supported when the weights were packed.
            on_set!(self.isa, run_band(call: &Call, band: &Band, lines: &mut [f32]));
            if streams {
                sent();
            }
        });
        tallies.map(|tallies| {
            // SAFETY: all tasks have ended.
            let tallies = unsafe { tallies.part(0, self.tallies_len()) };
            let channels = [self.shape.out_channels; 2];
            Moments { channels: tally::join(pool, tallies, channels, &self.counts()) }
        })
    }
}

/// What a task computes: some rows of a plane of the output.
struct Band {
    plane: usize,
    rows: Range<usize>,
}

/// Some positions of a row, and some out channels.
struct Piece<'a> {
    plane: usize,
    row: usize,
    first: usize,
    panel: &'a Range<usize>,
}

/// One run's slices.
struct Call<'a> {
    own: &'a Fan,
    x: &'a [f32],
    args: &'a ConvArgs<'a>,
    y: &'a Shared<'a>,
    tallies: Option<&'a Shared<'a>>,
    /// Applied to sums in registers, and whether that is all that is done to them.
    early: Activation,
    done: bool,
    /// Blocks go past the caches.
    streams: bool,
}

/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn run_band<S: Simd>(call: &Call, band: &Band, lines: &mut [f32]) {
    let own = call.own;
    let (wide, depth) = (own.output[2], own.shape.weight_len() / own.shape.out_channels);
    // SAFETY: passed on to the caller.
    unsafe {
        call.fill::<S>(band, lines);
        let places = call.places(band);
        for panel in &own.panels {
            let weight = &own.weight[panel.start * depth..panel.end * depth];
            for row in band.rows.clone() {
                for first in (0..wide).step_by(PIECE) {
                    let piece = Piece { plane: band.plane, row, first, panel };
                    let from = (row - band.rows.start) * own.shape.stride[1] * own.pitch;
                    call.sum::<S>(&piece, (&lines[from..], &places, weight));
                    if !call.done {
                        call.end(&piece);
                    }
                }
            }
        }
    }
}

impl Call<'_> {
    /// Where each tap of each channel reads for the first output of a band.
    fn places(&self, band: &Band) -> Vec<usize> {
        let (s, pitch) = (&self.own.shape, self.own.pitch);
        let ([kd, kh, kw], tall) = (s.kernel, tall(s, band.rows.len()));
        let planes = (0..s.in_channels * kd).map(|plane| plane * tall);
        let rows = planes.flat_map(|plane| (0..kh).map(move |k| plane + k * s.dilation[1]));
        rows.flat_map(|row| (0..kw).map(move |k| row * pitch + k * s.dilation[2])).collect()
    }

    /// Lays out what a band reads, `[in][kd][rows][pitch]`.
    ///
    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    unsafe fn fill<S: Simd>(&self, band: &Band, lines: &mut [f32]) {
        let (s, pitch) = (&self.own.shape, self.own.pitch);
        let ([id, ih, iw], kd, tall) = (s.input, s.kernel[0], tall(s, band.rows.len()));
        let begin = s.pad[2][0].min(pitch);
        let count = iw.min(pitch - begin);
        let inside = |axis: usize, at: usize| {
            at.checked_sub(s.pad[axis][0]).filter(|at| *at < s.input[axis])
        };
        let rows = lines.chunks_exact_mut(pitch).take(s.in_channels * kd * tall);
        for (index, line) in rows.enumerate() {
            let (c, k, i) = (index / tall / kd, index / tall % kd, index % tall);
            let plane = inside(0, band.plane * s.stride[0] + k * s.dilation[0]);
            let row = inside(1, band.rows.start * s.stride[1] + i);
            let Some((plane, row)) = plane.zip(row) else {
                line.fill(0.0);
                continue;
            };
            let from = &self.x[((c * id + plane) * ih + row) * iw..][..count];
            line[..begin].fill(0.0);
            line[begin + count..].fill(0.0);
            let to = &mut line[begin..begin + count];
            let Some(pre) = self.args.prologue.map(|p| p.of(c)) else {
                to.copy_from_slice(from);
                continue;
            };
            let whole = count / S::LANES * S::LANES;
            // SAFETY: the instruction set by the contract; both have `count` elements.
            unsafe {
                let (from, to, rest) = (from.as_ptr(), to.as_mut_ptr(), count - whole);
                for at in (0..whole).step_by(S::LANES) {
                    S::store(to.add(at), before::<S>(Some(pre), S::load(from.add(at))));
                }
                if rest > 0 {
                    let v = before::<S>(Some(pre), S::load_part(from.add(whole), rest));
                    S::store_part(to.add(whole), v, rest);
                }
            }
            if !is_quick(pre.2) {
                activate(to, pre.2);
            }
        }
    }

    /// The sums of a piece, with bias and early activation, to the picture.
    ///
    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    unsafe fn sum<S: Simd>(
        &self,
        piece: &Piece,
        (line, places, weight): (&[f32], &[usize], &[f32]),
    ) {
        let (panel, [planes, high, wide]) = (piece.panel.clone(), self.own.output);
        let (channels, step) = (self.own.shape.out_channels, self.own.shape.stride[2]);
        let count = PIECE.min(wide - piece.first);
        let line = &line[piece.first * step..];
        // The last place is the greatest.
        let most = places.last().copied().unwrap_or(0);
        assert!(line.len() > most + (count.next_multiple_of(LONGEST) - 1) * step);
        assert!(weight.len() == places.len() * panel.len());
        let row = piece.plane * high + piece.row;
        let volume = planes * high * wide;
        let start = panel.start * volume + (row * wide + piece.first) * S::LANES;
        let tally = (row * self.own.pieces() + piece.first / PIECE) * 2 * channels + panel.start;
        let tiles = Tiles {
            line: line.as_ptr(),
            step,
            places,
            weight: weight.as_ptr(),
            bias: self.args.epilogue.bias.map(|bias| bias[panel.clone()].as_ptr()),
            activation: self.early,
            to: self.y.pointer().wrapping_add(start),
            apart: volume * S::LANES,
            count,
            streams: self.streams,
            tallies: self.tallies.map(|all| (all.pointer().wrapping_add(tally), channels)),
        };
        // SAFETY: by the assertions, as tiles divide LONGEST; these positions of the blocks are this task's.
        unsafe {
            match (panel.len() / S::LANES, S::VECTORS) {
                (1, 3) => tiles.of::<S, 16, 1>(),
                (2, 3) => tiles.of::<S, 8, 2>(),
                (_, 3) => tiles.of::<S, 8, 3>(),
                (1, _) => tiles.of::<S, 8, 1>(),
                _ => tiles.of::<S, 4, 2>(),
            }
        }
    }

    /// What is done to a piece in the picture.
    fn end(&self, piece: &Piece) {
        let (Epilogue { residual, activation, .. }, lanes) =
            (self.args.epilogue, self.own.isa.lanes());
        let [planes, high, wide] = self.own.output;
        let at = (piece.plane * high + piece.row) * wide + piece.first;
        for channel in piece.panel.clone().step_by(lanes) {
            let start = channel * planes * high * wide + at * lanes;
            // SAFETY: these positions of the block are this task's.
            let y = unsafe { self.y.part(start, PIECE.min(wide - piece.first) * lanes) };
            if let Some(residual) = residual {
                add_scaled(&residual[start..][..y.len()], 1.0, y);
            }
            activate(y, activation);
        }
    }
}

/// What the tiles of a piece read and write.
struct Tiles<'a> {
    line: *const f32,
    /// Elements from one position to the next.
    step: usize,
    places: &'a [usize],
    weight: *const f32,
    bias: Option<*const f32>,
    activation: Activation,
    /// The first position's block, and elements from one block to the next.
    to: *mut f32,
    apart: usize,
    count: usize,
    streams: bool,
    /// Where what is gathered goes, and elements from the means to the squares.
    tallies: Option<(*mut f32, usize)>,
}

impl Tiles<'_> {
    /// Tiles of `P` positions and `V` vectors.
    ///
    /// # Safety
    /// The instruction set; lines and weights are there for all positions, rounded up to whole tiles; the picture and what is gathered are the
    /// caller's.
    #[inline(always)]
    unsafe fn of<S: Simd, const P: usize, const V: usize>(&self) {
        const { assert!(P * V * S::LANES <= MOST_SUMS && P.is_multiple_of(CHAINS)) }
        let mut sums = [0.0; MOST_SUMS];
        // SAFETY: by the contract; a tile's sums have room.
        unsafe {
            let mut tallies = [[Tally::<S>::new(); CHAINS]; V];
            for at in (0..self.count).step_by(P) {
                // The usual strides have code of their own, whose addresses are constants apart.
                match self.step {
                    1 => self.tile::<S, P, V>(at, 1, &mut sums),
                    2 => self.tile::<S, P, V>(at, 2, &mut sums),
                    step => self.tile::<S, P, V>(at, step, &mut sums),
                }
                let valid = P.min(self.count - at);
                for v in 0..V {
                    let from = sums.as_ptr().add(v * S::LANES);
                    if self.tallies.is_some() {
                        if at == 0 {
                            for i in 0..CHAINS {
                                tallies[v][i].first = S::load(from);
                            }
                        }
                        for p in (0..valid).step_by(CHAINS) {
                            for i in 0..CHAINS.min(valid - p) {
                                tallies[v][i].add(S::load(from.add((p + i) * V * S::LANES)));
                            }
                        }
                    }
                    let to = self.to.add(v * self.apart + at * S::LANES);
                    for p in 0..valid {
                        let sum = S::load(from.add(p * V * S::LANES));
                        let sum = in_register::<S>(self.activation, sum);
                        match self.streams {
                            true => S::send(to.add(p * S::LANES), sum),
                            false => S::store(to.add(p * S::LANES), sum),
                        }
                    }
                }
            }
            if let Some((to, row)) = self.tallies {
                for v in 0..V {
                    Tally::of(tallies[v]).store(self.count, to.add(v * S::LANES), row);
                }
            }
        }
    }

    /// The sums of a tile, with the bias, `[P][V][lanes]`. They go through memory, where each can be asked whether its position is one.
    ///
    /// # Safety
    /// As for [`Tiles::of`].
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const V: usize>(
        &self,
        at: usize,
        step: usize,
        to: &mut [f32; MOST_SUMS],
    ) {
        // SAFETY: by the contract.
        unsafe {
            let line = self.line.add(at * step);
            let mut sums = [[S::splat(0.0); V]; P];
            if let Some(bias) = self.bias {
                for v in 0..V {
                    let bias = S::load(bias.add(v * S::LANES));
                    for p in 0..P {
                        sums[p][v] = bias;
                    }
                }
            }
            let mut weight = self.weight;
            for place in self.places {
                let x = line.add(*place);
                let mut w = [S::splat(0.0); V];
                for v in 0..V {
                    w[v] = S::load(weight.add(v * S::LANES));
                }
                for p in 0..P {
                    let x = S::splat(*x.add(p * step));
                    for v in 0..V {
                        sums[p][v] = S::fma(x, w[v], sums[p][v]);
                    }
                }
                weight = weight.add(V * S::LANES);
            }
            for p in 0..P {
                for v in 0..V {
                    S::store(to.as_mut_ptr().add((p * V + v) * S::LANES), sums[p][v]);
                }
            }
        }
    }
}
