//! From every point of one surface to the other, and the measures made of it.

use super::nearest::{LONGEST, Nearest};
use super::surface::{border, surfels};
use super::{Lattice, MaskPair};
use crate::Undefined;
use crate::stats::quantile_sorted;

/// Distances from surface to surface, both ways, in millimetres.
///
/// Made of border voxels, each counting alike, or of surface elements, each counting by its area.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceDistances {
    /// From the prediction's surface to the reference's.
    predicted: Directed,
    /// From the reference's surface to the prediction's.
    reference: Directed,
}

/// Distances of one direction, sorted, with the area of each.
#[derive(Clone, Debug, PartialEq)]
struct Directed {
    mm: Vec<f64>,
    /// Empty when every point counts alike.
    areas: Vec<f64>,
}

impl SurfaceDistances {
    /// Between border voxels, as MONAI (`use_subvoxels=False`), MetricsReloaded and medpy measure.
    ///
    /// Undefined when a mask is empty, by name of what the case is, and when the box of both is longer
    /// than 65 533 voxels.
    pub fn of_voxels(pair: &MaskPair, threads: usize) -> Result<SurfaceDistances, Undefined> {
        measurable(pair)?;
        let lattice = &pair.lattice;
        let predicted = border(&pair.predicted, lattice, threads);
        let reference = border(&pair.reference, lattice, threads);
        let one_way = |from: &[bool], to: &[bool]| {
            let mm = directed(lattice.size, lattice, |at| from[at], |at| to[at], threads);
            let mut mm: Vec<f64> = mm.into_iter().map(|(mm, _)| mm).collect();
            mm.sort_unstable_by(f64::total_cmp);
            Directed { mm, areas: Vec::new() }
        };
        Ok(SurfaceDistances {
            predicted: one_way(&predicted, &reference),
            reference: one_way(&reference, &predicted),
        })
    }

    /// Between surface elements weighted by area, as DeepMind's surface-distance measures (and MONAI
    /// with `use_subvoxels=True`).
    ///
    /// Undefined when a mask is empty, by name of what the case is, and when the box of both is longer
    /// than 65 533 voxels.
    pub fn of_surfels(pair: &MaskPair, threads: usize) -> Result<SurfaceDistances, Undefined> {
        measurable(pair)?;
        let lattice = &pair.lattice;
        let predicted = surfels(&pair.predicted, lattice, threads);
        let reference = surfels(&pair.reference, lattice, threads);
        let one_way = |from: &super::surface::Surfels, to: &super::surface::Surfels| {
            let found = directed(
                from.size,
                lattice,
                |at| from.is_surface(from.codes[at]),
                |at| to.is_surface(to.codes[at]),
                threads,
            );
            let mut rows: Vec<(f64, f64)> = found
                .into_iter()
                .map(|(mm, at)| (mm, from.areas[usize::from(from.codes[at])]))
                .collect();
            rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let (mm, areas) = rows.into_iter().unzip();
            Directed { mm, areas }
        };
        Ok(SurfaceDistances {
            predicted: one_way(&predicted, &reference),
            reference: one_way(&reference, &predicted),
        })
    }

    /// The Hausdorff distance: the farthest that any point of either surface lies from the other.
    pub fn hausdorff_mm(&self) -> f64 {
        self.predicted.last().max(self.reference.last())
    }

    /// The larger of both directions' percentiles (`percent` 95 for HD95). Of voxels by linear
    /// interpolation, as MONAI and MetricsReloaded; of surfels by area without interpolation, as
    /// DeepMind.
    pub fn percentile_mm(&self, percent: f64) -> f64 {
        self.predicted.percentile(percent).max(self.reference.percentile(percent))
    }

    /// Percentile of both directions' distances in one list, as medpy takes HD95. Meant for voxels.
    pub fn pooled_percentile_mm(&self, percent: f64) -> f64 {
        let mut pool: Vec<f64> =
            self.predicted.mm.iter().chain(&self.reference.mm).copied().collect();
        pool.sort_unstable_by(f64::total_cmp);
        quantile_sorted(&pool, percent / 100.0).unwrap_or(f64::INFINITY)
    }

