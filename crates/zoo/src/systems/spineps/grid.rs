//! From a case to the image that a network reads, and label maps back onto the case's grid.
//!
//! Reference: Hendrik-code/spineps (60cc736) `phase_pre.py`, `seg_model.py`; Hendrik-code/TPTBox (f43f7fb)
//! `core/nii_wrapper.py` (`normalize_to_range_`, `pad_to`, `rescale`, `resample_from_to`), `inference_api.py`
//! (images reach nnU-Net in half precision). Images of whole numbers stay so: scaled values are cut off,
//! resampled ones rounded.

use super::labels::{Box3, Labels};
use crate::nnunet::Images;
use crate::systems::totalsegmentator::bounds_of;
use base::words::volume_systems as words;
use base::{Affine, Error, Grid, Kind, Orientation, Result, Volume, Voxels};
use engine::cpu::Pool;
use imaging::n4::N4;
use imaging::resample::rescale;

/// What MR images are brought to (`NORMALIZE_MAX_VALUE`).
const HIGHEST: f32 = 1500.0;
/// Voxels added on every side (`proc_pad_size`).
const PAD: usize = 4;
/// Spacings that differ by less are the same.
const SAME_MM: f64 = 1e-3;

/// Whether values are whole numbers, and signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Real,
    Signed,
    Unsigned,
}

/// Values from which on the box of tissue is drawn for N4, and its spline distance (`n4_bias`).
const TISSUE: f32 = 60.0;
const SPLINE_MM: f64 = 100.0;

/// An image prepared, and a place for labels on its grid.
pub struct Prepared {
    values: Vec<f32>,
    grid: Grid,
    numbers: Numbers,
}

impl Prepared {
    /// Of a volume of one frame, or the part of it in a box. MR images are brought to 0 to 1500 and may be corrected;
    /// CT is left as it is.
    ///
    /// Errors: kind `Refused` where all values are alike.
    pub fn new(volume: &Volume, within: Option<Box3>, mr: bool, correct: bool) -> Result<Prepared> {
        let Prepared { mut values, grid, numbers } = Prepared::stored(volume, within);
        let whole = numbers.are_whole();
        if mr {
            normalise(&mut values, whole);
        }
        let floor = if mr { 0.0 } else { lowest(&values) };
        let inside: Vec<bool> = values.iter().map(|value| *value > floor).collect();
        let flat = || Error::new(Kind::Refused, words::FLAT);
        let bounds = bounds_of(&inside, grid.size, [0; 3]).ok_or_else(flat)?;
        if mr {
            let size = bounds.map(|[from, to]| to - from);
            let mut part = cut(&values, grid.size, bounds);
            if correct {
                part = even(part, size, grid.spacing_mm());
                part.iter_mut().for_each(|v| *v = if whole { v.trunc() } else { *v });
            }
            normalise(&mut part, whole);
            put(&mut values, grid.size, bounds, &part);
        }
        let (values, grid) = padded(&values, &grid);
        Ok(Prepared { values, grid, numbers })
    }

    /// A volume as it is, but where it reaches above `highest`: then to 1000.
    pub fn untouched(volume: &Volume, highest: f32) -> Prepared {
        let mut prepared = Prepared::stored(volume, None);
        let most = prepared.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if most > highest {
            prepared.values.iter_mut().for_each(|value| *value /= most / 1000.0);
            prepared.numbers = Numbers::Real;
        }
        prepared
    }

    /// Values as a file of the volume's type holds them, those that are no numbers 0.
    fn stored(volume: &Volume, within: Option<Box3>) -> Prepared {
        let numbers = Numbers::of(volume);
        let mut values = volume.frame_f32(0);
        for value in &mut values {
            *value = if value.is_finite() { *value } else { 0.0 };
            *value = if numbers.are_whole() { value.trunc() } else { *value };
        }
        let mut grid = *volume.grid();
        if let Some(bounds) = within {
            values = cut(&values, grid.size, bounds);
            let first = bounds.map(|[from, _]| from as f64);
            let size = bounds.map(|[from, to]| to - from);
            grid = Grid { size, affine: shifted(&grid.affine, first) };
        }
        Prepared { values, grid, numbers }
    }

