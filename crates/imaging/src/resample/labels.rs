//! Label maps: every label's share at an output voxel, and who wins.
//!
//! The references resample one indicator volume per label. With linear interpolation only the labels
//! of the eight neighbours have a share, so here each voxel sums those directly, in `f64` and in
//! the order in which SciPy sums (`zoom`: planes, rows, columns): the last bit decides ties, and ties
//! are common, for an even factor puts samples midway between two labels. Time and memory do not
//! depend on the number of labels.

use super::parallel::each;
use super::scipy::{Mode, Zoom};
use super::taps::Taps;
use super::{Resampler, extents, skimage};
use base::Result;
use kernels::Pool;

/// A label: a whole number.
pub trait Label: Copy + Ord + Default + Send + Sync {}
impl<L: Copy + Ord + Default + Send + Sync> Label for L {}

/// Which label an output voxel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The one with the largest share; of equals the nearest neighbour's, else the smallest
    /// (`resize_segmentation` of batchgenerators 0.25.5).
    Largest,
    /// The largest one with a share of at least a half; 0 where none has (batchgenerators up to
    /// 0.25.1).
    HalfOrMore,
    /// The largest one with a share above a half; 0 where none has (`resample_torch_fornnunet` with
    /// `memefficient_seg_resampling`).
    OverHalf,
    /// The one with the largest share, a thousandfold in half precision; of equals the smallest
    /// (`resample_torch_fornnunet`).
    LargestHalfPrecision,
}

/// `resize_segmentation(labels, to, order)` of batchgenerators: `resize` of scikit-image with mode
/// `edge` on each label's indicator. A label map `[from[0]][from[1]][from[2]]` to
/// `[to[0]][to[1]][to[2]]`; order 0 picks the nearest.
///
/// Orders 0 and 1 are exact; from order 2 on shares are computed in `f32`, and exact ties may fall
/// the other way. Errors: as [`Resampler::new`].
pub fn resize_labels<L: Label>(
    pool: &Pool,
    labels: &[L],
    from: [usize; 3],
    to: [usize; 3],
    order: usize,
    rule: Rule,
) -> Result<Vec<L>> {
    resize_labels_apart(pool, labels, from, to, order, rule, None)
}

/// As [`resize_labels`]; along the axis `apart` the nearest slice is taken.
pub(super) fn resize_labels_apart<L: Label>(
    pool: &Pool,
    labels: &[L],
    from: [usize; 3],
    to: [usize; 3],
    order: usize,
    rule: Rule,
    apart: Option<usize>,
) -> Result<Vec<L>> {
    extents(labels.len(), from, to)?;
    if from == to {
        return Ok(labels.to_vec());
    }
    let order_of = |axis: usize| if apart == Some(axis) { 0 } else { order };
    let nearest = [0, 1, 2].map(|axis| Shares::new(0, from[axis], to[axis]));
    if order >= 2 {
        return smooth(pool, labels, from, to, order, rule, apart);
    }
    let shares = [0, 1, 2].map(|axis| Shares::new(order_of(axis), from[axis], to[axis]));
    Ok(direct(pool, labels, from, to, &shares, &nearest, rule))
}

/// For each output of an axis the source samples that have a share, and the shares.
pub(super) struct Shares(Vec<[(usize, f64); 2]>);

impl Shares {
    /// From a table of at most two weights an output.
    pub(super) fn of(taps: &Taps) -> Shares {
        let one = |output| {
            let (first, weights) = taps.row(output);
            let weight = |tap: usize| weights.get(tap).copied().map_or(0.0, f64::from);
            [(first, weight(0)), ((first + 1).min(taps.source() - 1), weight(1))]
        };
        Shares((0..taps.outputs()).map(one).collect())
    }

