//! From logits at the model's spacing to labels on the image's grid, one plane at a time
//! (`nnunetv2/inference/export_prediction.py`).
//!
//! Logits are interpolated linearly along each axis (the nearest plane along an axis treated
//! apart) at the centres of the image's voxels and turned into labels on the spot, so that at most
//! two planes of logits are held.
//!
//! Linear interpolation never leaves the range of its corners. In each cell between corners a
//! channel whose largest corner lies below the smallest corner of another one cannot win there and
//! is not computed; what is left out cannot change a label.

use super::grid::{Bounds, inverse, permuted};
use super::plans::{Resampling, ResamplingFunction};
use base::words::nnunet as words;
use base::{Error, Kind, Result};
use engine::cpu::Pool;
use std::sync::{Mutex, PoisonError};

/// What the channels mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The channel with the largest value is the label; the first of equals.
    Largest,
    /// Each channel whose value is above the threshold writes its label, later over earlier. The
    /// threshold is 0 for logits and 0.5 for probabilities.
    Regions {
        /// By channel.
        labels: Vec<u16>,
        /// Values are probabilities already.
        probabilities: bool,
    },
}

/// One output sample along an axis: two source samples and the share of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// First sample.
    pub low: usize,
    /// Second sample; the first or its neighbour.
    pub high: usize,
    /// Weight of the second; the first has the rest.
    pub share: f32,
}

/// Output sample `o` lies at `(o + ½) · from / to − ½`, kept within the source: scikit-image's
/// `resize` of order 1 with `mode='edge'`, PyTorch's `interpolate` without aligned corners.
pub fn linear(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let tap = |output: usize| {
        let last = from.saturating_sub(1);
        let at = ((output as f64 + 0.5) * scale - 0.5).clamp(0.0, last as f64);
        let low = (at.floor() as usize).min(last);
        Tap { low, high: (low + 1).min(last), share: (at - low as f64) as f32 }
    };
    (0..to).map(tap).collect()
}

/// The sample nearest to the same place: SciPy's order 0, PyTorch's `nearest-exact`.
pub fn nearest(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let tap = |output: usize| {
        let at = (scale * (output as f64 + 0.5)).floor().max(0.0) as usize;
        let at = at.min(from.saturating_sub(1));
        Tap { low: at, high: at, share: 0.0 }
    };
    (0..to).map(tap).collect()
}

/// The tables of three axes for a resampling. Errors when it is not linear or nearest.
pub fn taps(
    resampling: &Resampling,
    from: [usize; 3],
    to: [usize; 3],
    spacing: ([f64; 3], [f64; 3]),
) -> Result<[Vec<Tap>; 3]> {
    let unsupported = |order: usize| {
        let what = words::not_built("resampling_fn_probabilities_kwargs.order", &order.to_string());
        Error::new(Kind::Unsupported, what)
    };
    if from == to || resampling.function == ResamplingFunction::Nothing {
        return Ok([0, 1, 2].map(|axis| nearest(from[axis], from[axis])));
    }
    let in_plane: fn(usize, usize) -> Vec<Tap> = match resampling.order {
        0 => nearest,
        1 => linear,
        order => return Err(unsupported(order)),
    };
    let apart = resampling.separate_axis(spacing.0, spacing.1);
    if apart.is_some() && resampling.order_z > 1 {
        return Err(unsupported(resampling.order_z));
    }
    Ok([0, 1, 2].map(|axis| {
        let table = match (apart == Some(axis), resampling.order_z) {
            (true, 0) => nearest,
            (true, _) => linear,
            (false, _) => in_plane,
        };
        table(from[axis], to[axis])
    }))
}

/// Is given finished planes.
pub struct Watch<'w> {
    /// Values are probabilities already: version 1.
    pub probabilities: bool,
    /// Takes number and shares.
    pub take: &'w mut dyn FnMut(usize, &[f32]) -> Result<()>,
}

/// Turns planes of logits into a label map.
pub struct Exporter {
    meaning: Meaning,
    heads: usize,
    from: [usize; 3],
    taps: [Vec<Tap>; 3],
    /// The part of the transposed image that was read.
    bounds: Bounds,
    /// Axis `i` of the transposed image is axis `axes[i]` of the image.
    axes: [usize; 3],
    shape: [usize; 3],
    /// Labels of the image, z, y, x.
    labels: Vec<u16>,
    /// The plane before the one that comes next, if it was needed.
    before: Option<(usize, Vec<f32>)>,
    next: usize,
}

