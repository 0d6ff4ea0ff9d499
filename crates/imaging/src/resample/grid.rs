//! From one grid in the patient to another, as ITK's `ResampleImageFilter` does with an identity
//! transform (ITK 5.4, SimpleITK 2.5): what brings results back to the grid they came from.
//!
//! Facts, from its sources: a point is inside where its continuous index is at least −½ and below
//! n − ½ along every axis; other points get the outside value. Linear and nearest repeat the border;
//! nearest takes `floor(x + ½)`. The cubic B-spline filters with a mirrored border and mirrors its
//! knots. Along a row the index runs evenly from its first sample to the one behind its last.
//!
//! Where both grids have parallel axes the map is separable and a [`Resampler`] carries it out.

use super::parallel::each;
use super::spline::{Continued, Prefilter, prefilter, weights};
use super::taps::Taps;
use super::volume::{Clip, Plan};
use super::{Resampler, extents};
use base::words::resample as words;
use base::{Affine, Error, Grid, Kind, Result};

use kernels::Pool;
use std::borrow::Cow;
use std::ops::Range;

/// How a value between voxels is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// `sitkNearestNeighbor`
    Nearest,
    /// `sitkLinear`
    Linear,
    /// `sitkBSpline`: order 3.
    BSpline,
}

/// A volume ready to be brought to another grid, any slab of it.
#[derive(Clone, Debug)]
pub struct GridResampler<'a> {
    way: Way<'a>,
    to: [usize; 3],
}

#[derive(Clone, Debug)]
enum Way<'a> {
    Parallel(Box<Resampler<'a>>),
    Oblique(Oblique<'a>),
}

#[derive(Clone, Debug)]
struct Oblique<'a> {
    data: Cow<'a, [f32]>,
    from: [usize; 3],
    to: [usize; 3],
    map: Affine,
    sampling: Sampling,
    outside: f32,
}

impl<'a> GridResampler<'a> {
    /// Prepares `data`, voxels of `from` with i running fastest (`[k][j][i]`), for the grid `to`.
    /// Points outside the volume get `outside`.
    ///
    /// Errors: `BrokenInput` when `data` has another length or a grid has no way back; `Limit` as
    /// in [`Resampler::new`].
    pub fn new(
        pool: &Pool,
        data: impl Into<Cow<'a, [f32]>>,
        from: &Grid,
        to: &Grid,
        sampling: Sampling,
        outside: f32,
    ) -> Result<GridResampler<'a>> {
        let mut data = data.into();
        let (map, from, to) = prepare(data.len(), from, to)?;
        if outside.is_finite() && parallel(&map, to) {
            let plan = parallel_plan(&map, from, to, sampling, outside);
            let way = Way::Parallel(Box::new(Resampler::planned(pool, data, plan)));
            return Ok(GridResampler { way, to });
        }
        if sampling == Sampling::BSpline {
            let filter = || Prefilter::new(3, Continued::Mirror, None);
            prefilter(pool, data.to_mut(), from, &[filter(), filter(), filter()]);
        }
        let way = Way::Oblique(Oblique { data, from, to, map, sampling, outside });
        Ok(GridResampler { way, to })
    }

    /// Shape of the result, `[k][j][i]`.
    pub fn shape(&self) -> [usize; 3] {
        self.to
    }

    /// The planes `k` of the result into `out`. Errors: as [`Resampler::planes`].
    pub fn planes(&self, pool: &Pool, k: Range<usize>, out: &mut [f32]) -> Result<()> {
        let plane = self.to[1] * self.to[2];
        match &self.way {
            Way::Parallel(resampler) => resampler.planes(pool, k, out),
            Way::Oblique(oblique) => {
                if k.start > k.end || k.end > self.to[0] || out.len() != k.len() * plane {
                    let what = words::not_the_planes(k.start, k.end, self.to[0]);
                    return Err(Error::new(Kind::BrokenInput, what));
                }
                oblique.fill(pool, k, out);
                Ok(())
            }
        }
    }

    /// The whole result.
    pub fn all(&self, pool: &Pool) -> Vec<f32> {
        match &self.way {
            Way::Parallel(resampler) => resampler.all(pool),
            Way::Oblique(oblique) => {
                let mut out = vec![0.0; self.to.iter().product()];
                oblique.fill(pool, 0..self.to[0], &mut out);
                out
            }
        }
    }
}

