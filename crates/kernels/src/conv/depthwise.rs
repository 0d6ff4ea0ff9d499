//! Depthwise convolution: one input channel per group, so there is nothing to multiply as matrices. The input of a band of output rows is
//! laid out with its zeros (`lines.rs`), and each output is a sum over the kernel's elements of that many lines:
//!
//! ```text
//! line:     0 a b c 0 d e f 0 g h i 0 …
//! w[0]·     ╰─┴─┴─┴─┴─┴─┴─╯                  eight vectors of sums stay in registers over the whole kernel; each element of it
//! w[1]·       ╰─┴─┴─┴─┴─┴─┴─╯                costs one load of the weight, and a load and a fused multiply-add a vector
//! w[2]·         ╰─┴─┴─┴─┴─┴─┴─╯  …
//! ```
//! Kernel, stride, dilation, padding and dimension only decide where the lines begin. Small planes are as quick as large ones.
//!
//! Source: the polyphase layout, see `lines.rs`; the loop is the definition.

use super::shape::{ConvArgs, ConvShape};
use crate::lines::{Band, HELD, Lines, Window, keep};
use crate::shared::{Shared, pieces};
use crate::simd::{Portable, Simd};
use crate::{Isa, Pool, activation::activate};

/// Multiply-adds worth a task.
const GRAIN: usize = 200_000;

/// Weights and the shape they serve.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    isa: Isa,
    ins: usize,
    /// Output channels of each input channel.
    per: usize,
    /// Elements of a channel of the input.
    volume: usize,
    lines: Lines,
    /// `[out][taps]`, as given.
    pub weight: Vec<f32>,
}

impl Depthwise {
    /// Takes `[out][1][kd][kh][kw]` weights.
    pub fn new(isa: Isa, s: &ConvShape, output: [usize; 3], weight: &[f32]) -> Depthwise {
        let lines = Lines::new(&Window {
            input: s.input,
            output,
            kernel: s.kernel,
            stride: s.stride,
            dilation: s.dilation,
            pad: s.pad,
        });
        let volume = s.input.iter().product();
        let (ins, per) = (s.in_channels, s.out_channels / s.groups);
        Depthwise { isa, ins, per, volume, lines, weight: weight.to_vec() }
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        threads * self.lines.scratch(self.isa).iter().sum::<usize>() + 16
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], args: &ConvArgs, work: &mut [f32], y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let bands = self.lines.bands();
        let cost = self.lines.band_len() * self.lines.places.len() * self.per;
        let units = self.ins * bands;
        let (tasks, step) = pieces(units, GRAIN.div_ceil(cost.max(1)));
        let [input, sums] = self.lines.scratch(self.isa);
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (work, y) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        pool.run_workers(tasks, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let scratch = unsafe { work.part(worker * (input + sums), input + sums) };
            for unit in (task * step).min(units)..units.min((task + 1) * step) {
                let (channel, band) = (unit / bands, self.lines.band(unit % bands));
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
        let Depthwise { per, volume, lines, weight, .. } = self.own;
        let (line, sums) = scratch.split_at_mut(lines.scratch(self.own.isa)[0]);
        let c = self.channel;
        let before = self.args.prologue.map(|p| (p.scale[c], p.shift[c], p.activation));
        lines.fill::<S>(self.x, c * volume, (0.0, before), &self.band, line);
        let (taps, wide) = (lines.places.len(), lines.output[2]);
        let positions: usize = lines.output.iter().product();
        let e = &self.args.epilogue;
        for o in c * per..(c + 1) * per {
            let (weight, bias) = (&weight[o * taps..][..taps], e.bias.map_or(0.0, |b| b[o]));
            for plane in 0..self.band.planes {
                let [from, vectors] = lines.plane::<S>(&self.band, plane, [line.len(), sums.len()]);
                // SAFETY: all lines and sums lie in the scratch, as `plane` has made sure; the instruction set by the function this is
                // inlined into.
                unsafe {
                    let line = line.as_ptr().add(from);
                    sum::<S>(line, &lines.places, weight, bias, vectors, sums.as_mut_ptr());
                }
                let outputs = lines.outputs(&self.band, plane);
                let at = o * positions + outputs.start;
                // SAFETY: this band of the channel is this task's.
                let y = unsafe { self.y.part(at, outputs.len()) };
                let residual = e.residual.map(|r| &r[at..][..outputs.len()]);
                // SAFETY: `sums` hold all rows, as `plane` has made sure; the instruction set as above.
                unsafe { keep::<S>(sums, lines.pitch, wide, residual, y) };
                activate(y, e.activation);
            }
        }
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
