//! Order statistics of a structure's values, and its shape.

use base::{Grid, StructureDetails};
use std::collections::BTreeMap;

/// The extent of every label but 0: first and last voxel along i, j, k.
pub type Boxes = BTreeMap<u16, [[usize; 3]; 2]>;

/// Where labels lie. `labels` are `[k][j][i]` on the grid.
pub fn boxes(labels: &[u16], grid: &Grid) -> Boxes {
    let mut found = Boxes::new();
    let [width, height, _] = grid.size;
    if grid.len() != Some(labels.len()) || grid.is_empty() {
        return found;
    }
    for (row, line) in labels.chunks_exact(width).enumerate() {
        let (j, k) = (row % height, row / height);
        let mut start = 0;
        for run in line.chunk_by(|a, b| a == b) {
            let (first, last) = (start, start + run.len() - 1);
            start += run.len();
            if run[0] == 0 {
                continue;
            }
            let [low, high] = found.entry(run[0]).or_insert([[first, j, k], [last, j, k]]);
            *low = [low[0].min(first), low[1].min(j), low[2].min(k)];
            *high = [high[0].max(last), high[1].max(j), high[2].max(k)];
        }
    }
    found
}

/// Details of the structure made of the labels `of`; `None` where it has no voxel. `image` are the
/// values on the grid; those that are not finite are left out.
///
/// Percentiles lie between values in proportion (NumPy's default). Axes are four times the root of the
/// eigenvalues of the covariance of voxel centres in millimetres, the largest first, as PyRadiomics
/// defines them (`MajorAxisLength`, …). Parts touch by a face, an edge or a corner. The surface is not
/// measured here.
pub fn details(
    labels: &[u16],
    of: &[u16],
    boxes: &Boxes,
    image: &[f32],
    grid: &Grid,
) -> Option<StructureDetails> {
    let mut extents = of.iter().filter_map(|label| boxes.get(label));
    let &[mut low, mut high] = extents.next()?;
    for [from, to] in extents {
        (0..3).for_each(|axis| {
            low[axis] = low[axis].min(from[axis]);
            high[axis] = high[axis].max(to[axis]);
        });
    }
    let size: [usize; 3] = std::array::from_fn(|axis| high[axis] - low[axis] + 1);
    let mut mask = vec![false; size.iter().product()];
    let mut values = Vec::new();
    let (mut count, mut sum, mut square) = (0u64, [0.0f64; 3], [[0.0f64; 3]; 3]);
    let middle = grid.affine.apply(std::array::from_fn(|n| (low[n] + high[n]) as f64 / 2.0));
    for k in low[2]..=high[2] {
        for j in low[1]..=high[1] {
            let row = (k * grid.size[1] + j) * grid.size[0];
            let inside = ((k - low[2]) * size[1] + j - low[1]) * size[0];
            for i in low[0]..=high[0] {
                if !of.contains(&labels[row + i]) {
                    continue;
                }
                mask[inside + i - low[0]] = true;
                let value = image.get(row + i).copied().unwrap_or(f32::NAN);
                if value.is_finite() {
                    values.push(value);
                }
                let at = grid.affine.apply([i as f64, j as f64, k as f64]);
                let off: [f64; 3] = std::array::from_fn(|axis| at[axis] - middle[axis]);
                count += 1;
                for a in 0..3 {
                    sum[a] += off[a];
                    for b in 0..3 {
                        square[a][b] += off[a] * off[b];
                    }
                }
            }
        }
    }
    if count == 0 {
        return None;
    }
    let n = count as f64;
    let covariance = std::array::from_fn(|a| {
        std::array::from_fn(|b| square[a][b] / n - sum[a] * sum[b] / (n * n))
    });
    let axes_mm = eigenvalues(covariance).map(|value| 4.0 * value.max(0.0).sqrt());
    values.sort_by(f32::total_cmp);
    let at = |share| percentile(&values, share);
    let parts = parts(&mask, size);
    let spacing = grid.spacing_mm();
    Some(StructureDetails {
        percentiles: [0.05, 0.25, 0.5, 0.75, 0.95].map(at),
        axes_mm,
        extent_mm: std::array::from_fn(|axis| size[axis] as f64 * spacing[axis]),
        surface_mm2: None,
        parts: parts.len() as u64,
        largest_part: parts.iter().copied().max().unwrap_or(0) as f64 / n,
    })
}

