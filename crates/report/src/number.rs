//! Numbers as people and scripts want to read them.

/// The decimal number an `f32` prints as, so that 0.516 stays 0.516 and does not become
/// 0.5160000324249268. `None` when not finite.
pub fn of_f32(value: f32) -> Option<f64> {
    value.is_finite().then(|| value.to_string().parse().ok()).flatten()
}

/// Rounded to `digits` after the point. `None` when not finite.
pub fn of_f64(value: f64, digits: usize) -> Option<f64> {
    value.is_finite().then(|| format!("{value:.digits$}").parse().ok()).flatten()
}

/// A score with two digits; a dash when not finite.
pub fn score(value: f32) -> String {
    if value.is_finite() { format!("{value:.2}") } else { "–".to_owned() }
}

/// Fixed digits, trailing zeros removed; a dash when not finite.
pub fn plain(value: f64, digits: usize) -> String {
    match of_f64(value, digits) {
        Some(value) => format!("{value}"),
        None => "–".to_owned(),
    }
}

/// Fixed digits; a dash when not finite.
pub fn fixed(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "–".to_owned() }
}

/// A coordinate of a drawing: one digit after the point at most.
pub fn at(value: f64) -> String {
    let value = (value * 10.0).round() / 10.0;
    // Never "-0".
    format!("{}", if value == 0.0 { 0.0 } else { value })
}

/// A duration in the unit that suits it.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        "–".to_owned()
    } else if value < 1.0 {
        format!("{:.0} ms", value * 1000.0)
    } else {
        format!("{value:.1} s")
    }
}

/// A size in the unit that suits it, powers of 1024.
pub fn bytes(value: u64) -> String {
    match value {
        0..1024 => format!("{value} B"),
        1024..1_048_576 => format!("{:.0} KiB", value as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", value as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", value as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_keeps_its_own_digits() {
        assert_eq!(serde_json::json!(of_f32(0.516)).to_string(), "0.516");
        assert_eq!(serde_json::json!(of_f32(f32::NAN)).to_string(), "null");
        assert_eq!(serde_json::json!(of_f64(0.1 + 0.2, 6)).to_string(), "0.3");
        for bits in (0..u32::MAX).step_by(10_000_019) {
            let value = f32::from_bits(bits);
            if value.is_finite() {
                assert_eq!(of_f32(value).map(|v| v as f32), Some(value), "{value:?}");
            }
        }
    }

    #[test]
    fn a_coordinate_is_short() {
        assert_eq!(at(-0.01), "0");
        assert_eq!(at(12.3456), "12.3");
        assert_eq!(at(7.0), "7");
    }

    #[test]
    fn sizes_and_times_choose_their_unit() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(28 << 20), "28.0 MiB");
        assert_eq!(seconds(0.0123), "12 ms");
        assert_eq!(seconds(f64::NAN), "–");
    }
}
