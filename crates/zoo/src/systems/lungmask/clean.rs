//! Labels cleaned in three dimensions (`utils.postprocessing`): parts that are not their label's largest
//! go to the neighbour they touch most, holes are filled.

use crate::morphology::{Components, Neighbours, fill_holes, fill_small_holes};

/// Parts of fewer voxels are not shared out (`skip_below`).
const LEAST_VOXELS: usize = 3;
/// In a single slice, holes of fewer voxels are filled.
const HOLE_VOXELS: usize = 64;

/// The labels of a volume `[z][y][x]` cleaned. Labels of `spare` are given to their neighbours and gone
/// afterwards.
pub fn clean(map: &[u16], shape: [usize; 3], spare: &[u16]) -> Vec<u16> {
    let merged = merge(map, shape, spare);
    let mut labels: Vec<u16> = merged.clone();
    labels.sort_unstable();
    labels.dedup();
    let mut out = vec![0; map.len()];
    // The lowest value is taken to be the background, whatever it is.
    for &label in labels.iter().skip(1) {
        let mask: Vec<bool> = merged.iter().map(|&other| other == label).collect();
        let parts = Components::of_mask(&mask, shape, Neighbours::All);
        // Of equally large parts the last.
        let numbers = 0..parts.sizes.len();
        let largest =
            numbers.reduce(|best, n| if parts.sizes[n] >= parts.sizes[best] { n } else { best });
        let mask = parts.mask(mask.len(), |part| Some(part) == largest);
        let filled = match shape[0] {
            1 => fill_small_holes(&mask, shape, HOLE_VOXELS),
            _ => fill_holes(&mask, shape, Neighbours::Faces),
        };
        for (out, inside) in out.iter_mut().zip(filled) {
            if inside {
                *out = label;
            }
        }
    }
    out
}

/// A part of the label map as it grows.
struct Part {
    label: u16,
    area: usize,
    voxels: Vec<usize>,
}

fn merge(map: &[u16], shape: [usize; 3], spare: &[u16]) -> Vec<u16> {
    let found = Components::of(map, shape, Neighbours::All);
    let count = found.sizes.len();
    // Parts by number from 1, as scikit-image numbers them; 0 is background.
    let mut part_of = vec![0u32; map.len()];
    let mut parts: Vec<Part> = vec![Part { label: 0, area: 0, voxels: Vec::new() }];
    parts.extend((0..count).map(|number| Part {
        label: found.labels[number],
        area: found.sizes[number],
        voxels: Vec::with_capacity(found.sizes[number]),
    }));
    for run in &found.runs {
        part_of[run.start..run.end].fill(run.component as u32 + 1);
        parts[run.component + 1].voxels.extend(run.start..run.end);
    }
    let mut order: Vec<usize> = (1..=count).collect();
    order.sort_by_key(|&part| parts[part].area);
    let most = map.iter().copied().max().unwrap_or(0);
    let mut largest = vec![0usize; usize::from(most) + 1];
    let mut shown = vec![0u16; count + 1];
    for &part in &order {
        let label = parts[part].label;
        if parts[part].area > largest[usize::from(label)] {
            largest[usize::from(label)] = parts[part].area;
            shown[part] = label;
        }
    }
    let mut seen = vec![0u32; map.len()];
    for &part in &order {
        let label = parts[part].label;
        let small = parts[part].area < largest[usize::from(label)] || spare.contains(&label);
        if !small || parts[part].area < LEAST_VOXELS {
            continue;
        }
        let touched = contacts(&parts[part].voxels, &part_of, shape, part as u32, &mut seen);
        let mut best: Option<(u32, usize)> = None;
        for (other, contact) in touched {
            // The reference compares a part's number with the spare labels.
            let spared = u16::try_from(other).is_ok_and(|other| spare.contains(&other));
            if !spared && best.is_none_or(|(_, most)| contact > most) {
                best = Some((other, contact));
            }
        }
        // Without a neighbour a part stays what it is, and its bookkeeping adds nothing.
        let Some((other, _)) = best else { continue };
        let other = other as usize;
        let area = parts[part].area;
        let voxels = std::mem::take(&mut parts[part].voxels);
        voxels.iter().for_each(|&voxel| part_of[voxel] = other as u32);
        let label = usize::from(parts[other].label);
        if parts[other].area == largest[label] {
            largest[label] += area;
        }
        parts[other].area += area;
        parts[other].voxels.extend(voxels);
    }
    let of = |&part: &u32| shown[part as usize];
    part_of.iter().map(of).map(|label| if spare.contains(&label) { 0 } else { label }).collect()
}

/// How many voxels of each other part touch a part by a face, by number of the part.
fn contacts(
    voxels: &[usize],
    part_of: &[u32],
    [depth, height, width]: [usize; 3],
    part: u32,
    seen: &mut [u32],
) -> std::collections::BTreeMap<u32, usize> {
    let mut counts = std::collections::BTreeMap::new();
    let plane = height * width;
    for &voxel in voxels {
        let (z, y, x) = (voxel / plane, voxel / width % height, voxel % width);
        let around = [
            (z > 0).then(|| voxel - plane),
            (z + 1 < depth).then(|| voxel + plane),
            (y > 0).then(|| voxel - width),
            (y + 1 < height).then(|| voxel + width),
            (x > 0).then(|| voxel - 1),
            (x + 1 < width).then(|| voxel + 1),
        ];
        for other in around.into_iter().flatten() {
            let number = part_of[other];
            if number != 0 && number != part && seen[other] != part {
                seen[other] = part;
                *counts.entry(number).or_insert(0) += 1;
            }
        }
    }
    counts
}
