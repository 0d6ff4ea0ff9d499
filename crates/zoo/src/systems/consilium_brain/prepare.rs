//! From a volume to what the brain network sees.

use crate::percentile::percentile;
use base::words::volume_systems as common;
use base::{Affine, Error, Grid, Kind, Orientation, Result, Volume};
use engine::cpu::Pool;
use imaging::resample::{Method, Resize, resample_volume};

/// Values of a head at 1 mm, `[z][y][x]` in RAS+ order, and where they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Grey values as they were measured.
    pub values: Vec<f32>,
    /// Their grid.
    pub grid: Grid,
}

/// A part of a head: a box that may reach beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// First voxel along x, y, z; may be negative.
    pub from: [isize; 3],
    /// Extents along x, y, z.
    pub size: [usize; 3],
}

/// Shares of the values that lie below what become 0 and 1 (`training/brain/generate.py`, `scale`).
const SHARES: [f64; 2] = [0.005, 0.995];
/// A plane belongs to the head when this share of its voxels ...
const SHARE: f64 = 0.02;
/// ... is brighter than this, on the scale of the percentiles.
const BRIGHT: f32 = 0.15;
/// No side of a part is longer.
pub const LONGEST: usize = 256;

impl Head {
    /// A volume turned to RAS+ and resampled to voxels of about 1 mm: linear, with a Gaussian before it
    /// where voxels become fewer (`skimage.transform.resize`, order 1).
    ///
    /// Errors: kind `Refused` for an image that is the same everywhere.
    pub fn of(pool: &Pool, volume: &Volume, values: &[f32]) -> Result<Head> {
        if values.iter().all(|value| *value == values[0]) {
            return Err(Error::new(Kind::Refused, common::FLAT));
        }
        let ras = Orientation::parse("RAS").unwrap_or(volume.orientation());
        let turned = volume.reoriented(ras);
        let (from, spacing) = (turned.size(), turned.spacing_mm());
        let size: [usize; 3] = std::array::from_fn(|axis| {
            ((from[axis] as f64 * spacing[axis]).round() as usize).max(1)
        });
        let shape = |size: [usize; 3]| [size[2], size[1], size[0]];
        let mut values = turned.frame_f32(0);
        values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
        if from != size {
            let method = Method::Skimage(Resize { anti_aliasing: true, ..Resize::edge(1) });
            values = resample_volume(pool, &values, shape(from), shape(size), &method)?;
        }
        Ok(Head { values, grid: Grid { size, affine: finer(turned.affine(), from, size) } })
    }

    /// The box that holds the head: planes with enough bright voxels, its lower end cut off where it is
    /// longer than 256 mm, as a neck is.
    pub fn outline(&self) -> Part {
        let [nx, ny, nz] = self.grid.size;
        let [low, high] = ends(&self.values);
        let bright = low + BRIGHT * (high - low);
        let mut counts = [vec![0usize; nx], vec![0; ny], vec![0; nz]];
        for (row, values) in self.values.chunks_exact(nx).enumerate() {
            for (x, _) in values.iter().enumerate().filter(|(_, value)| **value > bright) {
                counts[0][x] += 1;
                counts[1][row % ny] += 1;
                counts[2][row / ny] += 1;
            }
        }
        let planes = [ny * nz, nx * nz, nx * ny];
        let mut part = Part { from: [0; 3], size: [nx, ny, nz] };
        for axis in 0..3 {
            let full = |count: &usize| *count as f64 >= SHARE * planes[axis] as f64;
            let first = counts[axis].iter().position(full).unwrap_or(0);
            let last = counts[axis].iter().rposition(full).unwrap_or(counts[axis].len() - 1);
            let length = last + 1 - first;
            let cut = length.saturating_sub(LONGEST);
            // Upwards the head counts, sideways its middle.
            let skipped = if axis == 2 { cut } else { cut / 2 };
            part.from[axis] = (first + skipped) as isize;
            part.size[axis] = length - cut;
        }
        part
    }

    /// A part as the network sees it, `[z][y][x]`: its percentiles 0.5 and 99.5 become 0 and 1, values
    /// beyond are cut off; 0 outside the head.
    pub fn scaled(&self, part: &Part) -> Vec<f32> {
        let inside = self.inside(part);
        let [low, high] = ends(&inside.1);
        let span = (high - low).max(1e-6);
        let mut out = vec![0.0; part.size.iter().product()];
        let [nx, ny, _] = part.size;
        for ([x, y, z], row) in inside.0.rows(part).zip(inside.1.chunks_exact(inside.0.size[0])) {
            let start = (z * ny + y) * nx + x;
            for (out, value) in out[start..start + row.len()].iter_mut().zip(row) {
                *out = ((value - low) / span).clamp(0.0, 1.0);
            }
        }
        out
    }

