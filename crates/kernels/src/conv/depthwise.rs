//! Depthwise convolution: one input channel per group, so there is nothing to multiply as matrices. The input of a band of output rows is
//! laid out with its zeros, and then every tap is the same line read from another place:
//!
//! ```text
//! x [h][w]         scratch, rows `pitch` apart                sums, one long line                    y [h][w]
//! ┌─────┐          ┌─┬─────┐  one gap of zeros is the right   y₀ y₁ y₂ y₃ y₄ · y₀ y₁ y₂ …            ┌─────┐ residual,
//! │a b c│ ───────▶ │0│a b c│  border of a row and the left  ──▶ Σ weight[tap] · line[tap's place + i] ─▶ │     │ activation
//! │d e f│          │0│d e f│  one of the next                 a few vectors in registers over all taps  │     │
//! └─────┘          └─┴─────┘                                · falls between the rows, not kept        └─────┘
//! ```
//! So a plane of 7×7 is seven full vectors of eight, not seven rows of seven. With a stride the columns, rows and planes are split by their
//! remainder (a polyphase decomposition), after which each tap again reads neighbours. A band is small enough for the nearer caches.
//!
//! Source: the layout is that of P. P. Vaidyanathan, "Multirate digital filters, filter banks, polyphase networks, and applications",
//! Proc. IEEE 78, 1990, section III, applied along each axis.

use super::shape::{ConvArgs, ConvShape, Prologue};
use crate::shared::{Shared, pieces};
use crate::simd::{Portable, Simd};
use crate::{Activation, Isa, Pool, activation::activate};

/// Vectors of sums in registers: with the weight and what is being loaded they fit sixteen.
const HELD: usize = 8;
/// Elements of scratch a band of a picture should stay below: three quarters of a first-level cache.
const PICTURE: usize = 6 << 10;
/// The same for a volume: half of a second-level cache.
const VOLUME: usize = 64 << 10;
/// Multiply-adds worth a task.
const GRAIN: usize = 200_000;

/// Weights and the shape they serve.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    isa: Isa,
    shape: ConvShape,
    output: [usize; 3],
    /// `[out][taps]`, as given.
    pub weight: Vec<f32>,
    /// Depth, height, width.
    axes: [Axis; 3],
    /// Output planes and rows of a band.
    band: [usize; 2],
    /// Zeros before a row, between neighbours in `scratch`; zero where a stride splits the columns.
    gap: usize,
    /// Elements from one row of the scratch to the next.
    pitch: usize,
    /// Where each tap reads, for the first output.
    places: Vec<usize>,
}

/// How the taps of an axis fall on the remainders by its stride.
#[derive(Clone, Debug)]
struct Axis {
    /// The remainders that occur, rising.
    phases: Vec<usize>,
    /// For each tap: which of `phases`, and its shift there.
    taps: Vec<[usize; 2]>,
    /// The greatest shift.
    reach: usize,
}

impl Axis {
    fn new(kernel: usize, stride: usize, dilation: usize) -> Axis {
        let at = |k: usize| (k * dilation % stride, k * dilation / stride);
        let mut phases: Vec<usize> = (0..kernel).map(|k| at(k).0).collect();
        phases.sort_unstable();
        phases.dedup();
        let place = |phase: usize| phases.iter().position(|p| *p == phase).unwrap_or(0);
        let taps = (0..kernel).map(|k| [place(at(k).0), at(k).1]).collect();
        Axis { phases, taps, reach: (kernel.max(1) - 1) * dilation / stride }
    }
}

/// The outputs a task makes of one channel at a time.
#[derive(Clone, Copy)]
struct Band {
    planes: usize,
    rows: usize,
    /// The first of each.
    plane: usize,
    row: usize,
}

