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

use crate::Activation;
use crate::activation::{self, Before, activate, is_quick};
use crate::simd::Simd;
use std::ops::Range;

/// Vectors of results in registers: with a factor and what is being loaded they fit sixteen.
pub(crate) const HELD: usize = 8;
/// Elements of scratch a band of a picture should stay below: three quarters of a first-level cache.
const PICTURE: usize = 6 << 10;
/// The same for a volume: half of a second-level cache.
const VOLUME: usize = 64 << 10;

/// Elements that vectors may reach past the last row: two of the widest.
const SPARE: usize = 32;

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
    /// The greatest of them.
    most: usize,
    /// Elements of one phase of the scratch, the gap after the last row included.
    phase: usize,
    scratch: [usize; 2],
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

impl Lines {
    /// Lays out a window that has an output, in bands of at most `most` elements where that leaves any.
    pub fn new(w: &Window, most: usize) -> Lines {
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
        let most = most.min(if w.output[0] == 1 { PICTURE } else { VOLUME });
        let budget = most / (phases * pitch).max(1);
        let even = |n: usize, part: usize| n.div_ceil(n.div_ceil(part.max(1)).max(1)).max(1);
        let rows = (budget / (1 + depth)).saturating_sub(height);
        let rows = even(w.output[1], rows.max(height + 2).min(w.output[1]));
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
            phase: 0,
            scratch: [0; 2],
        };
        let [deep, tall] = lines.span();
        let phase = deep * tall * pitch + gap;
        let input = phases * phase + pitch + gap + SPARE;
        lines.phase = phase;
        lines.scratch = [input, rows * pitch + SPARE].map(|n| n.next_multiple_of(16));
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

    /// Elements of one thread's scratch: the input's, with what vectors read past the last row, and the results' of one plane.
    pub fn scratch(&self) -> [usize; 2] {
        self.scratch
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

    /// Where the lines of a band's plane begin, and vectors of results it has. Panics unless all that is read and written lies in the
    /// scratch.
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
        // Positions of a phase that lie on the input, and the input's coordinate of the first.
        let inside = |axis: usize, first: usize, count: usize, phase: usize| {
            let (stride, low, n) = (self.stride[axis], self.low[axis], self.input[axis]);
            let steps = |n: usize| if stride == 1 { n } else { n.div_ceil(stride) };
            let start = steps(low.saturating_sub(phase)).saturating_sub(first).min(count);
            let end = steps((n + low).saturating_sub(phase)).saturating_sub(first);
            let from = ((first + start) * stride + phase).saturating_sub(low);
            (start..end.clamp(start, count), from)
        };
        let mut start = 0;
        for pz in &z.phases {
            for py in &y.phases {
                for px in &w.phases {
                    let row = self.row(*px);
                    let (depth, height) = (band.planes + z.reach, band.rows + y.reach);
                    let (planes, mut iz) = inside(0, band.plane, depth, *pz);
                    let (rows, iy) = inside(1, band.row, height, *py);
                    for qz in 0..depth {
                        let to = &mut line[start + qz * tall * self.pitch..];
                        let (above, inner) = to.split_at_mut(rows.start * self.pitch);
                        let filled = if planes.contains(&qz) { rows.len() } else { 0 };
                        above.fill(blank);
                        if filled > 0 {
                            let from = channel + (iz * ih + iy) * iw + row.first;
                            self.rows::<S>(x, from, &row, filled, (blank, before), inner);
                            iz += self.stride[0];
                        }
                        // Below, and the border right of the last row.
                        let below = (height - rows.start - filled) * self.pitch + self.gap;
                        inner[filled * self.pitch..][..below].fill(blank);
                    }
                    start += self.phase;
                }
            }
        }
    }

    /// How a row of a phase is made.
    fn row(&self, phase: usize) -> Row {
        let (stride, iw, low) = (self.stride[2], self.input[2], self.low[2]);
        if stride == 1 {
            return Row { begin: self.gap, count: iw, first: 0 };
        }
        let begin = low.saturating_sub(phase).div_ceil(stride).min(self.pitch);
        let end = (iw + low).saturating_sub(phase).div_ceil(stride).clamp(begin, self.pitch);
        let first = (begin * stride + phase).saturating_sub(low);
        Row { begin, count: end - begin, first: first.min(iw) }
    }

