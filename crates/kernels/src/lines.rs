//! The input of a sliding window as lines of memory: laid out with its border so that every element of the window, for all outputs of a
//! band, is one line read from its own place. What depthwise convolution and pooling have in common.
//!
//! ```text
//! x [h][w]         scratch, rows `pitch` apart                results, one long line                 y [h][w]
//! ┌─────┐          ┌─┬─────┐  one gap is the right border     y₀ y₁ y₂ y₃ y₄ · y₀ y₁ y₂ …            ┌─────┐
//! │a b c│ ───────▶ │0│a b c│  of a row and the left one of  ──▶ over all places: line[place + i]  ──▶ │     │
//! │d e f│          │0│d e f│  the next                        a few vectors, in registers             │     │
//! └─────┘          └─┴─────┘                                · falls between the rows, not kept        └─────┘
//! ```
//! So a plane of 7×7 is seven full vectors of eight, not seven rows of seven. With a stride the columns, rows and planes are split by their
//! remainder (a polyphase decomposition), after which each element again reads neighbours. A band is small enough for the nearer caches.
//!
//! Source: the layout is that of P. P. Vaidyanathan, "Multirate digital filters, filter banks, polyphase networks, and applications",
//! Proc. IEEE 78, 1990, section III, applied along each axis.

use crate::simd::{Portable, Simd};
use crate::{Activation, Isa, activation::activate};
use std::ops::Range;

/// Vectors of results in registers: with a factor and what is being loaded they fit sixteen.
pub(crate) const HELD: usize = 8;
/// Elements of scratch a band of a picture should stay below: three quarters of a first-level cache.
const PICTURE: usize = 6 << 10;
/// The same for a volume: half of a second-level cache.
const VOLUME: usize = 64 << 10;

/// A window on an input: kernel, stride, dilation and padding along depth, height and width.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub input: [usize; 3],
    pub output: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub pad: [[usize; 2]; 3],
}

/// Where everything lies.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    input: [usize; 3],
    pub output: [usize; 3],
    stride: [usize; 3],
    /// Padding before the input along each axis.
    low: [usize; 3],
    axes: [Axis; 3],
    /// Output planes and rows of a band.
    band: [usize; 2],
    /// Blanks before a row, between neighbours; zero where a stride splits the columns.
    gap: usize,
    /// Elements from one row to the next.
    pub pitch: usize,
    /// Where each element of the window reads, for the first output.
    pub places: Vec<usize>,
    /// The last of them.
    most: usize,
}

/// How the elements of a window fall on the remainders by its stride, along an axis.
#[derive(Clone, Debug)]
struct Axis {
    /// The remainders that occur, rising.
    phases: Vec<usize>,
    /// For each element: which of `phases`, and its shift there.
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

/// Some planes and rows of the output.
#[derive(Clone, Copy)]
pub(crate) struct Band {
    pub planes: usize,
    pub rows: usize,
    /// The first of each.
    pub plane: usize,
    pub row: usize,
}

/// `act(x·scale + shift)` of one channel.
pub(crate) type Before = Option<(f32, f32, Activation)>;

impl Lines {
    /// Lays out a window that has an output.
    pub fn new(w: &Window) -> Lines {
        let axes = [0, 1, 2].map(|a| Axis::new(w.kernel[a], w.stride[a], w.dilation[a]));
        let [low, high] = w.pad[2];
        let (gap, lead, pitch) = if w.stride[2] == 1 {
            let gap = low.max(high);
            (gap, gap - low, (w.input[2] + gap).max(w.output[2]))
        } else {
            (0, 0, w.output[2] + axes[2].reach)
        };
        let phases: usize = axes.iter().map(|axis| axis.phases.len()).product();
        let [depth, height] = [axes[0].reach, axes[1].reach];
        let budget = if w.output[0] == 1 { PICTURE } else { VOLUME } / (phases * pitch).max(1);
        let even = |n: usize, part: usize| n.div_ceil(n.div_ceil(part.max(1)).max(1)).max(1);
        let rows = (budget / (1 + depth)).saturating_sub(height);
        let rows = even(w.output[1], rows.max(2 * height + 4).min(w.output[1]));
        let planes = (budget / (rows + height)).saturating_sub(depth);
        let planes = even(w.output[0], planes.max(depth + 1).min(w.output[0]));
        let mut lines = Lines {
            input: w.input,
            output: w.output,
            stride: w.stride,
            low: w.pad.map(|pad| pad[0]),
            axes,
            band: [planes, rows],
            gap,
            pitch,
            places: Vec::with_capacity(w.kernel.iter().product()),
            most: 0,
        };
        let (phase, [_, tall]) = (lines.phase_len(), lines.span());
        let [z, y, x] = &lines.axes;
        for [pz, tz] in &z.taps {
            for [py, ty] in &y.taps {
                for [px, tx] in &x.taps {
                    let at = (pz * y.phases.len() + py) * x.phases.len() + px;
                    lines.places.push(at * phase + (tz * tall + ty) * pitch + tx + lead);
                }
            }
        }
        lines.most = lines.places.iter().copied().max().unwrap_or(0);
        lines
    }

