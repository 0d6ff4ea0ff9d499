//! What a detector's heads say of a prepared image: the whole of it at once, or tile by tile, the answers of each
//! level summed where tiles overlap.
//!
//! Source: `monai/apps/detection/utils/predict_utils.py`, `detector_utils.py`, `monai/inferers/utils.py`
//! (answers smaller than a tile).

use super::boxes::LevelAnswer;
use crate::bundle::window::{Inferer, padded};
use crate::error::translate;
use base::Result;
use engine::Tensor;
use engine::cpu::Network;

/// An image `[i][j][k]` and its extents.
pub(super) struct Image {
    pub values: Vec<f32>,
    pub size: [usize; 3],
}

impl Image {
    /// With zeros behind it up to multiples of `divisors`.
    pub fn filled_up(self, divisors: [usize; 3]) -> Image {
        let size = [0, 1, 2].map(|axis| self.size[axis].next_multiple_of(divisors[axis]));
        let values = cut(&self.values, self.size, [0; 3], size);
        Image { values, size }
    }
}

/// One answer of the network to an image: levels of the pyramid, the finest first.
pub(super) fn answer(network: &mut Network, image: &Image) -> Result<Vec<LevelAnswer>> {
    let [ni, nj, nk] = image.size;
    let input = Tensor::new(&[1, 1, ni, nj, nk], image.values.clone()).map_err(translate)?;
    let outputs = network.run(&[&input]).map_err(translate)?;
    let mut levels = Vec::new();
    let mut outputs = outputs.into_iter();
    while let (Some(classes), Some(boxes)) = (outputs.next(), outputs.next()) {
        let grid = [2, 3, 4].map(|axis| classes.shape().get(axis).copied().unwrap_or(0));
        levels.push(LevelAnswer { grid, classes: classes.into_data(), boxes: boxes.into_data() });
    }
    Ok(levels)
}

