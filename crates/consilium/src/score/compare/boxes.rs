//! Boxes side by side: average precision and free-response sensitivity over all categories, AP50 of each.

use super::Models;
use super::side::SideBySide;
use super::wholes::{self, Wholes};
use crate::score::detection::{FROC_IOU, of_category, of_images};
use crate::score::lesions::{self, Lesions};
use crate::score::settings::Settings;
use crate::score::target::Target;
use base::Result;
use metrics::Value;
use metrics::compare::Units;
use metrics::detection::{Detections, FoundBox, Matches, TrueBox, froc};

/// Over all categories.
const METRICS: [&str; 3] = ["AP", "AP50", "CPM"];

/// Boxes on the same images.
pub(super) struct Boxes {
    categories: Vec<String>,
    units: Units,
    subgroups: Vec<(String, Vec<String>)>,
    found: Vec<Detections>,
}

impl Boxes {
    /// What each model found.
    pub fn new(target: Target, found: Vec<Detections>) -> Boxes {
        let Target { categories, units, subgroups, .. } = target;
        Boxes { categories, units, subgroups, found }
    }
}

impl Models for Boxes {
    fn cases(&self) -> (usize, &Units) {
        (self.found[0].images, &self.units)
    }

    fn subgroups(&self) -> &[(String, Vec<String>)] {
        &self.subgroups
    }

    fn of(&self, members: &[usize]) -> Boxes {
        Boxes {
            categories: self.categories.clone(),
            units: self.units.only(members),
            subgroups: Vec::new(),
            found: self.found.iter().map(|model| of_images(model, members)).collect(),
        }
    }

    fn compare(&self, settings: &Settings, out: &mut SideBySide) -> Result<()> {
        one("", &METRICS, &self.found, &self.units, settings, out);
        if self.categories.len() > 1 {
            for (category, name) in self.categories.iter().enumerate() {
                let own: Vec<Detections> =
                    self.found.iter().map(|model| of_category(model, category)).collect();
                one(name, &METRICS[1..2], &own, &self.units, settings, out);
            }
        }
        Ok(())
    }
}

/// Folders of detection maps.
pub(super) fn lesion_maps(
    found: &[Lesions],
    settings: &Settings,
    out: &mut SideBySide,
) -> Result<()> {
    let values = |model: usize, weights: &[u32]| found[model].values(weights);
    let mixed = |[a, b]: [usize; 2], [own, other]: [&[u32]; 2]| {
        Lesions::mixed(&[(&found[a], own), (&found[b], other)])
    };
    let all = Wholes {
        metrics: &lesions::NAMES,
        models: found.len(),
        units: &found[0].units,
        values: &values,
        mixed: &mixed,
    };
    wholes::compare("", &all, settings, out);
    Ok(())
}

fn one(
    label: &str,
    metrics: &[&str],
    found: &[Detections],
    units: &Units,
    settings: &Settings,
    out: &mut SideBySide,
) {
    let measure = |matches: &Matches, detections: &Detections, images: &[u32]| -> Vec<Value> {
        let of = |name: &&str| match *name {
            "AP" => matches.average_precision(0..10, Some(images)),
            "AP50" => matches.average_precision(0..1, Some(images)),
            _ => froc(detections, FROC_IOU, Some(images)).cpm,
        };
        metrics.iter().map(of).collect()
    };
    let matches: Vec<Matches> = found.iter().map(Detections::matches).collect();
    let mut doubled = Vec::new();
    for first in 0..found.len() {
        for second in first + 1..found.len() {
            let both = beside(&found[first], &found[second]);
            doubled.push(([first, second], both.matches(), both));
        }
    }
    let images = |weights: &[u32]| -> Vec<u32> {
        units.of_case().iter().map(|unit| weights[*unit as usize]).collect()
    };
    let values =
        |model: usize, weights: &[u32]| measure(&matches[model], &found[model], &images(weights));
    let mixed = |pair: [usize; 2], weights: [&[u32]; 2]| -> Vec<Value> {
        let both = doubled.iter().find(|(own, ..)| *own == pair);
        let weights = [images(weights[0]), images(weights[1])].concat();
        both.map_or(Vec::new(), |(_, matches, both)| measure(matches, both, &weights))
    };
    let all = Wholes { metrics, models: found.len(), units, values: &values, mixed: &mixed };
    wholes::compare(label, &all, settings, out);
}

/// The images twice, with the first model's boxes and then with the second's: weights of 0 and 1 choose
/// for each image whose boxes count.
fn beside(first: &Detections, second: &Detections) -> Detections {
    let images = first.images;
    let truth = first.truth.iter().map(|one| TrueBox { image: one.image + images, ..*one });
    let found = second.found.iter().map(|one| FoundBox { image: one.image + images, ..*one });
    Detections {
        images: 2 * images,
        categories: first.categories,
        truth: first.truth.iter().copied().chain(truth).collect(),
        found: first.found.iter().copied().chain(found).collect(),
    }
}