    /// Planes and rows of the scratch in each phase.
    fn span(&self) -> [usize; 2] {
        [self.band[0] + self.axes[0].reach, self.band[1] + self.axes[1].reach]
    }

    /// Elements of one phase of the scratch, the gap after the last row included.
    fn phase_len(&self) -> usize {
        self.span().iter().product::<usize>() * self.pitch + self.gap
    }

    /// Elements of one thread's scratch: the input's, with what vectors read past the last row, and the results' of one plane.
    pub fn scratch(&self, isa: Isa) -> [usize; 2] {
        let phases: usize = self.axes.iter().map(|axis| axis.phases.len()).product();
        let spare = 2 * lanes(isa); // as in `results`
        let input = phases * self.phase_len() + self.pitch + self.gap + spare;
        [input.next_multiple_of(16), (self.band[1] * self.pitch + spare).next_multiple_of(16)]
    }

    /// Elements of a thread's scratch for results.
    pub fn results<S: Simd>(&self) -> usize {
        (self.band[1] * self.pitch + 2 * S::LANES).next_multiple_of(16)
    }

    /// Number of bands a channel is cut in.
    pub fn bands(&self) -> usize {
        self.output[0].div_ceil(self.band[0]) * self.output[1].div_ceil(self.band[1])
    }

    /// Outputs of a whole band.
    pub fn band_len(&self) -> usize {
        self.band.iter().product::<usize>() * self.output[2]
    }

    /// Band `index` of a channel.
    pub fn band(&self, index: usize) -> Band {
        let down = self.output[1].div_ceil(self.band[1]);
        let (plane, row) = (index / down * self.band[0], index % down * self.band[1]);
        Band {
            planes: self.band[0].min(self.output[0] - plane),
            rows: self.band[1].min(self.output[1] - row),
            plane,
            row,
        }
    }

    /// Where a band's plane lies in a channel of the output.
    pub fn outputs(&self, band: &Band, plane: usize) -> Range<usize> {
        let [_, oh, ow] = self.output;
        let start = ((band.plane + plane) * oh + band.row) * ow;
        start..start + band.rows * ow
    }

    /// Where the lines of a band's plane begin, and vectors of results it has. Panics unless all that is read and written lies in the scratch.
    pub fn plane<S: Simd>(
        &self,
        band: &Band,
        plane: usize,
        [line, results]: [usize; 2],
    ) -> [usize; 2] {
        let from = plane * self.span()[1] * self.pitch;
        let wanted = (band.rows - 1) * self.pitch + self.output[2];
        let whole = wanted.next_multiple_of(S::LANES);
        assert!(from + self.most + whole <= line && whole <= results);
        [from, whole / S::LANES]
    }

