//! Uniform B-splines of orders 0 to 5: the weights at a position, and the recursive filter that
//! turns samples into coefficients.
//!
//! Facts: the basis by the recurrence of de Boor on integer knots; the filter after M. Unser,
//! A. Aldroubi, M. Eden, "B-spline signal processing: Part II", IEEE Trans. Signal Processing 41
//! (1993), with the poles of its table I. Both filter passes start from the signal continued beyond
//! its ends as [`Continued`] says.

use super::parallel::{columns, each};
use kernels::Pool;

/// How a line goes on beyond its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continued {
    /// `d c b | a b c d | c b a`
    Mirror,
    /// `c b a | a b c d | d c b`
    Reflect,
    /// `b c d | a b c d | a b c`
    Wrap,
}

impl Continued {
    /// The index on a line of `length` samples that stands for `index`.
    pub fn index(self, index: isize, length: usize) -> usize {
        let n = length as isize;
        let index = match self {
            _ if n <= 1 => 0,
            Continued::Wrap => index.rem_euclid(n),
            Continued::Mirror => {
                let index = index.rem_euclid(2 * n - 2);
                if index < n { index } else { 2 * n - 2 - index }
            }
            Continued::Reflect => {
                let index = index.rem_euclid(2 * n);
                if index < n { index } else { 2 * n - 1 - index }
            }
        };
        index as usize
    }
}

/// The first of the `order + 1` knots that count at position `x`, and their weights.
pub fn weights(order: usize, x: f64) -> (isize, Vec<f64>) {
    let middle = if order % 2 == 1 { x.floor() } else { (x + 0.5).floor() };
    let start = middle as isize - (order / 2) as isize;
    if order == 1 {
        // As SciPy rounds it: ties between labels depend on the last bit.
        let left = 1.0 - (x - middle);
        return (start, vec![left, 1.0 - left]);
    }
    let share = if order % 2 == 1 { x - middle } else { x - middle + 0.5 };
    let mut basis = vec![1.0];
    for k in 1..=order {
        let value = |j: usize| {
            let left = if j > 0 { (share + (k - j) as f64) * basis[j - 1] } else { 0.0 };
            let right = if j < k { (1.0 - share + j as f64) * basis[j] } else { 0.0 };
            (left + right) / k as f64
        };
        basis = (0..=k).map(value).collect();
    }
    (start, basis)
}

/// The poles of the filter; none for orders 0 and 1, whose samples are their coefficients.
pub fn poles(order: usize) -> Vec<f64> {
    match order {
        2 => vec![8f64.sqrt() - 3.0],
        3 => vec![3f64.sqrt() - 2.0],
        4 => {
            let root = 438_976f64.sqrt();
            let rest = 304f64.sqrt() - 19.0;
            vec![(664.0 - root).sqrt() + rest, (664.0 + root).sqrt() - 304f64.sqrt() - 19.0]
        }
        5 => {
            let root = 4436.25f64.sqrt();
            let a = 26.25f64.sqrt();
            vec![(67.5 - root).sqrt() + a - 6.5, (67.5 + root).sqrt() - a - 6.5]
        }
        _ => Vec::new(),
    }
}

/// The filter of one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefilter {
    poles: Vec<f64>,
    continued: Continued,
    padding: Option<Padding>,
}

/// What a line is lengthened with before it is filtered (the added coefficients are cut off again).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Zeros.
    Zero,
    /// The line's first and last sample.
    Edge,
}

/// Samples added at each end of a padded line, as SciPy does.
pub const PADDING: usize = 12;

/// Lines that are filtered side by side.
const LANES: usize = 16;

type Row = [f64; LANES];

impl Prefilter {
    /// The filter of an order; `None` where samples are the coefficients.
    pub fn new(order: usize, continued: Continued, padding: Option<Padding>) -> Option<Prefilter> {
        let poles = poles(order);
        (!poles.is_empty()).then_some(Prefilter { poles, continued, padding })
    }

    /// Coefficients of one line, with those of the padding.
    pub fn line(&self, samples: &[f64]) -> Vec<f64> {
        let lines: Vec<Row> = samples.iter().map(|&sample| [sample; LANES]).collect();
        let mut block = self.padded(lines.len());
        let at = self.offset();
        block[at..at + lines.len()].copy_from_slice(&lines);
        self.filter(&mut block, lines.len());
        block.iter().map(|row| row[0]).collect()
    }

