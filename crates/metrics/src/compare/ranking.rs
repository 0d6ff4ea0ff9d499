//! Which model is best: three ways to rank, and how firm the order is (after Wiesenfarth et al. 2021,
//! challengeR).

use super::{Units, holm, wilcoxon_greater};
use crate::stats::{mean, mid_ranks, quantile_sorted};
use crate::{Interval, Undefined, Value};

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Higher values (Dice).
    Higher,
    /// Lower values (distances, errors).
    Lower,
}

/// A ranking of models, best rank 1; ties share the lowest rank of their group.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// What was ranked: mean value, mean rank, or number of wins.
    pub score: Vec<f64>,
    /// One rank a model.
    pub rank: Vec<f64>,
}

/// How models are ranked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// [`aggregate_then_rank`].
    AggregateThenRank,
    /// [`rank_then_aggregate`].
    RankThenAggregate,
    /// [`test_then_rank`] at this level, on the means of each unit.
    TestThenRank(f64),
}

/// How firm a ranking is.
#[derive(Clone, Debug, PartialEq)]
pub struct RankStability {
    /// `share[model][r]`: share of resamples in which the model had rank r + 1.
    pub share: Vec<Vec<f64>>,
    /// 95 % range of each model's rank over the resamples.
    pub range: Vec<Interval>,
    /// Mean of Kendall's τ-b between the resamples' rankings and the full one; undefined with one
    /// model or when all are tied.
    pub tau: Value,
}

/// Mean over the cases, then rank. `values[model][case]`; a case without value must have been given
/// the worst one.
pub fn aggregate_then_rank(values: &[Vec<f64>], better: Better) -> Ranking {
    aggregate_weighted(values, better, None)
}

/// Ranks in each case (ties share the mean), then the mean rank, then rank.
pub fn rank_then_aggregate(values: &[Vec<f64>], better: Better) -> Ranking {
    let ranks = case_ranks(values, better);
    aggregate_weighted(&ranks, Better::Lower, None)
}

