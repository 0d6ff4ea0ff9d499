//! `torch.nn.functional.interpolate` of PyTorch 2 on floats: every mode, both corner rules, with and
//! without `antialias`. [`Interpolate`] is for volumes; [`antialiased`] and [`bilinear`] are its most
//! used forms on a picture.
//!
//! Facts, from ATen's `UpSample.h` and `UpSampleKernel.cpp`: output `o` lies at `(o + ½) · n/m − ½`,
//! with `align_corners` at `o · (n−1)/(m−1)`, all in `f32`; linear repeats the border, cubic
//! (Keys' kernel with a = −0.75) repeats it tap by tap; `nearest` takes `floor(o · n/m)`,
//! `nearest-exact` `floor((o + ½) · n/m)`; `area` is the mean over `floor(o·n/m)..ceil((o+1)·n/m)`.
//! With `antialias` the triangle, or Keys' kernel with a = −0.5, is as wide as the shrink factor,
//! cut at the border and normalised.

use super::taps::{Taps, separable};
use super::volume::{Clip, Plan};

/// `mode` of `interpolate`; linear and cubic stand for the names it has by dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// `nearest`
    Nearest,
    /// `nearest-exact`
    NearestExact,
    /// `linear`, `bilinear`, `trilinear`
    Linear,
    /// `bicubic` (pictures only in the reference; here any axis)
    Cubic,
    /// `area`
    Area,
}

/// Options of `interpolate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interpolate {
    /// `mode`.
    pub kind: Interpolation,
    /// Whether the outermost centres, not the outermost edges, lie on each other (linear, cubic).
    pub align_corners: bool,
    /// Whether axes that shrink are smoothed (linear, cubic).
    pub antialias: bool,
    /// `scale_factor`, where it was given instead of a size and is not recomputed: positions then
    /// follow it, not the ratio of extents.
    pub scale_factor: Option<[f64; 3]>,
}

impl Interpolate {
    /// A mode with the defaults of the reference.
    pub fn new(kind: Interpolation) -> Interpolate {
        Interpolate { kind, align_corners: false, antialias: false, scale_factor: None }
    }

    pub(super) fn plan(&self, from: [usize; 3], to: [usize; 3]) -> Plan {
        let axes = [0, 1, 2].map(|axis| {
            let factor = self.scale_factor.map(|factors| factors[axis]);
            self.axis(from[axis], to[axis], factor)
        });
        let prefilter = [None, None, None];
        Plan { smooth: None, prefilter, axes, outside: 0.0, clip: Clip::Free }
    }

    /// Source samples a target sample is apart.
    fn step(&self, source: usize, target: usize, factor: Option<f64>) -> f32 {
        let has_corners = matches!(self.kind, Interpolation::Linear | Interpolation::Cubic);
        match factor {
            _ if has_corners && self.align_corners && target <= 1 => 0.0,
            _ if has_corners && self.align_corners => (source - 1) as f32 / (target - 1) as f32,
            Some(factor) if factor > 0.0 => (1.0 / factor) as f32,
            _ => source as f32 / target as f32,
        }
    }

    /// One axis.
    pub(super) fn axis(&self, source: usize, target: usize, factor: Option<f64>) -> Taps {
        let step = self.step(source, target, factor);
        let last = source - 1;
        let place = |o: usize| match self.align_corners {
            true => step * o as f32,
            false => step * (o as f32 + 0.5) - 0.5,
        };
        let pick = |index: f32| (index.max(0.0) as usize).min(last) as isize;
        match self.kind {
            Interpolation::Nearest => {
                Taps::new(source, (0..target).map(|o| (pick(o as f32 * step), vec![1.0])))
            }
            Interpolation::NearestExact => {
                Taps::new(source, (0..target).map(|o| (pick((o as f32 + 0.5) * step), vec![1.0])))
            }
            Interpolation::Area => Taps::new(
                source,
                (0..target).map(|o| {
                    let start = o * source / target;
                    let end = ((o + 1) * source).div_ceil(target);
                    (start as isize, vec![1.0 / (end - start) as f64; end - start])
                }),
            ),
            Interpolation::Linear | Interpolation::Cubic if self.antialias => {
                let (reach, kernel): (f64, fn(f64) -> f64) = match self.kind {
                    Interpolation::Cubic => (2.0, |x| keys(x, -0.5)),
                    _ => (1.0, |x| (1.0 - x).max(0.0)),
                };
                wide(source, target, f64::from(step), reach, kernel)
            }
            _ if source == target => Taps::identity(source),
            Interpolation::Linear => Taps::new(
                source,
                (0..target).map(|o| {
                    let centre = place(o).max(0.0);
                    let left = (centre as usize).min(last);
                    let share =
                        if left < last { (centre - left as f32).clamp(0.0, 1.0) } else { 0.0 };
                    (left as isize, vec![f64::from(1.0 - share), f64::from(share)])
                }),
            ),
            Interpolation::Cubic => Taps::gathered(
                source,
                (0..target).map(|o| {
                    let centre = place(o);
                    let left = centre.floor();
                    let share = f64::from(centre - left);
                    let tap = |k: isize| {
                        let index = (left as isize + k).clamp(0, last as isize) as usize;
                        (index, keys((share - k as f64).abs(), -0.75))
                    };
                    (-1..=2).map(tap).collect()
                }),
            ),
        }
    }
}

