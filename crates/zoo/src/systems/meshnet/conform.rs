//! A head as MeshNet was trained on it: 256³ voxels of 1 mm around the middle of the image, the first axis to
//! the left, the second down, the third forward, in bytes.
//!
//! Reference: `conform` of niivue 0.62 (`src/niivue/index.ts`), which follows FastSurfer's `conform.py` and
//! FreeSurfer's `mri_convert -c`; brainchop (`main.js`) leaves an image alone that is conformed already. Values
//! outside the image are 0 before they are scaled, and its matrices are of single precision: both are kept.

use base::{Affine, Grid, Orientation, Result, Volume, VoxelType};
use engine::cpu::Pool;
use std::sync::{Mutex, PoisonError};

/// Extents of a conformed head.
pub const SIDE: usize = 256;
/// Bins of the histogram that the scale is read from.
const BINS: usize = 1000;
/// Share of the voxels above zero that may lie above the value that becomes 255.
const SHARE: f64 = 1.0 - 0.999;

/// A conformed head.
#[derive(Clone, Debug, PartialEq)]
pub struct Conformed {
    /// `[k][j][i]` of [`SIDE`]³.
    pub values: Vec<u8>,
    /// Where its voxels lie.
    pub grid: Grid,
    /// The voxels are not the image's own.
    pub resampled: bool,
}

/// Conforms an image `[k][j][i]` that lies where `volume` lies and was `stored` so.
///
/// Errors: kind `BrokenInput` for an affine without a way back.
pub fn conform(
    pool: &Pool,
    volume: &Volume,
    image: &[f32],
    stored: VoxelType,
) -> Result<Conformed> {
    let bytes = stored == VoxelType::U8;
    let size = volume.size();
    let lying = Orientation::parse("LIA").is_some_and(|lia| volume.orientation() == lia);
    if bytes && lying && size == [SIDE; 3] {
        let values = image.iter().map(|value| *value as u8).collect();
        return Ok(Conformed { values, grid: *volume.grid(), resampled: false });
    }
    let (affine, back) = placed(volume.affine(), size)?;
    let (lowest, scale) = scale(image, size, bytes);
    let mut values = vec![0u8; SIDE * SIDE * SIDE];
    let planes: Vec<Mutex<&mut [u8]>> = values.chunks_mut(SIDE * SIDE).map(Mutex::new).collect();
    pool.run(SIDE, |k| {
        let mut plane = planes[k].lock().unwrap_or_else(PoisonError::into_inner);
        for (row, line) in plane.chunks_exact_mut(SIDE).enumerate() {
            for (i, out) in line.iter_mut().enumerate() {
                let value = between(image, size, at(&back, [i, row, k]));
                // Cut off, not rounded, as an array of bytes takes numbers in JavaScript.
                *out = (scale * (f64::from(value) - lowest)).clamp(0.0, 255.0) as u8;
            }
        }
    });
    drop(planes);
    Ok(Conformed { values, grid: Grid { size: [SIDE; 3], affine }, resampled: true })
}

/// The place in the image, in voxels.
fn at(back: &[[f64; 4]; 3], voxel: [usize; 3]) -> [f64; 3] {
    let [x, y, z] = voxel.map(|place| place as f64);
    back.map(|row| x * row[0] + (y * row[1] + z * row[2] + row[3]))
}

/// Linear between eight voxels; 0 outside the image.
fn between(image: &[f32], [ni, nj, nk]: [usize; 3], place: [f64; 3]) -> f32 {
    let low = place.map(f64::floor);
    let inside = |axis: usize, count: usize| low[axis] >= 0.0 && place[axis] <= (count - 1) as f64;
    if !(inside(0, ni) && inside(1, nj) && inside(2, nk)) {
        return 0.0;
    }
    let [x, y, z]: [usize; 3] = low.map(|value| value as usize);
    // The original reads all eight, those of no weight as well: beyond the last voxel it finds no number, and
    // the byte is 0. Kept.
    if ((z + 1) * nj + y + 1) * ni + x + 1 >= image.len() {
        return f32::NAN;
    }
    let share: [f64; 3] = std::array::from_fn(|axis| place[axis] - low[axis]);
    let mut sum = 0.0;
    for corner in 0..8 {
        let [dx, dy, dz] = [corner >> 2 & 1, corner >> 1 & 1, corner & 1];
        let part = |step: usize, share: f64| if step == 1 { share } else { 1.0 - share };
        let weight = part(dx, share[0]) * part(dy, share[1]) * part(dz, share[2]);
        if weight > 0.0 {
            sum += f64::from(image[((z + dz) * nj + y + dy) * ni + x + dx]) * weight;
        }
    }
    sum as f32
}

