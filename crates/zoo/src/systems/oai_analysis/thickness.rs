//! Thickness of cartilage between its two sides (`mesh_processing.py`, `get_thickness_mesh`).

use super::Cartilage;
use super::split::split;
use crate::percentile::percentile;
use imaging::mesh::{Mesh, Nearest, Values, isosurface};

/// The share of cartilage at which its surface lies.
const LEVEL: f32 = 0.5;
/// Triangles of a piece of surface that is left out, at most (`filter_thresh`).
const SMALL: usize = 3000;
/// Triangles of a surface that is measured, at most. Of a knee on OAI's grid there are some hundred thousand; more
/// are the surface of noise, on which the work below would take minutes and mean nothing.
const MOST: usize = 1_000_000;
/// Times the surface is smoothed (`num_iterations`).
const SMOOTHINGS: usize = 150;
/// Millimetres without cartilage between the medial and the lateral plateau, at least.
const GAP_MM: f64 = 2.0;

/// The two sides of a cartilage, in OAI's orientation: x back, y down, z to the middle of the body; millimetres.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides {
    /// The side whose normals, out of the cartilage, point down: of the femur toward the joint, of the tibia toward
    /// the bone.
    pub inner: Mesh,
    /// From each of its points to the nearest place of the other side.
    pub inner_mm: Vec<f64>,
    /// The other side.
    pub outer: Mesh,
    /// From each of its points to the nearest place of the first.
    pub outer_mm: Vec<f64>,
}

/// Why a cartilage is not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// No piece of surface has more than 3000 triangles.
    Small,
    /// There are more than a million.
    Ragged,
}

/// Measures a map of shares `[z][y][x]`; `spacing_mm` along x, y, z.
pub fn measure(
    shares: &[f32],
    shape: [usize; 3],
    spacing_mm: [f64; 3],
    cartilage: Cartilage,
) -> Result<Sides, Unmeasured> {
    let small = Unmeasured::Small;
    let mut mesh = surface(shares, shape, spacing_mm).ok_or(small)?.without_small_pieces(SMALL);
    if mesh.triangles.len() > MOST {
        return Err(Unmeasured::Ragged);
    }
    mesh.smooth(SMOOTHINGS);
    let [inner, outer] = split(&mesh, cartilage).map(|side| mesh.some(&side));
    let [to_inner, to_outer] = [&inner, &outer].map(Nearest::new);
    let (to_inner, to_outer) = (to_inner.ok_or(small)?, to_outer.ok_or(small)?);
    let distances = |from: &Mesh, to: &Nearest| -> Vec<f64> {
        from.points.iter().map(|point| to.distance_mm(*point)).collect()
    };
    let (inner_mm, outer_mm) = (distances(&inner, &to_outer), distances(&outer, &to_inner));
    Ok(Sides { inner, inner_mm, outer, outer_mm })
}

/// The surface of the part of a map that is above the level, axes turned to x, y, z.
fn surface(shares: &[f32], [nz, ny, nx]: [usize; 3], spacing_mm: [f64; 3]) -> Option<Mesh> {
    let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
    for (row, values) in shares.chunks_exact(nx.max(1)).enumerate() {
        for (x, _) in values.iter().enumerate().filter(|(_, share)| **share > LEVEL) {
            for (axis, at) in [x, row % ny, row / ny].into_iter().enumerate() {
                low[axis] = low[axis].min(at);
                high[axis] = high[axis].max(at);
            }
        }
    }
    if low[0] == usize::MAX {
        return None;
    }
    let start = low.map(|at| at.saturating_sub(1));
    let whole = [nx, ny, nz];
    let size: [usize; 3] = std::array::from_fn(|n| (high[n] + 2).min(whole[n]) - start[n]);
    let mut values = Vec::with_capacity(size.iter().product());
    for x in start[0]..start[0] + size[0] {
        for y in start[1]..start[1] + size[1] {
            let at = |z: usize| shares[(z * ny + y) * nx + x];
            values.extend((start[2]..start[2] + size[2]).map(at));
        }
    }
    Some(isosurface(&Values { values: &values, size, start, spacing_mm }, LEVEL))
}

