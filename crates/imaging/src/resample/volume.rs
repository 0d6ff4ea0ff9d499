//! A separable map of a volume, computed plane by plane on demand: what every floating resampling
//! of this module is carried out by.
//!
//! A volume is `[depth][height][width]`, row-major; a picture has depth 1. Per output plane, rows
//! are summed over the planes and then the rows of the source (kept in a ring, so that each is
//! summed once), and last along the row, all within the first-level cache. Every output sample is
//! summed in one fixed order, so the result does not depend on the number of threads or on how the
//! output is cut into slabs.

use super::parallel::{collect, each};
use super::scipy::{Mode, Zoom};
use super::spline::{Prefilter, prefilter};
use super::taps::Taps;
use super::{Method, extents};
use base::words::resample as words;
use base::{Error, Kind, Result};
use kernels::Pool;
use std::borrow::Cow;
use std::ops::Range;

/// What is done along the three axes.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Smoothing of the source before anything else.
    pub smooth: Option<[Taps; 3]>,
    /// Filters that turn samples into coefficients.
    pub prefilter: [Option<Prefilter>; 3],
    /// Which samples make an output sample.
    pub axes: [Taps; 3],
    /// What stands outside the volume: it is taken off before and put back after, so that a tap
    /// that is missing reads it.
    pub outside: f32,
    /// What the result is kept within.
    pub clip: Clip,
}

impl Plan {
    /// Shape of the source.
    pub(super) fn from(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.axes[axis].source())
    }

    /// Whether every output sample is a weighted mean of one or two samples along each axis, within
    /// whatever bounds: then it lies between them.
    pub(super) fn is_convex(&self) -> bool {
        let mean = |axis: &Taps| {
            let few = axis.widest() <= 2;
            let rows = || (0..axis.outputs()).map(|output| axis.row(output).1);
            few && rows().all(|weights| {
                let sum: f32 = weights.iter().sum();
                weights.iter().all(|&weight| weight >= 0.0) && (sum - 1.0).abs() < 1e-6
            })
        };
        self.smooth.is_none()
            && self.prefilter.iter().all(Option::is_none)
            && !matches!(self.clip, Clip::Slices { .. })
            && self.axes.iter().all(mean)
    }

    /// Turns bounds that depend on the source into numbers, before it is filtered.
    pub(super) fn settle(&mut self, pool: &Pool, data: &[f32]) {
        if let Clip::Source = self.clip {
            let range = range(pool, data, self.from());
            if range.0 <= range.1 {
                self.clip = Clip::Slices { axis: 0, bounds: vec![range; self.axes[0].outputs()] };
            }
        }
    }

    /// Along `axis` the nearest slice instead of anything else.
    pub(super) fn apart(&mut self, axis: usize, from: usize, to: usize) {
        let nearest =
            Zoom { order: 0, mode: Mode::Nearest, cval: 0.0, prefilter: true, grid_mode: true };
        let slice = |o| nearest.samples(o, from, to);
        self.axes[axis] = Taps::gathered(from, (0..to).map(slice));
        self.prefilter[axis] = None;
    }
}

/// Bounds of a result.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clip {
    /// None.
    Free,
    /// Those of the source.
    Source,
    /// Those of the source, widened to this value where the result reaches it.
    SourceOr(f32),
    /// Each output plane across an axis to given bounds.
    Slices { axis: usize, bounds: Vec<(f32, f32)> },
}

/// Bounds once the source is known.
#[derive(Clone, Debug)]
enum Bounds {
    Free,
    All(f32, f32),
    Slices(usize, Vec<(f32, f32)>),
}

/// A volume ready to be resampled: filtered, its tables built. Any part of the result can be asked
/// for, so the whole need never be held.
#[derive(Clone, Debug)]
pub struct Resampler<'a> {
    data: Cow<'a, [f32]>,
    from: [usize; 3],
    to: [usize; 3],
    axes: [Taps; 3],
    row: RowTable,
    outside: f32,
    bounds: Bounds,
}

