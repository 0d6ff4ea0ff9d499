//! The kernels at the points: `U = (G ⊗ G ⊗ G) w`, made once in `f64`, a panel of out channels at a time; of an axis with phases the
//! elements of one phase.

use super::points::{self, SIDE, STRIDED};
use crate::isa::multiversion;

/// Out channels transformed together.
pub(super) const LANES: usize = 16;

type Lane = [f64; LANES];

/// Kernels of up to 3×3×3 elements for up to [`LANES`] out channels.
pub(super) struct Kernels {
    /// Kind of each axis.
    pub step: [usize; 3],
    given: [Lane; 27],
    /// Transformed along the last axis, and along the last two.
    rows: [Lane; 9 * SIDE],
    planes: [Lane; 3 * SIDE * SIDE],
    /// `[point][lane]`.
    pub at_points: Vec<[f32; LANES]>,
}

impl Kernels {
    /// Room for the kernels of tiles whose axes are of these kinds.
    pub fn new(step: [usize; 3]) -> Kernels {
        let points = step.map(points::side).iter().product();
        Kernels {
            step,
            given: [[0.0; LANES]; 27],
            rows: [[0.0; LANES]; 9 * SIDE],
            planes: [[0.0; LANES]; 3 * SIDE * SIDE],
            at_points: vec![[0.0; LANES]; points],
        }
    }

    /// Transforms the kernels of `outs ≤ 16` neighbouring out channels and in channel `c` of `weight`, `[out][in][kernel]`, as far as they
    /// meet the elements of a phase of each axis.
    pub fn transform(
        &mut self,
        weight: &[f32],
        [ins, c]: [usize; 2],
        phase: [usize; 3],
        outs: usize,
    ) {
        let axes = self.step.map(|kind| if kind == 1 { 1 } else { 3 });
        let taps: usize = axes.iter().product();
        self.given = [[0.0; LANES]; 27];
        for t in 0..taps {
            let at = [t / (axes[1] * axes[2]), t / axes[2] % axes[1], t % axes[2]];
            // Where an element stands in the kernel of its phase; none in another phase.
            let place = |axis: usize| match self.step[axis] {
                STRIDED => (at[axis] % 2 == phase[axis]).then_some(at[axis] / 2),
                _ => Some(at[axis]),
            };
            let (Some(z), Some(y), Some(x)) = (place(0), place(1), place(2)) else { continue };
            let to = &mut self.given[(z * axes[1] + y) * axes[2] + x];
            for (o, to) in to.iter_mut().enumerate().take(outs) {
                *to = f64::from(weight[(o * ins + c) * taps + t]);
            }
        }
        let Kernels { step, given, rows, planes, at_points } = self;
        transform(*step, given, rows, planes, at_points);
    }
}

multiversion! {
    /// Along the last axis, then the middle one, then the first.
    fn transform(
        step: [usize; 3],
        given: &[Lane; 27],
        rows: &mut [Lane; 9 * SIDE],
        planes: &mut [Lane; 3 * SIDE * SIDE],
        to: &mut [[f32; LANES]],
    ) {
        let [z, y, x] = step.map(points::kernel);
        let taps = step.map(|kind| if kind == 1 { 1 } else { 3 });
        for r in 0..taps[0] * taps[1] {
            for (i, g) in x.iter().enumerate() {
                rows[r * x.len() + i] = sum(g, taps[2], |t| &given[r * taps[2] + t]);
            }
        }
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
