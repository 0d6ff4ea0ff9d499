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
//! Depthwise layers of planes have channels as lanes instead (`turned.rs`), unless something stands before them or is added; so have those of one
//! group whose result is to lie in blocks of channels (`fan.rs`).
//! Kernel, stride, dilation, padding and dimension only decide where the lines begin. Of small planes several channels go through each stage
//! together, so that no stage waits for what the one before has just stored.
//!
//! Source: the polyphase layout, see `lines.rs`; the loop is the definition.

use super::fan::Fan;
use super::shape::{ConvArgs, ConvShape, Epilogue};
use super::turned::{Channels, Turned};
use crate::gemm::store::{Order, Part, Store};
use crate::isa::on_set;
use crate::lines::{Band, HELD, Lines, Window, keep};
use crate::moments::Spread;
use crate::shared::{Shared, pieces};
use crate::simd::Simd;
use crate::{Isa, Moments, Pool, Weights, activation::activate};
use std::ops::Range;
use std::sync::OnceLock;

/// Output channels that share the loads of the input.
const ROWS: usize = 6;
/// Multiply-adds worth a task.
const GRAIN: usize = 200_000;
/// Elements of scratch for a band of all channels of a group: half of a second-level cache.
const SCRATCH: usize = 64 << 10;
/// Elements of scratch that several small channels together stay below: three quarters of a first-level cache.
const NEAR: usize = 6 << 10;
/// Channels that go through each stage together, at most.
const BESIDE: usize = 8;

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
    pub weight: Store,
    /// Where channels are better lanes.
    turned: Option<Turned>,
    /// What writes blocks.
    fan: Option<Fan>,
}

/// The order of packed weights.
struct Blocks {
    groups: usize,
    /// Channels of a group, and elements of each.
    outs: usize,
    depth: usize,
}

impl Order for Blocks {
    fn len(&self) -> usize {
        self.groups * self.outs * self.depth
    }

    fn arrange<T: Copy>(&self, weights: &[T], panels: &mut [T]) {
        for Part { from, lane, wide, rows, .. } in self.parts() {
            for (row, line) in
                weights[lane * rows..].chunks_exact(rows.max(1)).take(wide).enumerate()
            {
                let to = panels[from..].iter_mut().skip(row).step_by(wide);
                to.zip(line).for_each(|(to, weight)| *to = *weight);
            }
        }
    }

    fn terms(&self) -> usize {
        self.depth
    }

    fn lanes(&self) -> Vec<Option<usize>> {
        (0..self.groups * self.outs).map(Some).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let firsts = (0..self.groups * self.outs).step_by(self.outs.max(1));
        let lanes = firsts.flat_map(|first| {
            (first..first + self.outs).step_by(ROWS).map(move |lane| (first, lane))
        });
        let rows = self.depth;
        lanes
            .map(|(first, lane)| {
                let wide = ROWS.min(first + self.outs - lane);
                Part { from: lane * rows, lane, wide, term: 0, rows }
            })
            .collect()
    }
}

impl Direct {
    /// Takes `[out][in/groups][kd][kh][kw]` weights.
    pub fn new(isa: Isa, s: &ConvShape, output: [usize; 3], weight: &Weights) -> Direct {
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
        let fan = Fan::new(isa, s, output, weight);
        let weight = Store::new(weight, &Blocks { groups, outs, depth: places.len() });
        let volume = s.input.iter().product();
        let turned = Turned::new(isa, s, output);
        Direct { isa, groups, ins, outs, volume, lines, places, weight, turned, fan }
    }

    /// Memory of the weights, in bytes.
    pub fn bytes(&self) -> usize {
        self.weight.bytes() + self.fan.as_ref().map_or(0, Fan::bytes)
    }

    /// Channels of a block of the output, where it can be written in blocks.
    pub fn writes_blocks(&self) -> Option<usize> {
        self.fan.as_ref().map(|_| self.isa.lanes())
    }

    /// Elements of a block's weights that are not kept as floats.
    fn room(&self) -> usize {
        self.weight.room(ROWS.min(self.outs) * self.places.len())
    }