/// One-sided Wilcoxon tests of every pair with Holm's adjustment; ranks by the number of models
/// significantly beaten at `alpha`.
pub fn test_then_rank(values: &[Vec<f64>], better: Better, alpha: f64) -> Ranking {
    let models = values.len();
    let mut pairs = Vec::new();
    for first in 0..models {
        for second in (0..models).filter(|&second| second != first) {
            let differences: Vec<f64> = values[first]
                .iter()
                .zip(&values[second])
                .map(|(a, b)| if better == Better::Higher { a - b } else { b - a })
                .collect();
            let p = wilcoxon_greater(&differences).map_or(1.0, |test| test.p);
            pairs.push((first, p));
        }
    }
    let adjusted = holm(&pairs.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    let mut wins = vec![0.0; models];
    for ((first, _), p) in pairs.iter().zip(adjusted) {
        wins[*first] += f64::from(u8::from(p <= alpha));
    }
    let rank = lowest_ranks(&wins, Better::Higher);
    Ranking { score: wins, rank }
}

fn case_ranks(values: &[Vec<f64>], better: Better) -> Vec<Vec<f64>> {
    let cases = values.first().map_or(0, Vec::len);
    let mut ranks = vec![vec![0.0; cases]; values.len()];
    for case in 0..cases {
        let sign = if better == Better::Higher { -1.0 } else { 1.0 };
        let column: Vec<f64> = values.iter().map(|model| sign * model[case]).collect();
        for (model, rank) in mid_ranks(&column).into_iter().enumerate() {
            ranks[model][case] = rank;
        }
    }
    ranks
}

fn aggregate_weighted(values: &[Vec<f64>], better: Better, weights: Option<&[u32]>) -> Ranking {
    let score: Vec<f64> = values
        .iter()
        .map(|model| match weights {
            None => mean(model).unwrap_or(f64::NAN),
            Some(weights) => {
                let count: u64 = weights.iter().map(|&w| u64::from(w)).sum();
                let sum: f64 = model.iter().zip(weights).map(|(v, &w)| v * f64::from(w)).sum();
                sum / count as f64
            }
        })
        .collect();
    let rank = lowest_ranks(&score, better);
    Ranking { score, rank }
}

/// Rank of each: one more than the number strictly better.
fn lowest_ranks(scores: &[f64], better: Better) -> Vec<f64> {
    let beats = |a: f64, b: f64| if better == Better::Higher { a > b } else { a < b };
    let rank = |own: &f64| 1.0 + scores.iter().filter(|other| beats(**other, *own)).count() as f64;
    scores.iter().map(rank).collect()
}

/// Each model's mean over the cases of every unit: what tests that need independent numbers take.
pub fn by_unit(values: &[Vec<f64>], units: &Units) -> Vec<Vec<f64>> {
    let of_model = |model: &Vec<f64>| {
        let mut sums = vec![(0.0, 0.0); units.len()];
        for (value, unit) in model.iter().zip(units.of_case()) {
            let sum = &mut sums[*unit as usize];
            *sum = (sum.0 + value, sum.1 + 1.0);
        }
        sums.into_iter().map(|(sum, count)| sum / count).collect()
    };
    values.iter().map(of_model).collect()
}

/// Ranks the models of each resample of the units. `None` of fewer than two units, whose resamples are
/// all the same.
pub fn rank_stability(
    values: &[Vec<f64>],
    better: Better,
    way: Way,
    units: &Units,
    seed: u64,
    resamples: usize,
    threads: usize,
) -> Option<RankStability> {
    if units.len() < 2 {
        return None;
    }
    let (values, better) = match way {
        Way::AggregateThenRank => (values.to_vec(), better),
        Way::RankThenAggregate => (case_ranks(values, better), Better::Lower),
        Way::TestThenRank(_) => (by_unit(values, units), better),
    };
    let ranked = |weights: &[u32]| -> Vec<f64> {
        if let Way::TestThenRank(alpha) = way {
            // Every unit as often as it was drawn.
            let written_out = |model: &Vec<f64>| {
                let each = model.iter().zip(weights);
                each.flat_map(|(value, times)| std::iter::repeat_n(*value, *times as usize))
                    .collect()
            };
            let drawn: Vec<Vec<f64>> = values.iter().map(written_out).collect();
            return test_then_rank(&drawn, better, alpha).rank;
        }
        let of_case: Vec<u32> =
            units.of_case().iter().map(|&unit| weights[unit as usize]).collect();
        aggregate_weighted(&values, better, Some(&of_case)).rank
    };
    let full = ranked(&vec![1; units.len()]);
    let drawn = crate::parallel::map_with(resamples, threads, Vec::new, |weights, draw| {
        units.draw(seed, draw as u64, weights);
        ranked(weights)
    });
    stability(&full, &drawn)
}

/// How firm a ranking is, from the ranks that its resamples gave: `drawn[resample][model]`. `None`
/// without resamples.
pub fn stability(full: &[f64], drawn: &[Vec<f64>]) -> Option<RankStability> {
    if drawn.is_empty() {
        return None;
    }
    let models = full.len();
    let mut share = vec![vec![0.0; models]; models];
    for ranks in drawn {
        for (model, rank) in ranks.iter().enumerate() {
            share[model][*rank as usize - 1] += 1.0 / drawn.len() as f64;
        }
    }
    let range = (0..models)
        .map(|model| {
            let mut ranks: Vec<f64> = drawn.iter().map(|ranks| ranks[model]).collect();
            ranks.sort_by(f64::total_cmp);
            let at = |q| quantile_sorted(&ranks, q).unwrap_or(full[model]);
            Interval { low: at(0.025), high: at(0.975) }
        })
        .collect();
    let taus: Vec<f64> = drawn.iter().filter_map(|ranks| kendall_tau(ranks, full).ok()).collect();
    Some(RankStability { share, range, tau: mean(&taus).ok_or(Undefined::NoSpread) })
}

/// Kendall's τ-b: `scipy.stats.kendalltau`. Undefined when either side is all ties.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> Value {
    let (mut score, mut untied_a, mut untied_b) = (0.0, 0.0, 0.0);
    for i in 0..a.len() {
        for j in 0..i {
            let (da, db) = (sign(a[i] - a[j]), sign(b[i] - b[j]));
            score += da * db;
            untied_a += da * da;
            untied_b += db * db;
        }
    }
    if untied_a == 0.0 || untied_b == 0.0 {
        return Err(Undefined::NoSpread);
    }
    Ok(score / (untied_a * untied_b).sqrt())
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