impl<'a> Resampler<'a> {
    /// Prepares `data`, `[from[0]][from[1]][from[2]]`, for a result `[to[0]][to[1]][to[2]]`.
    ///
    /// Owned data are filtered in place; borrowed data are copied only by methods that filter.
    /// Errors: `BrokenInput` when the length of `data` is not that of the shape; `Limit` when an
    /// extent is zero or the result has more samples than memory can hold.
    pub fn new(
        pool: &Pool,
        data: impl Into<Cow<'a, [f32]>>,
        from: [usize; 3],
        to: [usize; 3],
        method: &Method,
    ) -> Result<Resampler<'a>> {
        let data = data.into();
        extents(data.len(), from, to)?;
        Ok(Resampler::planned(pool, data, method.plan(from, to)))
    }

    /// As [`Resampler::new`] for a plan whose tables fit `data`.
    pub(super) fn planned(pool: &Pool, mut data: Cow<'a, [f32]>, plan: Plan) -> Resampler<'a> {
        let Plan { smooth, prefilter: filters, axes, outside, clip } = plan;
        let from = [axes[0].source(), axes[1].source(), axes[2].source()];
        let to = [axes[0].outputs(), axes[1].outputs(), axes[2].outputs()];
        let source = match clip {
            Clip::Source | Clip::SourceOr(_) => range(pool, &data, from),
            _ => (f32::NEG_INFINITY, f32::INFINITY),
        };
        if outside != 0.0 {
            data.to_mut().iter_mut().for_each(|value| *value -= outside);
        }
        if let Some(smooth) = smooth {
            data = Cow::Owned(Resampler::new_smooth(data, smooth).all(pool));
        }
        if filters.iter().any(Option::is_some) {
            prefilter(pool, data.to_mut(), from, &filters);
        }
        let row = RowTable::new(&axes[2]);
        let mut made = Resampler { data, from, to, axes, row, outside, bounds: Bounds::Free };
        made.bounds = match clip {
            Clip::Free => Bounds::Free,
            Clip::Slices { axis, bounds } => Bounds::Slices(axis, bounds),
            // Nothing but what is no number: nothing to keep within.
            _ if source.0 > source.1 => Bounds::Free,
            Clip::Source => Bounds::All(source.0, source.1),
            Clip::SourceOr(value) if source.0 <= value && value <= source.1 => {
                Bounds::All(source.0, source.1)
            }
            Clip::SourceOr(value) => {
                let (low, high) = made.reach(pool);
                let reached = low <= value && value <= high;
                let value = if reached { value } else { source.0 };
                Bounds::All(source.0.min(value), source.1.max(value))
            }
        };
        made
    }

    fn new_smooth(data: Cow<'a, [f32]>, axes: [Taps; 3]) -> Resampler<'a> {
        let from = [axes[0].source(), axes[1].source(), axes[2].source()];
        let row = RowTable::new(&axes[2]);
        Resampler { data, from, to: from, axes, row, outside: 0.0, bounds: Bounds::Free }
    }

    /// Shape of the result.
    pub fn shape(&self) -> [usize; 3] {
        self.to
    }

    /// The planes `z` of the result into `out`, `[z.len()][shape()[1]][shape()[2]]`.
    ///
    /// Errors: `BrokenInput` when `z` lies outside the result or `out` has another length.
    pub fn planes(&self, pool: &Pool, z: Range<usize>, out: &mut [f32]) -> Result<()> {
        let plane = self.to[1] * self.to[2];
        if z.start > z.end || z.end > self.to[0] || out.len() != z.len() * plane {
            let what = words::not_the_planes(z.start, z.end, self.to[0]);
            return Err(Error::new(Kind::BrokenInput, what));
        }
        self.fill(pool, z, out);
        Ok(())
    }

    /// The whole result.
    pub fn all(&self, pool: &Pool) -> Vec<f32> {
        let mut out = vec![0.0; self.to.iter().product()];
        self.fill(pool, 0..self.to[0], &mut out);
        out
    }

    /// Bands of rows that one task works on: whole planes where there are enough of them.
    fn band(&self, pool: &Pool, planes: usize) -> usize {
        let wanted = (4 * pool.threads()).div_ceil(planes.max(1));
        self.to[1].div_ceil(wanted).max(1)
    }

    fn fill(&self, pool: &Pool, z: Range<usize>, out: &mut [f32]) {
        let (height, width) = (self.to[1], self.to[2]);
        let band = self.band(pool, z.len());
        let parts: Vec<(usize, usize, &mut [f32])> = out
            .chunks_exact_mut(height * width)
            .zip(z)
            .flat_map(|(plane, z)| {
                let bands = plane.chunks_mut(band * width).enumerate();
                bands.map(move |(number, rows)| (z, number * band, rows))
            })
            .collect();
        each(pool, parts, |_, (z, first, rows)| self.rows(*z, *first, rows));
    }

    /// Smallest and largest value of the unbounded result.
    fn reach(&self, pool: &Pool) -> (f32, f32) {
        let plane = self.to[1] * self.to[2];
        let ranges = collect(pool, self.to[0], |z| {
            let mut rows = vec![0.0; plane];
            self.rows(z, 0, &mut rows);
            bounds(&rows)
        });
        ranges.into_iter().fold(EMPTY, widen)
    }

    /// Rows of output plane `z` from `first` on, as many as `out` holds.
    pub(super) fn rows(&self, z: usize, first: usize, out: &mut [f32]) {
        let [_, height, width] = self.from;
        let planes = self.axes[0].row(z);
        let planes: Vec<(&[f32], f32)> = planes
            .1
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight != 0.0)
            .map(|(tap, &weight)| {
                (&self.data[(planes.0 + tap) * height * width..][..height * width], weight)
            })
            .collect();
        // One plane as it is: its rows are used where they lie.
        let direct = match planes[..] {
            [(plane, 1.0)] => Some(plane),
            _ => None,
        };
        let span = if direct.is_some() { 0 } else { self.axes[1].widest() };
        let mut ring = vec![0.0f32; span * width];
        let mut held = vec![usize::MAX; span];
        let mut line = vec![0.0f32; width + self.row.slack()];
        for (row, out) in (first..).zip(out.chunks_exact_mut(self.to[2])) {
            let (start, weights) = self.axes[1].row(row);
            for (source, _) in (start..).zip(weights).filter(|_| direct.is_none()) {
                let slot = source % span;
                if held[slot] != source {
                    held[slot] = source;
                    let rows = planes.iter().map(|(p, w)| (&p[source * width..][..width], *w));
                    combine(rows, &mut ring[slot * width..][..width]);
                }
            }
            let picked = (start..).zip(weights).filter(|(_, weight)| **weight != 0.0);
            let rows = picked.map(|(source, &weight)| match direct {
                Some(plane) => (&plane[source * width..][..width], weight),
                None => (&ring[source % span * width..][..width], weight),
            });
            combine(rows, &mut line[..width]);
            self.row.apply(&self.axes[2], &line, out);
            self.finish(z, row, out);
        }
    }

    fn finish(&self, z: usize, row: usize, out: &mut [f32]) {
        if self.outside != 0.0 {
            out.iter_mut().for_each(|value| *value += self.outside);
        }
        match &self.bounds {
            Bounds::Free => {}
            Bounds::All(low, high) => clamp(out, *low, *high),
            Bounds::Slices(2, bounds) => {
                for (value, (low, high)) in out.iter_mut().zip(bounds) {
                    *value = within(*value, *low, *high);
                }
            }
            Bounds::Slices(axis, bounds) => {
                let (low, high) = bounds[if *axis == 0 { z } else { row }];
                clamp(out, low, high);
            }
        }
    }
}

