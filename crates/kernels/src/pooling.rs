//! Pooling: each output element is the maximum or the mean of a window of the input.
//!
//! A band of a channel is laid out with its padding as lines (`lines.rs`), one for each element of the window, and these are folded:
//!
//! ```text
//! line:    · a b c d · e f g h · …       · padding: −∞ for the maximum, 0 for the mean
//! window:  ╰─┴─┴─┴─┴─┴─┴─╯               eight vectors of results in registers
//!            ╰─┴─┴─┴─┴─┴─┴─╯             the larger of both, or their sum
//!              ╰─┴─┴─┴─┴─┴─┴─╯           then, for the mean, divided by what counts of the window
//! ```
//! Sources: as `lines.rs`; the rules at the borders are PyTorch's.

use crate::Pool;
use crate::conv::{Prologue, steps};
use crate::isa::{Isa, isa, multiversion, on_set};
use crate::lines::{Band, Before, HELD, Lines, Window, keep};
use crate::memory::Floats;
use crate::norm::lanes;
use crate::pairs;
use crate::shared::{Shared, check, pieces};
use crate::simd::Simd;

/// The shape of a pooling; axes are depth, height, width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Channels, each pooled alone.
    pub channels: usize,
    /// Elements of the input along each axis.
    pub input: [usize; 3],
    /// Elements of the window along each axis.
    pub kernel: [usize; 3],
    /// Step of the window.
    pub stride: [usize; 3],
    /// Distance between the window's elements (1 for the mean of PyTorch).
    pub dilation: [usize; 3],
    /// Padding before and after. The maximum never sees it; the mean counts it if `count_include_pad`.
    pub pad: [[usize; 2]; 3],
    /// Whether a last, partly covered window counts: PyTorch's rule, the window must start inside the input or the low padding.
    pub ceil_mode: bool,
    /// Whether padding counts in the divisor of the mean (what `ceil_mode` adds beyond the padding never does).
    pub count_include_pad: bool,
}