    /// The image along these axes at this spacing, as nnU-Net reads it, and its grid.
    pub fn images(
        &self,
        pool: &Pool,
        axes: Orientation,
        spacing_for: impl Fn([f64; 3]) -> [f64; 3],
    ) -> Result<(Images, Grid)> {
        let lost = || Error::new(Kind::Bug, words::OTHER_GRID);
        let volume = Volume::new(self.grid, Voxels::F32(self.values.clone())).ok_or_else(lost)?;
        let turned = volume.reoriented(axes);
        let spacing = spacing_for(turned.spacing_mm());
        let grid = at_spacing(turned.grid(), spacing)?;
        let [x, y, z] = turned.size();
        let mut values = turned.frame_f32(0);
        if grid != *turned.grid() {
            let own = turned.spacing_mm();
            let [nx, ny, nz] = grid.size;
            let step = [2, 1, 0].map(|axis: usize| spacing[axis] / own[axis]);
            values = rescale(pool, &values, [z, y, x], [nz, ny, nx], step, 3)?;
        }
        for value in &mut values {
            *value = half(self.numbers.nearest(*value));
        }
        let [nx, ny, nz] = grid.size;
        let [dx, dy, dz] = grid.spacing_mm();
        let images = Images { shape: [nz, ny, nx], spacing: [dz, dy, dx], channels: vec![values] };
        Ok((images, grid))
    }
}

impl Numbers {
    /// Of a volume.
    pub(super) fn of(volume: &Volume) -> Numbers {
        match volume.voxels() {
            Voxels::F32(_) | Voxels::F64(_) => Numbers::Real,
            Voxels::U8(_) | Voxels::U16(_) | Voxels::U32(_) => Numbers::Unsigned,
            _ => Numbers::Signed,
        }
    }

    pub(super) fn are_whole(self) -> bool {
        self != Numbers::Real
    }

    /// What is stored of a value between whole numbers.
    pub(super) fn nearest(self, value: f32) -> f32 {
        match self {
            Numbers::Real => value,
            Numbers::Signed => value.round(),
            Numbers::Unsigned => value.max(0.0).round(),
        }
    }
}

/// The size of the grid that an image of this size and spacing is read on.
pub(super) fn foreseen(size: [usize; 3], own: [f64; 3], spacing: [f64; 3]) -> [usize; 3] {
    std::array::from_fn(|axis| {
        let count = (size[axis] + 2 * PAD) as f64 * own[axis] / spacing[axis];
        count.round().clamp(1.0, 1e6) as usize
    })
}

/// The same first voxel and axes at another spacing; the same grid where it is as good as that.
pub(super) fn at_spacing(grid: &Grid, spacing: [f64; 3]) -> Result<Grid> {
    let own = grid.spacing_mm();
    let near = |axis: usize| (spacing[axis] - own[axis]).abs() <= SAME_MM + 1e-5 * own[axis].abs();
    if (0..3).all(near) {
        return Ok(*grid);
    }
    let count =
        |axis: usize| (grid.size[axis] as f64 * own[axis] / spacing[axis]).round_ties_even();
    let size = [0, 1, 2].map(|axis| count(axis).clamp(0.0, 1e6) as usize);
    if size.contains(&0) {
        return Err(Error::new(Kind::Refused, words::TOO_SMALL));
    }
    let affine = Affine::from_parts(grid.affine.direction(), spacing, grid.affine.origin_mm());
    Ok(Grid { size, affine })
}

/// Labels at another spacing, the nearest each (`rescale` of a segmentation).
pub(super) fn labels_at(labels: &Labels, grid: &Grid, spacing: [f64; 3]) -> Result<(Labels, Grid)> {
    let new = at_spacing(grid, spacing)?;
    if new == *grid {
        return Ok((labels.clone(), new));
    }
    Ok((nearest(labels, grid, &new)?, new))
}

/// Labels of one grid at the voxels of another; beyond the border the last ones. Labels lie along i, j, k.
pub(super) fn nearest(labels: &Labels, from: &Grid, to: &Grid) -> Result<Labels> {
    let singular = || Error::new(Kind::BrokenInput, base::words::resample::SINGULAR_GRID);
    let way = from.affine.inverse().ok_or_else(singular)?.after(&to.affine);
    let rows = way.rows();
    let mut out = Labels::none(to.size);
    let last = from.size.map(|count| count.saturating_sub(1) as f64);
    let mut at = 0;
    for i in 0..to.size[0] {
        for j in 0..to.size[1] {
            for k in 0..to.size[2] {
                let place = std::array::from_fn(|axis| {
                    let [a, b, c, shift] = rows[axis];
                    let x = shift + a * i as f64 + b * j as f64 + c * k as f64;
                    (x + 0.5).floor().clamp(0.0, last[axis])
                });
                out.values[at] = labels.values[labels.index(place)];
                at += 1;
            }
        }
    }
    Ok(out)
}

/// Labels `[k][j][i]` along i, j, k.
pub(super) fn along_ijk(labels: &[u16], [ni, nj, nk]: [usize; 3]) -> Labels {
    let mut out = Labels::none([ni, nj, nk]);
    for (at, label) in out.values.iter_mut().enumerate() {
        let (i, j, k) = (at / (nj * nk), at / nk % nj, at % nk);
        *label = labels[(k * nj + j) * ni + i];
    }
    out
}

