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

use super::shape::{ConvShape, Prologue};
use crate::Isa;
use crate::activation::{Before, activate, before, is_quick};
use crate::simd::{Portable, Simd, prefetch};

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
    /// Of a convolution.
    pub fn of(shape: &ConvShape, output: [usize; 3]) -> Geometry {
        let offset = [0, 1, 2].map(|a| {
            let at = |k: usize| (k * shape.dilation[a]) as isize - shape.pad[a][0] as isize;
            (0..shape.kernel[a]).map(at).collect()
        });
        Geometry { output, input: shape.input, stride: shape.stride, offset }
    }

    /// Positions in all.
    pub fn positions(&self) -> usize {
        self.output.iter().product()
    }

    /// Taps in all.
    pub fn taps(&self) -> usize {
        self.offset.iter().map(Vec::len).product()
    }

    /// Where the element of position zero lies, where each position meets one element and those of neighbours lie side by side.
    pub fn straight(&self) -> Option<usize> {
        let ([z, h, w], [deep, high, wide]) = (self.output, self.input);
        let [&[dz], &[dh], &[0]] = [0, 1, 2].map(|axis| &self.offset[axis][..]) else {
            return None;
        };
        let (dz, dh) = (usize::try_from(dz).ok()?, usize::try_from(dh).ok()?);
        let inside = dz + z <= deep && dh + h <= high && w == wide;
        let joined = z == 1 || h == high;
        (self.stride == [1; 3] && inside && joined).then_some((dz * high + dh) * wide)
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

/// Fills rows `from..from + depth` of panels. `x` holds the channels of the group, `volume` elements each; `pre` their prologue, if any.
pub(crate) struct Fill<'a> {
    pub x: &'a [f32],
    pub volume: usize,
    pub pre: Option<Prologue<'a>>,
    pub from: usize,
    pub depth: usize,
    /// Columns beyond these panels that the same thread fills next, to be asked for ahead; and whether these here were not.
    pub next: usize,
    pub cold: bool,
}

