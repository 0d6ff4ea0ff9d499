//! What SynthSeg's networks see of a head: 1 mm, turned to RAS, scaled between two percentiles, padded
//! (`SynthSeg/predict_synthseg.py`: `preprocess`; `ext/lab2im/edit_volumes.py`: `resample_volume`,
//! `rescale_volume`, `pad_volume`).

use crate::percentile::percentile;
use base::words::volume_systems as common;
use base::{Affine, Error, Grid, Kind, Orientation, Result, Volume, Voxels};
use engine::cpu::Pool;
use std::sync::{Mutex, PoisonError};

/// A voxel so far from 1 mm along any axis is resampled.
const TOLERANCE_MM: f64 = 0.05;
/// Extents of what the networks see are multiples of this.
const MULTIPLE: usize = 32;
/// Shares of all voxels below the values that become 0 and 1.
const SHARES: [f64; 2] = [0.005, 0.995];
/// Hounsfield units that are kept of a CT.
const CT: [f32; 2] = [0.0, 80.0];

/// A prepared head and the way back.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// `[x][y][z]` of `shape`, x to the patient's right, y forward, z up, from 0 to 1.
    pub values: Vec<f32>,
    /// Extents with the padding.
    pub shape: [usize; 3],
    /// First voxel inside the padding.
    pub start: [usize; 3],
    /// Extents without it.
    pub size: [usize; 3],
    /// Where the voxels without padding lie: i runs along z, j along y, k along x.
    pub grid: Grid,
    /// What the original takes a voxel's volume for.
    pub voxel_mm3: f64,
    /// The voxels are not the image's own.
    pub resampled: bool,
}

/// The orientation whose voxels `[k][j][i]` are `[x][y][z]` of RAS.
fn turned() -> Orientation {
    Orientation::parse("SAR").unwrap_or(Orientation::RAS)
}

/// Extents with the padding, for a volume of this size and spacing (its own axes, in any order).
pub(super) fn padded(size: [usize; 3], spacing_mm: [f64; 3], least: usize) -> [usize; 3] {
    let resampled = is_resampled(spacing_mm);
    std::array::from_fn(|axis| {
        let extent = match resampled {
            true => (size[axis] as f64 * spacing_mm[axis]).ceil().clamp(1.0, 1e6) as usize,
            false => size[axis],
        };
        extent.max(least).next_multiple_of(MULTIPLE)
    })
}

fn is_resampled(spacing_mm: [f64; 3]) -> bool {
    spacing_mm.iter().any(|mm| (mm - 1.0).abs() > TOLERANCE_MM)
}

/// Prepares frame 0 of a volume. `least`: extents of what the network sees at least. Values that are no
/// numbers are 0 already.
///
/// Errors: kind `Refused` for an image of one value everywhere, `BrokenInput` for a spacing of nothing.
pub fn prepare(pool: &Pool, volume: &Volume, ct: bool, least: usize) -> Result<Prepared> {
    let spacing = volume.spacing_mm();
    if !spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
        return Err(Error::new(Kind::BrokenInput, base::words::nnunet::BAD_SPACING));
    }
    let resampled = is_resampled(spacing);
    let turned = match resampled {
        true => at_one_mm(pool, volume)?.reoriented(turned()),
        false => volume.reoriented(turned()),
    };
    let mut values = turned.frame_f32(0);
    values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
    let [ni, nj, nk] = turned.size();
    let (size, grid) = ([nk, nj, ni], *turned.grid());
    if ct {
        values.iter_mut().for_each(|value| *value = value.clamp(CT[0], CT[1]));
    }
    scale(&mut values)?;
    let shape = size.map(|extent| extent.max(least).next_multiple_of(MULTIPLE));
    let start = std::array::from_fn(|axis| (shape[axis] - size[axis]) / 2);
    let voxel_mm3 = if resampled { 1.0 } else { spacing.iter().product() };
    let values = pad(&values, size, shape, start);
    Ok(Prepared { values, shape, start, size, grid, voxel_mm3, resampled })
}