    /// Order 0 or 1 on the grid of extents, the last sample repeated.
    fn new(order: usize, from: usize, to: usize) -> Shares {
        let zoom = Zoom { order, mode: Mode::Nearest, cval: 0.0, prefilter: true, grid_mode: true };
        let one = |output| {
            let pairs = zoom.samples(output, from, to);
            let first = pairs.first().copied().unwrap_or((0, 0.0));
            [first, pairs.get(1).copied().unwrap_or((first.0, 0.0))]
        };
        Shares((0..to).map(one).collect())
    }
}

pub(super) fn direct<L: Label>(
    pool: &Pool,
    labels: &[L],
    from: [usize; 3],
    to: [usize; 3],
    shares: &[Shares; 3],
    nearest: &[Shares; 3],
    rule: Rule,
) -> Vec<L> {
    let mut out = vec![L::default(); to.iter().product()];
    let row_at = |z: usize, y: usize| &labels[(z * from[1] + y) * from[2]..][..from[2]];
    let rows: Vec<&mut [L]> = out.chunks_exact_mut(to[2]).collect();
    // Some rows to a task: one alone is too little work.
    let mut tasks: Vec<Vec<&mut [L]>> = Vec::new();
    let per_task = rows.len().div_ceil(pool.threads() * 16).max(1);
    for row in rows {
        match tasks.last_mut() {
            Some(task) if task.len() < per_task => task.push(row),
            _ => tasks.push(vec![row]),
        }
    }
    each(pool, tasks, |task, rows| {
        for (number, out) in (task * per_task..).zip(rows.iter_mut()) {
            let (z, y) = (number / to[1], number % to[1]);
            let (planes, lines) = (&shares[0].0[z], &shares[1].0[y]);
            let near = row_at(nearest[0].0[z][0].0, nearest[1].0[y][0].0);
            let mut sources: Vec<(&[L], f64, f64)> = Vec::with_capacity(4);
            for &(plane, u) in planes.iter().filter(|(_, u)| *u != 0.0) {
                for &(line, v) in lines.iter().filter(|(_, v)| *v != 0.0) {
                    sources.push((row_at(plane, line), u, v));
                }
            }
            for (x, out) in out.iter_mut().enumerate() {
                let columns = &shares[2].0[x];
                let neighbour = near[nearest[2].0[x][0].0];
                *out = voxel(&sources, columns, neighbour, rule);
            }
        }
    });
    out
}

/// The winner at one voxel.
fn voxel<L: Label>(
    sources: &[(&[L], f64, f64)],
    columns: &[(usize, f64); 2],
    neighbour: L,
    rule: Rule,
) -> L {
    let [(left, a), (right, b)] = *columns;
    let alone = |row: &[L]| row[left] == neighbour && (b == 0.0 || row[right] == neighbour);
    if sources.iter().all(|(row, ..)| alone(row)) {
        return neighbour;
    }
    // At most eight neighbours, so at most eight labels.
    let mut scores = [(L::default(), 0.0); 8];
    let mut count = 0;
    for &(row, u, v) in sources {
        for (index, w) in [(left, a), (right, b)] {
            let (label, share) = (row[index], u * v * w);
            match scores[..count].iter_mut().find(|score| score.0 == label) {
                Some(score) => score.1 += share,
                None => {
                    scores[count] = (label, share);
                    count += 1;
                }
            }
        }
    }
    rule.winner(&scores[..count], neighbour)
}

impl Rule {
    fn winner<L: Label>(self, scores: &[(L, f64)], neighbour: L) -> L {
        let most = scores.iter().fold(0.0, |most: f64, score| most.max(score.1));
        let at_least = |bound| scores.iter().filter(move |s| s.1 >= bound).map(|s| s.0);
        match self {
            Rule::HalfOrMore => at_least(0.5).max().unwrap_or_default(),
            Rule::OverHalf => {
                let enough = scores.iter().filter(|score| score.1 as f32 > 0.5);
                enough.map(|score| score.0).max().unwrap_or_default()
            }
            Rule::Largest if at_least(most).any(|label| label == neighbour) => neighbour,
            Rule::Largest => at_least(most).min().unwrap_or_default(),
            Rule::LargestHalfPrecision => {
                let rounded = |score: f64| half(score * 1000.0);
                let tied = scores.iter().filter(|score| rounded(score.1) >= rounded(most));
                tied.map(|score| score.0).min().unwrap_or_default()
            }
        }
    }
}

