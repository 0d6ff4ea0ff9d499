//! Masks against masks: overlap, surfaces, lesions, centre lines.
//!
//! A mask lies x fastest: voxel (i, j, k) at `i + nx · (j + ny · k)`, as volumes do. Distances are in
//! millimetres. What lies outside a mask counts as background.

mod centreline;
mod components;
mod distances;
mod lesions;
mod nearest;
mod panoptic;
mod surface;
mod surfel_table;

pub use centreline::{CentrelineDice, centreline_dice, skeleton};
pub use components::{Components, components};
pub use distances::SurfaceDistances;
pub use lesions::{Lesion, LesionRule, LesionWise, lesion_wise};
pub use panoptic::{Panoptic, panoptic_quality};
pub use surface::surface_area;

use crate::{Undefined, Value};

/// Size and spacing of a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lattice {
    /// Voxels along x, y and z.
    pub size: [usize; 3],
    /// Millimetres from voxel to voxel.
    pub spacing_mm: [f64; 3],
    /// A picture of one slice: borders and surface elements are those of the plane.
    pub flat: bool,
}

impl Lattice {
    /// A volume.
    pub fn volume(size: [usize; 3], spacing_mm: [f64; 3]) -> Lattice {
        Lattice { size, spacing_mm, flat: false }
    }

    /// A picture of `size` pixels.
    pub fn picture(size: [usize; 2], spacing_mm: [f64; 2]) -> Lattice {
        Lattice {
            size: [size[0], size[1], 1],
            spacing_mm: [spacing_mm[0], spacing_mm[1], 1.0],
            flat: true,
        }
    }

    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.size.iter().product()
    }

    /// Without any voxel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From one corner to the other, in millimetres: the worst distance there can be.
    pub fn diagonal_mm(&self) -> f64 {
        let axes = if self.flat { 2 } else { 3 };
        let side = |axis: usize| self.size[axis] as f64 * self.spacing_mm[axis];
        (0..axes).map(|axis| side(axis) * side(axis)).sum::<f64>().sqrt()
    }

    /// Millilitres a voxel; of a picture, thousandths of square millimetres.
    pub fn voxel_ml(&self) -> f64 {
        self.spacing_mm.iter().product::<f64>() / 1000.0
    }
}

/// What a case is for a structure, before any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Both reference and prediction have it.
    Ok,
    /// Neither has it.
    BothEmpty,
    /// Only the reference has it.
    Missed,
    /// Only the prediction has it.
    Spurious,
}

impl Status {
    /// The stable name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::BothEmpty => "both_empty",
            Status::Missed => "missed",
            Status::Spurious => "spurious",
        }
    }

    /// `Ok` when both have the structure, otherwise the reason why nothing can be measured.
    pub fn measurable(self) -> Result<(), Undefined> {
        match self {
            Status::Ok => Ok(()),
            Status::BothEmpty => Err(Undefined::BothEmpty),
            Status::Missed => Err(Undefined::Missed),
            Status::Spurious => Err(Undefined::Spurious),
        }
    }
}

/// Voxels in both, in one, in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// In both.
    pub both: u64,
    /// Only predicted.
    pub only_predicted: u64,
    /// Only in the reference.
    pub only_reference: u64,
    /// In neither.
    pub neither: u64,
}

impl Overlap {
    /// Counts voxel by voxel.
    pub fn of(predicted: &[bool], reference: &[bool]) -> Overlap {
        let (mut both, mut p, mut r) = (0u64, 0u64, 0u64);
        for (a, b) in predicted.chunks(1 << 16).zip(reference.chunks(1 << 16)) {
            // Narrow sums, which the compiler turns into vector code.
            let (mut x, mut y, mut z) = (0u32, 0u32, 0u32);
            for (a, b) in a.iter().zip(b) {
                x += u32::from(*a & *b);
                y += u32::from(*a);
                z += u32::from(*b);
            }
            both += u64::from(x);
            p += u64::from(y);
            r += u64::from(z);
        }
        let total = predicted.len().min(reference.len()) as u64;
        Overlap {
            both,
            only_predicted: p - both,
            only_reference: r - both,
            neither: total + both - p - r,
        }
    }

    /// Voxels predicted.
    pub fn predicted(&self) -> u64 {
        self.both + self.only_predicted
    }

    /// Voxels of the reference.
    pub fn reference(&self) -> u64 {
        self.both + self.only_reference
    }

    /// What the case is.
    pub fn status(&self) -> Status {
        match (self.predicted(), self.reference()) {
            (0, 0) => Status::BothEmpty,
            (0, _) => Status::Missed,
            (_, 0) => Status::Spurious,
            _ => Status::Ok,
        }
    }