/// Frame 0 at 1 mm, its axes as they lie: where their length is no whole number of millimetres, the grid is not
/// the same from its other end.
fn at_one_mm(pool: &Pool, volume: &Volume) -> Result<Volume> {
    let mut values = volume.frame_f32(0);
    values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
    let ([ni, nj, nk], spacing) = (volume.size(), volume.spacing_mm());
    let mut size = [nk, nj, ni];
    for axis in 0..3 {
        let table = taps(size[axis], spacing[2 - axis]);
        values = along(pool, &values, size, axis, &table);
        size[axis] = table.len();
    }
    let grid = resampled_grid(volume, [size[2], size[1], size[0]]);
    let lost = || Error::new(Kind::Bug, common::OTHER_GRID);
    Volume::new(grid, Voxels::F32(values)).ok_or_else(lost)
}

/// The samples that an output sample is made of, and their weights.
type Taps = Vec<Vec<(usize, f64)>>;

/// From voxels of `mm` to voxels of 1 mm: a Gaussian of a quarter of the step where there will be fewer
/// (`scipy.ndimage.gaussian_filter`, reflected at the ends), then linear interpolation at
/// `-(f - 1) / 2f + n / f`, kept within the image (`f = mm`).
fn taps(count: usize, mm: f64) -> Taps {
    let factor = mm;
    let sigma = if factor > 1.0 { 0.0 } else { 0.25 / factor };
    let kernel = gaussian(sigma);
    let reach = (kernel.len() / 2) as isize;
    let reflected = |at: isize| {
        let period = 2 * count as isize;
        let at = at.rem_euclid(period);
        (if at < count as isize { at } else { period - 1 - at }) as usize
    };
    let start = -(factor - 1.0) / (2.0 * factor);
    let step = 1.0 / factor;
    let stop = start + step * (count as f64 * factor).ceil();
    // As many as `numpy.arange(start, stop, step)` gives.
    let wanted = ((stop - start) / step).ceil().max(1.0) as usize;
    let tap = |number: usize| {
        let at = (start + number as f64 * step).clamp(0.0, (count - 1) as f64);
        let low = (at.floor() as usize).min(count.saturating_sub(2));
        let share = at - low as f64;
        let mut found: Vec<(usize, f64)> = Vec::new();
        for (corner, part) in [(low, 1.0 - share), (low + 1, share)] {
            for (place, weight) in kernel.iter().enumerate() {
                let index = reflected(corner as isize + place as isize - reach);
                let weight = part * weight;
                match found.iter_mut().find(|(known, _)| *known == index) {
                    Some((_, sum)) => *sum += weight,
                    None => found.push((index, weight)),
                }
            }
        }
        found.retain(|(_, weight)| *weight != 0.0);
        found
    };
    (0..wanted).map(tap).collect()
}

