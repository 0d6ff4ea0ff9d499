//! Ranks with the ranks that intervals allow.

use super::board::{Board, OnBoard};
use super::entry::Score;
use crate::evaluate::{OF_GRADES, leading};
use crate::score::Task;
use base::words::leaderboard as words;
use base::{Error, Kind, Result, Text};
use metrics::compare::Better;
use std::collections::BTreeSet;

/// Metrics that can rank models, and which way is better; others have no better and worse.
const METRICS: &[(&str, Better)] = &[
    ("roc_auc_score", Better::Higher),
    ("average_precision_score", Better::Higher),
    ("recall_score", Better::Higher),
    ("specificity_score", Better::Higher),
    ("precision_score", Better::Higher),
    ("npv_score", Better::Higher),
    ("accuracy_score", Better::Higher),
    ("balanced_accuracy_score", Better::Higher),
    ("f1_score", Better::Higher),
    ("matthews_corrcoef", Better::Higher),
    ("cohen_kappa_score", Better::Higher),
    ("cohen_kappa_score_quadratic", Better::Higher),
    ("accuracy_within_one", Better::Higher),
    ("brier_score_loss", Better::Lower),
    ("expected_calibration_error", Better::Lower),
    ("expected_calibration_error_equal_mass", Better::Lower),
    ("maximum_calibration_error", Better::Lower),
    ("mean_absolute_error", Better::Lower),
    ("median_absolute_error", Better::Lower),
    ("root_mean_squared_error", Better::Lower),
    ("r2_score", Better::Higher),
    ("icc_2_1", Better::Higher),
    ("icc_3_1", Better::Higher),
    ("concordance_corrcoef", Better::Higher),
    ("dice", Better::Higher),
    ("mean_dice", Better::Higher),
    ("iou", Better::Higher),
    ("mean_iou", Better::Higher),
    ("surface_dice", Better::Higher),
    ("surface_dice_voxels", Better::Higher),
    ("cl_dice", Better::Higher),
    ("panoptic_quality", Better::Higher),
    ("lesion_wise_dice", Better::Higher),
    ("lesion_wise_hd95", Better::Lower),
    ("brats_lesion_wise_dice", Better::Higher),
    ("brats_lesion_wise_hd95", Better::Lower),
    ("hausdorff_distance", Better::Lower),
    ("hausdorff_distance_95", Better::Lower),
    ("hausdorff_distance_95_surfels", Better::Lower),
    ("hausdorff_distance_95_pooled", Better::Lower),
    ("average_surface_distance", Better::Lower),
    ("mean_average_surface_distance", Better::Lower),
    ("absolute_volume_difference_ml", Better::Lower),
];

/// By what a board is ranked.
#[derive(Clone, Debug)]
pub(super) struct By {
    /// The metric.
    pub metric: String,
    /// The label; empty for the mean over all.
    pub label: String,
    /// Which way is better.
    pub better: Better,
}

impl By {
    /// From what was typed, else the task's leading metric over all labels.
    ///
    /// Errors of kind `Usage`: no run has it, or it does not rank.
    pub fn of(
        board: &Board,
        metric: Option<&str>,
        label: Option<&str>,
        runs: &[OnBoard],
    ) -> Result<By> {
        let task = match board.task.as_str() {
            "classification" => Task::Classification,
            "regression" => Task::Regression,
            _ => Task::Segmentation,
        };
        let (of_label, of_all) = leading(task);
        let label = label.unwrap_or("");
        let ranks = |name: &str| METRICS.iter().find(|(known, _)| *known == name);
        let scores = || runs.iter().flat_map(|run| &run.scores);
        let has = |name: &str| scores().any(|own| own.metric == name && own.label == label);
        let leading = if label.is_empty() { of_all } else { of_label };
        // Grades have no area.
        let leading = if has(leading) || !has(OF_GRADES) { leading } else { OF_GRADES };
        let metric = metric.unwrap_or(leading);
        let there = has(metric);
        if let (Some((_, better)), true) = (ranks(metric), there) {
            let (metric, label) = (metric.to_owned(), label.to_owned());
            return Ok(By { metric, label, better: *better });
        }
        let labels: BTreeSet<&str> = scores().map(|score| score.label.as_str()).collect();
        let known: Vec<String> = match labels.contains(label) {
            true => {
                let own = scores().filter(|score| score.label == label);
                let own: BTreeSet<&str> = own.map(|score| score.metric.as_str()).collect();
                own.into_iter().filter(|name| ranks(name).is_some()).map(str::to_owned).collect()
            }
            false => labels.into_iter().filter(|own| !own.is_empty()).map(str::to_owned).collect(),
        };
        Err(Error::new(Kind::Usage, words::no_metric(metric, label, &known)))
    }
}

/// A run with its rank.
#[derive(Clone, Debug)]
pub(super) struct Ranked<'a> {
    /// The run.
    pub run: &'a OnBoard,
    /// The number it is ranked by.
    pub score: Option<&'a Score>,
    /// The rank, and the best and worst that the intervals allow; or why there is none.
    pub rank: std::result::Result<(usize, Option<[usize; 2]>), &'static Text>,
}

