//! A case as the first model of a chain is given it, and preparing it apart from the models.

use super::steps::{first_frame, resample};
use crate::ahead::{PreparedCase, Preparer};
use crate::volume_system::VolumeCase;
use base::words::volume_systems as words;
use base::{Error, Kind, Orientation, Result, Volume};
use engine::cpu::Pool;

/// A volume at the spacing of a task's models.
pub struct Input {
    /// The volume, its axes to the right, forward and up.
    pub canonical: Volume,
    /// The same at the models' spacing, where it is another.
    pub resampled: Option<Volume>,
}

impl Input {
    /// Of a volume of one frame; without a spacing it keeps its own.
    ///
    /// Errors, `Refused`: nothing would be left of it.
    pub fn of(pool: &Pool, volume: &Volume, spacing_mm: Option<[f64; 3]>) -> Result<Input> {
        let canonical = volume.reoriented(Orientation::RAS);
        let resampled = match spacing_mm {
            Some(spacing) => resample(pool, &canonical, spacing)?,
            None => None,
        };
        Ok(Input { canonical, resampled })
    }

    /// What the models see.
    pub fn seen(&self) -> &Volume {
        self.resampled.as_ref().unwrap_or(&self.canonical)
    }
}

/// Brings cases to a spacing.
pub(in crate::systems) struct ToSpacing(pub [f64; 3]);

impl Preparer for ToSpacing {
    /// A copy of the case's voxels as they are and as numbers, what is between and what results.
    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let resized = extents_at(volume, self.0).map(|extent| extent as u64);
        Ok(16 * volume.frame_len() as u64 + 12 * resized.iter().product::<u64>())
    }

    fn prepare(&self, case: &VolumeCase<'_>, pool: &Pool) -> Result<PreparedCase> {
        let [volume] = case.volumes else {
            let text = words::one_image("totalsegmentator", case.volumes.len());
            return Err(Error::new(Kind::Refused, text));
        };
        let input = match volume.frames() {
            1 => Input::of(pool, volume, Some(self.0)),
            _ => Input::of(pool, &first_frame(volume)?, Some(self.0)),
        };
        input.map(PreparedCase::new)
    }
}

/// Extents i, j, k of a volume at another spacing, as far as foreseen.
pub(super) fn extents_at(volume: &Volume, spacing_mm: [f64; 3]) -> [usize; 3] {
    let (size, own) = (volume.size(), volume.spacing_mm());
    [0, 1, 2].map(|axis| {
        // A header may claim any spacing; the model itself refuses what is beyond memory.
        (size[axis] as f64 * own[axis] / spacing_mm[axis]).round().clamp(1.0, 1e6) as usize
    })
}
