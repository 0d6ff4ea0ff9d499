//! Where a mask ends: its border voxels, and the surface elements between voxels.

use super::Lattice;
use super::surfel_table::NORMALS;

/// Voxels of a mask with a neighbour outside, sharing a face (of a picture: an edge). The same as a
/// mask minus its erosion by the smallest cross, as MONAI, MetricsReloaded and medpy take it.
pub(super) fn border(mask: &[bool], lattice: &Lattice, threads: usize) -> Vec<bool> {
    let [nx, ny, nz] = lattice.size;
    let mut border = vec![false; mask.len()];
    crate::parallel::for_chunks(&mut border, nx * ny, threads, |k, slice| {
        for j in 0..ny {
            let row = nx * (j + ny * k);
            let own = &mask[row..row + nx];
            if !own.contains(&true) {
                continue;
            }
            let near = |inside: bool, at: usize| inside.then(|| &mask[at..at + nx]);
            let above = near(j > 0, row.wrapping_sub(nx));
            let below = near(j + 1 < ny, row + nx);
            let before = near(!lattice.flat && k > 0, row.wrapping_sub(nx * ny));
            let after = near(!lattice.flat && k + 1 < nz, row + nx * ny);
            let out = &mut slice[nx * j..nx * (j + 1)];
            // A missing neighbour makes the whole row border, but for the depth of a picture.
            let open = above.is_none()
                || below.is_none()
                || (!lattice.flat && (before.is_none() || after.is_none()));
            if open {
                out.copy_from_slice(own);
                continue;
            }
            // What is still missing is the depth of a picture, which never makes a border.
            let (above, below) = (above.unwrap_or(own), below.unwrap_or(own));
            let (before, after) = (before.unwrap_or(own), after.unwrap_or(own));
            for i in 0..nx {
                let sides = i > 0 && i + 1 < nx && own[i - 1] && own[i + 1];
                let inner = sides && above[i] && below[i] && before[i] && after[i];
                out[i] = own[i] && !inner;
            }
        }
    });
    border
}

/// Surface elements of a mask: at the corners between voxels, one larger than the mask along each
/// axis (of a picture: two axes).
pub(super) struct Surfels {
    /// Size of the grid of corners.
    pub size: [usize; 3],
    /// Which neighbourhood each corner has; 0 and `full` are no surface.
    pub codes: Vec<u8>,
    /// Code of a corner inside.
    pub full: u8,
    /// Area of each code in mm² (of a picture: length in mm).
    pub areas: Vec<f64>,
}

impl Surfels {
    /// A corner lies on the surface.
    pub fn is_surface(&self, code: u8) -> bool {
        code != 0 && code != self.full
    }
}

/// DeepMind's surfels: every corner between eight voxels that are not all alike, with the area that
/// marching cubes gives it.
pub(super) fn surfels(mask: &[bool], lattice: &Lattice, threads: usize) -> Surfels {
    let [nx, ny, nz] = lattice.size;
    let size = [nx + 1, ny + 1, if lattice.flat { 1 } else { nz + 1 }];
    let mut codes = vec![0u8; size.iter().product()];
    crate::parallel::for_chunks(&mut codes, size[0] * size[1], threads, |k, slice| {
        for j in 0..size[1] {
            let out = &mut slice[size[0] * j..size[0] * (j + 1)];
            // The row of voxels at depth k - 1 + a or height j - 1 + b.
            let mut row = |a: usize, b: usize, shift_first: u32, shift_second: u32| {
                let (j, k) = (j + b, if lattice.flat { 1 } else { k + a });
                if j == 0 || j > ny || k == 0 || k > nz {
                    return;
                }
                let start = nx * (j - 1 + ny * (k - 1));
                for (i, voxel) in mask[start..start + nx].iter().enumerate() {
                    // Voxel i is the second of corner i and the first of corner i + 1.
                    out[i] |= u8::from(*voxel) << shift_second;
                    out[i + 1] |= u8::from(*voxel) << shift_first;
                }
            };
            if lattice.flat {
                // Weights 8 4 / 2 1 over (x, y).
                row(0, 0, 3, 1);
                row(0, 1, 2, 0);
            } else {
                for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    // Bit 7 - (4 x + 2 y + z).
                    let low = (2 * b + a) as u32;
                    row(a, b, 7 - low, 3 - low);
                }
            }
        }
    });
    let [sx, sy, sz] = lattice.spacing_mm;
    let areas = if lattice.flat {
        contour_lengths(sx, sy)
    } else {
        let area = |normals: &&[(i8, i8, i8)]| {
            normals
                .iter()
                .map(|&(a, b, c)| {
                    let x = f64::from(a) / 8.0 * sy * sz;
                    let y = f64::from(b) / 8.0 * sx * sz;
                    let z = f64::from(c) / 8.0 * sx * sy;
                    (x * x + y * y + z * z).sqrt()
                })
                .sum()
        };
        NORMALS.iter().map(area).collect()
    };
    Surfels { size, codes, full: if lattice.flat { 15 } else { 255 }, areas }
}