/// As `clamp`, but a bound that is no number bounds nothing instead of stopping the program.
fn within(value: f32, low: f32, high: f32) -> f32 {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

fn clamp(values: &mut [f32], low: f32, high: f32) {
    values.iter_mut().for_each(|value| *value = within(*value, low, high));
}

const EMPTY: (f32, f32) = (f32::INFINITY, f32::NEG_INFINITY);

fn widen(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0.min(b.0), a.1.max(b.1))
}

/// Smallest and largest number.
pub(super) fn bounds(values: &[f32]) -> (f32, f32) {
    values.iter().fold(EMPTY, |bounds, &value| widen(bounds, (value, value)))
}

fn range(pool: &Pool, data: &[f32], shape: [usize; 3]) -> (f32, f32) {
    let plane = shape[1] * shape[2];
    let ranges = collect(pool, shape[0], |z| bounds(&data[z * plane..][..plane]));
    ranges.into_iter().fold(EMPTY, widen)
}

/// The weighted sum of rows.
pub(super) fn combine<'r>(rows: impl Iterator<Item = (&'r [f32], f32)>, out: &mut [f32]) {
    let mut rows = rows.fuse();
    match (rows.next(), rows.next(), rows.next(), rows.next()) {
        (None, ..) => out.fill(0.0),
        (Some((a, 1.0)), None, ..) => out.copy_from_slice(a),
        (Some((a, u)), None, ..) => {
            for (out, a) in out.iter_mut().zip(a) {
                *out = u * a;
            }
        }
        (Some((a, u)), Some((b, v)), None, _) => {
            for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                *out = u * a + v * b;
            }
        }
        (Some((a, u)), Some((b, v)), Some((c, w)), None) => {
            for (((out, a), b), c) in out.iter_mut().zip(a).zip(b).zip(c) {
                *out = u * a + v * b + w * c;
            }
        }
        (Some((a, u)), Some((b, v)), Some((c, w)), Some((d, x))) => {
            for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *out = u * a + v * b + w * c + x * d;
            }
            for (row, weight) in rows {
                for (out, sample) in out.iter_mut().zip(row) {
                    *out += weight * sample;
                }
            }
        }
    }
}

