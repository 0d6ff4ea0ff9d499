//! `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` of PyTorch 2, with and
//! without `antialias`.

use super::taps::{Taps, separable};

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
    let scale = source as f64 / target as f64;
    let support = scale.max(1.0);
    Taps::new(
        source,
        (0..target).map(|output| {
            let centre = scale * (output as f64 + 0.5);
            let low = (centre - support + 0.5).max(0.0) as usize;
            let high = ((centre + support + 0.5) as usize).min(source);
            let mut weights: Vec<f64> = (low..high)
                .map(|index| (1.0 - ((index as f64 - centre + 0.5) / support).abs()).max(0.0))
                .collect();
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            (low as isize, weights)
        }),
    )
}

fn bilinear_axis(source: usize, target: usize) -> Taps {
    let scale = source as f64 / target as f64;
    Taps::new(
        source,
        (0..target).map(|output| {
            let centre = ((output as f64 + 0.5) * scale - 0.5).max(0.0);
            let left = (centre as usize).min(source - 1);
            let share = if left + 1 < source { centre - left as f64 } else { 0.0 };
            (left as isize, vec![1.0 - share, share])
        }),
    )
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
