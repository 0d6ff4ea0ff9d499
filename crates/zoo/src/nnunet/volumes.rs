//! Volumes in, a label map on their grid out.
//!
//! SimpleITK's readers give arrays in the order of the file, z, y, x, as a [`Volume`] keeps its
//! voxels. A model whose plans name the reader that turns images to RAS+ gets them so; its answer
//! is turned back.

use super::grid::Images;
use super::model::{Model, Progress, Segmentation};
use base::words::nnunet as words;
use base::{Error, Kind, Orientation, Result, Volume, Voxels};

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
        let wanted = self.trained().dataset.channels.len();
        let Some(first) = volumes.first() else {
            let names = self.trained().dataset.channels.join(", ");
            return Err(Error::new(Kind::Refused, words::channels(wanted, &names, 0)));
        };
        if !volumes.iter().all(|volume| volume.grid().is_same(first.grid(), SAME_GRID_MM)) {
            return Err(Error::new(Kind::BrokenInput, words::GRIDS_DIFFER));
        }
        let turned = self.turns().then(|| Orientation::parse("RAS")).flatten();
        let mut channels = Vec::new();
        for volume in volumes {
            let turned = turned.map(|orientation| volume.reoriented(orientation));
            let volume = turned.as_ref().unwrap_or(volume);
            let frames = if volumes.len() == 1 { volume.frames() } else { 1 };
            channels.extend((0..frames).map(|frame| volume.frame_f32(frame)));
        }
        let grid = turned.map(|orientation| empty(first).map(|v| v.reoriented(orientation)));
        let placed = grid.flatten();
        let placed = placed.as_ref().map_or(*first, |grid| grid);
        let [columns, rows, planes] = placed.size();
        let [x, y, z] = placed.spacing_mm();
        let images = Images { shape: [planes, rows, columns], spacing: [z, y, x], channels };
        let mut found = self.predict(images, progress)?;
        let labels = std::mem::take(&mut found.labels);
        let small = labels.iter().all(|label| *label <= 255);
        let voxels = match small {
            true => Voxels::U8(labels.into_iter().map(|label| label as u8).collect()),
            false => Voxels::U16(labels),
        };
        let different = || Error::new(Kind::Bug, words::GRIDS_DIFFER);
        let mut map = placed.on_same_grid(voxels).ok_or_else(different)?;
        if turned.is_some() {
            map = map.reoriented(first.orientation());
        }
        found.labels = match map.voxels() {
            Voxels::U8(labels) => labels.iter().map(|&label| u16::from(label)).collect(),
            Voxels::U16(labels) => labels.clone(),
            _ => Vec::new(),
        };
        let [columns, rows, planes] = map.size();
        found.shape = [planes, rows, columns];
        Ok((found, map))
    }

    /// Whether the plans name a reader that turns images to RAS+.
    fn turns(&self) -> bool {
        self.trained().plans.reader.as_deref() == Some("NibabelIOWithReorient")
    }
}

/// A volume of one byte for each voxel on the grid of another: a grid that can be turned.
fn empty(of: &Volume) -> Option<Volume> {
    of.on_same_grid(Voxels::U8(vec![0; of.frame_len()]))
}