/// The table along a row with a fixed number of weights where few suffice: the loop over them then
/// has no branches.
#[derive(Clone, Debug)]
enum RowTable {
    Copy,
    Pick(Vec<u32>),
    Two(Vec<(u32, [f32; 2])>),
    Four(Vec<(u32, [f32; 4])>),
    Six(Vec<(u32, [f32; 6])>),
    Many,
}

impl RowTable {
    fn new(taps: &Taps) -> RowTable {
        let outputs = || (0..taps.outputs()).map(|output| taps.row(output));
        if taps.is_identity() {
            return RowTable::Copy;
        }
        if outputs().all(|(_, weights)| weights == [1.0]) {
            return RowTable::Pick(outputs().map(|(first, _)| first as u32).collect());
        }
        match taps.widest() {
            _ if taps.source() > u32::MAX as usize => RowTable::Many,
            0..=2 => RowTable::Two(fixed(taps)),
            3..=4 => RowTable::Four(fixed(taps)),
            5..=6 => RowTable::Six(fixed(taps)),
            _ => RowTable::Many,
        }
    }

    /// Samples behind the line that a table may read, with weight zero.
    fn slack(&self) -> usize {
        match self {
            RowTable::Two(_) => 2,
            RowTable::Four(_) => 4,
            RowTable::Six(_) => 6,
            _ => 0,
        }
    }

    fn apply(&self, taps: &Taps, line: &[f32], out: &mut [f32]) {
        match self {
            RowTable::Copy => out.copy_from_slice(line),
            RowTable::Pick(table) => {
                for (out, &index) in out.iter_mut().zip(table) {
                    *out = line[index as usize];
                }
            }
            RowTable::Two(table) => few(table, line, out),
            RowTable::Four(table) => few(table, line, out),
            RowTable::Six(table) => few(table, line, out),
            RowTable::Many => {
                for (output, out) in out.iter_mut().enumerate() {
                    let (first, weights) = taps.row(output);
                    let samples = &line[first..first + weights.len()];
                    let sum: f64 = samples
                        .iter()
                        .zip(weights)
                        .map(|(&sample, &weight)| f64::from(sample) * f64::from(weight))
                        .sum();
                    *out = sum as f32;
                }
            }
        }
    }
}

fn fixed<const N: usize>(taps: &Taps) -> Vec<(u32, [f32; N])> {
    let row = |output| {
        let (first, weights) = taps.row(output);
        let mut fixed = [0.0; N];
        fixed[..weights.len()].copy_from_slice(weights);
        (first as u32, fixed)
    };
    (0..taps.outputs()).map(row).collect()
}

fn few<const N: usize>(table: &[(u32, [f32; N])], line: &[f32], out: &mut [f32]) {
    for (out, (first, weights)) in out.iter_mut().zip(table) {
        let first = *first as usize;
        let mut sum = 0.0;
        if let Some(samples) = line[first..].first_chunk::<N>() {
            for tap in 0..N {
                sum += weights[tap] * samples[tap];
            }
        }
        *out = sum;
    }
}
