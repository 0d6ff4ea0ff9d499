//! Colours as DICOM recommends them for display.

/// sRGB as CIELab under D50, scaled to 16 bits (PS3.3 C.10.7.1.1): L* from 0 to 100, a* and b* from
/// -128 to 127.
///
/// sRGB and its matrix: IEC 61966-2-1. To D50: the Bradford matrix of ICC.1:2010 annex E.
pub(super) fn cielab(rgb: [u8; 3]) -> [u16; 3] {
    let [r, g, b] = rgb.map(|value| {
        let v = f64::from(value) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    // The product of both matrices.
    let x = 0.436_074_7 * r + 0.385_064_9 * g + 0.143_080_4 * b;
    let y = 0.222_504_5 * r + 0.716_878_6 * g + 0.060_616_9 * b;
    let z = 0.013_932_2 * r + 0.097_104_5 * g + 0.714_173_3 * b;
    // CIE 15:2004 section 8.2.1; white point of the profile connection space.
    let f = |t: f64| {
        let limit = (6.0f64 / 29.0).powi(3);
        if t > limit { t.cbrt() } else { t / (3.0 * (6.0f64 / 29.0).powi(2)) + 4.0 / 29.0 }
    };
    let [x, y, z] = [x / 0.964_22, y, z / 0.825_21].map(f);
    let (l, a, b) = (116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z));
    let scaled = |value: f64, low: f64, high: f64| {
        ((value - low) / (high - low) * 65535.0).round().clamp(0.0, 65535.0) as u16
    };
    [scaled(l, 0.0, 100.0), scaled(a, -128.0, 127.0), scaled(b, -128.0, 127.0)]
}

#[cfg(test)]
mod tests {
    use super::cielab;

    #[test]
    fn known_colours_have_their_known_values() {
        // Lab of sRGB white, black and red under D50: (100, 0, 0), (0, 0, 0), (54.29, 80.81, 69.89).
        let back = |[l, a, b]: [u16; 3]| {
            let unit = |v: u16| f64::from(v) / 65535.0;
            [unit(l) * 100.0, unit(a) * 255.0 - 128.0, unit(b) * 255.0 - 128.0]
        };
        let near = |rgb, lab: [f64; 3]| {
            let found = back(cielab(rgb));
            assert!(found.iter().zip(lab).all(|(a, b)| (a - b).abs() < 0.05), "{rgb:?} {found:?}");
        };
        near([255, 255, 255], [100.0, 0.0, 0.0]);
        near([0, 0, 0], [0.0, 0.0, 0.0]);
        near([255, 0, 0], [54.29, 80.81, 69.89]);
    }
}
