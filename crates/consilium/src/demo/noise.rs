//! Random numbers for made-up heads: the same seed gives the same head on every machine.

use metrics::random;

/// Numbers of several distributions.
pub struct Random(random::Random);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(random::Random::at(seed))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// In low..high.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.bits() >> 40) as f32 / (1u64 << 24) as f32)
    }

    /// Close to a normal distribution, mean 0 and deviation 1; never beyond 3.5.
    pub fn normal(&mut self) -> f32 {
        normal(self.bits())
    }
}

/// A number for each voxel, independent of the order in which voxels are made.
pub fn grain(seed: u64, voxel: usize) -> f32 {
    normal(random::mixed(seed ^ (voxel as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The sum of four uniform numbers of 16 bits: variance 4/12 before it is scaled to 1.
fn normal(bits: u64) -> f32 {
    let sum: u32 = (0..4).map(|n| (bits >> (16 * n)) as u32 & 0xffff).sum();
    (sum as f32 / 65535.0 - 2.0) * 3f32.sqrt()
}

/// A smooth random field: normal numbers on a coarse lattice, linear between them.
pub struct Field {
    nodes: Vec<f32>,
    size: [usize; 3],
    step_mm: f32,
}

impl Field {
    /// A field over a box of these millimetres around the origin.
    pub fn new(random: &mut Random, extent_mm: [f32; 3], step_mm: f32) -> Field {
        let size = extent_mm.map(|mm| (mm / step_mm).ceil() as usize + 2);
        let nodes = (0..size.iter().product()).map(|_| random.normal()).collect();
        Field { nodes, size, step_mm }
    }

    /// Its value at a place in millimetres from the origin; beyond the box that of its border.
    pub fn at(&self, at: [f32; 3]) -> f32 {
        let mut low = [0usize; 3];
        let mut part = [0.0f32; 3];
        for axis in 0..3 {
            let last = (self.size[axis] - 1) as f32;
            let x = (at[axis] / self.step_mm + last / 2.0).clamp(0.0, last - 1e-3);
            low[axis] = x as usize;
            part[axis] = x - low[axis] as f32;
        }
        let [nx, ny, _] = self.size;
        let node = |dx: usize, dy: usize, dz: usize| {
            self.nodes[((low[2] + dz) * ny + low[1] + dy) * nx + low[0] + dx]
        };
        let along_x = |dy, dz| node(0, dy, dz) + part[0] * (node(1, dy, dz) - node(0, dy, dz));
        let along_y = |dz| along_x(0, dz) + part[1] * (along_x(1, dz) - along_x(0, dz));
        along_y(0) + part[2] * (along_y(1) - along_y(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let mut random = Random::new(7);
        let values: Vec<f32> = (0..20_000).map(|_| random.normal()).collect();
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn a_field_goes_through_its_nodes() {
        let field =
            Field { nodes: (0..27).map(|n| n as f32).collect(), size: [3; 3], step_mm: 10.0 };
        assert_eq!(field.at([0.0; 3]), 13.0);
        assert!((field.at([5.0, 0.0, 0.0]) - 13.5).abs() < 1e-4);
        assert!((field.at([-50.0, -50.0, -50.0])).abs() < 1e-4);
    }
}
