//! A drawing of a frontal chest film: body, two lungs with ribs across them, heart, diaphragm,
//! spine, clavicles, and noise. It shows anatomy's places, no patient and no finding.

use base::Result;
use imaging::dicom::{Radiograph, radiograph};

const COLUMNS: usize = 1024;
const ROWS: usize = 1200;

/// The drawing as a 12-bit DX image, the bytes of a DICOM file.
pub(super) fn film() -> Result<Vec<u8>> {
    let film =
        Radiograph { spacing_mm: Some((0.35, 0.35)), ..Radiograph::chest(COLUMNS, ROWS, draw()) };
    radiograph(&film)
}

/// 12-bit samples; bright is dense. Positions are fractions of the picture's width and height.
fn draw() -> Vec<u16> {
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut samples = Vec::with_capacity(COLUMNS * ROWS);
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let x = column as f64 / COLUMNS as f64;
            let y = row as f64 / ROWS as f64;
            noise = noise.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let grain = (noise >> 40) as f64 / (1u64 << 24) as f64 - 0.5;
            let value = (density(x, y) + 0.035 * grain).clamp(0.0, 1.0);
            samples.push((value * 4095.0) as u16);
        }
    }
    samples
}

/// 0 air to 1 dense.
fn density(x: f64, y: f64) -> f64 {
    let body = 0.06 + 0.52 * inside(ellipse(x, y, 0.5, 0.62, 0.47, 0.62));
    let neck = 0.5 * inside(ellipse(x, y, 0.5, 0.02, 0.13, 0.16));
    let soft = body.max(neck);
    let left = inside(ellipse(x, y, 0.695, 0.45, 0.155, 0.34));
    let right = inside(ellipse(x, y, 0.305, 0.45, 0.165, 0.34));
    // The domes of the diaphragm, the right one higher.
    let below_left = inside(ellipse(x, y, 0.70, 0.86, 0.24, 0.16));
    let below_right = inside(ellipse(x, y, 0.30, 0.84, 0.24, 0.17));
    let air = (left * (1.0 - below_left)).max(right * (1.0 - below_right));
    let heart = inside(ellipse(x, y, 0.555, 0.60, 0.145, 0.155));
    let arch = inside(ellipse(x, y, 0.545, 0.31, 0.06, 0.07));
    let mediastinum = inside(ellipse(x, y, 0.5, 0.42, 0.075, 0.4));
    let central = heart.max(arch).max(mediastinum);
    let spine = 0.12 * inside(ellipse(x, y, 0.5, 0.5, 0.035, 0.6));
    let trachea = 0.14 * inside(ellipse(x, y, 0.5, 0.16, 0.02, 0.15));
    let lungs = soft - 0.4 * air * (1.0 - 0.92 * central);
    let bones =
        0.1 * ribs(x, y) * inside(ellipse(x, y, 0.5, 0.47, 0.4, 0.42)) + 0.16 * clavicle(x, y);
    lungs + spine + bones - trachea + 0.05 * vessels(x, y) * air
}

/// Below 1 inside the ellipse.
fn ellipse(x: f64, y: f64, cx: f64, cy: f64, rx: f64, ry: f64) -> f64 {
    let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
    dx * dx + dy * dy
}

/// 1 well inside, 0 well outside, a soft edge between.
fn inside(level: f64) -> f64 {
    let t = ((1.12 - level) / 0.24).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Bands that fall towards the sides, as the backs of the ribs do.
fn ribs(x: f64, y: f64) -> f64 {
    let side = (x - 0.5).abs();
    let phase = (y + 0.9 * side * side - 0.25 * side) / 0.078;
    let at = phase - phase.floor();
    let band = 1.0 - ((at - 0.5) / 0.2).powi(2);
    band.max(0.0) * ((side - 0.05) / 0.05).clamp(0.0, 1.0)
}

fn clavicle(x: f64, y: f64) -> f64 {
    let side = (x - 0.5).abs();
    let centre = 0.175 - 0.16 * (side - 0.06);
    let on = 1.0 - ((y - centre) / 0.014).powi(2);
    let reach = ((side - 0.05) / 0.02).clamp(0.0, 1.0) * ((0.36 - side) / 0.02).clamp(0.0, 1.0);
    on.max(0.0) * reach
}

/// Strands that leave the hila and fade outwards.
fn vessels(x: f64, y: f64) -> f64 {
    let side = (x - 0.5).abs();
    let fade = ((0.33 - side) / 0.25).clamp(0.0, 1.0);
    let slope = (y - 0.46) / (side + 0.03);
    let at = slope * 2.3 - (slope * 2.3).floor();
    (1.0 - ((at - 0.5) / 0.13).powi(2)).max(0.0) * fade
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_has_dark_lungs_beside_a_bright_middle() {
        let samples = draw();
        let at = |x: f64, y: f64| {
            let (column, row) = ((x * COLUMNS as f64) as usize, (y * ROWS as f64) as usize);
            samples[row * COLUMNS + column]
        };
        assert!(at(0.3, 0.4) + 600 < at(0.5, 0.5), "right lung darker than the spine");
        assert!(at(0.7, 0.4) + 600 < at(0.56, 0.62), "left lung darker than the heart");
        assert!(at(0.01, 0.02) < at(0.3, 0.4), "air outside is darkest");
    }
}
