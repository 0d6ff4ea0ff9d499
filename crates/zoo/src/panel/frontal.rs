//! Does a picture look like a frontal chest radiograph? A template match, no network.
//!
//! The picture is reduced to 32×32, freed of slow brightness changes and of contrast differences,
//! and correlated with the mean of 20 frontal films of ChestX-ray14 treated alike (lungs dark,
//! mediastinum and diaphragm bright). Ten windows are tried, so that collimation and arms do not
//! matter. The table is `frontal_template.txt`; a test rebuilds it from the films.
//!
//! How good it is: left out of the template one by one, 20 of 20 films score at least
//! [`THRESHOLD`]; of 86 knee, wrist, hip and ultrasound pictures two reach it (see the tests).
//! It has not been tried on lateral chest films. It warns; it does not refuse.

use base::Picture;

/// Similarity from which a picture passes for a frontal chest film.
pub const THRESHOLD: f64 = 0.42;

const GRID: usize = 32;
const REDUCED: usize = 128;
const TEMPLATE: &str = include_str!("frontal_template.txt");

/// What the match says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Correlation with the template, -1..=1.
    pub upright: f64,
    /// Correlation of the picture's negative.
    pub inverted: f64,
}

impl Likeness {
    /// Looks like a frontal chest film.
    pub fn is_frontal_chest(&self) -> bool {
        self.upright >= THRESHOLD
    }

    /// Looks like one with black and white exchanged.
    pub fn is_inverted(&self) -> bool {
        !self.is_frontal_chest() && self.inverted >= THRESHOLD
    }
}

/// Compares a picture, as a person looks at it, with the template.
pub fn likeness(picture: &Picture) -> Likeness {
    let template: Vec<f64> =
        TEMPLATE.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    match_template(&reduce(picture), &unit(template))
}

/// `reduced`: [`REDUCED`]² samples; `template`: [`GRID`]² samples of mean 0 and mean square 1.
fn match_template(reduced: &[f64], template: &[f64]) -> Likeness {
    // The negative's features are the features' negative.
    let (mut upright, mut inverted) = (-1.0f64, -1.0f64);
    for window in windows() {
        let likeness = correlation(&features(reduced, window), template);
        upright = upright.max(likeness);
        inverted = inverted.max(-likeness);
    }
    Likeness { upright, inverted }
}

/// Left, top and side of a square window on the reduced picture.
type Window = (f64, f64, f64);

/// The whole picture, then nine windows of 85 % of its sides.
fn windows() -> impl Iterator<Item = Window> {
    let side = REDUCED as f64;
    let part = 0.85 * side;
    let steps = [0.0, 0.5, 1.0].map(|step| step * (side - part));
    let parts = steps.into_iter().flat_map(move |y| steps.into_iter().map(move |x| (x, y, part)));
    std::iter::once((0.0, 0.0, side)).chain(parts)
}

/// Area average to [`REDUCED`]² (the aspect ratio is not kept), grey, clipped to the 1st and 99th
/// percentile.
fn reduce(picture: &Picture) -> Vec<f64> {
    let (width, height, channels) = (picture.width(), picture.height(), picture.channels());
    let columns = shares(width, 0.0, width as f64, REDUCED);
    let rows = shares(height, 0.0, height as f64, REDUCED);
    let mut line = vec![0.0; REDUCED];
    let mut reduced = vec![0.0; REDUCED * REDUCED];
    for (y, row) in picture.data().chunks_exact(width * channels).enumerate() {
        line.fill(0.0);
        for (cell, share) in line.iter_mut().zip(&columns) {
            let samples = &row[share.first * channels..][..share.weights.len() * channels];
            for (pixel, weight) in samples.chunks_exact(channels).zip(&share.weights) {
                let sum: u32 = pixel.iter().map(|&sample| u32::from(sample)).sum();
                *cell += weight * f64::from(sum);
            }
        }
        for (out, share) in reduced.chunks_exact_mut(REDUCED).zip(&rows) {
            if let Some(weight) = y.checked_sub(share.first).and_then(|at| share.weights.get(at)) {
                out.iter_mut().zip(&line).for_each(|(o, value)| *o += weight * value);
            }
        }
    }
    let mut sorted = reduced.clone();
    sorted.sort_by(f64::total_cmp);
    let low = sorted[sorted.len() / 100];
    let high = sorted[sorted.len() - 1 - sorted.len() / 100];
    reduced.iter_mut().for_each(|value| *value = value.clamp(low, high));
    reduced
}