    /// Dice 2 |A∩B| / (|A| + |B|): 0 when only one has the structure, undefined when neither does.
    pub fn dice(&self) -> Value {
        match self.predicted() + self.reference() {
            0 => Err(Undefined::BothEmpty),
            sum => Ok(2.0 * self.both as f64 / sum as f64),
        }
    }

    /// Intersection over union (Jaccard).
    pub fn iou(&self) -> Value {
        match self.both + self.only_predicted + self.only_reference {
            0 => Err(Undefined::BothEmpty),
            union => Ok(self.both as f64 / union as f64),
        }
    }

    /// Share of the reference that was found.
    pub fn sensitivity(&self) -> Value {
        match self.reference() {
            0 => Err(self.status().measurable().err().unwrap_or(Undefined::BothEmpty)),
            all => Ok(self.both as f64 / all as f64),
        }
    }

    /// Share of the prediction that is right.
    pub fn precision(&self) -> Value {
        match self.predicted() {
            0 => Err(self.status().measurable().err().unwrap_or(Undefined::BothEmpty)),
            all => Ok(self.both as f64 / all as f64),
        }
    }

    /// Predicted minus reference volume over reference volume; undefined without reference.
    pub fn relative_volume_difference(&self) -> Value {
        match self.reference() {
            0 => Err(self.status().measurable().err().unwrap_or(Undefined::BothEmpty)),
            all => Ok((self.predicted() as f64 - all as f64) / all as f64),
        }
    }

    /// Predicted minus reference volume in millilitres.
    pub fn volume_difference_ml(&self, lattice: &Lattice) -> f64 {
        (self.predicted() as f64 - self.reference() as f64) * lattice.voxel_ml()
    }
}

/// Two masks, cut to the smallest box that holds both.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskPair {
    /// Of the box; `size` is 0 when both are empty.
    pub lattice: Lattice,
    /// Prediction inside the box.
    pub predicted: Vec<bool>,
    /// Reference inside the box.
    pub reference: Vec<bool>,
    /// Where the box begins.
    pub origin: [usize; 3],
}

impl MaskPair {
    /// Where `is_predicted(index)` and `is_reference(index)` hold.
    pub fn cut(
        lattice: &Lattice,
        is_predicted: impl Fn(usize) -> bool + Sync,
        is_reference: impl Fn(usize) -> bool + Sync,
        threads: usize,
    ) -> MaskPair {
        let [nx, ny, nz] = lattice.size;
        let found = crate::parallel::map(nz, threads, |k| {
            let mut low = [usize::MAX; 3];
            let mut high = [0; 3];
            for j in 0..ny {
                let row = nx * (j + ny * k);
                let set = |i: &usize| is_predicted(row + i) || is_reference(row + i);
                if let Some(first) = (0..nx).find(set) {
                    let last = (0..nx).rev().find(set).unwrap_or(first);
                    low = [low[0].min(first), low[1].min(j), k];
                    high = [high[0].max(last), j, k];
                }
            }
            (low, high)
        });
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        for (l, h) in found.into_iter().filter(|(l, _)| l[0] != usize::MAX) {
            for axis in 0..3 {
                low[axis] = low[axis].min(l[axis]);
                high[axis] = high[axis].max(h[axis]);
            }
        }
        if low[0] == usize::MAX {
            let lattice = Lattice { size: [0; 3], ..*lattice };
            return MaskPair { lattice, predicted: vec![], reference: vec![], origin: [0; 3] };
        }
        MaskPair::cut_box(lattice, low, high, is_predicted, is_reference, threads)
    }

    /// The same where the box is known: from `low` to `high`, both included. All that is set must lie
    /// inside.
    pub fn cut_box(
        lattice: &Lattice,
        low: [usize; 3],
        high: [usize; 3],
        is_predicted: impl Fn(usize) -> bool + Sync,
        is_reference: impl Fn(usize) -> bool + Sync,
        threads: usize,
    ) -> MaskPair {
        let [nx, ny, _] = lattice.size;
        let size = [high[0] + 1 - low[0], high[1] + 1 - low[1], high[2] + 1 - low[2]];
        let fill = |is: &(dyn Fn(usize) -> bool + Sync)| {
            let mut mask = vec![false; size.iter().product()];
            crate::parallel::for_chunks(&mut mask, size[0] * size[1], threads, |k, slice| {
                for (j, row) in slice.chunks_mut(size[0]).enumerate() {
                    let start = low[0] + nx * (low[1] + j + ny * (low[2] + k));
                    row.iter_mut().enumerate().for_each(|(i, voxel)| *voxel = is(start + i));
                }
            });
            mask
        };
        MaskPair {
            lattice: Lattice { size, ..*lattice },
            predicted: fill(&is_predicted),
            reference: fill(&is_reference),
            origin: low,
        }
    }

    /// Counts inside the box; `neither` is only of the box.
    pub fn overlap(&self) -> Overlap {
        Overlap::of(&self.predicted, &self.reference)
    }
}
