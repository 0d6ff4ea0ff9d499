//! Both maps cleaned by each other on the case's own grid, vertebrae counted from above.
//!
//! Reference: Hendrik-code/spineps (60cc736) `phase_post.py`, `utils/proc_functions.py`. Labels lie along the
//! case's own axes i, j, k; where the original goes by its first axis or its second, so does this.

use super::attach::attach;
use super::labels::{Box3, Labels};
use super::names::{
    ARCH, ARTICULAR, BODY_BORDER, DENS, DISC, ENDPLATE, OF_VERTEBRA, SACRUM, SPINOUS,
};
use super::semantic::REFERENCE_MM3;
use super::turn::Turn;
use crate::morphology::{Components, Neighbours, grow};
use base::{Orientation, Result};
use std::collections::BTreeMap;

/// Left around all that is marked, in voxels of the smallest spacing.
const MARGIN: f64 = 2.0;
/// An articular process belongs to a vertebra that has more than twice as much of it as the next.
const DOMINANT: f64 = 0.5;
/// The uppermost of two vertebrae without a disc between them belongs to the other below this share of it ...
const MERGED: f64 = 0.5;
/// ... if they touch over so many voxels' faces of the reference.
const TOUCHING: f64 = 20.0;
/// Pieces of a vertebra that are looked at.
const MOST_PIECES: usize = 3;
/// The label of C2, to which the dens belongs.
const C2: u16 = 2;

/// What the models' configurations say.
#[derive(Clone, Debug, PartialEq)]
pub struct Counting {
    /// Number of the uppermost vertebra: 2, or 1 where C1 is marked, too.
    pub first: u16,
    /// Labels of phase 1 that are sacrum.
    pub sacrum: Vec<u16>,
}

/// Both maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maps {
    /// Parts of vertebrae, discs, cord, canal.
    pub parts: Labels,
    /// Vertebrae, their discs and endplates.
    pub vertebrae: Labels,
}

/// Gives counted vertebrae in a box of the case their names.
pub type Name<'n> = &'n mut dyn FnMut(&Maps, Box3) -> Result<BTreeMap<u16, u16>>;

/// Cleans the maps, counts vertebrae from above, lets `name` name them, and gives discs and endplates the
/// labels of their vertebrae. `axes` and `spacing_mm` are those of the case.
///
/// Errors: whatever `name` gives.
pub fn clean(
    mut maps: Maps,
    axes: Orientation,
    spacing_mm: [f64; 3],
    counting: &Counting,
    name: Name<'_>,
) -> Result<Maps> {
    for (label, part) in maps.vertebrae.values.iter_mut().zip(&maps.parts.values) {
        if *part == 0 {
            *label = 0;
        }
    }
    let finest = spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
    let margin = (MARGIN * 0.75 / finest) as usize;
    let Some(bounds) = maps.parts.around(|label| label > 0, margin) else { return Ok(maps) };
    let mut part = Maps { parts: maps.parts.cut(bounds), vertebrae: maps.vertebrae.cut(bounds) };
    articular(&mut part);
    missing(&mut part);
    if part.parts.has(DISC) {
        uppermost(&mut part, spacing_mm);
    }
    let turn = Turn::to_pir(axes);
    let mut turned =
        Maps { parts: turn.there(&part.parts), vertebrae: turn.there(&part.vertebrae) };
    posterior(&mut turned);
    count(&mut turned.vertebrae, counting.first);
    part.vertebrae = turn.back(&turned.vertebrae);
    turned.vertebrae.rename(&name(&part, bounds)?);
    for (label, part) in turned.vertebrae.values.iter_mut().zip(&turned.parts.values) {
        if counting.sacrum.contains(part) {
            *label = SACRUM;
        }
        if *part == DENS {
            *label = C2;
        }
    }
    attach(&mut turned);
    maps.vertebrae.put(&turn.back(&turned.vertebrae), bounds);
    maps.parts.put(&part.parts, bounds);
    Ok(maps)
}

/// An articular process that lies in several vertebrae is given to the one that has most of it by far.
fn articular(maps: &mut Maps) {
    for kind in ARTICULAR {
        let mask = maps.parts.mask(|label| label == kind);
        let pieces = Components::of_mask(&mask, maps.parts.shape, Neighbours::All);
        let mut shares: Vec<BTreeMap<u16, usize>> = vec![BTreeMap::new(); pieces.sizes.len()];
        for run in &pieces.runs {
            for label in &maps.vertebrae.values[run.start..run.end] {
                *shares[run.component].entry(*label).or_default() += 1;
            }
        }
        let owners: Vec<Option<u16>> = shares.iter().map(dominant).collect();
        for run in &pieces.runs {
            if let Some(owner) = owners[run.component] {
                maps.vertebrae.values[run.start..run.end].fill(owner);
            }
        }
    }
}

