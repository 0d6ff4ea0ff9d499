//! From a network's numbers to scores and values.

use base::Code;

/// What is done with a network's output, in order: plain data.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum After {
    /// `1 / (1 + e^−x)` of each number.
    Sigmoid,
    /// `e^x / Σ e^x` over the outputs.
    Softmax,
    /// Two straight lines that bring each label's threshold to 0.5, see [`op_norm`].
    OperatingPoints,
    /// Maps: back to the pixels of the original image.
    ResizeBack(Back),
    /// Maps: a pixel belongs to a structure when its number is above this, or above the label's own
    /// threshold.
    Above(f32),
    /// Maps: a pixel belongs to the label with the largest number; the first of equals.
    Largest,
    /// Values: `x · factor + offset`.
    Linear {
        /// Factor.
        factor: f32,
        /// Offset.
        offset: f32,
    },
    /// Values beyond the ends are set to them.
    Clip {
        /// Lowest.
        low: f32,
        /// Highest.
        high: f32,
    },
}

/// How a map comes back to the original's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// PyTorch's bilinear filter, `align_corners=False`.
    TorchBilinear,
    /// The nearest sample.
    Nearest,
}

/// One label's score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AfterScore {
    /// Its row in the output.
    pub row: usize,
    /// What.
    pub code: &'static Code,
    /// How high.
    pub score: f32,
    /// The threshold on the same scale.
    pub threshold: Option<f32>,
}

/// Scores of the labels that have a name; with [`After::OperatingPoints`] only of those that also
/// have a threshold. `output`: one number per label.
pub fn scores(
    after: &[After],
    labels: &[Option<&'static Code>],
    thresholds: &[Option<f32>],
    output: &[f32],
) -> Vec<AfterScore> {
    let mut numbers = output[..output.len().min(labels.len())].to_vec();
    let mut points = false;
    for step in after {
        match *step {
            After::Softmax => softmax(&mut numbers),
            After::OperatingPoints => {
                points = true;
                let known = thresholds.iter().copied();
                for (number, threshold) in numbers.iter_mut().zip(known) {
                    if let Some(threshold) = threshold {
                        *number = op_norm(*number, threshold);
                    }
                }
            }
            _ => numbers.iter_mut().for_each(|number| *number = one(step, *number)),
        }
    }
    let found = numbers.iter().zip(labels).enumerate().filter_map(|(row, (&score, label))| {
        let own = thresholds.get(row).copied().flatten();
        let threshold = if points { own.map(|_| 0.5) } else { own };
        let named = AfterScore { row, code: (*label)?, score, threshold };
        (!points || threshold.is_some()).then_some(named)
    });
    found.collect()
}

/// Numbers in a unit, one per output.
pub fn values(after: &[After], output: &[f32]) -> Vec<f32> {
    output.iter().map(|&number| after.iter().fold(number, |x, step| one(step, x))).collect()
}

fn one(step: &After, x: f32) -> f32 {
    match *step {
        After::Sigmoid => sigmoid(x),
        After::Linear { factor, offset } => x * factor + offset,
        After::Clip { low, high } => x.clamp(low, high),
        _ => x,
    }
}

/// `1 / (1 + e^−x)`.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// In place; the largest is taken off first.
pub(crate) fn softmax(numbers: &mut [f32]) {
    let largest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    numbers.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let sum: f32 = numbers.iter().sum();
    numbers.iter_mut().for_each(|x| *x /= sum);
}

/// Scales a sigmoid's output so that `threshold` becomes 0.5: two straight lines through (0, 0),
/// (threshold, 0.5) and (1, 1). `torchxrayvision.models.op_norm`.
pub fn op_norm(p: f32, threshold: f32) -> f32 {
    if p < threshold { p / (threshold * 2.0) } else { 1.0 - (1.0 - p) / ((1.0 - threshold) * 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::words::findings::{MASS, NODULE};

    #[test]
    fn a_softmax_leaves_out_what_has_no_name() {
        let labels = [None, Some(&MASS), Some(&NODULE)];
        let found = scores(&[After::Softmax], &labels, &[None, Some(0.3), None], &[1.0, 1.0, 1e3]);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].row, found[0].code.id, found[0].threshold),
            (1, "lung-mass", Some(0.3))
        );
        assert_eq!((found[0].score, found[1].score), (0.0, 1.0));
    }

    #[test]
    fn operating_points_leave_out_labels_without_one() {
        let labels = [Some(&MASS), Some(&NODULE)];
        let after = [After::Sigmoid, After::OperatingPoints];
        let found = scores(&after, &labels, &[Some(0.5), None], &[0.0, 0.0]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].score, found[0].threshold), (0.5, Some(0.5)));
    }

    #[test]
    fn values_take_every_step() {
        let after = [
            After::Sigmoid,
            After::Linear { factor: 100.0, offset: 8.0 },
            After::Clip { low: 0.0, high: 50.0 },
        ];
        assert_eq!(values(&after, &[0.0, -1e9]), [50.0, 8.0]);
    }
}
