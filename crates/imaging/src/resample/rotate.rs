//! `scipy.ndimage.rotate` of SciPy 1.17 in the plane of the first two axes: `order=3, reshape=False,
//! mode="constant", cval=0`.

use super::extents;
use super::parallel::each;
use super::spline::{Continued, Prefilter, prefilter, weights};
use base::Result;
use kernels::Pool;

/// A volume `[shape[0]][shape[1]][shape[2]]` turned by so many degrees about its middle.
///
/// Errors: as [`super::resample_volume`].
pub fn rotate_planes(
    pool: &Pool,
    data: &[f32],
    shape: [usize; 3],
    degrees: f64,
) -> Result<Vec<f32>> {
    extents(data.len(), shape, shape)?;
    let mut coefficients = data.to_vec();
    let filter = || Prefilter::new(3, Continued::Mirror, None);
    prefilter(pool, &mut coefficients, shape, &[filter(), filter(), None]);
    let [height, width, depth] = shape;
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let middle = [(height - 1) as f64 / 2.0, (width - 1) as f64 / 2.0];
    let offset = [
        middle[0] - (cosine * middle[0] + sine * middle[1]),
        middle[1] - (cosine * middle[1] - sine * middle[0]),
    ];
    let mut out = vec![0.0f32; data.len()];
    each(pool, out.chunks_exact_mut(width * depth).collect(), |row, line: &mut &mut [f32]| {
        for (column, out) in line.chunks_exact_mut(depth).enumerate() {
            let (x, y) = (row as f64, column as f64);
            let at = [offset[0] + cosine * x + sine * y, offset[1] - sine * x + cosine * y];
            let last = [(height - 1) as f64, (width - 1) as f64];
            if (0..2).any(|axis| !(0.0..=last[axis]).contains(&at[axis])) {
                continue;
            }
            let (first, across) = (weights(3, at[0]), weights(3, at[1]));
            let mut sums = vec![0.0f64; depth];
            for (a, weight) in (first.0..).zip(&first.1) {
                for (b, other) in (across.0..).zip(&across.1) {
                    let a = Continued::Mirror.index(a, height);
                    let b = Continued::Mirror.index(b, width);
                    let from = &coefficients[(a * width + b) * depth..][..depth];
                    let weight = weight * other;
                    sums.iter_mut().zip(from).for_each(|(sum, c)| *sum += weight * f64::from(*c));
                }
            }
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum as f32);
        }
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of SciPy 1.17.
    #[test]
    fn a_small_picture_is_turned_as_scipy_turns_it() {
        let data: Vec<f32> = (0..5 * 4 * 2).map(|n| ((n * 7) % 11) as f32).collect();
        let turned = rotate_planes(&Pool::new(1), &data, [5, 4, 2], 23.5).unwrap();
        let expected: [f32; 40] = EXPECTED;
        for (ours, theirs) in turned.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-4, "{ours} {theirs}");
        }
        let same = rotate_planes(&Pool::new(1), &data, [5, 4, 2], 0.0).unwrap();
        assert!(same.iter().zip(&data).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    const EXPECTED: [f32; 40] = [
        0.0, 0.0, 0.0, 0.0, 9.39394, 4.70373, 0.0, 0.0, 1.47634, 7.23228, 5.11656, 0.580001,
        7.64305, 5.22442, 0.0, 0.0, 1.52446, 7.82431, 5.05619, 0.0603578, 8.39424, 3.93367,
        -0.0940847, 7.49478, 0.0, 0.0, 3.91723, 5.50096, 9.2474, 2.66795, 5.39948, 7.66069, 0.0,
        0.0, 3.99502, 2.37454, 0.0, 0.0, 0.0, 0.0,
    ];
}