fn dominant(shares: &BTreeMap<u16, usize>) -> Option<u16> {
    let mut order: Vec<(u16, usize)> =
        shares.iter().map(|(label, count)| (*label, *count)).collect();
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match order[..] {
        [most, next, ..] if most.1 as f64 * DOMINANT > next.1 as f64 => Some(most.0),
        _ => None,
    }
}

/// Parts of vertebrae that no vertebra has are given to one that touches them, or deleted.
fn missing(maps: &mut Maps) {
    let shape = maps.parts.shape;
    let of_vertebra = maps.parts.mask(|label| OF_VERTEBRA.contains(&label));
    let target = &mut maps.vertebrae;
    let rest = |target: &Labels| -> Vec<bool> {
        of_vertebra.iter().zip(&target.values).map(|(part, label)| *part && *label == 0).collect()
    };
    let mut deleted = vec![false; of_vertebra.len()];
    if rest(target).contains(&true) {
        spread(target, &of_vertebra, 2);
        let left = rest(target);
        let pieces = Components::of_mask(&left, shape, Neighbours::Edges);
        let mut runs: Vec<Vec<(usize, usize)>> = vec![Vec::new(); pieces.sizes.len()];
        for run in &pieces.runs {
            runs[run.component].push((run.start, run.end));
        }
        for runs in runs {
            let neighbours = touching(&runs, target);
            match neighbours.into_iter().rev().max_by_key(|(_, count)| *count) {
                Some((label, _)) => {
                    runs.iter().for_each(|&(from, to)| target.values[from..to].fill(label));
                }
                None => runs.iter().for_each(|&(from, to)| deleted[from..to].fill(true)),
            }
        }
    }
    for (at, label) in target.values.iter_mut().enumerate() {
        if !of_vertebra[at] || deleted[at] {
            *label = 0;
        }
        if deleted[at] {
            maps.parts.values[at] = 0;
        }
    }
}

/// Labels grow by faces within a mask, one after the other, `times` over; what lies outside it goes.
fn spread(labels: &mut Labels, within: &[bool], times: usize) {
    let all = labels.unique();
    for _ in 0..times {
        for &label in &all {
            let Some(bounds) = labels.around(|other| other == label, 1) else { continue };
            let mut part = labels.cut(bounds);
            let grown = grow(&part.mask(|other| other == label), part.shape, Neighbours::Faces, 1);
            for (value, grown) in part.values.iter_mut().zip(grown) {
                if *value == 0 && grown {
                    *value = label;
                }
            }
            labels.put(&part, bounds);
            for (value, within) in labels.values.iter_mut().zip(within) {
                if !within {
                    *value = 0;
                }
            }
        }
    }
}

/// How often labels lie on a piece or touch it by a face or an edge.
fn touching(runs: &[(usize, usize)], labels: &Labels) -> BTreeMap<u16, usize> {
    let mut piece = Labels::none([1, 1, 1]);
    let mut bounds: Option<Box3> = None;
    for &(from, to) in runs {
        let (first, last) = (labels.place(from), labels.place(to - 1));
        let all = bounds.get_or_insert([0, 1, 2].map(|axis| [first[axis], last[axis] + 1]));
        for axis in 0..3 {
            all[axis] = [all[axis][0].min(first[axis]), all[axis][1].max(last[axis] + 1)];
        }
    }
    let mut counts = BTreeMap::new();
    let Some(bounds) = bounds else { return counts };
    let bounds: Box3 = std::array::from_fn(|axis| {
        let [from, to] = bounds[axis];
        [from.saturating_sub(2), (to + 2).min(labels.shape[axis])]
    });
    piece.shape = bounds.map(|[from, to]| to - from);
    piece.values = vec![0; piece.shape.iter().product()];
    for &(from, to) in runs {
        let place = labels.place(from);
        let inside: [usize; 3] = std::array::from_fn(|axis| place[axis] - bounds[axis][0]);
        let at = (inside[0] * piece.shape[1] + inside[1]) * piece.shape[2] + inside[2];
        piece.values[at..at + to - from].fill(1);
    }
    let grown = grow(&piece.mask(|label| label == 1), piece.shape, Neighbours::Edges, 1);
    let near = labels.cut(bounds);
    for (label, grown) in near.values.into_iter().zip(grown) {
        if grown && label != 0 {
            *counts.entry(label).or_default() += 1;
        }
    }
    counts
}

