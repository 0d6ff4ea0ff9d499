//! `skimage.transform.resize(image, shape, preserve_range=True, ...)` of scikit-image 0.26 on
//! SciPy 1.17. [`Resize`] is all of it for volumes; [`resize`] is order 1, mode `constant`, with
//! anti-aliasing on a picture: what TorchXRayVision's `XRayResizer` does.
//!
//! Facts, from those sources: with anti-aliasing the image is first smoothed along each axis that
//! shrinks by a Gaussian of sigma = (factor − 1) / 2, cut off at `int(4 sigma + 0.5)` samples; then
//! sampled at `(o + 0.5) · factor − 0.5` (`zoom` with `grid_mode`); then clipped to the range of the
//! input, which with mode `constant` is widened to the constant where that lies within the output's
//! range. Up to order 1, smoothing and sampling are one linear map per axis: [`resize`] lets them
//! share one table.

use super::scipy::{Mode, Zoom};
use super::spline::Continued;
use super::taps::{Taps, separable};
use super::volume::{Clip, Plan};

/// What lies beyond the ends of an axis, under the names of `numpy.pad`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edge {
    /// This value.
    Constant(f32),
    /// The last sample.
    Edge,
    /// The signal reflected, its last sample twice.
    Symmetric,
    /// The signal reflected, its last sample once.
    Reflect,
    /// The signal from its other end.
    Wrap,
}

/// Options of `skimage.transform.resize` with `preserve_range=True`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resize {
    /// Order of the spline, 0 to 5.
    pub order: usize,
    /// What lies beyond the ends.
    pub mode: Edge,
    /// Whether axes that shrink are smoothed first.
    pub anti_aliasing: bool,
    /// Whether the result is kept within the range of the input.
    pub clip: bool,
}

impl Resize {
    /// As nnU-Net calls it: mode `edge`, no anti-aliasing, kept within the range of the input.
    pub fn edge(order: usize) -> Resize {
        Resize { order, mode: Edge::Edge, anti_aliasing: false, clip: true }
    }

    pub(super) fn plan(&self, from: [usize; 3], to: [usize; 3]) -> Plan {
        let (mode, cval) = match self.mode {
            Edge::Constant(value) => (Mode::GridConstant, value),
            Edge::Edge => (Mode::Nearest, 0.0),
            Edge::Symmetric => (Mode::Reflect, 0.0),
            Edge::Reflect => (Mode::Mirror, 0.0),
            Edge::Wrap => (Mode::GridWrap, 0.0),
        };
        let zoom = Zoom { order: self.order, mode, cval, prefilter: true, grid_mode: true };
        let mut plan = zoom.plan(from, to);
        if self.anti_aliasing && (0..3).any(|axis| to[axis] < from[axis]) {
            plan.smooth = Some([0, 1, 2].map(|axis| self.smooth(from[axis], to[axis])));
        }
        plan.clip = match self.mode {
            _ if !self.clip => Clip::Free,
            Edge::Constant(value) => Clip::SourceOr(value),
            _ => Clip::Source,
        };
        plan
    }

    /// The Gaussian along an axis as a table.
    fn smooth(&self, from: usize, to: usize) -> Taps {
        let kernel = gaussian(((from as f64 / to as f64 - 1.0) / 2.0).max(0.0));
        let radius = (kernel.len() / 2) as isize;
        let place = |index: isize| match self.mode {
            Edge::Constant(_) => usize::try_from(index).ok(),
            Edge::Edge => Some(index.clamp(0, from as isize - 1) as usize),
            Edge::Symmetric => Some(Continued::Reflect.index(index, from)),
            Edge::Reflect => Some(Continued::Mirror.index(index, from)),
            Edge::Wrap => Some(Continued::Wrap.index(index, from)),
        };
        let row = |o: usize| {
            let indices = (o as isize - radius..).map(place).zip(&kernel);
            indices.filter_map(|(index, &weight)| Some((index?, weight))).collect()
        };
        Taps::gathered(from, (0..from).map(row))
    }
}

/// Resizes a plane `[height][width]` to `[to.0][to.1]` (rows, columns).
///
/// An axis may shrink or grow. The result is empty when an extent is zero or `plane` has another
/// size. Values agree with the reference to 1e-6 of the range.
pub fn resize(plane: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    if [from.0, from.1, to.0, to.1].contains(&0) || plane.len() != from.0 * from.1 {
        return Vec::new();
    }
    if from == to {
        return plane.to_vec();
    }
    let mut out = separable(plane, &axis(from.0, to.0), &axis(from.1, to.1));
    clip(plane, &mut out);
    out
}

