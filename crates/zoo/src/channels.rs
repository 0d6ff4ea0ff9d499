//! Over the channels of an answer, voxel by voxel.

use engine::cpu::Pool;
use std::sync::{Mutex, PoisonError};

/// Softmax over the channels of `[classes][voxels]`, in place; the same for any number of threads.
pub fn softmax(pool: &Pool, logits: &mut [f32], classes: usize) {
    const BLOCK: usize = 1 << 14;
    let voxels = logits.len() / classes.max(1);
    let mut tasks: Vec<Mutex<Vec<&mut [f32]>>> = Vec::new();
    for channel in logits.chunks_exact_mut(voxels.max(1)) {
        for (number, block) in channel.chunks_mut(BLOCK).enumerate() {
            match tasks.get_mut(number) {
                Some(task) => {
                    task.get_mut().unwrap_or_else(PoisonError::into_inner).push(block);
                }
                None => tasks.push(Mutex::new(vec![block])),
            }
        }
    }
    pool.run(tasks.len(), |task| {
        let mut channels = tasks[task].lock().unwrap_or_else(PoisonError::into_inner);
        let len = channels.first().map_or(0, |channel| channel.len());
        let (mut most, mut sum) = (vec![f32::NEG_INFINITY; len], vec![0.0f32; len]);
        for channel in channels.iter() {
            most.iter_mut().zip(channel.iter()).for_each(|(most, value)| *most = most.max(*value));
        }
        for channel in channels.iter_mut() {
            for ((value, most), sum) in channel.iter_mut().zip(&most).zip(&mut sum) {
                *value = (*value - most).exp();
                *sum += *value;
            }
        }
        for channel in channels.iter_mut() {
            channel.iter_mut().zip(&sum).for_each(|(value, sum)| *value /= sum);
        }
    });
}

/// The channel with the largest value at each voxel, the first of equals; of at most 256.
pub fn largest<L: From<u8> + Clone>(values: &[f32], voxels: usize) -> Vec<L> {
    let mut best = vec![L::from(0); voxels];
    let Some(first) = values.get(..voxels) else { return best };
    let mut most = first.to_vec();
    for (number, channel) in values.chunks_exact(voxels.max(1)).enumerate().skip(1) {
        for ((best, most), &value) in best.iter_mut().zip(&mut most).zip(channel) {
            if value > *most {
                (*best, *most) = (L::from(number as u8), value);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_that_of_each_voxel() {
        let mut values = vec![1.0, 100.0, 2.0, 100.0, 3.0, -100.0];
        softmax(&Pool::new(1), &mut values, 3);
        let sum: f32 = (1..=3).map(|n| (n as f32).exp()).sum();
        for n in 0..3 {
            assert!((values[2 * n] - ((n + 1) as f32).exp() / sum).abs() < 1e-6);
        }
        assert_eq!([values[1], values[3], values[5]], [0.5, 0.5, 0.0]);
        assert_eq!(largest::<u8>(&values, 2), [2, 0]);
        assert_eq!(largest::<u16>(&values, 2), [2, 0]);
    }
}
