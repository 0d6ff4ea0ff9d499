//! `cv2.resize` of OpenCV (measured against 5.0) on 32-bit floats, 8-bit and 16-bit samples.
//!
//! Facts, from `modules/imgproc/src/resize.cpp`: output `o` lies at `(o + ½) · n/m − ½` in `f32`;
//! linear and cubic (Keys' kernel, a = −0.75) repeat the border; linear by exactly one half in both
//! directions is `area`; `area` is the mean over the covered samples where no axis grows, else a
//! linear form with its own shares. On 8 bits weights are whole 2048ths: linear drops 4 bits after
//! the rows, 16 after the columns and 2 at the end, rounding only there. `nearest` takes
//! `floor(o · n/m)`, `nearest-exact` what Pillow takes (since 5.0; in 4 ties may fall otherwise).
//!
//! OpenCV's builds for Intel processors hand cubic, floats and 16-bit samples to another library,
//! which computes in its own way: measured differences from its own code are up to 1 on 8 bits
//! (cubic) and 16 bits, and 3e-6 of the range on floats.

use super::pil::middles;
use super::taps::Taps;
use super::volume::{Clip, Plan};

/// `interpolation` of `cv2.resize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenCv {
    /// `INTER_NEAREST`
    Nearest,
    /// `INTER_NEAREST_EXACT`
    NearestExact,
    /// `INTER_LINEAR`
    Linear,
    /// `INTER_CUBIC`
    Cubic,
    /// `INTER_AREA`
    Area,
}

/// What a mode comes down to for given extents.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Pick,
    PickMiddle,
    Linear,
    Cubic,
    /// The mean over the covered samples.
    Mean,
    /// `area` where an axis grows.
    Stretch,
}

/// Weights of the samples of one output.
type Row = Vec<(usize, f32)>;

impl OpenCv {
    fn way(self, from: &[usize], to: &[usize]) -> Way {
        let mut axes = from.iter().zip(to);
        match self {
            OpenCv::Nearest => Way::Pick,
            OpenCv::NearestExact => Way::PickMiddle,
            OpenCv::Linear if axes.all(|(&n, &m)| n == 2 * m) => Way::Mean,
            OpenCv::Linear => Way::Linear,
            OpenCv::Cubic => Way::Cubic,
            OpenCv::Area if axes.all(|(n, m)| n >= m) => Way::Mean,
            OpenCv::Area => Way::Stretch,
        }
    }

    pub(super) fn plan(self, from: [usize; 3], to: [usize; 3]) -> Plan {
        // A picture has no first axis.
        let way = if from[0] == 1 && to[0] == 1 {
            self.way(&from[1..], &to[1..])
        } else {
            self.way(&from, &to)
        };
        let axes = [0, 1, 2].map(|axis| {
            if from[axis] == to[axis] {
                return Taps::identity(from[axis]);
            }
            let rows = way.rows(from[axis], to[axis]).into_iter();
            let rows = rows.map(|row| row.into_iter().map(|(i, w)| (i, f64::from(w))).collect());
            Taps::gathered(from[axis], rows)
        });
        let prefilter = [None, None, None];
        Plan { smooth: None, prefilter, axes, outside: 0.0, clip: Clip::Free }
    }
}

