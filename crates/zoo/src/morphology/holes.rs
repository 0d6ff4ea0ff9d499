//! Holes: background that does not reach the border.

use super::{Components, Neighbours};

/// The mask with all background filled that cannot be reached from outside through voxels that touch
/// as `through` says: `fill_voids.fill` and `scipy.ndimage.binary_fill_holes` by faces, the latter with
/// a structure of ones by corners, too. Of a plane the border is its edge.
pub fn fill_holes(mask: &[bool], shape: [usize; 3], through: Neighbours) -> Vec<bool> {
    let [depth, height, width] = shape;
    let outside: Vec<bool> = mask.iter().map(|inside| !inside).collect();
    let found = Components::of_mask(&outside, shape, through);
    let mut reached = vec![false; found.sizes.len()];
    for run in &found.runs {
        let (row, first, last) = (run.start / width, run.start % width, (run.end - 1) % width);
        let (z, y) = (row / height, row % height);
        let edge = first == 0 || last + 1 == width || y == 0 || y + 1 == height;
        reached[run.component] |= edge || (depth > 1 && (z == 0 || z + 1 == depth));
    }
    let open = found.mask(mask.len(), |component| reached[component]);
    open.iter().map(|open| !open).collect()
}

/// A plane with all background of fewer than `least` voxels filled, those touching by faces taken
/// together, at the border too (`skimage.morphology.area_closing` of a binary picture).
pub fn fill_small_holes(mask: &[bool], shape: [usize; 3], least: usize) -> Vec<bool> {
    let outside: Vec<bool> = mask.iter().map(|inside| !inside).collect();
    let found = Components::of_mask(&outside, shape, Neighbours::Faces);
    let open = found.mask(mask.len(), |component| found.sizes[component] >= least);
    open.iter().map(|open| !open).collect()
}