fn axis(source: usize, target: usize) -> Taps {
    let factor = source as f64 / target as f64;
    let gauss = gaussian(((factor - 1.0) / 2.0).max(0.0));
    let radius = (gauss.len() / 2) as isize;
    Taps::new(
        source,
        (0..target).map(|output| {
            let centre = (output as f64 + 0.5) * factor - 0.5;
            let left = centre.floor();
            let share = centre - left;
            // The two smoothed samples at `left` and `left + 1`; one outside the image is not a
            // smoothed sample but the constant 0.
            let inside = |index: f64| index >= 0.0 && index < source as f64;
            let mut weights = vec![0.0; gauss.len() + 1];
            for (shift, weight) in [(0, 1.0 - share), (1, share)] {
                if inside(left + shift as f64) {
                    for (sum, value) in weights[shift..].iter_mut().zip(&gauss) {
                        *sum += weight * value;
                    }
                }
            }
            (left as isize - radius, weights)
        }),
    )
}

/// `scipy.ndimage.gaussian_filter1d`'s kernel with `truncate = 4`.
fn gaussian(sigma: f64) -> Vec<f64> {
    if sigma <= 1e-15 {
        return vec![1.0];
    }
    let radius = (4.0 * sigma + 0.5) as i64;
    let kernel: Vec<f64> =
        (-radius..=radius).map(|x| (-0.5 / (sigma * sigma) * (x * x) as f64).exp()).collect();
    let sum: f64 = kernel.iter().sum();
    kernel.into_iter().map(|value| value / sum).collect()
}

fn clip(input: &[f32], out: &mut [f32]) {
    let range = |values: &[f32]| {
        values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        })
    };
    let (mut low, mut high) = range(input);
    let reached = range(out);
    let zero_is_new = !(low <= 0.0 && 0.0 <= high);
    if zero_is_new && reached.0 <= 0.0 && 0.0 <= reached.1 {
        (low, high) = (low.min(0.0), high.max(0.0));
    }
    if low <= high {
        out.iter_mut().for_each(|value| *value = value.clamp(low, high));
    }
}

#[cfg(test)]
#[allow(clippy::excessive_precision)]
mod tests {
    use super::*;

    fn ramp(height: usize, width: usize) -> Vec<f32> {
        (0..height * width).map(|i| ((i * 37 + i / width * 11) % 101) as f32 - 50.0).collect()
    }

    /// `tools/reference/preprocessing.py --print-small` printed these.
    #[test]
    fn small_planes_agree_with_the_reference() {
        for (from, to, expected) in SMALL {
            let got = resize(&ramp(from.0, from.1), *from, *to);
            assert_eq!(got.len(), to.0 * to.1);
            for (index, (a, b)) in got.iter().zip(expected.iter()).enumerate() {
                assert!((a - b).abs() < 1e-4, "{from:?} to {to:?} at {index}: {a} against {b}");
            }
        }
    }

