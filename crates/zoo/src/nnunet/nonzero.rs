//! Where an image is not empty (`nnunetv2/preprocessing/cropping/cropping.py`): the bounding box of
//! all voxels that are not zero in some channel, and the same region with its holes filled.

use super::grid::Bounds;

/// The half-open box around everything that is not zero; everything when all is.
pub fn bounds(channels: &[Vec<f32>], shape: [usize; 3]) -> Bounds {
    let [depth, height, width] = shape;
    let (mut start, mut end) = (shape, [0; 3]);
    for channel in channels {
        for (row, values) in channel.chunks_exact(width.max(1)).enumerate() {
            let Some(first) = values.iter().position(|&value| value != 0.0) else { continue };
            let last = values.iter().rposition(|&value| value != 0.0).unwrap_or(first);
            let (z, y) = (row / height, row % height);
            start = [start[0].min(z), start[1].min(y), start[2].min(first)];
            end = [end[0].max(z + 1), end[1].max(y + 1), end[2].max(last + 1)];
        }
    }
    debug_assert!(end[0] <= depth);
    match end[0] {
        0 => Bounds::all(shape),
        _ => Bounds { start, end },
    }
}

/// Voxels that are not zero in some channel, and the holes among them: what no chain of face
/// neighbours that are zero in every channel connects with the border
/// (`scipy.ndimage.binary_fill_holes`).
pub fn filled(channels: &[Vec<f32>], shape: [usize; 3]) -> Vec<bool> {
    const UNSEEN: u8 = 0;
    const SOLID: u8 = 1;
    const OUTSIDE: u8 = 2;
    let [depth, height, width] = shape;
    let mut state = vec![UNSEEN; depth * height * width];
    for channel in channels {
        for (state, &value) in state.iter_mut().zip(channel) {
            if value != 0.0 {
                *state = SOLID;
            }
        }
    }
    let mut stack: Vec<usize> = Vec::new();
    for z in 0..depth {
        for y in 0..height {
            let row = (z * height + y) * width;
            let face = z == 0 || z + 1 == depth || y == 0 || y + 1 == height;
            let seeds: &mut dyn Iterator<Item = usize> = match face {
                true => &mut (0..width),
                false => &mut [0, width - 1].into_iter(),
            };
            for x in seeds {
                if state[row + x] == UNSEEN {
                    state[row + x] = OUTSIDE;
                    stack.push(row + x);
                }
            }
        }
    }
    while let Some(at) = stack.pop() {
        let (z, y, x) = (at / (height * width), at / width % height, at % width);
        let mut visit = |inside: bool, neighbour: usize| {
            if inside && state[neighbour] == UNSEEN {
                state[neighbour] = OUTSIDE;
                stack.push(neighbour);
            }
        };
        visit(x > 0, at.wrapping_sub(1));
        visit(x + 1 < width, at + 1);
        visit(y > 0, at.wrapping_sub(width));
        visit(y + 1 < height, at + width);
        visit(z > 0, at.wrapping_sub(height * width));
        visit(z + 1 < depth, at + height * width);
    }
    state.into_iter().map(|state| state != OUTSIDE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hollow box with a window in one face of another.
    #[test]
    fn a_closed_cavity_is_filled_and_an_open_one_is_not() {
        let shape = [5, 5, 10];
        let mut data = vec![0.0; 250];
        let at = |z: usize, y: usize, x: usize| (z * 5 + y) * 10 + x;
        for z in 1..4 {
            for y in 1..4 {
                for x in (1..4).chain(5..8) {
                    data[at(z, y, x)] = 1.0;
                }
            }
        }
        data[at(2, 2, 2)] = 0.0;
        data[at(2, 2, 6)] = 0.0;
        data[at(1, 2, 6)] = 0.0;
        let channels = [data];
        let filled = filled(&channels, shape);
        assert!(filled[at(2, 2, 2)]);
        assert!(!filled[at(2, 2, 6)]);
        assert_eq!(bounds(&channels, shape), Bounds { start: [1, 1, 1], end: [4, 4, 8] });
    }

    #[test]
    fn an_empty_image_is_kept_whole() {
        assert_eq!(bounds(&[vec![0.0; 24]], [2, 3, 4]), Bounds::all([2, 3, 4]));
        assert!(filled(&[vec![0.0; 24]], [2, 3, 4]).iter().all(|inside| !inside));
    }
}