impl Way {
    /// The samples that make each output of an axis, the border repeated.
    fn rows(self, n: usize, m: usize) -> Vec<Row> {
        let scale = 1.0 / (m as f64 / n as f64);
        if self == Way::PickMiddle {
            return middles(n, m).map(|index| vec![(index, 1.0)]).collect();
        }
        let last = n - 1;
        let clamped = |index: f64| (index.max(0.0) as usize).min(last);
        let row = |o: usize| -> Row {
            let centre = ((o as f64 + 0.5) * scale - 0.5) as f32;
            let left = centre.floor();
            let share = centre - left;
            let tap = |k: isize| clamped(f64::from(left) + k as f64);
            match self {
                Way::Pick | Way::PickMiddle => vec![(clamped((o as f64 * scale).floor()), 1.0)],
                Way::Linear => vec![(tap(0), 1.0 - share), (tap(1), share)],
                Way::Cubic => {
                    let [a, b, c] = cubic(share);
                    vec![(tap(-1), a), (tap(0), b), (tap(1), c), (tap(2), 1.0 - a - b - c)]
                }
                Way::Stretch => {
                    let left = (o as f64 * scale).floor();
                    let share = (o + 1) as f64 - (left + 1.0) * (m as f64 / n as f64);
                    let share = share as f32;
                    let share = if share <= 0.0 { 0.0 } else { share - share.floor() };
                    vec![(clamped(left), 1.0 - share), (clamped(left + 1.0), share)]
                }
                Way::Mean => mean(o, scale, n),
            }
        };
        (0..m).map(row).collect()
    }
}

/// The first three weights of Keys' kernel, a = −0.75, in `f32` as the reference rounds them: the
/// last bit decides which 2048th a weight becomes.
fn cubic(x: f32) -> [f32; 3] {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = ((A * (x + 1.0) - 5.0 * A) * (x + 1.0) + 8.0 * A) * (x + 1.0) - 4.0 * A;
    [far, near(x), near(1.0 - x)]
}

/// Shares of the samples under output `o`; slivers below 1e-3 of a sample do not count.
fn mean(o: usize, scale: f64, n: usize) -> Row {
    let start = o as f64 * scale;
    let end = start + scale;
    let width = scale.min(n as f64 - start);
    let last = (end.floor() as usize).min(n - 1);
    let first = (start.ceil() as usize).min(last);
    let mut row = Row::new();
    if first as f64 - start > 1e-3 {
        row.push((first - 1, ((first as f64 - start) / width) as f32));
    }
    row.extend((first..last).map(|index| (index, (1.0 / width) as f32)));
    if end - last as f64 > 1e-3 {
        row.push((last, ((end - last as f64).min(1.0).min(width) / width) as f32));
    }
    row
}

/// An 8-bit plane `[from.0][from.1]` to `[to.0][to.1]`, as OpenCV's own code to the last bit (cubic
/// up to a rare tie, where a row's end is not a whole vector register). Empty when an extent is zero
/// or `plane` has another size.
pub fn opencv_u8(
    plane: &[u8],
    from: (usize, usize),
    to: (usize, usize),
    interpolation: OpenCv,
) -> Vec<u8> {
    if [from.0, from.1, to.0, to.1].contains(&0) || plane.len() != from.0 * from.1 {
        return Vec::new();
    }
    if from == to {
        return plane.to_vec();
    }
    let way = interpolation.way(&[from.0, from.1], &[to.0, to.1]);
    let (rows, columns) = (way.rows(from.0, to.0), way.rows(from.1, to.1));
    match way {
        Way::Linear | Way::Stretch | Way::Cubic => fixed(plane, from.1, way, &rows, &columns),
        _ => {
            // Halving adds before it divides, and rounds a half upwards.
            let halves = from.0 == 2 * to.0 && from.1 == 2 * to.1;
            let round =
                |value: f32| if halves { (value + 0.5).floor() } else { value.round_ties_even() };
            let float: Vec<f32> = plane.iter().map(|&sample| f32::from(sample)).collect();
            float_sums(&float, from.1, &rows, &columns).map(|value| round(value) as u8).collect()
        }
    }
}