/// The nearest number of half precision, ties to even, for 0 and what lies between 2⁻¹⁴ and 65 504.
fn half(value: f64) -> f64 {
    let unit = 2f64.powi((value as f32).log2().floor().max(-14.0) as i32 - 10);
    (value / unit).round_ties_even() * unit
}

/// The labels that occur, ascending.
pub(super) fn occurring<L: Label>(labels: &[L]) -> Vec<L> {
    let mut found = std::collections::BTreeSet::new();
    let mut last = None;
    for &label in labels {
        if last != Some(label) {
            last = Some(label);
            found.insert(label);
        }
    }
    found.into_iter().collect()
}

/// Orders from 2 on: one indicator after the other.
fn smooth<L: Label>(
    pool: &Pool,
    labels: &[L],
    from: [usize; 3],
    to: [usize; 3],
    order: usize,
    rule: Rule,
    apart: Option<usize>,
) -> Result<Vec<L>> {
    let pick = [0, 1, 2].map(|axis| Shares::new(0, from[axis], to[axis]));
    let near = direct(pool, labels, from, to, &pick, &pick, Rule::Largest);
    let method = skimage::Resize::edge(order);
    let mut out = vec![L::default(); near.len()];
    let mut best = vec![0.0f32; near.len()];
    for label in occurring(labels) {
        let indicator: Vec<f32> =
            labels.iter().map(|&l| if l == label { 1.0 } else { 0.0 }).collect();
        let mut plan = method.plan(from, to);
        if let Some(axis) = apart {
            plan.apart(axis, from[axis], to[axis]);
        }
        let resampler = Resampler::planned(pool, indicator.into(), plan);
        let plane = to[1] * to[2];
        let parts: Vec<_> = out
            .chunks_exact_mut(plane)
            .zip(best.chunks_exact_mut(plane))
            .zip(near.chunks_exact(plane))
            .collect();
        each(pool, parts, |z, ((out, best), near)| {
            let mut score = vec![0.0; plane];
            resampler.rows(z, 0, &mut score);
            for (i, &score) in score.iter().enumerate() {
                let wins = match rule {
                    Rule::HalfOrMore => score >= 0.5,
                    Rule::OverHalf => score > 0.5,
                    Rule::LargestHalfPrecision => score > best[i],
                    Rule::Largest => score > best[i] || score == best[i] && near[i] == label,
                };
                if wins && score > 0.0 {
                    (out[i], best[i]) = (label, score);
                }
            }
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midway_between_two_labels_the_nearest_neighbour_decides_and_of_three_the_smallest() {
        let pool = Pool::new(1);
        // Three outputs of two samples: the middle one lies midway.
        let run = |labels: &[u8], rule| {
            resize_labels(&pool, labels, [1, 1, 2], [1, 1, 3], 1, rule).unwrap()
        };
        assert_eq!(run(&[2, 7], Rule::Largest)[1], 7);
        assert_eq!(run(&[7, 2], Rule::Largest)[1], 2);
        assert_eq!(run(&[7, 2], Rule::HalfOrMore)[1], 7);
        let corners = [3u8, 1, 1, 1, 2, 2, 2, 3];
        let centre = resize_labels(&pool, &corners, [2, 2, 2], [1, 1, 1], 1, Rule::Largest);
        assert_eq!(centre.unwrap(), [1]);
    }

    #[test]
    fn negative_labels_are_labels() {
        let pool = Pool::new(2);
        let labels = [-1i16, -1, 0, 0, 5, 5];
        let up = resize_labels(&pool, &labels, [1, 1, 6], [1, 1, 12], 1, Rule::Largest).unwrap();
        assert_eq!(up, [-1, -1, -1, -1, 0, 0, 0, 0, 5, 5, 5, 5]);
    }
}