impl PoolShape {
    /// Windows side by side: stride as the kernel, no padding, rounded down, padding counted.
    pub fn new(channels: usize, input: [usize; 3], kernel: [usize; 3]) -> PoolShape {
        PoolShape {
            channels,
            input,
            kernel,
            stride: kernel,
            dilation: [1; 3],
            pad: [[0; 2]; 3],
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// Elements of the output along each axis; `None` where the window does not fit or a parameter is zero.
    pub fn output(&self) -> Option<[usize; 3]> {
        let mut out = [0; 3];
        for a in 0..3 {
            let (stride, pad) = (self.stride[a], self.pad[a]);
            out[a] = steps(self.input[a], self.kernel[a], stride, self.dilation[a], pad)?;
            if self.ceil_mode {
                let reach = self.dilation[a] * (self.kernel[a] - 1) + 1;
                let spare = (self.input[a] + pad[0] + pad[1] - reach) % stride;
                out[a] += usize::from(spare > 0 && out[a] * stride < self.input[a] + pad[0]);
            }
        }
        crate::conv::volume(out)?.checked_mul(self.channels)?;
        crate::conv::volume(self.input)?.checked_mul(self.channels)?;
        Some(out)
    }

    #[track_caller]
    fn checked(&self, x: usize, y: usize) -> [usize; 3] {
        let Some(out) = self.output() else { panic!("no output for {self:?}") };
        check("x of a pooling", x, self.channels * self.input.iter().product::<usize>());
        check("y of a pooling", y, self.channels * out.iter().product::<usize>());
        out
    }
}

/// The largest element of each window; NaN if it holds one; −∞ for a window that is padding alone. Panics unless the lengths agree and
/// the shape has an output.
pub fn max_pool(pool: &Pool, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    let output = shape.checked(x.len(), y.len());
    if pairs::suits(shape, output, None) {
        return pairs::run(pool, (shape, output), None, None, x, y);
    }
    windows(pool, shape, None, Largest, x, y, |_, _, _| {});
}

/// The mean of each window of `before(x)`, the padding staying zero. Panics unless the lengths agree and the shape has an output.
pub fn avg_pool(
    pool: &Pool,
    shape: &PoolShape,
    before: Option<&Prologue>,
    x: &[f32],
    y: &mut [f32],
) {
    let output = shape.checked(x.len(), y.len());
    before.inspect(|p| {
        check("scale of a prologue", p.scale.len(), shape.channels);
        check("shift of a prologue", p.shift.len(), shape.channels);
        p.slopes.inspect(|s| check("slopes of a prologue", s.len(), shape.channels));
    });
    if pairs::suits(shape, output, before) {
        let count = shape.kernel.iter().product::<usize>() as f32;
        return pairs::run(pool, (shape, output), before, Some(count), x, y);
    }
    let across: Vec<f32> = (0..output[2]).map(|w| divisor(shape, 2, w) as f32).collect();
    let alike = across.iter().all(|n| *n == across[0]);
    windows(pool, shape, before, Sum, x, y, |row, z, h| {
        let planes = (divisor(shape, 0, z) * divisor(shape, 1, h)) as f32;
        if alike {
            divide_all(row, planes * across[0]);
        } else {
            divide(row, planes, &across);
        }
    });
}

multiversion! {
    fn divide_all(row: &mut [f32], n: f32) {
        row.iter_mut().for_each(|v| *v /= n);
    }
}

multiversion! {
    fn divide(row: &mut [f32], planes: f32, across: &[f32]) {
        row.iter_mut().zip(across).for_each(|(v, n)| *v /= planes * n);
    }
}

/// How many elements of window `at` count along an axis, by PyTorch's rule: the padded input bounds the window, then, unless padding
/// counts, the input itself.
pub(crate) fn divisor(shape: &PoolShape, axis: usize, at: usize) -> usize {
    let [low, high] = shape.pad[axis];
    let (n, d) = (shape.input[axis], shape.dilation[axis]);
    let inside = |k: &usize| {
        let i = at * shape.stride[axis] + k * d; // in the padded input
        if shape.count_include_pad { i < low + n + high } else { i >= low && i < low + n }
    };
    (0..shape.kernel[axis]).filter(inside).count()
}

/// What a window's elements are folded to.
pub(crate) trait Fold: Copy + Sync {
    /// What padding and an empty window are.
    const START: f32;
    /// # Safety
    /// The instruction set is there.
    unsafe fn fold<S: Simd>(sum: S::V, x: S::V) -> S::V;
    /// A band of a channel, on an instruction set that is there.
    fn band(isa: Isa, call: &Call, scratch: &mut [f32]);
}

#[inline(always)]
unsafe fn largest<S: Simd>(call: &Call, scratch: &mut [f32]) {
    call.run::<S, Largest>(scratch);
}

#[inline(always)]
unsafe fn sums<S: Simd>(call: &Call, scratch: &mut [f32]) {
    call.run::<S, Sum>(scratch);
}

#[derive(Clone, Copy)]
pub(crate) struct Largest;

impl Fold for Largest {
    const START: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    unsafe fn fold<S: Simd>(sum: S::V, x: S::V) -> S::V {
        // SAFETY: contract.
        unsafe { S::larger(sum, x) }
    }
    fn band(isa: Isa, call: &Call, scratch: &mut [f32]) {
        on_set!(isa, largest(call: &Call, scratch: &mut [f32]));
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Sum;

impl Fold for Sum {
    const START: f32 = 0.0;
    #[inline(always)]
    unsafe fn fold<S: Simd>(sum: S::V, x: S::V) -> S::V {
        // SAFETY: contract.
        unsafe { S::add(sum, x) }
    }
    fn band(isa: Isa, call: &Call, scratch: &mut [f32]) {
        on_set!(isa, sums(call: &Call, scratch: &mut [f32]));
    }
}

/// Elements read worth a task.
pub(crate) const GRAIN: usize = 100_000;

/// The loop both share; `finish(row, z, h)` ends a row of the output.
fn windows<F: Fold>(
    pool: &Pool,
    shape: &PoolShape,
    before: Option<&Prologue>,
    _: F,
    x: &[f32],
    y: &mut [f32],
    finish: impl Fn(&mut [f32], usize, usize) + Sync,
) {
    let output = shape.checked(x.len(), y.len());
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
            let call = Call { lines: &lines, x, channel: c * volume, before, band, out: &out, at };
            F::band(isa, &call, scratch);
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
pub(crate) struct Call<'a> {
    lines: &'a Lines,
    x: &'a [f32],
    /// Where the channel begins in `x` and in `out`.
    channel: usize,
    at: usize,
    before: Before,
    band: Band,
    out: &'a Shared<'a>,
}

impl Call<'_> {
    #[inline(always)]
    fn run<S: Simd, F: Fold>(&self, scratch: &mut [f32]) {
        let &Call { lines, x, channel, at, before, band, out } = self;
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

/// The mean of each channel's `spatial` elements: `[channels][spatial]` to `[channels]`; NaN for an empty channel. Panics unless the
/// lengths agree.
pub fn global_avg_pool(pool: &Pool, channels: usize, spatial: usize, x: &[f32], y: &mut [f32]) {
    check("x of a pooling", x.len(), channels * spatial);
    check("y of a pooling", y.len(), channels);
    let grain = (1usize << 14).div_ceil(spatial.max(1));
    let (tasks, step) = crate::shared::pieces(pool, channels, grain);
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for c in task * step..((task + 1) * step).min(channels) {
            // SAFETY: each channel belongs to one task.
            let y = unsafe { out.part(c, 1) };
            y[0] = mean(&x[c * spatial..][..spatial]);
        }
    });
}

multiversion! {
    fn mean(x: &[f32]) -> f32 {
        (lanes(x, |v| v) / x.len() as f64) as f32
    }
}
