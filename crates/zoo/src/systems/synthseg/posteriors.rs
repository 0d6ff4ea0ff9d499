//! Posteriors: smoothing, the mean with a mirrored reading, one piece for each structure, labels
//! and soft volumes (`SynthSeg/predict_synthseg.py`: `build_model`, `postprocess`). Arrays are
//! `[channel][x][y][z]`.

use super::labels::{Label, is_cortex};
use super::prepare::{Prepared, unpad};
use crate::channels::largest;
use crate::morphology::{Components, Neighbours};
use engine::cpu::Pool;
use std::sync::{Mutex, PoisonError};

/// Above it a voxel belongs to a structure, for keeping one piece.
const PIECE: f32 = 0.25;
/// At or below it a posterior becomes 0 where pieces are not kept by structure.
const LEAST: f32 = 0.2;
/// Weights of a Gaussian of 0.5 voxels over three (`ext/lab2im/edit_tensors.py`: `gaussian_kernel`):
/// exp(−2) beside 1, their sum 1.
const SMOOTHING: [f32; 2] = [0.786_986_04, 0.106_506_98];

/// Smooths every channel along all three axes; zeros lie beyond the border.
pub fn smooth(pool: &Pool, posteriors: &mut [f32], shape: [usize; 3]) {
    let voxels: usize = shape.iter().product();
    let tasks: Vec<Mutex<&mut [f32]>> =
        posteriors.chunks_exact_mut(voxels.max(1)).map(Mutex::new).collect();
    pool.run(tasks.len(), |task| {
        let mut channel = tasks[task].lock().unwrap_or_else(PoisonError::into_inner);
        for axis in 0..3 {
            let inner: usize = shape[axis + 1..].iter().product();
            for block in channel.chunks_exact_mut((shape[axis] * inner).max(1)) {
                smooth_block(block, inner);
            }
        }
    });
}

/// Along the rows of `[rows][inner]`.
fn smooth_block(block: &mut [f32], inner: usize) {
    let [middle, beside] = SMOOTHING;
    let mut before = vec![0.0f32; inner];
    let rows = block.len() / inner.max(1);
    for row in 0..rows {
        let (head, tail) = block.split_at_mut((row + 1) * inner);
        let own = &mut head[row * inner..];
        match tail.get(..inner) {
            Some(after) => {
                for ((own, before), after) in own.iter_mut().zip(&mut before).zip(after) {
                    let value = *own;
                    *own = middle * value + beside * (*before + after);
                    *before = value;
                }
            }
            None => own
                .iter_mut()
                .zip(&before)
                .for_each(|(own, before)| *own = middle * *own + beside * before),
        }
    }
}

/// The same image with right and left exchanged.
pub fn mirrored(image: &[f32], shape: [usize; 3]) -> Vec<f32> {
    let plane = shape[1] * shape[2];
    image.chunks_exact(plane.max(1)).rev().flatten().copied().collect()
}

/// The mean of the posteriors and those of the mirrored image, turned back, sides exchanged.
pub fn with_mirrored(posteriors: &mut [f32], other: &[f32], shape: [usize; 3], labels: &[Label]) {
    let plane = shape[1] * shape[2];
    let voxels = shape[0] * plane;
    let place = |label: u16| labels.iter().position(|row| row.label == label).unwrap_or(0);
    for (channel, row) in posteriors.chunks_exact_mut(voxels.max(1)).zip(labels) {
        let at = place(row.mirrored) * voxels;
        let other = other[at..at + voxels].chunks_exact(plane.max(1)).rev();
        for (own, other) in channel.chunks_exact_mut(plane.max(1)).zip(other) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own = 0.5 * (*own + other));
        }
    }
}

/// What the posteriors say, without the padding.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmented {
    /// Number of the channel at each voxel, `[x][y][z]`.
    pub channels: Vec<u8>,
    /// Soft volume of each channel in voxels: the sum of its posteriors.
    pub soft: Vec<f64>,
}

