//! Labels between grids by Gaussian weights: SimpleITK's `sitkLabelGaussian`, smoother at borders
//! than the nearest label.
//!
//! Facts, from ITK's `LabelImageGaussianInterpolateImageFunction` and measured on SimpleITK 2.5
//! (sigma the spacing, cut off at one sigma): a voxel weighs what a Gaussian of one voxel's sigma
//! holds of it along each axis; of the labels within reach the one that gathers most wins, counted
//! in the order of the voxels, so that of equals the one that is complete first does.

use super::grid::{Line, inside, prepare};
use super::labels::Label;
use super::parallel::each;
use base::{Grid, Result};
use kernels::Pool;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Labels from the grid `from` (i fastest, `[k][j][i]`) to the grid `to`. Errors: as
/// [`GridResampler::new`](super::GridResampler::new).
pub fn labels_to_grid_smooth<L: Label>(
    pool: &Pool,
    labels: &[L],
    from: &Grid,
    to: &Grid,
    outside: L,
) -> Result<Vec<L>> {
    let (map, from, to) = prepare(labels.len(), from, to)?;
    let mut out = vec![outside; to.iter().product()];
    each(pool, out.chunks_exact_mut(to[1] * to[2]).collect(), |k, plane| {
        let mut gathered: Vec<(L, f64)> = Vec::new();
        for (j, row) in plane.chunks_exact_mut(to[2]).enumerate() {
            let line = Line::new(&map, j, k, to[2]);
            for (i, out) in row.iter_mut().enumerate() {
                let at = line.at(i);
                if inside(at, from) {
                    *out = winner(labels, from, at, &mut gathered);
                }
            }
        }
    });
    Ok(out)
}

fn winner<L: Label>(
    labels: &[L],
    from: [usize; 3],
    at: [f64; 3],
    gathered: &mut Vec<(L, f64)>,
) -> L {
    let [planes, lines, columns] = [0, 1, 2].map(|axis| shares(at[2 - axis], from[axis]));
    gathered.clear();
    let mut best = (L::default(), 0.0);
    for (k, u) in planes.iter() {
        for (j, v) in lines.iter() {
            let start = (k * from[1] + j) * from[2];
            for (i, w) in columns.iter() {
                let (label, share) = (labels[start + i], w * v * u);
                let sum = match gathered.iter_mut().find(|entry| entry.0 == label) {
                    Some(entry) => {
                        entry.1 += share;
                        entry.1
                    }
                    None => {
                        gathered.push((label, share));
                        share
                    }
                };
                if sum > best.1 {
                    best = (label, sum);
                }
            }
        }
    }
    best.0
}

/// Voxels within reach along one axis, at most four, and their shares.
struct Shares {
    first: usize,
    count: usize,
    shares: [f64; 4],
}

impl Shares {
    fn iter(&self) -> impl Iterator<Item = (usize, f64)> {
        (self.first..).zip(self.shares[..self.count].iter().copied())
    }
}

fn shares(x: f64, n: usize) -> Shares {
    let first = (x - 0.5).floor().max(0.0) as usize;
    let end = ((x + 1.5).ceil().max(0.0) as usize).min(n);
    let count = end.saturating_sub(first).min(4);
    let mut edge = (first as f64 - 0.5 - x) * FRAC_1_SQRT_2;
    let mut below = erf(edge);
    let mut shares = [0.0; 4];
    for share in &mut shares[..count] {
        edge += FRAC_1_SQRT_2;
        let up_to = erf(edge);
        *share = up_to - below;
        below = up_to;
    }
    Shares { first, count, shares }
}

/// The error function within a few units, by the series whose terms all have one sign
/// (Abramowitz and Stegun 7.1.6).
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    let mut n = 1.0;
    while f64::abs(term) > 1e-18 && n < 100.0 {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_has_its_known_values() {
        for (x, expected) in
            [(0.0, 0.0), (0.5, 0.520_499_877_813_046_5), (-1.0, -0.842_700_792_949_714_9)]
        {
            assert!((erf(x) - expected).abs() < 1e-15, "{x}: {}", erf(x));
        }
    }
}