/// Labels along i, j, k as `[k][j][i]`.
pub(super) fn as_kji(labels: &Labels) -> Vec<u16> {
    let [ni, nj, nk] = labels.shape;
    let of = |at: usize| {
        let (k, j, i) = (at / (nj * ni), at / ni % nj, at % ni);
        labels.values[(i * nj + j) * nk + k]
    };
    (0..labels.values.len()).map(of).collect()
}

/// The image without its bias field, which is looked for in the box around tissue; an image that is too thin stays
/// as it is.
fn even(image: Vec<f32>, size: [usize; 3], spacing_mm: [f64; 3]) -> Vec<f32> {
    let tissue: Vec<bool> = image.iter().map(|value| *value >= TISSUE).collect();
    let Some(bounds) = bounds_of(&tissue, size, [0; 3]) else { return image };
    let mut inside = vec![false; image.len()];
    rows(size, bounds).for_each(|row| inside[row].fill(true));
    let n4 = N4 { distance_mm: SPLINE_MM, ..N4::default() };
    n4.correct(&image, &inside, size, spacing_mm).unwrap_or(image)
}

/// From the lowest value on, at most 1500.
fn normalise(values: &mut [f32], whole: bool) {
    let lowest = lowest(values);
    values.iter_mut().for_each(|value| *value -= lowest);
    let highest = values.iter().copied().fold(0.0f32, f32::max);
    if highest > HIGHEST {
        match whole {
            true => {
                let factor = f64::from(HIGHEST) / f64::from(highest);
                values.iter_mut().for_each(|v| *v = (f64::from(*v) * factor).trunc() as f32);
            }
            false => values.iter_mut().for_each(|value| *value *= HIGHEST / highest),
        }
    }
}

fn lowest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::INFINITY, f32::min)
}

fn cut(values: &[f32], size: [usize; 3], bounds: Box3) -> Vec<f32> {
    rows(size, bounds).flat_map(|row| values[row].iter().copied()).collect()
}

fn put(values: &mut [f32], size: [usize; 3], bounds: Box3, part: &[f32]) {
    let width = bounds[0][1] - bounds[0][0];
    for (row, part) in rows(size, bounds).zip(part.chunks_exact(width.max(1))) {
        values[row].copy_from_slice(part);
    }
}

/// Rows of a box along i, j, k within `[k][j][i]`.
fn rows(size: [usize; 3], [i, j, k]: Box3) -> impl Iterator<Item = std::ops::Range<usize>> {
    let row = move |k: usize, j: usize| {
        let start = (k * size[1] + j) * size[0];
        start + i[0]..start + i[1]
    };
    (k[0]..k[1]).flat_map(move |k| (j[0]..j[1]).map(move |j| row(k, j)))
}

/// Four voxels of the lowest value more on every side.
fn padded(values: &[f32], grid: &Grid) -> (Vec<f32>, Grid) {
    let size = grid.size.map(|count| count + 2 * PAD);
    let mut out = vec![lowest(values); size.iter().product()];
    put(&mut out, size, grid.size.map(|count| [PAD, PAD + count]), values);
    (out, Grid { size, affine: shifted(&grid.affine, [-(PAD as f64); 3]) })
}

/// The affine of a grid that begins at this voxel.
fn shifted(affine: &Affine, voxel: [f64; 3]) -> Affine {
    let (first, rows) = (affine.apply(voxel), affine.rows());
    Affine::new(std::array::from_fn(|row| {
        let [a, b, c, _] = rows[row];
        [a, b, c, first[row]]
    }))
}

/// The nearest number of half precision, of two the even one.
fn half(value: f32) -> f32 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // Ten bits after the first; below 2^-14 steps of 2^-24.
    let exponent = ((value.abs().to_bits() >> 23) as i32 - 127).max(-14);
    let step = 2f32.powi(exponent - 10);
    let near = (value / step).round_ties_even() * step;
    if near.abs() > 65504.0 { f32::INFINITY.copysign(value) } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_as_numpy_rounds() {
        // numpy.float16 of each.
        for (value, expected) in [
            (1500.0, 1500.0),
            (1023.7, 1023.5),
            (2049.0, 2048.0),
            (2051.0, 2052.0),
            (-0.1, -0.099975586),
            (65519.0, 65504.0),
            (65520.0, f32::INFINITY),
            (1e-7, 1.1920929e-7),
        ] {
            assert_eq!(half(value), expected, "{value}");
        }
    }

    #[test]
    fn labels_go_to_another_order_and_back() {
        let labels: Vec<u16> = (0..24).collect();
        let turned = along_ijk(&labels, [2, 3, 4]);
        assert_eq!(turned.values[1], 6);
        assert_eq!(as_kji(&turned), labels);
    }
}
