//! What was done to a case's grid, and undoing it for the network's answer (`Invertd`).

use super::spacing::{Between, Line, resample};
use base::{Grid, Volume, Voxels};
use engine::cpu::Pool;

/// One change of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Move {
    /// Axes exchanged and mirrored.
    Turn { before: Grid, after: Grid },
    /// Another spacing; voxels of the new grid lie on `lines` in those of the old one.
    Space { before: [usize; 3], after: [usize; 3], lines: [Line; 3], between: Between },
    /// A box that begins at a voxel of the old grid, or outside it.
    Box { before: [usize; 3], after: [usize; 3], start: [i64; 3] },
}

/// All changes, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves(Vec<Move>);

impl Moves {
    pub fn push(&mut self, one: Move) {
        self.0.push(one);
    }

    /// One channel `[k][j][i]` back on the case's own grid. Values between voxels as the way there found
    /// them, unless `nearest`; what was cut off is 0.
    pub fn undo(&self, pool: &Pool, values: Vec<f32>, nearest: bool) -> Vec<f32> {
        self.0.iter().rev().fold(values, |values, one| match one {
            Move::Turn { before, after } => {
                let turned = Volume::new(*after, Voxels::F32(values));
                let back = turned.map(|volume| volume.reoriented(before.affine.orientation()));
                match back.map(Volume::into_voxels) {
                    Some(Voxels::F32(values)) => values,
                    _ => Vec::new(),
                }
            }
            Move::Space { before, after, lines, between } => {
                let between = if nearest { Between::Nearest } else { *between };
                let back = lines.map(Line::back);
                resample(pool, &values, *after, *before, back, between)
            }
            Move::Box { before, after, start } => {
                cut(&values, *after, start.map(|at| -at), *before)
            }
        })
    }
}

/// The box of extents `to` at `start` of an image `[k][j][i]`; zeros outside the image.
pub(super) fn cut(image: &[f32], size: [usize; 3], start: [i64; 3], to: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; to.iter().product()];
    // Along a line: the part of the box that lies in the image.
    let first = (-start[0]).clamp(0, to[0] as i64) as usize;
    let end = (size[0] as i64 - start[0]).clamp(first as i64, to[0] as i64) as usize;
    let source = |axis: usize, at: usize| {
        let at = start[axis] + at as i64;
        usize::try_from(at).ok().filter(|at| *at < size[axis])
    };
    for k in 0..to[2] {
        let Some(plane) = source(2, k) else { continue };
        for j in 0..to[1] {
            let Some(row) = source(1, j) else { continue };
            let from =
                (plane * size[1] + row) * size[0] + (start[0] + first as i64).max(0) as usize;
            let into = (k * to[1] + j) * to[0] + first;
            out[into..into + end - first].copy_from_slice(&image[from..from + end - first]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_is_cut_out_goes_back_where_it_was() {
        let image: Vec<f32> = (1..=24).map(|i| i as f32).collect();
        let size = [4, 3, 2];
        let start = [-1, 1, 0];
        let part = cut(&image, size, start, [4, 2, 2]);
        assert_eq!(&part[..4], [0.0, 5.0, 6.0, 7.0]);
        let back = cut(&part, [4, 2, 2], start.map(|at| -at), size);
        let kept = |index: usize| index % 4 < 3 && !(index / 4).is_multiple_of(3);
        let expected = (0..24).map(|index| if kept(index) { image[index] } else { 0.0 });
        assert_eq!(back, expected.collect::<Vec<f32>>());
    }
}
