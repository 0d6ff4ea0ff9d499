//! Volumes: voxels on a grid in the patient, as a file holds them.
//!
//! **Axis order.** A volume has `size = [ni, nj, nk]` voxels and `frames` of them one after another
//! (time, channels): voxel (i, j, k) of frame t lies at `((t * nk + k) * nj + j) * ni + i`. The first
//! axis is the fastest. As a C-ordered array that is `[frames][nk][nj][ni]`, the shape SimpleITK's
//! `GetArrayFromImage` gives; NumPy sees nibabel's `[ni, nj, nk]` in Fortran order.
//!
//! **World.** Millimetres, RAS+: x grows to the patient's right, y to the front, z to the head, as in
//! NIfTI and nibabel. DICOM, ITK and MetaImage are LPS+: their first two rows have the other sign.

mod affine;
mod facts;
mod orientation;
mod reorient;
mod voxels;

pub use affine::Affine;
pub use facts::{GeometrySource, VolumeFacts};
pub use orientation::{Orientation, Toward};
pub use voxels::{VoxelType, Voxels};

/// Where voxels lie: how many along each axis, and the way from voxel indices to the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Voxels along i, j, k.
    pub size: [usize; 3],
    /// Voxel indices (the centre of the first voxel is 0, 0, 0) to RAS+ millimetres.
    pub affine: Affine,
}

impl Grid {
    /// Voxels of one frame; `None` when they cannot be counted.
    pub fn len(&self) -> Option<usize> {
        self.size[0].checked_mul(self.size[1])?.checked_mul(self.size[2])
    }

    /// An axis without voxels.
    pub fn is_empty(&self) -> bool {
        self.size.contains(&0)
    }

    /// Distance between neighbouring voxels along i, j, k, in mm: the lengths of the affine's columns.
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.affine.spacing_mm()
    }

    /// Same size, and corners that lie within `tolerance_mm` of each other.
    pub fn is_same(&self, other: &Grid, tolerance_mm: f64) -> bool {
        self.size == other.size
            && self.corners().iter().zip(other.corners()).all(|(a, b)| {
                a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance_mm) // NaN is not the same
            })
    }

    /// The world positions of the eight corner voxels' centres.
    fn corners(&self) -> [[f64; 3]; 8] {
        std::array::from_fn(|corner| {
            let at = |axis: usize| match corner >> axis & 1 {
                0 => 0.0,
                _ => self.size[axis].saturating_sub(1) as f64,
            };
            self.affine.apply([at(0), at(1), at(2)])
        })
    }
}

/// What follows one after another along the fourth axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FrameAxis {
    /// There is one frame only, or the file does not say what they are.
    Unknown,
    /// Points in time, seconds apart where the file says so.
    Time {
        /// Seconds between frames.
        step_s: Option<f64>,
    },
    /// Several values of each voxel: channels, directions, components of a vector.
    Channels,
    /// Red, green, blue, and perhaps opacity.
    Colour,
}

/// Linear map from what is stored to what is meant: `value = stored * slope + intercept`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Factor, never zero.
    pub slope: f64,
    /// Added after the factor.
    pub intercept: f64,
}

impl Scale {
    /// What `stored` means.
    pub fn apply(&self, stored: f64) -> f64 {
        stored * self.slope + self.intercept
    }
}

/// The values that occur.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    /// Smallest finite value; NaN when there is none.
    pub min: f64,
    /// Largest finite value; NaN when there is none.
    pub max: f64,
    /// Values that are NaN or infinite.
    pub not_finite: u64,
}

/// Voxels on a grid. Voxels keep the type they are stored in; [`Volume::scale`] says what they mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    grid: Grid,
    frames: usize,
    voxels: Voxels,
    /// What follows one after another along the fourth axis.
    pub frame_axis: FrameAxis,
    /// From stored to meant values; `None` where they are the same.
    pub scale: Option<Scale>,
}

impl Volume {
    /// One frame. `None` unless there are exactly the voxels of the grid, and at least one.
    pub fn new(grid: Grid, voxels: Voxels) -> Option<Volume> {
        Volume::with_frames(grid, 1, FrameAxis::Unknown, voxels)
    }

    /// Several frames; same conditions as [`Volume::new`].
    pub fn with_frames(
        grid: Grid,
        frames: usize,
        frame_axis: FrameAxis,
        voxels: Voxels,
    ) -> Option<Volume> {
        let count = grid.len()?.checked_mul(frames)?;
        (count > 0 && voxels.len() == count).then_some(Volume {
            grid,
            frames,
            voxels,
            frame_axis,
            scale: None,
        })
    }

    /// Size and place.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Voxels along i, j, k.
    pub fn size(&self) -> [usize; 3] {
        self.grid.size
    }

    /// Volumes along the fourth axis, at least 1.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Voxels of one frame.
    pub fn frame_len(&self) -> usize {
        self.grid.size.iter().product()
    }

    /// Voxel indices to RAS+ mm.
    pub fn affine(&self) -> &Affine {
        &self.grid.affine
    }

