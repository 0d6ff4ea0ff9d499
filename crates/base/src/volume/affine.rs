//! The way from voxel indices to the patient.

use super::orientation::{Orientation, Toward};

/// Affine map from voxel indices (i, j, k) to world millimetres in RAS+: the upper three rows of the
/// usual 4×4 matrix, whose last row is always 0 0 0 1. Column n is the step of one voxel along axis
/// n, the last column the place of the first voxel's centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine([[f64; 4]; 3]);

impl Affine {
    /// From rows in RAS+ mm.
    pub const fn new(rows: [[f64; 4]; 3]) -> Affine {
        Affine(rows)
    }

    /// From rows in LPS+ mm, the world of DICOM and ITK: x and y change sign.
    pub fn from_lps(rows: [[f64; 4]; 3]) -> Affine {
        let [x, y, z] = rows;
        Affine([x.map(|v| 0.0 - v), y.map(|v| 0.0 - v), z])
    }

    /// From parts in RAS+: `direction[row][axis]` are the cosines of each voxel axis, `spacing_mm`
    /// the steps, `origin_mm` the first voxel's centre.
    pub fn from_parts(
        direction: [[f64; 3]; 3],
        spacing_mm: [f64; 3],
        origin_mm: [f64; 3],
    ) -> Affine {
        Affine(std::array::from_fn(|row| {
            std::array::from_fn(|column| match column {
                3 => origin_mm[row],
                axis => direction[row][axis] * spacing_mm[axis],
            })
        }))
    }

    /// Axes along R, A and S with these steps, the first voxel at the origin.
    pub fn scaling(spacing_mm: [f64; 3]) -> Affine {
        let unit = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        Affine::from_parts(unit, spacing_mm, [0.0; 3])
    }

    /// The upper three rows, RAS+.
    pub fn rows(&self) -> &[[f64; 4]; 3] {
        &self.0
    }

    /// All four rows, RAS+.
    pub fn matrix(&self) -> [[f64; 4]; 4] {
        let [x, y, z] = self.0;
        [x, y, z, [0.0, 0.0, 0.0, 1.0]]
    }

    /// The upper three rows in LPS+, the world of DICOM and ITK.
    pub fn lps_rows(&self) -> [[f64; 4]; 3] {
        let [x, y, z] = self.0;
        [x.map(|v| 0.0 - v), y.map(|v| 0.0 - v), z]
    }

    /// World position of a voxel, in mm; fractions of a voxel are allowed.
    pub fn apply(&self, at: [f64; 3]) -> [f64; 3] {
        self.0.map(|row| row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3])
    }

    /// Step along one voxel axis in mm, RAS+.
    pub fn column(&self, axis: usize) -> [f64; 3] {
        self.0.map(|row| row[axis])
    }

    /// World position of the first voxel's centre in mm.
    pub fn origin_mm(&self) -> [f64; 3] {
        self.column(3)
    }

    /// Lengths of the steps along i, j, k in mm.
    pub fn spacing_mm(&self) -> [f64; 3] {
        std::array::from_fn(|axis| self.column(axis).iter().map(|v| v * v).sum::<f64>().sqrt())
    }

    /// Cosines, `[row][axis]`: the steps at length 1. A step of length zero stays zero.
    pub fn direction(&self) -> [[f64; 3]; 3] {
        let spacing = self.spacing_mm();
        self.0.map(|row| {
            std::array::from_fn(|axis| match spacing[axis] {
                0.0 => 0.0,
                length => row[axis] / length,
            })
        })
    }

    /// Volume of a voxel in mm³, negative where the axes form a left-handed system.
    pub fn determinant(&self) -> f64 {
        determinant(&self.0.map(|[a, b, c, _]| [a, b, c]))
    }

    /// No number is NaN or infinite and the three axes span space: the volume spanned by the unit
    /// steps is above 1e-4. Three axes of one plane, or a step of zero, make a map without a way back.
    pub fn is_invertible(&self) -> bool {
        self.0.iter().flatten().all(|v| v.is_finite())
            && self.spacing_mm().iter().all(|&step| step > 0.0 && step.is_finite())
            && determinant(&self.direction()).abs() > 1e-4
    }

    /// Largest cosine between two axes; 0 where all stand at right angles. A tilted gantry or a shear
    /// shows here.
    pub fn skew(&self) -> f64 {
        let d = self.direction();
        let dot = |a: usize, b: usize| d.iter().map(|row| row[a] * row[b]).sum::<f64>().abs();
        dot(0, 1).max(dot(0, 2)).max(dot(1, 2))
    }

    /// World millimetres to voxel indices; `None` for a map without a way back.
    pub fn inverse(&self) -> Option<Affine> {
        if !self.is_invertible() {
            return None;
        }
        let inverse = inverse(&self.0.map(|[a, b, c, _]| [a, b, c]))?;
        let origin = self.origin_mm();
        Some(Affine(
            inverse
                .map(|[a, b, c]| [a, b, c, 0.0 - (a * origin[0] + b * origin[1] + c * origin[2])]),
        ))
    }

    /// The map that first does `inner`, then this.
    pub fn after(&self, inner: &Affine) -> Affine {
        Affine(self.0.map(|row| {
            std::array::from_fn(|column| {
                let product: f64 = (0..3).map(|k| row[k] * inner.0[k][column]).sum();
                if column == 3 { product + row[3] } else { product }
            })
        }))
    }

    /// The rotation (or mirrored rotation) nearest to the steps, `[row][axis]`: the orthogonal factor of
    /// the polar decomposition of [`Affine::direction`].
    pub fn rotation(&self) -> [[f64; 3]; 3] {
        nearest_rotation(self.direction())
    }

    /// Where i, j and k point to, each the nearest of the patient's six directions, no direction
    /// twice. As nibabel's `io_orientation`: by the rotation nearest to the steps (polar
    /// decomposition), the clearest axis first. RAS for a map without a way back.
    pub fn orientation(&self) -> Orientation {
        if !self.is_invertible() {
            return Orientation::RAS;
        }
        let mut rotation = self.rotation();
        let peak = |axis: usize| rotation.iter().map(|row| row[axis].powi(2)).fold(0.0, f64::max);
        let peaks = [peak(0), peak(1), peak(2)];
        let mut order = [0, 1, 2];
        order.sort_by(|&a, &b| peaks[b].total_cmp(&peaks[a]));
        let mut toward = [Toward::Right; 3];
        let mut free = [true; 3];
        for axis in order {
            let best =
                (0..3).filter(|&row| free[row]).fold(None, |best: Option<usize>, row| match best {
                    Some(b) if rotation[b][axis].abs() >= rotation[row][axis].abs() => best,
                    _ => Some(row),
                });
            let Some(row) = best else { continue };
            toward[axis] = Toward::of(row, rotation[row][axis] >= 0.0);
            free[row] = false;
            rotation[row] = [0.0; 3];
        }
        Orientation::new(toward).unwrap_or(Orientation::RAS)
    }
}

