//! Input panels of the implicit matrix product: what im2col would write, made panel by panel into scratch memory and never whole.
//!
//! Row `k = (channel, tap)` of a panel holds, for a tile's worth of neighbouring output positions, the input element each of them
//! meets at that tap: a few runs of one input row each, and zeros where the kernel hangs over the border. The runs of a tap are the
//! same for every channel, so they are found once per panel and then only copied:
//!
//! ```text
//! output row 3          output row 4
//! ┌───────────────┬────────────────────────┬───┐
//! │ x[2][5..13] 0 │ 0 x[3][0..12]          │ 0 │   one tap, stride 1: two runs, zeros at the borders and past the end
//! └───────────────┴────────────────────────┴───┘
//! ```

use super::shape::Prologue;
use crate::simd::{Portable, Simd, prefetch};
use crate::{Activation, Isa, activation::activate};

/// Which input element an output position meets at a tap: `position·stride + offset[axis][tap]` along each axis.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    /// Output positions along each axis.
    pub output: [usize; 3],
    pub input: [usize; 3],
    pub stride: [usize; 3],
    /// Per axis, where each tap reads relative to position zero.
    pub offset: [Vec<isize>; 3],
}

/// `length` elements from `source` (`stride` apart, relative to the channel's start) to `target` in the panel's row.
#[derive(Clone, Copy, Debug)]
struct Run {
    source: usize,
    target: usize,
    length: usize,
}

/// The runs of every tap for one panel.
#[derive(Default)]
pub(crate) struct Runs {
    runs: Vec<Run>,
    /// Where each tap's runs start, and the end.
    starts: Vec<usize>,
    stride: usize,
}

impl Geometry {
    /// Positions in all.
    pub fn positions(&self) -> usize {
        self.output.iter().product()
    }

    /// Taps in all.
    pub fn taps(&self) -> usize {
        self.offset.iter().map(Vec::len).product()
    }

    /// The element of the input a coordinate names, if it is on the input.
    fn source(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let i = (position * self.stride[axis]) as isize + self.offset[axis][tap];
        usize::try_from(i).ok().filter(|i| *i < self.input[axis])
    }

    /// The runs of output positions `from..from + count`.
    pub fn runs(&self, from: usize, count: usize) -> Runs {
        let [_, oh, ow] = self.output;
        let [_, ih, iw] = self.input;
        let mut runs = Runs { stride: self.stride[2], ..Runs::default() };
        // The stretches of output rows among these positions: depth, row, first column, place in the panel, length.
        let mut rows = Vec::new();
        let mut at = 0;
        while at < count {
            let position = from + at;
            let length = (ow - position % ow).min(count - at);
            rows.push((position / ow / oh, position / ow % oh, position % ow, at, length));
            at += length;
        }
        for kz in 0..self.offset[0].len() {
            for kh in 0..self.offset[1].len() {
                for shift in &self.offset[2] {
                    let start = runs.runs.len();
                    runs.starts.push(start);
                    let (first, last) = self.reach(*shift);
                    for &(z, h, w, at, length) in &rows {
                        let (low, high) = (first.max(w), last.min(w + length));
                        if low < high
                            && let Some(z) = self.source(0, z, kz)
                            && let Some(h) = self.source(1, h, kh)
                        {
                            let column = (low * runs.stride) as isize + shift;
                            let source = (z * ih + h) * iw + column as usize;
                            runs.push(start, source, at + low - w, high - low);
                        }
                    }
                }
            }
        }
        runs.starts.push(runs.runs.len());
        runs
    }

    /// The output columns whose element at a tap lies on the input.
    fn reach(&self, shift: isize) -> (usize, usize) {
        let stride = self.stride[2];
        let first = usize::try_from(-shift).unwrap_or(0).div_ceil(stride);
        let last = usize::try_from(self.input[2] as isize - shift).unwrap_or(0).div_ceil(stride);
        (first, last)
    }
}

impl Runs {
    /// Adds a run to the tap whose runs begin at `start`, joined to the one before where they touch on both sides.
    fn push(&mut self, start: usize, source: usize, target: usize, length: usize) {
        let stride = self.stride;
        if let Some(run) = self.runs[start..].last_mut()
            && run.target + run.length == target
            && run.source + run.length * stride == source
        {
            run.length += length;
        } else {
            self.runs.push(Run { source, target, length });
        }
    }
}

/// Fills rows `from..from + depth` of a panel of `width` columns. `x` holds the channels of the group, `volume` elements each; `pre` their
/// prologue, if any.
pub(crate) struct Fill<'a> {
    pub x: &'a [f32],
    pub volume: usize,
    pub pre: Option<Prologue<'a>>,
    pub from: usize,
    pub depth: usize,
}

