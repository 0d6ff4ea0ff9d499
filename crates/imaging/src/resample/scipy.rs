//! `scipy.ndimage.zoom` of SciPy 1.17: splines of orders 0 to 5, every boundary mode, both grids.
//!
//! Facts, from its documentation and `ni_interpolation.c`: output `o` lies at `o · (n−1)/(m−1)`, or
//! with `grid_mode` at `(o + ½) · n/m − ½`; a position outside is mapped first, as its mode says
//! (`constant` gives the constant there); then the knots of the spline are mapped. `nearest` and
//! `grid-constant` filter a signal lengthened by 12 samples at each end; the filters of the others
//! continue the signal as the mode does (`constant` and `wrap`: as `mirror`).
//!
//! Those 12 samples are not stored here: outside, where samples are constant, coefficients decay to
//! them by the poles of the filter, so each is a fixed sum of the first few inside, and its weight is
//! dealt out to those.

use super::extents;
use super::spline::{Continued, Padding, Prefilter, poles, weights};
use super::taps::Taps;
use super::volume::{Clip, Plan, Resampler};
use base::Result;
use kernels::Pool;
use std::borrow::Cow;

/// What lies beyond the ends of an axis, under SciPy's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `aaaa | abcd | dddd`
    Nearest,
    /// `dcba | abcd | dcba`
    Reflect,
    /// `dcb | abcd | cba`
    Mirror,
    /// The constant for every position outside; between samples as `Mirror`.
    Constant,
    /// `kkkk | abcd | kkkk`
    GridConstant,
    /// Periodic with a period of one sample less than the axis.
    Wrap,
    /// `abcd | abcd | abcd`
    GridWrap,
}

/// Options of `scipy.ndimage.zoom`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zoom {
    /// Order of the spline, 0 to 5 (a larger one counts as 5).
    pub order: usize,
    /// What lies beyond the ends.
    pub mode: Mode,
    /// The constant of the two constant modes.
    pub cval: f32,
    /// Whether samples are turned into coefficients first.
    pub prefilter: bool,
    /// Whether extents (`true`) or distances between the outermost centres are scaled.
    pub grid_mode: bool,
}

impl Default for Zoom {
    /// SciPy's own defaults.
    fn default() -> Zoom {
        Zoom { order: 3, mode: Mode::Constant, cval: 0.0, prefilter: true, grid_mode: false }
    }
}

impl Zoom {
    /// The shape that `zoom` gives for factors: rounded, half to even.
    pub fn shape(from: [usize; 3], factors: [f64; 3]) -> [usize; 3] {
        [0, 1, 2].map(|axis| (from[axis] as f64 * factors[axis]).round_ties_even() as usize)
    }

    pub(super) fn plan(&self, from: [usize; 3], to: [usize; 3]) -> Plan {
        let order = self.order.min(5);
        let axes = [0, 1, 2].map(|axis| self.axis(order, from[axis], to[axis]));
        let [a, b, c] = axes;
        let constant = matches!(self.mode, Mode::Constant | Mode::GridConstant);
        Plan {
            smooth: None,
            prefilter: [a.1, b.1, c.1],
            axes: [a.0, b.0, c.0],
            outside: if constant { self.cval } else { 0.0 },
            clip: Clip::Free,
        }
    }

    /// The samples that make output `o` of an axis and their weights, without a filter: for orders
    /// 0 and 1 in the order in which the reference sums them.
    pub(super) fn samples(&self, o: usize, from: usize, to: usize) -> Vec<(usize, f64)> {
        let knots = self.knots(self.order.min(5), self.position(o, from, to), from, false);
        let inside = knots.into_iter().filter_map(|(k, w)| Some((usize::try_from(k).ok()?, w)));
        inside.filter(|(index, _)| *index < from).collect()
    }

    /// Where output `o` of an axis lies on the source.
    fn position(&self, o: usize, from: usize, to: usize) -> f64 {
        let (mut from, mut to) = (from as f64, to as f64);
        if !self.grid_mode {
            (from, to) = (from - 1.0, to - 1.0);
        }
        let step = if to == 0.0 { 1.0 } else { from / to };
        if self.grid_mode { (o as f64 + 0.5) * step - 0.5 } else { o as f64 * step }
    }

    fn axis(&self, order: usize, from: usize, to: usize) -> (Taps, Option<Prefilter>) {
        if from == to && (self.prefilter || order < 2) {
            return (Taps::identity(from), None);
        }
        self.axis_at(order, from, to, |o| self.position(o, from, to))
    }

