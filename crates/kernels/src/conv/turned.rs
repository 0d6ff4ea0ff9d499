//! Depthwise convolution of planes with channels as lanes: a plane of as many channels as a register has lanes is turned on the way in and
//! turned back on the way out.
//!
//! ```text
//! x [channels][row · column]  ──turn──▶  ░ row ░ row ░ row ░    each place a register of channels, zeros around
//!                                          ╰─┴─╯ ╰─┴─╯ ╰─┴─╯      Σ over taps: register × weights of the tap
//! y [channels][row · column]  ◀──turn──  ▒ row ▒ row ▒ row ▒
//! ```
//! Every load is a whole cache line, where a line of one channel (`direct.rs`) is read at any offset, each vector across two of them; no
//! sums are made between rows, and rows need not be as long as registers. The sums are those of `direct.rs`, tap after tap from the bias on, to the last bit. Source: the definition; turning is oneDNN's blocked layout (`nChw16c`),
//! here in scratch memory.

use super::shape::ConvShape;
use crate::activation::activate;
use crate::isa::on_set;
use crate::shared::Shared;
use crate::simd::Simd;
use crate::{Activation, Isa};
use std::ops::Range;

/// Elements of scratch for a band of rows: a good third of a second-level cache.
const SCRATCH: usize = 48 << 10;
/// Fewer taps are not worth turning.
const LEAST_TAPS: usize = 4;

/// A depthwise layer of planes.
#[derive(Clone, Debug)]
pub(super) struct Turned {
    /// Rows and columns.
    input: [usize; 2],
    output: [usize; 2],
    stride: [usize; 2],
    /// Zeros before.
    pad: [usize; 2],
    /// Rows and columns that an output reaches over.
    reach: [usize; 2],
    /// Places of a row of scratch.
    pitch: usize,
    /// Output rows of a band.
    rows: usize,
    /// Where each tap reads, in places.
    taps: Vec<usize>,
}

/// Channels of `x` and of `y`, one after another, and what becomes of their sums.
pub(super) struct Channels<'a> {
    /// The first of them.
    pub x: &'a [f32],
    /// Of all channels.
    pub bias: Option<&'a [f32]>,
    pub activation: Activation,
    pub y: &'a Shared<'a>,
    /// Their numbers in `bias` and `y`.
    pub range: Range<usize>,
}

impl Turned {
    /// For layers that it pays for: on planes of 7² to 112², kernels of 3² to 7² take 0.6 to 0.95 of the time of lines.
    pub fn new(isa: Isa, s: &ConvShape, output: [usize; 3]) -> Option<Turned> {
        let depthwise = s.groups == s.in_channels && s.out_channels == s.in_channels;
        let flat = s.input[0] == 1 && s.kernel[0] == 1 && output[0] == 1 && s.pad[0] == [0; 2];
        let positions = output[1] * output[2];
        let pays = s.kernel[1] * s.kernel[2] >= LEAST_TAPS;
        if !depthwise || !flat || !pays || s.in_channels < isa.lanes() || positions == 0 {
            return None;
        }
        let reach = [1, 2].map(|a| (s.kernel[a] - 1) * s.dilation[a] + 1);
        let pitch = (output[2] - 1) * s.stride[2] + reach[1];
        let taps = (0..s.kernel[1]).flat_map(|ky| {
            (0..s.kernel[2]).map(move |kx| ky * s.dilation[1] * pitch + kx * s.dilation[2])
        });
        let taps = taps.collect();
        let of = |v: [usize; 3]| [v[1], v[2]];
        let mut turned = Turned {
            input: of(s.input),
            output: of(output),
            stride: of(s.stride),
            pad: [s.pad[1][0], s.pad[2][0]],
            reach,
            pitch,
            rows: output[1],
            taps,
        };
        // Bands of one length.
        let mut bands = 1;
        while turned.rows > 1 && !turned.fits(isa.lanes()) {
            bands += 1;
            turned.rows = output[1].div_ceil(bands);
        }
        // Not where a row alone is too long.
        turned.fits(isa.lanes()).then_some(turned)
    }

    /// Rows of scratch that a band reads.
    fn rows_in(&self) -> usize {
        (self.rows - 1) * self.stride[0] + self.reach[0]
    }

