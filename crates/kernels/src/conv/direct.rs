//! Direct convolution of groups with few channels, above all depthwise convolution: too little to multiply as matrices, so nothing is
//! packed tap by tap. The channels of a group are laid out once, with their zeros, for a band of output rows (`lines.rs`), and each output
//! is a sum over channels and kernel elements of lines:
//!
//! ```text
//! line:     0 a b c 0 d e f 0 g h i 0 …
//! w[0]·     ╰─┴─┴─┴─┴─┴─┴─╯                  depthwise: eight vectors of one output channel stay in registers over the whole kernel
//! w[1]·       ╰─┴─┴─┴─┴─┴─┴─╯                grouped:   two vectors of six output channels, which share the loads
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

/// Output channels that share the loads of the input.
const ROWS: usize = 6;
/// Multiply-adds worth a task.
const GRAIN: usize = 200_000;
/// Elements of scratch for a band of all channels of a group: half of a second-level cache.
const SCRATCH: usize = 64 << 10;

/// Weights and the shape they serve.
#[derive(Clone, Debug)]
pub(crate) struct Direct {
    isa: Isa,
    groups: usize,
    /// Channels of a group.
    ins: usize,
    outs: usize,
    /// Elements of a channel of the input.
    volume: usize,
    lines: Lines,
    /// Where each tap of each channel of a group reads.
    places: Vec<usize>,
    /// `[group][block of out channels][in · taps][channels of the block]`
    pub weight: Vec<f32>,
}

impl Direct {
    /// Takes `[out][in/groups][kd][kh][kw]` weights.
    pub fn new(isa: Isa, s: &ConvShape, output: [usize; 3], weight: &[f32]) -> Direct {
        let (groups, ins, outs) = (s.groups, s.in_channels / s.groups, s.out_channels / s.groups);
        let window = Window {
            input: s.input,
            output,
            kernel: s.kernel,
            stride: s.stride,
            dilation: s.dilation,
            pad: s.pad,
        };
        let lines = Lines::new(&window, SCRATCH / ins.max(1));
        let channel = lines.scratch()[0];
        let places = (0..ins).flat_map(|c| lines.places.iter().map(move |p| c * channel + p));
        let places: Vec<usize> = places.collect();
        let depth = places.len();
        let mut packed = Vec::with_capacity(weight.len());
        for group in weight.chunks_exact((outs * depth).max(1)) {
            for block in group.chunks(ROWS * depth.max(1)) {
                let rows = block.len() / depth.max(1);
                for k in 0..depth {
                    packed.extend((0..rows).map(|row| block[row * depth + k]));
                }
            }
        }
        let volume = s.input.iter().product();
        Direct { isa, groups, ins, outs, volume, lines, places, weight: packed }
    }

