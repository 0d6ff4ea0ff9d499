//! Growing, shrinking and closing by the cross of faces (SciPy's default structure); outside the volume
//! nothing is set.

/// Each voxel and those that touch it by a face, `times` over (`scipy.ndimage.binary_dilation`).
pub fn dilate(mask: &[bool], shape: [usize; 3], times: usize) -> Vec<bool> {
    (0..times).fold(mask.to_vec(), |mask, _| step(&mask, shape, false))
}

/// Voxels whose faces all touch others, `times` over; those at the border go first
/// (`scipy.ndimage.binary_erosion`).
pub fn erode(mask: &[bool], shape: [usize; 3], times: usize) -> Vec<bool> {
    (0..times).fold(mask.to_vec(), |mask, _| step(&mask, shape, true))
}

/// Grown once, then shrunk once (`scipy.ndimage.binary_closing`).
pub fn close(mask: &[bool], shape: [usize; 3]) -> Vec<bool> {
    erode(&dilate(mask, shape, 1), shape, 1)
}

/// Of a plane, an extent of 1 that comes first, only the four neighbours in it count.
fn step(mask: &[bool], [depth, height, width]: [usize; 3], shrink: bool) -> Vec<bool> {
    let mut out = mask.to_vec();
    if mask.is_empty() {
        return out;
    }
    let plane = height * width;
    // Two stretches of voxels that touch face to face.
    let meet = |out: &mut [bool], from: &[bool]| {
        for (out, &from) in out.iter_mut().zip(from) {
            *out = if shrink { *out && from } else { *out || from };
        }
    };
    // Along an axis: both ways, and nothing is set beyond the ends.
    let along = |out: &mut [bool], from: &[bool], step: usize| {
        let len = from.len();
        meet(&mut out[step..], &from[..len - step]);
        meet(&mut out[..len - step], &from[step..]);
        if shrink {
            out[..step].fill(false);
            out[len - step..].fill(false);
        }
    };
    if depth > 1 {
        along(&mut out, mask, plane);
    }
    for (slice, from) in out.chunks_exact_mut(plane).zip(mask.chunks_exact(plane)) {
        along(slice, from, width);
        for (line, from) in slice.chunks_exact_mut(width).zip(from.chunks_exact(width)) {
            along(line, from, 1);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::morphology::{Neighbours, fill_holes, fill_small_holes};

    fn picture(rows: &[&str]) -> (Vec<bool>, [usize; 3]) {
        let mask = rows.iter().flat_map(|row| row.chars().map(|c| c == '#')).collect();
        (mask, [1, rows.len(), rows[0].len()])
    }

    /// Values of SciPy 1.17 (`binary_dilation`, `binary_erosion`, `binary_closing`).
    #[test]
    fn small_pictures_grow_and_shrink_as_scipys() {
        let (mask, shape) = picture(&[".....", "..#..", "....."]);
        assert_eq!(dilate(&mask, shape, 1), picture(&["..#..", ".###.", "..#.."]).0);
        let (mask, shape) = picture(&["#####", "#####", "####.", "#####"]);
        assert_eq!(erode(&mask, shape, 1), picture(&[".....", ".###.", ".##..", "....."]).0);
        let (mask, shape) = picture(&["......", ".##.#.", ".##.#.", ".##.#.", "......"]);
        let closed = picture(&["......", ".##.#.", ".####.", ".##.#.", "......"]).0;
        assert_eq!(close(&mask, shape), closed);
        let cube = [3, 3, 3];
        let mut mask = vec![false; 27];
        mask[13] = true;
        let grown = dilate(&mask, cube, 1);
        assert_eq!(grown.iter().filter(|&&inside| inside).count(), 7);
        assert_eq!(erode(&grown, cube, 1), mask);
        assert_eq!(erode(&[true; 27], cube, 1), mask);
    }

    #[test]
    fn a_hole_is_what_the_outside_does_not_reach() {
        let (mask, shape) = picture(&[".##..", "#..#.", ".##..", "....."]);
        let filled = fill_holes(&mask, shape, Neighbours::Faces);
        assert_eq!(filled, picture(&[".##..", "####.", ".##..", "....."]).0);
        // Through corners the outside comes in.
        assert_eq!(fill_holes(&mask, shape, Neighbours::All), mask);
        // The corner of one voxel is small, too.
        let small = fill_small_holes(&mask, shape, 3);
        assert_eq!(small, picture(&["###..", "####.", ".##..", "....."]).0);
    }
}
