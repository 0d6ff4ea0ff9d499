//! Sizes, values and places of the structures of a label map.

use base::{Grid, ValueSummary};
use std::collections::BTreeMap;

/// Sums over the voxels of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Voxels.
    pub voxels: u64,
    finite: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    min: f64,
    max: f64,
    /// Sum of voxel indices along i, j, k.
    at: [f64; 3],
}

impl Sums {
    fn add(&mut self, at: [usize; 3], value: f32) {
        self.voxels += 1;
        (0..3).for_each(|axis| self.at[axis] += at[axis] as f64);
        let value = f64::from(value);
        if !value.is_finite() {
            return;
        }
        let first = self.finite == 0;
        self.finite += 1;
        // Welford, "Note on a method for calculating corrected sums of squares and products",
        // Technometrics 4 (1962): no loss where the mean is large beside the spread.
        let off = value - self.mean;
        self.mean += off / self.finite as f64;
        self.squares += off * (value - self.mean);
        self.min = if first { value } else { self.min.min(value) };
        self.max = if first { value } else { self.max.max(value) };
    }

    /// Both together (Chan, Golub and LeVeque 1979 for the squares).
    pub fn with(&self, other: &Sums) -> Sums {
        let finite = self.finite + other.finite;
        let (a, b) = (self.finite as f64, other.finite as f64);
        let off = other.mean - self.mean;
        let (min, max) = match (self.finite, other.finite) {
            (0, _) => (other.min, other.max),
            (_, 0) => (self.min, self.max),
            _ => (self.min.min(other.min), self.max.max(other.max)),
        };
        let share = if finite == 0 { 0.0 } else { b / finite as f64 };
        Sums {
            voxels: self.voxels + other.voxels,
            finite,
            mean: self.mean + off * share,
            squares: self.squares + other.squares + off * off * a * share,
            min,
            max,
            at: std::array::from_fn(|axis| self.at[axis] + other.at[axis]),
        }
    }

    /// Their volume on a grid, `|det|` of the affine for each voxel.
    pub fn volume_ml(&self, grid: &Grid) -> f64 {
        self.voxels as f64 * grid.affine.determinant().abs() / 1000.0
    }

    /// The values inside; `None` where there is no finite one.
    pub fn values(&self) -> Option<ValueSummary> {
        (self.finite > 0).then(|| ValueSummary {
            mean: self.mean,
            sd: (self.squares / self.finite as f64).max(0.0).sqrt(),
            min: self.min,
            max: self.max,
        })
    }

    /// Centre of mass in RAS+ millimetres.
    pub fn centre_mm(&self, grid: &Grid) -> Option<[f64; 3]> {
        let count = self.voxels as f64;
        (self.voxels > 0).then(|| grid.affine.apply(self.at.map(|sum| sum / count)))
    }
}

/// The sums of every label but 0. `labels` and `image` are `[k][j][i]` on the grid; empty where a
/// length does not fit.
pub fn measure(labels: &[u16], image: &[f32], grid: &Grid) -> BTreeMap<u16, Sums> {
    let mut sums = BTreeMap::new();
    let [width, height, _] = grid.size;
    if grid.len() != Some(labels.len()) || image.len() != labels.len() || grid.is_empty() {
        return sums;
    }
    for (row, line) in labels.chunks_exact(width).enumerate() {
        for (i, &label) in line.iter().enumerate() {
            if label != 0 {
                let sum: &mut Sums = sums.entry(label).or_default();
                sum.add([i, row % height, row / height], image[row * width + i]);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Affine;

    fn grid() -> Grid {
        Grid { size: [3, 2, 2], affine: Affine::scaling([2.0, 0.5, 3.0]) }
    }

    #[test]
    fn a_structure_has_volume_values_and_a_centre() {
        let labels = [0, 7, 7, 0, 0, 0, 0, 7, 7, 0, 9, 0];
        let image = [0.0, 1.0, 3.0, 0.0, 0.0, 0.0, 0.0, 5.0, 7.0, 0.0, f32::NAN, 0.0];
        let sums = measure(&labels, &image, &grid());
        let seven = sums[&7];
        assert_eq!(seven.voxels, 4);
        assert!((seven.volume_ml(&grid()) - 0.012).abs() < 1e-12);
        let values = seven.values().unwrap();
        assert_eq!((values.mean, values.min, values.max), (4.0, 1.0, 7.0));
        assert!((values.sd - 5f64.sqrt()).abs() < 1e-12);
        assert_eq!(seven.centre_mm(&grid()), Some([3.0, 0.0, 1.5]));
        assert_eq!(sums[&9].values(), None);
        assert_eq!(sums[&9].centre_mm(&grid()), Some([2.0, 0.5, 3.0]));
    }

    #[test]
    fn sums_of_parts_are_those_of_the_whole() {
        let labels = [1, 1, 2, 1, 2, 2, 2, 1, 1, 2, 2, 1];
        let image: Vec<f32> = (0..12).map(|i| (i * i) as f32 * 0.5 + 1000.0).collect();
        let parts = measure(&labels, &image, &grid());
        let whole = measure(&[1; 12], &image, &grid())[&1];
        let both = parts[&1].with(&parts[&2]);
        assert_eq!((both.voxels, both.min, both.max), (whole.voxels, whole.min, whole.max));
        assert!(
            (both.mean - whole.mean).abs() < 1e-9 && (both.squares - whole.squares).abs() < 1e-6
        );
        assert_eq!(Sums::default().with(&whole), whole);
    }

    #[test]
    fn what_does_not_fit_the_grid_measures_nothing() {
        assert!(measure(&[1; 5], &[0.0; 5], &grid()).is_empty());
        assert!(measure(&[1; 12], &[0.0; 5], &grid()).is_empty());
    }
}