    /// Samples in front of the line within what [`Prefilter::line`] gives.
    pub fn offset(&self) -> usize {
        if self.padding.is_some() { PADDING } else { 0 }
    }

    fn padded(&self, length: usize) -> Vec<Row> {
        vec![[0.0; LANES]; length + 2 * self.offset()]
    }

    /// Fills the padding of a block that holds `length` rows, and filters it along its rows.
    fn filter(&self, block: &mut [Row], length: usize) {
        let at = self.offset();
        let (first, last) = match (self.padding, block.get(at), block.get(at + length - 1)) {
            (Some(Padding::Edge), Some(&first), Some(&last)) => (first, last),
            _ => ([0.0; LANES], [0.0; LANES]),
        };
        block[..at].fill(first);
        block[at + length..].fill(last);
        // A line of one sample stays as it is: every continuation of it is constant.
        if block.len() > 1 {
            let gain = self.poles.iter().map(|z| (1.0 - z) * (1.0 - 1.0 / z)).product::<f64>();
            block.iter_mut().flatten().for_each(|value| *value *= gain);
            self.poles.iter().for_each(|&pole| recurse(block, pole, self.continued));
        }
    }
}

/// Terms below this share of the first no longer count.
const NEGLIGIBLE: f64 = 1e-20;

fn recurse(block: &mut [Row], z: f64, continued: Continued) {
    let n = block.len();
    let add = |sum: &mut Row, factor: f64, row: &Row| {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
    };
    // Forwards, from what the continued line has gathered on its way from infinity.
    let mut start = [0.0; LANES];
    let mut power = 1.0;
    let mut step = 0;
    while f64::abs(power) > NEGLIGIBLE {
        add(&mut start, power, &block[continued.index(-step, n)]);
        power *= z;
        step += 1;
    }
    if continued == Continued::Reflect {
        let whole_turn = z.powi(2 * n as i32);
        if whole_turn.abs() > NEGLIGIBLE {
            let slip = reflect_slip(block, z, n);
            add(&mut start, whole_turn / (1.0 - whole_turn), &slip);
        }
    }
    block[0] = start;
    for i in 1..n {
        let (before, rest) = block.split_at_mut(i);
        add(&mut rest[0], z, &before[i - 1]);
    }
    // Backwards, likewise.
    let last = block[n - 1];
    let mut start = [0.0; LANES];
    match continued {
        Continued::Mirror => {
            let factor = z / (z * z - 1.0);
            add(&mut start, factor, &last);
            add(&mut start, factor * z, &block[n - 2]);
        }
        Continued::Reflect => add(&mut start, z / (z - 1.0), &last),
        Continued::Wrap => {
            let mut power = -z;
            let mut step = 0;
            while f64::abs(power) > NEGLIGIBLE {
                add(&mut start, power, &block[continued.index(n as isize - 1 + step, n)]);
                power *= z;
                step += 1;
            }
        }
    }
    block[n - 1] = start;
    for i in (0..n - 1).rev() {
        let (before, after) = block.split_at_mut(i + 1);
        for (value, next) in before[i].iter_mut().zip(&after[0]) {
            *value = z * (next - *value);
        }
    }
}

/// SciPy up to 1.17 gathers the start of a reflected line in the place of its first sample, and
/// reads that place once more for the last term: what it reads too much there. Its share of the
/// result is the pole to twice the length, so it shows on axes of a few samples only.
fn reflect_slip(block: &[Row], z: f64, n: usize) -> Row {
    let mut slip = [0.0; LANES];
    let far = z.powi(n as i32);
    for lane in 0..LANES {
        let at = |i: usize| block[i][lane];
        let gathered = (1..n - 1).map(|i| z.powi(i as i32) * (at(i) + far * at(n - 1 - i)));
        slip[lane] = far * at(n - 1) + gathered.sum::<f64>();
    }
    slip
}

/// Turns a volume `[shape[0]][shape[1]][shape[2]]` into coefficients along every axis that has a
/// filter, in place. Sums are in `f64`.
pub fn prefilter(
    pool: &Pool,
    volume: &mut [f32],
    shape: [usize; 3],
    axes: &[Option<Prefilter>; 3],
) {
    let [depth, height, width] = shape;
    if volume.is_empty() || volume.len() != depth * height * width {
        return;
    }
    if let Some(filter) = &axes[0] {
        // Wide enough for several blocks, narrow enough to share the work out.
        let piece = (height * width).div_ceil(pool.threads() * 4).next_multiple_of(LANES).min(4096);
        each(pool, columns(volume, height * width, piece), |_, rows| down(filter, rows));
    }
    if axes[1].is_some() || axes[2].is_some() {
        each(pool, volume.chunks_exact_mut(height * width).collect(), |_, plane| {
            if let Some(filter) = &axes[2] {
                along(filter, plane, width);
            }
            if let Some(filter) = &axes[1] {
                down(filter, &mut plane.chunks_exact_mut(width).collect::<Vec<_>>());
            }
        });
    }
}

