//! Normalisation of one channel, in place. Sums are taken in double precision; the reference's, in
//! single precision, differ by rounding.

use super::plans::{Scheme, Statistics};

/// Smallest standard deviation that is divided by, and smallest range.
const EPSILON: f64 = 1e-8;

/// Normalises a channel by its scheme. `inside` are the voxels that count, where only those do;
/// the rest keep their values. CT normalisation without statistics changes nothing.
pub fn normalise(
    values: &mut [f32],
    scheme: Scheme,
    statistics: Option<&Statistics>,
    inside: Option<&[bool]>,
) {
    match (scheme, statistics) {
        (Scheme::None, _) | (Scheme::Ct, None) => {}
        (Scheme::Ct, Some(statistics)) => {
            let (low, high) = (statistics.low as f32, statistics.high as f32);
            let (mean, deviation) = (statistics.mean as f32, statistics.std.max(EPSILON) as f32);
            for value in values {
                let clipped = if *value < low {
                    low
                } else if *value > high {
                    high
                } else {
                    *value
                };
                *value = (clipped - mean) / deviation;
            }
        }
        (Scheme::ZScore, _) => z_score(values, inside),
        (Scheme::RescaleTo01, _) => {
            let low = values.iter().fold(f32::INFINITY, |low, &value| low.min(value));
            let high = values.iter().fold(f32::NEG_INFINITY, |high, &value| high.max(value));
            let range = (high - low).max(EPSILON as f32);
            values.iter_mut().for_each(|value| *value = (*value - low) / range);
        }
        (Scheme::RgbTo01, _) => values.iter_mut().for_each(|value| *value /= 255.0),
    }
}

fn z_score(values: &mut [f32], inside: Option<&[bool]>) {
    let counts = |index: usize| inside.is_none_or(|inside| inside.get(index) == Some(&true));
    let (mut sum, mut count) = (0.0, 0u64);
    for (_, &value) in values.iter().enumerate().filter(|(index, _)| counts(*index)) {
        sum += f64::from(value);
        count += 1;
    }
    if count == 0 {
        return;
    }
    let mean = sum / count as f64;
    let mut squares = 0.0;
    for (_, &value) in values.iter().enumerate().filter(|(index, _)| counts(*index)) {
        squares += (f64::from(value) - mean).powi(2);
    }
    let deviation = (squares / count as f64).sqrt().max(EPSILON) as f32;
    let mean = mean as f32;
    for (index, value) in values.iter_mut().enumerate() {
        if counts(index) {
            *value = (*value - mean) / deviation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_inside_counts_and_changes() {
        let mut values = [0.0, 1.0, 3.0, 100.0];
        normalise(&mut values, Scheme::ZScore, None, Some(&[false, true, true, false]));
        assert_eq!(values, [0.0, -1.0, 1.0, 100.0]);
    }

    #[test]
    fn a_flat_image_becomes_zero_not_infinite() {
        let mut values = [5.0; 8];
        normalise(&mut values, Scheme::ZScore, None, None);
        assert_eq!(values, [0.0; 8]);
        let mut values = [5.0; 8];
        normalise(&mut values, Scheme::RescaleTo01, None, None);
        assert_eq!(values, [0.0; 8]);
    }

    #[test]
    fn ct_values_are_clipped_before_they_are_scaled() {
        let statistics = Statistics { mean: 10.0, std: 5.0, low: 0.0, high: 20.0 };
        let mut values = [-1000.0, 0.0, 10.0, 3000.0];
        normalise(&mut values, Scheme::Ct, Some(&statistics), None);
        assert_eq!(values, [-2.0, -2.0, 0.0, 2.0]);
    }
}