impl Fill<'_> {
    /// Writes neighbouring panels, one for each of `runs`: `[depth][width of the instruction set's panel]`, each at a multiple of `step`.
    pub fn write(&self, isa: Isa, runs: &[&Runs], panels: &mut [f32], step: usize) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Isa` other than portable is only held where the processor has it.
            Isa::Avx512 => unsafe { avx512(self, runs, panels, step) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { avx2(self, runs, panels, step) },
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => fill::<crate::simd::Neon>(self, runs, panels, step),
            _ => fill::<Portable>(self, runs, panels, step),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn avx512(f: &Fill, runs: &[&Runs], panels: &mut [f32], step: usize) {
    fill::<crate::simd::Avx512>(f, runs, panels, step);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(f: &Fill, runs: &[&Runs], panels: &mut [f32], step: usize) {
    fill::<crate::simd::Avx2>(f, runs, panels, step);
}

#[inline(always)]
fn fill<S: Simd>(f: &Fill, runs: &[&Runs], panels: &mut [f32], step: usize) {
    if f.depth == 0 {
        return;
    }
    if points::<S>(f, runs, panels, step) {
        return;
    }
    for (runs, panel) in runs.iter().zip(panels.chunks_mut(step)) {
        any::<S>(f, runs, panel);
    }
}

/// A kernel of one point on neighbouring positions: channel by channel over all panels, so that what is read lies together. False where it
/// is something else.
#[inline(always)]
fn points<S: Simd>(f: &Fill, runs: &[&Runs], panels: &mut [f32], step: usize) -> bool {
    let width = S::VECTORS * S::LANES;
    let mut next = None;
    for runs in runs {
        let [run] = runs.runs[..] else { return false };
        if runs.starts.len() != 2
            || runs.stride != 1
            || run.target != 0
            || next.is_some_and(|next| next != run.source)
        {
            return false;
        }
        next = Some(run.source + run.length);
    }
    let (Some(first), Some(end)) = (runs.first().map(|runs| runs.runs[0].source), next) else {
        return true;
    };
    assert!(panels.len() >= (runs.len() - 1) * step + f.depth * width);
    assert!(end - first > (runs.len() - 1) * width && end - first <= runs.len() * width);
    for depth in 0..f.depth {
        let channel = f.from + depth;
        let x = &f.x[channel * f.volume..][..f.volume];
        // Rows lie a channel apart, too far for the processor to see them coming: the next panels' elements of this row, and where
        // nobody has asked for these panels', those of a row some way on.
        if f.cold
            && let Some(x) = f.x.get((channel + AHEAD) * f.volume..)
        {
            ask(x, first, end);
        }
        ask(x, end, end + f.next);
        let x = &x[first..end];
        let pre = f.pre.map(|p| p.of(channel));
        for panel in 0..runs.len() {
            let x = &x[panel * width..x.len().min((panel + 1) * width)];
            let row = &mut panels[panel * step + depth * width..][..width];
            // SAFETY: the instruction set by the function this is inlined into.
            unsafe { point::<S>(x, pre, row) };
        }
    }
    true
}

/// Any kernel, one panel.
#[inline(always)]
fn any<S: Simd>(f: &Fill, runs: &Runs, panel: &mut [f32]) {
    let width = S::VECTORS * S::LANES;
    let taps = runs.starts.len() - 1;
    let (mut channel, mut tap) = (f.from / taps, f.from % taps);
    for row in panel.chunks_exact_mut(width).take(f.depth) {
        let x = &f.x[channel * f.volume..][..f.volume];
        let runs_here = &runs.runs[runs.starts[tap]..runs.starts[tap + 1]];
        if runs_here.first().is_none_or(|run| run.length < width) {
            row.fill(0.0);
        }
        let pre = f.pre.map(|p| p.of(channel));
        if pre.is_none()
            && let [run] = runs_here
            && run.length == width
            && runs.stride <= 2
            && let Some(x) = x.get(run.source..run.source + 2 * width)
        {
            for i in (0..width).step_by(S::LANES) {
                // SAFETY: a whole row, and twice as many elements; the instruction set by the function this is inlined into.
                unsafe {
                    let x = x.as_ptr();
                    let v =
                        if runs.stride == 1 { S::load(x.add(i)) } else { S::even(x.add(2 * i)) };
                    S::store(row.as_mut_ptr().add(i), v);
                }
            }
            tap += 1;
            if tap == taps {
                (channel, tap) = (channel + 1, 0);
            }
            continue;
        }
        for run in runs_here {
            let target = &mut row[run.target..run.target + run.length];
            if runs.stride == 1 {
                // SAFETY: the instruction set by the function this is inlined into.
                unsafe { copy::<S>(&x[run.source..run.source + run.length], pre, target) };
            } else {
                // SAFETY: as above.
                unsafe { gather::<S>(&x[run.source..], runs.stride, pre, target) };
            }
            if let Some((_, _, act)) = pre
                && !is_quick(act)
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
/// Rows of a panel between asking for elements and using them.
const AHEAD: usize = 6;

/// Asks for the elements `from..to`, as far as they exist.
#[inline(always)]
fn ask(x: &[f32], from: usize, to: usize) {
    for at in (from..to).step_by(LINE) {
        if let Some(x) = x.get(at) {
            prefetch(x);
        }
    }
}

/// One row of a panel whose kernel is one point: neighbouring elements, then zeros.
#[inline(always)]
unsafe fn point<S: Simd>(x: &[f32], pre: Before, row: &mut [f32]) {
    let length = x.len();
    if length == S::VECTORS * S::LANES {
        // SAFETY: passed on to the caller.
        unsafe { copy::<S>(x, pre, row) };
    } else {
        row[length..].fill(0.0);
        // SAFETY: passed on to the caller.
        unsafe { copy::<S>(x, pre, &mut row[..length]) };
    }
    if let Some((_, _, act)) = pre
        && !is_quick(act)
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
        let mut i = 0;
        while i + S::LANES <= n {
            S::store(y.add(i), before::<S>(pre, S::load(x.add(i))));
            i += S::LANES;
        }
        if i < n {
            S::store_part(y.add(i), before::<S>(pre, S::load_part(x.add(i), n - i)), n - i);
        }
    }
}

/// Elements `stride` apart.
#[inline(always)]
unsafe fn gather<S: Simd>(x: &[f32], stride: usize, pre: Before, y: &mut [f32]) {
    let mut done = 0;
    if stride == 2 {
        // SAFETY: two registers of `x` and one of `y`, by the condition; the instruction set by the caller.
        unsafe {
            while done + S::LANES <= y.len() && 2 * (done + S::LANES) <= x.len() {
                let even = S::even(x.as_ptr().add(2 * done));
                S::store(y.as_mut_ptr().add(done), before::<S>(pre, even));
                done += S::LANES;
            }
        }
    }
    let y = &mut y[done..];
    if y.is_empty() {
        return;
    }
    let x = x[done * stride..].iter().step_by(stride);
    y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
    if pre.is_some() {
        // SAFETY: the instruction set by the caller.
        unsafe { change::<S>(pre, y) };
    }
}

/// The prologue in place.
#[inline(always)]
unsafe fn change<S: Simd>(pre: Before, y: &mut [f32]) {
    let (n, y) = (y.len(), y.as_mut_ptr());
    // SAFETY: every access lies in the `n` elements; the instruction set by the caller.
    unsafe {
        let mut i = 0;
        while i + S::LANES <= n {
            S::store(y.add(i), before::<S>(pre, S::load(y.add(i))));
            i += S::LANES;
        }
        if i < n {
            S::store_part(y.add(i), before::<S>(pre, S::load_part(y.add(i), n - i)), n - i);
        }
    }
}
