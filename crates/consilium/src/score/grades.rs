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
pub(super) const NAMES: [&str; 6] = [
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

/// Predicted and true grades of a label, case by case.
pub(super) fn known(pairs: &Pairs, label: &Label) -> Result<Vec<Option<(f64, f64)>>> {
    let (scores, values) = (pairs.scores(label)?, pairs.values(label)?);
    Ok(scores.into_iter().zip(values).map(|(p, t)| Some((p, t?))).collect())
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
    let cases: Vec<Option<(f64, f64)>> = cases.iter().copied().map(Some).collect();
    let graded = Graded::new(vec![cases]);
    let measure = |weights: &[u32]| graded.measured(&[(0, weights)], units);
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
    let cases = &graded.models[0];
    let right = cases.iter().flatten().filter(|(p, t)| p == t).count() as u64;
    if let (None, Some(interval)) =
        (&settings.group, wilson(right, cases.len() as u64, settings.level))
    {
        rows[2].interval = Some(Ok(interval));
        rows[2].method = "wilson";
    }
    let mut more = Map::new();
    if graded.few() {
        let table = graded.table(&[(0, &vec![1; units.len()])], units);
        more.insert("grades".into(), json!(graded.grades));
        more.insert("confusion_matrix".into(), json!(table));
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

/// Grades of the same cases by one or more models.
pub(super) struct Graded {
    /// Every grade that occurs, in order.
    grades: Vec<f64>,
    /// Of each model, case by case, the places of the predicted and the true grade; `None` where the truth
    /// is unknown.
    models: Vec<Vec<Option<(usize, usize)>>>,
}

impl Graded {
    /// From predicted and true grades, model by model and case by case.
    pub fn new(models: Vec<Vec<Option<(f64, f64)>>>) -> Graded {
        let all = models.iter().flatten().flatten();
        let mut grades: Vec<f64> = all.flat_map(|(p, t)| [*p, *t]).collect();
        grades.sort_by(f64::total_cmp);
        grades.dedup();
        let place = |grade: f64| grades.partition_point(|other| *other < grade);
        let places = |case: &Option<(f64, f64)>| case.map(|(p, t)| (place(p), place(t)));
        let models = models.iter().map(|cases| cases.iter().map(places).collect()).collect();
        Graded { models, grades }
    }

    /// Some of the cases alone.
    pub fn of(&self, members: &[usize]) -> Graded {
        let own =
            |cases: &Vec<Option<(usize, usize)>>| members.iter().map(|at| cases[*at]).collect();
        Graded { grades: self.grades.clone(), models: self.models.iter().map(own).collect() }
    }

    fn few(&self) -> bool {
        self.grades.len() <= MOST_GRADES
    }

    /// True grades (rows) by predicted ones, of models put together, each with its own weights of the units.
    fn table(&self, parts: &[(usize, &[u32])], units: &Units) -> Vec<Vec<f64>> {
        let mut table = vec![vec![0.0; self.grades.len()]; self.grades.len()];
        for (model, weights) in parts {
            for (case, unit) in self.models[*model].iter().zip(units.of_case()) {
                if let Some((predicted, truth)) = case {
                    table[*truth][*predicted] += f64::from(weights[*unit as usize]);
                }
            }
        }
        table
    }

    /// The values of [`NAMES`] of such a table.
    pub fn measured(&self, parts: &[(usize, &[u32])], units: &Units) -> Vec<Value> {
        match self.few() {
            true => measured(&self.table(parts, units), &self.grades),
            false => vec![Err(Undefined::TooLarge); NAMES.len()],
        }
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
