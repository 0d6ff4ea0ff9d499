//! How much of the cord and of the canal step 1 sees in each voxel, near where its labels are.
//!
//! Reference: neuropoly/totalspineseg (ddab04b1) `utils/extract_soft.py`, `transform_seg2image.py`, as `inference.py`
//! calls them: folders `step1_cord` and `step1_canal`.

use super::masks::{CANAL, CORD};
use crate::morphology::dilate;
use crate::volume_system::{Shares, labels_of};
use base::words::volume_systems as words;
use base::{Error, Grid, Kind, Result, Volume, Voxels};
use engine::cpu::Pool;
use imaging::resample::{Sampling, resample_to_grid};

/// The regions of step 1 that are the cord and the canal around it, cord included.
const REGIONS: [usize; 2] = [8, 7];
/// Labels of the counted map within which a voxel of each may lie.
const WITHIN: [&[u16]; 2] = [&[CORD], &[CORD, CANAL]];

/// What step 1's network says of cord and canal, gathered plane by plane.
#[derive(Default)]
pub struct Gathered {
    grid: Option<Grid>,
    classes: usize,
    values: [Vec<f32>; 2],
}

impl Shares for Gathered {
    fn begin(&mut self, grid: &Grid, classes: usize) -> Result<()> {
        (self.grid, self.classes) = (Some(*grid), classes);
        Ok(())
    }

    fn plane(&mut self, shares: &[f32]) -> Result<()> {
        let voxels = shares.len() / self.classes.max(1);
        for (values, region) in self.values.iter_mut().zip(REGIONS) {
            values.extend(shares.chunks_exact(voxels.max(1)).nth(region).unwrap_or(&[]));
        }
        Ok(())
    }
}

impl Gathered {
    /// Cord and canal on the grid of the scan, from 0 to 1, `[k][j][i]`; `counted` are the labels of step 1.
    ///
    /// Errors of kind `Bug` where another image was gathered than was counted.
    pub fn on(self, pool: &Pool, counted: &Volume, scan: &Grid) -> Result<[Vec<f32>; 2]> {
        let lost = || Error::new(Kind::Bug, words::OTHER_GRID);
        let grid = self.grid.ok_or_else(lost)?;
        let (labels, [ni, nj, nk]) = (labels_of(counted), counted.size());
        let mut maps = [Vec::new(), Vec::new()];
        for ((map, values), within) in maps.iter_mut().zip(self.values).zip(WITHIN) {
            let seen = Volume::new(grid, Voxels::F32(values)).ok_or_else(lost)?;
            let mut values = seen.reoriented(counted.orientation()).frame_f32(0);
            let mask: Vec<bool> = labels.iter().map(|label| within.contains(label)).collect();
            let near = dilate(&mask, [nk, nj, ni], 1);
            if near.len() != values.len() {
                return Err(lost());
            }
            values.iter_mut().zip(near).filter(|(_, near)| !near).for_each(|(v, _)| *v = 0.0);
            *map = resample_to_grid(pool, &values, counted.grid(), scan, Sampling::Linear, 0.0)?;
        }
        Ok(maps)
    }
}

/// Hands both on, the cord first.
pub(super) fn hand_on(maps: &[Vec<f32>; 2], grid: &Grid, into: &mut dyn Shares) -> Result<()> {
    into.begin(grid, maps.len())?;
    let plane = (grid.size[0] * grid.size[1]).max(1);
    let [cord, canal] = maps;
    for (cord, canal) in cord.chunks_exact(plane).zip(canal.chunks_exact(plane)) {
        into.plane(&[cord, canal].concat())?;
    }
    Ok(())
}
