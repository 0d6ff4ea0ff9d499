//! `Image.resize` of Pillow on 8-bit images (mode `L`, and each channel of `RGB`) and on floats (mode
//! `F`), every filter. [`bilinear`] is what torchvision's `Resize` does with a PIL image.
//!
//! Facts, from its `Resample.c`: a kernel as wide as the shrink factor, cut at the border and
//! normalised (`precompute_coeffs`); on 8 bits the weights become whole numbers of 22 bits behind the
//! point (`normalize_coeffs_8bpc`); rows first, then columns, each sum rounded and kept within
//! 0..=255. An axis that keeps its extent is left alone. Since Pillow 13 (its pull request 9549) the
//! columns go first where the height loses more than twice as many samples as the width (measured
//! on some hundred sizes); earlier versions, rows first always, then differ by 1 in single values.
//! `NEAREST` adds up its steps in `f64`.

use super::taps::Taps;
use super::volume::{Clip, Plan};
use std::f64::consts::PI;

/// `32 - 8 - 2` there.
const PRECISION_BITS: u32 = 22;

/// `Image.Resampling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pil {
    /// `NEAREST`
    Nearest,
    /// `BOX`
    Box,
    /// `BILINEAR`
    Bilinear,
    /// `HAMMING`
    Hamming,
    /// `BICUBIC`
    Bicubic,
    /// `LANCZOS`
    Lanczos,
}

impl Pil {
    /// How many samples the kernel reaches.
    fn support(self) -> f64 {
        match self {
            Pil::Nearest => 0.0,
            Pil::Box => 0.5,
            Pil::Bilinear | Pil::Hamming => 1.0,
            Pil::Bicubic => 2.0,
            Pil::Lanczos => 3.0,
        }
    }

    fn kernel(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
        match self {
            Pil::Nearest => 1.0,
            Pil::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Pil::Bilinear => (1.0 - x.abs()).max(0.0),
            Pil::Hamming if x.abs() >= 1.0 => 0.0,
            Pil::Hamming => sinc(x) * (0.54 + 0.46 * (x * PI).cos()),
            Pil::Bicubic => super::torch::keys(x.abs(), -0.5),
            Pil::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Pil::Lanczos => 0.0,
        }
    }

    /// For each output sample the first source sample and the weights from there on.
    fn weights(self, source: usize, target: usize) -> Vec<(usize, Vec<f64>)> {
        let scale = source as f64 / target as f64;
        if self == Pil::Nearest {
            return middles(source, target).map(|index| (index, vec![1.0])).collect();
        }
        let wide = scale.max(1.0);
        let support = self.support() * wide;
        let one = |output: usize| {
            let centre = (output as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let last = ((centre + support + 0.5) as usize).min(source);
            let mut weights: Vec<f64> = (first..last)
                .map(|index| self.kernel((index as f64 - centre + 0.5) / wide))
                .collect();
            let sum: f64 = weights.iter().sum();
            if sum != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            }
            (first, weights)
        };
        (0..target).map(one).collect()
    }

    pub(super) fn plan(self, from: [usize; 3], to: [usize; 3]) -> Plan {
        let axes = [0, 1, 2].map(|axis| {
            if from[axis] == to[axis] {
                return Taps::identity(from[axis]);
            }
            let rows = self.weights(from[axis], to[axis]).into_iter();
            Taps::new(from[axis], rows.map(|(first, weights)| (first as isize, weights)))
        });
        let prefilter = [None, None, None];
        Plan { smooth: None, prefilter, axes, outside: 0.0, clip: Clip::Free }
    }
}

/// For each output sample the source sample at its middle, steps added up.
pub(super) fn middles(source: usize, target: usize) -> impl Iterator<Item = usize> {
    let scale = source as f64 / target as f64;
    let steps = std::iter::successors(Some(scale * 0.5), move |at| Some(at + scale));
    steps.map(move |at| (at as usize).min(source - 1)).take(target)
}

/// Resizes a plane `[from.0][from.1]` to `[to.0][to.1]` (rows, columns) with `BILINEAR`. Values are
/// rounded to whole numbers and kept within 0..=255 first. The result is empty when an extent is
/// zero or `plane` has another size.
pub fn bilinear(plane: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    // `as` keeps within 0..=255 and makes 0 of what is no number.
    let bytes: Vec<u8> = plane.iter().map(|&value| value.round() as u8).collect();
    pil_u8(&bytes, from, to, Pil::Bilinear).into_iter().map(f32::from).collect()
}