/// Filters across equally long rows: element `i` of all of them is a line.
fn down(filter: &Prefilter, rows: &mut [&mut [f32]]) {
    let length = rows.len();
    let width = rows.first().map_or(0, |row| row.len());
    let at = filter.offset();
    let mut block = filter.padded(length);
    for column in (0..width).step_by(LANES) {
        let end = (column + LANES).min(width);
        for (into, row) in block[at..].iter_mut().zip(rows.iter()) {
            for (into, &sample) in into.iter_mut().zip(&row[column..end]) {
                *into = f64::from(sample);
            }
        }
        filter.filter(&mut block, length);
        for (from, row) in block[at..].iter().zip(rows.iter_mut()) {
            for (into, &value) in row[column..end].iter_mut().zip(from) {
                *into = value as f32;
            }
        }
    }
}

/// Filters each line of `width` samples.
fn along(filter: &Prefilter, lines: &mut [f32], width: usize) {
    let at = filter.offset();
    let mut block = filter.padded(width);
    for lines in lines.chunks_mut(width * LANES) {
        for (lane, line) in lines.chunks_exact(width).enumerate() {
            for (into, &sample) in block[at..].iter_mut().zip(line) {
                into[lane] = f64::from(sample);
            }
        }
        filter.filter(&mut block, width);
        for (lane, line) in lines.chunks_exact_mut(width).enumerate() {
            for (into, from) in line.iter_mut().zip(&block[at..]) {
                *into = from[lane] as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_are_the_cubic_s() {
        for order in 0..=5 {
            for step in 0..50 {
                let (start, weights) = weights(order, f64::from(step) * 0.13 - 2.0);
                assert_eq!(weights.len(), order + 1);
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
                let mean: f64 = (start..).zip(&weights).map(|(k, w)| k as f64 * w).sum();
                let x = f64::from(step) * 0.13 - 2.0;
                assert!(order == 0 || (mean - x).abs() < 1e-12, "order {order} at {x}: {mean}");
            }
        }
        let (start, cubic) = weights(3, 4.0);
        assert_eq!(start, 3);
        for (weight, expected) in cubic.iter().zip([1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0, 0.0]) {
            assert!((weight - expected).abs() < 1e-15);
        }
    }

    /// The spline through the coefficients passes through the samples, whatever the continuation.
    #[test]
    fn the_filter_undoes_the_basis() {
        for order in 2..=5 {
            for continued in [Continued::Mirror, Continued::Reflect, Continued::Wrap] {
                // Short reflected lines share a slip of the reference.
                let short = if continued == Continued::Reflect { 20usize } else { 2 };
                for length in [short, short + 1, 40] {
                    let samples: Vec<f64> =
                        (0..length).map(|i| ((i * 7 + 3) % 11) as f64 - 4.0).collect();
                    let filter = Prefilter::new(order, continued, None).unwrap();
                    let coefficients = filter.line(&samples);
                    for (i, sample) in samples.iter().enumerate() {
                        let (start, weights) = weights(order, i as f64);
                        let value: f64 = (start..)
                            .zip(&weights)
                            .map(|(k, w)| w * coefficients[continued.index(k, length)])
                            .sum();
                        assert!(
                            (value - sample).abs() < 1e-10,
                            "{order} {continued:?} {length} {i}: {value} against {sample}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_volume_is_filtered_alike_for_any_number_of_threads() {
        let shape = [5, 37, 19];
        let volume: Vec<f32> = (0..5 * 37 * 19).map(|i| ((i * 31) % 101) as f32).collect();
        let filter = Prefilter::new(3, Continued::Reflect, Some(Padding::Edge));
        let axes = [filter.clone(), filter.clone(), filter];
        let run = |threads| {
            let mut volume = volume.clone();
            prefilter(&Pool::new(threads), &mut volume, shape, &axes);
            volume
        };
        assert_eq!(run(1), run(3));
    }
}
