//! From a scan to the image that the networks see, and label maps in the order in which they are worked on.
//!
//! Reference: neuropoly/totalspineseg (ddab04b1) `utils/average4d.py`, `reorient_canonical.py`, `resample.py`
//! (TorchIO's `Resample(1)`: ITK's linear interpolation on a grid with the same middle, as many whole voxels as
//! fit), `crop_image2seg.py`. Images of whole numbers stay so: values are cut off, not rounded.

use super::ID;
use crate::ahead::{PreparedCase, Preparer};
use crate::systems::totalsegmentator::{bounds_of, crop};
use crate::volume_system::{VolumeCase, count_voxels, labels_of};
use base::words::volume_systems as words;
use base::{Affine, Error, Grid, Kind, Orientation, Result, Volume, Voxels};
use engine::cpu::Pool;
use imaging::resample::{Sampling, resample_to_grid};

/// Voxels left around what step 1 found.
const MARGIN: usize = 10;

/// The mean of a scan's frames at 1 mm, its axes to the right, forward and up.
///
/// Errors: kind `Refused` for a scan thinner than a voxel.
pub fn at_one_mm(pool: &Pool, volume: &Volume) -> Result<Volume> {
    let whole = volume.scale.is_none() && !volume.voxels().voxel_type().is_float();
    let values = mean(volume, whole);
    let turned = made(*volume.grid(), values)?.reoriented(Orientation::RAS);
    let grid = grid_of_one_mm(turned.grid())?;
    let mut values =
        resample_to_grid(pool, &turned.frame_f32(0), turned.grid(), &grid, Sampling::Linear, 0.0)?;
    if whole {
        values.iter_mut().for_each(|value| *value = value.trunc());
    }
    made(grid, values)
}

/// Extents i, j, k at 1 mm, as far as foreseen.
pub(super) fn foreseen(volume: &Volume) -> [usize; 3] {
    let (size, spacing) = (volume.size(), volume.spacing_mm());
    // A header may claim any spacing; the models refuse what is beyond memory.
    [0, 1, 2].map(|axis| (size[axis] as f64 * spacing[axis]).round().clamp(1.0, 1e6) as usize)
}

/// Prepares scans: [`at_one_mm`].
pub(super) struct AtOneMm;

impl Preparer for AtOneMm {
    /// Sums over the frames, one frame, the mean and the same turned; the image of 1 mm twice.
    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        Ok(20 * volume.frame_len() as u64 + 8 * count_voxels(foreseen(volume)))
    }

    fn prepare(&self, case: &VolumeCase<'_>, pool: &Pool) -> Result<PreparedCase> {
        let [scan] = case.volumes else {
            return Err(Error::new(Kind::Refused, words::one_image(ID, case.volumes.len())));
        };
        at_one_mm(pool, scan).map(PreparedCase::new)
    }
}

/// The mean of all frames, values that are no numbers set to 0.
fn mean(volume: &Volume, whole: bool) -> Vec<f32> {
    let frames = volume.frames();
    let mut sums = vec![0.0f64; volume.frame_len()];
    for frame in 0..frames {
        for (sum, value) in sums.iter_mut().zip(volume.frame_f32(frame)) {
            *sum += if value.is_finite() { f64::from(value) } else { 0.0 };
        }
    }
    let mean = |sum: f64| {
        let mean = sum / frames.max(1) as f64;
        (if whole { mean.trunc() } else { mean }) as f32
    };
    sums.into_iter().map(mean).collect()
}

/// The grid of 1 mm with the same middle (TorchIO 1.2: `Resample.get_reference_image`).
fn grid_of_one_mm(grid: &Grid) -> Result<Grid> {
    let spacing = grid.spacing_mm();
    let direction = grid.affine.direction();
    let size: [usize; 3] = std::array::from_fn(|axis| match grid.size[axis] {
        1 => 1,
        count => (count as f64 * spacing[axis]).floor().clamp(0.0, 1e6) as usize,
    });
    if size.contains(&0) {
        return Err(Error::new(Kind::Refused, words::TOO_SMALL));
    }
    let last = grid.affine.apply(grid.size.map(|count| (count - 1) as f64));
    let first = grid.affine.origin_mm();
    let rows = std::array::from_fn(|row| {
        let middle = (last[row] + first[row]) / 2.0;
        let half = |axis: usize| direction[row][axis] * ((size[axis] - 1) as f64 / 2.0);
        let [x, y, z] = direction[row];
        [x, y, z, middle - (half(0) + half(1) + half(2))]
    });
    Ok(Grid { size, affine: Affine::new(rows) })
}

/// Labels `[x][y][z]`, x to the right, y forward, z up, and their extents.
pub(super) fn turned(map: &Volume) -> (Vec<u16>, [usize; 3]) {
    let turned = map.reoriented(upright());
    let [nz, ny, nx] = turned.size();
    (labels_of(&turned), [nx, ny, nz])
}

/// The way back, onto the grid of `image`.
pub(super) fn back(labels: Vec<u16>, image: &Volume) -> Result<Volume> {
    let grid = *empty(image)?.reoriented(upright()).grid();
    let lost = || Error::new(Kind::Bug, words::OTHER_GRID);
    let turned = Volume::new(grid, Voxels::U16(labels)).ok_or_else(lost)?;
    Ok(turned.reoriented(image.orientation()))
}

/// The orientation whose voxels `[k][j][i]` are `[x][y][z]`.
fn upright() -> Orientation {
    Orientation::parse("SAR").unwrap_or(Orientation::RAS)
}

fn empty(image: &Volume) -> Result<Volume> {
    let lost = || Error::new(Kind::Bug, words::OTHER_GRID);
    Volume::new(*image.grid(), Voxels::U8(vec![0; image.frame_len()])).ok_or_else(lost)
}

/// A box of voxels.
pub(super) type Box3 = [[usize; 2]; 3];

/// The box around what is marked; the whole where nothing is.
pub(super) fn around(map: &Volume) -> Box3 {
    let mask: Vec<bool> = labels_of(map).into_iter().map(|label| label > 0).collect();
    bounds_of(&mask, map.size(), [MARGIN; 3]).unwrap_or(map.size().map(|count| [0, count]))
}

/// An image in a box.
pub(super) fn cut(image: &Volume, bounds: Box3) -> Result<Volume> {
    crop(image, bounds, false)
}

fn made(grid: Grid, values: Vec<f32>) -> Result<Volume> {
    let lost = || Error::new(Kind::Bug, words::OTHER_GRID);
    Volume::new(grid, Voxels::F32(values)).ok_or_else(lost)
}

/// Labels in a box.
pub(super) fn cut_labels(map: &Volume, bounds: Box3) -> Result<Volume> {
    let cut = crop(map, bounds, false)?;
    let labels = cut.frame_f32(0).into_iter().map(|label| label as u16).collect();
    crate::volume_system::map_on(&cut, labels)
}

/// A scan without what follows along its fourth axis: where labels lie.
pub(super) fn one_frame(scan: &Volume) -> Result<Volume> {
    empty(scan)
}
