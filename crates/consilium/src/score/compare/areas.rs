//! Classification side by side: AUROC with DeLong's paired test, right and wrong calls with McNemar's.

use super::side::{Entry, Pair, SideBySide, against_margin};
use super::wholes::{between, firmness, ranking};
use super::{Models, grades};
use crate::score::classification;
use crate::score::grades::Graded;
use crate::score::pairs::Pairs;
use crate::score::prepared::{Column, Prepared};
use crate::score::settings::Settings;
use base::words::judge;
use base::{Note, Result};
use metrics::classification::{Ranked, delong_test};
use metrics::compare::{
    Better, Bootstrapped, Ranking, Units, mcnemar, rank_then_aggregate, stability, swap_test,
    test_then_rank,
};
use metrics::{Undefined, Value};
use serde_json::json;

/// Tables of scores.
pub(super) struct Areas {
    pairs: Vec<Pairs>,
    /// One a label, in the truth's order, of each model.
    columns: Vec<Vec<Column>>,
    /// Labels that are grades.
    graded: Vec<(String, Graded)>,
}

impl Areas {
    /// Errors name cells of the truth that are no label, and scores that are no number.
    pub fn new(mut pairs: Vec<Pairs>, settings: &Settings) -> Result<Areas> {
        let graded = grades::taken(&mut pairs)?;
        let columns = pairs.iter().map(|pairs| classification::columns(pairs, settings));
        Ok(Areas { columns: columns.collect::<Result<_>>()?, pairs, graded })
    }
}

impl Models for Areas {
    fn cases(&self) -> (usize, &Units) {
        (self.pairs[0].truth.rows.len(), &self.pairs[0].units)
    }

    fn subgroups(&self) -> &[(String, Vec<String>)] {
        &self.pairs[0].subgroups
    }

    fn tables(&self) -> &[Pairs] {
        &self.pairs
    }

    fn of(&self, members: &[usize]) -> Areas {
        let own = |columns: &Vec<Column>| columns.iter().map(|column| column.of(members)).collect();
        Areas {
            pairs: vec![self.pairs[0].of(members)],
            columns: self.columns.iter().map(own).collect(),
            graded: self.graded.iter().map(|(name, own)| (name.clone(), own.of(members))).collect(),
        }
    }

    fn compare(&self, settings: &Settings, out: &mut SideBySide) -> Result<()> {
        compare(&self.pairs[0], &self.columns, settings, out)?;
        let (models, units) = (self.columns.len(), &self.pairs[0].units);
        self.graded.iter().for_each(|own| grades::compare(own, models, units, settings, out));
        Ok(())
    }
}

/// Compares the models' columns, label by label and over all labels.
fn compare(
    pairs: &Pairs,
    models: &[Vec<Column>],
    settings: &Settings,
    out: &mut SideBySide,
) -> Result<()> {
    let mut prepared: Vec<Vec<Prepared>> = Vec::new();
    for columns in models {
        let one = |column: &Column| Prepared::new(column, &pairs.units, settings);
        prepared.push(columns.iter().map(one).collect::<Result<_>>()?);
    }
    let labels = pairs.labels.len();
    let few = |label: &Prepared| {
        let positives = label.binary.positives();
        positives.min(label.binary.len() - positives) < classification::SMALL
    };
    for (_, name) in prepared[0].iter().zip(&pairs.labels).filter(|(label, _)| few(label)) {
        out.notes.push(Note::warning("few-cases", judge::small_label(&name.name)));
    }
    let ranked: Vec<Vec<Ranked>> = prepared
        .iter()
        .map(|model| {
            model.iter().map(|label| Ranked::by_unit(&label.binary, label.units())).collect()
        })
        .collect();
    // One value a label and model, label after label, on the same draws.
    let areas = |weights: &[u32]| -> Vec<Value> {
        let of_label =
            |label: usize| ranked.iter().map(move |model| model[label].auroc_of(weights));
        (0..labels).flat_map(of_label).collect()
    };
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let count = labels * models.len();
    let drawn = pairs.units.bootstrap_many(seed, resamples, threads, count, |weights, values| {
        values.extend(areas(weights));
    });
    let full = areas(&vec![1; pairs.units.len()]);
    for (label, name) in pairs.labels.iter().enumerate() {
        let at = |model: usize| label * models.len() + model;
        let values: Vec<Value> = (0..models.len()).map(|model| full[at(model)]).collect();
        let draws: Vec<&Bootstrapped> = (0..models.len()).map(|model| &drawn[at(model)]).collect();
        let mut entry = entry(&name.name, &values, &draws, settings);
        for ((value, interval), model) in entry.values.iter_mut().zip(&prepared) {
            if let Some((ends, _)) = model[label].perfect_interval(*value, settings) {
                *interval = Ok(ends);
            }
        }
        for pair in &mut entry.pairs {
            let (a, b) = (&prepared[pair.first][label], &prepared[pair.second][label]);
            tests(pair, a, b, &pairs.units, settings);
        }
        out.entries.push(entry);
    }
    if labels > 1 {
        let mut entry = overall(&full, &drawn, labels, settings);
        let kept = (0..labels).filter(|label| full[label * models.len()].is_ok());
        let kept: Vec<usize> = kept.collect();
        for pair in &mut entry.pairs {
            let of =
                |label: &usize| [pair.first, pair.second].map(|model| &prepared[model][*label]);
            pair.tests.push((
                "swap",
                swapped(&kept.iter().map(of).collect::<Vec<_>>(), &pairs.units, settings),
            ));
        }
        out.entries.push(entry);
    }
    Ok(())
}

