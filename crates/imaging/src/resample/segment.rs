//! Logits into a label map on another grid, without holding the logits there: every class is
//! resampled plane by plane, or row by row, and only the winner is kept.
//!
//! Where weights are shares (linear and nearest sampling), a class that is the largest at every
//! source sample of an output voxel is the largest there too, so nothing need be summed: only near
//! the borders between classes are all classes resampled. The sums are those of [`Resampler`], so
//! the labels are those of an argmax over the resampled logits.

use super::labels::Label;
use super::parallel::each;
use super::spline::prefilter;
use super::taps::Taps;
use super::volume::{Clip, Plan, Resampler, combine};
use super::{Method, extents};
use base::words::resample as words;
use base::{Error, Kind, Result};
use kernels::Pool;
use std::borrow::Cow;
use std::ops::Range;

/// How logits become a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// The class with the largest logit; of equals the first (`argmax`).
    Largest,
    /// The last class whose logit is above this value, else 0: regions that lie in one another,
    /// each written over those before it. A sigmoid above one half is a logit above 0.
    Above(f32),
}

/// Resamples the logits `[labels.len()][from[0]][from[1]][from[2]]` to `to` and decides.
/// `labels[c]` is the label of class `c`. Needs no more memory than logits, labels and a few rows
/// or planes a thread; owned logits are filtered in place by methods that filter, borrowed ones are
/// copied by those.
///
/// Errors: as [`Resampler::new`], for all classes together.
pub fn segment_volume<'a, L: Label>(
    pool: &Pool,
    logits: impl Into<Cow<'a, [f32]>>,
    labels: &[L],
    decision: Decision,
    from: [usize; 3],
    to: [usize; 3],
    method: &Method,
) -> Result<Vec<L>> {
    let logits = logits.into();
    check(&logits, labels.len(), from, to)?;
    Ok(segment(pool, logits, labels, decision, to, |_| method.plan(from, to)))
}

/// Logits into a label map in slabs, for volumes whose logits cannot be held even on their own grid:
/// which planes of logits a slab of labels needs is known beforehand. For linear and nearest
/// sampling only.
#[derive(Clone, Debug)]
pub struct Segmenter {
    plan: Plan,
}

impl Segmenter {
    /// For logits `[classes][from[0]][from[1]][from[2]]` and labels of shape `to`.
    ///
    /// Errors: as [`Resampler::new`]; `Unsupported` for a method that filters.
    pub fn new(from: [usize; 3], to: [usize; 3], method: &Method) -> Result<Segmenter> {
        let length = from.iter().fold(1usize, |product, &extent| product.saturating_mul(extent));
        extents(length, from, to)?;
        Segmenter::planned(method.plan(from, to))
    }

    pub(super) fn planned(mut plan: Plan) -> Result<Segmenter> {
        if !plan.is_convex() {
            return Err(Error::new(Kind::Unsupported, words::NOT_IN_SLABS));
        }
        // A weighted mean stays within the range of its samples.
        plan.clip = Clip::Free;
        Ok(Segmenter { plan })
    }

    /// The planes of logits that the planes `z` of the label map need.
    pub fn needs(&self, z: Range<usize>) -> Range<usize> {
        let outputs = self.plan.axes[0].outputs();
        self.plan.axes[0].needs(z.start.min(outputs)..z.end.min(outputs))
    }

    /// The planes `z` of the label map from the planes `slab` of the logits,
    /// `[labels.len()][slab.len()][from[1]][from[2]]`.
    ///
    /// Errors: `BrokenInput` when `slab` lacks planes that are needed, or lengths do not fit.
    pub fn planes<L: Label>(
        &self,
        pool: &Pool,
        logits: &[f32],
        slab: Range<usize>,
        labels: &[L],
        decision: Decision,
        z: Range<usize>,
    ) -> Result<Vec<L>> {
        let [depth, height, width] = [0, 1, 2].map(|axis| self.plan.axes[axis].outputs());
        let needed = self.needs(z.clone());
        let covered = slab.start <= needed.start && needed.end <= slab.end;
        if z.is_empty() || z.end > depth || !covered {
            return Err(Error::new(
                Kind::BrokenInput,
                words::not_the_planes(z.start, z.end, depth),
            ));
        }
        let to = [z.len(), height, width];
        let from = self.plan.from();
        check(logits, labels.len(), [slab.len(), from[1], from[2]], to)?;
        let mut plan = self.plan.clone();
        plan.axes[0] = plan.axes[0].part(z, slab);
        Ok(segment(pool, logits.into(), labels, decision, to, |_| plan.clone()))
    }
}