    /// Elements of a thread's scratch: the input's, and the sums' of a block of out channels.
    fn scratch(&self) -> [usize; 2] {
        let [input, sums] = self.lines.scratch();
        [self.ins * input, self.outs.min(ROWS) * sums]
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
        let bands = self.lines.bands();
        let cost = self.lines.band_len() * self.places.len() * self.outs;
        let units = self.groups * bands;
        let (tasks, step) = pieces(units, GRAIN.div_ceil(cost.max(1)));
        let scratch = self.scratch().iter().sum::<usize>();
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (work, y) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        pool.run_workers(tasks, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let scratch = unsafe { work.part(worker * scratch, scratch) };
            for unit in (task * step).min(units)..units.min((task + 1) * step) {
                let (group, band) = (unit / bands, self.lines.band(unit % bands));
                let call = Call { own: self, x, args, group, band, y: &y };
                match self.isa {
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: the set was supported when the weights were taken.
                    Isa::Avx512 => unsafe { avx512(&call, scratch) },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: as above.
                    Isa::Avx2 => unsafe { avx2(&call, scratch) },
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => call.run::<crate::simd::Neon>(scratch),
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

/// One band of one group.
struct Call<'a> {
    own: &'a Direct,
    x: &'a [f32],
    args: &'a ConvArgs<'a>,
    group: usize,
    band: Band,
    y: &'a Shared<'a>,
}

impl Call<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, scratch: &mut [f32]) {
        let Direct { ins, outs, volume, lines, places, weight, .. } = self.own;
        let (line, sums) = scratch.split_at_mut(self.own.scratch()[0]);
        let [channel_len, sums_len] = lines.scratch();
        for (i, line) in line.chunks_exact_mut(channel_len).enumerate() {
            let c = self.group * ins + i;
            let before = self.args.prologue.map(|p| (p.scale[c], p.shift[c], p.activation));
            lines.fill::<S>(self.x, c * volume, (0.0, before), &self.band, line);
        }
        let (depth, wide) = (places.len(), lines.output[2]);
        let positions: usize = lines.output.iter().product();
        let e = &self.args.epilogue;
        for block in (0..*outs).step_by(ROWS) {
            let (rows, first) = (ROWS.min(outs - block), self.group * outs + block);
            let weight = &weight[first * depth..][..rows * depth];
            let bias: [f32; ROWS] =
                std::array::from_fn(|i| e.bias.filter(|_| i < rows).map_or(0.0, |b| b[first + i]));
            for plane in 0..self.band.planes {
                let [from, vectors] = lines.plane::<S>(&self.band, plane, [channel_len, sums_len]);
                assert!(sums.len() >= rows * sums_len && line.len() >= ins * channel_len);
                // SAFETY: all lines and sums lie in the scratch, as `plane` has made sure; the instruction set by the function this is
                // inlined into.
                unsafe {
                    let all = Sums {
                        line: line.as_ptr().add(from),
                        places,
                        weight: weight.as_ptr(),
                        bias,
                        to: sums.as_mut_ptr(),
                        step: sums_len,
                    };
                    match rows {
                        1 => all.of::<S, 1>(vectors),
                        2 => all.of::<S, 2>(vectors),
                        3 => all.of::<S, 3>(vectors),
                        4 => all.of::<S, 4>(vectors),
                        5 => all.of::<S, 5>(vectors),
                        _ => all.of::<S, ROWS>(vectors),
                    }
                }
                let outputs = lines.outputs(&self.band, plane);
                for row in 0..rows {
                    let at = (first + row) * positions + outputs.start;
                    // SAFETY: this band of the channel is this task's.
                    let y = unsafe { self.y.part(at, outputs.len()) };
                    let residual = e.residual.map(|r| &r[at..][..outputs.len()]);
                    let sums = &sums[row * sums_len..][..sums_len];
                    // SAFETY: `sums` hold all rows, as `plane` has made sure; the instruction set as above.
                    unsafe { keep::<S>(sums, lines.pitch, wide, residual, y) };
                    activate(y, e.activation);
                }
            }
        }
    }
}

/// Sums of some output channels on one plane of a band.
struct Sums<'a> {
    line: *const f32,
    places: &'a [usize],
    /// `[places][channels]`
    weight: *const f32,
    bias: [f32; ROWS],
    /// Of the first channel; `step` from one to the next.
    to: *mut f32,
    step: usize,
}

impl Sums<'_> {
    /// `vectors` vectors of `R` channels.
    ///
    /// # Safety
    /// All lines, weights and sums are there, and so is the instruction set.
    #[inline(always)]
    unsafe fn of<S: Simd, const R: usize>(&self, vectors: usize) {
        // Sums, the loads of the input and a weight fit sixteen registers.
        let most = [HELD, 4, 3, 2, 2, 2][R - 1];
        let step = vectors.div_ceil(vectors.div_ceil(most).max(1));
        let mut done = 0;
        while done < vectors {
            let n = step.min(vectors - done);
            // SAFETY: by the contract. The guards keep out what would not fit, at compile time.
            unsafe {
                match n {
                    1 => self.held::<S, R, 1>(done),
                    2 => self.held::<S, R, 2>(done),
                    3 if R <= 3 => self.held::<S, R, 3>(done),
                    4 if R <= 2 => self.held::<S, R, 4>(done),
                    5 if R == 1 => self.held::<S, 1, 5>(done),
                    6 if R == 1 => self.held::<S, 1, 6>(done),
                    7 if R == 1 => self.held::<S, 1, 7>(done),
                    _ => self.held::<S, 1, HELD>(done),
                }
            }
            done += n;
        }
    }

    /// `N` vectors from vector `first` on, all in registers.
    #[inline(always)]
    unsafe fn held<S: Simd, const R: usize, const N: usize>(&self, first: usize) {
        // SAFETY: by the contract of `of`.
        unsafe {
            let (line, to) = (self.line.add(first * S::LANES), self.to.add(first * S::LANES));
            let mut sums = [[S::splat(0.0); N]; R];
            for (row, bias) in sums.iter_mut().zip(self.bias) {
                *row = [S::splat(bias); N];
            }
            let mut weight = self.weight;
            for place in self.places {
                let from = line.add(*place);
                let mut x = [S::splat(0.0); N];
                for (i, x) in x.iter_mut().enumerate() {
                    *x = S::load(from.add(i * S::LANES));
                }
                for (r, row) in sums.iter_mut().enumerate() {
                    let weight = S::splat(*weight.add(r));
                    for (sum, x) in row.iter_mut().zip(x) {
                        *sum = S::fma(x, weight, *sum);
                    }
                }
                weight = weight.add(R);
            }
            for (r, row) in sums.into_iter().enumerate() {
                for (i, sum) in row.into_iter().enumerate() {
                    S::store(to.add(r * self.step + i * S::LANES), sum);
                }
            }
        }
    }
}
