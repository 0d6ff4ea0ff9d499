//! Images and segmentations brought to the model's spacing.

use super::export::{Tap, linear, nearest};
use super::plans::{Resampling, ResamplingFunction};
use base::Result;
use engine::cpu::Pool;
use imaging::resample::NnUnet;
use std::sync::{Mutex, PoisonError};

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
            let apart = how.separate_axis(spacing.0, spacing.1);
            let tables = [0, 1, 2].map(|axis| match apart == Some(axis) {
                true => nearest(from[axis], to[axis]),
                false => linear(from[axis], to[axis]),
            });
            Ok(interpolated(pool, &data, from, &tables))
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
        // The torch function, too, lets the label with the largest share win.
        ResamplingFunction::Splines | ResamplingFunction::Torch => {
            how.splines_of().labels(pool, map, from, to, spacing.0, spacing.1)
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
}

/// Interpolation by tables, axis after axis in one pass.
fn interpolated(pool: &Pool, data: &[f32], from: [usize; 3], tables: &[Vec<Tap>; 3]) -> Vec<f32> {
    let [_, height, width] = from;
    let (rows, columns) = (tables[1].len(), tables[2].len());
    let mut out = vec![0.0; tables[0].len() * rows * columns];
    let tasks: Vec<Mutex<&mut [f32]>> =
        out.chunks_exact_mut((rows * columns).max(1)).map(Mutex::new).collect();
    pool.run(tasks.len(), |z| {
        let mut plane = tasks[z].lock().unwrap_or_else(PoisonError::into_inner);
        let tz = tables[0][z];
        let mut line = vec![0.0f32; width];
        for (y, out) in plane.chunks_exact_mut(columns.max(1)).enumerate() {
            let ty = tables[1][y];
            let row = |z: usize, y: usize| &data[(z * height + y) * width..][..width];
            let (a, b) = (row(tz.low, ty.low), row(tz.low, ty.high));
            let (c, d) = (row(tz.high, ty.low), row(tz.high, ty.high));
            for ((((line, a), b), c), d) in line.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *line = (1.0 - tz.share) * ((1.0 - ty.share) * a + ty.share * b)
                    + tz.share * ((1.0 - ty.share) * c + ty.share * d);
            }
            for (out, tap) in out.iter_mut().zip(&tables[2]) {
                *out = (1.0 - tap.share) * line[tap.low] + tap.share * line[tap.high];
            }
        }
    });
    drop(tasks);
    out
}