    /// The tables of an axis whose output `o` lies at `position(o)`.
    fn axis_at(
        &self,
        order: usize,
        from: usize,
        to: usize,
        position: impl Fn(usize) -> f64,
    ) -> (Taps, Option<Prefilter>) {
        let filter = if self.prefilter { self.filter(order) } else { None };
        match filter {
            // Too short for the decay outside to be told from inside: every weight directly.
            Some(filter) if from <= SHORT => {
                let columns = unit_responses(&filter, from);
                let offset = filter.offset() as isize;
                let taps = Taps::gathered(
                    from,
                    (0..to).map(|o| {
                        let row = self.knots(order, position(o), from, true);
                        let knot = |k: isize| (k + offset).max(0) as usize;
                        let response = |sample: usize| {
                            let one = |&(k, w): &(isize, f64)| w * columns[sample][knot(k)];
                            (sample, row.iter().map(one).sum())
                        };
                        let all = (0..from).map(response);
                        all.filter(|_| !row.is_empty()).collect()
                    }),
                );
                (taps, None)
            }
            filter => {
                let decay = if filter.is_some() { self.decay(order) } else { Vec::new() };
                let taps = Taps::gathered(
                    from,
                    (0..to).map(|o| {
                        let row = self.knots(order, position(o), from, filter.is_some());
                        row.into_iter().flat_map(|(k, w)| dealt(k, w, from, &decay)).collect()
                    }),
                );
                (taps, filter)
            }
        }
    }

    fn filter(&self, order: usize) -> Option<Prefilter> {
        let (continued, padding) = match self.mode {
            Mode::Nearest => (Continued::Reflect, Some(Padding::Edge)),
            Mode::GridConstant => (Continued::Mirror, Some(Padding::Zero)),
            Mode::Reflect => (Continued::Reflect, None),
            Mode::GridWrap => (Continued::Wrap, None),
            Mode::Mirror | Mode::Constant | Mode::Wrap => (Continued::Mirror, None),
        };
        Prefilter::new(order, continued, padding)
    }

    /// Knots and weights of an output at `x`; knots outside are kept only where the signal was padded.
    /// Empty where the result is the constant.
    fn knots(&self, order: usize, x: f64, from: usize, padded: bool) -> Vec<(isize, f64)> {
        let Some(x) = self.mapped(x, from) else { return Vec::new() };
        let (start, weights) = weights(order, x);
        let last = from as isize - 1;
        let place = |k: isize| match self.mode {
            Mode::Nearest if !padded => k.clamp(0, last),
            Mode::Nearest | Mode::GridConstant => k,
            Mode::Reflect => Continued::Reflect.index(k, from) as isize,
            Mode::GridWrap => Continued::Wrap.index(k, from) as isize,
            Mode::Mirror | Mode::Constant | Mode::Wrap => Continued::Mirror.index(k, from) as isize,
        };
        (start..).map(place).zip(weights).collect()
    }

    /// `map_coordinate` of the reference: a position outside, moved inside. `None`: the constant.
    fn mapped(&self, x: f64, length: usize) -> Option<f64> {
        let n = length as f64;
        if (0.0..=n - 1.0).contains(&x) {
            return Some(x);
        }
        let moved = match self.mode {
            Mode::Nearest | Mode::GridConstant => x,
            Mode::Constant => return None,
            _ if length <= 1 => 0.0,
            Mode::Wrap if x < 0.0 => x + (n - 1.0) * ((-x / (n - 1.0)).trunc() + 1.0),
            Mode::Wrap => x - (n - 1.0) * (x / (n - 1.0)).trunc(),
            Mode::GridWrap if x < 0.0 => x + n * (((-1.0 - x) / n).trunc() + 1.0),
            Mode::GridWrap => x - n * (x / n).trunc(),
            Mode::Mirror => {
                let x = x.abs() % (2.0 * n - 2.0);
                if x >= n { 2.0 * n - 2.0 - x } else { x }
            }
            // Reflection about −½ and n − ½; slightly outside stays there.
            Mode::Reflect => {
                let x = if x < 0.0 { (-x).max(1e-15) - 1.0 } else { x };
                let x = x % (2.0 * n);
                if x >= n { 2.0 * n - x - 1.0 } else { x }
            }
        };
        Some(moved)
    }

