//! From attenuation to density: calibration by the patient's own fat and the air around, areal density,
//! T- and Z-scores.
//!
//! Reference: the equations of the bone-density pipeline in StanfordMIMI/Comp2Comp (Apache-2.0). They
//! estimate what a DXA of the lumbar spine would show; they do not replace one.

/// Visceral fat, HU, after calibration.
const FAT_HU: f64 = -95.0;
/// Air, HU, after calibration.
const AIR_HU: f64 = -1000.0;
/// Below it, calibrated mean of L1 to L4 in HU, the original says abnormal (T-score below −1).
pub const ABNORMAL_HU: f64 = 300.0;
/// Areal density by calibrated attenuation: g/cm² for each HU, and g/cm² at 0 HU.
const DENSITY: (f64, f64) = (0.002_533_809_257_151_385, 0.229_802_048_382_089);
/// Mean and standard deviation of areal density in g/cm² from 20 to 29 and from 30 to 39 years.
const YOUNG: [(f64, f64); 2] = [(1.071_414_81, 0.122_457_57), (1.073_231_75, 0.118_872_98)];
/// The same from 40, 50 and 60 years on.
const OLDER: [(f64, f64); 3] =
    [(1.072_476_24, 0.156_666_67), (1.011_355_56, 0.153_256_33), (0.978_029_14, 0.158_344_23)];

/// Farthest that measured air and visceral fat may lie from what they are, HU, for a calibration.
const PLAUSIBLE_HU: (f64, f64) = (100.0, 60.0);

/// A line through two known tissues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    slope: f64,
    intercept: f64,
}

impl Calibration {
    /// From the measured means of visceral fat and of air in HU; `None` where either is not what it
    /// should be.
    pub fn new(fat_hu: f64, air_hu: f64) -> Option<Calibration> {
        let plausible =
            (air_hu - AIR_HU).abs() <= PLAUSIBLE_HU.0 && (fat_hu - FAT_HU).abs() <= PLAUSIBLE_HU.1;
        let slope = (FAT_HU - AIR_HU) / (fat_hu - air_hu);
        plausible.then_some(Calibration { slope, intercept: AIR_HU - slope * air_hu })
    }

    /// Calibrated HU.
    pub fn apply(&self, hu: f64) -> f64 {
        self.slope * hu + self.intercept
    }
}

/// Estimated areal density of the lumbar spine in g/cm² by calibrated HU.
pub fn areal_density(calibrated_hu: f64) -> f64 {
    DENSITY.0 * calibrated_hu + DENSITY.1
}

/// Standard deviations from the mean of young adults.
pub fn t_score(density: f64) -> f64 {
    let mean = (YOUNG[0].0 + YOUNG[1].0) / 2.0;
    let deviation = (YOUNG[0].1 + YOUNG[1].1) / 2.0;
    (density - mean) / deviation
}

/// Standard deviations from the mean of the same age; `None` below 20 years, for which the original has
/// no table.
pub fn z_score(density: f64, age_years: u16) -> Option<f64> {
    let (mean, deviation) = match age_years {
        ..20 => return None,
        20..30 => YOUNG[0],
        30..40 => YOUNG[1],
        40..50 => OLDER[0],
        50..60 => OLDER[1],
        _ => OLDER[2],
    };
    Some((density - mean) / deviation)
}