/// Macro AUROC over the labels that have one.
fn overall(full: &[Value], drawn: &[Bootstrapped], labels: usize, settings: &Settings) -> Entry {
    let models = full.len() / labels;
    let kept: Vec<usize> = (0..labels).filter(|label| full[label * models].is_ok()).collect();
    let mean = |values: &dyn Fn(usize) -> Value| -> Value {
        let all: Value = kept.iter().map(|label| values(*label)).sum();
        if kept.is_empty() { Err(Undefined::NoCases) } else { Ok(all? / kept.len() as f64) }
    };
    let values: Vec<Value> =
        (0..models).map(|model| mean(&|label| full[label * models + model])).collect();
    let resamples = drawn.first().map_or(0, |one| one.values.len());
    let draws: Vec<Bootstrapped> = (0..models)
        .map(|model| Bootstrapped {
            values: (0..resamples)
                .map(|draw| mean(&|label| drawn[label * models + model].values[draw]))
                .collect(),
        })
        .collect();
    let mut entry = entry("", &values, &draws.iter().collect::<Vec<_>>(), settings);
    entry.metric = "roc_auc_score".into();
    if let Some(ranking) = ranking(&values) {
        let firm = firmness(&ranking, &draws);
        entry.rankings.push(("aggregate_then_rank", ranking, firm));
        by_label(full, drawn, &kept, models, &mut entry);
    }
    entry
}

/// Mean AUROC over labels, of which each has both models' answers: these swapped patient by patient.
fn swapped(labels: &[[&Prepared; 2]], units: &Units, settings: &Settings) -> Value {
    let both: Vec<Ranked> = labels
        .iter()
        .map(|[a, b]| Ranked::of_two(&a.binary, &b.binary, a.units(), units.len()))
        .collect();
    let (swaps, seed, threads) = (settings.resamples, settings.seed, settings.threads);
    swap_test(units.len(), swaps, seed, threads, |own, other| {
        let area = |weights: [&[u32]; 2]| -> Value {
            let weights = weights.concat();
            let all: Value = both.iter().map(|both| both.auroc_of(&weights)).sum();
            if both.is_empty() { Err(Undefined::NoCases) } else { Ok(all? / both.len() as f64) }
        };
        Ok(area([own, other])? - area([other, own])?)
    })
}

fn entry(label: &str, values: &[Value], draws: &[&Bootstrapped], settings: &Settings) -> Entry {
    let mut pairs = Vec::new();
    for first in 0..values.len() {
        for second in first + 1..values.len() {
            let difference = values[first].and_then(|a| values[second].map(|b| a - b));
            let interval = between(draws[first], draws[second]).interval(settings.level);
            let more = against_margin(difference, interval, true, settings);
            pairs.push(Pair {
                first,
                second,
                difference,
                interval,
                tests: Vec::new(),
                more,
                adjusted: None,
            });
        }
    }
    Entry {
        label: label.into(),
        metric: "roc_auc_score".into(),
        higher: true,
        values: values
            .iter()
            .zip(draws)
            .map(|(value, drawn)| (*value, drawn.interval(settings.level)))
            .collect(),
        pairs,
        rankings: Vec::new(),
    }
}

/// DeLong's test where every case stands for itself, and McNemar's at the threshold; where several may be
/// of one patient, answers are swapped patient by patient.
fn tests(pair: &mut Pair, a: &Prepared, b: &Prepared, units: &Units, settings: &Settings) {
    if settings.group.is_some() {
        pair.tests.push(("swap", swapped(&[[a, b]], units, settings)));
        return;
    }
    if let Some(test) = delong_test(&a.binary, &b.binary, settings.level) {
        pair.tests.push(("delong", test.map(|test| test.p)));
        if let Ok(test) = test {
            pair.more.insert("delong_z".into(), json!(test.z));
            pair.more.insert("delong_ci".into(), json!([test.interval.low, test.interval.high]));
        }
    }
    if let (Some(first), Some(second)) = (a.right(), b.right()) {
        let test = mcnemar(&first, &second);
        pair.tests.push(("mcnemar", Ok(test.p)));
        pair.more.insert("only_first_right".into(), json!(test.only_first));
        pair.more.insert("only_second_right".into(), json!(test.only_second));
    }
}

/// The two rankings that need many numbers of each model: its AUROC on every label.
fn by_label(
    full: &[Value],
    drawn: &[Bootstrapped],
    kept: &[usize],
    models: usize,
    entry: &mut Entry,
) {
    let of = |value: &dyn Fn(usize) -> Value| -> Option<Vec<Vec<f64>>> {
        let model =
            |model: usize| kept.iter().map(|label| value(label * models + model).ok()).collect();
        (0..models).map(model).collect()
    };
    let Some(values) = of(&|at| full[at]) else { return };
    let resamples = drawn.first().map_or(0, |one| one.values.len());
    let drawn: Vec<Vec<Vec<f64>>> =
        (0..resamples).filter_map(|draw| of(&|at| drawn[at].values[draw])).collect();
    let mut add = |name: &'static str, way: &dyn Fn(&[Vec<f64>]) -> Ranking| {
        let ranking = way(&values);
        let ranks: Vec<Vec<f64>> = drawn.iter().map(|values| way(values).rank).collect();
        let firm = stability(&ranking.rank, &ranks);
        entry.rankings.push((name, ranking, firm));
    };
    add("rank_then_aggregate", &|values| rank_then_aggregate(values, Better::Higher));
    add("test_then_rank", &|values| test_then_rank(values, Better::Higher, super::cases::ALPHA));
}
