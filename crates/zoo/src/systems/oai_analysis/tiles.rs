//! A volume in tiles that overlap, of which the middles are kept (`image_transforms.py`, `Partition`).

use base::Result;

/// How a volume is cut. Axes are z, y, x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Voxels of a tile.
    pub tile: [usize; 3],
    /// Voxels on each side of a tile that are not kept; less than half of it.
    pub overlap: [usize; 3],
}

impl Tiles {
    /// Voxels of a tile that are kept.
    fn kept(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.tile[axis] - 2 * self.overlap[axis])
    }

    /// Tiles along each axis of a volume.
    fn grid(&self, shape: [usize; 3]) -> [usize; 3] {
        let kept = self.kept();
        std::array::from_fn(|axis| shape[axis].div_ceil(kept[axis]))
    }

    /// Tiles of a volume.
    pub fn count(&self, shape: [usize; 3]) -> usize {
        self.grid(shape).iter().product()
    }

    /// The shares of both classes `[z][y][x]` of a volume `[z][y][x]`: `network` makes the logits of both
    /// `[class][z][y][x]` of a tile. Beyond the border the volume is mirrored; as the original has it, voxels as
    /// near to the border as tiles overlap are 0 (along y and x with the two exchanged, which are alike there).
    pub fn shares(
        &self,
        values: &[f32],
        shape: [usize; 3],
        network: &mut dyn FnMut(Vec<f32>) -> Result<Vec<f32>>,
    ) -> Result<[Vec<f32>; 2]> {
        let ([nz, ny, nx], [tz, ty, tx]) = (shape, self.tile);
        let (grid, kept) = (self.grid(shape), self.kept());
        let mut shares = [vec![0.0f32; nz * ny * nx], vec![0.0f32; nz * ny * nx]];
        let inner = self.inner(shape);
        for number in 0..self.count(shape) {
            let place =
                [number / (grid[1] * grid[2]), number / grid[2] % grid[1], number % grid[2]];
            let start: [usize; 3] = std::array::from_fn(|axis| place[axis] * kept[axis]);
            let from = |axis: usize| -> Vec<usize> {
                let at = |n: usize| mirrored(start[axis] + n, self.overlap[axis], shape[axis]);
                (0..self.tile[axis]).map(at).collect()
            };
            let (zs, ys, xs) = (from(0), from(1), from(2));
            let mut tile = Vec::with_capacity(tz * ty * tx);
            for z in &zs {
                for y in &ys {
                    let row = &values[(z * ny + y) * nx..][..nx];
                    tile.extend(xs.iter().map(|x| row[*x]));
                }
            }
            let logits = network(tile)?;
            for (class, shares) in shares.iter_mut().enumerate() {
                for dz in 0..kept[0] {
                    for dy in 0..kept[1] {
                        let (z, y) = (start[0] + dz, start[1] + dy);
                        if !inner[0].contains(&z) || !inner[1].contains(&y) {
                            continue;
                        }
                        let row = ((class * tz + self.overlap[0] + dz) * ty + self.overlap[1] + dy)
                            * tx
                            + self.overlap[2];
                        for dx in 0..kept[2] {
                            let x = start[2] + dx;
                            if inner[2].contains(&x) {
                                let logit = logits[row + dx];
                                shares[(z * ny + y) * nx + x] = 1.0 / (1.0 + (-logit).exp());
                            }
                        }
                    }
                }
            }
        }
        Ok(shares)
    }

    /// The part of a volume that is not 0 for being near to the border.
    fn inner(&self, shape: [usize; 3]) -> [std::ops::Range<usize>; 3] {
        let [z, y, x] = self.overlap;
        let border = [z, x, y];
        std::array::from_fn(|axis| border[axis]..shape[axis].saturating_sub(border[axis]))
    }
}

/// Where a place of the padded axis comes from (`numpy.pad`, `reflect`).
fn mirrored(at: usize, before: usize, extent: usize) -> usize {
    let around = 2 * extent.saturating_sub(1);
    if around == 0 {
        return 0;
    }
    let at = (at as i64 - before as i64).rem_euclid(around as i64) as usize;
    at.min(around - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILES: Tiles = Tiles { tile: [6, 8, 8], overlap: [1, 2, 2] };

    #[test]
    fn a_network_that_changes_nothing_gives_the_volume_back_but_for_its_border() {
        let shape = [9, 13, 10];
        let values: Vec<f32> = (0..9 * 13 * 10).map(|n| (n as f32 * 0.37).sin() * 3.0).collect();
        assert_eq!(TILES.count(shape), 3 * 4 * 3);
        let mut network = |tile: Vec<f32>| {
            assert_eq!(tile.len(), 6 * 8 * 8);
            let negative = tile.iter().map(|value| -value);
            Ok::<Vec<f32>, base::Error>(tile.iter().copied().chain(negative).collect())
        };
        let shares = TILES.shares(&values, shape, &mut network).unwrap();
        for (n, &value) in values.iter().enumerate() {
            let (z, y, x) = (n / 130, n / 10 % 13, n % 10);
            let inside = (1..8).contains(&z) && (2..11).contains(&y) && (2..8).contains(&x);
            let share = if inside { 1.0 / (1.0 + (-value).exp()) } else { 0.0 };
            assert_eq!(shares[0][n], share);
            assert!(!inside || (shares[1][n] - (1.0 - share)).abs() < 1e-6);
        }
        let thin = TILES.shares(&[1.0; 2], [2, 1, 1], &mut network).unwrap();
        assert_eq!(thin[0], [0.0; 2]);
    }

    #[test]
    fn mirrors_repeat() {
        // numpy.pad([0, 1, 2], (3, 4), "reflect")
        let padded: Vec<usize> = (0..10).map(|at| mirrored(at, 3, 3)).collect();
        assert_eq!(padded, [1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(mirrored(5, 2, 1), 0);
    }
}