/// As [`opencv_u8`] for 16-bit samples: floats, rounded to even, kept within the range.
pub fn opencv_u16(
    plane: &[u16],
    from: (usize, usize),
    to: (usize, usize),
    interpolation: OpenCv,
) -> Vec<u16> {
    if [from.0, from.1, to.0, to.1].contains(&0) || plane.len() != from.0 * from.1 {
        return Vec::new();
    }
    if from == to {
        return plane.to_vec();
    }
    let way = interpolation.way(&[from.0, from.1], &[to.0, to.1]);
    let (rows, columns) = (way.rows(from.0, to.0), way.rows(from.1, to.1));
    let halves = way == Way::Mean && from.0 == 2 * to.0 && from.1 == 2 * to.1;
    let round = |value: f32| if halves { (value + 0.5).floor() } else { value.round_ties_even() };
    let float: Vec<f32> = plane.iter().map(|&sample| f32::from(sample)).collect();
    float_sums(&float, from.1, &rows, &columns).map(|value| round(value) as u16).collect()
}

/// Weighted sums over columns, then rows, in `f32`.
fn float_sums<'a>(
    plane: &'a [f32],
    width: usize,
    rows: &'a [Row],
    columns: &'a [Row],
) -> impl Iterator<Item = f32> + 'a {
    let sum = |row: &Row, at: &dyn Fn(usize) -> f32| -> f32 {
        row.iter().map(|&(index, weight)| weight * at(index)).sum()
    };
    rows.iter().flat_map(move |row| {
        columns.iter().map(move |column| sum(row, &|y| sum(column, &|x| plane[y * width + x])))
    })
}

/// Weights in 2048ths, whole-number sums.
fn fixed(plane: &[u8], width: usize, way: Way, rows: &[Row], columns: &[Row]) -> Vec<u8> {
    let whole = |row: &Row| -> Vec<(usize, i64)> {
        row.iter().map(|&(index, w)| (index, (w * 2048.0).round_ties_even() as i64)).collect()
    };
    let columns: Vec<_> = columns.iter().map(whole).collect();
    let lines: Vec<Vec<i64>> = plane
        .chunks_exact(width)
        .map(|line| {
            let sum = |column: &Vec<(usize, i64)>| {
                column.iter().map(|&(x, weight)| weight * i64::from(line[x])).sum()
            };
            columns.iter().map(sum).collect()
        })
        .collect();
    let mut out = Vec::with_capacity(rows.len() * columns.len());
    for row in rows.iter().map(whole) {
        out.extend((0..columns.len()).map(|x| {
            let terms = row.iter().map(|&(y, weight)| (weight, lines[y][x]));
            let value = match way {
                // Vector registers sum the columns as floats, the last row first.
                Way::Cubic => {
                    let share = |w: i64| w as f32 / (2048.0 * 2048.0);
                    let sum = terms.rev().fold(0.0, |sum, (w, line)| share(w) * line as f32 + sum);
                    sum.round_ties_even() as i64
                }
                _ => (terms.map(|(w, line)| (w * (line >> 4)) >> 16).sum::<i64>() + 2) >> 2,
            };
            value.clamp(0, 255) as u8
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_sizes_give_nothing_and_the_same_size_the_same() {
        assert!(opencv_u8(&[1; 5], (2, 3), (2, 2), OpenCv::Linear).is_empty());
        assert!(opencv_u16(&[], (0, 3), (2, 2), OpenCv::Area).is_empty());
        assert_eq!(opencv_u8(&[1, 9, 7], (1, 3), (1, 3), OpenCv::Cubic), [1, 9, 7]);
    }

    #[test]
    fn a_flat_plane_stays_flat() {
        for way in
            [OpenCv::Nearest, OpenCv::NearestExact, OpenCv::Linear, OpenCv::Cubic, OpenCv::Area]
        {
            for (from, to) in
                [((5, 7), (13, 2)), ((1, 1), (4, 4)), ((6, 4), (3, 2)), ((9, 9), (3, 3))]
            {
                let flat = vec![200u8; from.0 * from.1];
                assert!(opencv_u8(&flat, from, to, way).iter().all(|&v| v == 200), "{way:?}");
                let flat = vec![60_000u16; from.0 * from.1];
                assert!(opencv_u16(&flat, from, to, way).iter().all(|&v| v == 60_000), "{way:?}");
            }
        }
    }
}
