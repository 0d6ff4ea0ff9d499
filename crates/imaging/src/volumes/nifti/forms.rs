//! NIfTI's two ways to say how a volume lies: the qform (rotation by a quaternion, spacing, offset)
//! and the sform (an affine).
//!
//! **Which is used**: nibabel's rule. The sform when its code is not 0, else the qform when its code
//! is not 0, else spacing alone with the volume's centre at the origin and x mirrored. ITK decides
//! otherwise in one case: where both codes are set, differ, and the sform's is not 1 (scanner) or the
//! sform is sheared, it takes the qform. A file whose two forms differ gets a remark, and both codes
//! stay readable in [`Forms`].

use base::Affine;

/// The transforms of a NIfTI header as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forms {
    /// 0 unknown, 1 scanner, 2 aligned, 3 Talairach, 4 MNI, 5 another template.
    pub qform_code: i16,
    /// As `qform_code`.
    pub sform_code: i16,
    /// `pixdim[0]`: −1 mirrors the third axis, anything else is 1.
    pub qfac: f64,
    /// `pixdim[1..=3]`.
    pub pixdim: [f64; 3],
    /// `quatern_b`, `quatern_c`, `quatern_d`; the first part follows from their length.
    pub quaternion: [f64; 3],
    /// `qoffset_x`, `qoffset_y`, `qoffset_z`.
    pub offset: [f64; 3],
    /// `srow_x`, `srow_y`, `srow_z`.
    pub rows: [[f64; 4]; 3],
    /// Numbers were stored with 64 bits (NIfTI-2).
    pub is_double: bool,
}

impl Forms {
    /// The sform as it is written.
    pub fn sform(&self) -> Affine {
        Affine::new(self.rows)
    }

    /// The affine of the qform (nifti1.h, method 2; nibabel's `get_qform`). Negative spacings count
    /// with their amount. A quaternion longer than 1 beyond rounding is brought to length 1.
    pub fn qform(&self) -> Affine {
        let [b, c, d] = self.quaternion;
        let square = b * b + c * c + d * d;
        // nibabel's threshold: three steps of the precision the numbers are stored in.
        let epsilon = if self.is_double { f64::EPSILON } else { f64::from(f32::EPSILON) };
        let rest = 1.0 - square;
        let (a, [b, c, d]) = match rest {
            _ if rest.abs() < 3.0 * epsilon => (0.0, [b, c, d]),
            _ if rest < 0.0 => (0.0, [b, c, d].map(|v| v / square.sqrt())),
            _ => (rest.sqrt(), [b, c, d]),
        };
        let [dx, dy, dz] = self.pixdim.map(f64::abs);
        let dz = if self.qfac == -1.0 { -dz } else { dz };
        Affine::from_parts(rotation([a, b, c, d]), [dx, dy, dz], self.offset)
    }

    /// Both forms for one affine, with these codes. The qform cannot hold a shear: for a sheared
    /// affine its code is 0, so that nobody reads a wrong place from it.
    pub fn of(affine: &Affine, qform_code: i16, sform_code: i16) -> Forms {
        let spacing = affine.spacing_mm();
        let mut turn = affine.rotation();
        let qfac = if affine.determinant() < 0.0 { -1.0 } else { 1.0 };
        turn.iter_mut().for_each(|row| row[2] *= qfac);
        let can_hold = affine.skew() < 1e-4;
        Forms {
            qform_code: if can_hold { qform_code } else { 0 },
            sform_code,
            qfac,
            pixdim: spacing,
            quaternion: quaternion(turn),
            offset: affine.origin_mm(),
            rows: *affine.rows(),
            is_double: true,
        }
    }
}

/// Spacing alone: the centre of the volume at the origin, x to the left (nibabel's
/// `shape_zoom_affine` with `default_x_flip`, as SPM reads Analyze). `centre` overrides the centre.
pub(super) fn by_spacing(
    size: [usize; 3],
    spacing_mm: [f64; 3],
    centre: Option<[f64; 3]>,
) -> Affine {
    let centre = centre.unwrap_or(size.map(|n| (n as f64 - 1.0) / 2.0));
    let step = [-spacing_mm[0], spacing_mm[1], spacing_mm[2]];
    let rows = std::array::from_fn(|row| {
        let mut line = [0.0; 4];
        line[row] = step[row];
        line[3] = 0.0 - centre[row] * step[row];
        line
    });
    Affine::new(rows)
}

