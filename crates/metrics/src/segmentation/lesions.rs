//! Lesion by lesion, as BraTS judges since 2023.

use super::{Components, Lattice, MaskPair, SurfaceDistances, components};
use crate::{Undefined, Value};

/// What counts as one lesion, and which are too small to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LesionRule {
    /// Reference lesions that touch after so many dilations are one; a prediction found in the
    /// dilated lesion belongs to it.
    pub dilations: usize,
    /// Reference lesions up to this size in mm³ are not judged.
    pub smallest_mm3: f64,
    /// HD95 of a lesion that was missed or made up, in millimetres.
    pub worst_mm: f64,
}

impl LesionRule {
    /// Adult glioma (GLI), sub-Saharan (SSA) and paediatric (PED) tracks: 3 dilations, 50 mm³; 374 mm
    /// is the diagonal of a BraTS volume, rounded up.
    pub const GLIOMA: LesionRule = LesionRule { dilations: 3, smallest_mm3: 50.0, worst_mm: 374.0 };
    /// Meningioma: 1 dilation, 50 mm³.
    pub const MENINGIOMA: LesionRule = LesionRule { dilations: 1, ..LesionRule::GLIOMA };
    /// Metastases: 1 dilation, 2 mm³.
    pub const METASTASES: LesionRule = LesionRule { smallest_mm3: 2.0, ..LesionRule::MENINGIOMA };
}

/// One lesion of the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lesion {
    /// Its volume.
    pub mm3: f64,
    /// Predicted parts that belong to it.
    pub found: usize,
    /// Dice with all of them.
    pub dice: f64,
    /// HD95 by area of surface elements; the rule's worst when nothing was found.
    pub hd95_mm: f64,
}

/// All lesions of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct LesionWise {
    /// Every lesion of the reference, also those too small to be judged.
    pub lesions: Vec<Lesion>,
    /// Judged lesions that were found.
    pub true_positives: usize,
    /// Judged lesions that were not.
    pub false_negatives: usize,
    /// Predicted parts that belong to no lesion, judged or not.
    pub false_positives: usize,
    /// Mean Dice over judged lesions and false positives, which count 0. Undefined with neither (the
    /// challenge counts it 1).
    pub dice: Value,
    /// Mean HD95 likewise, false positives counting the worst. Undefined with neither (the challenge
    /// counts it 0).
    pub hd95_mm: Value,
}

/// Lesion-wise scores of one tissue.
pub fn lesion_wise(
    predicted: &[bool],
    reference: &[bool],
    lattice: &Lattice,
    rule: &LesionRule,
    threads: usize,
) -> LesionWise {
    let lesions = merged(reference, lattice, rule.dilations);
    let parts = components(predicted, lattice.size);
    let mut belongs = vec![false; parts.count as usize + 1];
    let mut judged = Vec::with_capacity(lesions.count as usize);
    let voxel_mm3 = lattice.spacing_mm.iter().product::<f64>();
    for lesion in 1..=lesions.count {
        let own: Vec<bool> = lesions.labels.iter().map(|label| *label == lesion).collect();
        let reach = dilated(&own, lattice.size, rule.dilations);
        let mut mine = vec![false; parts.count as usize + 1];
        for (part, _) in parts.labels.iter().zip(&reach).filter(|(part, near)| **near && **part > 0)
        {
            mine[*part as usize] = true;
            belongs[*part as usize] = true;
        }
        let pair =
            MaskPair::cut(lattice, |at| mine[parts.labels[at] as usize], |at| own[at], threads);
        let overlap = pair.overlap();
        let hd95 = SurfaceDistances::of_surfels(&pair, threads).map(|d| d.percentile_mm(95.0));
        judged.push(Lesion {
            mm3: overlap.reference() as f64 * voxel_mm3,
            found: mine.iter().filter(|is| **is).count(),
            dice: overlap.dice().unwrap_or(0.0),
            hd95_mm: hd95.unwrap_or(rule.worst_mm),
        });
    }
    let false_positives = belongs.iter().skip(1).filter(|belongs| !**belongs).count();
    let large = || judged.iter().filter(|lesion| lesion.mm3 > rule.smallest_mm3);
    let count = large().count() + false_positives;
    let mean =
        |sum: f64| if count == 0 { Err(Undefined::BothEmpty) } else { Ok(sum / count as f64) };
    LesionWise {
        true_positives: large().filter(|lesion| lesion.found > 0).count(),
        false_negatives: large().filter(|lesion| lesion.found == 0).count(),
        false_positives,
        dice: mean(large().map(|lesion| lesion.dice).sum()),
        hd95_mm: mean(
            large().map(|lesion| lesion.hd95_mm).sum::<f64>()
                + false_positives as f64 * rule.worst_mm,
        ),
        lesions: judged,
    }
}

/// Lesions of the reference, joined where their dilations touch.
fn merged(reference: &[bool], lattice: &Lattice, dilations: usize) -> Components {
    let wide = dilated(reference, lattice.size, dilations);
    let mut found = components(&wide, lattice.size);
    found
        .labels
        .iter_mut()
        .zip(reference)
        .filter(|(_, is)| !**is)
        .for_each(|(label, _)| *label = 0);
    found
}

/// Dilated `times` times by the 18 neighbours that share a face or an edge.
fn dilated(mask: &[bool], size: [usize; 3], times: usize) -> Vec<bool> {
    let [nx, ny, nz] = size;
    let mut mask = mask.to_vec();
    let mut front: Vec<usize> = (0..mask.len()).filter(|at| mask[*at]).collect();
    for _ in 0..times {
        let mut next = Vec::new();
        for at in front {
            let (i, j, k) = (at % nx, at / nx % ny, at / nx / ny);
            for (di, dj, dk) in neighbours_18() {
                let (x, y, z) = (i as isize + di, j as isize + dj, k as isize + dk);
                let inside = x >= 0
                    && y >= 0
                    && z >= 0
                    && x < nx as isize
                    && y < ny as isize
                    && z < nz as isize;
                if inside {
                    let near = x as usize + nx * (y as usize + ny * z as usize);
                    if !mask[near] {
                        mask[near] = true;
                        next.push(near);
                    }
                }
            }
        }
        front = next;
    }
    mask
}

fn neighbours_18() -> impl Iterator<Item = (isize, isize, isize)> {
    (0..27isize)
        .map(|n| (n % 3 - 1, n / 3 % 3 - 1, n / 9 - 1))
        .filter(|(i, j, k)| (1..=2).contains(&(i.abs() + j.abs() + k.abs())))
}