impl Exporter {
    /// `from`: extents of the logits. `taps`: tables of their axes. `bounds`, `axes`: which part of
    /// the image, in which order of axes, was read. `shape`: extents of the image.
    pub fn new(
        meaning: Meaning,
        heads: usize,
        from: [usize; 3],
        taps: [Vec<Tap>; 3],
        bounds: Bounds,
        axes: [usize; 3],
        shape: [usize; 3],
    ) -> Exporter {
        let labels = vec![0; shape.iter().product()];
        Exporter { meaning, heads, from, taps, bounds, axes, shape, labels, before: None, next: 0 }
    }

    /// Takes plane `number` of the logits, `[heads][height][width]`; planes come in order. `watch` is given every finished plane of the part that was read, its number and the shares
    /// of the classes `[heads][height][width]`: a softmax, for regions a logistic function each.
    pub fn plane(
        &mut self,
        pool: &Pool,
        number: usize,
        logits: &[f32],
        mut watch: Option<&mut Watch<'_>>,
    ) -> Result<()> {
        while let Some(&tap) = self.taps[0].get(self.next) {
            if tap.high > number {
                break;
            }
            let low = match (&self.before, tap.low == number) {
                (Some((at, before)), false) if *at == tap.low => before.as_slice(),
                _ => logits,
            };
            let high = if tap.high == number { logits } else { low };
            let mut plane = vec![0u16; self.taps[1].len() * self.taps[2].len()];
            self.label(pool, tap.share, low, high, &mut plane);
            let shares = watch
                .as_ref()
                .map(|watch| self.shares(pool, tap.share, low, high, watch.probabilities));
            self.put(&plane);
            if let (Some(watch), Some(shares)) = (&mut watch, shares) {
                (watch.take)(self.next, &shares)?;
            }
            self.next += 1;
        }
        let wanted = self.taps[0].get(self.next).is_some_and(|tap| tap.low <= number);
        self.before = match (wanted, self.before.take()) {
            (false, _) => None,
            (true, None) => Some((number, logits.to_vec())),
            (true, Some((_, mut kept))) => {
                kept.copy_from_slice(logits);
                Some((number, kept))
            }
        };
        Ok(())
    }

    /// Shares of the classes in one output plane, `[heads][height][width]`.
    fn shares(
        &self,
        pool: &Pool,
        share: f32,
        low: &[f32],
        high: &[f32],
        probabilities: bool,
    ) -> Vec<f32> {
        let (height, width) = (self.taps[1].len(), self.taps[2].len());
        let rows: Vec<Mutex<Vec<f32>>> = (0..height).map(|_| Mutex::new(Vec::new())).collect();
        pool.run(height, |y| {
            let mut work = Rows::new(self.heads, self.from[2], width);
            work.fill(low, high, share, self.taps[1][y], self.from);
            let row = work.shares(&self.taps[2], &self.meaning, probabilities);
            *rows[y].lock().unwrap_or_else(PoisonError::into_inner) = row;
        });
        let mut out = vec![0.0; self.heads * height * width];
        for (y, row) in rows.into_iter().enumerate() {
            let row = row.into_inner().unwrap_or_else(PoisonError::into_inner);
            for (head, line) in row.chunks_exact(width.max(1)).enumerate() {
                out[(head * height + y) * width..][..width].copy_from_slice(line);
            }
        }
        out
    }

    /// The label map z, y, x.
    pub fn finish(self) -> Vec<u16> {
        self.labels
    }

    /// Labels of one output plane.
    fn label(&self, pool: &Pool, share: f32, low: &[f32], high: &[f32], out: &mut [u16]) {
        let width = self.taps[2].len();
        // Several rows share the corners they lie between.
        const ROWS: usize = 16;
        let tasks: Vec<Mutex<&mut [u16]>> =
            out.chunks_mut((width * ROWS).max(1)).map(Mutex::new).collect();
        pool.run(tasks.len(), |band| {
            let mut rows = tasks[band].lock().unwrap_or_else(PoisonError::into_inner);
            let mut work = Rows::new(self.heads, self.from[2], width);
            for (row, labels) in rows.chunks_exact_mut(width.max(1)).enumerate() {
                let tap = self.taps[1][band * ROWS + row];
                work.fill(low, high, share, tap, self.from);
                match &self.meaning {
                    Meaning::Largest => work.largest(&self.taps[2], labels),
                    Meaning::Regions { labels: of, probabilities } => {
                        let threshold = if *probabilities { 0.5 } else { 0.0 };
                        work.regions(&self.taps[2], of, threshold, labels);
                    }
                }
            }
        });
    }

    /// Writes an output plane to its place in the image.
    fn put(&mut self, plane: &[u16]) {
        let strides = [self.shape[1] * self.shape[2], self.shape[2], 1];
        let step = permuted(strides, self.axes);
        let start = self.bounds.start;
        let base = (start[0] + self.next) * step[0] + start[1] * step[1] + start[2] * step[2];
        for (y, row) in plane.chunks_exact(self.taps[2].len().max(1)).enumerate() {
            let base = base + y * step[1];
            match step[2] {
                1 => self.labels[base..base + row.len()].copy_from_slice(row),
                step => {
                    for (x, &label) in row.iter().enumerate() {
                        self.labels[base + x * step] = label;
                    }
                }
            }
        }
        debug_assert_eq!(permuted(permuted(self.shape, self.axes), inverse(self.axes)), self.shape);
    }
}

