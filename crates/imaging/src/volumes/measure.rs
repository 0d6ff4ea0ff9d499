//! Sizes, values and places of the structures of a label map.

use base::{Grid, ValueSummary, Volume};
use kernels::Pool;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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

/// Planes summed by one task: sums are put together in the same order for any number of threads.
const PLANES: usize = 8;

/// The sums of every label but 0 over the values of the volume's first frame. `labels` are `[k][j][i]` on its grid;
/// empty where their number does not fit.
pub fn measure(labels: &[u16], volume: &Volume, pool: &Pool) -> BTreeMap<u16, Sums> {
    let mut sums = BTreeMap::new();
    let grid = volume.grid();
    if grid.len() != Some(labels.len()) || grid.is_empty() {
        return sums;
    }
    let bands: Vec<Band> = labels
        .chunks(PLANES * grid.size[0] * grid.size[1])
        .enumerate()
        .map(|(band, labels)| Band { labels, first: band * PLANES, size: grid.size })
        .collect();
    let found: Vec<Mutex<BTreeMap<u16, Sums>>> = bands.iter().map(|_| Mutex::default()).collect();
    pool.run(bands.len(), |n| {
        let sums = bands[n].sums(volume);
        *found[n].lock().unwrap_or_else(PoisonError::into_inner) = sums;
    });
    for band in found {
        for (label, more) in band.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let sum: &mut Sums = sums.entry(label).or_default();
            *sum = sum.with(&more);
        }
    }
    sums
}

/// Some planes of a label map.
struct Band<'a> {
    labels: &'a [u16],
    /// Its first plane.
    first: usize,
    size: [usize; 3],
}

impl Band<'_> {
    #[allow(clippy::unnecessary_cast)] // one body for every type
    fn sums(&self, volume: &Volume) -> BTreeMap<u16, Sums> {
        let start = self.first * self.size[0] * self.size[1];
        let here = start..start + self.labels.len();
        // As `Volume::frame_f32` makes them.
        let found = match volume.scale {
            None => base::each_voxel!(volume.voxels(), v => self.add(&v[here], |x| x as f32)),
            Some(scale) => base::each_voxel!(volume.voxels(), v => {
                self.add(&v[here], |x| scale.apply(x as f64) as f32)
            }),
        };
        found.into_iter().map(|(label, sum)| (label, sum.finish())).collect()
    }

    fn add<T: Copy>(&self, values: &[T], value: impl Fn(T) -> f32) -> BTreeMap<u16, Running> {
        let mut found: BTreeMap<u16, Running> = BTreeMap::new();
        let [width, height, _] = self.size;
        let rows = self.labels.chunks_exact(width).zip(values.chunks_exact(width));
        for (row, (labels, values)) in rows.enumerate() {
            let at = [row % height, self.first + row / height];
            let mut start = 0;
            for run in labels.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                if run[0] != 0 {
                    let sum = found.entry(run[0]).or_default();
                    sum.run(start, at, values[start..end].iter().map(|&v| f64::from(value(v))));
                }
                start = end;
            }
        }
        found
    }
}

/// Sums while they are taken: of distances from the first value, so that nothing is lost where the mean is large
/// beside the spread.
#[derive(Clone, Copy, Default)]
struct Running {
    voxels: u64,
    at: [u64; 3],
    finite: u64,
    first: f64,
    off: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Running {
    /// Neighbours along i from `start` on, in the row `[j, k]`.
    fn run(&mut self, start: usize, row: [usize; 2], values: impl ExactSizeIterator<Item = f64>) {
        let count = values.len() as u64;
        self.voxels += count;
        self.at[0] += count * start as u64 + count * count.saturating_sub(1) / 2;
        self.at[1] += count * row[0] as u64;
        self.at[2] += count * row[1] as u64;
        for value in values.filter(|value| value.is_finite()) {
            if self.finite == 0 {
                (self.first, self.min, self.max) = (value, value, value);
            }
            self.finite += 1;
            let off = value - self.first;
            self.off += off;
            self.squares += off * off;
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
    }

    fn finish(&self) -> Sums {
        let count = self.finite.max(1) as f64;
        let off = self.off / count;
        Sums {
            voxels: self.voxels,
            finite: self.finite,
            mean: self.first + off,
            squares: (self.squares - off * self.off).max(0.0),
            min: self.min,
            max: self.max,
            at: self.at.map(|sum| sum as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Affine, Voxels};

    fn grid() -> Grid {
        Grid { size: [3, 2, 2], affine: Affine::scaling([2.0, 0.5, 3.0]) }
    }

    fn sums(labels: &[u16], image: &[f32]) -> BTreeMap<u16, Sums> {
        let volume = Volume::new(grid(), Voxels::F32(image.to_vec())).unwrap();
        measure(labels, &volume, &Pool::new(1))
    }

    #[test]
    fn a_structure_has_volume_values_and_a_centre() {
        let labels = [0, 7, 7, 0, 0, 0, 0, 7, 7, 0, 9, 0];
        let image = [0.0, 1.0, 3.0, 0.0, 0.0, 0.0, 0.0, 5.0, 7.0, 0.0, f32::NAN, 0.0];
        let sums = sums(&labels, &image);
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
        let parts = sums(&labels, &image);
        let whole = sums(&[1; 12], &image)[&1];
        let both = parts[&1].with(&parts[&2]);
        assert_eq!((both.voxels, both.min, both.max), (whole.voxels, whole.min, whole.max));
        assert!(
            (both.mean - whole.mean).abs() < 1e-9 && (both.squares - whole.squares).abs() < 1e-6
        );
        assert_eq!(Sums::default().with(&whole), whole);
    }

    #[test]
    fn what_does_not_fit_the_grid_measures_nothing() {
        assert!(sums(&[1; 5], &[0.0; 12]).is_empty());
    }

    /// Every kind of voxel, scaled or not, as if the values had been made numbers first; threads do not show.
    #[test]
    fn stored_numbers_are_scaled_and_threads_do_not_show() {
        let grid = Grid { size: [5, 7, 40], affine: Affine::scaling([1.0; 3]) };
        let labels: Vec<u16> = (0..1400).map(|n| (n * 7 % 11 % 4) as u16).collect();
        let stored: Vec<i16> = (0..1400).map(|n| (n * n % 4001 - 2000) as i16).collect();
        let mut volume = Volume::new(grid, Voxels::I16(stored)).unwrap();
        volume.scale = Some(base::Scale { slope: 0.3, intercept: -7.0 });
        let found = measure(&labels, &volume, &Pool::new(1));
        assert_eq!(found, measure(&labels, &volume, &Pool::new(3)));
        let values = volume.frame_f32(0);
        for label in 1..4 {
            let of = |n: &usize| labels[*n] == label;
            let own: Vec<f64> = (0..1400).filter(of).map(|n| f64::from(values[n])).collect();
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            let sd =
                (own.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / own.len() as f64).sqrt();
            let told = found[&label].values().unwrap();
            assert_eq!(found[&label].voxels, own.len() as u64);
            assert!((told.mean - mean).abs() < 1e-9 && (told.sd - sd).abs() < 1e-9);
            assert_eq!(told.min, own.iter().copied().fold(f64::INFINITY, f64::min));
            let at: Vec<f64> = (0..1400).filter(of).map(|n| (n / 35) as f64).collect();
            let k = at.iter().sum::<f64>() / at.len() as f64;
            assert!((found[&label].centre_mm(&grid).unwrap()[2] - k).abs() < 1e-9);
        }
    }
}
