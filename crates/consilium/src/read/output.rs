//! Files of a case, written aside and then moved into place: nothing half-written stays behind.

use super::aside::Aside;
use crate::World;
use base::words::cli as words;
use base::{Consultation, Error, Kind, Lang, Result};
use report::html::{CaseLine, ModelCard};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Columns of the summary on a terminal.
const SUMMARY_COLUMNS: usize = 80;
/// A `result.json` of an earlier run that is larger is not looked into.
const MOST_RESULT_BYTES: u64 = 32 << 20;

/// What is left to say of a case after its files are in place.
#[derive(Clone, Debug)]
pub struct Written {
    /// `result.json` on one line.
    pub json: String,
    /// For the terminal.
    pub summary: String,
    /// For the overview.
    pub line: CaseLine,
}

/// Writes `result.json`, `report.html` and the pictures into `folder`. Own files of an earlier run
/// are replaced, and its pictures that this run does not make are removed; other files are left
/// alone. `result.json` comes last.
pub fn write_case(
    world: &dyn World,
    folder: &Path,
    consultation: &Consultation,
    cards: &[ModelCard],
    lang: Lang,
) -> Result<Written> {
    let (mut files, mut artifacts) = report::pictures::render(consultation);
    let page = report::html::page_with(consultation, cards, lang);
    artifacts.report = Some("report.html".into());
    let file = |name: &str, bytes| report::pictures::File { name: name.into(), bytes };
    files.push(file("report.html", page.into_bytes()));
    let result = report::json::result(consultation, &artifacts);
    files.push(file("result.json", report::json::file_text(&result).into_bytes()));

    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    place(world, folder, &names, |aside| {
        let write =
            |file: &report::pictures::File| world.write(&aside.join(&file.name), &file.bytes);
        files.iter().try_for_each(write).map_err(|error| io_error(&error, folder))
    })?;
    Ok(Written {
        json: result.to_string(),
        summary: report::text::summary(consultation, lang, SUMMARY_COLUMNS),
        line: CaseLine::of(consultation, None),
    })
}

/// Puts a case's files into `folder`: `fill` writes them, under `names`, into the folder it is given;
/// then they are moved into place in that order, and what an earlier run's `result.json` names and
/// this run does not make is removed. A run that is broken off leaves nothing half-written.
pub fn place(
    world: &dyn World,
    folder: &Path,
    names: &[&str],
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    world.sweep(folder);
    let new = !folder.exists();
    let aside = Aside::new(folder.join(format!(".part-{}", std::process::id())), new);
    let failed = |error| io_error(&error, folder);
    let placed = (|| {
        world.make_folder(aside.path()).map_err(failed)?;
        fill(aside.path())?;
        let _undisturbed = aside.moving();
        for name in files_of_earlier_run(folder) {
            if !names.contains(&name.as_str()) {
                let _ = world.remove_file(&folder.join(name));
            }
        }
        for name in names {
            world.rename(&aside.path().join(name), &folder.join(name)).map_err(failed)?;
        }
        Ok(())
    })();
    let _ = world.remove_folder(aside.path());
    if placed.is_err() && new {
        let _ = world.remove_empty_folder(folder);
    }
    placed
}

/// The pictures and segmentations that the `result.json` lying in `folder` names, as far as they bear
/// names this program gives: a map of a model that was not asked this time would pass for this case's.
fn files_of_earlier_run(folder: &Path) -> Vec<String> {
    let mut text = Vec::new();
    let Ok(file) = std::fs::File::open(folder.join("result.json")) else { return Vec::new() };
    if file.take(MOST_RESULT_BYTES).read_to_end(&mut text).is_err() {
        return Vec::new();
    }
    let Ok(result) = serde_json::from_slice::<Value>(&text) else { return Vec::new() };
    if !result["schema"].as_str().is_some_and(|schema| schema.starts_with("consilium.result/")) {
        return Vec::new();
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut named = list(&result["files"]["anatomy"]);
    named.push("statistics.csv".into());
    named.extend(list(&result["files"]["segmentations"]));
    for model in list(&result["models"]) {
        named.extend(list(&model["segments"]).iter().map(|segment| segment["mask"].clone()));
        named.extend(list(&model["explanations"]).iter().map(|map| map["picture"].clone()));
    }
    let ours = |name: &&str| {
        let picture =
            ["anatomy-", "mask-", "map-", "segmentation"].iter().any(|s| name.starts_with(s))
                && name.ends_with(".png");
        let volume = ["segmentation", "probabilities"].iter().any(|start| name.starts_with(start))
            && [".nii.gz", ".dcm"].iter().any(|end| name.ends_with(end));
        (picture || volume || *name == "statistics.csv") && !name.contains(['/', '\\', ':'])
    };
    named.iter().filter_map(Value::as_str).filter(ours).map(str::to_owned).collect()
}

/// Writes one file aside and moves it into place.
pub fn write_file(world: &dyn World, path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".part-{}-{name}", std::process::id()));
    let aside = Aside::new(aside, false);
    let written = world.write(aside.path(), bytes).and_then(|()| world.rename(aside.path(), path));
    if written.is_err() {
        let _ = world.remove_file(aside.path());
    }
    written.map_err(|error| io_error(&error, path))
}

/// The system's reason with the place and the remedy.
pub fn io_error(error: &std::io::Error, path: &Path) -> Error {
    Error::new(Kind::Io, words::cannot_write(error)).at(path).hint(words::choose_out())
}
