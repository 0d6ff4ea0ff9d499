//! Reports side by side: BLEU of the whole set, what each report has alone, or F1 of labels.

use super::side::SideBySide;
use super::wholes::{self, Wholes};
use super::{Models, cases};
use crate::score::pairs::{Label, Pairs};
use crate::score::report::{Mentions, NAMES, Texts};
use crate::score::settings::Settings;
use base::Result;
use metrics::Value;
use metrics::compare::Units;

/// Tables of texts: of each column, what every model wrote.
pub(super) struct Reports {
    cases: usize,
    units: Units,
    subgroups: Vec<(String, Vec<String>)>,
    columns: Vec<(String, Vec<Texts>)>,
}

impl Reports {
    /// Measures every text.
    pub fn new(pairs: &[Pairs], settings: &Settings) -> Result<Reports> {
        let first = &pairs[0];
        let column = |(at, label): (usize, &Label)| {
            // Labels stand in the truth's order in all.
            let of_model = |pairs: &Pairs| Texts::new(pairs, &pairs.labels[at], settings);
            let texts = pairs.iter().map(of_model).collect::<Result<Vec<Texts>>>()?;
            Ok((label.name.clone(), texts))
        };
        Ok(Reports {
            cases: first.truth.rows.len(),
            units: first.units.clone(),
            subgroups: first.subgroups.clone(),
            columns: first.labels.iter().enumerate().map(column).collect::<Result<_>>()?,
        })
    }
}

impl Models for Reports {
    fn cases(&self) -> (usize, &Units) {
        (self.cases, &self.units)
    }

    fn subgroups(&self) -> &[(String, Vec<String>)] {
        &self.subgroups
    }

    fn of(&self, members: &[usize]) -> Reports {
        let own = |(name, texts): &(String, Vec<Texts>)| {
            (name.clone(), texts.iter().map(|texts| texts.of(members)).collect())
        };
        Reports {
            cases: members.len(),
            units: self.units.only(members),
            subgroups: Vec::new(),
            columns: self.columns.iter().map(own).collect(),
        }
    }

    fn compare(&self, settings: &Settings, out: &mut SideBySide) -> Result<()> {
        for (label, texts) in &self.columns {
            let units = &texts[0].units;
            // BLEU-1 and BLEU-4: the first and the fourth of the names.
            let bleu = [0, 3];
            let pick = |all: Vec<Value>| bleu.map(|at| all[at]).to_vec();
            let values = |model: usize, weights: &[u32]| pick(texts[model].values(weights));
            let mixed = |[a, b]: [usize; 2], [own, other]: [&[u32]; 2]| {
                pick(Texts::mixed(&[(&texts[a], own), (&texts[b], other)]))
            };
            let (metrics, models) = (&bleu.map(|at| NAMES[at]), texts.len());
            let all = Wholes { metrics, models, units, values: &values, mixed: &mixed };
            wholes::compare(label, &all, settings, out);
            for (at, name) in settings.text_names()[4..].iter().enumerate() {
                let each = texts.iter().map(|texts| texts.each[at].clone()).collect();
                cases::compare(label, name, each, units.of_case(), settings, out);
            }
        }
        Ok(())
    }
}

/// Tables of labels read from texts.
pub(super) struct FoundLabels {
    units: Units,
    subgroups: Vec<(String, Vec<String>)>,
    names: Vec<String>,
    mentions: Vec<Mentions>,
}

impl FoundLabels {
    /// Reads every table. Errors name the rows that hold no label.
    pub fn new(pairs: &[Pairs], settings: &Settings) -> Result<FoundLabels> {
        let first = &pairs[0];
        let of_model = |pairs: &Pairs| Mentions::new(pairs, settings);
        Ok(FoundLabels {
            units: first.units.clone(),
            subgroups: first.subgroups.clone(),
            names: first.labels.iter().map(|label| label.name.clone()).collect(),
            mentions: pairs.iter().map(of_model).collect::<Result<_>>()?,
        })
    }
}

impl Models for FoundLabels {
    fn cases(&self) -> (usize, &Units) {
        (self.units.of_case().len(), &self.units)
    }

    fn subgroups(&self) -> &[(String, Vec<String>)] {
        &self.subgroups
    }

    fn of(&self, members: &[usize]) -> FoundLabels {
        FoundLabels {
            units: self.units.only(members),
            subgroups: Vec::new(),
            names: self.names.clone(),
            mentions: self.mentions.iter().map(|mentions| mentions.of(members)).collect(),
        }
    }

    /// F1 over all labels and of each.
    fn compare(&self, settings: &Settings, out: &mut SideBySide) -> Result<()> {
        let FoundLabels { units, mentions, names, .. } = self;
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
            let mixed =
                |pair: [usize; 2], weights: [&[u32]; 2]| vec![mix(pair, weights).labels[at]];
            let one = ["f1_score"];
            let all = Wholes { metrics: &one, models, units, values: &values, mixed: &mixed };
            wholes::compare(name, &all, settings, out);
        }
        Ok(())
    }
}