/// Keeps the largest piece of the brain; with `by_structure` also of each structure, else small posteriors
/// go. Then posteriors sum to 1 again and the largest is the label.
pub fn segment(
    mut posteriors: Vec<f32>,
    prepared: &Prepared,
    labels: &[Label],
    by_structure: bool,
) -> Segmented {
    let voxels: usize = prepared.shape.iter().product();
    // As the original: with pieces of structures the padding still takes part.
    let (mut shape, mut count) = (prepared.shape, voxels);
    let cut = |posteriors: &[f32]| -> Vec<f32> {
        posteriors.chunks_exact(voxels).flat_map(|channel| unpad(channel, prepared)).collect()
    };
    if !by_structure {
        posteriors = cut(&posteriors);
        (shape, count) = (prepared.size, prepared.size.iter().product());
    }
    let mut sum = vec![0.0f32; count];
    for channel in posteriors.chunks_exact(count).skip(1) {
        sum.iter_mut().zip(channel).for_each(|(sum, value)| *sum += value);
    }
    let brain: Vec<bool> = sum.iter().map(|sum| *sum > PIECE).collect();
    let brain = largest_piece(&brain, shape);
    for channel in posteriors.chunks_exact_mut(count).skip(1) {
        keep(channel, &brain);
    }
    if by_structure {
        let most = labels.iter().map(|row| row.class).max().unwrap_or(0);
        for class in 1..=most {
            let mut any = vec![false; count];
            let of = |(number, _): &(usize, _)| labels[*number].class == class;
            let own = posteriors.chunks_exact(count).enumerate().filter(of);
            for (_, channel) in own {
                any.iter_mut().zip(channel).for_each(|(any, value)| *any |= *value > PIECE);
            }
            let piece = largest_piece(&any, shape);
            for (number, channel) in posteriors.chunks_exact_mut(count).enumerate() {
                if labels[number].class == class {
                    keep(channel, &piece);
                }
            }
        }
        posteriors = cut(&posteriors);
        count = prepared.size.iter().product();
    } else {
        for channel in posteriors.chunks_exact_mut(count).skip(1) {
            channel.iter_mut().filter(|value| **value <= LEAST).for_each(|value| *value = 0.0);
        }
    }
    let mut sum = vec![0.0f32; count];
    for channel in posteriors.chunks_exact(count) {
        sum.iter_mut().zip(channel).for_each(|(sum, value)| *sum += value);
    }
    let mut soft = Vec::new();
    for channel in posteriors.chunks_exact_mut(count) {
        let mut total = 0.0f64;
        for (value, sum) in channel.iter_mut().zip(&sum) {
            // Nothing is left where all posteriors went: background.
            *value = if *sum > 0.0 { *value / sum } else { 0.0 };
            total += f64::from(*value);
        }
        soft.push(total);
    }
    Segmented { channels: largest(&posteriors, count), soft }
}

/// The largest piece of a mask, by faces; the first of equals.
fn largest_piece(mask: &[bool], shape: [usize; 3]) -> Vec<bool> {
    let pieces = Components::of_mask(mask, shape, Neighbours::Faces);
    match pieces.largest() {
        Some(largest) => pieces.mask(mask.len(), |piece| piece == largest),
        None => mask.to_vec(),
    }
}

fn keep(channel: &mut [f32], mask: &[bool]) {
    channel.iter_mut().zip(mask).filter(|(_, kept)| !**kept).for_each(|(value, _)| *value = 0.0);
}

/// The parcel (number of the channel, 0 for none) at each voxel of the cortex, and the soft volume of each
/// parcel in voxels. `parcels` are the smoothed posteriors with padding, `labels` those of the voxels
/// without.
pub fn parcellate(parcels: &[f32], prepared: &Prepared, labels: &[u16]) -> (Vec<u8>, Vec<f64>) {
    let voxels: usize = prepared.shape.iter().product();
    let count = labels.len();
    let own: Vec<Vec<f32>> = parcels
        .chunks_exact(voxels.max(1))
        .skip(1)
        .map(|channel| unpad(channel, prepared))
        .collect();
    // Where there is no cortex, the background has posterior 1 before they are made to sum to 1.
    let mut sum: Vec<f32> =
        labels.iter().map(|&label| if is_cortex(label) { 0.0 } else { 1.0 }).collect();
    for channel in &own {
        sum.iter_mut().zip(channel).for_each(|(sum, value)| *sum += value);
    }
    let soft = own.iter().map(|channel| {
        let share = |(value, sum): (&f32, &f32)| match *sum > 0.0 {
            true => f64::from(value / sum),
            false => 0.0,
        };
        channel.iter().zip(&sum).map(share).sum::<f64>()
    });
    let soft = soft.collect();
    let mut best = vec![0u8; count];
    let mut most = vec![0.0f32; count];
    for (number, channel) in own.iter().enumerate() {
        for at in (0..count).filter(|&at| is_cortex(labels[at])) {
            if channel[at] > most[at] {
                (best[at], most[at]) = (number as u8 + 1, channel[at]);
            }
        }
    }
    (best, soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_the_sum_inside_and_loses_it_at_the_border() {
        let shape = [5, 6, 7];
        let mut values = vec![0.0; 2 * 210];
        values[(2 * 6 + 3) * 7 + 3] = 1.0;
        values[210] = 1.0;
        smooth(&Pool::new(2), &mut values, shape);
        let [middle, beside] = SMOOTHING;
        assert!((values[..210].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((values[(2 * 6 + 3) * 7 + 3] - middle.powi(3)).abs() < 1e-7);
        assert!((values[(1 * 6 + 2) * 7 + 3] - beside * beside * middle).abs() < 1e-7);
        let kept = (middle + beside).powi(3);
        assert!((values[210..].iter().sum::<f32>() - kept).abs() < 1e-6);
    }
}