/// Rotation of a quaternion; of length zero, none.
fn rotation([w, x, y, z]: [f64; 4]) -> [[f64; 3]; 3] {
    let square = w * w + x * x + y * y + z * z;
    if square < f64::EPSILON {
        return [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    }
    let s = 2.0 / square;
    let (sx, sy, sz) = (x * s, y * s, z * s);
    let (wx, wy, wz) = (w * sx, w * sy, w * sz);
    let (xx, xy, xz) = (x * sx, x * sy, x * sz);
    let (yy, yz, zz) = (y * sy, y * sz, z * sz);
    [
        [1.0 - (yy + zz), xy - wz, xz + wy],
        [xy + wz, 1.0 - (xx + zz), yz - wx],
        [xz - wy, yz + wx, 1.0 - (xx + yy)],
    ]
}

/// The quaternion's b, c, d of a rotation, with a ≥ 0 (nifti1.h, `nifti_mat44_to_quatern`).
fn quaternion(m: [[f64; 3]; 3]) -> [f64; 3] {
    let [[r11, r12, r13], [r21, r22, r23], [r31, r32, r33]] = m;
    let trace = r11 + r22 + r33 + 1.0;
    let (a, bcd) = if trace > 0.5 {
        let a = 0.5 * trace.sqrt();
        (a, [(r32 - r23) / (4.0 * a), (r13 - r31) / (4.0 * a), (r21 - r12) / (4.0 * a)])
    } else {
        let x = 1.0 + r11 - (r22 + r33);
        let y = 1.0 + r22 - (r11 + r33);
        let z = 1.0 + r33 - (r11 + r22);
        if x > 1.0 {
            let b = 0.5 * x.sqrt();
            ((r32 - r23) / (4.0 * b), [b, (r12 + r21) / (4.0 * b), (r13 + r31) / (4.0 * b)])
        } else if y > 1.0 {
            let c = 0.5 * y.sqrt();
            ((r13 - r31) / (4.0 * c), [(r12 + r21) / (4.0 * c), c, (r23 + r32) / (4.0 * c)])
        } else {
            let d = 0.5 * z.max(0.0).sqrt().max(f64::MIN_POSITIVE);
            ((r21 - r12) / (4.0 * d), [(r13 + r31) / (4.0 * d), (r23 + r32) / (4.0 * d), d])
        }
    };
    if a < 0.0 { bcd.map(|v| -v) } else { bcd }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Orientation;

    #[test]
    fn a_rotation_survives_its_quaternion() {
        for code in ["RAS", "LPS", "PIR", "SLA", "IAR", "RSP", "ALS"] {
            let to = Orientation::parse(code).unwrap();
            let mut direction = [[0.0; 3]; 3];
            for (axis, toward) in to.axes().into_iter().enumerate() {
                let (row, grows) = toward.row();
                direction[row][axis] = if grows { 1.0 } else { -1.0 };
            }
            // A little turn, so that no number is a round one.
            let (s, c) = 0.3f64.sin_cos();
            let turn = [[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]];
            let turned: [[f64; 3]; 3] = std::array::from_fn(|r| {
                std::array::from_fn(|k| (0..3).map(|n| turn[r][n] * direction[n][k]).sum())
            });
            let affine = Affine::from_parts(turned, [0.7, 0.8, 2.5], [-3.0, 4.0, 5.0]);
            let forms = Forms::of(&affine, 1, 1);
            assert_eq!((forms.qform_code, forms.sform_code), (1, 1));
            for (ours, wanted) in
                forms.qform().rows().iter().flatten().zip(affine.rows().iter().flatten())
            {
                assert!((ours - wanted).abs() < 1e-12, "{code}: {ours}, not {wanted}");
            }
        }
    }

    #[test]
    fn a_shear_has_no_qform() {
        let sheared =
            Affine::new([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 2.0, 0.0]]);
        assert_eq!(Forms::of(&sheared, 1, 1).qform_code, 0);
    }
}
