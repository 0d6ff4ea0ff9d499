//! Distance of points to the nearest of many sites, exact, in millimetres.
//!
//! First the nearest site in each row, then the nearest in each slice by the lower envelope of
//! parabolas (Felzenszwalb and Huttenlocher 2012), and only for the points asked for a search over
//! the slices, nearest first, that ends when no farther slice can win.

/// No site in this row.
const NONE: u16 = u16::MAX;

/// Nearest sites of a grid.
pub(super) struct Nearest {
    size: [usize; 3],
    spacing_mm: [f64; 3],
    /// For each voxel how many steps along x the nearest site of its row is away; `NONE` without.
    along_x: Vec<u16>,
    /// For each voxel the y of the row that holds the nearest site of its slice; `NONE` without.
    row: Vec<u16>,
}

/// A grid longer than this along x or y is not searched by this scheme.
pub(super) const LONGEST: usize = NONE as usize - 1;

impl Nearest {
    /// Where `is_site(index)` holds on a grid (x fastest, sides up to [`LONGEST`]).
    pub fn new(
        size: [usize; 3],
        spacing_mm: [f64; 3],
        is_site: impl Fn(usize) -> bool + Sync,
        threads: usize,
    ) -> Nearest {
        let [nx, ny, _] = size;
        let slice = nx * ny;
        let mut along_x = vec![NONE; size.iter().product()];
        crate::parallel::for_chunks(&mut along_x, slice, threads, |k, rows| {
            for (j, row) in rows.chunks_mut(nx).enumerate() {
                row_distances(row, |i| is_site(slice * k + nx * j + i));
            }
        });
        let mut row = vec![NONE; along_x.len()];
        crate::parallel::for_chunks(&mut row, slice, threads, |k, out| {
            let distances = &along_x[slice * k..slice * (k + 1)];
            Envelope::new(ny).fill(distances, out, nx, spacing_mm);
        });
        Nearest { size, spacing_mm, along_x, row }
    }

    /// Distance of a voxel to the nearest site; infinite without any.
    pub fn distance_mm(&self, [i, j, k]: [usize; 3]) -> f64 {
        let nz = self.size[2];
        let mut best = self.in_slice([i, j, k], 0);
        for steps in 1..nz {
            let dz = steps as f64 * self.spacing_mm[2];
            if dz * dz >= best || (steps > k && k + steps >= nz) {
                break;
            }
            if let Some(below) = k.checked_sub(steps) {
                best = best.min(self.in_slice([i, j, below], steps));
            }
            if k + steps < nz {
                best = best.min(self.in_slice([i, j, k + steps], steps));
            }
        }
        best.sqrt()
    }

    /// Squared distance to the nearest site of slice `k`, `steps` slices away.
    fn in_slice(&self, [i, j, k]: [usize; 3], steps: usize) -> f64 {
        let [nx, ny, _] = self.size;
        let row = self.row[i + nx * (j + ny * k)];
        if row == NONE {
            return f64::INFINITY;
        }
        let steps_x = self.along_x[i + nx * (usize::from(row) + ny * k)];
        let dx = f64::from(steps_x) * self.spacing_mm[0];
        let dy = usize::from(row).abs_diff(j) as f64 * self.spacing_mm[1];
        let dz = steps as f64 * self.spacing_mm[2];
        dx * dx + dy * dy + dz * dz
    }
}

/// Steps to the nearest site of a row, from both sides.
fn row_distances(row: &mut [u16], is_site: impl Fn(usize) -> bool) {
    let mut away = NONE;
    for (i, steps) in row.iter_mut().enumerate() {
        away = if is_site(i) { 0 } else { away.saturating_add(1) };
        *steps = away;
    }
    if away == NONE {
        return;
    }
    let mut away = NONE;
    for steps in row.iter_mut().rev() {
        away = if *steps == 0 { 0 } else { away.saturating_add(1) };
        *steps = away.min(*steps);
    }
}

/// The lower envelope of one column's parabolas.
struct Envelope {
    /// Rows whose parabolas make it, and the y from which each is lowest.
    rows: Vec<(u16, f64)>,
    /// Heights of these parabolas at their row, plus the row's own square.
    heights: Vec<f64>,
}

impl Envelope {
    fn new(ny: usize) -> Envelope {
        Envelope { rows: Vec::with_capacity(ny), heights: Vec::with_capacity(ny) }
    }

    /// For each voxel of a slice the row with its nearest site.
    fn fill(&mut self, distances: &[u16], out: &mut [u16], nx: usize, spacing_mm: [f64; 3]) {
        let ny = distances.len() / nx.max(1);
        // A row has a site for all its voxels or for none.
        let filled: Vec<usize> = (0..ny).filter(|j| distances[nx * j] != NONE).collect();
        if filled.is_empty() {
            return;
        }
        let (sx2, sy2) = (spacing_mm[0] * spacing_mm[0], spacing_mm[1] * spacing_mm[1]);
        for i in 0..nx {
            self.rows.clear();
            self.heights.clear();
            for &j in &filled {
                let steps = f64::from(distances[nx * j + i]);
                let height = steps * steps * sx2 + (j * j) as f64 * sy2;
                let mut from = f64::NEG_INFINITY;
                while let (Some(&(row, start)), Some(&lower)) =
                    (self.rows.last(), self.heights.last())
                {
                    from = (height - lower) / (2.0 * sy2 * (j - usize::from(row)) as f64);
                    if from > start {
                        break;
                    }
                    self.rows.pop();
                    self.heights.pop();
                    from = f64::NEG_INFINITY;
                }
                self.rows.push((j as u16, from));
                self.heights.push(height);
            }
            let mut at = 0;
            for j in 0..ny {
                while self.rows.get(at + 1).is_some_and(|next| next.1 < j as f64) {
                    at += 1;
                }
                out[nx * j + i] = self.rows[at].0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_nearest_site_is_the_nearest_of_all() {
        for (case, (size, spacing)) in [
            ([7, 5, 6], [1.0, 1.0, 1.0]),
            ([9, 4, 5], [0.7, 2.5, 5.0]),
            ([1, 12, 3], [3.0, 0.4, 1.1]),
            ([8, 1, 9], [0.9, 1.0, 0.3]),
            ([6, 6, 1], [1.0, 0.5, 9.0]),
        ]
        .into_iter()
        .enumerate()
        {
            for share in [1, 4, 20] {
                let mut random = Random::new(case as u64, share);
                let count = size.iter().product();
                let sites: Vec<bool> =
                    (0..count).map(|_| random.below(40) < share as usize).collect();
                let nearest = Nearest::new(size, spacing, |at| sites[at], 2);
                let place =
                    |at: usize| [at % size[0], at / size[0] % size[1], at / size[0] / size[1]];
                for at in 0..count {
                    let here = place(at);
                    let squared = |site: usize| -> f64 {
                        let there = place(site);
                        let side = |a: usize| here[a].abs_diff(there[a]) as f64 * spacing[a];
                        (0..3).map(|a| side(a) * side(a)).sum()
                    };
                    let all = (0..count).filter(|site| sites[*site]).map(squared);
                    let expected = all.fold(f64::INFINITY, f64::min).sqrt();
                    let found = nearest.distance_mm(here);
                    assert!(found == expected || (found - expected).abs() < 1e-12);
                }
            }
        }
    }
}
