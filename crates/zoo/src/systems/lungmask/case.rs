//! A CT as the network takes it, prepared by the reader or apart from it.

use super::SIDE;
use super::body::{Slice, prepare};
use crate::volume_system::finite_frame;
use base::{Note, Orientation, Result, Volume};
use engine::cpu::Pool;

/// A prepared case.
pub(super) struct Case {
    /// What the network sees.
    pub slices: Vec<Slice>,
    /// The volume, its axes to the left, back and up.
    pub turned: Volume,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

impl Case {
    /// Of a volume of one frame.
    pub fn of(volume: &Volume, pool: &Pool) -> Result<Case> {
        let turned = volume.reoriented(Orientation::LPS);
        let (image, notes) = finite_frame(&turned);
        let [ni, nj, nk] = turned.size();
        let slices = prepare(pool, &image, [nk, nj, ni], is_whole(volume))?;
        Ok(Case { slices, turned, notes })
    }
}

/// Bytes that preparing takes: a turned copy, its numbers, and the slices.
pub(super) fn bytes(volume: &Volume) -> u64 {
    let [_, _, slices] = volume.size();
    12 * volume.frame_len() as u64 + 4 * (slices * SIDE * SIDE) as u64
}

/// Whether SimpleITK gives the image as whole numbers, which SciPy's zoom then rounds to.
fn is_whole(volume: &Volume) -> bool {
    let scaled = volume
        .scale
        .is_some_and(|scale| scale.slope.fract() != 0.0 || scale.intercept.fract() != 0.0);
    !volume.voxels().voxel_type().is_float() && !scaled
}