/// Linear between the values on both sides of `share · (n − 1)`; `None` of nothing.
fn percentile(sorted: &[f32], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * last as f64;
    let low = (at.floor() as usize).min(last);
    let (a, b) = (f64::from(sorted[low]), f64::from(sorted[(low + 1).min(last)]));
    Some(a + (b - a) * (at - low as f64))
}

/// Eigenvalues of a symmetric matrix, the largest first, by Jacobi's rotations.
fn eigenvalues(mut m: [[f64; 3]; 3]) -> [f64; 3] {
    for _ in 0..32 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if m[p][q].abs() <= f64::MIN_POSITIVE {
                continue;
            }
            let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
            let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let t = if theta == 0.0 { 1.0 } else { t };
            let c = 1.0 / (t * t + 1.0).sqrt();
            let s = t * c;
            for row in &mut m {
                let (a, b) = (row[p], row[q]);
                row[p] = c * a - s * b;
                row[q] = s * a + c * b;
            }
            let (a, b) = (m[p], m[q]);
            m[p] = std::array::from_fn(|n| c * a[n] - s * b[n]);
            m[q] = std::array::from_fn(|n| s * a[n] + c * b[n]);
        }
    }
    let mut values = [m[0][0], m[1][1], m[2][2]];
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// Voxels of each part of a mask of `size` i, j, k; 26 neighbours.
fn parts(mask: &[bool], size: [usize; 3]) -> Vec<u64> {
    let mut left = mask.to_vec();
    let mut found = Vec::new();
    let mut stack = Vec::new();
    for start in 0..left.len() {
        if !std::mem::replace(&mut left[start], false) {
            continue;
        }
        let mut voxels = 0;
        stack.push(start);
        while let Some(at) = stack.pop() {
            voxels += 1;
            let place = [at % size[0], at / size[0] % size[1], at / (size[0] * size[1])];
            let range =
                |axis: usize| place[axis].saturating_sub(1)..=(place[axis] + 1).min(size[axis] - 1);
            for k in range(2) {
                for j in range(1) {
                    for i in range(0) {
                        let near = (k * size[1] + j) * size[0] + i;
                        if std::mem::replace(&mut left[near], false) {
                            stack.push(near);
                        }
                    }
                }
            }
        }
        found.push(voxels);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Affine;

    #[test]
    fn percentiles_are_numpys() {
        // numpy.percentile([1, 2, 4, 8, 16], [5, 25, 50, 75, 95])
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        let found = [0.05, 0.25, 0.5, 0.75, 0.95].map(|p| percentile(&values, p).unwrap());
        for (found, numpy) in found.iter().zip([1.2, 2.0, 4.0, 8.0, 14.4]) {
            assert!((found - numpy).abs() < 1e-12);
        }
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn eigenvalues_of_a_turned_diagonal_are_the_diagonal() {
        // numpy.linalg.eigvalsh([[4, 1, 0.5], [1, 3, 0.25], [0.5, 0.25, 2]])
        let found = eigenvalues([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]]);
        for (found, numpy) in found.iter().zip([4.731_559, 2.386_760, 1.881_680]) {
            assert!((found - numpy).abs() < 2e-6, "{found} {numpy}");
        }
    }

    /// A solid ellipsoid's axes are 4 · a / √5 for half axes a, whichever way the grid lies.
    #[test]
    fn an_ellipsoid_has_its_axes_and_is_one_part() {
        let size = [60, 40, 30];
        let grid = Grid { size, affine: Affine::scaling([0.5, 1.0, 1.0]) };
        let half = [14.0, 10.0, 6.0];
        let mut labels = vec![0u16; 72_000];
        for (n, label) in labels.iter_mut().enumerate() {
            let at = [n % 60, n / 60 % 40, n / 2400];
            let off = [at[0] as f64 * 0.5 - 15.0, at[1] as f64 - 20.0, at[2] as f64 - 15.0];
            let r: f64 = off.iter().zip(half).map(|(o, h)| (o / h).powi(2)).sum();
            *label = if r <= 1.0 { 3 } else { 0 };
        }
        labels[0] = 3;
        let image: Vec<f32> = (0..72_000).map(|n| (n % 11) as f32).collect();
        let found = details(&labels, &[3], &boxes(&labels, &grid), &image, &grid).unwrap();
        for (axis, half) in found.axes_mm.iter().zip(half) {
            assert!((axis - 4.0 * half / 5f64.sqrt()).abs() < 0.25, "{axis} {half}");
        }
        assert_eq!(found.parts, 2);
        assert!(found.largest_part > 0.99 && found.largest_part < 1.0);
        assert_eq!(details(&labels, &[4], &boxes(&labels, &grid), &image, &grid), None);
    }
}