/// An 8-bit plane `[from.0][from.1]` to `[to.0][to.1]` (rows, columns). Empty when an extent is zero
/// or `plane` has another size.
pub fn pil_u8(plane: &[u8], from: (usize, usize), to: (usize, usize), filter: Pil) -> Vec<u8> {
    if [from.0, from.1, to.0, to.1].contains(&0) || plane.len() != from.0 * from.1 {
        return Vec::new();
    }
    let rows_shrink = from.0.saturating_sub(to.0);
    let columns_shrink = from.1.saturating_sub(to.1);
    if rows_shrink > 2 * columns_shrink {
        let bytes = down(plane, from.1, from.0, to.0, filter);
        return along(&bytes, from.1, to.1, filter);
    }
    let bytes = along(plane, from.1, to.1, filter);
    down(&bytes, to.1, from.0, to.0, filter)
}

/// Every row of `from` samples to one of `to`.
fn along(plane: &[u8], from: usize, to: usize, filter: Pil) -> Vec<u8> {
    if from == to {
        return plane.to_vec();
    }
    let taps = whole(filter, from, to);
    let row = |row: &[u8]| -> Vec<u8> {
        let one =
            |(first, weights): &(usize, Vec<i64>)| sum(weights, row[*first..].iter().copied());
        taps.iter().map(one).collect()
    };
    plane.chunks_exact(from).flat_map(row).collect()
}

/// Every column of `from` samples to one of `to`.
fn down(plane: &[u8], width: usize, from: usize, to: usize, filter: Pil) -> Vec<u8> {
    if from == to {
        return plane.to_vec();
    }
    let mut out = Vec::with_capacity(to * width);
    for (first, weights) in &whole(filter, from, to) {
        let start = first * width;
        let column = |column| sum(weights, plane[start + column..].iter().step_by(width).copied());
        out.extend((0..width).map(column));
    }
    out
}

fn sum(weights: &[i64], samples: impl Iterator<Item = u8>) -> u8 {
    let half = 1i64 << (PRECISION_BITS - 1);
    let sum: i64 = weights.iter().zip(samples).map(|(w, sample)| w * i64::from(sample)).sum();
    ((sum + half) >> PRECISION_BITS).clamp(0, 255) as u8
}

/// The weights as whole numbers, rounded away from zero at a half.
fn whole(filter: Pil, source: usize, target: usize) -> Vec<(usize, Vec<i64>)> {
    let whole = |weight: f64| {
        let scaled = weight * f64::from(1u32 << PRECISION_BITS);
        (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i64
    };
    let rows = filter.weights(source, target).into_iter();
    rows.map(|(first, weights)| (first, weights.into_iter().map(whole).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(height: usize, width: usize) -> Vec<f32> {
        (0..height * width).map(|i| ((i * 37 + i / width * 11) % 256) as f32).collect()
    }

    /// `tools/reference/steps.py --print-small` printed these.
    #[test]
    fn small_planes_are_the_reference_s() {
        for (from, to, expected) in SMALL {
            let got = bilinear(&ramp(from.0, from.1), *from, *to);
            let expected: Vec<f32> = expected.iter().map(|&byte| f32::from(byte)).collect();
            assert_eq!(got, expected, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn impossible_sizes_give_nothing_and_the_same_size_the_same() {
        assert!(bilinear(&[1.0; 5], (2, 3), (2, 2)).is_empty());
        assert!(bilinear(&[], (0, 3), (2, 2)).is_empty());
        assert_eq!(bilinear(&[0.4, 0.6, 300.0, -9.0], (2, 2), (2, 2)), [0.0, 1.0, 255.0, 0.0]);
    }

    type Case = ((usize, usize), (usize, usize), &'static [u8]);
    #[rustfmt::skip]
    const SMALL: &[Case] = &[
        ((13, 9), (3, 2), &[126, 122, 120, 132, 122, 136]),
        ((4, 3), (6, 5), &[0, 15, 37, 59, 74, 61, 76, 98, 120, 135, 142, 140, 137, 159, 174, 224, 153, 47, 69, 84, 177, 141, 86, 108, 123, 110, 125, 147, 169, 184]),
        ((7, 8), (7, 3), &[41, 130, 144, 92, 174, 94, 143, 183, 84, 174, 75, 115, 164, 84, 166, 114, 129, 143, 91, 173, 93]),
        ((5, 6), (2, 6), &[152, 84, 51, 88, 125, 162, 187, 212, 86, 42, 79, 116]),
    ];
}
