//! Bringing a volume to another spacing and back, as MONAI's `Spacing` does with its defaults: the first
//! voxel's centre stays, or the volume's where axes are not quite at right angles; coordinates run in double
//! precision, what lies outside is the border.
//!
//! Source: `monai/transforms/spatial/array.py` (`Spacing`), `monai/data/utils.py`
//! (`compute_shape_offset` with `scale_extent=False`), PyTorch's `grid_sample`.

use base::Affine;
use engine::cpu::Pool;
use std::sync::{Mutex, PoisonError};

/// How values between voxels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// Linear.
    Linear,
    /// The nearest; of two the even one. PyTorch rounds so, too, but its coordinates carry the rounding of
    /// its normalised grid, so that exact ties may fall otherwise there.
    Nearest,
}

/// What a corner may lie beyond the first one before the centre is held instead (numpy's `allclose`).
const BEYOND: f64 = 1e-8;

/// A line of voxels of another spacing in voxels of the first: `index · step + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub step: f64,
    pub shift: f64,
}

impl Line {
    /// The way back.
    pub fn back(self) -> Line {
        Line { step: 1.0 / self.step, shift: -self.shift / self.step }
    }
}

/// Where the new grid begins, in voxels of the old one by axis. An affine in single precision is never quite
/// at right angles: where some other corner lies before the first one along an axis, the reference holds the
/// centres together (halves of the extents, not of the distances), which moves oblique images.
pub(super) fn shifts(
    affine: &Affine,
    size: [usize; 3],
    to: [usize; 3],
    step: [f64; 3],
) -> [f64; 3] {
    let last = size.map(|extent| extent.saturating_sub(1) as f64);
    let dot = |a: usize, b: usize| -> f64 {
        affine.column(a).iter().zip(affine.column(b)).map(|(x, y)| x * y).sum()
    };
    // Cholesky's factor of the products of columns: lengths, and what leans on the axes before.
    let length = dot(0, 0).sqrt();
    let (lean_j, lean_k) = (dot(0, 1) / length, dot(0, 2) / length);
    let second = (dot(1, 1) - lean_j * lean_j).sqrt();
    let lean_kj = (dot(1, 2) - lean_j * lean_k) / second;
    let wanted = [length * step[0], second * step[1]];
    let first = ((lean_j * last[1]).min(0.0) + (lean_k * last[2]).min(0.0)) / wanted[0];
    if first >= -BEYOND && (lean_kj * last[2]).min(0.0) / wanted[1] >= -BEYOND {
        return [0.0; 3];
    }
    [0, 1, 2].map(|axis| (size[axis] as f64 - step[axis] * to[axis] as f64) / 2.0)
}

/// Extents after a change of spacing, i, j, k.
pub(super) fn extents(size: [usize; 3], from: [f64; 3], to: [f64; 3]) -> [usize; 3] {
    [0, 1, 2].map(|axis| {
        let last = size[axis].saturating_sub(1) as f64;
        ((last * from[axis] / to[axis] + 1.0).round_ties_even().max(1.0)) as usize
    })
}

/// One axis: for each output voxel the voxels it lies between and how much the second counts.
fn taps(from: usize, to: usize, line: Line, between: Between) -> Vec<(usize, usize, f64)> {
    let last = from.saturating_sub(1);
    let tap = |index: usize| {
        let at = (index as f64 * line.step + line.shift).clamp(0.0, last as f64);
        match between {
            Between::Nearest => {
                let near = at.round_ties_even() as usize;
                (near, near, 0.0)
            }
            Between::Linear => {
                let low = at.floor();
                (low as usize, (low as usize + 1).min(last), at - low)
            }
        }
    };
    (0..to).map(tap).collect()
}

/// `image` `[k][j][i]` of extents `size` on a grid of extents `to`, whose voxels lie on `lines` by axis (i, j, k).
pub(super) fn resample(
    pool: &Pool,
    image: &[f32],
    size: [usize; 3],
    to: [usize; 3],
    lines: [Line; 3],
    between: Between,
) -> Vec<f32> {
    let of = |axis: usize| taps(size[axis], to[axis], lines[axis], between);
    let (columns, rows, planes) = (of(0), of(1), of(2));
    let mut out = vec![0.0f32; to.iter().product()];
    let plane = (to[0] * to[1]).max(1);
    let tasks: Vec<Mutex<&mut [f32]>> = out.chunks_exact_mut(plane).map(Mutex::new).collect();
    pool.run(tasks.len(), |k| {
        let mut task = tasks[k].lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = vec![0.0f64; size[0]];
        for (out, &row) in task.chunks_exact_mut(to[0].max(1)).zip(&rows) {
            blend(image, size, planes[k], row, &mut line);
            for (out, &(low, high, part)) in out.iter_mut().zip(&columns) {
                *out = match part == 0.0 {
                    true => line[low],
                    false => line[low] * (1.0 - part) + line[high] * part,
                } as f32;
            }
        }
    });
    drop(tasks);
    out
}

/// The four lines around a place between rows and planes, as one.
fn blend(
    image: &[f32],
    [ni, nj, _]: [usize; 3],
    plane: (usize, usize, f64),
    row: (usize, usize, f64),
    line: &mut [f64],
) {
    line.fill(0.0);
    for (k, a) in [(plane.0, 1.0 - plane.2), (plane.1, plane.2)] {
        for (j, b) in [(row.0, 1.0 - row.2), (row.1, row.2)] {
            let weight = a * b;
            if weight == 0.0 {
                continue;
            }
            let source = &image[(k * nj + j) * ni..][..ni];
            line.iter_mut().zip(source).for_each(|(sum, &v)| *sum += weight * f64::from(v));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_centre_stays_and_the_border_is_kept() {
        let pool = Pool::new(1);
        let image: Vec<f32> = (0..4).map(|i| i as f32 * 10.0).collect();
        let lines = |step: f64| [step, 1.0, 1.0].map(|step| Line { step, shift: 0.0 });
        let up = resample(&pool, &image, [4, 1, 1], [7, 1, 1], lines(0.5), Between::Linear);
        assert_eq!(up, [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        let beyond = resample(&pool, &image, [4, 1, 1], [3, 1, 1], lines(2.0), Between::Linear);
        assert_eq!(beyond, [0.0, 20.0, 30.0]);
        let near = resample(&pool, &image, [4, 1, 1], [4, 1, 1], lines(0.9), Between::Nearest);
        assert_eq!(near, [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(extents([4, 10, 1], [1.0, 3.0, 2.0], [2.0, 1.5, 9.0]), [2, 19, 1]);
    }

    #[test]
    fn where_axes_lean_the_centre_stays() {
        let leaning = |lean: f64| {
            Affine::new([[1.0, lean, 0.0, 5.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]])
        };
        let of = |lean: f64| shifts(&leaning(lean), [4, 4, 4], [6, 4, 2], [0.6, 1.0, 2.5]);
        assert_eq!(of(0.0), [0.0; 3]);
        assert_eq!(of(1e-6), [0.0; 3]);
        let shifted = of(-1e-6);
        assert!((shifted[0] - 0.2).abs() < 1e-12 && shifted[1] == 0.0 && shifted[2] == -0.5);
        let line = Line { step: 2.5, shift: 0.25 };
        let back = line.back();
        assert!((back.step * (3.0 * line.step + line.shift) + back.shift - 3.0).abs() < 1e-12);
    }
}
