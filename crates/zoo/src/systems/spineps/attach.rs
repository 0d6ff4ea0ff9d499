//! Discs and endplates given to the vertebra above them.
//!
//! Reference: Hendrik-code/spineps (60cc736) `phase_post.py` (`add_ivd_ep_vert_label`). Labels are
//! `[posterior][inferior][right]`. The original goes on to tell upper endplates from lower ones, but its last step
//! makes both of them 1; here they stay endplates.

use super::labels::Labels;
use super::names::{BODY_BORDER, DISC, DISC_OFFSET, ENDPLATE, ENDPLATE_OFFSET, SACRUM, T13};
use super::post::Maps;
use crate::morphology::Neighbours;
use std::collections::BTreeMap;

/// Marks discs and endplates in the map of vertebrae.
pub(super) fn attach(maps: &mut Maps) {
    let heights = heights(maps);
    let Some(uppermost) = heights.first().map(|(label, _)| *label) else { return };
    let highest = heights.iter().map(|(_, height)| *height).fold(f64::INFINITY, f64::min);
    let discs = maps.parts.pieces(|label| label == DISC, Neighbours::All);
    mark(maps, &discs, DISC, DISC_OFFSET, |height| match height < highest {
        // Above all bodies: the disc of the vertebra before, or of none.
        true => uppermost.checked_sub(1).filter(|label| *label > 0),
        false => above(&heights, height),
    });
    let endplates = maps.parts.pieces(|label| label == ENDPLATE, Neighbours::All);
    mark(maps, &endplates, ENDPLATE, ENDPLATE_OFFSET, |height| above(&heights, height));
}

/// Height of each vertebra's body, in voxels from above; 0 of those without one, as of the sacrum.
fn heights(maps: &Maps) -> Vec<(u16, f64)> {
    let pairs = maps.vertebrae.values.iter().zip(&maps.parts.values);
    let bodies = pairs.map(|(label, part)| if *part == BODY_BORDER { *label } else { 0 }).collect();
    let middles = Labels { values: bodies, shape: maps.parts.shape }.middles();
    let height = |label: u16| (label, middles.get(&label).map_or(0.0, |middle| middle[1]));
    let labels = maps.vertebrae.unique().into_iter();
    labels.filter(|label| *label <= SACRUM || *label == T13).map(height).collect()
}

/// The vertebra nearest above, else the uppermost; of equals the first.
fn above(heights: &[(u16, f64)], height: f64) -> Option<u16> {
    let lower = heights.iter().map(|(_, own)| *own).filter(|own| *own < height);
    let nearest = lower.reduce(f64::max);
    let nearest = nearest.or_else(|| heights.iter().map(|(_, own)| *own).reduce(f64::min))?;
    heights.iter().find(|(_, own)| *own == nearest).map(|(label, _)| *label)
}

fn mark(
    maps: &mut Maps,
    pieces: &Labels,
    kind: u16,
    offset: u16,
    owner: impl Fn(f64) -> Option<u16>,
) {
    let owners: BTreeMap<u16, u16> = pieces
        .middles()
        .into_iter()
        .map(|(piece, middle)| (piece, owner(middle[1]).map_or(0, |label| label + offset)))
        .collect();
    let parts = maps.parts.values.iter().zip(&pieces.values);
    for (label, (part, piece)) in maps.vertebrae.values.iter_mut().zip(parts) {
        if *part == kind {
            *label = owners.get(piece).copied().unwrap_or(0);
        }
    }
}