impl Depthwise {
    /// Takes `[out][1][kd][kh][kw]` weights.
    pub fn new(isa: Isa, s: &ConvShape, output: [usize; 3], weight: &[f32]) -> Depthwise {
        let axes = [0, 1, 2].map(|a| Axis::new(s.kernel[a], s.stride[a], s.dilation[a]));
        let [low, high] = s.pad[2];
        let (gap, lead, pitch) = if s.stride[2] == 1 {
            let gap = low.max(high);
            (gap, gap - low, (s.input[2] + gap).max(output[2]))
        } else {
            (0, 0, output[2] + axes[2].reach)
        };
        let phases: usize = axes.iter().map(|axis| axis.phases.len()).product();
        let [depth, height] = [axes[0].reach, axes[1].reach];
        let budget = if output[0] == 1 { PICTURE } else { VOLUME } / (phases * pitch).max(1);
        let even = |n: usize, part: usize| n.div_ceil(n.div_ceil(part.max(1)).max(1)).max(1);
        let rows = (budget / (1 + depth)).saturating_sub(height).max(2 * height + 4).min(output[1]);
        let rows = even(output[1], rows);
        let planes = budget / (rows + height);
        let planes = even(output[0], planes.saturating_sub(depth).max(depth + 1).min(output[0]));
        let mut made = Depthwise {
            isa,
            shape: s.clone(),
            output,
            weight: weight.to_vec(),
            axes,
            band: [planes, rows],
            gap,
            pitch,
            places: Vec::new(),
        };
        let (phase, [_, tall]) = (made.phase_len(), made.span());
        let [z, y, x] = &made.axes;
        let mut places = Vec::with_capacity(s.kernel.iter().product());
        for [pz, tz] in &z.taps {
            for [py, ty] in &y.taps {
                for [px, tx] in &x.taps {
                    let at = (pz * y.phases.len() + py) * x.phases.len() + px;
                    places.push(at * phase + (tz * tall + ty) * pitch + tx + lead);
                }
            }
        }
        made.places = places;
        made
    }

    /// Planes and rows of the scratch in each phase.
    fn span(&self) -> [usize; 2] {
        [self.band[0] + self.axes[0].reach, self.band[1] + self.axes[1].reach]
    }

    /// Elements of one phase of the scratch, the gap after the last row included.
    fn phase_len(&self) -> usize {
        self.span().iter().product::<usize>() * self.pitch + self.gap
    }

    /// Elements of one thread's scratch: the input's, with what vectors read past the last row, and the sums'.
    fn scratch(&self) -> [usize; 2] {
        let phases: usize = self.axes.iter().map(|axis| axis.phases.len()).product();
        let spare = 2 * lanes(self.isa);
        let input = phases * self.phase_len() + self.pitch + self.gap + spare;
        [input.next_multiple_of(16), (self.band[1] * self.pitch + spare).next_multiple_of(16)]
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        threads * self.scratch().iter().sum::<usize>() + 16
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], args: &ConvArgs, work: &mut [f32], y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let down = self.output[1].div_ceil(self.band[1]);
        let bands = self.output[0].div_ceil(self.band[0]) * down;
        let per = self.shape.out_channels / self.shape.groups;
        let cost = self.band.iter().product::<usize>() * self.output[2] * self.places.len() * per;
        let units = self.shape.groups * bands;
        let (tasks, step) = pieces(units, GRAIN.div_ceil(cost.max(1)));
        let [input, sums] = self.scratch();
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (work, y) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        pool.run_workers(tasks, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let scratch = unsafe { work.part(worker * (input + sums), input + sums) };
            for unit in task * step..units.min((task + 1) * step) {
                let (channel, band) = (unit / bands, unit % bands);
                let (plane, row) = (band / down * self.band[0], band % down * self.band[1]);
                let band = Band {
                    planes: self.band[0].min(self.output[0] - plane),
                    rows: self.band[1].min(self.output[1] - row),
                    plane,
                    row,
                };
                let call = Call { own: self, x, args, channel, band, y: &y };
                match self.isa {
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: the set was supported when the weights were taken.
                    Isa::Avx512 => unsafe { avx512(&call, scratch) },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: as above.
                    Isa::Avx2 => unsafe { avx2(&call, scratch) },
                    _ => call.run::<Portable>(scratch),
                }
            }
        });
    }
}

