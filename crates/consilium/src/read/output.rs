//! Files of a case, written aside and then moved into place: nothing half-written stays behind.

use crate::World;
use base::words::cli as words;
use base::{Consultation, Error, Kind, Lang, Result};
use report::html::{CaseLine, ModelCard};
use std::path::Path;

/// Columns of the summary on a terminal.
const SUMMARY_COLUMNS: usize = 80;

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

/// Writes `result.json`, `report.html` and the pictures into `folder`. Other files there are left
/// alone; own files of an earlier run are replaced, `result.json` last.
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
    files.push(file("result.json", format!("{result:#}\n").into_bytes()));

    let aside = folder.join(format!(".part-{}", std::process::id()));
    world.sweep(folder);
    let written = (|| {
        world.make_folder(&aside)?;
        files.iter().try_for_each(|file| world.write(&aside.join(&file.name), &file.bytes))?;
        files
            .iter()
            .try_for_each(|file| world.rename(&aside.join(&file.name), &folder.join(&file.name)))
    })();
    let _ = world.remove_folder(&aside);
    written.map_err(|error| io_error(&error, folder))?;
    Ok(Written {
        json: result.to_string(),
        summary: report::text::summary(consultation, lang, SUMMARY_COLUMNS),
        line: CaseLine::of(consultation, None),
    })
}

/// Writes one file aside and moves it into place.
pub fn write_file(world: &dyn World, path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".part-{}-{name}", std::process::id()));
    let written = world.write(&aside, bytes).and_then(|()| world.rename(&aside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written.map_err(|error| io_error(&error, path))
}

/// The system's reason with the place and the remedy.
pub fn io_error(error: &std::io::Error, path: &Path) -> Error {
    Error::new(Kind::Io, words::cannot_write(error)).at(path).hint(words::choose_out())
}
