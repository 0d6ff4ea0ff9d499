//! What stands between the models: cropping, resampling, and what is done to labels.

use super::whole_numbers;
use crate::morphology::{Components, Neighbours};
use crate::volume_system::{labels_of, map_on};
use base::words::volume_systems as words;
use base::{Affine, Error, Grid, Kind, Result, Volume, Voxels};
use engine::cpu::Pool;
use imaging::resample::{Method, Mode, Zoom, resample_volume};

/// A half-open box of voxels along i, j, k.
pub type Box3 = [[usize; 2]; 3];

/// The box around a mask `[k][j][i]` with so many voxels more on each side, within the volume; `None`
/// for an empty mask.
pub fn bounds_of(mask: &[bool], size: [usize; 3], margin: [usize; 3]) -> Option<Box3> {
    let [ni, nj, _] = size;
    let mut bounds: Option<Box3> = None;
    for (row, values) in mask.chunks_exact(ni.max(1)).enumerate() {
        let Some(first) = values.iter().position(|&inside| inside) else { continue };
        let last = values.iter().rposition(|&inside| inside).unwrap_or(first);
        let at = [[first, last + 1], [row % nj, row % nj + 1], [row / nj, row / nj + 1]];
        let all = bounds.get_or_insert(at);
        for axis in 0..3 {
            all[axis] = [all[axis][0].min(at[axis][0]), all[axis][1].max(at[axis][1])];
        }
    }
    let wider = |axis: usize, [start, end]: [usize; 2]| {
        [start.saturating_sub(margin[axis]), (end + margin[axis]).min(size[axis])]
    };
    bounds.map(|bounds| [0, 1, 2].map(|axis| wider(axis, bounds[axis])))
}

/// The part of a volume in a box; `whole`: its values cut off to whole numbers.
pub fn crop(volume: &Volume, bounds: Box3, whole: bool) -> Result<Volume> {
    let size = bounds.map(|[start, end]| end - start);
    let values = volume.frame_f32(0);
    let mut cut = Vec::with_capacity(size.iter().product());
    for k in bounds[2][0]..bounds[2][1] {
        for j in bounds[1][0]..bounds[1][1] {
            let start = volume.index([bounds[0][0], j, k], 0);
            cut.extend_from_slice(&values[start..start + size[0]]);
        }
    }
    let origin = volume.affine().apply(bounds.map(|[start, _]| start as f64));
    let mut rows = *volume.affine().rows();
    (0..3).for_each(|axis| rows[axis][3] = origin[axis]);
    let grid = Grid { size, affine: Affine::new(rows) };
    let voxels = match whole {
        true => whole_numbers(cut.into_iter()),
        false => Voxels::F32(cut),
    };
    made(grid, voxels)
}

/// Labels in their place in a volume.
pub fn uncrop(map: &Volume, into: &Volume, bounds: Box3) -> Result<Volume> {
    let (labels, width) = (labels_of(map), map.size()[0]);
    let mut all = vec![0u16; into.frame_len()];
    let mut rows = labels.chunks_exact(width.max(1));
    for k in bounds[2][0]..bounds[2][1] {
        for j in bounds[1][0]..bounds[1][1] {
            let start = into.index([bounds[0][0], j, k], 0);
            if let Some(row) = rows.next() {
                all[start..start + width].copy_from_slice(row);
            }
        }
    }
    map_on(into, all)
}

/// A volume at another spacing, `scipy.ndimage.zoom` of order 1, cut off to whole numbers; `None` where
/// it has that spacing.
pub fn resample(pool: &Pool, volume: &Volume, spacing_mm: [f64; 3]) -> Result<Option<Volume>> {
    // The header's spacing is in single precision.
    let own = volume.spacing_mm().map(|mm| f64::from(mm as f32));
    if own == spacing_mm {
        return Ok(None);
    }
    let factors = [0, 1, 2].map(|axis| own[axis] / spacing_mm[axis]);
    let from = volume.size();
    let to = Zoom::shape(from, factors);
    if to.contains(&0) {
        return Err(Error::new(Kind::Refused, words::TOO_SMALL));
    }
    let values = zoom(pool, &volume.frame_f32(0), from, to, 1)?;
    let grid = Grid { size: to, affine: scaled(volume.affine(), factors) };
    made(grid, whole_numbers(values.into_iter())).map(Some)
}

/// Labels on the grid of another volume of the same place, the nearest.
pub fn resample_labels(pool: &Pool, map: &Volume, onto: &Volume) -> Result<Volume> {
    let values: Vec<f32> = labels_of(map).into_iter().map(f32::from).collect();
    let values = zoom(pool, &values, map.size(), onto.size(), 0)?;
    map_on(onto, values.into_iter().map(|value| value as u16).collect())
}

/// The first frame of several.
pub(super) fn first_frame(volume: &Volume) -> Result<Volume> {
    made(*volume.grid(), Voxels::F32(volume.frame_f32(0)))
}

/// Of the trunk (label 1) the largest part, of the extremities (label 2) parts above 50 cm³; in place.
/// Labels are `[z][y][x]`.
pub fn body_parts(labels: &mut [u16], shape: [usize; 3], voxel_mm3: f64) {
    const LEAST_MM3: f64 = 50_000.0;
    let found = Components::of(labels, shape, Neighbours::Faces);
    let trunks = (0..found.sizes.len()).filter(|&part| found.labels[part] == 1);
    let trunk = trunks.reduce(|a, b| if found.sizes[b] > found.sizes[a] { b } else { a });
    for run in &found.runs {
        let keep = match run.label {
            1 => Some(run.component) == trunk,
            2 => found.sizes[run.component] as f64 > LEAST_MM3 / voxel_mm3,
            _ => true,
        };
        if !keep {
            labels[run.start..run.end].fill(0);
        }
    }
}

/// `scipy.ndimage.zoom` with mode `nearest`, extents i, j, k of values `[k][j][i]`.
fn zoom(
    pool: &Pool,
    values: &[f32],
    from: [usize; 3],
    to: [usize; 3],
    order: usize,
) -> Result<Vec<f32>> {
    let zoom = Zoom { order, mode: Mode::Nearest, ..Zoom::default() };
    let turned = |[i, j, k]: [usize; 3]| [k, j, i];
    resample_volume(pool, values, turned(from), turned(to), &Method::Scipy(zoom))
}

/// The affine of a grid with `factors` times as many voxels along each axis, the first voxel in place.
fn scaled(affine: &Affine, factors: [f64; 3]) -> Affine {
    let mut rows = *affine.rows();
    for row in &mut rows {
        (0..3).for_each(|axis| row[axis] /= factors[axis]);
    }
    Affine::new(rows)
}

fn made(grid: Grid, voxels: Voxels) -> Result<Volume> {
    Volume::new(grid, voxels).ok_or_else(|| Error::new(Kind::Bug, words::OTHER_GRID))
}