/// A volume from the grid `from` to the grid `to`. Errors: as [`GridResampler::new`].
pub fn resample_to_grid(
    pool: &Pool,
    data: &[f32],
    from: &Grid,
    to: &Grid,
    sampling: Sampling,
    outside: f32,
) -> Result<Vec<f32>> {
    Ok(GridResampler::new(pool, data, from, to, sampling, outside)?.all(pool))
}

/// Labels (or any values) from the grid `from` to the grid `to`, the nearest each. Errors: as
/// [`GridResampler::new`].
pub fn labels_to_grid<L: Copy + Send + Sync>(
    pool: &Pool,
    labels: &[L],
    from: &Grid,
    to: &Grid,
    outside: L,
) -> Result<Vec<L>> {
    let (map, from, to) = prepare(labels.len(), from, to)?;
    let mut out = vec![outside; to.iter().product()];
    each(pool, out.chunks_exact_mut(to[1] * to[2]).collect(), |k, plane| {
        for (j, row) in plane.chunks_exact_mut(to[2]).enumerate() {
            let line = Line::new(&map, j, k, to[2]);
            for (i, out) in row.iter_mut().enumerate() {
                if let Some(at) = nearest(line.at(i), from) {
                    *out = labels[at];
                }
            }
        }
    });
    Ok(out)
}

/// The way from voxels of `to` to voxels of `from`, and both shapes as `[k][j][i]`.
pub(super) fn prepare(
    length: usize,
    from: &Grid,
    to: &Grid,
) -> Result<(Affine, [usize; 3], [usize; 3])> {
    let shape = |grid: &Grid| [grid.size[2], grid.size[1], grid.size[0]];
    extents(length, shape(from), shape(to))?;
    let singular = || Error::new(Kind::BrokenInput, words::SINGULAR_GRID);
    let back = from.affine.inverse().ok_or_else(singular)?;
    if !to.affine.is_invertible() {
        return Err(singular());
    }
    Ok((back.after(&to.affine), shape(from), shape(to)))
}

/// Where the samples of an output row lie, in voxels of the source (i, j, k).
pub(super) struct Line {
    start: [f64; 3],
    way: [f64; 3],
    length: f64,
}

impl Line {
    pub(super) fn new(map: &Affine, j: usize, k: usize, length: usize) -> Line {
        let start = map.apply([0.0, j as f64, k as f64]);
        let end = map.apply([length as f64, j as f64, k as f64]);
        let way = [0, 1, 2].map(|axis| end[axis] - start[axis]);
        Line { start, way, length: length as f64 }
    }

    pub(super) fn at(&self, i: usize) -> [f64; 3] {
        let share = i as f64 / self.length;
        [0, 1, 2].map(|axis| self.start[axis] + share * self.way[axis])
    }
}

/// Whether a position (i, j, k) is inside a volume `[k][j][i]`; NaN is not.
pub(super) fn inside(at: [f64; 3], from: [usize; 3]) -> bool {
    (0..3).all(|axis| at[axis] >= -0.5 && at[axis] < from[2 - axis] as f64 - 0.5)
}

/// Index of the nearest voxel of a position inside.
fn nearest(at: [f64; 3], from: [usize; 3]) -> Option<usize> {
    if !inside(at, from) {
        return None;
    }
    let index = |axis: usize| ((at[axis] + 0.5).floor().max(0.0) as usize).min(from[2 - axis] - 1);
    Some((index(2) * from[1] + index(1)) * from[2] + index(0))
}

/// Whether each axis follows its own alone, over the whole result.
fn parallel(map: &Affine, to: [usize; 3]) -> bool {
    let rows = map.rows();
    (0..3).all(|row| {
        (0..3).all(|axis| row == axis || rows[row][axis].abs() * to[2 - axis] as f64 <= 1e-9)
    })
}

fn parallel_plan(
    map: &Affine,
    from: [usize; 3],
    to: [usize; 3],
    sampling: Sampling,
    outside: f32,
) -> Plan {
    let rows = map.rows();
    let table = |axis: usize| {
        // `axis` counts k, j, i; the map counts i, j, k.
        let (row, n) = (&rows[2 - axis], from[axis]);
        let (step, start) = (row[2 - axis], row[3]);
        let taps = |o: usize| {
            let x = start + step * o as f64;
            let is_inside = x >= -0.5 && x < n as f64 - 0.5;
            if is_inside { knots(sampling, x, n) } else { Vec::new() }
        };
        Taps::gathered(n, (0..to[axis]).map(taps))
    };
    let cubic = sampling == Sampling::BSpline;
    let filter = || Prefilter::new(3, Continued::Mirror, None).filter(|_| cubic);
    Plan {
        smooth: None,
        prefilter: [filter(), filter(), filter()],
        axes: [table(0), table(1), table(2)],
        outside,
        clip: Clip::Free,
    }
}

