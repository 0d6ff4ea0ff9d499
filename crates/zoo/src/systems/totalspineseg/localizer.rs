//! Discs by what a localizer shows: labels that the system gave another image of the same patient.
//!
//! Reference: neuropoly/totalspineseg (ddab04b1) `utils/iterative_label.py`: `_get_landmark_output_labels`.

use super::grid::turned;
use super::label::{LANDMARKS, Named, first_most, set};
use super::masks::DISCS;
use super::pieces::Pieces;
use crate::volume_system::map_on;
use base::{Result, Volume};
use engine::cpu::Pool;
use imaging::resample::labels_to_grid;

/// Labels of a localizer, of any type, where the voxels of `image` lie: `[x][y][z]` as `turned` gives them.
pub fn beside(pool: &Pool, localizer: &Volume, image: &Volume) -> Result<Vec<u16>> {
    let whole = |value: f32| value.round_ties_even().clamp(0.0, 255.0) as u16;
    let labels: Vec<u16> = localizer.frame_f32(0).into_iter().map(whole).collect();
    let there = labels_to_grid(pool, &labels, localizer.grid(), image.grid(), 0u16)?;
    Ok(turned(&map_on(image, there)?).0)
}

/// The pieces in which the localizer shows a landmark; where it shows none, the uppermost piece in which it shows any
/// disc at all.
pub(super) fn landmarks(seen: &[u16], discs: &Pieces) -> Named {
    let most = discs.map.iter().copied().max().map_or(0, usize::from);
    // How many voxels of each piece the localizer calls what.
    let mut counts = vec![[0usize; DISCS.end as usize]; most + 1];
    for (piece, label) in discs.map.iter().zip(seen).filter(|(piece, _)| **piece > 0) {
        if DISCS.contains(label) {
            counts[usize::from(*piece)][usize::from(*label)] += 1;
        }
    }
    let mut outputs = LANDMARKS.map(|(_, output)| output);
    outputs.sort_unstable();
    let mut known = Named::new();
    for output in outputs {
        let pieces: Vec<usize> = counts.iter().map(|own| own[usize::from(output)]).collect();
        if pieces.iter().any(|count| *count > 0) {
            set(&mut known, first_most(&pieces) as u16, output);
        }
    }
    if known.is_empty() {
        let shown = |piece: &u16| counts[usize::from(*piece)].iter().any(|count| *count > 0);
        let first = discs.numbers().into_iter().find(shown);
        known.extend(first.map(|piece| (piece, first_most(&counts[usize::from(piece)]) as u16)));
    }
    known
}
