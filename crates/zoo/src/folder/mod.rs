//! A model that a user brings: a folder with a network and a card, read like a published system.
//!
//! [`Folder::open`] reads the card ([`parse`] says everything that is wrong with one);
//! [`crate::Loaded::own`] opens the network; [`check`] tries the two together.

mod check;
mod declared;
mod labels;
mod network;
mod problem;
pub(crate) mod reader;
mod steps;

pub use check::{Checked, check};
pub use declared::{Architecture, Declared, Dtype, Input, MOST_BYTES, Network, parse};
pub use labels::Labels;
pub(crate) use network::open;
pub use problem::Problem;

use crate::card::{Card, InputSpec, Task, WeightsFile};
use crate::steps::After;
use crate::system::{Answer, Head, Prepared, System};
use base::words::{own as words, zoo};
use base::{Error, Kind, Measurement, Note, Result};
use engine::Tensor;
use engine::graph::{Builder, Value};
use engine::weights::Scope;
use imaging::Study;
use std::path::{Path, PathBuf};

/// The card's name in its folder.
pub const CARD: &str = "model.toml";

/// A folder whose card holds together.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    path: PathBuf,
    card: Declared,
}

impl Folder {
    /// Reads the card of a folder.
    ///
    /// Errors: no card there, or the first thing that is wrong with it and how many more there are.
    pub fn open(path: &Path) -> Result<Folder> {
        let text = read_card(path)?;
        let (card, problems) = parse(&text);
        match card {
            Some(card) => Ok(Folder { path: path.to_path_buf(), card }),
            None => Err(broken(path, &problems)),
        }
    }

    /// What the card says.
    pub fn declared(&self) -> &Declared {
        &self.card
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the network's file is. Errors when it is not there or leads out of the folder.
    pub fn network_file(&self) -> std::result::Result<PathBuf, Problem> {
        let name = &self.card.network.file;
        let file = self.path.join(name);
        let missing = |_| Problem::new(None, words::file_missing(name));
        let (real, folder) =
            (file.canonicalize().map_err(missing)?, self.path.canonicalize().map_err(missing)?);
        if !real.starts_with(&folder) {
            return Err(Problem::new(None, words::file_outside(name)));
        }
        if !real.is_file() {
            return Err(Problem::new(None, words::file_missing(name)));
        }
        Ok(file)
    }
}

/// The text of a folder's card.
pub fn read_card(folder: &Path) -> Result<String> {
    let path = folder.join(CARD);
    let io =
        |error: std::io::Error| Error::new(Kind::Io, zoo::engine_io(&error.to_string())).at(&path);
    if folder.is_dir() && !path.exists() {
        let error = Error::new(Kind::Usage, words::no_card(CARD)).at(folder);
        return Err(error.hint(words::write_card()));
    }
    let file = std::fs::File::open(&path).map_err(io)?;
    let mut bytes = Vec::new();
    // One byte more than is allowed: `parse` says so.
    let most = MOST_BYTES as u64 + 1;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, most), &mut bytes).map_err(io)?;
    String::from_utf8(bytes).map_err(|error| {
        let detail = format!("no UTF-8 after byte {}", error.utf8_error().valid_up_to());
        Error::new(Kind::BrokenInput, words::syntax(&detail)).at(&path)
    })
}

/// The error for a folder that cannot be used.
pub(crate) fn broken(folder: &Path, problems: &[Problem]) -> Error {
    let serious: Vec<&Problem> = problems.iter().filter(|problem| !problem.warning).collect();
    let first = serious.first().map_or_else(
        || words::NO_LABELS.clone(),
        |problem| {
            base::Text::filled(problem.render(base::Lang::En), problem.render(base::Lang::Zh))
        },
    );
    let text = words::card_broken(serious.len(), &first);
    let hint = words::see_check(&folder.display().to_string());
    Error::new(Kind::BrokenInput, text).at(folder).hint(hint)
}

