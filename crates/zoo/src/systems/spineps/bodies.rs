//! Where vertebral bodies lie: the middle of each, two that grew together taken apart.
//!
//! Reference: Hendrik-code/spineps (60cc736) `phase_instance.py` (`get_corpus_coms`, `get_separating_components`,
//! `get_plane_split`). Labels are `[posterior][inferior][right]`.

use super::labels::Labels;
use super::names::{BODY, BODY_BORDER, DENS, DISC, ENDPLATE};
use crate::morphology::{Components, Neighbours, grow, shrink};

/// Millimetres along the spine within which two of a kind count as one (`SAME_HEIGHT_MERGE_THRESHOLD_MM`).
const SAME_HEIGHT_MM: f64 = 10.0 * 0.75;
/// How far bodies above and below are looked at for their volume.
const NEIGHBOURS: [isize; 10] = [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5];
/// More others than this, and a volume this many times theirs, make a body two.
const MOST_ALONE: usize = 2;
const MERGED: f64 = 1.5;
/// Most times that a body is shrunk until it comes apart.
const MOST_SHRUNK: usize = 11;

/// One body or disc: its number, its height from above in voxels, whether it is a disc, its voxels.
#[derive(Clone, Copy, Debug)]
struct Piece {
    key: u16,
    height: f64,
    disc: bool,
    voxels: usize,
}

/// Middles of all vertebral bodies from below, that of the dens first; `None` without any. `least`: voxels of a
/// body at least; `step_mm`: spacing along the spine.
pub fn middles(labels: &Labels, least: usize, step_mm: f64) -> Option<Vec<[f64; 3]>> {
    let inner = labels.has(BODY);
    let marked = match inner {
        true => labels.mask(|label| label == BODY),
        false => {
            let border = labels.mask(|label| label == BODY_BORDER);
            shrink(&border, labels.shape, Neighbours::Edges, 2)
        }
    };
    let values = marked.into_iter().map(u16::from).collect();
    let mut marked = Labels { values, shape: labels.shape };
    if !inner && least > 0 {
        marked.without_small(|_| true, least);
    }
    if !marked.has(1) {
        return None;
    }
    let mut bodies = marked.pieces(|label| label == 1, Neighbours::All);
    part(&mut bodies, labels, step_mm);
    let mut found: Vec<[f64; 3]> = bodies.middles().into_values().collect();
    found.sort_by(|a, b| a[1].total_cmp(&b[1]));
    if inner {
        let dens = labels.pieces(|label| label == DENS, Neighbours::All);
        found.extend(dens.middles().into_values());
    }
    found.reverse();
    Some(found)
}

/// Where bodies and discs do not alternate, the largest body near by is taken apart if it is large for two.
fn part(bodies: &mut Labels, labels: &Labels, step_mm: f64) {
    let discs = labels.pieces(|label| label == DISC || label == ENDPLATE, Neighbours::All);
    let has_discs = discs.has(1);
    let mut order = pieces(&discs, true);
    order.extend(pieces(bodies, false));
    order.sort_by(|a, b| a.height.total_cmp(&b.height));
    for key in order.clone().into_iter().map(|piece| piece.key) {
        let Some(at) = order.iter().position(|piece| piece.key == key) else { continue };
        let Some(next) = order.get(at + 1) else { continue };
        if next.disc != order[at].disc || !has_discs {
            continue;
        }
        if (next.height - order[at].height).abs() < SAME_HEIGHT_MM / step_mm {
            order.remove(at);
            continue;
        }
        let near: Vec<Piece> = NEIGHBOURS
            .iter()
            .filter_map(|step| order.get(at.checked_add_signed(*step)?))
            .filter(|piece| !piece.disc)
            .copied()
            .collect();
        let Some(largest) = near.iter().rev().max_by_key(|piece| piece.voxels) else { continue };
        let others = near.len() - 1;
        if others <= MOST_ALONE {
            continue;
        }
        let rest: usize = near.iter().map(|piece| piece.voxels).sum::<usize>() - largest.voxels;
        if largest.voxels as f64 / (rest as f64 / others as f64) > MERGED {
            split(bodies, largest.key);
        }
    }
}