fn determinant(m: &[[f64; 3]; 3]) -> f64 {
    let [[a, b, c], [d, e, f], [g, h, i]] = *m;
    a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
}

fn inverse(m: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let [[a, b, c], [d, e, f], [g, h, i]] = *m;
    let det = determinant(m);
    if det == 0.0 || !det.is_finite() {
        return None;
    }
    Some([
        [(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
        [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
        [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det],
    ])
}

/// The orthogonal factor of the polar decomposition by Newton's iteration
/// `X ← (X + X⁻ᵀ) / 2` (Higham, SIAM J. Sci. Stat. Comput. 7, 1986).
fn nearest_rotation(mut x: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    for _ in 0..60 {
        let Some(inv) = inverse(&x) else { break };
        let next: [[f64; 3]; 3] = std::array::from_fn(|row| {
            std::array::from_fn(|column| (x[row][column] + inv[column][row]) / 2.0)
        });
        let moved = next.iter().flatten().zip(x.iter().flatten()).map(|(a, b)| (a - b).abs());
        let moved = moved.fold(0.0, f64::max);
        x = next;
        if moved < 1e-15 {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_and_its_inverse_cancel() {
        let map =
            Affine::new([[0.9, 0.1, 0.3, -10.0], [-0.2, 1.8, 0.1, 20.0], [0.0, -0.4, 2.5, 5.0]]);
        let back = map.inverse().unwrap().after(&map);
        for (row, line) in back.rows().iter().enumerate() {
            for (column, &v) in line.iter().enumerate() {
                assert!((v - f64::from(row == column)).abs() < 1e-12);
            }
        }
        assert_eq!(Affine::from_lps(map.lps_rows()), map);
    }

    #[test]
    fn what_does_not_span_space_has_no_inverse() {
        assert!(Affine::scaling([1.0, 0.0, 1.0]).inverse().is_none());
        assert!(Affine::scaling([1.0, f64::NAN, 1.0]).inverse().is_none());
        let flat = Affine::new([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0; 4]]);
        assert!(!flat.is_invertible());
        assert!(Affine::scaling([1e-3, 1e-3, 1e3]).is_invertible());
    }

    #[test]
    fn orientation_is_the_nearest_direction_of_each_axis() {
        let code = |rows| Affine::new(rows).orientation().to_string();
        assert_eq!(code([[1.0, 0., 0., 0.], [0., 1.0, 0., 0.], [0., 0., 1.0, 0.]]), "RAS");
        assert_eq!(code([[-1.0, 0., 0., 0.], [0., -1.0, 0., 0.], [0., 0., 1.0, 0.]]), "LPS");
        assert_eq!(code([[0., 0., -2.0, 0.], [-1.0, 0., 0., 0.], [0., -1.0, 0., 0.]]), "PIL");
        // Two axes nearest to the same direction: the clearer one takes it.
        assert_eq!(code([[0.9, 0.75, 0., 0.], [0.3, 0.66, 0., 0.], [0., 0., 1.0, 0.]]), "RAS");
    }

    #[test]
    fn skew_shows_a_tilted_gantry() {
        assert_eq!(Affine::scaling([1.0, 2.0, 3.0]).skew(), 0.0);
        let tilt = 10f64.to_radians();
        let tilted = Affine::new([
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 5.0 * tilt.sin(), 0.0],
            [0.0, 0.0, 5.0 * tilt.cos(), 0.0],
        ]);
        assert!((tilted.skew() - tilt.sin()).abs() < 1e-12);
    }
}