/// Whether logits, classes and shapes go together.
pub(super) fn check(
    logits: &[f32],
    classes: usize,
    from: [usize; 3],
    to: [usize; 3],
) -> Result<()> {
    let whole = [classes, from[0].saturating_mul(from[1]), from[2]];
    extents(logits.len(), whole, to)
}

/// As [`segment_volume`] for checked shapes; `plan` makes the plan of a class from its logits.
pub(super) fn segment<L: Label>(
    pool: &Pool,
    mut logits: Cow<'_, [f32]>,
    labels: &[L],
    decision: Decision,
    to: [usize; 3],
    plan: impl Fn(&[f32]) -> Plan,
) -> Vec<L> {
    let volume = logits.len() / labels.len();
    let first = plan(&logits[..volume]);
    if decision == Decision::Largest && first.is_convex() {
        return Shares::new(pool, &logits, labels, &first.axes).segment(pool, to);
    }
    let mut plans: Vec<Plan> = logits.chunks_exact(volume).map(plan).collect();
    if first.prefilter.iter().any(Option::is_some) && first.smooth.is_none() {
        let from = first.from();
        for (class, plan) in logits.to_mut().chunks_exact_mut(volume).zip(&mut plans) {
            plan.settle(pool, class);
            prefilter(pool, class, from, &plan.prefilter);
            plan.prefilter = [None, None, None];
        }
    }
    let classes: Vec<Resampler> = logits
        .chunks_exact(volume)
        .zip(plans)
        .map(|(class, plan)| Resampler::planned(pool, class.into(), plan))
        .collect();
    let mut out = vec![L::default(); to.iter().product()];
    let plane = to[1] * to[2];
    each(pool, out.chunks_exact_mut(plane).collect(), |z, out| {
        let mut best = vec![f32::NEG_INFINITY; plane];
        let mut values = vec![0.0; plane];
        for (number, (class, &label)) in classes.iter().zip(labels).enumerate() {
            class.rows(z, 0, &mut values);
            match decision {
                Decision::Above(bound) => {
                    let above = out.iter_mut().zip(&values).filter(|(_, value)| **value > bound);
                    above.for_each(|(out, _)| *out = label);
                }
                Decision::Largest if number == 0 => {
                    out.fill(label);
                    best.copy_from_slice(&values);
                }
                Decision::Largest => keep(out, &mut best, &values, label),
            }
        }
    });
    out
}

/// Takes over `label` where its value is larger.
fn keep<L: Label>(out: &mut [L], best: &mut [f32], values: &[f32], label: L) {
    for ((out, best), &value) in out.iter_mut().zip(best).zip(values) {
        let wins = value > *best;
        *best = if wins { value } else { *best };
        *out = if wins { label } else { *out };
    }
}

/// No class for certain.
const UNSURE: u32 = u32::MAX;

/// Logits whose weights are shares.
struct Shares<'a, L> {
    logits: &'a [f32],
    labels: &'a [L],
    axes: &'a [Taps; 3],
    /// The largest class of every source sample.
    top: Vec<u32>,
}

/// Scratch of one task.
struct Scratch {
    sure: Vec<u32>,
    winners: Vec<u32>,
    line: Vec<f32>,
    rows: Vec<f32>,
    best: Vec<f32>,
    values: Vec<f32>,
}

impl<'a, L: Label> Shares<'a, L> {
    fn new(pool: &Pool, logits: &'a [f32], labels: &'a [L], axes: &'a [Taps; 3]) -> Self {
        let volume = logits.len() / labels.len();
        let plane = axes[1].source() * axes[2].source();
        let mut top = vec![0u32; volume];
        each(pool, top.chunks_exact_mut(plane).collect(), |z, top| {
            let mut best = logits[z * plane..][..plane].to_vec();
            for class in 1..labels.len() {
                keep(top, &mut best, &logits[class * volume + z * plane..][..plane], class as u32);
            }
        });
        Shares { logits, labels, axes, top }
    }

    fn segment(&self, pool: &Pool, to: [usize; 3]) -> Vec<L> {
        let mut out = vec![L::default(); to.iter().product()];
        each(pool, out.chunks_exact_mut(to[1] * to[2]).collect(), |z, out| {
            let width = self.axes[2].source();
            let mut scratch = Scratch {
                sure: vec![0; width],
                winners: vec![0; to[2]],
                line: vec![0.0; width],
                rows: vec![0.0; width * self.axes[1].widest()],
                best: vec![0.0; to[2]],
                values: vec![0.0; to[2]],
            };
            for (y, out) in out.chunks_exact_mut(to[2]).enumerate() {
                self.row(z, y, &mut scratch);
                for (out, &class) in out.iter_mut().zip(&scratch.winners) {
                    *out = self.labels[class as usize];
                }
            }
        });
        out
    }

