//! Images and segmentations brought to the model's spacing.

use super::plans::{Resampling, ResamplingFunction};
use base::Result;
use engine::cpu::Pool;
use imaging::resample::{NnUnet, NnUnetTorch};

/// An image `[from]` to `[to]`; `spacing` before and after.
pub fn image(
    pool: &Pool,
    data: Vec<f32>,
    from: [usize; 3],
    to: [usize; 3],
    spacing: ([f64; 3], [f64; 3]),
    how: &Resampling,
) -> Result<Vec<f32>> {
    match how.function {
        _ if from == to => Ok(data),
        ResamplingFunction::Nothing => Ok(data),
        ResamplingFunction::Splines => {
            Ok(how.splines_of().data(pool, data, from, to, spacing.0, spacing.1)?.all(pool))
        }
        ResamplingFunction::Torch => {
            Ok(how.torch_of().data(pool, data, from, to, spacing.0, spacing.1)?.all(pool))
        }
    }
}

/// A label map `[from]` to `[to]`.
pub fn segmentation(
    pool: &Pool,
    map: &[i32],
    from: [usize; 3],
    to: [usize; 3],
    spacing: ([f64; 3], [f64; 3]),
    how: &Resampling,
) -> Result<Vec<i32>> {
    match how.function {
        _ if from == to => Ok(map.to_vec()),
        ResamplingFunction::Nothing => Ok(map.to_vec()),
        ResamplingFunction::Splines => {
            how.splines_of().labels(pool, map, from, to, spacing.0, spacing.1)
        }
        ResamplingFunction::Torch => {
            how.torch_of().labels(pool, map, from, to, spacing.0, spacing.1)
        }
    }
}

impl Resampling {
    fn splines_of(&self) -> NnUnet {
        NnUnet {
            order_z: self.order_z,
            force_separate_z: self.separate_z,
            threshold: self.threshold,
            ..NnUnet::new(self.order)
        }
    }

    fn torch_of(&self) -> NnUnetTorch {
        NnUnetTorch {
            force_separate_z: self.separate_z,
            threshold: self.threshold,
            ..NnUnetTorch::default()
        }
    }

    /// The axis that is treated apart when going from one spacing to another.
    pub fn separate_axis(&self, current: [f64; 3], new: [f64; 3]) -> Option<usize> {
        self.splines_of().axis_apart(current, new)
    }
}