    /// Elements of scratch: the input and the sums of a band, and the weights; blocks that are turned may reach beyond by their side.
    fn room(&self, lanes: usize) -> [usize; 3] {
        let lines = self.rows_in().saturating_mul(self.pitch);
        let places = [lines, self.rows.saturating_mul(self.output[1]), self.taps.len()];
        places.map(|places| places.saturating_add(lanes).saturating_mul(lanes))
    }

    /// Whether a band fits scratch.
    fn fits(&self, lanes: usize) -> bool {
        self.room(lanes).iter().fold(0, |sum: usize, n| sum.saturating_add(*n)) <= SCRATCH
    }

    /// Elements of scratch of [`Turned::run`].
    pub fn scratch(&self, isa: Isa) -> usize {
        let lanes = isa.lanes();
        // The weights also as they came.
        self.room(lanes).iter().sum::<usize>() + (self.taps.len() + lanes) * lanes
    }

    /// Computes channels, at least as many as a register has lanes; `weight` gives those of a channel. `scratch` begins on a cache line.
    ///
    /// # Safety
    /// The processor has `isa`, and no other thread touches these channels of `y`.
    pub unsafe fn run(
        &self,
        isa: Isa,
        channels: &Channels,
        mut weight: impl FnMut(usize, &mut [f32]),
        scratch: &mut [f32],
    ) {
        let (lanes, count, taps) = (isa.lanes(), channels.range.len(), self.taps.len());
        assert!(count >= lanes && scratch.len() >= self.scratch(isa));
        assert!(channels.x.len() >= count * self.input[0] * self.input[1]);
        let (given, scratch) = scratch.split_at_mut((taps + lanes) * lanes);
        for start in (0..count).step_by(lanes) {
            // The last registerful may begin among channels that are done: they get the same again.
            let skipped = start.min(count - lanes);
            for (lane, own) in given.chunks_exact_mut(taps).take(lanes).enumerate() {
                weight(channels.range.start + skipped + lane, own);
            }
            let call = (self, channels, skipped, &*given);
            on_set!(isa, registerful(call: (&Turned, &Channels, usize, &[f32]), scratch: &mut [f32]));
        }
    }
}

/// As many channels as a register has lanes, `skipped` channels behind the first.
///
/// # Safety
/// The instruction set is there; lengths have been checked.
#[inline(always)]
unsafe fn registerful<S: Simd>(
    (own, channels, skipped, given): (&Turned, &Channels, usize, &[f32]),
    scratch: &mut [f32],
) {
    let ([lines_len, sums_len, _], taps) = (own.room(S::LANES), own.taps.len());
    let (lines, rest) = scratch.split_at_mut(lines_len);
    let (sums, weights) = rest.split_at_mut(sums_len);
    let volume = own.input[0] * own.input[1];
    let outputs = own.output[0] * own.output[1];
    let first = channels.range.start + skipped;
    // SAFETY: whole registers of channels lie in `x` and `y`, as `run` has made sure; blocks reach beyond what they are for by less than the side of
    // one, which scratch has room for.
    unsafe {
        turn::<S>(given.as_ptr(), taps, taps, weights.as_mut_ptr());
        let mut start = [0.0f32; 16];
        if let Some(bias) = channels.bias {
            start[..S::LANES].copy_from_slice(&bias[first..][..S::LANES]);
        }
        let x = channels.x[skipped * volume..].as_ptr();
        for from in (0..own.output[0]).step_by(own.rows) {
            let rows = own.rows.min(own.output[0] - from);
            own.fill::<S>(x, from, rows, lines);
            for row in 0..rows {
                let line = lines.as_ptr().add(row * own.stride[0] * own.pitch * S::LANES);
                let to = sums.as_mut_ptr().add(row * own.output[1] * S::LANES);
                own.row::<S>(line, weights.as_ptr(), S::load(start.as_ptr()), to);
            }
            let count = rows * own.output[1];
            activate(&mut sums[..count * S::LANES], channels.activation);
            let y = channels.y.part(first * outputs, S::LANES * outputs);
            turn_back::<S>(sums.as_ptr(), count, &mut y[from * own.output[1]..], outputs);
        }
    }
}