/// Samples and weights along one axis at a position inside.
fn knots(sampling: Sampling, x: f64, n: usize) -> Vec<(usize, f64)> {
    let last = n as isize - 1;
    let (order, x) = match sampling {
        Sampling::Nearest => (0, x),
        Sampling::Linear => (1, x.clamp(0.0, last as f64)),
        Sampling::BSpline => (3, x),
    };
    let (start, weights) = weights(order, x);
    let place = |k: isize| match sampling {
        Sampling::BSpline => Continued::Mirror.index(k, n),
        _ => k.clamp(0, last) as usize,
    };
    (start..).map(place).zip(weights).collect()
}

impl Oblique<'_> {
    fn fill(&self, pool: &Pool, k: Range<usize>, out: &mut [f32]) {
        let width = self.to[2];
        let rows: Vec<&mut [f32]> = out.chunks_mut(width * 8).collect();
        each(pool, rows, |number, rows| {
            for (row, out) in (number * 8..).zip(rows.chunks_exact_mut(width)) {
                let (k, j) = (k.start + row / self.to[1], row % self.to[1]);
                let line = Line::new(&self.map, j, k, width);
                for (i, out) in out.iter_mut().enumerate() {
                    *out = self.value(line.at(i));
                }
            }
        });
    }

    fn value(&self, at: [f64; 3]) -> f32 {
        if !inside(at, self.from) {
            return self.outside;
        }
        match self.sampling {
            Sampling::Nearest => nearest(at, self.from).map_or(self.outside, |i| self.data[i]),
            Sampling::Linear => self.linear(at),
            Sampling::BSpline => self.cubic(at),
        }
    }

    fn linear(&self, at: [f64; 3]) -> f32 {
        // Along k, j, i: two samples and the share of the second.
        let [k, j, i] = [0, 1, 2].map(|axis| {
            let last = self.from[axis] - 1;
            let x = at[2 - axis].clamp(0.0, last as f64);
            let low = x as usize;
            (low.min(last), (low + 1).min(last), x - low as f64)
        });
        let row = |plane: usize, line: usize| {
            let start = (plane * self.from[1] + line) * self.from[2];
            let (a, b) = (self.data[start + i.0], self.data[start + i.1]);
            mix(f64::from(a), f64::from(b), i.2)
        };
        let plane = |plane: usize| mix(row(plane, j.0), row(plane, j.1), j.2);
        mix(plane(k.0), plane(k.1), k.2) as f32
    }

    fn cubic(&self, at: [f64; 3]) -> f32 {
        let [k, j, i] = [0, 1, 2].map(|axis| cubic_knots(at[2 - axis], self.from[axis]));
        let mut sum = 0.0;
        for (&plane, u) in k.0.iter().zip(k.1) {
            let mut of_plane = 0.0;
            for (&line, v) in j.0.iter().zip(j.1) {
                let start = (plane * self.from[1] + line) * self.from[2];
                let samples = i.0.map(|index| f64::from(self.data[start + index]));
                let of_line: f64 = samples.iter().zip(i.1).map(|(sample, w)| sample * w).sum();
                of_plane += v * of_line;
            }
            sum += u * of_plane;
        }
        sum as f32
    }
}

/// From `a` to `b`; an end that has no share does not count, be it no number.
fn mix(a: f64, b: f64, share: f64) -> f64 {
    if share == 0.0 { a } else { a + share * (b - a) }
}

/// The four knots of the cubic and their weights, without a list.
fn cubic_knots(x: f64, n: usize) -> ([usize; 4], [f64; 4]) {
    let start = x.floor() as isize - 1;
    let (t, s) = (x - x.floor(), 1.0 - (x - x.floor()));
    let inner = |t: f64| 2.0 / 3.0 - t * t + 0.5 * t * t * t;
    let weights = [s * s * s / 6.0, inner(t), inner(s), t * t * t / 6.0];
    ([0, 1, 2, 3].map(|tap| Continued::Mirror.index(start + tap, n)), weights)
}
