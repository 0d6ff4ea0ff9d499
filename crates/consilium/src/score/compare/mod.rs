//! `compare`: several models on the same cases, with paired tests and rankings.

mod areas;
mod boxes;
mod cases;
mod page;
mod side;
mod texts;
mod wholes;

pub use side::{Pair, SideBySide};

use super::settings::{Settings, Task};
use super::{classification, masks_of, pairs::Pairs, regression, table};
use crate::World;
use crate::cli::{Arguments, print};
use crate::read::{Common, io_error, write_file};
use base::words::score as words;
use base::{Error, Kind, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Compares what was typed: predictions of two or more models, then the truth.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let settings = Settings::of(typed, common)?;
    let [models @ .., truth] = typed.free.as_slice() else {
        return Err(Error::new(Kind::Usage, words::THREE_INPUTS.clone()));
    };
    if models.len() < 2 {
        return Err(Error::new(Kind::Usage, words::THREE_INPUTS.clone()));
    }
    let found = compare(models, Path::new(truth), &settings)?;
    let json = found.to_json();
    if let Some(folder) = typed.value("--out").map(PathBuf::from) {
        world.make_folder(&folder).map_err(|error| io_error(&error, &folder))?;
        let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
        let page = page::page(&found, common.lang);
        write_file(world, &folder.join("comparison.csv"), found.to_csv().as_bytes())?;
        write_file(world, &folder.join("comparison.html"), page.as_bytes())?;
        write_file(world, &folder.join("comparison.json"), text.as_bytes())?;
    }
    if common.json {
        return print(out, &format!("{json}\n"));
    }
    print(out, &found.to_text(common.lang))
}

/// Compares models by the paths of their predictions.
pub fn compare(models: &[String], truth: &Path, settings: &Settings) -> Result<SideBySide> {
    let mut found = SideBySide::new(models, settings);
    let tables = || -> Result<Vec<Pairs>> {
        models
            .iter()
            .map(|model| Pairs::new(table::read(Path::new(model))?, table::read(truth)?, settings))
            .collect()
    };
    match settings.task {
        Task::Classification => {
            let pairs = tables()?;
            let columns = pairs
                .iter()
                .map(|pairs| classification::columns(pairs, settings))
                .collect::<Result<Vec<_>>>()?;
            areas::compare(&pairs[0], &columns, settings, &mut found);
        }
        Task::Regression => {
            let pairs = tables()?;
            found.cases = pairs[0].truth.rows.len();
            found.units = pairs[0].units.len();
            for label in &pairs[0].labels {
                let mut errors = Vec::new();
                let mut keys = Vec::new();
                for pairs in &pairs {
                    // The same label stands elsewhere in another model's table.
                    let own = pairs.labels.iter().find(|own| own.name == label.name);
                    let known = regression::known(pairs, own.unwrap_or(label))?;
                    let pair = known.predicted.iter().zip(&known.truth);
                    errors.push(pair.map(|(p, t)| (p - t).abs()).collect());
                    keys = known.cases.iter().map(|case| pairs.units.of_case()[*case]).collect();
                }
                cases::compare(&label.name, "absolute_error", errors, &keys, settings, &mut found);
            }
        }
        Task::Segmentation => {
            let judged = models
                .iter()
                .map(|model| masks_of(Path::new(model), truth, settings))
                .collect::<Result<Vec<_>>>()?;
            found.cases = judged[0].names.len();
            found.units = judged[0].units.len();
            found.settings = judged[0].settings(settings);
            cases::segmentation(&judged, settings, &mut found);
        }
        Task::Detection => boxes::compare(models, truth, settings, &mut found)?,
        Task::Report => texts::compare(&tables()?, settings, &mut found)?,
    }
    found.adjust();
    Ok(found)
}