fn lanes(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 16,
        Isa::Avx2 => 8,
        Isa::Portable => Portable::LANES,
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn avx512(call: &Call, scratch: &mut [f32]) {
    call.run::<crate::simd::Avx512>(scratch);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(call: &Call, scratch: &mut [f32]) {
    call.run::<crate::simd::Avx2>(scratch);
}

/// One band of one channel.
struct Call<'a> {
    own: &'a Depthwise,
    x: &'a [f32],
    args: &'a ConvArgs<'a>,
    channel: usize,
    band: Band,
    y: &'a Shared<'a>,
}

impl Call<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, scratch: &mut [f32]) {
        let (own, band) = (self.own, self.band);
        let (line, sums) = scratch.split_at_mut(own.scratch()[0]);
        self.fill::<S>(line);
        let [_, oh, ow] = own.output;
        let (positions, taps) = (own.output.iter().product::<usize>(), own.places.len());
        let per = own.shape.out_channels / own.shape.groups;
        let wanted = (band.rows - 1) * own.pitch + ow;
        let e = &self.args.epilogue;
        for o in self.channel * per..(self.channel + 1) * per {
            let (weight, bias) = (&own.weight[o * taps..][..taps], e.bias.map_or(0.0, |b| b[o]));
            for plane in 0..band.planes {
                let from = plane * own.span()[1] * own.pitch;
                let most = own.places.iter().max().map_or(0, |place| from + place);
                let whole = wanted.next_multiple_of(S::LANES);
                assert!(most + whole <= line.len() && whole <= sums.len());
                // SAFETY: all taps' lines lie in the scratch, by the assertion; the instruction set by the function this is inlined into.
                unsafe {
                    let line = line.as_ptr().add(from);
                    sum::<S>(line, &own.places, weight, bias, whole / S::LANES, sums.as_mut_ptr());
                }
                let at = o * positions + ((band.plane + plane) * oh + band.row) * ow;
                // SAFETY: this band of the channel is this task's.
                let y = unsafe { self.y.part(at, band.rows * ow) };
                let residual = e.residual.map(|r| &r[at..][..band.rows * ow]);
                // SAFETY: `sums` hold all rows, by the assertion; the instruction set as above.
                unsafe { keep::<S>(sums.as_ptr(), own.pitch, ow, residual, y) };
                activate(y, e.activation);
            }
        }
    }

    /// Lays out the input of the band. Rows are written in rising order, so that a vector that reaches past its row is overwritten.
    #[inline(always)]
    fn fill<S: Simd>(&self, line: &mut [f32]) {
        let (own, s) = (self.own, &self.own.shape);
        let [id, ih, iw] = s.input;
        let [_, tall] = own.span();
        let [z, y, x] = &own.axes;
        let pre = self
            .args
            .prologue
            .map(|p: Prologue| (p.scale[self.channel], p.shift[self.channel], p.activation));
        let source = |axis: usize, position: usize, phase: usize| {
            (position * s.stride[axis] + phase)
                .checked_sub(s.pad[axis][0])
                .filter(|i| *i < s.input[axis])
        };
        let mut start = 0;
        for pz in &z.phases {
            for py in &y.phases {
                for px in &x.phases {
                    for qz in 0..self.band.planes + z.reach {
                        let plane = source(0, self.band.plane + qz, *pz);
                        for qy in 0..self.band.rows + y.reach {
                            let row = source(1, self.band.row + qy, *py);
                            let from = plane
                                .zip(row)
                                .map(|(plane, row)| ((self.channel * id + plane) * ih + row) * iw);
                            let at = start + (qz * tall + qy) * own.pitch;
                            let to = &mut line[at..];
                            self.row::<S>(from, *px, pre, to);
                        }
                    }
                    // The border right of the last row.
                    let end = start + own.phase_len();
                    line[end - own.gap..end].fill(0.0);
                    let last = ((self.band.planes + z.reach - 1) * tall + self.band.rows + y.reach)
                        * own.pitch;
                    line[start + last..][..own.gap].fill(0.0);
                    start = end;
                }
            }
        }
    }

    /// One row: zeros, the elements from `from` on that fall on `phase`, zeros.
    #[inline(always)]
    fn row<S: Simd>(
        &self,
        from: Option<usize>,
        phase: usize,
        pre: Option<(f32, f32, Activation)>,
        to: &mut [f32],
    ) {
        let (own, s) = (self.own, &self.own.shape);
        let pitch = own.pitch;
        let Some(from) = from else {
            to[..pitch].fill(0.0);
            return;
        };
        let (stride, iw, low) = (s.stride[2], s.input[2], s.pad[2][0]);
        // Where data begin and end in the row, and the first element.
        let (begin, end, first) = if stride == 1 {
            (own.gap, own.gap + iw, 0)
        } else {
            let begin = low.saturating_sub(phase).div_ceil(stride).min(pitch);
            let end = (iw + low).saturating_sub(phase).div_ceil(stride).clamp(begin, pitch);
            (begin, end, (begin * stride + phase).saturating_sub(low))
        };
        let x = &self.x[from + first.min(iw)..];
        let count = end - begin;
        assert!(to.len() >= pitch + S::LANES && pitch >= end);
        assert!(count == 0 || x.len() > (count - 1) * stride);
        // SAFETY: `count` elements `stride` apart lie in `x`, the row and a vector more in `to`, by the assertions; a vector is read
        // whole only where `x` has all of it. The instruction set by the function this is inlined into.
        unsafe {
            let (x, left, to) = (x.as_ptr(), x.len(), to.as_mut_ptr());
            let (scale, shift) = pre.map_or((1.0, 0.0), |(scale, shift, _)| (scale, shift));
            let (scale, shift) = (S::splat(scale), S::splat(shift));
            let change = |v: S::V| if pre.is_some() { S::fma(v, scale, shift) } else { v };
            zero::<S>(to, begin);
            let data = to.add(begin);
            let mut i = 0;
            while i < count {
                let v = if stride == 1 && i + S::LANES <= left {
                    S::load(x.add(i))
                } else if stride == 2 && 2 * (i + S::LANES) <= left {
                    S::even(x.add(2 * i))
                } else {
                    let mut some = [0.0; 16];
                    let few = S::LANES.min(count - i);
                    (0..few).for_each(|j| some[j] = *x.add((i + j) * stride));
                    S::load(some.as_ptr())
                };
                S::store(data.add(i), change(v));
                i += S::LANES;
            }
            if let Some((_, _, act)) = pre {
                activate(std::slice::from_raw_parts_mut(data, count), act);
            }
            zero::<S>(to.add(end), pitch - end);
        }
    }
}