    /// The part of `part` that lies in the volume, and its values.
    fn inside(&self, part: &Part) -> (Part, Vec<f32>) {
        let size = self.grid.size;
        let from: [isize; 3] = std::array::from_fn(|axis| part.from[axis].max(0));
        let to: [isize; 3] = std::array::from_fn(|axis| {
            (part.from[axis] + part.size[axis] as isize).min(size[axis] as isize).max(from[axis])
        });
        let extent: [usize; 3] = std::array::from_fn(|axis| (to[axis] - from[axis]) as usize);
        let mut values = Vec::with_capacity(extent.iter().product());
        for z in from[2]..to[2] {
            for y in from[1]..to[1] {
                let start = ((z as usize * size[1]) + y as usize) * size[0] + from[0] as usize;
                values.extend_from_slice(&self.values[start..start + extent[0]]);
            }
        }
        (Part { from, size: extent }, values)
    }
}

/// The two values that become 0 and 1.
fn ends(values: &[f32]) -> [f32; 2] {
    let mut values = values.to_vec();
    SHARES.map(|share| percentile(&mut values, share) as f32)
}

impl Part {
    /// The same box grown to extents that are multiples of `multiple`, evenly on both sides.
    pub fn grown(&self, multiple: usize) -> Part {
        let mut part = *self;
        for axis in 0..3 {
            let size = self.size[axis].max(1).next_multiple_of(multiple);
            part.from[axis] -= ((size - self.size[axis]) / 2) as isize;
            part.size[axis] = size;
        }
        part
    }

    /// The box with a margin on every side.
    pub fn with_margin(&self, margin: usize) -> Part {
        Part {
            from: self.from.map(|first| first - margin as isize),
            size: self.size.map(|size| size + 2 * margin),
        }
    }

    /// Where each row along x of this box begins in `whole`, in order.
    fn rows<'a>(&'a self, whole: &'a Part) -> impl Iterator<Item = [usize; 3]> + 'a {
        let shift: [usize; 3] =
            std::array::from_fn(|axis| (self.from[axis] - whole.from[axis]).max(0) as usize);
        let [_, ny, nz] = self.size;
        (0..nz).flat_map(move |z| (0..ny).map(move |y| [shift[0], shift[1] + y, shift[2] + z]))
    }

    /// Its extents along z, y, x.
    pub fn shape(&self) -> [usize; 3] {
        [self.size[2], self.size[1], self.size[0]]
    }

    /// The grid of this box of a head.
    pub fn grid(&self, whole: &Grid) -> Grid {
        let shift = shifted(self.from.map(|first| first as f64));
        Grid { size: self.size, affine: whole.affine.after(&shift) }
    }
}

/// The affine that moves by `shift`.
pub fn shifted(shift: [f64; 3]) -> Affine {
    Affine::from_parts([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0; 3], shift)
}

/// The affine after resampling: the corners of both grids are the same.
fn finer(affine: &Affine, from: [usize; 3], to: [usize; 3]) -> Affine {
    let step: [f64; 3] = std::array::from_fn(|axis| from[axis] as f64 / to[axis] as f64);
    let unit = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    affine.after(&Affine::from_parts(unit, step, step.map(|step| 0.5 * step - 0.5)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Voxels;

    fn volume(size: [usize; 3], spacing: [f64; 3], value: impl Fn(usize) -> f32) -> Volume {
        let grid = Grid { size, affine: Affine::scaling(spacing) };
        let count = size.iter().product();
        Volume::new(grid, Voxels::F32((0..count).map(value).collect())).unwrap()
    }

    #[test]
    fn a_head_of_other_spacing_covers_the_same_millimetres() {
        let volume = volume([20, 30, 5], [0.5, 1.0, 6.0], |n| n as f32);
        let head = Head::of(&Pool::new(1), &volume, &volume.frame_f32(0)).unwrap();
        assert_eq!(head.grid.size, [10, 30, 30]);
        let corner = |grid: &Grid, at: [f64; 3]| grid.affine.apply(at);
        let first = corner(volume.grid(), [-0.5; 3]);
        assert!(first.iter().zip(corner(&head.grid, [-0.5; 3])).all(|(a, b)| (a - b).abs() < 1e-9));
        let last = corner(volume.grid(), [19.5, 29.5, 4.5]);
        let found = corner(&head.grid, [9.5, 29.5, 29.5]);
        assert!(last.iter().zip(found).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn parts_may_reach_beyond_the_head() {
        let volume = volume([4, 4, 4], [1.0; 3], |n| n as f32);
        let head = Head::of(&Pool::new(1), &volume, &volume.frame_f32(0)).unwrap();
        let part = Part { from: [-1, 0, 0], size: [8, 4, 4] };
        let seen = head.scaled(&part);
        assert_eq!(seen.len(), 8 * 16);
        assert!(seen.chunks_exact(8).all(|row| row[0] == 0.0 && row[5..] == [0.0; 3]));
        assert_eq!(seen[8 * 15 + 4], 1.0);
        let grown = Part { from: [3, 3, 3], size: [1, 2, 32] }.grown(32);
        assert_eq!(grown, Part { from: [-12, -12, 3], size: [32; 3] });
    }

    #[test]
    fn an_even_image_is_refused() {
        let volume = volume([4, 4, 4], [1.0; 3], |_| 7.0);
        let error = Head::of(&Pool::new(1), &volume, &volume.frame_f32(0)).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
    }
}
