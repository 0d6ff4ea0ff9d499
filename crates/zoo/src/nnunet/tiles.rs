//! Where tiles lie and how much each voxel of one counts
//! (`nnunetv2/inference/sliding_window_prediction.py`).

use engine::array::f16;

/// Weights stand in single precision but are rounded to half precision, as the reference's are.
pub const SCALE: f64 = 10.0;

/// First voxels of the tiles along one axis. `extent` is at least `tile`; `step` is the share of a
/// tile from one to the next at most, above 0 and up to 1.
pub fn starts(extent: usize, tile: usize, step: f64) -> Vec<usize> {
    let last = extent.saturating_sub(tile);
    let count = (last as f64 / (tile as f64 * step)).ceil() as usize + 1;
    if count < 2 {
        return vec![0];
    }
    let distance = last as f64 / (count - 1) as f64;
    (0..count).map(|tile| (distance * tile as f64).round_ties_even() as usize).collect()
}

/// Extents padded to at least a tile, and how much of the padding lies before the image.
pub fn padded(extents: [usize; 3], tile: [usize; 3]) -> ([usize; 3], [usize; 3]) {
    let padded = [0, 1, 2].map(|axis| extents[axis].max(tile[axis]));
    (padded, [0, 1, 2].map(|axis| (padded[axis] - extents[axis]) / 2))
}

/// How much each voxel of a tile counts: a Gaussian of an eighth of the tile around its middle
/// voxel, 10 there, never zero. Version 1 takes 1 in the middle and single precision.
pub fn importance(tile: &[usize], version_one: bool) -> Vec<f32> {
    let mut map = vec![1.0f64];
    for &extent in tile {
        let axis = gaussian(extent);
        map = map.iter().flat_map(|value| axis.iter().map(move |weight| value * weight)).collect();
    }
    let most = map.iter().fold(0.0f64, |most, &value| most.max(value));
    let scale = if version_one { 1.0 } else { SCALE };
    let rounded = |value: f64| match version_one {
        true => value as f32,
        false => f16::from_f64(value).to_f32(),
    };
    let mut map: Vec<f32> = map.into_iter().map(|value| rounded(value / (most / scale))).collect();
    let least = map.iter().filter(|value| **value > 0.0).fold(f32::INFINITY, |a, &b| a.min(b));
    map.iter_mut().filter(|value| **value == 0.0).for_each(|value| *value = least);
    map
}

/// What `scipy.ndimage.gaussian_filter1d` makes of a 1 at `extent / 2`, zeros around it: its
/// kernel, cut off at four standard deviations.
fn gaussian(extent: usize) -> Vec<f64> {
    let sigma = extent as f64 / 8.0;
    let radius = (4.0 * sigma + 0.5) as i64;
    let weight = |x: i64| (-0.5 / (sigma * sigma) * (x * x) as f64).exp();
    let sum: f64 = (-radius..=radius).map(weight).sum();
    let middle = (extent / 2) as i64;
    let at = |index: i64| match (index - middle).abs() <= radius {
        true => weight(index - middle) / sum,
        false => 0.0,
    };
    (0..extent as i64).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `compute_steps_for_sliding_window`.
    #[test]
    fn tiles_start_where_the_reference_lets_them_start() {
        assert_eq!(starts(110, 64, 0.5), [0, 23, 46]);
        assert_eq!(starts(64, 64, 0.5), [0]);
        assert_eq!(starts(65, 64, 0.5), [0, 1]);
        assert_eq!(starts(101, 40, 0.5), [0, 15, 30, 46, 61]);
        assert_eq!(starts(200, 128, 1.0), [0, 72]);
    }

    #[test]
    fn padding_is_larger_behind() {
        assert_eq!(padded([30, 64, 10], [35, 32, 13]), ([35, 64, 13], [2, 0, 1]));
    }

    #[test]
    fn the_middle_counts_ten_and_nothing_counts_zero() {
        let map = importance(&[16, 40, 48], false);
        let middle = (8 * 40 + 20) * 48 + 24;
        assert_eq!(map[middle], 10.0);
        // The smallest number of half precision stands in for what rounds to zero.
        assert_eq!(map[0], f16::from_bits(1).to_f32());
        assert!(map.iter().all(|&weight| weight > 0.0 && weight <= 10.0));
    }
}
