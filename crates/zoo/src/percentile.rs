//! A percentile as NumPy counts it, without sorting.

/// The value below which `share` (0..=1) of the values lie; they are reordered. 0 without any.
///
/// Linear between the values on both sides of `share · (n − 1)`, as NumPy's default.
pub(crate) fn percentile(values: &mut [f32], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let at = share * last as f64;
    let low = (at.floor() as usize).min(last);
    let (_, &mut first, above) = values.select_nth_unstable_by(low, f32::total_cmp);
    let next = above.iter().copied().min_by(f32::total_cmp).unwrap_or(first);
    let (first, next) = (f64::from(first), f64::from(next));
    first + (next - first) * (at - low as f64)
}