    /// Elements of a thread's scratch in all.
    fn all_scratch(&self) -> usize {
        let lines = self.beside() * self.scratch().iter().sum::<usize>();
        let turned = self.turned.as_ref().map_or(0, |turned| turned.scratch(self.isa));
        (lines.max(turned) + self.room()).next_multiple_of(16)
    }

    /// The same sums with channels as lanes, where that pays and nothing stands before them and nothing is added.
    fn turned(&self, args: &ConvArgs) -> Option<&Turned> {
        let plain = args.prologue.is_none() && args.epilogue.residual.is_none();
        self.turned.as_ref().filter(|_| plain)
    }

    /// # Safety
    /// No other thread touches these channels of `y`.
    unsafe fn run_turned(
        &self,
        turned: &Turned,
        (range, x): (Range<usize>, &[f32]),
        args: &ConvArgs,
        scratch: &mut [f32],
        y: &Shared,
    ) {
        let (scratch, room) = scratch.split_at_mut(scratch.len() - self.room());
        let Epilogue { bias, activation, .. } = args.epilogue;
        let channels = Channels { x, bias, activation, y, range };
        let weight = |channel: usize, to: &mut [f32]| {
            to.copy_from_slice(self.block(channel..channel + 1, room));
        };
        // SAFETY: the set was supported when the weights were taken; the channels by the contract.
        unsafe { turned.run(self.isa, &channels, weight, scratch) }
    }

    /// Elements of a thread's scratch: the input's, and the sums' of a block of out channels.
    fn scratch(&self) -> [usize; 2] {
        let [input, sums] = self.lines.scratch();
        [self.ins * input, self.outs.min(ROWS) * sums]
    }

    /// The weights of some out channels of a group, `[in · taps][channels]`, made in `room` where they are not kept as floats.
    fn block<'a>(&'a self, channels: Range<usize>, room: &'a mut [f32]) -> &'a [f32] {
        let (lane, wide, rows) = (channels.start, channels.len(), self.places.len());
        self.weight.part(Part { from: lane * rows, lane, wide, term: 0, rows }, room)
    }

    /// Groups that go through each stage together: of depthwise layers whose planes are one band.
    fn beside(&self) -> usize {
        let depthwise = self.ins == 1 && self.outs == 1;
        let whole = self.lines.bands() == 1 && self.lines.output[0] == 1;
        if !depthwise || !whole {
            return 1;
        }
        match NEAR / self.scratch().iter().sum::<usize>().max(1) {
            // Fewer would gain less than their cache lines cost.
            ..4 => 1,
            fit => fit.min(BESIDE),
        }
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        let fan = self.fan.as_ref().map_or(0, |fan| fan.workspace(threads));
        fan.max(threads * self.all_scratch() + 16)
    }