    /// Coefficient `−1 − i` outside as a sum of the first ones inside; see the module's head.
    fn decay(&self, order: usize) -> Vec<Vec<f64>> {
        let poles = poles(order);
        let p = poles.len();
        let edge = match self.mode {
            Mode::Nearest => true,
            Mode::GridConstant => false,
            _ => return Vec::new(),
        };
        // Unknown: the share of each pole's decay, and the constant sample. Outside and up to index
        // p − 1, coefficient k is constant + Σ share · pole^−k.
        let unknown = p + 1;
        let at = |k: isize| -> Vec<f64> {
            let mut row: Vec<f64> = poles.iter().map(|z| z.powi(-k as i32)).collect();
            row.push(1.0);
            row
        };
        let mut matrix: Vec<Vec<f64>> = (0..p as isize).map(at).collect();
        // The sample at 0 is the constant: its spline, with coefficient p left on the right side.
        let (start, basis) = weights(order, 0.0);
        let mut sample = vec![0.0; unknown];
        if edge {
            for (k, weight) in (start..p as isize).zip(&basis) {
                let row = at(k);
                sample.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        sample[p] -= 1.0;
        matrix.push(sample);
        let right_weight = if edge { basis[2 * p] } else { 0.0 };
        let inside = |index: usize| {
            let mut right = vec![0.0; unknown];
            right[index] = if index == p { -right_weight } else { 1.0 };
            solve(matrix.clone(), right)
        };
        let solutions: Vec<Vec<f64>> = (0..=p).map(inside).collect();
        let outside = |i: isize| {
            let row = at(-1 - i);
            let value = |s: &Vec<f64>| s.iter().zip(&row).map(|(a, b)| a * b).sum();
            solutions.iter().map(value).collect()
        };
        (0..DECAY as isize).map(outside).collect()
    }
}

/// `scipy.ndimage.affine_transform` with `mode="nearest"` and a diagonal matrix: output `o` of an axis lies at
/// `o · step` of a volume `[from[0]][from[1]][from[2]]`.
///
/// Errors: as [`super::resample_volume`].
pub fn rescale(
    pool: &Pool,
    data: &[f32],
    from: [usize; 3],
    to: [usize; 3],
    step: [f64; 3],
    order: usize,
) -> Result<Vec<f32>> {
    extents(data.len(), from, to)?;
    let zoom = Zoom { order, mode: Mode::Nearest, ..Zoom::default() };
    let order = order.min(5);
    let axes = [0, 1, 2].map(|axis| {
        // Beyond the last sample by less than one: a rounded number of samples of another size.
        let position = |o: usize| (o as f64 * step[axis]).clamp(0.0, from[axis] as f64);
        match step[axis] == 1.0 && from[axis] == to[axis] {
            true => (Taps::identity(from[axis]), None),
            false => zoom.axis_at(order, from[axis], to[axis], position),
        }
    });
    let [a, b, c] = axes;
    let plan = Plan {
        smooth: None,
        prefilter: [a.1, b.1, c.1],
        axes: [a.0, b.0, c.0],
        outside: 0.0,
        clip: Clip::Free,
    };
    Ok(Resampler::planned(pool, Cow::Borrowed(data), plan).all(pool))
}

/// Longest axis whose filter is written into its weights.
const SHORT: usize = 6;

/// Knots outside that a position at most half a sample outside can reach.
const DECAY: usize = 4;

/// A weight on a knot, or on what the knot outside is a sum of.
fn dealt(k: isize, weight: f64, length: usize, decay: &[Vec<f64>]) -> Vec<(usize, f64)> {
    let last = length as isize - 1;
    if (0..=last).contains(&k) {
        return vec![(k as usize, weight)];
    }
    let depth = if k < 0 { -1 - k } else { k - last - 1 } as usize;
    let place = |i: usize| if k < 0 { i } else { length - 1 - i };
    let shares = decay.get(depth).map_or(&[][..], Vec::as_slice);
    shares.iter().enumerate().map(|(i, share)| (place(i), weight * share)).collect()
}

/// The filter's answer to one sample of 1 at each place of a line.
fn unit_responses(filter: &Prefilter, length: usize) -> Vec<Vec<f64>> {
    let unit = |place| (0..length).map(|i| if i == place { 1.0 } else { 0.0 }).collect::<Vec<_>>();
    (0..length).map(|place| filter.line(&unit(place))).collect()
}

/// Solves a small regular system by elimination with pivots.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for column in 0..n {
        let size = |row: usize| matrix[row][column].abs();
        let pivot = (column..n).max_by(|&a, &b| size(a).total_cmp(&size(b))).unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in 0..n {
            if row != column {
                let factor = matrix[row][column] / matrix[column][column];
                for k in column..n {
                    matrix[row][k] -= factor * matrix[column][k];
                }
                right[row] -= factor * right[column];
            }
        }
    }
    (0..n).map(|row| right[row] / matrix[row][row]).collect()
}
