//! Reports side by side: BLEU of the whole set, what each report has alone, or F1 of labels.

use super::cases;
use super::side::SideBySide;
use super::wholes::{self, Wholes};
use crate::score::pairs::Pairs;
use crate::score::report::{Mentions, NAMES, Texts, holds_labels};
use crate::score::settings::Settings;
use base::words::score as words;
use base::{Error, Kind, Result};
use metrics::Value;

/// Compares tables of texts, or of labels read from texts.
pub(super) fn compare(pairs: &[Pairs], settings: &Settings, out: &mut SideBySide) -> Result<()> {
    out.cases = pairs[0].truth.rows.len();
    out.units = pairs[0].units.len();
    if holds_labels(&pairs[0]) {
        return labels(pairs, settings, out);
    }
    for label in &pairs[0].labels {
        let texts = pairs
            .iter()
            .map(|pairs| {
                let own = pairs.labels.iter().find(|own| own.name == label.name);
                Texts::new(pairs, own.unwrap_or(label), settings)
            })
            .collect::<Result<Vec<_>>>()?;
        let units = &texts[0].units;
        // BLEU-1 and BLEU-4: the first and the fourth of the names.
        let bleu = [0, 3];
        let pick = |all: Vec<Value>| bleu.map(|at| all[at]).to_vec();
        let values = |model: usize, weights: &[u32]| pick(texts[model].values(weights));
        let mixed = |[a, b]: [usize; 2], [own, other]: [&[u32]; 2]| {
            pick(Texts::mixed(&[(&texts[a], own), (&texts[b], other)]))
        };
        let names = bleu.map(|at| NAMES[at]);
        let all =
            Wholes { metrics: &names, models: texts.len(), units, values: &values, mixed: &mixed };
        wholes::compare(&label.name, &all, settings, out);
        for (at, name) in settings.text_names()[4..].iter().enumerate() {
            let each = texts.iter().map(|texts| texts.each[at].clone()).collect();
            cases::compare(&label.name, name, each, units.of_case(), settings, out);
        }
    }
    Ok(())
}

/// F1 over all labels and of each.
fn labels(pairs: &[Pairs], settings: &Settings, out: &mut SideBySide) -> Result<()> {
    let names: Vec<&str> = pairs[0].labels.iter().map(|label| label.name.as_str()).collect();
    // Columns are brought into the order of the first table.
    let mentions = pairs
        .iter()
        .map(|pairs| {
            let own: Vec<&str> = pairs.labels.iter().map(|label| label.name.as_str()).collect();
            if own != names {
                let text = words::headers_differ(&[], &[]);
                return Err(Error::new(Kind::Bug, text).at(&pairs.predicted.path));
            }
            Mentions::new(pairs, settings)
        })
        .collect::<Result<Vec<_>>>()?;
    let units = &pairs[0].units;
    let overall = ["f1_score_micro", "f1_score_macro"];
    let both = |found: metrics::text::LabelF1| vec![found.micro, found.macro_average];
    let values = |model: usize, weights: &[u32]| both(mentions[model].f1(units, weights));
    let mix = |[a, b]: [usize; 2], [own, other]: [&[u32]; 2]| {
        Mentions::mixed(&[(&mentions[a], own), (&mentions[b], other)], units)
    };
    let mixed = |pair: [usize; 2], weights: [&[u32]; 2]| both(mix(pair, weights));
    let models = mentions.len();
    let all = Wholes { metrics: &overall, models, units, values: &values, mixed: &mixed };
    wholes::compare("", &all, settings, out);
    for (at, name) in names.iter().enumerate() {
        let values =
            |model: usize, weights: &[u32]| vec![mentions[model].f1(units, weights).labels[at]];
        let mixed = |pair: [usize; 2], weights: [&[u32]; 2]| vec![mix(pair, weights).labels[at]];
        let one = ["f1_score"];
        let all = Wholes { metrics: &one, models, units, values: &values, mixed: &mixed };
        wholes::compare(name, &all, settings, out);
    }
    Ok(())
}