impl System for Folder {
    fn card(&self) -> Card<'_> {
        let card = &self.card;
        let (rows, columns) = card.input.size;
        Card {
            id: &card.id,
            aliases: &[],
            name: card.name.clone(),
            survey_row: "",
            task: card.task,
            accepts: card.accepts(),
            input: InputSpec {
                shape: [1, card.input.channels, rows, columns],
                range: card.input.range,
            },
            before: &card.before,
            after: &card.after,
            labels: &card.labels.codes,
            thresholds: &card.labels.thresholds,
            ppv80: &[],
            weights: WeightsFile {
                file_names: &[],
                url: "",
                bytes: None,
                sha256: None,
                container: if card.network.architecture.is_none() { "onnx" } else { "" },
                signature: &[],
            },
            code_licence: "",
            weights_licence: words::licence(&card.licence),
            evidence: &[],
            intended_use: card.intended_use.clone(),
            limits: card.limits.clone(),
            paper: &card.source,
        }
    }

    fn network(&self, b: &mut Builder, s: &Scope) -> engine::Result<Vec<(&'static str, Value)>> {
        network::build(self, b, s)
    }

    fn left_over(&self) -> &'static [&'static str] {
        network::left_over(self.card.network.architecture)
    }

    fn head(&self) -> Option<Head> {
        network::head(self.card.network.architecture, self.card.labels.codes.len())
    }

    fn interpret(&self, outputs: &[Tensor], _: &Prepared, study: &Study) -> Result<Answer> {
        let card = self.card();
        let Some(output) = outputs.first() else {
            return Err(Error::new(
                Kind::BrokenInput,
                words::output_labels(&[], card.labels.len()),
            ));
        };
        let shape = output.shape();
        if card.task == Task::Segmentation {
            let Some(size) = map_size(shape, card.labels.len()) else {
                let text = words::output_maps(shape, card.labels.len());
                return Err(Error::new(Kind::BrokenInput, text));
            };
            return crate::steps::outlines(&card, output.data(), size, study);
        }
        if output.data().len() != card.labels.len() {
            let text = words::output_labels(shape, card.labels.len());
            return Err(Error::new(Kind::BrokenInput, text));
        }
        if card.task == Task::Regression { self.values(output) } else { findings(&card, output) }
    }
}

/// Scores, none beyond 0..=1.
fn findings(card: &Card<'_>, output: &Tensor) -> Result<Answer> {
    let mut answer = crate::steps::findings(card, output.data())?;
    if let Some(beyond) = answer.findings.iter().find(|f| !(0.0..=1.0).contains(&f.score)) {
        let text = words::beyond_scores(beyond.code.id, beyond.score);
        return Err(Error::new(Kind::BrokenInput, text));
    }
    let meaning = match card.after.contains(&After::OperatingPoints) {
        true => zoo::SCORE_MEANING,
        false => words::SCORES.clone(),
    };
    answer.notes.push(Note::info("score-meaning", meaning));
    Ok(answer)
}

impl Folder {
    fn values(&self, output: &Tensor) -> Result<Answer> {
        let labels = &self.card.labels;
        let mut answer = Answer::default();
        let numbers = crate::steps::values(&self.card.after, output.data());
        for ((value, code), unit) in numbers.into_iter().zip(&labels.codes).zip(&labels.units) {
            let Some(code) = code else { continue };
            if !value.is_finite() {
                return Err(Error::new(Kind::BrokenInput, zoo::not_a_number(&self.card.id)));
            }
            answer.values.push(Measurement {
                id: code.id,
                name: code.name.clone(),
                value: f64::from(value),
                unit,
                interval: None,
            });
        }
        Ok(answer)
    }
}

/// Rows and columns of maps, one per label: `[1, labels, rows, columns]`, without the leading 1, or
/// without the axis of a single label.
pub(crate) fn map_size(shape: &[usize], labels: usize) -> Option<(usize, usize)> {
    match *shape {
        [1, count, rows, columns] if count == labels => Some((rows, columns)),
        [count, rows, columns] if count == labels => Some((rows, columns)),
        [rows, columns] if labels == 1 => Some((rows, columns)),
        _ => None,
    }
}