    /// Average symmetric surface distance: all distances of both directions, averaged in one (ASSD;
    /// MONAI's `compute_average_surface_distance(symmetric=True)`, MetricsReloaded).
    pub fn assd_mm(&self) -> f64 {
        let (p, r) = (self.predicted.sums(), self.reference.sums());
        (p.0 + r.0) / (p.1 + r.1)
    }

    /// Mean of the two directions' averages (MASD).
    pub fn masd_mm(&self) -> f64 {
        0.5 * (self.predicted_to_reference_mm() + self.reference_to_predicted_mm())
    }

    /// Average distance from the prediction's surface to the reference's.
    pub fn predicted_to_reference_mm(&self) -> f64 {
        let (sum, weight) = self.predicted.sums();
        sum / weight
    }

    /// Average distance from the reference's surface to the prediction's.
    pub fn reference_to_predicted_mm(&self) -> f64 {
        let (sum, weight) = self.reference.sums();
        sum / weight
    }

    /// Normalised surface Dice: the share of both surfaces that lies within `tolerance_mm` of the
    /// other, the tolerance included.
    pub fn surface_dice(&self, tolerance_mm: f64) -> f64 {
        let (p, r) = (self.predicted.within(tolerance_mm), self.reference.within(tolerance_mm));
        (p + r) / (self.predicted.sums().1 + self.reference.sums().1)
    }
}

impl Directed {
    fn last(&self) -> f64 {
        self.mm.last().copied().unwrap_or(f64::INFINITY)
    }

    fn percentile(&self, percent: f64) -> f64 {
        if self.areas.is_empty() {
            return quantile_sorted(&self.mm, percent / 100.0).unwrap_or(f64::INFINITY);
        }
        let total: f64 = self.areas.iter().sum();
        let mut so_far = 0.0;
        for (mm, area) in self.mm.iter().zip(&self.areas) {
            so_far += area;
            if so_far / total >= percent / 100.0 {
                return *mm;
            }
        }
        self.last()
    }

    /// Σ distance · area, and Σ area.
    fn sums(&self) -> (f64, f64) {
        if self.areas.is_empty() {
            return (self.mm.iter().sum(), self.mm.len() as f64);
        }
        let weighted = self.mm.iter().zip(&self.areas).map(|(mm, area)| mm * area).sum();
        (weighted, self.areas.iter().sum())
    }

    fn within(&self, tolerance_mm: f64) -> f64 {
        let count = self.mm.partition_point(|mm| *mm <= tolerance_mm);
        if self.areas.is_empty() { count as f64 } else { self.areas[..count].iter().sum() }
    }
}

/// Both masks hold something, and the box is not too long for 16-bit steps.
fn measurable(pair: &MaskPair) -> Result<(), Undefined> {
    pair.overlap().status().measurable()?;
    // Surfels need one step more.
    let fits = pair.lattice.size[..2].iter().all(|side| *side < LONGEST);
    if fits { Ok(()) } else { Err(Undefined::TooLarge) }
}

/// Distance and place of every point where `from` holds to the nearest where `to` does.
fn directed(
    size: [usize; 3],
    lattice: &Lattice,
    from: impl Fn(usize) -> bool + Sync,
    to: impl Fn(usize) -> bool + Sync,
    threads: usize,
) -> Vec<(f64, usize)> {
    let nearest = Nearest::new(size, lattice.spacing_mm, to, threads);
    let slice = size[0] * size[1];
    let slices = crate::parallel::map(size[2], threads, |k| {
        let mut found = Vec::new();
        for at in (slice * k..slice * (k + 1)).filter(|at| from(*at)) {
            let (i, j) = (at % size[0], at / size[0] % size[1]);
            found.push((nearest.distance_mm([i, j, k]), at));
        }
        found
    });
    slices.concat()
}