/// [`GRID`]² samples of one window: mean brightness removed, contrast evened out, unit energy.
fn features(reduced: &[f64], (left, top, side): Window) -> Vec<f64> {
    let columns = shares(REDUCED, left, side, GRID);
    let rows = shares(REDUCED, top, side, GRID);
    let mut cells = Vec::with_capacity(GRID * GRID);
    for row in &rows {
        for column in &columns {
            let mut sum = 0.0;
            for (line, wy) in reduced.chunks_exact(REDUCED).skip(row.first).zip(&row.weights) {
                for (value, wx) in line[column.first..].iter().zip(&column.weights) {
                    sum += wy * wx * value;
                }
            }
            cells.push(sum);
        }
    }
    let cells = unit(cells);
    let slow = blur(&cells);
    let fast: Vec<f64> = cells.iter().zip(&slow).map(|(cell, slow)| cell - slow).collect();
    let energy = blur(&fast.iter().map(|value| value * value).collect::<Vec<_>>());
    unit(fast.iter().zip(&energy).map(|(value, energy)| value / (energy.sqrt() + 0.15)).collect())
}

/// The source samples under one target cell, from `first` on, and each one's share of it.
struct Share {
    first: usize,
    weights: Vec<f64>,
}

/// Cuts `length` source samples from `start` into `cells` equal parts.
fn shares(count: usize, start: f64, length: f64, cells: usize) -> Vec<Share> {
    let step = length / cells as f64;
    (0..cells)
        .map(|cell| {
            let low = start + cell as f64 * step;
            let high = low + step;
            let end = (high.ceil() as usize).clamp(1, count);
            let first = (low.floor() as usize).min(end - 1);
            let covered = |index: usize| high.min(index as f64 + 1.0) - low.max(index as f64);
            let weights = (first..end).map(|index| covered(index).max(0.0) / step).collect();
            Share { first, weights }
        })
        .collect()
}

/// Mean 0, mean square 1; all 0 for a flat input.
fn unit(mut values: Vec<f64>) -> Vec<f64> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter_mut().for_each(|value| *value -= mean);
    let rms = (values.iter().map(|value| value * value).sum::<f64>() / count).sqrt();
    let scale = if rms > 1e-9 { 1.0 / rms } else { 0.0 };
    values.iter_mut().for_each(|value| *value *= scale);
    values
}

/// Three box filters of width 15 in both directions, edges repeated: close to a Gaussian of 7.5.
fn blur(values: &[f64]) -> Vec<f64> {
    const RADIUS: usize = 7;
    let mut out = values.to_vec();
    let mut line = [0.0; GRID];
    for (stride, step) in [(GRID, 1), (1, GRID)] {
        for start in (0..GRID).map(|index| index * stride) {
            for (index, cell) in line.iter_mut().enumerate() {
                *cell = out[start + index * step];
            }
            for _ in 0..3 {
                let at = |index: usize| line[index.saturating_sub(RADIUS).min(GRID - 1)];
                // The window moves by one: what enters is added, what leaves is taken away.
                let mut sum: f64 = (0..2 * RADIUS + 1).map(at).sum();
                let mut filtered = [0.0; GRID];
                for (index, cell) in filtered.iter_mut().enumerate() {
                    *cell = sum / (2 * RADIUS + 1) as f64;
                    sum += at(index + 2 * RADIUS + 1) - at(index);
                }
                line = filtered;
            }
            for (index, cell) in line.iter().enumerate() {
                out[start + index * step] = *cell;
            }
        }
    }
    out
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len().max(1) as f64
}

#[cfg(test)]
mod tests;
