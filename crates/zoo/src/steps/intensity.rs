//! Values.

use super::step::{About, Span, Step};
use super::work::Work;
use base::Note;
use base::words::zoo as words;
use imaging::Study;

/// Carries out one step of this group.
pub(super) fn take(step: &Step, work: &mut Work, study: &Study) {
    match *step {
        Step::Window { centre, width, exact } => {
            let window = window(centre, width, exact);
            each(work, window);
            work.range = Some((0.0, 1.0));
        }
        Step::InvertMonochrome1(about) if study.is_monochrome1() => invert(about, work),
        Step::Scale { from, to, clip } => scale(from, to, clip, work, study),
        Step::Clip { low, high } => {
            each(work, |x| x.clamp(low, high));
            work.range = Some(match work.range {
                Some((a, b)) => (a.clamp(low, high), b.clamp(low, high)),
                None => (low, high),
            });
        }
        Step::Normalize { mean, deviation } => {
            let plane = work.image.width() * work.image.height();
            normalize(work.image.data_mut(), plane, mean, deviation);
            work.range = None;
        }
        Step::NormalizeImage => normalize_image(work),
        Step::Truncate => each(work, f32::trunc),
        _ => {}
    }
}

fn each(work: &mut Work, f: impl Fn(f32) -> f32) {
    work.image.data_mut().iter_mut().for_each(|x| *x = f(*x));
}

/// PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2 with an output of 0..=1.
fn window(centre: f32, width: f32, exact: bool) -> impl Fn(f32) -> f32 {
    let (c, w) = (f64::from(centre), f64::from(width));
    move |x| {
        let x = f64::from(x);
        let unit = match exact {
            true => (x - c) / w + 0.5,
            false if w <= 1.0 => f64::from(x > c - 0.5),
            false => (x - (c - 0.5)) / (w - 1.0) + 0.5,
        };
        unit.clamp(0.0, 1.0) as f32
    }
}

fn invert(about: About, work: &mut Work) {
    work.notes.push(Note::info("monochrome1-inverted", words::INVERTED));
    match (about, work.range) {
        (About::Range, Some((low, high))) => each(work, |x| low + high - x),
        _ => {
            let (_, high) = extremes(work.image.data());
            each(work, |x| high - x);
        }
    }
}

fn scale(from: Span, to: (f32, f32), clip: bool, work: &mut Work, study: &Study) {
    let (low, high) = match from {
        Span::Stored => (0.0, study.stored_max() as f32),
        Span::Image => extremes(work.image.data()),
        Span::Percentiles(low, high) => percentiles(work.image.data(), low, high),
        Span::Fixed(low, high) => (low, high),
    };
    if from == Span::Stored {
        work.notes.extend(range_note(work.image.plane(0), high));
    } else if low == high {
        work.notes.push(Note::serious("flat-image", words::FLAT_IMAGE));
    }
    let (length, width) = (high - low, to.1 - to.0);
    // Values of a flat image all become the lowest.
    let length = if length == 0.0 { 1.0 } else { length };
    let (least, most) = (to.0.min(to.1), to.0.max(to.1));
    each(work, |x| {
        let y = to.0 + width * ((x - low) / length);
        if clip { y.clamp(least, most) } else { y }
    });
    let bounded = clip || matches!(from, Span::Image);
    work.range = bounded.then_some((least, most));
}

/// Channels of `plane` samples each, `(x − mean) / deviation` of their own.
pub(crate) fn normalized(
    mut planes: Vec<f32>,
    plane: usize,
    mean: [f32; 3],
    deviation: [f32; 3],
) -> Vec<f32> {
    normalize(&mut planes, plane, mean, deviation);
    planes
}

fn normalize(planes: &mut [f32], plane: usize, mean: [f32; 3], deviation: [f32; 3]) {
    let channels = planes.chunks_exact_mut(plane.max(1));
    for (plane, (mean, deviation)) in channels.zip(mean.into_iter().zip(deviation)) {
        plane.iter_mut().for_each(|x| *x = (*x - mean) / deviation);
    }
}

fn normalize_image(work: &mut Work) {
    let data = work.image.data();
    let count = data.len().max(1) as f64;
    let mean = data.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let square = data.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let scale = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
    each(work, |x| ((f64::from(x) - mean) * scale) as f32);
    work.range = None;
}

fn extremes(values: &[f32]) -> (f32, f32) {
    values
        .iter()
        .filter(|value| value.is_finite())
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
}

/// `numpy.percentile` with its default, linear interpolation.
fn percentiles(values: &[f32], low: f32, high: f32) -> (f32, f32) {
    let mut finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if finite.is_empty() {
        return (0.0, 0.0);
    }
    finite.sort_unstable_by(f32::total_cmp);
    let at = |percent: f32| {
        let place = f64::from(percent.clamp(0.0, 100.0)) / 100.0 * (finite.len() - 1) as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(finite.len() - 1);
        let (a, b) = (f64::from(finite[below]), f64::from(finite[above]));
        (a + (b - a) * (place - below as f64)) as f32
    };
    (at(low), at(high))
}

/// A remark on values outside 0..=max or on a range too small to be a radiograph's. TorchXRayVision
/// doubts an input that does not reach ±255 of 1024 on both sides (`warn_normalization`).
pub(crate) fn range_note(plane: &[f32], max: f32) -> Option<Note> {
    let (low, high) = plane
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let position = |value: f32| (2.0 * (value / max) - 1.0) * 1024.0;
    if low < 0.0 || high > max {
        Some(Note::warning("values-out-of-range", words::out_of_range(low, high, max)))
    } else if low == high {
        Some(Note::serious("flat-image", words::FLAT_IMAGE))
    } else if position(low) > -255.0 || position(high) < 255.0 {
        Some(Note::warning("narrow-range", words::NARROW_RANGE))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numpy_s() {
        // numpy.percentile([3, 1, 2, 10], [0, 50, 99, 100]) = 1, 2.5, 9.79, 10
        let values = [3.0, 1.0, 2.0, 10.0];
        assert_eq!(percentiles(&values, 0.0, 50.0), (1.0, 2.5));
        let (a, b) = percentiles(&values, 99.0, 100.0);
        assert!((a - 9.79).abs() < 1e-5 && b == 10.0);
        assert_eq!(percentiles(&[], 1.0, 99.0), (0.0, 0.0));
    }

    #[test]
    fn a_window_is_the_standard_s() {
        let linear = window(2048.0, 4096.0, false);
        assert_eq!((linear(0.0), linear(4095.0)), (0.0, 1.0));
        let exact = window(0.0, 100.0, true);
        assert_eq!((exact(-50.0), exact(0.0), exact(60.0)), (0.0, 0.5, 1.0));
    }

    #[test]
    fn an_odd_range_is_remarked_on() {
        let code = |values: &[f32]| range_note(values, 255.0).map(|note| note.code);
        assert_eq!(code(&[0.0, 255.0]), None);
        assert_eq!(code(&[-3.0, 255.0]), Some("values-out-of-range"));
        assert_eq!(code(&[0.0, 256.0]), Some("values-out-of-range"));
        assert_eq!(code(&[7.0, 7.0]), Some("flat-image"));
        assert_eq!(code(&[0.0, 100.0]), Some("narrow-range"));
    }
}
