//! Metrics that only a whole set has (average precision, BLEU, F1 over labels), side by side: differences
//! on the same resamples, and the models' answers swapped patient by patient.

use super::side::{Entry, Pair, SideBySide, against_margin};
use crate::score::settings::Settings;
use metrics::Value;
use metrics::compare::{Bootstrapped, RankStability, Ranking, Units, stability, swap_test};

/// The values of a set put together of two models' answers, by their places, each with its own weights.
type Mixed<'a> = dyn Fn([usize; 2], [&[u32]; 2]) -> Vec<Value> + Sync + 'a;

/// Names of metrics, higher being better, and how they are measured.
pub(super) struct Wholes<'a> {
    /// As JSON spells them.
    pub metrics: &'a [&'a str],
    /// Number of models.
    pub models: usize,
    /// The patients of the cases.
    pub units: &'a Units,
    /// A model's values with every patient counted so often.
    pub values: &'a (dyn Fn(usize, &[u32]) -> Vec<Value> + Sync),
    /// The same of two models' answers mixed.
    pub mixed: &'a Mixed<'a>,
}

/// Compares them under one label.
pub(super) fn compare(label: &str, wholes: &Wholes, settings: &Settings, out: &mut SideBySide) {
    let Wholes { metrics, models, units, values, mixed } = wholes;
    let count = metrics.len() * models;
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let drawn = units.bootstrap_many(seed, resamples, threads, count, |weights, all| {
        (0..*models).for_each(|model| all.extend(values(model, weights)));
    });
    let ones = vec![1; units.len()];
    let full: Vec<Vec<Value>> = (0..*models).map(|model| values(model, &ones)).collect();
    for (at, metric) in metrics.iter().enumerate() {
        let full: Vec<Value> = full.iter().map(|model| model[at]).collect();
        let drawn: Vec<Bootstrapped> =
            (0..*models).map(|model| drawn[model * metrics.len() + at].clone()).collect();
        let mut pairs = Vec::new();
        for first in 0..*models {
            for second in first + 1..*models {
                let difference = full[first].and_then(|a| full[second].map(|b| a - b));
                let interval = between(&drawn[first], &drawn[second]).interval(settings.level);
                let p = swap_test(units.len(), resamples, seed, threads, |own, other| {
                    let pair = [first, second];
                    let here = mixed(pair, [own, other])[at]?;
                    Ok(here - mixed(pair, [other, own])[at]?)
                });
                pairs.push(Pair {
                    first,
                    second,
                    difference,
                    interval,
                    tests: vec![("swap", p)],
                    more: against_margin(difference, interval, true, settings),
                    adjusted: None,
                });
            }
        }
        let rankings = ranking(&full).map(|ranking| {
            let firm = firmness(&ranking, &drawn);
            ("aggregate_then_rank", ranking, firm)
        });
        out.entries.push(Entry {
            label: label.into(),
            metric: (*metric).into(),
            higher: true,
            values: full
                .iter()
                .zip(&drawn)
                .map(|(value, drawn)| (*value, drawn.interval(settings.level)))
                .collect(),
            pairs,
            rankings: rankings.into_iter().collect(),
        });
    }
}

/// First minus second, resample by resample.
pub(super) fn between(first: &Bootstrapped, second: &Bootstrapped) -> Bootstrapped {
    let both = first.values.iter().zip(&second.values);
    Bootstrapped { values: both.map(|(a, b)| a.and_then(|a| b.map(|b| a - b))).collect() }
}

/// Higher is better; `None` where a model has no value.
pub(super) fn ranking(values: &[Value]) -> Option<Ranking> {
    let score: Vec<f64> = values.iter().map(|value| value.ok()).collect::<Option<_>>()?;
    let rank = |own: &f64| 1.0 + score.iter().filter(|other| *other > own).count() as f64;
    Some(Ranking { rank: score.iter().map(rank).collect(), score })
}

/// How the resamples rank the models; those without value are left out.
pub(super) fn firmness(full: &Ranking, draws: &[Bootstrapped]) -> Option<RankStability> {
    let resamples = draws.first().map_or(0, |one| one.values.len());
    let ranks: Vec<Vec<f64>> = (0..resamples)
        .filter_map(|draw| ranking(&draws.iter().map(|one| one.values[draw]).collect::<Vec<_>>()))
        .map(|ranking| ranking.rank)
        .collect();
    stability(&full.rank, &ranks)
}
