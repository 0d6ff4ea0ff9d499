//! What is done to the label map of phase 1 before vertebrae are told apart.
//!
//! Reference: Hendrik-code/spineps (60cc736) `phase_semantic.py`, `utils/resolution.py`.

use super::labels::Labels;
use super::names::{BODY_BORDER, CANAL, CORD, DISC};
use crate::morphology::Neighbours;

/// Volume of a voxel of the grid at which thresholds were found (`REFERENCE_ZOOM`).
pub(super) const REFERENCE_MM3: f64 = 0.75 * 0.75 * 1.65;
/// Pieces smaller than so many of its voxels are deleted.
const SMALL: f64 = 30.0;
/// Left around the largest piece, in voxels of its smallest spacing.
const MARGIN: f64 = 4.0;

/// Labels of which small pieces are deleted, cord, endplates and sacrum not among them.
fn cleaned(label: u16) -> bool {
    (41..=BODY_BORDER).contains(&label) || label == CANAL || label == DISC
}

/// Deletes small pieces, and all beyond the box around the largest piece; fills holes. Labels are
/// `[posterior][inferior][right]` of this spacing.
pub fn clean(labels: &mut Labels, spacing_mm: [f64; 3]) {
    labels.without_small(cleaned, voxels_of(SMALL * REFERENCE_MM3, spacing_mm));
    within_largest(labels, spacing_mm);
    labels.fill(&[BODY_BORDER, CANAL, DISC, CORD]);
}

/// The original gathers the boxes of further pieces that lie near, but keeps to that of the largest.
fn within_largest(labels: &mut Labels, spacing_mm: [f64; 3]) {
    let pieces = labels.pieces(|label| label > 0, Neighbours::All);
    let volumes = pieces.volumes();
    // Of equals the first.
    let largest = volumes.iter().rev().max_by_key(|(_, count)| **count).map(|(piece, _)| *piece);
    let Some(largest) = largest else { return };
    let least = spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
    let margin = (MARGIN * 0.75 / least) as usize;
    let Some(bounds) = pieces.around(|piece| piece == largest, margin) else { return };
    let mut kept = Labels::none(labels.shape);
    kept.put(&labels.cut(bounds), bounds);
    *labels = kept;
}

/// Voxels that make up a volume, at least one (`mm3_to_voxels`).
pub(super) fn voxels_of(volume_mm3: f64, spacing_mm: [f64; 3]) -> usize {
    let voxels = volume_mm3 / spacing_mm.iter().product::<f64>();
    voxels.round_ties_even().clamp(1.0, 1e15) as usize
}
