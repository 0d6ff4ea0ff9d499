//! The kernels at the points: `U = (G ⊗ G ⊗ G) w`, made once in `f64`, a panel of out channels at a time.

use super::points::{self, SIDE};
use crate::isa::multiversion;

/// Out channels transformed together.
const LANES: usize = 16;

type Lane = [f64; LANES];

/// Kernels of up to 3×3×3 elements for up to [`LANES`] out channels.
pub(super) struct Kernels {
    /// Outputs of a tile along each axis.
    pub step: [usize; 3],
    given: [Lane; 27],
    /// `[point][lane]`.
    pub at_points: Vec<[f32; LANES]>,
}

impl Kernels {
    /// Room for the kernels of tiles with `step` outputs.
    pub fn new(step: [usize; 3]) -> Kernels {
        let points = step.map(points::side).iter().product();
        Kernels { step, given: [[0.0; LANES]; 27], at_points: vec![[0.0; LANES]; points] }
    }

    /// Transforms the kernels of `outs ≤ 16` neighbouring out channels and in channel `c` of `weight`, `[out][in][kernel]`.
    pub fn transform(&mut self, weight: &[f32], ins: usize, c: usize, outs: usize) {
        let taps: usize = self.step.map(|m| if m == 1 { 1 } else { 3 }).iter().product();
        for o in 0..outs {
            let kernel = &weight[(o * ins + c) * taps..][..taps];
            kernel.iter().enumerate().for_each(|(t, w)| self.given[t][o] = *w as f64);
        }
        transform(self.step, &self.given, &mut self.at_points);
    }
}

multiversion! {
    /// Along the last axis, then the middle one, then the first.
    fn transform(step: [usize; 3], given: &[Lane; 27], to: &mut [[f32; LANES]]) {
        let [z, y, x] = step.map(points::kernel);
        let taps = step.map(|m| if m == 1 { 1 } else { 3 });
        let mut rows = [[0.0; LANES]; 9 * SIDE];
        for r in 0..taps[0] * taps[1] {
            for (i, g) in x.iter().enumerate() {
                rows[r * x.len() + i] = sum(g, taps[2], |t| &given[r * taps[2] + t]);
            }
        }
        let mut planes = [[0.0; LANES]; 3 * SIDE * SIDE];
        for p in 0..taps[0] {
            for (j, g) in y.iter().enumerate() {
                for i in 0..x.len() {
                    let row = |t: usize| &rows[(p * taps[1] + t) * x.len() + i];
                    planes[(p * y.len() + j) * x.len() + i] = sum(g, taps[1], row);
                }
            }
        }
        let plane = y.len() * x.len();
        for (k, g) in z.iter().enumerate() {
            for i in 0..plane {
                let u = sum(g, taps[0], |t| &planes[t * plane + i]);
                to[k * plane + i] = u.map(|v| v as f32);
            }
        }
    }
}

#[inline(always)]
fn sum<'a>(g: &[f64; 3], taps: usize, of: impl Fn(usize) -> &'a Lane) -> Lane {
    let mut sum = [0.0; LANES];
    for t in 0..taps {
        let v = of(t);
        for l in 0..LANES {
            sum[l] += g[t] * v[l];
        }
    }
    sum
}
