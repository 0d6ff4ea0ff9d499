//! The declared steps of TorchXRayVision one by one, for comparing each with the original.

use super::SQUARE;
use crate::card::Resampling;
use crate::steps;
use base::{Note, Rect, Result};
use imaging::Study;

/// A square plane in -1024..=1024 and where it lay in the original image.
#[derive(Clone, Debug, PartialEq)]
pub struct Square {
    /// `[side][side]`.
    pub plane: Vec<f32>,
    /// Rows and columns.
    pub side: usize,
    /// In the original image.
    pub covers: Rect,
    /// What happened on the way.
    pub notes: Vec<Note>,
}

/// [`SQUARE`].
pub fn square(study: &Study) -> Result<Square> {
    let work = steps::run(&SQUARE, study)?;
    let (side, covers) = (work.placement.rows, work.placement.covers);
    Ok(Square { plane: work.image.into_data(), side, covers, notes: work.notes })
}

/// The step after it, of a square plane.
pub fn resize(plane: &[f32], from: usize, to: usize, resampling: Resampling) -> Vec<f32> {
    steps::resize_plane(plane, (from, from), (to, to), resampling)
}