/// The uppermost vertebra joins the next where no disc lies between them and it is small (C2 in two parts).
///
/// The original measures height along the second axis of the case, counts what is no disc as one disc more,
/// and takes the surface of both vertebrae for that between them; so does this.
fn uppermost(maps: &mut Maps, spacing_mm: [f64; 3]) {
    let mut discs = maps.parts.pieces(|label| label == DISC || label == ENDPLATE, Neighbours::All);
    discs.values.iter_mut().for_each(|label| *label = label.saturating_add(DISC));
    let bodies = maps.parts.mask(|label| label == BODY_BORDER || label == ARCH);
    let kept =
        maps.vertebrae.values.iter().zip(bodies).map(|(label, body)| if body { *label } else { 0 });
    let bodies = Labels { values: kept.collect(), shape: maps.parts.shape };
    let volumes = maps.vertebrae.volumes();
    let mut order: Vec<(f64, Option<u16>)> =
        discs.middles().into_values().map(|middle| (middle[1], None)).collect();
    order.extend(bodies.middles().into_iter().map(|(label, middle)| (middle[1], Some(label))));
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [(_, Some(first)), (_, Some(second)), ..] = order[..] else { return };
    if volumes[&first] as f64 >= MERGED * volumes[&second] as f64 {
        return;
    }
    let area = spacing_mm.iter().product::<f64>().powf(2.0 / 3.0);
    let least = TOUCHING * REFERENCE_MM3.powf(2.0 / 3.0) / area;
    let both = maps.vertebrae.mask(|label| label == first || label == second);
    if surface(&both, maps.parts.shape) > least.round_ties_even().max(1.0) {
        maps.vertebrae.rename(&BTreeMap::from([(first, second)]));
    }
}

/// Faces between what is marked and what is not.
fn surface(mask: &[bool], [depth, height, width]: [usize; 3]) -> f64 {
    let mut faces = 0usize;
    for (extent, step) in [(depth, height * width), (height, width), (width, 1)] {
        for at in 0..mask.len() {
            let last = at / step % extent.max(1) + 1 == extent;
            faces += usize::from(!last && mask[at] != mask[at + step]);
        }
    }
    faces as f64
}

/// A piece of a vertebra that is nothing but arch or spinous process, with one other vertebra near by, belongs
/// to that. Labels are `[posterior][inferior][right]`.
fn posterior(maps: &mut Maps) {
    let vertebrae = maps.vertebrae.clone();
    for label in vertebrae.unique().into_iter().filter(|label| *label < SACRUM) {
        let pieces = vertebrae.pieces(|other| other == label, Neighbours::All);
        let mut sizes: Vec<(u16, usize)> = pieces.volumes().into_iter().collect();
        sizes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (piece, _) in sizes.into_iter().take(MOST_PIECES).skip(1) {
            let Some(bounds) = pieces.around(|other| other == piece, 1) else { continue };
            let inside = pieces.cut(bounds).mask(|other| other == piece);
            let parts = maps.parts.cut(bounds).values;
            let behind = |part: u16| part == 0 || part == ARCH || part == SPINOUS;
            if parts.iter().zip(&inside).any(|(part, inside)| *inside && !behind(*part)) {
                continue;
            }
            let near = vertebrae.cut(bounds);
            let mut others: Vec<u16> = near
                .values
                .iter()
                .zip(&inside)
                .filter(|(other, inside)| !**inside && **other != 0)
                .map(|(other, _)| *other)
                .collect();
            others.sort_unstable();
            others.dedup();
            if let [other] = others[..]
                && other != label
            {
                for (at, number) in pieces.values.iter().enumerate() {
                    if *number == piece {
                        maps.vertebrae.values[at] = other;
                    }
                }
            }
        }
    }
}

/// Numbers vertebrae from above.
fn count(vertebrae: &mut Labels, first: u16) {
    let mut order: Vec<(u16, [f64; 3])> = vertebrae.middles().into_iter().collect();
    order.sort_by(|a, b| a.1[1].total_cmp(&b.1[1]));
    let numbers = order.into_iter().map(|(label, _)| label).zip(first..).collect();
    vertebrae.rename(&numbers);
}