    /// Rows: blanks, elements `stride` apart, blanks; the first from `from` on.
    #[inline(always)]
    fn rows<S: Simd>(
        &self,
        x: &[f32],
        from: usize,
        row: &Row,
        rows: usize,
        (blank, before): (f32, Before),
        to: &mut [f32],
    ) {
        let (pitch, stride) = (self.pitch, self.stride[2]);
        let (step, count) = (self.input[2] * self.stride[1], row.count);
        assert!(to.len() >= rows * pitch + S::LANES && row.begin + count <= pitch);
        assert!(
            rows == 0 || count == 0 || x.len() > from + (rows - 1) * step + (count - 1) * stride
        );
        // Rows whose vectors may be read whole.
        let reach = stride * count.next_multiple_of(S::LANES);
        let whole = match x.len().checked_sub(from + reach) {
            Some(room) if stride <= 2 => rows.min(room / step.max(1) + 1),
            _ => 0,
        };
        let after = pitch - row.begin - count;
        // SAFETY: all elements of the rows lie in `x`, those of the first `whole` with a vector's rest; the rows and a vector more in
        // `to`, by the assertions. The instruction set by the function this is inlined into.
        unsafe {
            // What fits a register is applied there: rows are short, and a call for each would cost as much as they do. No closure does it:
            // it would not have the instruction set, and be called for each vector.
            let after_all = before.map_or(Activation::Identity, |(_, _, act)| act);
            let (mut from, mut to) = (x.as_ptr().add(from.min(x.len())), to.as_mut_ptr());
            for r in 0..rows {
                spread::<S>(to, row.begin, blank);
                let data = to.add(row.begin);
                if r < whole && stride == 1 {
                    for i in (0..count).step_by(S::LANES) {
                        S::store(
                            data.add(i),
                            activation::before::<S>(before, S::load(from.add(i))),
                        );
                    }
                } else if r < whole {
                    for i in (0..count).step_by(S::LANES) {
                        S::store(
                            data.add(i),
                            activation::before::<S>(before, S::even(from.add(2 * i))),
                        );
                    }
                } else {
                    for i in (0..count).step_by(S::LANES) {
                        let mut some = [0.0; 16];
                        for j in 0..S::LANES.min(count - i) {
                            some[j] = *from.add((i + j) * stride);
                        }
                        S::store(
                            data.add(i),
                            activation::before::<S>(before, S::load(some.as_ptr())),
                        );
                    }
                }
                if !is_quick(after_all) {
                    activate(std::slice::from_raw_parts_mut(data, count), after_all);
                }
                spread::<S>(data.add(count), after, blank);
                to = to.add(pitch);
                from = from.wrapping_add(step);
            }
        }
    }
}

/// A row of a phase: `begin` blanks, `count` elements from the input's column `first` on, blanks.
struct Row {
    begin: usize,
    count: usize,
    first: usize,
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
    let rows = len / wide;
    // Rows whose vectors may be written whole.
    let safe = len.checked_sub(wide.next_multiple_of(S::LANES)).map_or(0, |room| room / wide + 1);
    for row in 0..rows {
        // SAFETY: by the contract; whole vectors only where `y`, and the residual, have all of them.
        unsafe {
            let (from, to) = (results.add(row * pitch), to.add(row * wide));
            let residual = residual.map(|r| r.as_ptr().add(row * wide));
            if row < safe {
                for i in (0..wide).step_by(S::LANES) {
                    let v = S::load(from.add(i));
                    let v = residual.map_or(v, |r| S::add(v, S::load(r.add(i))));
                    S::store(to.add(i), v);
                }
                continue;
            }
            for i in (0..wide).step_by(S::LANES) {
                let (v, n) = (S::load(from.add(i)), wide - i);
                if n >= S::LANES {
                    let v = residual.map_or(v, |r| S::add(v, S::load(r.add(i))));
                    S::store(to.add(i), v);
                } else {
                    let v = residual.map_or(v, |r| S::add(v, S::load_part(r.add(i), n)));
                    S::store_part(to.add(i), v, n);
                }
            }
        }
    }
}