    /// Runs; slices have been checked. Returns what [`conv_moments`](super::conv_moments) does.
    pub fn run(
        &self,
        pool: &Pool,
        x: &[f32],
        (args, wanted): (&ConvArgs, bool),
        work: &mut [f32],
        y: &mut [f32],
    ) -> Option<Moments> {
        if y.is_empty() {
            return None;
        }
        if args.y_blocked {
            return self.fan.as_ref().and_then(|fan| fan.run(pool, x, (args, wanted), work, y));
        }
        let scratch = self.all_scratch();
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (work, y) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        if let Some(turned) = self.turned(args) {
            let lanes = self.isa.lanes();
            // The last takes the channels that fill no register.
            let units = self.groups / lanes;
            let cost = self.lines.output.iter().product::<usize>() * self.places.len() * lanes;
            let (tasks, step) = pieces(pool, units, GRAIN.div_ceil(cost.max(1)));
            pool.run_workers(tasks, |worker, task| {
                let end = (task + 1) * step;
                let end = if end >= units { self.groups } else { end * lanes };
                let range = task * step * lanes..end;
                let x = &x[range.start * self.volume..range.end * self.volume];
                // SAFETY: each thread has a part of its own, and each task its channels.
                unsafe {
                    let scratch = work.part(worker * scratch, scratch);
                    self.run_turned(turned, (range, x), args, scratch, &y);
                }
            });
            return None;
        }
        let gathered = wanted.then(|| Gathered::new(self));
        let (bands, beside) = (self.lines.bands(), self.beside());
        let cost = self.lines.band_len() * self.places.len() * self.outs * beside;
        let units = self.groups.div_ceil(beside) * bands;
        let (tasks, step) = pieces(pool, units, GRAIN.div_ceil(cost.max(1)));
        pool.run_workers(tasks, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let scratch = unsafe { work.part(worker * scratch, scratch) };
            for unit in (task * step).min(units)..units.min((task + 1) * step) {
                let (group, band) = (unit / bands * beside, self.lines.band(unit % bands));
                let groups = group..(group + beside).min(self.groups);
                let gathered = gathered.as_ref().map(|all| (all, unit % bands));
                Call { own: self, x, first: 0, args, groups, band, gathered, y: &y }
                    .run_on(scratch);
            }
        });
        gathered.map(|all| all.join())
    }

    /// Some channels of a depthwise layer on this thread. `x` holds these channels alone, `y` all. `scratch` is [`Direct::workspace`] for one
    /// thread.
    ///
    /// # Safety
    /// No other thread touches these channels of `y`.
    pub unsafe fn run_channels(
        &self,
        channels: Range<usize>,
        x: &[f32],
        args: &ConvArgs,
        scratch: &mut [f32],
        y: &Shared,
    ) {
        debug_assert!(self.ins == 1 && self.outs == 1);
        let (beside, first) = (self.beside(), channels.start);
        let aligned = scratch.as_ptr().align_offset(64).min(16);
        let scratch = &mut scratch[aligned..][..self.all_scratch()];
        if let Some(turned) = self.turned(args).filter(|_| channels.len() >= self.isa.lanes()) {
            // SAFETY: by the contract.
            unsafe { self.run_turned(turned, (channels, x), args, scratch, y) };
            return;
        }
        for group in channels.clone().step_by(beside) {
            let groups = group..(group + beside).min(channels.end);
            for band in (0..self.lines.bands()).map(|band| self.lines.band(band)) {
                let groups = groups.clone();
                Call { own: self, x, first, args, groups, band, gathered: None, y }.run_on(scratch);
            }
        }
    }
}

/// What each band's planes tell of the channels, `[channel][band][plane]`.
struct Gathered {
    parts: Vec<OnceLock<Spread>>,
    /// Parts of a channel, and of a band.
    each: usize,
    planes: usize,
}

impl Gathered {
    fn new(own: &Direct) -> Gathered {
        let planes = own.lines.band(0).planes;
        let each = own.lines.bands() * planes;
        Gathered { parts: vec![OnceLock::new(); own.groups * own.outs * each], each, planes }
    }

    fn join(&self) -> Moments {
        let of = |channel: &[OnceLock<Spread>]| {
            let all = Spread::of(channel);
            (all.mean, all.variance())
        };
        Moments { channels: self.parts.chunks_exact(self.each).map(of).collect() }
    }
}

/// One band of one group, or of a few.
struct Call<'a> {
    own: &'a Direct,
    x: &'a [f32],
    /// The channel that `x` begins with.
    first: usize,
    args: &'a ConvArgs<'a>,
    groups: Range<usize>,
    band: Band,
    /// What is gathered, and the number of the band.
    gathered: Option<(&'a Gathered, usize)>,
    y: &'a Shared<'a>,
}