/// Keys' cubic kernel at distance `x`.
pub(super) fn keys(x: f64, a: f64) -> f64 {
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

/// A kernel that reaches `reach` samples, widened by the shrink factor, cut at the border and
/// normalised.
pub(super) fn wide(
    source: usize,
    target: usize,
    step: f64,
    reach: f64,
    kernel: impl Fn(f64) -> f64,
) -> Taps {
    let scale = step.max(1.0);
    Taps::new(
        source,
        (0..target).map(|output| {
            let centre = step * (output as f64 + 0.5);
            let low = (centre - reach * scale + 0.5).max(0.0) as usize;
            let high = ((centre + reach * scale + 0.5) as usize).min(source);
            let mut weights: Vec<f64> = (low..high)
                .map(|index| kernel(((index as f64 - centre + 0.5) / scale).abs()))
                .collect();
            let sum: f64 = weights.iter().sum();
            if sum != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            }
            (low as isize, weights)
        }),
    )
}

/// With `antialias=True`: a triangle as wide as the shrink factor, cut at the border and
/// normalised (ATen `UpSampleKernel.cpp`, `_compute_indices_weights_aa`). TorchXRayVision's
/// `fix_resolution` uses it. Plane `[from.0][from.1]` to `[to.0][to.1]`; empty when an extent is
/// zero or `plane` has another size.
pub fn antialiased(plane: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    apply(plane, from, to, antialiased_axis)
}

/// Without `antialias`: linear between the two nearest samples, the border repeated.
pub fn bilinear(plane: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    apply(plane, from, to, bilinear_axis)
}

fn apply(
    plane: &[f32],
    from: (usize, usize),
    to: (usize, usize),
    axis: impl Fn(usize, usize) -> Taps,
) -> Vec<f32> {
    if [from.0, from.1, to.0, to.1].contains(&0) || plane.len() != from.0 * from.1 {
        return Vec::new();
    }
    if from == to {
        return plane.to_vec();
    }
    separable(plane, &axis(from.0, to.0), &axis(from.1, to.1))
}

fn antialiased_axis(source: usize, target: usize) -> Taps {
    wide(source, target, source as f64 / target as f64, 1.0, |x| (1.0 - x).max(0.0))
}

fn bilinear_axis(source: usize, target: usize) -> Taps {
    Interpolate::new(Interpolation::Linear).axis(source, target, None)
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
        for (from, to, antialias, expected) in SMALL {
            let resize = if *antialias { antialiased } else { bilinear };
            let got = resize(&ramp(from.0, from.1), *from, *to);
            assert_eq!(got.len(), to.0 * to.1);
            for (index, (a, b)) in got.iter().zip(expected.iter()).enumerate() {
                assert!((a - b).abs() < 1e-4, "{from:?} to {to:?} at {index}: {a} against {b}");
            }
        }
    }

    #[test]
    fn a_flat_plane_stays_flat() {
        for (from, to) in [((5, 7), (13, 2)), ((1, 1), (4, 4)), ((64, 3), (9, 3))] {
            let flat = vec![2.5; from.0 * from.1];
            for resize in [antialiased, bilinear] {
                assert!(resize(&flat, from, to).iter().all(|v| (v - 2.5).abs() < 1e-5));
            }
        }
    }

    type Case = ((usize, usize), (usize, usize), bool, &'static [f32]);
    const SMALL: &[Case] = &[
        ((13, 9), (3, 2), true, &[0.64013, -0.07905, 2.10057, -2.65752, 1.37195, 0.42052]),
        (
            (4, 3),
            (6, 5),
            true,
            &[
                -50.00000, -35.20000, -13.00000, 9.20001, 24.00000, -39.50000, -24.70000, -2.50000,
                19.70000, 34.50000, -25.50000, -10.70000, 11.50000, 23.60000, 31.66666, -11.50000,
                3.30000, 25.50000, -2.80001, -21.66668, 2.50000, 17.30000, 39.50000, 1.09999,
                -24.50000, 13.00000, 27.80000, 50.00000, 11.59999, -14.00000,
            ],
        ),
        (
            (9, 2),
            (2, 4),
            true,
            &[0.42254, -1.70775, -5.96831, -8.09859, -5.08451, -5.43662, -6.14084, -6.49296],
        ),
        ((13, 9), (3, 2), false, &[-9.50000, -19.75000, -17.00000, -2.00000, 9.16665, -9.49999]),
        (
            (4, 3),
            (6, 5),
            false,
            &[
                -50.00000, -35.20000, -13.00000, 9.20001, 24.00000, -39.50000, -24.70000, -2.50000,
                19.70000, 34.50000, -25.50000, -10.70000, 11.50000, 23.60000, 31.66666, -11.50000,
                3.30000, 25.50000, -2.80001, -21.66667, 2.50000, 17.30000, 39.50000, 1.09999,
                -24.50000, 13.00000, 27.80000, 50.00000, 11.59999, -14.00000,
            ],
        ),
    ];
}