/// One row of logits at the output's z and y, not yet at its x.
struct Rows {
    heads: usize,
    columns: usize,
    /// `[heads][columns]`.
    values: Vec<f32>,
    best: Vec<f32>,
    /// Largest of all channels' smaller corners, by cell.
    floor: Vec<f32>,
}

impl Rows {
    fn new(heads: usize, columns: usize, width: usize) -> Rows {
        Rows {
            heads,
            columns,
            values: vec![0.0; heads * columns],
            best: vec![0.0; width],
            floor: vec![0.0; columns],
        }
    }

    /// The row between rows and planes, for all channels.
    fn fill(&mut self, low: &[f32], high: &[f32], share: f32, tap: Tap, from: [usize; 3]) {
        let [_, rows, columns] = from;
        for (head, out) in self.values.chunks_exact_mut(columns.max(1)).enumerate() {
            let at = |y: usize| (head * rows + y) * columns..(head * rows + y + 1) * columns;
            let (a, b) = (&low[at(tap.low)], &low[at(tap.high)]);
            let (c, d) = (&high[at(tap.low)], &high[at(tap.high)]);
            let (y1, z1) = (tap.share, share);
            let (y0, z0) = (1.0 - y1, 1.0 - z1);
            for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *out = z0 * (y0 * a + y1 * b) + z1 * (y0 * c + y1 * d);
            }
        }
    }

    /// The channel with the largest value.
    fn largest(&mut self, taps: &[Tap], labels: &mut [u16]) {
        let columns = self.columns;
        // The best that every cell reaches at least: between column i and i + 1.
        self.floor.fill(f32::NEG_INFINITY);
        for row in self.values.chunks_exact(columns.max(1)) {
            for (cell, floor) in self.floor.iter_mut().enumerate() {
                let next = row[(cell + 1).min(columns - 1)];
                *floor = floor.max(row[cell].min(next));
            }
        }
        self.best.fill(f32::NEG_INFINITY);
        labels.fill(0);
        for (head, row) in self.values.chunks_exact(columns.max(1)).enumerate().take(self.heads) {
            // Runs of output samples whose cell this channel may win.
            let mut x = 0;
            while x < taps.len() {
                let cell = taps[x].low;
                let end = taps[x..].iter().position(|tap| tap.low != cell);
                let end = end.map_or(taps.len(), |run| x + run);
                let (a, b) = (row[cell], row[(cell + 1).min(columns - 1)]);
                if a.max(b) >= self.floor[cell] {
                    for x in x..end {
                        let tap = taps[x];
                        let value = (1.0 - tap.share) * a + tap.share * row[tap.high];
                        if value > self.best[x] {
                            self.best[x] = value;
                            labels[x] = head as u16;
                        }
                    }
                }
                x = end;
            }
        }
    }

    /// Shares of all channels, `[heads][width]`.
    fn shares(&self, taps: &[Tap], meaning: &Meaning, probabilities: bool) -> Vec<f32> {
        let width = taps.len();
        let mut out = Vec::with_capacity(self.heads * width);
        for row in self.values.chunks_exact(self.columns.max(1)) {
            let value = |tap: &Tap| (1.0 - tap.share) * row[tap.low] + tap.share * row[tap.high];
            out.extend(taps.iter().map(value));
        }
        match meaning {
            Meaning::Regions { .. } if probabilities => {}
            Meaning::Regions { .. } => {
                out.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()));
            }
            Meaning::Largest => {
                for x in 0..width {
                    let all = (0..self.heads).map(|head| head * width + x);
                    let most = all.clone().fold(f32::NEG_INFINITY, |most, at| most.max(out[at]));
                    if !probabilities {
                        all.clone().for_each(|at| out[at] = (out[at] - most).exp());
                    }
                    let sum: f32 = all.clone().map(|at| out[at]).sum();
                    all.for_each(|at| out[at] /= sum);
                }
            }
        }
        out
    }

    fn regions(&self, taps: &[Tap], of: &[u16], threshold: f32, labels: &mut [u16]) {
        labels.fill(0);
        for (row, &label) in self.values.chunks_exact(self.columns.max(1)).zip(of) {
            for (out, tap) in labels.iter_mut().zip(taps) {
                let value = (1.0 - tap.share) * row[tap.low] + tap.share * row[tap.high];
                if value > threshold {
                    *out = label;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
