//! Several comparisons at once.

/// Holm's step-down adjustment (Holm 1979): p(i) · (m − i + 1), never falling, at most 1. In the
/// order given.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut most: f64 = 0.0;
    for (place, &at) in order.iter().enumerate() {
        most = most.max(p[at] * (p.len() - place) as f64).min(1.0);
        adjusted[at] = most;
    }
    adjusted
}