/// The means of the answers to all tiles of an image.
pub(super) fn answer_tiles(
    network: &mut Network,
    inferer: &Inferer,
    image: &Image,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Vec<LevelAnswer>> {
    let tile = inferer.tile(image.size);
    let (to, before) = padded(image.size, tile);
    let pad = inferer.pad(image.values.clone(), image.size, tile);
    let values = pad.map_err(|problem| base::Error::new(base::Kind::Refused, problem.0))?;
    let starts = [0, 1, 2].map(|axis| inferer.starts(axis, to[axis], tile[axis]));
    let total = starts.iter().map(Vec::len).product();
    let mut sums: Vec<Sum> = Vec::new();
    let mut done = 0;
    told(0, total);
    for &i in &starts[0] {
        for &j in &starts[1] {
            for &k in &starts[2] {
                let start = [i, j, k];
                let part = Image { values: cut(&values, to, start, tile), size: tile };
                let levels = answer(network, &part)?;
                if sums.is_empty() {
                    sums = levels.iter().map(|level| Sum::new(level, to, tile)).collect();
                }
                for (sum, level) in sums.iter_mut().zip(&levels) {
                    sum.add(level, start, tile);
                }
                done += 1;
                told(done, total);
            }
        }
    }
    let finish = |sum: Sum| sum.finish(image.size, to, before, tile);
    Ok(sums.into_iter().map(finish).collect())
}

/// What has been said of one level.
struct Sum {
    level: LevelAnswer,
    counts: Vec<f32>,
}

impl Sum {
    fn new(first: &LevelAnswer, to: [usize; 3], tile: [usize; 3]) -> Sum {
        let grid = [0, 1, 2].map(|axis| to[axis] * first.grid[axis] / tile[axis].max(1));
        let places: usize = grid.iter().product();
        let own: usize = first.grid.iter().product::<usize>().max(1);
        let zeros = |values: &[f32]| vec![0.0; values.len() / own * places];
        let (classes, boxes) = (zeros(&first.classes), zeros(&first.boxes));
        Sum { level: LevelAnswer { grid, classes, boxes }, counts: vec![0.0; places] }
    }

    fn add(&mut self, answer: &LevelAnswer, start: [usize; 3], tile: [usize; 3]) {
        // As the reference: where a tile begins within a place, with that place.
        let start = [0, 1, 2].map(|axis| start[axis] * answer.grid[axis] / tile[axis].max(1));
        let own: usize = answer.grid.iter().product::<usize>().max(1);
        let [_, nj, nk] = self.level.grid;
        let [ti, tj, tk] = answer.grid;
        let places = self.counts.len().max(1);
        let lines = |channel: usize, values: Option<&[f32]>, into: &mut [f32]| {
            for i in 0..ti {
                for j in 0..tj {
                    let to = ((start[0] + i) * nj + start[1] + j) * nk + start[2];
                    let into = &mut into[channel * places + to..][..tk];
                    match values {
                        Some(values) => {
                            let from = channel * own + (i * tj + j) * tk;
                            let from = &values[from..][..tk];
                            into.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
                        }
                        None => into.iter_mut().for_each(|count| *count += 1.0),
                    }
                }
            }
        };
        for channel in 0..answer.classes.len() / own {
            lines(channel, Some(&answer.classes), &mut self.level.classes);
        }
        for channel in 0..answer.boxes.len() / own {
            lines(channel, Some(&answer.boxes), &mut self.level.boxes);
        }
        lines(0, None, &mut self.counts);
    }

    /// Means, without what was padded.
    fn finish(
        mut self,
        size: [usize; 3],
        to: [usize; 3],
        before: [usize; 3],
        tile: [usize; 3],
    ) -> LevelAnswer {
        let counts = &self.counts;
        for values in [&mut self.level.classes, &mut self.level.boxes] {
            for channel in values.chunks_exact_mut(counts.len().max(1)) {
                channel.iter_mut().zip(counts).for_each(|(sum, count)| *sum /= count);
            }
        }
        if to == size {
            return self.level;
        }
        let full = self.level.grid;
        // Halves round to even; along an axis that was not padded the end lies beyond, as the reference's does.
        let place = |axis: usize, at: usize| {
            let scale = full[axis] as f64 / tile[axis] as f64;
            ((at as f64 * scale).round_ties_even() as usize).min(full[axis])
        };
        let start = [0, 1, 2].map(|axis| place(axis, before[axis]));
        let end = [0, 1, 2].map(|axis| place(axis, before[axis] + size[axis]));
        let grid = [0, 1, 2].map(|axis| end[axis].saturating_sub(start[axis]));
        let inner = |values: &[f32]| -> Vec<f32> {
            let channels = values.chunks_exact(full.iter().product::<usize>().max(1));
            channels.flat_map(|channel| cut(channel, full, start, grid)).collect()
        };
        let (classes, boxes) = (inner(&self.level.classes), inner(&self.level.boxes));
        LevelAnswer { grid, classes, boxes }
    }
}

/// The part of extents `to` at `start` of an image `[i][j][k]`; zeros behind the image.
fn cut(image: &[f32], size: [usize; 3], start: [usize; 3], to: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; to.iter().product()];
    let count = size[2].saturating_sub(start[2]).min(to[2]);
    for i in 0..to[0].min(size[0].saturating_sub(start[0])) {
        for j in 0..to[1].min(size[1].saturating_sub(start[1])) {
            let from = ((start[0] + i) * size[1] + start[1] + j) * size[2] + start[2];
            let into = (i * to[1] + j) * to[2];
            out[into..into + count].copy_from_slice(&image[from..from + count]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_that_overlap_give_their_mean_and_padding_goes() {
        let one = |value: f32| LevelAnswer {
            grid: [2, 1, 1],
            classes: vec![value, value + 1.0],
            boxes: vec![value; 4],
        };
        // Four places of eight voxels, tiles of two places that begin with every place.
        let mut sum = Sum::new(&one(0.0), [32, 8, 8], [16, 8, 8]);
        for start in [0, 8, 16] {
            sum.add(&one(start as f32), [start, 0, 0], [16, 8, 8]);
        }
        let whole = sum.finish([32, 8, 8], [32, 8, 8], [0; 3], [16, 8, 8]);
        assert_eq!(whole.grid, [4, 1, 1]);
        assert_eq!(whole.classes, [0.0, (1.0 + 8.0) / 2.0, (9.0 + 16.0) / 2.0, 17.0]);
        assert_eq!(whole.boxes.len(), 8);
        // One tile of an image of eight voxels in the middle of sixteen: 4 / 8 is half a place, which rounds to none.
        let mut sum = Sum::new(&one(0.0), [16, 8, 8], [16, 8, 8]);
        sum.add(&one(3.0), [0; 3], [16, 8, 8]);
        let part = sum.finish([8, 8, 8], [16, 8, 8], [4, 0, 0], [16, 8, 8]);
        assert_eq!((part.grid, part.classes), ([2, 1, 1], vec![3.0, 4.0]));
    }

    #[test]
    fn an_image_is_filled_up_behind_its_end() {
        let image = Image { values: vec![1.0, 2.0, 3.0, 4.0], size: [2, 1, 2] };
        let filled = image.filled_up([2, 2, 3]);
        assert_eq!(filled.size, [2, 2, 3]);
        let expected = [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(filled.values, expected);
    }
}
