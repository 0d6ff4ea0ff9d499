//! What the network of quality scores sees: the label map cut to a cube around what is marked
//! (`SynthSeg/predict_synthseg.py`: `MakeShape`).

use super::labels::Label;

/// Extents of the cube.
pub const SIDE: usize = 224;
/// Groups with the background.
pub const GROUPS: usize = 9;
/// The original leaves out what it takes for the fluid around the brain, but by the number of the channel,
/// not of the label: in version 2 channel 24 is the right cerebellar cortex. Kept, for the scores were
/// trained and tested so.
const LEFT_OUT: u8 = 24;

/// The groups of a map of channels `[x][y][z]` as one-hot `[group][x][y][z]`, `side` voxels along each axis.
pub fn one_hot(channels: &[u8], shape: [usize; 3], labels: &[Label], side: usize) -> Vec<f32> {
    let [nx, ny, nz] = shape;
    let (mut low, mut high) = ([usize::MAX; 3], [0usize; 3]);
    for (row, line) in channels.chunks_exact(nz.max(1)).enumerate() {
        let marked = |channel: &u8| *channel != 0 && *channel != LEFT_OUT;
        let Some(first) = line.iter().position(marked) else { continue };
        let last = line.iter().rposition(marked).unwrap_or(first);
        for (axis, (from, to)) in
            [(row / ny, row / ny), (row % ny, row % ny), (first, last)].into_iter().enumerate()
        {
            low[axis] = low[axis].min(from);
            high[axis] = high[axis].max(to + 1);
        }
    }
    if low[0] == usize::MAX {
        low = [0; 3];
        high = shape.map(|extent| extent.min(side));
    }
    // Around the middle; of an odd number the larger part before.
    let from: [isize; 3] = std::array::from_fn(|axis| {
        let missing = side as isize - (high[axis] - low[axis]) as isize;
        low[axis] as isize - (missing + 1).div_euclid(2)
    });
    let mut out = vec![0.0; GROUPS * side * side * side];
    let inside = |at: usize, axis: usize, extent: usize| {
        let at = from[axis] + at as isize;
        (0..extent as isize).contains(&at).then_some(at as usize)
    };
    for x in 0..side {
        for y in 0..side {
            let row = inside(x, 0, nx).zip(inside(y, 1, ny));
            for z in 0..side {
                let channel = match (row, inside(z, 2, nz)) {
                    (Some((x, y)), Some(z)) => channels[(x * ny + y) * nz + z],
                    _ => 0,
                };
                let group = labels.get(usize::from(channel)).map_or(0, |row| row.group);
                out[((usize::from(group) * side + x) * side + y) * side + z] = 1.0;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::synthseg::labels::labels;

    #[test]
    fn the_cube_lies_around_what_is_marked() {
        let labels = labels(false);
        let shape = [8, 8, 8];
        let mut channels = vec![0u8; 512];
        // Three voxels along z: the middle of the cube of 4 has one more voxel before.
        for z in 3..6 {
            channels[(2 * 8 + 2) * 8 + z] = 1;
        }
        let cube = one_hot(&channels, shape, &labels, 4);
        let group = |g: usize, x: usize, y: usize, z: usize| cube[((g * 4 + x) * 4 + y) * 4 + z];
        // x from 2 − ceil(3 / 2) = 0; z from 3 − 1 = 2.
        let marked: Vec<usize> = (0..4).filter(|&z| group(1, 2, 2, z) == 1.0).collect();
        assert_eq!(marked, [1, 2, 3]);
        let sum: f32 = cube.iter().sum();
        assert_eq!(sum, 64.0);
        // More than fits is cut on both sides.
        let all = vec![1u8; 512];
        assert!(one_hot(&all, shape, &labels, 4)[64..128].iter().all(|value| *value == 1.0));
        assert!(one_hot(&vec![0; 512], shape, &labels, 4)[..64].iter().all(|value| *value == 1.0));
    }
}