impl Call<'_> {
    /// On the instruction set of the weights, which was supported when they were taken.
    fn run_on(&self, scratch: &mut [f32]) {
        let call = self;
        on_set!(self.own.isa, stages(call: &Call, scratch: &mut [f32]));
    }

    /// Stage by stage: the input as lines, the sums, the results in their place.
    #[inline(always)]
    fn run<S: Simd>(&self, scratch: &mut [f32]) {
        let Direct { ins, outs, volume, lines, .. } = self.own;
        let [own_lines, own_sums] = self.own.scratch();
        let (scratch, room) = scratch.split_at_mut(scratch.len() - self.own.room());
        let (all_lines, all_sums) = scratch.split_at_mut(self.own.beside() * own_lines);
        let all_sums = &mut all_sums[..self.own.beside() * own_sums];
        for (group, own) in self.groups.clone().zip(all_lines.chunks_exact_mut(own_lines)) {
            for (i, line) in own.chunks_exact_mut(lines.scratch()[0]).enumerate() {
                let c = group * ins + i;
                let before = self.args.prologue.map(|p| p.of(c));
                let at = (c - self.first) * volume;
                lines.fill::<S>(self.x, at, (0.0, before), &self.band, line);
            }
        }
        for block in (0..*outs).step_by(ROWS) {
            let channels =
                |group: usize| group * outs + block..group * outs + (block + ROWS).min(*outs);
            for plane in 0..self.band.planes {
                let scratch =
                    all_lines.chunks_exact(own_lines).zip(all_sums.chunks_exact_mut(own_sums));
                for (group, (line, sums)) in self.groups.clone().zip(scratch) {
                    let weight = self.own.block(channels(group), room);
                    self.sum::<S>(channels(group), plane, (line, weight), sums);
                }
                for (group, sums) in self.groups.clone().zip(all_sums.chunks_exact(own_sums)) {
                    self.store::<S>(channels(group), plane, sums);
                }
            }
        }
        if self.groups.len() > 1 {
            // Whole channels, one after another.
            let positions: usize = lines.output.iter().product();
            let (from, len) = (self.groups.start * positions, self.groups.len() * positions);
            // SAFETY: these channels are this task's.
            activate(unsafe { self.y.part(from, len) }, self.args.epilogue.activation);
        }
    }

    /// The sums of some out channels of a group, at most [`ROWS`], on a plane.
    #[inline(always)]
    fn sum<S: Simd>(
        &self,
        channels: Range<usize>,
        plane: usize,
        (line, weight): (&[f32], &[f32]),
        sums: &mut [f32],
    ) {
        let Direct { ins, lines, places, .. } = self.own;
        let [channel_len, sums_len] = lines.scratch();
        let (depth, rows, first) = (places.len(), channels.len(), channels.start);
        assert!(weight.len() == rows * depth);
        let given = self.args.epilogue.bias;
        let bias =
            std::array::from_fn(|i| given.filter(|_| i < rows).map_or(0.0, |b| b[first + i]));
        let [from, vectors] = lines.plane::<S>(&self.band, plane, [channel_len, sums_len]);
        assert!(sums.len() >= rows * sums_len && line.len() >= ins * channel_len);
        // SAFETY: all lines and sums lie in the scratch, as `plane` has made sure; the instruction set by the function this is inlined
        // into.
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
    }

    /// Sums to where they belong; the activation of several groups comes last.
    #[inline(always)]
    fn store<S: Simd>(&self, channels: Range<usize>, plane: usize, sums: &[f32]) {
        let lines = &self.own.lines;
        let positions: usize = lines.output.iter().product();
        let outputs = lines.outputs(&self.band, plane);
        let e = &self.args.epilogue;
        for (channel, sums) in channels.zip(sums.chunks_exact(lines.scratch()[1])) {
            let at = channel * positions + outputs.start;
            // SAFETY: this band of the channel is this task's.
            let y = unsafe { self.y.part(at, outputs.len()) };
            let residual = e.residual.map(|r| &r[at..][..outputs.len()]);
            // SAFETY: `sums` hold all rows, as `plane` has made sure; the instruction set by the function this is inlined into.
            unsafe { keep::<S>(sums, lines.pitch, lines.output[2], residual, y) };
            if let Some((all, band)) = self.gathered {
                let part = &all.parts[channel * all.each + band * all.planes + plane];
                // SAFETY: as above.
                let spread = unsafe { Spread::near::<S>(y) };
                part.get_or_init(|| spread);
            }
            if self.groups.len() == 1 {
                activate(y, e.activation);
            }
        }
    }
}

