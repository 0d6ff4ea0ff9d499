//! Products of extents that cannot overflow: an empty array may name extents of any size.

/// Product of extents, at most what a `usize` holds.
pub(super) fn product(extents: &[usize]) -> usize {
    extents.iter().fold(1, |n, extent| n.saturating_mul(*extent))
}