fn pieces(map: &Labels, disc: bool) -> Vec<Piece> {
    let volumes = map.volumes();
    let piece = |(number, middle): (u16, [f64; 3])| {
        // Discs are numbered from 101 on; more than a hundred bodies are none.
        let key = if disc { number.saturating_add(100) } else { number };
        Piece { key, height: middle[1], disc, voxels: volumes[&number] }
    };
    map.middles().into_iter().map(piece).collect()
}

/// Gives the lower part of a body a number of its own, where it comes apart when it is shrunk.
fn split(bodies: &mut Labels, body: u16) {
    let shape = bodies.shape;
    let whole = bodies.mask(|label| label == body);
    let mut left = whole.clone();
    for _ in 0..MOST_SHRUNK {
        left = shrink(&left, shape, Neighbours::All, 1);
        let parts = Components::of_mask(&left, shape, Neighbours::All);
        match parts.sizes.len() {
            0 => return,
            1 => continue,
            _ => {}
        }
        // The two largest, of equals the first; where there are only two, in their order.
        let mut order: Vec<usize> = (0..parts.sizes.len()).collect();
        if order.len() > 2 {
            order.sort_by_key(|&part| std::cmp::Reverse(parts.sizes[part]));
        }
        let of = |wanted: usize| parts.mask(whole.len(), |part| part == wanted);
        let below = below_the_plane(of(order[0]), of(order[1]), shape);
        let number = bodies.unique().last().map_or(1, |last| last.saturating_add(1));
        for (at, label) in bodies.values.iter_mut().enumerate() {
            if whole[at] && below[at] {
                *label = number;
            }
        }
        return;
    }
}

/// What lies below the plane between two parts: through the middle of where they meet once grown, across
/// the line between their middles.
fn below_the_plane(first: Vec<bool>, second: Vec<bool>, shape: [usize; 3]) -> Vec<bool> {
    let meet = |a: &[bool], b: &[bool]| a.iter().zip(b).any(|(a, b)| *a && *b);
    let wider = |mask: &[bool]| grow(mask, shape, Neighbours::All, 1);
    let (mut first, mut second) = (wider(&first), wider(&second));
    while !meet(&first, &second) {
        first = wider(&first);
        if !meet(&first, &second) {
            second = wider(&second);
        }
    }
    let middle = |mask: &mut dyn Iterator<Item = bool>| {
        let map = Labels { values: mask.map(u16::from).collect(), shape };
        map.middles().get(&1).copied().unwrap_or_default()
    };
    let at = middle(&mut first.iter().zip(&second).map(|(a, b)| *a && *b));
    let (from, to) = (middle(&mut second.into_iter()), middle(&mut first.into_iter()));
    let normal: [f64; 3] = std::array::from_fn(|axis| to[axis] - from[axis]);
    let steepest = |best: usize, axis: usize| {
        if normal[axis].abs() > normal[best].abs() { axis } else { best }
    };
    let axis = (1..3).fold(0, steepest);
    let others: Vec<usize> = (0..3).filter(|other| *other != axis).collect();
    let shift = -(at[0] * normal[0] + at[1] * normal[1] + at[2] * normal[2]);
    let mut plane = vec![false; shape.iter().product()];
    let last = (shape[axis] - 1) as f64;
    for x in 0..shape[others[0]] {
        for y in 0..shape[others[1]] {
            let along = -normal[others[0]] * x as f64 - normal[others[1]] * y as f64 - shift;
            let depth = (along / normal[axis]).clamp(0.0, last);
            let mut place = [0; 3];
            (place[axis], place[others[0]], place[others[1]]) = (depth as usize, x, y);
            plane[(place[0] * shape[1] + place[1]) * shape[2] + place[2]] = true;
        }
    }
    // From below up to the plane.
    let mut below = vec![true; plane.len()];
    for a in 0..shape[0] {
        for c in 0..shape[2] {
            let index = |b: usize| (a * shape[1] + b) * shape[2] + c;
            let reached = (0..shape[1]).rev().find(|&b| plane[index(b)]);
            if let Some(reached) = reached {
                (0..=reached).for_each(|b| below[index(b)] = false);
            }
        }
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_no_body() {
        assert_eq!(middles(&Labels::none([4, 4, 4]), 1, 1.0), None);
    }
}
