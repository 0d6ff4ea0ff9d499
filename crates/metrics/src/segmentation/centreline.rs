//! Centre lines: thinning after Lee, Kashyap and Chu (1994), and clDice (Shit et al. 2021).

use super::Lattice;
use crate::{Undefined, Value};

/// How well centre lines lie inside the other mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CentrelineDice {
    /// Share of the prediction's centre line inside the reference.
    pub precision: Value,
    /// Share of the reference's centre line inside the prediction.
    pub sensitivity: Value,
    /// Harmonic mean of both; undefined when a mask is empty, by name of what the case is.
    pub cl_dice: Value,
}

/// clDice of two masks of tubes.
pub fn centreline_dice(
    predicted: &[bool],
    reference: &[bool],
    lattice: &Lattice,
) -> CentrelineDice {
    if let Err(why) = super::Overlap::of(predicted, reference).status().measurable() {
        return CentrelineDice { precision: Err(why), sensitivity: Err(why), cl_dice: Err(why) };
    }
    let inside = |line: Vec<bool>, mask: &[bool]| -> Value {
        let length = line.iter().filter(|is| **is).count();
        let both = line.iter().zip(mask).filter(|(a, b)| **a && **b).count();
        if length == 0 { Err(Undefined::BothEmpty) } else { Ok(both as f64 / length as f64) }
    };
    let precision = inside(skeleton(predicted, lattice), reference);
    let sensitivity = inside(skeleton(reference, lattice), predicted);
    let cl_dice = match (precision, sensitivity) {
        (Ok(p), Ok(s)) if p + s > 0.0 => Ok(2.0 * p * s / (p + s)),
        (Ok(_), Ok(_)) => Ok(0.0),
        (Err(why), _) | (_, Err(why)) => Err(why),
    };
    CentrelineDice { precision, sensitivity, cl_dice }
}

/// The centre line of a mask: `skimage.morphology.skeletonize(method="lee")` of scikit-image 0.26, of
/// the array with axes x, y, z.
///
/// Border voxels are taken away side by side as long as the mask stays connected, keeps its holes and
/// does not shrink from its ends.
pub fn skeleton(mask: &[bool], lattice: &Lattice) -> Vec<bool> {
    let mut thin = Thinning::new(mask, lattice);
    // Sides in the order of the reference: steps along its axes (plane, row, column).
    let sides: &[[isize; 3]] =
        &[[0, -1, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]];
    let sides: Vec<[isize; 3]> =
        sides.iter().copied().filter(|side| !lattice.flat || side[0] == 0).collect();
    loop {
        let mut unchanged = 0;
        for side in &sides {
            unchanged += usize::from(!thin.peel(*side));
        }
        if unchanged == sides.len() {
            return thin.into_mask(lattice);
        }
    }
}

/// A mask in a frame of background, and its voxels in the reference's order.
struct Thinning {
    size: [usize; 3],
    voxels: Vec<bool>,
    /// Indices of the voxels left, in rising order.
    left: Vec<usize>,
    /// Steps to the 27 voxels around one, itself in the middle.
    around: [isize; 27],
}

/// Axes of the lattice as plane, row and column: of a picture the plane is the missing depth.
fn axes(lattice: &Lattice) -> [usize; 3] {
    if lattice.flat { [2, 0, 1] } else { [0, 1, 2] }
}

impl Thinning {
    fn new(mask: &[bool], lattice: &Lattice) -> Thinning {
        let axes = axes(lattice);
        let size = axes.map(|axis| lattice.size[axis] + 2);
        let mut voxels = vec![false; size.iter().product()];
        let mut left = Vec::new();
        for (at, _) in mask.iter().enumerate().filter(|(_, is)| **is) {
            let place = place(at, lattice);
            let [p, r, c] = axes.map(|axis| place[axis] + 1);
            let index = c + size[2] * (r + size[1] * p);
            voxels[index] = true;
            left.push(index);
        }
        left.sort_unstable();
        let mut around = [0; 27];
        for (n, step) in around.iter_mut().enumerate() {
            let n = n as isize;
            let (p, r, c) = (n / 9 - 1, n / 3 % 3 - 1, n % 3 - 1);
            *step = c + size[2] as isize * (r + size[1] as isize * p);
        }
        Thinning { size, voxels, left, around }
    }