    /// Smoothing every sample, then sampling: the two steps as the reference takes them.
    fn in_two_steps(plane: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f64> {
        let factor = |from: usize, to: usize| from as f64 / to as f64;
        let factors = (factor(from.0, to.0), factor(from.1, to.1));
        let at = |values: &[f64], row: i64, column: i64| {
            let inside = (0..from.0 as i64).contains(&row) && (0..from.1 as i64).contains(&column);
            if inside { values[row as usize * from.1 + column as usize] } else { 0.0 }
        };
        let smooth = |values: Vec<f64>, factor: f64, step: (i64, i64)| -> Vec<f64> {
            let kernel = gaussian(((factor - 1.0) / 2.0).max(0.0));
            let radius = (kernel.len() / 2) as i64;
            (0..values.len() as i64)
                .map(|i| {
                    let (row, column) = (i / from.1 as i64, i % from.1 as i64);
                    (-radius..=radius)
                        .zip(&kernel)
                        .map(|(k, g)| g * at(&values, row + k * step.0, column + k * step.1))
                        .sum()
                })
                .collect()
        };
        let values = plane.iter().map(|&value| f64::from(value)).collect();
        let values = smooth(smooth(values, factors.0, (1, 0)), factors.1, (0, 1));
        let mut out = Vec::new();
        for (row, column) in (0..to.0).flat_map(|r| (0..to.1).map(move |c| (r, c))) {
            let y = (row as f64 + 0.5) * factors.0 - 0.5;
            let x = (column as f64 + 0.5) * factors.1 - 0.5;
            let (top, left) = (y.floor() as i64, x.floor() as i64);
            let (v, h) = (y - y.floor(), x - x.floor());
            out.push(
                (1.0 - v) * (1.0 - h) * at(&values, top, left)
                    + (1.0 - v) * h * at(&values, top, left + 1)
                    + v * (1.0 - h) * at(&values, top + 1, left)
                    + v * h * at(&values, top + 1, left + 1),
            );
        }
        out
    }

    #[test]
    fn one_step_equals_two() {
        let extents = [1, 2, 3, 7, 16, 23, 50];
        for from in extents.into_iter().flat_map(|a| extents.map(|b| (a, b))) {
            for to in [(1, 1), (5, 3), (8, 31), (40, 2)] {
                if from == to {
                    continue;
                }
                let plane = ramp(from.0, from.1);
                let mut plain: Vec<f32> =
                    in_two_steps(&plane, from, to).into_iter().map(|v| v as f32).collect();
                clip(&plane, &mut plain);
                for (a, b) in resize(&plane, from, to).iter().zip(&plain) {
                    assert!((a - b).abs() < 1e-3, "{from:?} to {to:?}: {a} against {b}");
                }
            }
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        assert_eq!(resize(&ramp(5, 4), (5, 4), (5, 4)), ramp(5, 4));
    }

    #[test]
    fn impossible_sizes_give_nothing() {
        assert!(resize(&[], (0, 3), (2, 2)).is_empty());
        assert!(resize(&[1.0], (1, 1), (0, 2)).is_empty());
        assert!(resize(&[1.0; 5], (2, 3), (2, 2)).is_empty());
    }

    #[test]
    fn the_result_stays_within_the_range_of_the_input() {
        let plane = ramp(40, 30);
        let out = resize(&plane, (40, 30), (7, 11));
        assert!(out.iter().all(|value| (-50.0..=50.0).contains(value)));
    }

    type Case = ((usize, usize), (usize, usize), &'static [f32]);
    const SMALL: &[Case] = &[
        ((13, 9), (3, 2), &[0.78551, -0.26981, 2.03551, -2.52848, 0.67959, 0.14693]),
        (
            (4, 3),
            (6, 5),
            &[
                -33.33333, -29.33333, -10.83333, 7.66667, 16.00000, -31.60000, -24.70000, -2.50000,
                19.70000, 27.60000, -20.40000, -10.70000, 11.50000, 23.60000, 25.33333, -9.20000,
                3.30000, 25.50000, -2.80000, -17.33333, 2.00000, 17.30000, 39.50000, 1.10000,
                -19.60000, 8.66667, 23.16667, 41.66667, 9.66667, -9.33333,
            ],
        ),
        (
            (9, 2),
            (2, 4),
            &[1.37817, -0.60430, -5.48804, -5.94743, -3.31225, -5.11636, -6.51641, -5.41233],
        ),
        (
            (17, 16),
            (4, 16),
            &[
                25.53040, -16.97112, 16.24938, -27.98946, -7.99260, 25.22789, -32.06882, 0.98591,
                34.20640, -23.25607, 9.96442, 6.10143, -14.27756, 18.94293, -34.25407, -5.29905,
                33.32092, -30.62242, 6.37346, 35.96666, -20.62501, 16.37290, -12.08623, -10.62557,
                26.37233, -37.40377, -0.62614, 35.98014, -27.62461, 9.37329, 26.22855, -17.62518,
                20.62501, -35.96666, -6.37346, 30.62242, -33.32092, 3.62597, 39.32764, -23.37250,
                13.62540, -9.17514, -13.37307, 23.62484, -38.36732, -3.37363, 33.59819, -30.37211,
                7.99260, 27.98946, -16.24938, 16.97112, -25.53040, -7.27087, 25.94963, -31.51285,
                1.70764, 33.93153, -22.53434, 10.68616, 13.49903, -13.55583, 19.66467, -37.79781,
            ],
        ),
    ];
}
