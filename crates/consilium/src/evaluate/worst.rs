//! The worst cases with pictures: films with truth and score, slices with both outlines.

use super::findings::Match;
use super::judged::Judged;
use super::source::{Source, Unpacked};
use super::volumes::MASKS;
use crate::World;
use crate::datasets::Truth;
use crate::score::slices::{self, MOST, address};
use crate::score::{Block, Task, WorstCase, labels_of};
use base::Text;
use base::words::evaluate as words;
use imaging::{Limits, volumes};
use report::pictures::fit;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longest side of a film's picture.
const FILM_PX: usize = 260;

/// One label's or structure's worst cases.
pub(super) struct Worst {
    /// Of what.
    pub name: String,
    /// The worst first.
    pub cases: Vec<Shown>,
}

/// One case.
pub(super) struct Shown {
    /// Its identifier.
    pub id: String,
    /// What was true and what was said, line by line.
    pub lines: Vec<Text>,
    /// The picture: markup.
    pub picture: Option<String>,
}

/// Pictures of films, each once on a page however often it is shown.
#[derive(Default)]
pub(super) struct Films {
    /// By the place of the case: width, height, address.
    shown: BTreeMap<usize, Option<(usize, usize, String)>>,
}

impl Films {
    /// Definitions for the page, once.
    pub fn definitions(&self) -> String {
        let mut out = String::from("<svg class=\"defs\" aria-hidden=\"true\">");
        for (case, film) in &self.shown {
            if let Some((width, height, data)) = film {
                let _ = write!(
                    out,
                    "<symbol id=\"film{case}\" viewBox=\"0 0 {width} {height}\">\
                     <image width=\"{width}\" height=\"{height}\" href=\"{data}\"/></symbol>"
                );
            }
        }
        out + "</svg>"
    }

    fn picture(&mut self, source: &Source, case: usize) -> Option<String> {
        let film = self.shown.entry(case).or_insert_with(|| {
            let path = source.cases()[case].files.first()?;
            let name = path.file_name()?.to_string_lossy();
            let study =
                imaging::read_bytes(source.bytes(path).ok()?, &name, &Limits::default()).ok()?;
            let small = fit(&study.picture(0).ok()?, FILM_PX);
            Some((small.width(), small.height(), address(&small)))
        });
        let (width, height, _) = film.as_ref()?;
        Some(format!(
            "<svg class=\"film\" viewBox=\"0 0 {width} {height}\"><use href=\"#film{case}\" \
             width=\"{width}\" height=\"{height}\"/></svg>"
        ))
    }
}

/// Of every label or structure.
pub(super) fn of(
    world: &dyn World,
    source: &Source,
    judged: &Judged,
    films: &mut Films,
) -> Vec<Worst> {
    match (&judged.matched, judged.outcome.settings.task) {
        (Some(matched), task) => {
            matched.pairs.iter().map(|pair| of_label(source, judged, pair, task, films)).collect()
        }
        (None, _) => {
            let blocks = &judged.outcome.blocks;
            let most = slices::most(blocks.len());
            blocks.iter().map(|block| of_structure(world, source, judged, block, most)).collect()
        }
    }
}

/// Positive cases with the lowest scores and negative ones with the highest, as far as the threshold
/// calls them wrongly; of values those furthest from the truth.
fn of_label(
    source: &Source,
    judged: &Judged,
    pair: &Match,
    task: Task,
    films: &mut Films,
) -> Worst {
    let mut known = Vec::new();
    for (at, (case, answer)) in source.cases().iter().zip(&judged.answers).enumerate() {
        let score = answer.scores.get(pair.output).copied().flatten();
        if let (true, Some(score), Some(truth)) =
            (answer.status.counts(), score, case.truth.get(pair.label))
        {
            known.push((at, f64::from(score), truth));
        }
    }
    let mut cases = Vec::new();
    let mut show = |at: usize, lines: Vec<Text>| {
        let id = source.cases()[at].id.clone();
        cases.push(Shown { id, lines, picture: films.picture(source, at) });
    };
    let name = &source.set.labels[pair.label];
    let block = judged.outcome.blocks.iter().find(|block| block.name == *name);
    let graded = block.is_some_and(|block| block.more.contains_key("grades"));
    if task == Task::Regression || graded {
        let value = |truth: &Truth| match truth {
            Truth::Value(value) => Some(*value),
            Truth::Positive => Some(1.0),
            Truth::Negative => Some(0.0),
            _ => None,
        };
        let mut off: Vec<(usize, f64, f64)> = known
            .iter()
            .filter_map(|(at, score, truth)| Some((*at, *score, value(truth)?)))
            .collect();
        off.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()).then(a.0.cmp(&b.0)));
        off.retain(|(_, score, truth)| !graded || score != truth);
        let said = if graded { words::grades } else { words::values };
        for (at, score, truth) in off.into_iter().take(2 * MOST) {
            show(at, vec![said(truth, score)]);
        }
    } else {
        let threshold = block.and_then(|block| block.more.get("threshold")?.as_f64());
        let wrong = |score: f64, positive: bool| {
            threshold.is_none_or(|threshold| (score >= threshold) != positive)
        };
        for (wanted, said, sign) in [
            (Truth::Positive, &words::TRUE_POSITIVE, 1.0),
            (Truth::Negative, &words::TRUE_NEGATIVE, -1.0),
        ] {
            let mut own: Vec<(usize, f64)> = known
                .iter()
                .filter(|(_, score, truth)| **truth == wanted && wrong(*score, sign > 0.0))
                .map(|(at, score, _)| (*at, *score))
                .collect();
            own.sort_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)).then(a.0.cmp(&b.0)));
            for (at, score) in own.into_iter().take(MOST) {
                show(at, vec![said.clone(), words::score(score)]);
            }
        }
    }
    Worst { name: source.set.labels[pair.label].clone(), cases }
}

/// The cases with the lowest Dice.
fn of_structure(
    world: &dyn World,
    source: &Source,
    judged: &Judged,
    block: &Block,
    most: usize,
) -> Worst {
    let labels = labels_of(block);
    let shown = |WorstCase { id, what, .. }: &WorstCase| {
        let at = source.cases().iter().position(|case| case.id == *id);
        let slice = at.and_then(|at| slice(world, source, judged, at, &labels));
        let mut lines = vec![what.clone()];
        lines.extend(slice.as_ref().map(|(_, where_)| where_.clone()));
        Shown { id: id.clone(), lines, picture: slice.map(|(picture, _)| picture) }
    };
    Worst { name: block.name.clone(), cases: block.worst.iter().take(most).map(shown).collect() }
}

/// The slice with most disagreement.
fn slice(
    world: &dyn World,
    source: &Source,
    judged: &Judged,
    at: usize,
    labels: &[u16],
) -> Option<(String, Text)> {
    let unpacked = Unpacked::new(world, &judged.folder);
    let case = &source.cases()[at];
    let [name, ..] = judged.answers[at].mask.as_ref()?;
    let open = |path: &std::path::Path| {
        Some(slices::turned(&volumes::read(path, &Limits::default()).ok()?.volume))
    };
    let on_disk = |path: &std::path::Path| source.on_disk(world, path, &unpacked).ok();
    let image = open(&on_disk(case.files.first()?)?)?;
    let truth = open(&on_disk(case.mask.as_ref()?)?)?;
    let predicted = open(&judged.folder.join(MASKS).join(name))?;
    slices::slice(Some(&image), &truth, &predicted, labels)
}