    /// The winners of output row `y` of plane `z`.
    fn row(&self, z: usize, y: usize, scratch: &mut Scratch) {
        let (height, width) = (self.axes[1].source(), self.axes[2].source());
        let (planes, lines) = (taps(&self.axes[0], z), taps(&self.axes[1], y));
        let start_of = |plane: usize, line: usize| (plane * height + line) * width;
        let mut rows = planes.iter().flat_map(|p| lines.iter().map(|l| start_of(p.0, l.0)));
        let first = rows.next().unwrap_or(0);
        scratch.sure.copy_from_slice(&self.top[first..][..width]);
        for start in rows {
            for (sure, &top) in scratch.sure.iter_mut().zip(&self.top[start..][..width]) {
                *sure = if *sure == top { top } else { UNSURE };
            }
        }
        let columns = &self.axes[2];
        for (x, winner) in scratch.winners.iter_mut().enumerate() {
            let (start, weights) = columns.row(x);
            let sure = &scratch.sure[start..start + weights.len()];
            *winner = match sure.first() {
                Some(&class) if sure.iter().all(|&other| other == class) => class,
                _ => UNSURE,
            };
        }
        // Runs of columns to be summed; short gaps between them are summed too.
        let outputs = scratch.winners.len();
        let mut x = 0;
        while let Some(start) = (x..outputs).find(|&x| scratch.winners[x] == UNSURE) {
            let mut end = start + 1;
            let mut at = end;
            while at < outputs && at < end + GAP {
                if scratch.winners[at] == UNSURE {
                    end = at + 1;
                }
                at += 1;
            }
            self.run(&planes, &lines, start..end, scratch);
            x = end;
        }
    }

    /// All classes over a run of output columns.
    fn run(
        &self,
        planes: &[(usize, f32)],
        lines: &[(usize, f32)],
        run: Range<usize>,
        scratch: &mut Scratch,
    ) {
        let (height, width) = (self.axes[1].source(), self.axes[2].source());
        let columns = &self.axes[2];
        let reach = |x: usize| {
            let (first, weights) = columns.row(x);
            (first, first + weights.len())
        };
        let low = run.clone().map(|x| reach(x).0).min().unwrap_or(0);
        let high = run.clone().map(|x| reach(x).1).max().unwrap_or(0);
        let Scratch { line, rows, best, values, winners, .. } = scratch;
        let (best, values) = (&mut best[..run.len()], &mut values[..run.len()]);
        let volume = self.top.len();
        for class in 0..self.labels.len() {
            let logits = &self.logits[class * volume..][..volume];
            let of = |plane: usize, row: usize| {
                &logits[(plane * height + row) * width + low..][..high - low]
            };
            let line = &mut line[..high - low];
            match *planes {
                // As the resampler does, so that not even the last bit differs.
                [(plane, 1.0)] => combine(lines.iter().map(|&(l, v)| (of(plane, l), v)), line),
                _ => {
                    for (row, &(l, _)) in rows.chunks_exact_mut(width).zip(lines) {
                        let sum = planes.iter().map(|&(plane, u)| (of(plane, l), u));
                        combine(sum, &mut row[..high - low]);
                    }
                    let rows = rows.chunks_exact(width).map(|row| &row[..high - low]);
                    combine(rows.zip(lines).map(|(row, &(_, v))| (row, v)), line);
                }
            }
            for (x, value) in run.clone().zip(values.iter_mut()) {
                let (first, weights) = columns.row(x);
                let samples = &line[first - low..];
                *value = samples.iter().zip(weights).fold(0.0, |sum, (s, w)| sum + w * s);
            }
            if class == 0 {
                best.copy_from_slice(values);
                winners[run.clone()].fill(0);
            } else {
                keep(&mut winners[run.clone()], best, values, class as u32);
            }
        }
    }
}

/// Longest stretch of certain columns that is summed along between two uncertain ones.
const GAP: usize = 8;

/// Source samples of an output that count.
fn taps(axis: &Taps, output: usize) -> Vec<(usize, f32)> {
    let (first, weights) = axis.row(output);
    (first..).zip(weights.iter().copied()).filter(|(_, weight)| *weight != 0.0).collect()
}
