//! Any window: a band of a channel is laid out with its padding as lines (`lines.rs`), one for each element of the window, and these are
//! folded:
//!
//! ```text
//! line:    · a b c d · e f g h · …       · padding: −∞ for the maximum, 0 for the mean
//! window:  ╰─┴─┴─┴─┴─┴─┴─╯               eight vectors of results in registers
//!            ╰─┴─┴─┴─┴─┴─┴─╯             the larger of both, or their sum
//!              ╰─┴─┴─┴─┴─┴─┴─╯           then, for the mean, divided by what counts of the window
//! ```

use super::fold::{Fold, GRAIN, Kind, Largest, Sum};
use super::shape::PoolShape;
use crate::Pool;
use crate::activation::Before;
use crate::conv::Prologue;
use crate::isa::{isa, on_set};
use crate::lines::{Band, HELD, Lines, Window, keep};
use crate::memory::Floats;
use crate::shared::{Shared, pieces};
use crate::simd::Simd;

/// The loop both share, lengths checked; `finish(row, z, h)` ends a row of the output.
pub(super) fn windows(
    pool: &Pool,
    (shape, output): (&PoolShape, [usize; 3]),
    before: Option<&Prologue>,
    kind: Kind,
    x: &[f32],
    y: &mut [f32],
    finish: impl Fn(&mut [f32], usize, usize) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let &PoolShape { input, kernel, stride, dilation, pad, .. } = shape;
    let lines = Lines::new(&Window { input, output, kernel, stride, dilation, pad }, usize::MAX);
    let (isa, bands) = (isa(), lines.bands());
    let (volume, positions) = (input.iter().product::<usize>(), output.iter().product::<usize>());
    let units = shape.channels * bands;
    let cost = lines.band_len() * lines.places.len();
    let (tasks, step) = pieces(pool, units, GRAIN.div_ceil(cost.max(1)));
    let scratch: usize = lines.scratch().iter().sum();
    let mut work = Floats::zeros(pool.threads() * scratch);
    let (work, out) = (Shared::new(&mut work), Shared::new(y));
    pool.run_workers(tasks, |worker, task| {
        // SAFETY: each thread has a part of its own.
        let scratch = unsafe { work.part(worker * scratch, scratch) };
        for unit in (task * step).min(units)..units.min((task + 1) * step) {
            let (c, band) = (unit / bands, lines.band(unit % bands));
            let before = before.map(|p| p.of(c));
            let at = c * positions;
            let channel = c * volume;
            let call = Call { lines: &lines, x, channel, before, band, out: &out, at, kind };
            let call = &call;
            on_set!(isa, folded(call: &Call, scratch: &mut [f32]));
            for plane in 0..band.planes {
                let range = lines.outputs(&band, plane);
                // SAFETY: this band of the channel is this task's.
                let y = unsafe { out.part(at + range.start, range.len()) };
                for (row, y) in y.chunks_exact_mut(output[2]).enumerate() {
                    finish(y, band.plane + plane, band.row + row);
                }
            }
        }
    });
}

/// One band of one channel.
struct Call<'a> {
    lines: &'a Lines,
    x: &'a [f32],
    /// Where the channel begins in `x` and in `out`.
    channel: usize,
    at: usize,
    before: Before,
    band: Band,
    out: &'a Shared<'a>,
    kind: Kind,
}

/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn folded<S: Simd>(call: &Call, scratch: &mut [f32]) {
    match call.kind {
        Kind::Largest => call.run::<S, Largest>(scratch),
        Kind::Sum => call.run::<S, Sum>(scratch),
    }
}

impl Call<'_> {
    #[inline(always)]
    fn run<S: Simd, F: Fold>(&self, scratch: &mut [f32]) {
        let &Call { lines, x, channel, at, before, band, out, .. } = self;
        let (line, results) = scratch.split_at_mut(lines.scratch()[0]);
        lines.fill::<S>(x, channel, (F::START, before), &band, line);
        for plane in 0..band.planes {
            let [from, vectors] = lines.plane::<S>(&band, plane, [line.len(), results.len()]);
            for first in (0..vectors).step_by(HELD) {
                let n = HELD.min(vectors - first);
                // SAFETY: all lines and results lie in the scratch, as `plane` has made sure; the instruction set by the function this
                // is inlined into.
                unsafe {
                    let line = line.as_ptr().add(from + first * S::LANES);
                    let to = results.as_mut_ptr().add(first * S::LANES);
                    if n == HELD {
                        fold::<S, F, HELD>(line, &lines.places, to);
                    } else {
                        for i in 0..n {
                            let (line, to) = (line.add(i * S::LANES), to.add(i * S::LANES));
                            fold::<S, F, 1>(line, &lines.places, to);
                        }
                    }
                }
            }
            let range = lines.outputs(&band, plane);
            // SAFETY: this band of the channel is this task's; `results` hold all rows, as `plane` has made sure.
            unsafe {
                let y = out.part(at + range.start, range.len());
                keep::<S>(results, lines.pitch, lines.output[2], None, y);
            }
        }
    }
}

/// `N` vectors of results, in registers over the whole window.
///
/// # Safety
/// All these elements are there, and so is the instruction set.
#[inline(always)]
unsafe fn fold<S: Simd, F: Fold, const N: usize>(line: *const f32, places: &[usize], to: *mut f32) {
    // SAFETY: by the contract.
    unsafe {
        let mut sums = [S::splat(F::START); N];
        for place in places {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = F::fold::<S>(*sum, S::load(line.add(place + i * S::LANES)));
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            S::store(to.add(i * S::LANES), sum);
        }
    }
}