    /// Distance between neighbouring voxels along i, j, k, in mm.
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.grid.spacing_mm()
    }

    /// Where i, j and k point to.
    pub fn orientation(&self) -> Orientation {
        self.grid.affine.orientation()
    }

    /// As stored, in the order of the module's documentation.
    pub fn voxels(&self) -> &Voxels {
        &self.voxels
    }

    /// As stored, to change in place.
    pub fn voxels_mut(&mut self) -> &mut Voxels {
        &mut self.voxels
    }

    /// The voxels without the volume.
    pub fn into_voxels(self) -> Voxels {
        self.voxels
    }

    /// Where voxel (i, j, k) of frame t lies among the voxels; not checked.
    pub fn index(&self, [i, j, k]: [usize; 3], t: usize) -> usize {
        let [ni, nj, nk] = self.grid.size;
        ((t * nk + k) * nj + j) * ni + i
    }

    /// What a voxel means: stored and scaled. `None` beyond the end.
    pub fn value(&self, index: usize) -> Option<f64> {
        let stored = self.voxels.get(index)?;
        Some(self.scale.map_or(stored, |scale| scale.apply(stored)))
    }

    /// All values of one frame, scaled in 64 bits and rounded to 32, in the order of the voxels.
    /// Empty when there is no such frame.
    #[allow(clippy::unnecessary_cast)] // one body for every type
    pub fn frame_f32(&self, frame: usize) -> Vec<f32> {
        if frame >= self.frames {
            return Vec::new();
        }
        let range = frame * self.frame_len()..(frame + 1) * self.frame_len();
        match self.scale {
            None => crate::each_voxel!(&self.voxels, v => {
                v[range].iter().map(|&x| x as f32).collect()
            }),
            Some(scale) => crate::each_voxel!(&self.voxels, v => {
                v[range].iter().map(|&x| scale.apply(x as f64) as f32).collect()
            }),
        }
    }

    /// The range of the scaled values over all frames.
    pub fn value_range(&self) -> ValueRange {
        let (low, high, not_finite) = self.voxels.extrema();
        let (a, b) = match self.scale {
            Some(scale) => (scale.apply(low), scale.apply(high)),
            None => (low, high),
        };
        ValueRange { min: a.min(b), max: a.max(b), not_finite }
    }

    /// The same voxels turned and mirrored so that i, j, k point to `to`, with the affine that
    /// belongs to it: every voxel stays where it was in the patient, nothing is resampled. Turning
    /// back to [`Volume::orientation`] of before gives the same volume.
    pub fn reoriented(&self, to: Orientation) -> Volume {
        reorient::reoriented(self, to)
    }

    /// Another set of voxels on this volume's grid: a segmentation of it. `None` unless their number
    /// is a multiple of the grid's.
    pub fn on_same_grid(&self, voxels: Voxels) -> Option<Volume> {
        let frames = voxels.len().checked_div(self.frame_len())?;
        let axis = if frames == 1 { FrameAxis::Unknown } else { FrameAxis::Channels };
        Volume::with_frames(self.grid, frames, axis, voxels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(size: [usize; 3]) -> Grid {
        Grid { size, affine: Affine::scaling([1.0, 2.0, 3.0]) }
    }

    #[test]
    fn a_volume_has_exactly_its_voxels() {
        assert!(Volume::new(grid([2, 3, 4]), Voxels::U8(vec![0; 24])).is_some());
        assert!(Volume::new(grid([2, 3, 4]), Voxels::U8(vec![0; 23])).is_none());
        assert!(Volume::new(grid([0, 3, 4]), Voxels::U8(vec![])).is_none());
        assert!(Volume::new(grid([usize::MAX, 3, 4]), Voxels::U8(vec![])).is_none());
    }

    #[test]
    fn the_first_axis_is_the_fastest() {
        let voxels = Voxels::I16((0..48).collect());
        let volume = Volume::with_frames(grid([2, 3, 4]), 2, FrameAxis::Channels, voxels).unwrap();
        assert_eq!(volume.index([1, 0, 0], 0), 1);
        assert_eq!(volume.index([0, 1, 0], 0), 2);
        assert_eq!(volume.index([0, 0, 1], 1), 30);
        assert_eq!(volume.frame_f32(1)[6], 30.0);
        assert!(volume.frame_f32(2).is_empty());
    }

    #[test]
    fn a_scale_turns_around_the_range_when_it_is_negative() {
        let mut volume =
            Volume::new(grid([3, 1, 1]), Voxels::F32(vec![1.0, f32::NAN, 3.0])).unwrap();
        volume.scale = Some(Scale { slope: -2.0, intercept: 1.0 });
        assert_eq!(volume.value_range(), ValueRange { min: -5.0, max: -1.0, not_finite: 1 });
        assert_eq!(volume.value(2), Some(-5.0));
    }

    #[test]
    fn grids_are_the_same_when_their_corners_are() {
        let a = grid([100, 100, 100]);
        let mut b = a;
        assert!(a.is_same(&b, 1e-6));
        b.affine = Affine::scaling([1.0, 2.0, 3.0001]);
        assert!(a.is_same(&b, 0.01) && !a.is_same(&b, 0.001));
        b.affine = Affine::scaling([1.0, 2.0, f64::NAN]);
        assert!(!a.is_same(&b, 1e9));
    }
}
