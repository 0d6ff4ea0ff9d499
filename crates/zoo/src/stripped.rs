//! The image of a case with everything outside of what was found at zero, as HD-BET hands it out beside its mask.
//!
//! Reference: MIC-DKFZ/HD-BET 2.0.1 `hd_bet_prediction.py` (`apply_bet`), NeuroAI-HD/HD-BET (2021) `utils.py`: the value
//! is 0 wherever the mask is 0. The grid stays that of the image, and the type of its voxels where that can say 0.

use base::{Volume, Voxels, each_voxel};

/// A volume, of one frame or several, whose values are 0 where the labels `[k][j][i]` are.
pub fn stripped(volume: &Volume, labels: &[u16]) -> Volume {
    let outside = || labels.iter().map(|label| *label == 0).cycle();
    // What is stored where the value is 0.
    let zero = volume.scale.map_or(0.0, |scale| -scale.intercept / scale.slope);
    let mut image = volume.clone();
    each_voxel!(image.voxels_mut(), v => {
        let cleared = v.iter_mut().zip(outside()).filter(|(_, outside)| *outside);
        cleared.for_each(|(value, _)| *value = zero as _);
    });
    let first = labels.iter().position(|label| *label == 0);
    if first.is_some_and(|first| image.value(first) != Some(0.0)) {
        // No stored number means 0: the values themselves, as SimpleITK gives them.
        let values = (0..volume.frames()).flat_map(|frame| volume.frame_f32(frame)).zip(outside());
        let values = values.map(|(value, outside)| if outside { 0.0 } else { value }).collect();
        *image.voxels_mut() = Voxels::F32(values);
        image.scale = None;
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Affine, FrameAxis, Grid, Scale};

    fn volume(frames: usize, voxels: Voxels, scale: Option<Scale>) -> Volume {
        let grid = Grid { size: [2, 2, 1], affine: Affine::scaling([1.0; 3]) };
        let mut volume = Volume::with_frames(grid, frames, FrameAxis::Channels, voxels).unwrap();
        volume.scale = scale;
        volume
    }

    #[test]
    fn outside_is_zero_and_inside_is_as_stored() {
        let labels = [0, 1, 2, 0];
        let plain = volume(2, Voxels::I16(vec![5, -6, 7, 8, 1, 2, 3, 4]), None);
        let found = stripped(&plain, &labels);
        assert_eq!(found, volume(2, Voxels::I16(vec![0, -6, 7, 0, 0, 2, 3, 0]), None));
        let odd = stripped(&volume(1, Voxels::F32(vec![f32::NAN, 1.0, 2.0, 3.0]), None), &labels);
        assert_eq!(odd.voxels(), &Voxels::F32(vec![0.0, 1.0, 2.0, 0.0]));
        let all = stripped(&plain, &[1; 4]);
        assert_eq!(all, plain);
    }

    #[test]
    fn what_is_stored_scaled_is_zero_by_its_value() {
        let labels = [0, 1, 1, 0];
        let scaled = Some(Scale { slope: 2.0, intercept: -1024.0 });
        let found = stripped(&volume(1, Voxels::U16(vec![9, 10, 512, 11]), scaled), &labels);
        assert_eq!(found, volume(1, Voxels::U16(vec![512, 10, 512, 512]), scaled));
        // 0 would be −0.5, which no whole number is.
        let scaled = Some(Scale { slope: 2.0, intercept: 1.0 });
        let found = stripped(&volume(1, Voxels::I16(vec![9, 10, 11, 12]), scaled), &labels);
        assert_eq!(found, volume(1, Voxels::F32(vec![0.0, 21.0, 23.0, 0.0]), None));
        // Nor is there one below 0 in a byte.
        let scaled = Some(Scale { slope: 1.0, intercept: 7.0 });
        let found = stripped(&volume(1, Voxels::U8(vec![9, 10, 11, 12]), scaled), &labels);
        assert_eq!(found.voxels(), &Voxels::F32(vec![0.0, 17.0, 18.0, 0.0]));
    }
}