    /// Takes away what may go on one side; whether anything went.
    fn peel(&mut self, [p, r, c]: [isize; 3]) -> bool {
        let step = c + self.size[2] as isize * (r + self.size[1] as isize * p);
        let open = |at: &&usize| !self.voxels[at.wrapping_add_signed(step)];
        let candidates: Vec<usize> =
            self.left.iter().filter(open).copied().filter(|at| self.may_go(*at)).collect();
        let mut changed = false;
        for at in candidates {
            // Only this is asked again, as in the reference: its neighbours may have gone meanwhile.
            if is_simple(&self.around.map(|step| self.voxels[at.wrapping_add_signed(step)])) {
                self.voxels[at] = false;
                changed = true;
            }
        }
        if changed {
            let voxels = &self.voxels;
            self.left.retain(|at| voxels[*at]);
        }
        changed
    }

    fn may_go(&self, at: usize) -> bool {
        let near = self.around.map(|step| self.voxels[at.wrapping_add_signed(step)]);
        let neighbours = near.iter().filter(|is| **is).count() - 1;
        neighbours != 1 && keeps_euler(&near) && is_simple(&near)
    }

    fn into_mask(self, lattice: &Lattice) -> Vec<bool> {
        let axes = axes(lattice);
        (0..lattice.len())
            .map(|at| {
                let place = place(at, lattice);
                let [p, r, c] = axes.map(|axis| place[axis] + 1);
                self.voxels[c + self.size[2] * (r + self.size[1] * p)]
            })
            .collect()
    }
}

fn place(at: usize, lattice: &Lattice) -> [usize; 3] {
    let [nx, ny, _] = lattice.size;
    [at % nx, at / nx % ny, at / nx / ny]
}

/// Taking the middle voxel away leaves the Euler characteristic as it is: of the corners, edges and
/// faces that only this voxel has, and the voxel itself, corners − edges + faces − 1 = 0.
fn keeps_euler(near: &[bool; 27]) -> bool {
    let set = |p: isize, r: isize, c: isize| near[(9 * (p + 1) + 3 * (r + 1) + c + 1) as usize];
    let mut sum = -1;
    // A face, edge or corner lies toward (p, r, c); it is shared with every voxel that has some of
    // these steps and no other.
    for n in 0..27isize {
        let toward = [n / 9 - 1, n / 3 % 3 - 1, n % 3 - 1];
        let rank = toward.iter().filter(|step| **step != 0).count();
        if rank == 0 {
            continue;
        }
        let shared = (1..8).any(|part: isize| {
            let [p, r, c] =
                [0, 1, 2].map(|axis| if part >> axis & 1 == 1 { toward[axis] } else { 0 });
            (p, r, c) != (0, 0, 0) && set(p, r, c)
        });
        if !shared {
            // Faces add, edges take away, corners add.
            sum += if rank == 2 { -1 } else { 1 };
        }
    }
    sum == 0
}

/// The voxels around the middle one hang together without it (26 neighbours).
fn is_simple(near: &[bool; 27]) -> bool {
    let mut seen = [false; 27];
    let mut parts = 0;
    for start in (0..27).filter(|n| *n != 13) {
        if !near[start] || seen[start] {
            continue;
        }
        parts += 1;
        if parts > 1 {
            return false;
        }
        let mut stack = vec![start];
        seen[start] = true;
        while let Some(at) = stack.pop() {
            for other in (0..27).filter(|n| *n != 13) {
                let close = |by: usize, of: usize| (at / by % of).abs_diff(other / by % of) <= 1;
                if near[other] && !seen[other] && close(9, 3) && close(3, 3) && close(1, 3) {
                    seen[other] = true;
                    stack.push(other);
                }
            }
        }
    }
    true
}
