//! `inspect`: what a file is, before any model looks at it.

mod graph;
mod volume;
mod weights;

use crate::World;
use crate::cli::{Arguments, complain, print};
use crate::read::{Common, write_file};
use base::words::cli as words;
use base::{CaseFacts, Error, Kind, Lang, Note, Result, Text};
use imaging::{Limits, Study};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Longest side of the preview.
const PREVIEW_PX: usize = 512;

/// Inspects every input; the last error is returned after all were tried.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    if typed.free.is_empty() {
        let hint = words::see_help("inspect");
        return Err(Error::new(Kind::Usage, words::NO_INPUT.clone()).hint(hint));
    }
    let folder = typed.value("--out").map(PathBuf::from);
    let mut failed = None;
    for path in typed.free.iter().map(Path::new) {
        let done = inspect(world, path, folder.as_deref(), common, out);
        if let Err(error) = done {
            if let Some(earlier) = failed.replace(error) {
                complain(&earlier, common.lang);
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn inspect(
    world: &dyn World,
    path: &Path,
    folder: Option<&Path>,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    if path.is_dir() {
        return print(out, &volume::folder(world, path, folder, common)?);
    }
    let study = match imaging::read(path, &Limits::default()) {
        // No image, but perhaps the other kind of file that this program reads.
        Err(error) if error.kind() == Kind::Unsupported => {
            let mut other = volume::file(world, path, folder, common)?;
            if other.is_none() {
                other = graph::inspect(path, common)?;
            }
            if other.is_none() {
                other = weights::inspect(path, common)?;
            }
            return match other {
                Some(text) => print(out, &text),
                None => Err(volume::refusal(path).unwrap_or(error)),
            };
        }
        other => other?,
    };
    if study.frames() > 1
        && let Some(text) = volume::frames(world, path, folder, common)?
    {
        return print(out, &text);
    }
    let preview = match folder {
        Some(folder) => Some(preview(world, &study, folder).map_err(|error| error.at(path))?),
        None => None,
    };
    if common.json {
        return print(out, &format!("{}\n", as_json(&study.facts, preview.as_deref())));
    }
    let mut text = format!("{}\n", path.display());
    for (label, value) in lines(&study.facts, common.lang) {
        let _ = writeln!(text, "  {}: {value}", label.get(common.lang));
    }
    let preview = match preview {
        Some(path) => path.display().to_string(),
        None => words::NO_PREVIEW.get(common.lang).to_owned(),
    };
    let _ = writeln!(text, "  {}: {preview}", words::PREVIEW.get(common.lang));
    print(out, &text)
}

fn preview(world: &dyn World, study: &Study, folder: &Path) -> Result<PathBuf> {
    let picture = report::pictures::fit(&study.picture(0)?, PREVIEW_PX);
    let path = folder.join(format!("{}.png", study.facts.name));
    let failed = |error| crate::read::io_error(&error, folder);
    world.make_folder(folder).map_err(failed)?;
    write_file(world, &path, &report::pictures::png(&picture))?;
    Ok(path)
}

fn lines(facts: &CaseFacts, lang: Lang) -> Vec<(&'static Text, String)> {
    let (columns, rows, frames) = facts.size_px;
    let mut lines = vec![(&words::FORMAT, facts.file.format.to_owned())];
    let mut line = |label, value: Option<String>| {
        lines.extend(value.map(|value| (label, value)));
    };
    let syntax = facts.file.transfer_syntax.as_ref();
    line(&words::TRANSFER_SYNTAX, syntax.map(|(uid, name)| format!("{name} ({uid})")));
    let more =
        if frames > 1 { format!(", {frames} {}", words::FRAMES.get(lang)) } else { String::new() };
    line(&words::SIZE, Some(format!("{columns} × {rows} px{more}")));
    let (allocated, stored) = facts.file.bits;
    line(&words::BITS, Some(format!("{stored} / {allocated}")));
    line(&words::PHOTOMETRIC, facts.file.photometric.clone());
    line(&words::MODALITY, facts.modality.as_ref().map(|m| m.code().to_owned()));
    line(&words::BODY_PART, facts.body_part.as_ref().map(|part| part.code().to_owned()));
    line(&words::VIEW, facts.view.as_ref().map(|view| view.code().to_owned()));
    let spacing = facts.spacing.map(|spacing| {
        let (row, column, source) = (spacing.row.0, spacing.column.0, spacing.source.keyword());
        format!("{row:.4} × {column:.4} mm ({source})")
    });
    line(&words::SPACING, spacing);
    line(&words::DEVICE, facts.device.clone());
    for note in &facts.notes {
        line(&words::WARNING, Some(note.text.get(lang).to_owned()));
    }
    lines
}

fn notes_json(notes: &[Note]) -> Vec<Value> {
    let one = |note: &Note| json!({ "code": note.code, "text": { "en": note.text.en(), "zh": note.text.zh() } });
    notes.iter().map(one).collect()
}

fn as_json(facts: &CaseFacts, preview: Option<&Path>) -> Value {
    let spacing = facts.spacing.map(|spacing| {
        json!({
            "row_mm": spacing.row.0,
            "column_mm": spacing.column.0,
            "source": spacing.source.keyword(),
        })
    });
    json!({
        "name": facts.name,
        "format": facts.file.format,
        "bytes": facts.file.bytes,
        "sha256": facts.file.sha256,
        "transfer_syntax": facts.file.transfer_syntax.as_ref().map(|(uid, _)| uid),
        "photometric": facts.file.photometric,
        "bits_allocated": facts.file.bits.0,
        "bits_stored": facts.file.bits.1,
        "signed": facts.file.signed,
        "columns": facts.size_px.0,
        "rows": facts.size_px.1,
        "frames": facts.size_px.2,
        "modality": facts.modality.as_ref().map(|m| m.code().to_owned()),
        "body_part": facts.body_part.as_ref().map(|part| part.code().to_owned()),
        "view": facts.view.as_ref().map(|view| view.code().to_owned()),
        "spacing": spacing,
        "age_years": facts.patient.age_years,
        "device": facts.device,
        "notes": notes_json(&facts.notes),
        "preview": preview,
    })
}
