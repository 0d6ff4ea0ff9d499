//! Grades (0, 1, 2, …: Kellgren-Lawrence, BI-RADS and the like) against true ones: agreement beyond
//! chance.

use super::outcome::{Block, Row, WorstCase};
use super::pairs::{Label, Pairs, number};
use super::patients;
use super::settings::Settings;
use super::slices::MOST;
use base::Result;
use base::words::evaluate as words;
use metrics::classification::{kappa_of_table, wilson};
use metrics::compare::Units;
use metrics::{Undefined, Value};
use serde_json::{Map, json};

/// Most grades that are told apart.
const MOST_GRADES: usize = 100;

/// As scikit-learn spells them where it has them; `cohen_kappa_score_quadratic` is its
/// `weights="quadratic"`.
const NAMES: [&str; 6] = [
    "cohen_kappa_score_quadratic",
    "cohen_kappa_score",
    "accuracy_score",
    "balanced_accuracy_score",
    "accuracy_within_one",
    "mean_absolute_error",
];

/// The labels whose truth has grades above 1 and whose predictions are grades, too; then the others.
pub(super) fn apart(pairs: &Pairs) -> (Vec<Label>, Vec<Label>) {
    let graded = |label: &Label| {
        let grade = |cell: &str| number(cell).filter(|x| *x >= 0.0 && x.fract() == 0.0);
        let mut high = false;
        let truth = pairs.truth.rows.iter().all(|row| {
            let cell = row.cells[label.truth].as_str();
            high |= grade(cell).is_some_and(|grade| grade > 1.0);
            cell.is_empty() || grade(cell).is_some()
        });
        let cells = pairs.predicted.rows.iter().map(|row| row.cells[label.predicted].as_str());
        truth && high && cells.into_iter().all(|cell| grade(cell).is_some())
    };
    pairs.labels.iter().cloned().partition(graded)
}

/// A label's grades, with its subgroups.
pub(super) fn block(pairs: &Pairs, label: &Label, settings: &Settings) -> Result<Block> {
    let (scores, values) = (pairs.scores(label)?, pairs.values(label)?);
    let known = |case: &usize| values[*case].is_some();
    let every: Vec<usize> = (0..values.len()).filter(known).collect();
    let of = |name: &str, cases: &[usize]| {
        let grades = cases.iter().map(|case| (scores[*case], values[*case].unwrap_or(0.0)));
        one(name, &grades.collect::<Vec<_>>(), &pairs.units.only(cases), settings)
    };
    let mut block = of(&label.name, &every);
    let mut off: Vec<(usize, f64, f64)> = every
        .iter()
        .map(|case| (*case, values[*case].unwrap_or(0.0), scores[*case]))
        .filter(|(_, truth, predicted)| truth != predicted)
        .collect();
    off.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()).then(a.0.cmp(&b.0)));
    let shown = |(case, truth, predicted): (usize, f64, f64)| WorstCase {
        id: pairs.truth.rows[case].id().to_owned(),
        what: words::grades(truth, predicted),
        picture: None,
    };
    block.worst = off.into_iter().take(2 * MOST).map(shown).collect();
    for (column, value, members) in patients::groups(&pairs.subgroups) {
        let members: Vec<usize> = members.into_iter().filter(known).collect();
        block.subgroups.push((column.clone(), of(&value, &members)));
    }
    Ok(block)
}

fn one(name: &str, cases: &[(f64, f64)], units: &Units, settings: &Settings) -> Block {
    let mut grades: Vec<f64> = cases.iter().flat_map(|(p, t)| [*p, *t]).collect();
    grades.sort_by(f64::total_cmp);
    grades.dedup();
    let place = |grade: f64| grades.partition_point(|other| *other < grade);
    let cells: Vec<(usize, usize)> = cases.iter().map(|(p, t)| (place(*t), place(*p))).collect();
    let table = |weights: &[u32]| -> Vec<Vec<f64>> {
        let mut table = vec![vec![0.0; grades.len()]; grades.len()];
        for ((row, column), unit) in cells.iter().zip(units.of_case()) {
            table[*row][*column] += f64::from(weights[*unit as usize]);
        }
        table
    };
    let few = grades.len() <= MOST_GRADES;
    let measure = |weights: &[u32]| -> Vec<Value> {
        if few {
            measured(&table(weights), &grades)
        } else {
            vec![Err(Undefined::TooLarge); NAMES.len()]
        }
    };
    let full = measure(&vec![1; units.len()]);
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let drawn = units.bootstrap_many(seed, resamples, threads, NAMES.len(), |weights, out| {
        out.extend(measure(weights));
    });
    let mut rows: Vec<Row> = NAMES
        .iter()
        .zip(full)
        .zip(&drawn)
        .map(|((name, value), drawn)| {
            Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        })
        .collect();
    let right = cases.iter().filter(|(p, t)| p == t).count() as u64;
    if let (None, Some(interval)) =
        (&settings.group, wilson(right, cases.len() as u64, settings.level))
    {
        rows[2].interval = Some(Ok(interval));
        rows[2].method = "wilson";
    }
    let mut more = Map::new();
    if few {
        more.insert("grades".into(), json!(grades));
        more.insert("confusion_matrix".into(), json!(table(&vec![1; units.len()])));
    }
    Block {
        name: name.into(),
        counts: vec![("n", cases.len() as u64)],
        rows,
        more,
        notes: patients::few(units.len()).into_iter().collect(),
        ..Block::default()
    }
}

/// The values of [`NAMES`] of a table of true grades (rows) and predicted ones.
fn measured(table: &[Vec<f64>], grades: &[f64]) -> Vec<Value> {
    let total: f64 = table.iter().flatten().sum();
    if total == 0.0 {
        return vec![Err(Undefined::NoCases); NAMES.len()];
    }
    let apart = |i: usize, j: usize| (grades[i] - grades[j]).abs();
    let sum = |worth: &dyn Fn(f64) -> f64| -> f64 {
        let cells = (0..table.len()).flat_map(|i| (0..table.len()).map(move |j| (i, j)));
        cells.map(|(i, j)| table[i][j] * worth(apart(i, j))).sum::<f64>() / total
    };
    let recalls: Vec<f64> = table
        .iter()
        .enumerate()
        .filter_map(|(at, row)| {
            let all: f64 = row.iter().sum();
            (all > 0.0).then(|| row[at] / all)
        })
        .collect();
    vec![
        kappa_of_table(table, |i, j| apart(i, j) * apart(i, j)),
        kappa_of_table(table, |_, _| 1.0),
        Ok(sum(&|off| f64::from(u8::from(off == 0.0)))),
        metrics::stats::mean(&recalls).ok_or(Undefined::NoCases),
        Ok(sum(&|off| f64::from(u8::from(off <= 1.0)))),
        Ok(sum(&|off| off)),
    ]
}
