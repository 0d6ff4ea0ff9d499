//! A case as the network of a bundle takes it, prepared by the reader or apart from it.

use super::before::{Step, foresee, prepare};
use super::invert::Moves;
use crate::ahead::{PreparedCase, Preparer};
use crate::volume_system::{VolumeCase, count_voxels, without_nan};
use base::words::volume_systems as common;
use base::{Error, FrameAxis, Kind, Note, Result, Volume, Voxels};
use engine::cpu::Pool;

/// A prepared case.
pub(super) struct Case {
    /// Its frames are the channels.
    pub volume: Volume,
    /// The way back.
    pub moves: Moves,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

/// What preparing a case takes.
#[derive(Clone)]
pub(super) struct Preparing {
    /// Names of the images.
    pub images: Vec<String>,
    /// What stands before the network.
    pub steps: Vec<Step>,
}

impl Preparing {
    /// Carries out the steps. Errors of kind `Refused`.
    pub fn case(&self, volumes: &[&Volume], pool: &Pool) -> Result<Case> {
        let (volume, notes) = self.gather(volumes)?;
        let (volume, moves) = prepare(pool, &self.steps, volume)?;
        Ok(Case { volume, moves, notes })
    }

    /// All images of a case as frames of one volume.
    fn gather(&self, volumes: &[&Volume]) -> Result<(Volume, Vec<Note>)> {
        let wanted = self.images.len();
        let given: usize = volumes.iter().map(|volume| volume.frames()).sum();
        let Some(first) = volumes.first().filter(|_| given == wanted) else {
            let names = self.images.join(", ");
            let text = base::words::segmentation::channels_wanted(wanted, &names, given);
            return Err(Error::new(Kind::Refused, text));
        };
        let mut values = Vec::with_capacity(given * first.frame_len());
        for volume in volumes {
            if volume.size() != first.size() {
                return Err(Error::new(Kind::Refused, common::OTHER_GRID));
            }
            (0..volume.frames()).for_each(|frame| values.extend(volume.frame_f32(frame)));
        }
        let notes = without_nan(&mut values).into_iter().collect();
        let volume =
            Volume::with_frames(*first.grid(), given, FrameAxis::Channels, Voxels::F32(values));
        let lost = || Error::new(Kind::Bug, common::OTHER_GRID);
        Ok((volume.ok_or_else(lost)?, notes))
    }

    /// Extents i, j, k of the prepared case.
    pub fn foreseen(&self, volume: &Volume) -> [usize; 3] {
        foresee(&self.steps, volume.size(), volume.spacing_mm())
    }

    /// The case and its copy; prepared, turned and a step between.
    pub fn bytes(&self, volume: &Volume) -> u64 {
        let prepared = self.foreseen(volume);
        let both = 3 * count_voxels(prepared) + 2 * volume.frame_len() as u64;
        4 * both * self.images.len() as u64
    }
}

impl Preparer for Preparing {
    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        Ok(self.bytes(volume))
    }

    fn prepare(&self, case: &VolumeCase<'_>, pool: &Pool) -> Result<PreparedCase> {
        self.case(case.volumes, pool).map(PreparedCase::new)
    }
}