impl Fill<'_> {
    /// Writes the panel, `[depth][width of the instruction set's panel]`.
    pub fn write(&self, isa: Isa, runs: &Runs, panel: &mut [f32]) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Isa` other than portable is only held where the processor has it.
            Isa::Avx512 => unsafe { avx512(self, runs, panel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { avx2(self, runs, panel) },
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => fill::<crate::simd::Neon>(self, runs, panel),
            _ => fill::<Portable>(self, runs, panel),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn avx512(f: &Fill, runs: &Runs, panel: &mut [f32]) {
    fill::<crate::simd::Avx512>(f, runs, panel);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(f: &Fill, runs: &Runs, panel: &mut [f32]) {
    fill::<crate::simd::Avx2>(f, runs, panel);
}

#[inline(always)]
fn fill<S: Simd>(f: &Fill, runs: &Runs, panel: &mut [f32]) {
    let width = S::VECTORS * S::LANES;
    let taps = runs.starts.len() - 1;
    if f.depth == 0 {
        return;
    }
    if let [run] = runs.runs[..]
        && taps == 1
        && runs.stride == 1
        && run.target == 0
    {
        let rows = panel.chunks_exact_mut(width).take(f.depth).enumerate();
        for (channel, row) in rows.map(|(i, row)| (f.from + i, row)) {
            let x = &f.x[channel * f.volume + run.source..];
            let pre = f.pre.map(|p| (p.scale[channel], p.shift[channel], p.activation));
            // SAFETY: the instruction set by the function this is inlined into.
            unsafe { point::<S>(x, run.length, pre, row) };
        }
        return;
    }
    let (mut channel, mut tap) = (f.from / taps, f.from % taps);
    for row in panel.chunks_exact_mut(width).take(f.depth) {
        let x = &f.x[channel * f.volume..][..f.volume];
        let runs_here = &runs.runs[runs.starts[tap]..runs.starts[tap + 1]];
        if runs_here.first().is_none_or(|run| run.length < width) {
            row.fill(0.0);
        }
        let pre = f.pre.map(|p| (p.scale[channel], p.shift[channel], p.activation));
        for run in runs_here {
            let target = &mut row[run.target..run.target + run.length];
            if runs.stride == 1 {
                // SAFETY: the instruction set by the function this is inlined into.
                unsafe { copy::<S>(&x[run.source..run.source + run.length], pre, target) };
            } else {
                gather(&x[run.source..], runs.stride, pre, target);
            }
            if let Some((_, _, act)) = pre
                && !matches!(act, Activation::Identity | Activation::Relu)
            {
                activate(target, act);
            }
        }
        tap += 1;
        if tap == taps {
            (channel, tap) = (channel + 1, 0);
        }
    }
}

/// Elements of a cache line.
const LINE: usize = 16;

type Before = Option<(f32, f32, Activation)>;

/// One row of a panel whose kernel is one point: `length` neighbouring elements, then zeros.
#[inline(always)]
unsafe fn point<S: Simd>(x: &[f32], length: usize, pre: Before, row: &mut [f32]) {
    // The next panel's elements: its rows lie a channel apart, too far for the processor to see them coming.
    for at in (row.len()..2 * row.len()).step_by(LINE) {
        if let Some(last) = x.get(at + LINE - 1) {
            prefetch(last);
        }
    }
    if length == S::VECTORS * S::LANES {
        let (x, row) = (&x[..length], &mut row[..length]);
        // SAFETY: passed on to the caller.
        unsafe { copy::<S>(x, pre, row) };
    } else {
        row[length..].fill(0.0);
        // SAFETY: passed on to the caller.
        unsafe { copy::<S>(&x[..length], pre, &mut row[..length]) };
    }
    if let Some((_, _, act)) = pre
        && !matches!(act, Activation::Identity | Activation::Relu)
    {
        activate(&mut row[..length], act);
    }
}

#[inline(always)]
unsafe fn copy<S: Simd>(x: &[f32], pre: Before, y: &mut [f32]) {
    let n = x.len().min(y.len());
    let (x, y) = (x.as_ptr(), y.as_mut_ptr());
    // SAFETY: every access lies in the first `n` elements of both; the instruction set by the caller.
    unsafe {
        let change = |v: S::V| match pre {
            None => v,
            Some((scale, shift, act)) => {
                let v = S::fma(v, S::splat(scale), S::splat(shift));
                if act == Activation::Relu { S::relu(v) } else { v }
            }
        };
        let mut i = 0;
        while i + S::LANES <= n {
            S::store(y.add(i), change(S::load(x.add(i))));
            i += S::LANES;
        }
        if i < n {
            S::store_part(y.add(i), change(S::load_part(x.add(i), n - i)), n - i);
        }
    }
}

#[inline(always)]
fn gather(x: &[f32], stride: usize, pre: Before, y: &mut [f32]) {
    if stride == 2 {
        y.iter_mut().zip(x.iter().step_by(2)).for_each(|(y, x)| *y = *x);
    } else {
        y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(y, x)| *y = *x);
    }
    if let Some((scale, shift, act)) = pre {
        for y in y.iter_mut() {
            *y = *y * scale + shift;
            if act == Activation::Relu && *y < 0.0 {
                *y = 0.0;
            }
        }
    }
}
