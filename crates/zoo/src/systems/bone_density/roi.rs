//! The trabecular region of a vertebra: ellipses in the slices around the middle of its body, away from
//! the cortex.
//!
//! Reference: StanfordMIMI/Comp2Comp (Apache-2.0) `spine/spine_utils.py`, `compute_rois` and
//! `roi_from_mask`. Volumes point to RAS; values are `[k][j][i]`.

use crate::morphology::{Components, Neighbours, erode};

/// Voxels of the sagittal slice below which too little of the vertebra is shown.
const LEAST_PIXELS: usize = 200;
/// Half-height of the region before rounding, of 1.5 times this, in mm.
const LENGTH_MM: f64 = 5.0;
/// The ellipse's centre from the posterior edge of the body, as a share of its depth.
const FROM_BEHIND: f64 = 0.58;
/// The ellipse's axes as shares of the body's depth and width.
const SHARES: (f64, f64) = (0.5, 0.65);
/// From this slice spacing on the mask is eroded by one voxel only, mm.
const THICK_MM: f64 = 3.0;

/// The voxels of the trabecular region, as places in the volume; `None` where the mask shows too little
/// of the vertebra.
pub fn trabecular(mask: &[bool], size: [usize; 3], spacing_mm: [f64; 3]) -> Option<Vec<usize>> {
    let [ni, nj, nk] = size;
    let at = |i: usize, j: usize, k: usize| mask[(k * nj + j) * ni + i];
    let count = mask.iter().filter(|&&inside| inside).count();
    if count == 0 {
        return None;
    }
    let along_i: usize =
        mask.iter().enumerate().map(|(n, &inside)| usize::from(inside) * (n % ni)).sum();
    let middle = along_i / count;
    // The sagittal slice through the middle, `[j][k]`.
    let mut slice: Vec<bool> = (0..nj * nk).map(|n| at(middle, n / nk, n % nk)).collect();
    if slice.iter().filter(|&&inside| inside).count() <= LEAST_PIXELS {
        return None;
    }
    let parts = Components::of_mask(&slice, [1, nj, nk], Neighbours::All);
    let mut by_size: Vec<usize> = (0..parts.sizes.len()).collect();
    // Of equals the later one first.
    by_size.sort_by_key(|&part| std::cmp::Reverse((parts.sizes[part], part)));
    let centre = |part: usize| {
        let (mut j, mut k) = (0.0, 0.0);
        for run in parts.runs.iter().filter(|run| run.component == part) {
            for n in run.start..run.end {
                j += (n / nk) as f64;
                k += (n % nk) as f64;
            }
        }
        let size = parts.sizes[part] as f64;
        (j / size, k / size)
    };
    // Of the two largest parts the one behind is the spinous process.
    let body = match by_size[..] {
        [first, second, ..] if centre(first).0 <= centre(second).0 => second,
        [first, ..] => first,
        [] => return None,
    };
    slice = parts.mask(slice.len(), |part| part == body);
    let row = centre(body).0 as usize;
    let line: Vec<usize> = (0..nk).filter(|&k| at(middle, row, k)).collect();
    if line.is_empty() {
        return None;
    }
    let height = line.iter().sum::<usize>() as f64 / line.len() as f64;
    let reach = (LENGTH_MM / spacing_mm[2] * 1.5 / 2.0).floor();
    let first = (height - reach).max(0.0) as usize;
    let last = ((height + reach) as usize).min(nk - 1);
    let times = if spacing_mm[2] >= THICK_MM { 1 } else { 2 };
    let inner = erode(mask, [nk, nj, ni], times);
    let mut region = Vec::new();
    for k in first..=last {
        // Three neighbouring lines, of which the shortest that is there counts.
        let near = |n: usize, most: usize| {
            let others = [Some(n), (n + 1 < most).then_some(n + 1), n.checked_sub(1)];
            others.into_iter().flatten()
        };
        let lines = near(k, nk).map(|k| (0..nj).filter(|&j| slice[j * nk + k]).collect::<Vec<_>>());
        let Some(depth) = shortest(lines) else { continue };
        let centre_j = depth[0] as f64 + depth.len() as f64 * FROM_BEHIND;
        let half_j = (depth.len() as f64 * SHARES.0 / 2.0).floor().max(1.0);
        let row = (centre_j as usize).min(nj - 1);
        let lines = near(row, nj).map(|j| (0..ni).filter(|&i| at(i, j, k)).collect::<Vec<_>>());
        let Some(width) = shortest(lines) else { continue };
        let centre_i = width.iter().sum::<usize>() as f64 / width.len() as f64;
        let half_i = (width.len() as f64 * SHARES.1 / 2.0).floor().max(1.0);
        for j in
            (centre_j - half_j - 2.0).max(0.0) as usize..nj.min((centre_j + half_j) as usize + 2)
        {
            for i in (centre_i - half_i - 2.0).max(0.0) as usize
                ..ni.min((centre_i + half_i) as usize + 2)
            {
                let (x, y) = ((i as f64 - centre_i) / half_i, (j as f64 - centre_j) / half_j);
                let place = (k * nj + j) * ni + i;
                if x * x + y * y <= 1.0 && inner[place] {
                    region.push(place);
                }
            }
        }
    }
    (!region.is_empty()).then_some(region)
}

/// The shortest line that is not empty, the first of equals.
fn shortest(lines: impl Iterator<Item = Vec<usize>>) -> Option<Vec<usize>> {
    let there = lines.filter(|line| !line.is_empty());
    there.reduce(|best, next| if next.len() < best.len() { next } else { best })
}