/// Area of a mask's surface in mm² (of a picture: length of its outline in mm): the sum over DeepMind's
/// surfels, which is that of marching cubes with vertices in the middle of the edges. What touches the
/// border of the lattice is closed there. `mask` is `[z][y][x]`; 0 where its length does not fit.
pub fn surface_area(mask: &[bool], lattice: &Lattice, threads: usize) -> f64 {
    if lattice.is_empty() || mask.len() != lattice.len() {
        return 0.0;
    }
    let surfels = surfels(mask, lattice, threads);
    // Counted first: the sum then does not depend on the order of corners.
    let mut counts = [0u64; 256];
    surfels.codes.iter().for_each(|&code| counts[usize::from(code)] += 1);
    let of = |code: usize| counts[code] as f64 * surfels.areas[code];
    (1..usize::from(surfels.full)).map(of).sum()
}

/// Length of the contour in each neighbourhood of four pixels, bits 8 4 / 2 1 over (x, y): straight
/// across, or from the middle of one side to the middle of the next.
fn contour_lengths(sx: f64, sy: f64) -> Vec<f64> {
    let diagonal = 0.5 * (sx * sx + sy * sy).sqrt();
    (0..16u8)
        .map(|code| match code {
            0 | 15 => 0.0,
            // Two neighbours along x alike: the contour runs along y, and the other way round.
            0b0011 | 0b1100 => sy,
            0b0101 | 0b1010 => sx,
            0b0110 | 0b1001 => 2.0 * diagonal,
            _ => diagonal,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ellipsoid with these half axes in mm, on a lattice.
    fn ellipsoid(lattice: &Lattice, half_mm: [f64; 3]) -> Vec<bool> {
        let [nx, ny, nz] = lattice.size;
        let inside = |at: [usize; 3]| {
            let off = |n: usize| {
                let middle = (lattice.size[n] as f64 - 1.0) / 2.0;
                (at[n] as f64 - middle) * lattice.spacing_mm[n] / half_mm[n]
            };
            (0..3).map(|n| off(n) * off(n)).sum::<f64>() <= 1.0
        };
        (0..nx * ny * nz).map(|n| inside([n % nx, n / nx % ny, n / nx / ny])).collect()
    }

    #[test]
    fn the_surface_of_a_ball_is_a_balls() {
        // Facets of a voxel's size are rougher than a ball: up to 10 % more, and the more so where
        // voxels are four times as long as wide.
        for (spacing_mm, most) in [([1.0, 1.0, 1.0], 1.1), ([0.5, 1.0, 2.0], 1.2)] {
            let lattice = Lattice::volume([90, 46, 34], spacing_mm);
            let radius = 15.0;
            let area = surface_area(&ellipsoid(&lattice, [radius; 3]), &lattice, 2);
            let expected = 4.0 * std::f64::consts::PI * radius * radius;
            let ratio = area / expected;
            assert!((1.0..most).contains(&ratio), "{spacing_mm:?}: {ratio}");
            assert_eq!(area, surface_area(&ellipsoid(&lattice, [radius; 3]), &lattice, 1));
        }
    }

    #[test]
    fn a_box_at_the_border_is_closed_there() {
        let lattice = Lattice::volume([20, 30, 40], [1.0, 2.0, 0.5]);
        let area = surface_area(&vec![true; lattice.len()], &lattice, 1);
        let sides: f64 = 2.0 * (20.0 * 60.0 + 60.0 * 20.0 + 20.0 * 20.0);
        // Edges and corners are cut off by half a voxel.
        assert!(area < sides && area > 0.95 * sides, "{area} of {sides}");
        assert_eq!(surface_area(&vec![false; lattice.len()], &lattice, 1), 0.0);
        assert_eq!(surface_area(&[true], &lattice, 1), 0.0);
        let picture = Lattice::picture([10, 4], [0.5, 2.0]);
        let outline = surface_area(&[true; 40], &picture, 1);
        let diagonal = 0.5 * (0.25f64 + 4.0).sqrt();
        assert!((outline - (2.0 * 9.0 * 0.5 + 2.0 * 3.0 * 2.0 + 4.0 * diagonal)).abs() < 1e-9);
    }
}