/// Where the conformed voxels lie, and from them to the image's voxels.
fn placed(affine: &Affine, size: [usize; 3]) -> Result<(Affine, [[f64; 4]; 3])> {
    let single = |affine: &Affine| {
        Affine::new(affine.rows().map(|row| row.map(|value| f64::from(value as f32))))
    };
    let image = single(affine);
    let middle = image.apply(size.map(|count| count as f64 / 2.0)).map(|mm| f64::from(mm as f32));
    let half = SIDE as f64 / 2.0;
    let conformed = single(&Affine::new([
        [-1.0, 0.0, 0.0, middle[0] + half],
        [0.0, 0.0, 1.0, middle[1] - half],
        [0.0, -1.0, 0.0, middle[2] + half],
    ]));
    let lost = || base::Error::new(base::Kind::BrokenInput, base::words::resample::SINGULAR_GRID);
    let to_conformed = single(&conformed.inverse().ok_or_else(lost)?);
    let forth = single(&to_conformed.after(&image));
    let back = single(&forth.inverse().ok_or_else(lost)?);
    Ok((conformed, *back.rows()))
}

/// The value that becomes 0, and what a unit of the image becomes. Bytes are only shifted. The range of values
/// is that of the middle half of the image along each axis (niivue's `calMinMax`), where they differ there;
/// what lies below it is not counted.
fn scale(image: &[f32], size: [usize; 3], bytes: bool) -> (f64, f64) {
    let border = size.map(|count| count / 4);
    let [ni, nj, _] = size.map(|count| count.max(1));
    let central = |at: usize| {
        let place = [at % ni, at / ni % nj, at / (ni * nj)];
        (0..3).all(|axis| (border[axis]..size[axis] - border[axis]).contains(&place[axis]))
    };
    let range = |inside: &dyn Fn(usize) -> bool| {
        let mut range = [f64::INFINITY, f64::NEG_INFINITY];
        for (_, value) in image.iter().enumerate().filter(|(at, _)| inside(*at)) {
            range = [range[0].min(f64::from(*value)), range[1].max(f64::from(*value))];
        }
        range
    };
    let [mut least, mut most] = range(&central);
    if least >= most {
        [least, most] = range(&|_| true);
    }
    if bytes || image.is_empty() || least >= most {
        return (if least.is_finite() { least } else { 0.0 }, 1.0);
    }
    let width = (most - least) / BINS as f64;
    let mut counts = vec![0usize; BINS];
    let mut above = 0;
    for value in image.iter().map(|value| f64::from(*value)) {
        above += usize::from(value.abs() >= 1e-15);
        if value >= least {
            let bin = ((value - least) / width).floor() as usize;
            counts[bin.min(BINS - 1)] += 1;
        }
    }
    let wanted = image.len() - (SHARE * above as f64).floor() as usize;
    let mut sum = counts[0];
    // The bin before the one in which the wanted count is reached.
    let mut bin = 0;
    while bin < BINS - 1 {
        sum += counts[bin + 1];
        if sum >= wanted {
            break;
        }
        bin += 1;
    }
    let highest = bin as f64 * width + least;
    let scale = if highest == least { 1.0 } else { 255.0 / (highest - least) };
    (least, scale)
}

/// Labels of the conformed head on the image's own grid, the nearest each, `[k][j][i]`.
pub fn restore(
    pool: &Pool,
    volume: &Volume,
    conformed: &Conformed,
    labels: Vec<u16>,
) -> Result<Volume> {
    let labels = match conformed.resampled {
        true => {
            imaging::resample::labels_to_grid(pool, &labels, &conformed.grid, volume.grid(), 0u16)?
        }
        false => labels,
    };
    crate::volume_system::map_on(volume, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Voxels;

    #[test]
    fn a_conformed_head_is_left_alone_and_another_one_is_not() {
        let grid = |rows| Grid { size: [SIDE; 3], affine: Affine::new(rows) };
        let lia = [[-1.0, 0.0, 0.0, 128.0], [0.0, 0.0, 1.0, -128.0], [0.0, -1.0, 0.0, 128.0]];
        let voxels = || Voxels::U8((0..SIDE.pow(3)).map(|n| (n % 251) as u8).collect());
        let volume = Volume::new(grid(lia), voxels()).unwrap();
        let (pool, image) = (Pool::new(2), volume.frame_f32(0));
        let same = conform(&pool, &volume, &image, VoxelType::U8).unwrap();
        assert!(
            !same.resampled && same.values.iter().enumerate().all(|(n, v)| *v == (n % 251) as u8)
        );
        let turned = Volume::new(grid([lia[2], lia[1], lia[0]]), voxels()).unwrap();
        let other = conform(&pool, &turned, &image, VoxelType::U8).unwrap();
        assert!(other.resampled);
        assert_eq!(other.grid.affine, *volume.affine());
        // Stored in another type it is scaled.
        assert!(conform(&pool, &volume, &image, VoxelType::I16).unwrap().resampled);
    }

    #[test]
    fn a_flat_image_has_a_scale() {
        assert_eq!(scale(&[3.0; 10], [10, 1, 1], false), (3.0, 1.0));
        assert_eq!(scale(&[], [0; 3], false), (0.0, 1.0));
        let (least, factor) = scale(&[0.0, 1.0], [2, 1, 1], false);
        assert!(least == 0.0 && factor.is_finite());
    }
}
