//! `Image.resize(size, Image.Resampling.BILINEAR)` of Pillow on 8-bit images, bit for bit: what
//! torchvision's `Resize` does with a PIL image.
//!
//! Facts, from its `Resample.c`: a triangle as wide as the shrink factor, cut at the border and
//! normalised (`precompute_coeffs`); the weights become whole numbers of 22 bits behind the point
//! (`normalize_coeffs_8bpc`); rows first, then columns, each sum rounded and kept within 0..=255. An
//! axis that keeps its extent is left alone. Pillow 13 takes the columns first where an image is much
//! taller than wide (measured: from about 1.5 times); single values then differ by 1.

/// `32 - 8 - 2` there.
const PRECISION_BITS: u32 = 22;

/// Resizes a plane `[from.0][from.1]` to `[to.0][to.1]` (rows, columns). Values are rounded to
/// whole numbers and kept within 0..=255 first. The result is empty when an extent is zero or
/// `plane` has another size.
pub fn bilinear(plane: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    if [from.0, from.1, to.0, to.1].contains(&0) || plane.len() != from.0 * from.1 {
        return Vec::new();
    }
    // `as` keeps within 0..=255 and makes 0 of what is no number.
    let mut bytes: Vec<u8> = plane.iter().map(|&value| value.round() as u8).collect();
    if from.1 != to.1 {
        let taps = weights(from.1, to.1);
        let rows = bytes.chunks_exact(from.1);
        bytes = rows
            .flat_map(|row| {
                taps.iter().map(move |(first, weights)| sum(weights, row[*first..].iter().copied()))
            })
            .collect();
    }
    if from.0 != to.0 {
        let taps = weights(from.0, to.0);
        let mut out = Vec::with_capacity(to.0 * to.1);
        for (first, weights) in &taps {
            let start = first * to.1;
            out.extend(
                (0..to.1).map(|column| {
                    sum(weights, bytes[start + column..].iter().step_by(to.1).copied())
                }),
            );
        }
        bytes = out;
    }
    bytes.into_iter().map(f32::from).collect()
}

fn sum(weights: &[i64], samples: impl Iterator<Item = u8>) -> u8 {
    let half = 1i64 << (PRECISION_BITS - 1);
    let sum: i64 = weights.iter().zip(samples).map(|(w, sample)| w * i64::from(sample)).sum();
    ((sum + half) >> PRECISION_BITS).clamp(0, 255) as u8
}

/// For each output sample the first source sample and the weights from there on.
fn weights(source: usize, target: usize) -> Vec<(usize, Vec<i64>)> {
    let scale = source as f64 / target as f64;
    let support = scale.max(1.0);
    let one = |output: usize| {
        let centre = (output as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let last = ((centre + support + 0.5) as usize).min(source);
        let weights: Vec<f64> = (first..last)
            .map(|index| (1.0 - ((index as f64 - centre + 0.5) / support).abs()).max(0.0))
            .collect();
        let sum: f64 = weights.iter().sum();
        let whole = |weight: f64| (0.5 + weight / sum * f64::from(1u32 << PRECISION_BITS)) as i64;
        (first, weights.into_iter().map(whole).collect())
    };
    (0..target).map(one).collect()
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
