//! Grades side by side: agreement with the true ones, as `score` gives it.

use super::side::SideBySide;
use super::wholes::{self, Wholes};
use crate::score::grades::{Graded, NAMES, apart, known};
use crate::score::pairs::{Label, Pairs};
use crate::score::settings::Settings;
use base::Result;
use metrics::compare::Units;

/// How many of [`NAMES`] are compared: those of which more is better.
const COMPARED: usize = 5;

/// The labels that are grades in every model's table, and the grades; takes them out of the tables.
pub(super) fn taken(pairs: &mut [Pairs]) -> Result<Vec<(String, Graded)>> {
    let mut names: Vec<String> = Vec::new();
    for (at, pairs) in pairs.iter().enumerate() {
        let own: Vec<String> = apart(pairs).0.into_iter().map(|label| label.name).collect();
        names = if at == 0 { own } else { names.into_iter().filter(|n| own.contains(n)).collect() };
    }
    let mut graded = Vec::new();
    for name in names {
        let of = |pairs: &Pairs| {
            let own = |label: &&Label| label.name == name;
            pairs.labels.iter().find(own).map_or(Ok(Vec::new()), |label| known(pairs, label))
        };
        let models = pairs.iter().map(of).collect::<Result<Vec<_>>>()?;
        pairs.iter_mut().for_each(|pairs| pairs.labels.retain(|label| label.name != name));
        graded.push((name, Graded::new(models)));
    }
    Ok(graded)
}

/// Compares the models' grades of one label.
pub(super) fn compare(
    (name, graded): &(String, Graded),
    models: usize,
    units: &Units,
    settings: &Settings,
    out: &mut SideBySide,
) {
    let values = |model: usize, weights: &[u32]| {
        let mut all = graded.measured(&[(model, weights)], units);
        all.truncate(COMPARED);
        all
    };
    let mixed = |pair: [usize; 2], weights: [&[u32]; 2]| {
        let parts = [(pair[0], weights[0]), (pair[1], weights[1])];
        let mut all = graded.measured(&parts, units);
        all.truncate(COMPARED);
        all
    };
    let metrics = &NAMES[..COMPARED];
    let all = Wholes { metrics, models, units, values: &values, mixed: &mixed };
    wholes::compare(name, &all, settings, out);
}