/// SciPy's Gaussian, cut off at four standard deviations.
fn gaussian(sigma: f64) -> Vec<f64> {
    let reach = (4.0 * sigma + 0.5) as isize;
    if reach == 0 {
        return vec![1.0];
    }
    let weights = (-reach..=reach).map(|at| (-0.5 / (sigma * sigma) * (at * at) as f64).exp());
    let weights: Vec<f64> = weights.collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Applies a table along one axis.
fn along(pool: &Pool, data: &[f32], size: [usize; 3], axis: usize, taps: &Taps) -> Vec<f32> {
    let inner: usize = size[axis + 1..].iter().product();
    let from = size[axis] * inner;
    let outer: usize = size[..axis].iter().product();
    let to = taps.len() * inner;
    let mut out = vec![0.0f32; outer * to];
    // One plane of the output a task, or one row of planes.
    let rows = if axis == 0 { 1 } else { taps.len() * (outer / size[0]).max(1) };
    let chunk = (rows * inner).max(1);
    let tasks: Vec<Mutex<&mut [f32]>> = out.chunks_mut(chunk).map(Mutex::new).collect();
    pool.run(tasks.len(), |task| {
        let mut rows_out = tasks[task].lock().unwrap_or_else(PoisonError::into_inner);
        for (number, row) in rows_out.chunks_exact_mut(inner.max(1)).enumerate() {
            let number = task * rows + number;
            let block = &data[number / taps.len() * from..][..from];
            for &(index, weight) in &taps[number % taps.len()] {
                let source = &block[index * inner..][..inner];
                let weight = weight as f32;
                row.iter_mut().zip(source).for_each(|(out, value)| *out += weight * value);
            }
        }
    });
    drop(tasks);
    out
}

/// The grid of 1 mm: columns shortened, the first voxel so that the borders of the image stay.
fn resampled_grid(volume: &Volume, size: [usize; 3]) -> Grid {
    let factor = volume.spacing_mm();
    let mut rows = *volume.affine().rows();
    for row in &mut rows {
        for axis in 0..3 {
            row[axis] /= factor[axis];
            row[3] -= row[axis] * 0.5 * (factor[axis] - 1.0);
        }
    }
    Grid { size, affine: Affine::new(rows) }
}

/// To 0 … 1 between two percentiles, beyond them cut off.
fn scale(values: &mut [f32]) -> Result<()> {
    let mut sorted = values.to_vec();
    let [low, high] = SHARES.map(|share| percentile(&mut sorted, share));
    if low >= high || !(high - low).is_finite() {
        return Err(Error::new(Kind::Refused, common::FLAT));
    }
    for value in values {
        *value = ((f64::from(*value).clamp(low, high) - low) / (high - low)) as f32;
    }
    Ok(())
}

/// Zeros around.
fn pad(values: &[f32], size: [usize; 3], shape: [usize; 3], start: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; shape.iter().product()];
    for (row, line) in values.chunks_exact(size[2].max(1)).enumerate() {
        let (x, y) = (row / size[1] + start[0], row % size[1] + start[1]);
        let at = (x * shape[1] + y) * shape[2] + start[2];
        out[at..at + line.len()].copy_from_slice(line);
    }
    out
}

/// What lies inside the padding.
pub(super) fn unpad(values: &[f32], prepared: &Prepared) -> Vec<f32> {
    let ([_, height, depth], [nx, ny, nz]) = (prepared.shape, prepared.size);
    let mut out = Vec::with_capacity(nx * ny * nz);
    for x in prepared.start[0]..prepared.start[0] + nx {
        for y in prepared.start[1]..prepared.start[1] + ny {
            let at = (x * height + y) * depth + prepared.start[2];
            out.extend_from_slice(&values[at..at + nz]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finer_grid_interpolates_and_a_coarser_one_smooths_first() {
        let finer = taps(10, 2.0);
        assert_eq!(finer.len(), 20);
        // The first voxel of 1 mm lies a quarter of the old one before its middle: kept inside.
        assert_eq!(finer[0], [(0, 1.0)]);
        assert_eq!(finer[1], [(0, 0.75), (1, 0.25)]);
        let coarser = taps(20, 0.5);
        assert_eq!(coarser.len(), 10);
        assert!(coarser[4].len() > 2);
        for table in [&finer, &coarser, &taps(7, 1.75), &taps(1, 3.0)] {
            for tap in table.iter() {
                let sum: f64 = tap.iter().map(|(_, weight)| weight).sum();
                assert!((sum - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn percentiles_are_numpys() {
        let mut values: Vec<f32> = [5.0, 1.0, 4.0, 2.0, 3.0].into();
        assert_eq!(percentile(&mut values, 0.5), 3.0);
        assert!((percentile(&mut values, 0.9) - 4.6).abs() < 1e-12);
        assert_eq!(percentile(&mut values, 1.0), 5.0);
    }
}
