//! Volumes in, a label map on their grid out.
//!
//! SimpleITK's readers give arrays in the order of the file, z, y, x, as a [`Volume`] keeps its
//! voxels. A model whose plans name the reader that turns images to RAS+ gets them so; its answer
//! is turned back.

use super::dataset::Dataset;
use super::grid::Images;
use super::model::{Given, Model, Progress, Segmentation};
use super::plans::Plans;
use super::prepare::Prepared;
use crate::volume_system::{Shares, labels_of};
use base::words::nnunet as words;
use base::{Affine, Error, Grid, Kind, Orientation, Result, Volume, Voxels};

/// Farthest that corresponding voxels of two images of one case may lie apart, in mm.
const SAME_GRID_MM: f64 = 0.1;

impl Model {
    /// Reads one case: one volume for each channel on the same grid, or one volume with the channels
    /// as its frames. Gives what was found and the label map as a volume on the grid of the first.
    ///
    /// Errors: volumes on different grids, and those of [`Model::predict`].
    pub fn predict_volumes(
        &mut self,
        volumes: &[&Volume],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Segmentation, Volume)> {
        self.predict_volumes_shares(volumes, progress, None)
    }

    /// The same; `shares` takes the shares of the classes, planes along the axes of the plans.
    pub(crate) fn predict_volumes_shares(
        &mut self,
        volumes: &[&Volume],
        progress: &mut dyn FnMut(Progress),
        shares: Option<&mut dyn Shares>,
    ) -> Result<(Segmentation, Volume)> {
        self.predict_case(volumes, None, progress, shares)
    }

    /// The same of a case that may be prepared for the first stage.
    pub(super) fn predict_case(
        &mut self,
        volumes: &[&Volume],
        prepared: Option<Prepared>,
        progress: &mut dyn FnMut(Progress),
        shares: Option<&mut dyn Shares>,
    ) -> Result<(Segmentation, Volume)> {
        let first = first_of(volumes, &self.trained().dataset)?;
        let placed = placed(first, &self.trained().plans);
        // What is prepared needs no images but for the stages behind.
        let wanted = prepared.is_none() || self.stages() > 1;
        let images = wanted.then(|| images(volumes, &self.trained().plans));
        let (shape, spacing) = (placed.shape(), placed.spacing());
        let given = Given { shape, spacing, images, prepared };
        let mut found = match shares {
            None => self.predict_given(given, progress, None)?,
            Some(shares) => {
                let trained = self.trained();
                let (axes, classes) = (trained.plans.forward, trained.dataset.heads());
                shares.begin(&permuted_grid(&placed.grid, axes), classes)?;
                self.predict_given(given, progress, Some(&mut |plane| shares.plane(plane)))?
            }
        };
        let labels = std::mem::take(&mut found.labels);
        let small = labels.iter().all(|label| *label <= 255);
        let voxels = match small {
            true => Voxels::U8(labels.iter().map(|&label| label as u8).collect()),
            false => Voxels::U16(labels.clone()),
        };
        let different = || Error::new(Kind::Bug, words::GRIDS_DIFFER);
        let mut map = Volume::new(placed.grid, voxels).ok_or_else(different)?;
        found.labels = labels;
        if placed.turned {
            map = map.reoriented(first.orientation());
            found.labels = labels_of(&map);
        }
        let [columns, rows, planes] = map.size();
        found.shape = [planes, rows, columns];
        Ok((found, map))
    }
}

/// The first volume of a case. Errors: there is none, or one lies on another grid.
pub(super) fn first_of<'v>(volumes: &[&'v Volume], dataset: &Dataset) -> Result<&'v Volume> {
    let names = &dataset.channels;
    let Some(first) = volumes.first() else {
        let text = words::channels(names.len(), &names.join(", "), 0);
        return Err(Error::new(Kind::Refused, text));
    };
    match volumes.iter().all(|volume| volume.grid().is_same(first.grid(), SAME_GRID_MM)) {
        true => Ok(first),
        false => Err(Error::new(Kind::BrokenInput, words::GRIDS_DIFFER)),
    }
}

/// Where a case lies as the model is given it.
pub(super) struct Placed {
    grid: Grid,
    /// The plans name the reader that turns images to RAS+.
    turned: bool,
}

impl Placed {
    /// Extents z, y, x.
    pub fn shape(&self) -> [usize; 3] {
        let [columns, rows, planes] = self.grid.size;
        [planes, rows, columns]
    }

    /// Millimetres along z, y, x.
    pub fn spacing(&self) -> [f64; 3] {
        let [x, y, z] = self.grid.spacing_mm();
        [z, y, x]
    }
}

/// Where a volume lies as a model with these plans is given it.
pub(super) fn placed(volume: &Volume, plans: &Plans) -> Placed {
    let grid = turn(plans).and_then(|orientation| Some(empty(volume)?.reoriented(orientation)));
    Placed { turned: grid.is_some(), grid: grid.map_or(*volume.grid(), |turned| *turned.grid()) }
}

/// The images of a case as a model with these plans is given them.
pub(super) fn images(volumes: &[&Volume], plans: &Plans) -> Images {
    let mut channels = Vec::new();
    for volume in volumes {
        let turned = turn(plans).map(|orientation| volume.reoriented(orientation));
        let volume = turned.as_ref().unwrap_or(volume);
        let frames = if volumes.len() == 1 { volume.frames() } else { 1 };
        channels.extend((0..frames).map(|frame| volume.frame_f32(frame)));
    }
    let placed = placed(volumes[0], plans);
    Images { shape: placed.shape(), spacing: placed.spacing(), channels }
}

/// Where images are turned to first.
fn turn(plans: &Plans) -> Option<Orientation> {
    match plans.reader.as_deref() {
        Some("NibabelIOWithReorient") => Some(Orientation::RAS),
        _ => None,
    }
}

/// The grid whose `[k][j][i]` are the axes `axes` of `[z][y][x]`: every voxel stays where it lies.
fn permuted_grid(grid: &Grid, axes: [usize; 3]) -> Grid {
    // Axis n of an array [z][y][x] is axis 2 - n of a grid.
    let old = |axis: usize| 2 - axes[2 - axis];
    let rows = grid.affine.rows();
    let rows = std::array::from_fn(|row| {
        let [a, b, c] = [0, 1, 2].map(|axis| rows[row][old(axis)]);
        [a, b, c, rows[row][3]]
    });
    Grid { size: [0, 1, 2].map(|axis| grid.size[old(axis)]), affine: Affine::new(rows) }
}

/// A volume of one byte for each voxel on the grid of another: a grid that can be turned.
fn empty(of: &Volume) -> Option<Volume> {
    of.on_same_grid(Voxels::U8(vec![0; of.frame_len()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permuted_grid_has_its_voxels_where_they_were() {
        let affine =
            Affine::new([[2.0, 0.1, 0.0, 5.0], [0.0, 3.0, 0.2, 6.0], [0.3, 0.0, 4.0, 7.0]]);
        let grid = Grid { size: [4, 5, 6], affine };
        // Planes along y, rows along z: [y][z][x].
        let other = permuted_grid(&grid, [1, 0, 2]);
        assert_eq!(other.size, [4, 6, 5]);
        let (at, there) = ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]);
        assert_eq!(grid.affine.apply(at), other.affine.apply(there));
        assert_eq!(permuted_grid(&grid, [0, 1, 2]), grid);
    }
}
