//! Growing and shrinking by faces, edges or corners (`scipy.ndimage.generate_binary_structure(3, n)`); beyond
//! the volume nothing is set.

use super::Neighbours;

/// Each voxel and those that touch it, `times` over (`scipy.ndimage.binary_dilation`).
pub fn grow(mask: &[bool], shape: [usize; 3], by: Neighbours, times: usize) -> Vec<bool> {
    (0..times).fold(mask.to_vec(), |mask, _| touched(&mask, shape, by, false))
}

/// Voxels all of whose neighbours are set, `times` over (`scipy.ndimage.binary_erosion`, `border_value=0`).
pub fn shrink(mask: &[bool], shape: [usize; 3], by: Neighbours, times: usize) -> Vec<bool> {
    let mut outside: Vec<bool> = mask.iter().map(|inside| !inside).collect();
    for _ in 0..times {
        outside = touched(&outside, shape, by, true);
    }
    outside.into_iter().map(|outside| !outside).collect()
}

/// What is set or touches it; `beyond` says whether what lies beyond the volume is set.
fn touched(mask: &[bool], shape: [usize; 3], by: Neighbours, beyond: bool) -> Vec<bool> {
    let along = |mask: &[bool], axis: usize| line(mask, shape, axis, beyond);
    let a = along(mask, 0);
    let parts = match by {
        Neighbours::Faces => [a, along(mask, 1), along(mask, 2)],
        Neighbours::Edges => [along(&a, 1), along(&a, 2), along(&along(mask, 1), 2)],
        Neighbours::All => return along(&along(&a, 1), 2),
    };
    let [mut out, second, third] = parts;
    for (out, (second, third)) in out.iter_mut().zip(second.into_iter().zip(third)) {
        *out |= second || third;
    }
    out
}

/// Each voxel or one of its two neighbours along an axis.
fn line(mask: &[bool], shape: [usize; 3], axis: usize, beyond: bool) -> Vec<bool> {
    let step = shape[axis + 1..].iter().product::<usize>();
    let block = step * shape[axis];
    let mut out = mask.to_vec();
    if block == 0 {
        return out;
    }
    for (out, from) in out.chunks_exact_mut(block).zip(mask.chunks_exact(block)) {
        for (out, from) in out[step..].iter_mut().zip(from) {
            *out |= from;
        }
        for (out, from) in out.iter_mut().zip(&from[step..]) {
            *out |= from;
        }
        if beyond {
            out[..step].fill(true);
            out[block - step..].fill(true);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::morphology::{dilate, erode};
    use engine::weights::synth::noise;

    #[test]
    fn faces_edges_and_corners_give_six_eighteen_and_twenty_six_neighbours() {
        let mut mask = vec![false; 125];
        mask[62] = true;
        let kinds = [Neighbours::Faces, Neighbours::Edges, Neighbours::All];
        for (by, count) in kinds.into_iter().zip([7, 19, 27]) {
            let grown = grow(&mask, [5; 3], by, 1);
            assert_eq!(grown.iter().filter(|inside| **inside).count(), count);
            assert_eq!(shrink(&grown, [5; 3], by, 1), mask);
        }
        // All of a volume loses its border.
        assert_eq!(shrink(&[true; 125], [5; 3], Neighbours::Edges, 2), mask);
    }

    #[test]
    fn by_faces_as_the_routines_for_faces_alone() {
        let shape = [4, 7, 9];
        let mask: Vec<bool> = noise("around", 4 * 7 * 9).iter().map(|value| *value > 0.2).collect();
        assert_eq!(grow(&mask, shape, Neighbours::Faces, 2), dilate(&mask, shape, 2));
        let full: Vec<bool> = mask.iter().map(|inside| !inside).collect();
        let full = dilate(&full, shape, 1);
        assert_eq!(shrink(&full, shape, Neighbours::Faces, 1), erode(&full, shape, 1));
    }
}