/// Ranks runs that answered the same cases, the means of the same labels; others follow unranked.
/// The best rank that intervals allow counts the runs whose whole interval is better, the worst those
/// whose whole interval is not worse (after Goldstein and Spiegelhalter 1996).
pub(super) fn ranked<'a>(runs: &'a [OnBoard], by: &By) -> Vec<Ranked<'a>> {
    let score = |run: &'a OnBoard| {
        run.scores.iter().find(|score| score.metric == by.metric && score.label == by.label)
    };
    let labels = |run: &'a OnBoard| -> BTreeSet<&'a str> {
        let all = run.scores.iter().map(|score| score.label.as_str());
        all.filter(|label| by.label.is_empty() && !label.is_empty()).collect()
    };
    let value = |run: &'a OnBoard| score(run).and_then(|score| score.value);
    // Those who answered most lead, then the largest group, then the first.
    let lead = runs
        .iter()
        .enumerate()
        .filter(|(_, run)| value(run).is_some())
        .max_by_key(|(at, run)| {
            let alike = runs.iter().filter(|other| {
                other.cases_sha256 == run.cases_sha256 && labels(other) == labels(run)
            });
            (run.answered[0], alike.count(), std::cmp::Reverse(*at))
        })
        .map(|(_, run)| run);
    let reason = |run: &'a OnBoard| {
        let lead = lead?;
        if value(run).is_none() {
            Some(&words::NO_VALUE)
        } else if run.cases_sha256 != lead.cases_sha256 {
            Some(&words::OTHER_CASES)
        } else if labels(run) != labels(lead) {
            Some(&words::OTHER_LABELS)
        } else {
            None
        }
    };
    // Turned so that higher is better.
    let sign = if by.better == Better::Higher { 1.0 } else { -1.0 };
    let in_race: Vec<&OnBoard> =
        runs.iter().filter(|run| value(run).is_some() && reason(run).is_none()).collect();
    let ends = |run: &'a OnBoard| {
        let [a, b] = score(run)?.interval?.map(|end| sign * end);
        Some([a.min(b), a.max(b)])
    };
    let rank = |run: &'a OnBoard| {
        let own = sign * value(run).unwrap_or(f64::NAN);
        let better = |other: &&&'a OnBoard| value(other).is_some_and(|v| sign * v > own);
        let place = 1 + in_race.iter().filter(better).count();
        let all: Option<Vec<[f64; 2]>> = in_race.iter().map(|run| ends(run)).collect();
        let range = all.zip(ends(run)).map(|(all, [low, high])| {
            let above = all.iter().filter(|other| other[0] > high).count();
            let below = all.iter().filter(|other| other[1] < low).count();
            [1 + above, all.len() - below]
        });
        (place, range)
    };
    let mut out: Vec<Ranked<'a>> = runs
        .iter()
        .map(|run| {
            let rank = match (value(run), reason(run)) {
                (None, _) => Err(&words::NO_VALUE),
                (_, Some(why)) => Err(why),
                _ => Ok(rank(run)),
            };
            Ranked { run, score: score(run), rank }
        })
        .collect();
    out.sort_by_key(|own| own.rank.map_or(usize::MAX, |(place, _)| place));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(model: &str, cases: &str, answered: u64, value: Option<f64>, half: f64) -> OnBoard {
        let score = |label: &str| Score {
            label: label.into(),
            metric: "roc_auc_score".into(),
            value,
            undefined: None,
            interval: value.map(|value| [value - half, value + half]),
            method: None,
        };
        OnBoard {
            model: model.into(),
            name: [model.into(), model.into()],
            weights_sha256: None,
            version: "1".into(),
            added: "2026-01-31".into(),
            cases_sha256: cases.into(),
            answered: [answered, 0],
            scores: vec![score(""), score("Edema")],
        }
    }

    fn by(better: Better) -> By {
        By { metric: "roc_auc_score".into(), label: String::new(), better }
    }

    #[test]
    fn ranks_come_with_the_ranks_that_intervals_allow() {
        let runs = [
            run("a", "x", 9, Some(0.70), 0.02),
            run("b", "x", 9, Some(0.90), 0.05),
            run("c", "x", 9, Some(0.88), 0.05),
            run("d", "x", 9, Some(0.70), 0.02),
        ];
        let of = |better| -> Vec<(String, usize, [usize; 2])> {
            ranked(&runs, &by(better))
                .into_iter()
                .map(|own| {
                    let (rank, range) = own.rank.unwrap();
                    (own.run.model.clone(), rank, range.unwrap())
                })
                .collect()
        };
        let entry = |model: &str, rank, range| (model.to_owned(), rank, range);
        assert_eq!(
            of(Better::Higher),
            [
                entry("b", 1, [1, 2]),
                entry("c", 2, [1, 2]),
                entry("a", 3, [3, 4]),
                entry("d", 3, [3, 4])
            ]
        );
        assert_eq!(of(Better::Lower)[0], entry("a", 1, [1, 2]));
    }

    #[test]
    fn who_answered_other_cases_or_other_labels_is_not_ranked() {
        let mut fewer = run("fewer", "y", 7, Some(0.99), 0.0);
        let none = run("none", "x", 9, None, 0.0);
        let mut labels = run("labels", "x", 9, Some(0.95), 0.0);
        labels.scores[1].label = "Mass".into();
        let runs = [
            fewer.clone(),
            run("a", "x", 9, Some(0.7), 0.1),
            run("b", "x", 9, Some(0.8), 0.1),
            none,
            labels,
        ];
        let found = ranked(&runs, &by(Better::Higher));
        let names: Vec<&str> = found.iter().map(|own| own.run.model.as_str()).collect();
        assert_eq!(names, ["b", "a", "fewer", "none", "labels"]);
        let why: Vec<_> = found[2..].iter().map(|own| own.rank.unwrap_err()).collect();
        assert_eq!(why, [&words::OTHER_CASES, &words::NO_VALUE, &words::OTHER_LABELS]);
        // Alone it has a rank.
        fewer.answered = [7, 2];
        let alone = [fewer];
        assert_eq!(ranked(&alone, &by(Better::Higher))[0].rank, Ok((1, Some([1, 1]))));
    }
}