/// Thickness over some points of a side, in millimetres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Points.
    pub points: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Smallest: near 0, where both sides meet at the rim.
    pub min: f64,
    /// 5, 50 and 95 %.
    pub percentiles: [f64; 3],
    /// Largest.
    pub max: f64,
}

impl Summary {
    /// `None` of nothing.
    pub fn of(values: &[f64]) -> Option<Summary> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|mm| (mm - mean).powi(2)).sum::<f64>() / count;
        let mut ordered: Vec<f32> = values.iter().map(|&mm| mm as f32).collect();
        Some(Summary {
            points: values.len(),
            mean,
            sd: variance.sqrt(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            percentiles: [0.05, 0.5, 0.95].map(|share| percentile(&mut ordered, share)),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl Sides {
    /// Thickness at all points of the inner side.
    pub fn whole(&self) -> Option<Summary> {
        Summary::of(&self.inner_mm)
    }

    /// Of tibial cartilage: thickness of the lateral and the medial plateau, which the widest gap along z in the
    /// middle half of the cartilage tells apart; `None` without such a gap.
    pub fn plateaus(&self) -> Option<[Summary; 2]> {
        let mut along: Vec<f64> = self.inner.points.iter().map(|point| point[2]).collect();
        along.sort_unstable_by(f64::total_cmp);
        let (first, last) = (*along.first()?, *along.last()?);
        let quarter = (last - first) / 4.0;
        let (mut widest, mut border) = (GAP_MM, None);
        for pair in along.windows(2) {
            let middle = (pair[0] + pair[1]) / 2.0;
            if pair[1] - pair[0] >= widest && (first + quarter..=last - quarter).contains(&middle) {
                (widest, border) = (pair[1] - pair[0], Some(middle));
            }
        }
        let border = border?;
        let points = self.inner.points.iter().zip(&self.inner_mm);
        let (medial, lateral): (Vec<_>, Vec<_>) = points.partition(|(at, _)| at[2] > border);
        let of = |part: Vec<(&[f64; 3], &f64)>| {
            Summary::of(&part.into_iter().map(|(_, mm)| *mm).collect::<Vec<f64>>())
        };
        Some([of(lateral)?, of(medial)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_crumbs_have_no_thickness() {
        let shape = [20, 20, 20];
        let mut shares = vec![0.0f32; 8000];
        for cartilage in [Cartilage::Femoral, Cartilage::Tibial] {
            let found = measure(&shares, shape, [1.0; 3], cartilage);
            assert_eq!(found, Err(Unmeasured::Small));
            shares[8 * 400 + 8 * 20 + 8] = 1.0;
            let found = measure(&shares, shape, [1.0; 3], cartilage);
            assert_eq!(found, Err(Unmeasured::Small));
        }
        assert!(Summary::of(&[]).is_none());
    }

    #[test]
    fn the_surface_of_noise_is_not_measured() {
        let side = 96;
        let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 31) as f32;
        let shares: Vec<f32> = (0..side * side * side).map(noise).collect();
        let shape = [side as usize; 3];
        let found = measure(&shares, shape, [1.0; 3], Cartilage::Femoral);
        assert_eq!(found, Err(Unmeasured::Ragged));
    }

    #[test]
    fn plateaus_are_told_apart_by_the_gap() {
        let side = |at: &[(f64, f64)]| {
            let points: Vec<[f64; 3]> = at.iter().map(|(z, _)| [0.0, 0.0, *z]).collect();
            let inner = Mesh { points, triangles: Vec::new() };
            let inner_mm = at.iter().map(|(_, mm)| *mm).collect();
            Sides { inner, inner_mm, outer: Mesh::default(), outer_mm: Vec::new() }
        };
        let [lateral, medial] =
            side(&[(1.0, 3.0), (2.0, 1.0), (9.0, 2.0), (10.0, 2.5)]).plateaus().unwrap();
        assert_eq!((lateral.mean, lateral.max, lateral.min), (2.0, 3.0, 1.0));
        assert_eq!((medial.mean, medial.points, medial.sd), (2.25, 2, 0.25));
        assert!(side(&[(1.0, 3.0), (2.0, 1.0), (3.0, 2.0)]).plateaus().is_none());
        assert!(side(&[]).plateaus().is_none());
    }
}
