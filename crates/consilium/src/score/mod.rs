//! `score`: anybody's predictions against the truth, without running a model.

mod box_pictures;
mod classification;
pub mod compare;
mod confusion;
mod curves;
mod detection;
mod grades;
mod lesions;
pub(crate) mod masks;
mod operating;
mod outcome;
pub(crate) mod page;
mod pairs;
pub mod parsers;
mod patients;
pub(crate) mod plots;
mod points;
mod policies;
mod pool;
mod prepared;
mod regions;
mod regression;
mod report;
mod segmentation;
mod settings;
pub(crate) mod slices;
mod structures;
pub mod table;
mod target;
mod wordnet;

pub use outcome::{Block, Outcome, Row, WorstCase, bilingual, quoted};
pub use regions::{Region, Regions, named as named_regions};
pub(crate) use segmentation::labels_of;
pub use settings::{Others, Policy, Settings, Task};

use crate::World;
use crate::cli::{Arguments, print};
use crate::read::{Common, io_error, write_file};
use base::words::score as words;
use base::{Error, Kind, Result};
use pairs::Pairs;
use std::io::Write;
use std::path::{Path, PathBuf};
use target::Target;

/// Judges what was typed; prints the numbers and writes them to `--out` where that is given.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let folder = typed.value("--out").map(PathBuf::from);
    // Pictures are for the page alone.
    let settings = Settings { pictures: folder.is_some(), ..Settings::of(typed, common)? };
    let [predicted, truth] = typed.free.as_slice() else {
        return Err(Error::new(Kind::Usage, words::TWO_INPUTS.clone()));
    };
    let outcome = judge(Path::new(predicted), Path::new(truth), &settings)?;
    if let Some(folder) = folder {
        write(world, &folder, &outcome, common)?;
    }
    if common.json {
        return print(out, &format!("{}\n", outcome.to_json()));
    }
    print(out, &outcome.to_text(common.lang))
}

/// Judges one model's predictions.
pub fn judge(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    let mut outcome = of_task(predicted, truth, settings)?;
    outcome.notes.extend(patients::few(outcome.units));
    Ok(outcome)
}

fn of_task(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    match settings.task {
        Task::Classification | Task::Regression | Task::Report => {
            judge_tables(Pairs::read(predicted, truth, settings)?, settings)
        }
        Task::Segmentation => segmentation::judge(predicted, truth, settings),
        Task::Detection if masks::are_folders(predicted, truth) => {
            lesions::judge(predicted, truth, settings)
        }
        Task::Detection => {
            let target = Target::open(truth, settings)?;
            let found = target.with(predicted)?;
            Ok(detection::judge(target, &found, settings))
        }
    }
}

fn judge_tables(pairs: Pairs, settings: &Settings) -> Result<Outcome> {
    match settings.task {
        Task::Regression => regression::judge(&pairs, settings),
        Task::Report => report::judge(&pairs, settings),
        _ => classification::judge(pairs, settings),
    }
}

fn write(world: &dyn World, folder: &Path, outcome: &Outcome, common: &Common) -> Result<()> {
    world.make_folder(folder).map_err(|error| io_error(&error, folder))?;
    let json = serde_json::to_string_pretty(&outcome.to_json()).unwrap_or_default() + "\n";
    write_file(world, &folder.join("scores.csv"), outcome.to_csv().as_bytes())?;
    let page = page::page(outcome, common.lang);
    write_file(world, &folder.join("scores.html"), page.as_bytes())?;
    write_file(world, &folder.join("scores.json"), json.as_bytes())
}

/// Judges pairs of masks. `predicted` is the folder that errors name.
pub(crate) fn judge_masks(
    pairs: masks::Paired,
    predicted: &Path,
    settings: &Settings,
) -> Result<Outcome> {
    let mut outcome = segmentation::judge_pairs(pairs, predicted, settings)?;
    outcome.notes.extend(patients::few(outcome.units));
    Ok(outcome)
}

/// The cases of two folders of masks.
fn masks_of(predicted: &Path, truth: &Path, settings: &Settings) -> Result<segmentation::Cases> {
    segmentation::cases(predicted, truth, settings)
}