/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn stages<S: Simd>(call: &Call, scratch: &mut [f32]) {
    call.run::<S>(scratch);
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
        // Sums, the loads of the input and a weight fit sixteen registers, or thirty-two.
        let wide = S::VECTORS == 3;
        let most = if wide { [HELD, HELD, 6, 5, 4, 4] } else { [HELD, 4, 3, 2, 2, 2] }[R - 1];
        let step = vectors.div_ceil(vectors.div_ceil(most).max(1));
        let mut done = 0;
        while done < vectors {
            let n = step.min(vectors - done);
            // SAFETY: by the contract. The guards keep out what would not fit, at compile time.
            unsafe {
                match n {
                    1 => self.held::<S, R, 1>(done),
                    2 => self.held::<S, R, 2>(done),
                    3 if R <= 3 || wide => self.held::<S, R, 3>(done),
                    4 if R <= 2 || wide => self.held::<S, R, 4>(done),
                    5 if R == 1 || wide && R <= 4 => self.held::<S, R, 5>(done),
                    6 if R == 1 || wide && R <= 3 => self.held::<S, R, 6>(done),
                    7 if R == 1 || wide && R <= 2 => self.held::<S, R, 7>(done),
                    _ if R == 1 || wide && R <= 2 => self.held::<S, R, HELD>(done),
                    _ => unreachable!("{n} vectors of {R} channels"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;

    #[test]
    fn channels_as_lanes_give_the_bits_of_lines() {
        let layer = |channels: usize, size: [usize; 2], k: usize, stride: usize| ConvShape {
            groups: channels,
            stride: [1, stride, stride],
            pad: [[0, 0], [k / 2; 2], [k / 2; 2]],
            ..ConvShape::new(channels, channels, [1, size[0], size[1]], [1, k, k])
        };
        let shapes = [
            layer(16, [14, 14], 5, 1),
            layer(37, [15, 13], 3, 2),
            layer(19, [7, 7], 3, 1),
            layer(33, [70, 66], 7, 1),
            layer(20, [40, 50], 5, 2),
            ConvShape { dilation: [1, 3, 2], ..layer(24, [20, 17], 3, 1) },
            ConvShape { pad: [[0, 0], [0, 4], [3, 0]], ..layer(18, [9, 11], 3, 2) },
            ConvShape { pad: [[0, 0], [6, 0], [0, 9]], ..layer(50, [4, 3], 3, 1) },
        ];
        let noise = |seed: usize, n: usize| -> Vec<f32> {
            (0..n).map(|i| ((i + seed) * 7919 % 2003) as f32 * 1e-3 - 1.0).collect()
        };
        for (isa, s) in
            Isa::all_vectors().into_iter().flat_map(|isa| shapes.iter().map(move |s| (isa, s)))
        {
            let output = s.output().unwrap();
            let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
            let bias = noise(3, s.out_channels);
            let turned = Direct::new(isa, s, output, &Weights::from(&weight));
            assert!(turned.turned.is_some(), "{isa:?} {s:?}");
            let lines = Direct { turned: None, ..turned.clone() };
            let args = ConvArgs {
                prologue: None,
                epilogue: Epilogue {
                    bias: Some(&bias),
                    residual: None,
                    activation: Activation::Silu,
                },
                ..ConvArgs::default()
            };
            let run = |direct: &Direct, threads: usize| {
                let mut work = vec![f32::NAN; direct.workspace(threads)];
                let mut y = vec![f32::NAN; s.out_channels * output.iter().product::<usize>()];
                direct.run(&Pool::new(threads), &x, (&args, false), &mut work, &mut y);
                y
            };
            let expected = run(&lines, 1);
            for threads in [1, 2, 3] {
                assert!(run(&turned, threads) == expected, "{isa:?} {s:?} {threads} threads");
            }
        }
    }
}