/// At least `n` zeros, whole vectors.
///
/// # Safety
/// Room for `n` elements and a vector more; the instruction set is there.
#[inline(always)]
unsafe fn zero<S: Simd>(to: *mut f32, n: usize) {
    for i in (0..n).step_by(S::LANES) {
        // SAFETY: by the contract.
        unsafe { S::store(to.add(i), S::splat(0.0)) };
    }
}

/// `to[i] = start + Σ weight[tap]·line[places[tap] + i]` for `vectors` vectors.
///
/// # Safety
/// All these elements are there, and so is the instruction set.
#[inline(always)]
unsafe fn sum<S: Simd>(
    line: *const f32,
    places: &[usize],
    weight: &[f32],
    start: f32,
    vectors: usize,
    to: *mut f32,
) {
    let step = vectors.div_ceil(vectors.div_ceil(HELD).max(1));
    let mut done = 0;
    while done < vectors {
        let n = step.min(vectors - done);
        // SAFETY: by the contract.
        unsafe {
            let (line, to) = (line.add(done * S::LANES), to.add(done * S::LANES));
            match n {
                1 => held::<S, 1>(line, places, weight, start, to),
                2 => held::<S, 2>(line, places, weight, start, to),
                3 => held::<S, 3>(line, places, weight, start, to),
                4 => held::<S, 4>(line, places, weight, start, to),
                5 => held::<S, 5>(line, places, weight, start, to),
                6 => held::<S, 6>(line, places, weight, start, to),
                7 => held::<S, 7>(line, places, weight, start, to),
                _ => held::<S, HELD>(line, places, weight, start, to),
            }
        }
        done += n;
    }
}

/// [`sum`] of `N` vectors, all in registers.
#[inline(always)]
unsafe fn held<S: Simd, const N: usize>(
    line: *const f32,
    places: &[usize],
    weight: &[f32],
    start: f32,
    to: *mut f32,
) {
    // SAFETY: by the contract of `sum`.
    unsafe {
        let mut sums = [S::splat(start); N];
        for (place, weight) in places.iter().zip(weight) {
            let (from, weight) = (line.add(*place), S::splat(*weight));
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = S::fma(S::load(from.add(i * S::LANES)), weight, *sum);
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            S::store(to.add(i * S::LANES), sum);
        }
    }
}

/// The rows of `wide` elements, `pitch` apart in `sums`, one after another in `y`, with the residual. Written in rising order, so that a
/// vector that reaches past its row is overwritten.
///
/// # Safety
/// `sums` hold all rows and a vector more; the instruction set is there.
#[inline(always)]
unsafe fn keep<S: Simd>(
    sums: *const f32,
    pitch: usize,
    wide: usize,
    residual: Option<&[f32]>,
    y: &mut [f32],
) {
    let (len, to) = (y.len(), y.as_mut_ptr());
    assert!(residual.is_none_or(|r| r.len() == len));
    for row in 0..len / wide {
        let mut i = 0;
        while i < wide {
            let at = row * wide + i;
            // SAFETY: by the contract; whole vectors only where `y`, and the residual, have all of it.
            unsafe {
                let v = S::load(sums.add(row * pitch + i));
                if at + S::LANES <= len {
                    let v = residual.map_or(v, |r| S::add(v, S::load(r.as_ptr().add(at))));
                    S::store(to.add(at), v);
                } else {
                    let n = S::LANES.min(wide - i);
                    let v = residual.map_or(v, |r| S::add(v, S::load_part(r.as_ptr().add(at), n)));
                    S::store_part(to.add(at), v, n);
                }
            }
            i += S::LANES;
        }
    }
}