    /// Lays out a band of the channel that begins at `channel` in `x`. Rows are written in rising order, so that a vector that reaches
    /// past its row is overwritten.
    #[inline(always)]
    pub fn fill<S: Simd>(
        &self,
        x: &[f32],
        channel: usize,
        (blank, before): (f32, Before),
        band: &Band,
        line: &mut [f32],
    ) {
        let [_, ih, iw] = self.input;
        let [_, tall] = self.span();
        let [z, y, w] = &self.axes;
        let source = |axis: usize, position: usize, phase: usize| {
            (position * self.stride[axis] + phase)
                .checked_sub(self.low[axis])
                .filter(|i| *i < self.input[axis])
        };
        let mut start = 0;
        for pz in &z.phases {
            for py in &y.phases {
                for px in &w.phases {
                    for qz in 0..band.planes + z.reach {
                        let plane = source(0, band.plane + qz, *pz);
                        for qy in 0..band.rows + y.reach {
                            let row = source(1, band.row + qy, *py);
                            let from = plane.zip(row).map(|(z, y)| channel + (z * ih + y) * iw);
                            let to = &mut line[start + (qz * tall + qy) * self.pitch..];
                            self.row::<S>(x, from, *px, (blank, before), to);
                        }
                    }
                    // The border right of the last row of the last plane, and of a shorter band.
                    let last = (band.planes + z.reach - 1) * tall + band.rows + y.reach;
                    line[start + last * self.pitch..][..self.gap].fill(blank);
                    start += self.phase_len();
                }
            }
        }
    }

    /// One row: blanks, the elements from `from` on that fall on `phase`, blanks.
    #[inline(always)]
    fn row<S: Simd>(
        &self,
        x: &[f32],
        from: Option<usize>,
        phase: usize,
        (blank, before): (f32, Before),
        to: &mut [f32],
    ) {
        let pitch = self.pitch;
        let Some(from) = from else {
            to[..pitch].fill(blank);
            return;
        };
        let (stride, iw, low) = (self.stride[2], self.input[2], self.low[2]);
        // Where data begin and end in the row, and the first element.
        let (begin, end, first) = if stride == 1 {
            (self.gap, self.gap + iw, 0)
        } else {
            let begin = low.saturating_sub(phase).div_ceil(stride).min(pitch);
            let end = (iw + low).saturating_sub(phase).div_ceil(stride).clamp(begin, pitch);
            (begin, end, (begin * stride + phase).saturating_sub(low))
        };
        let x = &x[from + first.min(iw)..];
        let count = end - begin;
        assert!(to.len() >= pitch + S::LANES && pitch >= end);
        assert!(count == 0 || x.len() > (count - 1) * stride);
        // SAFETY: `count` elements `stride` apart lie in `x`, the row and a vector more in `to`, by the assertions; a vector is read
        // whole only where `x` has all of it. The instruction set by the function this is inlined into.
        unsafe {
            let (x, left, to) = (x.as_ptr(), x.len(), to.as_mut_ptr());
            let (scale, shift) = before.map_or((1.0, 0.0), |(scale, shift, _)| (scale, shift));
            let (scale, shift) = (S::splat(scale), S::splat(shift));
            let change = |v: S::V| if before.is_some() { S::fma(v, scale, shift) } else { v };
            spread::<S>(to, begin, blank);
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
            if let Some((_, _, act)) = before {
                activate(std::slice::from_raw_parts_mut(data, count), act);
            }
            spread::<S>(to.add(end), pitch - end, blank);
        }
    }
}

/// Elements of a vector.
fn lanes(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 16,
        Isa::Avx2 => 8,
        Isa::Portable => Portable::LANES,
    }
}

/// `n` times the same number, whole vectors.
///
/// # Safety
/// Room for `n` elements and a vector more; the instruction set is there.
#[inline(always)]
unsafe fn spread<S: Simd>(to: *mut f32, n: usize, x: f32) {
    for i in (0..n).step_by(S::LANES) {
        // SAFETY: by the contract.
        unsafe { S::store(to.add(i), S::splat(x)) };
    }
}

/// The rows of `wide` results, `pitch` apart, one after another in `y`, with the residual. Written in rising order, so that a vector
/// that reaches past its row is overwritten.
///
/// # Safety
/// `results` hold all rows and a vector more; the instruction set is there.
#[inline(always)]
pub(crate) unsafe fn keep<S: Simd>(
    results: &[f32],
    pitch: usize,
    wide: usize,
    residual: Option<&[f32]>,
    y: &mut [f32],
) {
    let (len, to, results) = (y.len(), y.as_mut_ptr(), results.as_ptr());
    assert!(residual.is_none_or(|r| r.len() == len));
    for row in 0..len / wide {
        let mut i = 0;
        while i < wide {
            let at = row * wide + i;
            // SAFETY: by the contract; whole vectors only where `y`, and the residual, have all of it.
            unsafe {
                let v = S::load(results.add(row * pitch + i));
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