impl Turned {
    /// The rows of the input for `rows` output rows from `from` on, zeros around them.
    #[inline(always)]
    unsafe fn fill<S: Simd>(&self, x: *const f32, from: usize, rows: usize, lines: &mut [f32]) {
        let volume = self.input[0] * self.input[1];
        let left = self.pad[1].min(self.pitch);
        let columns = self.input[1].min(self.pitch - left);
        for line in 0..(rows - 1) * self.stride[0] + self.reach[0] {
            let at = (from * self.stride[0] + line).checked_sub(self.pad[0]);
            let own = &mut lines[line * self.pitch * S::LANES..];
            let Some(at) = at.filter(|at| *at < self.input[0]) else {
                own[..self.pitch * S::LANES].fill(0.0);
                continue;
            };
            own[..left * S::LANES].fill(0.0);
            // SAFETY: a row of each channel; the line and the room behind it.
            unsafe {
                let to = own[left * S::LANES..].as_mut_ptr();
                turn::<S>(x.add(at * self.input[1]), volume, columns, to);
            }
            own[(left + columns) * S::LANES..self.pitch * S::LANES].fill(0.0);
        }
    }

    /// The sums of an output row.
    #[inline(always)]
    unsafe fn row<S: Simd>(&self, line: *const f32, weight: *const f32, start: S::V, to: *mut f32) {
        // Sums, a register of the input and one of weights.
        let most = if S::LANES == 16 { 14 } else { 8 };
        let (outs, step) = (self.output[1], self.stride[1] * S::LANES);
        let together = outs.div_ceil(outs.div_ceil(most));
        for first in (0..outs).step_by(together) {
            let n = together.min(outs - first);
            // SAFETY: the places of these outputs lie in the line and those below.
            unsafe {
                let (line, to) = (line.add(first * step), to.add(first * S::LANES));
                macro_rules! of {
                    ($($n:literal)*) => {
                        match n {
                            $($n => held::<S, $n>(line, step, &self.taps, weight, start, to),)*
                            _ => unreachable!("{n} sums at a time"),
                        }
                    };
                }
                if S::LANES == 16 {
                    of!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
                } else {
                    of!(1 2 3 4 5 6 7 8)
                }
            }
        }
    }
}

/// `N` sums side by side, in registers over the whole kernel.
#[inline(always)]
unsafe fn held<S: Simd, const N: usize>(
    line: *const f32,
    step: usize,
    taps: &[usize],
    mut weight: *const f32,
    start: S::V,
    to: *mut f32,
) {
    // SAFETY: by the contract of those who call.
    unsafe {
        let mut sums = [start; N];
        for tap in taps {
            let (from, by) = (line.add(tap * S::LANES), S::load(weight));
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = S::fma(S::load(from.add(i * step)), by, *sum);
            }
            weight = weight.add(S::LANES);
        }
        for (i, sum) in sums.into_iter().enumerate() {
            S::store(to.add(i * S::LANES), sum);
        }
    }
}

/// `to[i·LANES + c] = from[c·step + i]` for `i < count`; up to a block's side more of `to` become zeros.
#[inline(always)]
unsafe fn turn<S: Simd>(from: *const f32, step: usize, count: usize, to: *mut f32) {
    for i in (0..count).step_by(S::SIDE) {
        let n = S::SIDE.min(count - i);
        for c in (0..S::LANES).step_by(S::SIDE) {
            // SAFETY: by the contract of those who call.
            unsafe {
                let to = to.add(i * S::LANES + c);
                S::transpose(from.add(c * step + i), step, n, to, S::LANES);
            }
        }
    }
}

/// `to[c·step + i] = from[i·LANES + c]` for `i < count`, and nothing else of `to`.
#[inline(always)]
unsafe fn turn_back<S: Simd>(from: *const f32, count: usize, to: &mut [f32], step: usize) {
    assert!(to.len() >= (S::LANES - 1) * step + count);
    let to = to.as_mut_ptr();
    for i in (0..count).step_by(S::SIDE) {
        let n = S::SIDE.min(count - i);
        for c in (0..S::LANES).step_by(S::SIDE) {
            // SAFETY: whole blocks lie within; a part of one goes by way of `block`. Rows of `from` beyond `count` are room behind it.
            unsafe {
                let (from, to) = (from.add(i * S::LANES + c), to.add(c * step + i));
                if n == S::SIDE {
                    S::transpose(from, S::LANES, S::SIDE, to, step);
                    continue;
                }
                let mut block = [0.0f32; 256];
                S::transpose(from, S::LANES, S::SIDE, block.as_mut_ptr(), S::SIDE);
                for (j, row) in block.chunks_exact(S::SIDE).take(S::SIDE).enumerate() {
                    std::ptr::copy_nonoverlapping(row.as_ptr(), to.add(j * step), n);
                }
            }
        }
    }
}
