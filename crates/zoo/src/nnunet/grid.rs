//! Images of one case on one grid, and their way through a transposition of axes.

/// Images `[channel][z][y][x]` of one case on one grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// Extents z, y, x.
    pub shape: [usize; 3],
    /// Millimetres from one voxel to the next along z, y, x.
    pub spacing: [f64; 3],
    /// One volume for each channel.
    pub channels: Vec<Vec<f32>>,
}

impl Images {
    /// Voxels of one channel.
    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Extents in the order of the new axes: axis `i` of the result is axis `axes[i]` of the source.
pub(super) fn permuted<T: Copy>(values: [T; 3], axes: [usize; 3]) -> [T; 3] {
    axes.map(|axis| values[axis])
}

/// The order of axes that undoes `axes`.
pub(super) fn inverse(axes: [usize; 3]) -> [usize; 3] {
    let mut back = [0; 3];
    (0..3).for_each(|place| back[axes[place]] = place);
    back
}

/// A half-open box of voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// First voxel along each axis.
    pub start: [usize; 3],
    /// One past the last.
    pub end: [usize; 3],
}

impl Bounds {
    /// All of a shape.
    pub fn all(shape: [usize; 3]) -> Bounds {
        Bounds { start: [0; 3], end: shape }
    }

    /// Extents.
    pub fn shape(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.end[axis] - self.start[axis])
    }
}

/// The part `bounds` (in the new axes) of a volume whose axes are transposed.
pub(super) fn cut<T: Copy + Default>(
    data: &[T],
    shape: [usize; 3],
    axes: [usize; 3],
    bounds: &Bounds,
) -> Vec<T> {
    let strides = [shape[1] * shape[2], shape[2], 1];
    let step = permuted(strides, axes);
    let [depth, height, width] = bounds.shape();
    let mut out = Vec::with_capacity(depth * height * width);
    for z in bounds.start[0]..bounds.end[0] {
        for y in bounds.start[1]..bounds.end[1] {
            let start = z * step[0] + y * step[1] + bounds.start[2] * step[2];
            match step[2] {
                1 => out.extend_from_slice(&data[start..start + width]),
                step => out.extend((0..width).map(|x| data[start + x * step])),
            }
        }
    }
    out
}
