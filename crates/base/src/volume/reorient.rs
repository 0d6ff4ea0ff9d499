//! Turning and mirroring of voxels, without resampling.

use super::{Affine, Grid, Orientation, Volume};
use crate::map_voxels;

/// Voxels of a block along the new first axis and the axis that was first before: what is read and
/// written in one go stays in the nearest cache.
const BLOCK: usize = 64;

pub(super) fn reoriented(volume: &Volume, to: Orientation) -> Volume {
    let way = volume.orientation().way_to(to);
    let size = volume.size();
    let new_size = way.map(|(axis, _)| size[axis]);
    // New voxel index to old voxel index.
    let mut rows = [[0.0; 4]; 3];
    for (new_axis, &(old_axis, mirrored)) in way.iter().enumerate() {
        rows[old_axis][new_axis] = if mirrored { -1.0 } else { 1.0 };
        rows[old_axis][3] = if mirrored { (size[old_axis] - 1) as f64 } else { 0.0 };
    }
    let affine = volume.affine().after(&Affine::new(rows));
    let grid = Grid { size: new_size, affine };
    let plan = Plan::new(size, way);
    let frames = volume.frames();
    let voxels = map_voxels!(volume.voxels(), v => plan.copy(v, frames));
    Volume { grid, voxels, frames, frame_axis: volume.frame_axis, scale: volume.scale }
}

/// Which old voxel each new one is: `start + Σ index * step`, along the new axes.
struct Plan {
    size: [usize; 3],
    start: isize,
    step: [isize; 3],
}

impl Plan {
    fn new(old: [usize; 3], way: [(usize, bool); 3]) -> Plan {
        let stride = [1, old[0] as isize, (old[0] * old[1]) as isize];
        let mut start = 0;
        let step = way.map(|(axis, mirrored)| {
            if mirrored {
                start += (old[axis] as isize - 1) * stride[axis];
                -stride[axis]
            } else {
                stride[axis]
            }
        });
        Plan { size: way.map(|(axis, _)| old[axis]), start, step }
    }

    fn copy<T: Copy + Default>(&self, from: &[T], frames: usize) -> Vec<T> {
        let [ni, nj, nk] = self.size;
        let frame = ni * nj * nk;
        let mut to = vec![T::default(); frame * frames];
        if frame == 0 {
            return to;
        }
        for (to, from) in to.chunks_exact_mut(frame).zip(from.chunks_exact(frame)) {
            self.copy_frame(from, to);
        }
        to
    }

    fn copy_frame<T: Copy>(&self, from: &[T], to: &mut [T]) {
        let [ni, nj, nk] = self.size;
        let at = |i: usize, j: usize, k: usize| {
            let [a, b, c] = self.step;
            (self.start + i as isize * a + j as isize * b + k as isize * c) as usize
        };
        if self.step[0] == 1 {
            for k in 0..nk {
                for j in 0..nj {
                    let (begin, row) = (at(0, j, k), (k * nj + j) * ni);
                    to[row..row + ni].copy_from_slice(&from[begin..begin + ni]);
                }
            }
            return;
        }
        // Blocks over i and over the axis along which the old voxels are neighbours.
        let near = if self.step[1].abs() == 1 { 1 } else { 2 };
        let (outer, inner) = if near == 1 { (nk, nj) } else { (nj, nk) };
        for o in 0..outer {
            for block_n in (0..inner).step_by(BLOCK) {
                for block_i in (0..ni).step_by(BLOCK) {
                    for n in block_n..inner.min(block_n + BLOCK) {
                        let (j, k) = if near == 1 { (n, o) } else { (o, n) };
                        let row = (k * nj + j) * ni;
                        let (begin, step) = (at(0, j, k) as isize, self.step[0]);
                        let last = ni.min(block_i + BLOCK);
                        for (i, to) in (block_i..last).zip(&mut to[row + block_i..row + last]) {
                            *to = from[(begin + i as isize * step) as usize];
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FrameAxis, Toward, Voxels};
    use super::*;

    fn all_orientations() -> Vec<Orientation> {
        let letters = ["RL", "AP", "SI"];
        let mut all = Vec::new();
        for p in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for bits in 0..8 {
                let code: String =
                    (0..3).map(|n| char::from(letters[p[n]].as_bytes()[bits >> n & 1])).collect();
                all.push(Orientation::parse(&code).unwrap());
            }
        }
        all
    }

    #[test]
    fn every_turn_keeps_every_voxel_in_its_place_and_turns_back() {
        let size = [5, 70, 66];
        let affine =
            Affine::new([[0.1, 1.4, 0.2, -30.0], [-0.2, 0.1, 2.9, 10.0], [0.7, 0.0, 0.1, 44.0]]);
        let frames = 2;
        let voxels = Voxels::U32((0..5 * 70 * 66 * 2).collect());
        let grid = Grid { size, affine };
        let volume = Volume::with_frames(grid, frames, FrameAxis::Channels, voxels).unwrap();
        let from = volume.orientation();
        assert_eq!(from.to_string(), "SRA");
        assert_eq!(all_orientations().len(), 48);
        for to in all_orientations() {
            let turned = volume.reoriented(to);
            assert_eq!(turned.orientation(), to);
            // A few voxels: same world position, same value.
            for at in [[0, 0, 0], [1, 2, 3], [4, 69, 65], [3, 64, 1]] {
                let way = from.way_to(to);
                let new =
                    way.map(|(axis, flip)| if flip { size[axis] - 1 - at[axis] } else { at[axis] });
                for t in 0..frames {
                    let (a, b) = (volume.index(at, t), turned.index(new, t));
                    assert_eq!(volume.voxels().get(a), turned.voxels().get(b), "{to} {at:?}");
                }
                let world = volume.affine().apply(at.map(|v| v as f64));
                let again = turned.affine().apply(new.map(|v| v as f64));
                assert!(world.iter().zip(again).all(|(a, b)| (a - b).abs() < 1e-9), "{to} {at:?}");
            }
            let back = turned.reoriented(from);
            assert_eq!(back.voxels(), volume.voxels());
            assert!(back.grid().is_same(volume.grid(), 1e-9));
        }
    }

    #[test]
    fn axes_point_where_the_standard_says() {
        assert_eq!(Orientation::LPS.axes()[0], Toward::Left);
    }
}
