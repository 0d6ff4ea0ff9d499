//! What a run is, kept as `run.json` beside its predictions: a later call must mean the same run, or
//! it is refused with what differs.

use crate::World;
use crate::read::{io_error, write_file};
use crate::weights::hash as sha256;
use base::words::evaluate as words;
use base::{Error, Kind, Result};
use serde_json::Value as Json;
use std::path::Path;

/// File name.
pub(crate) const NAME: &str = "run.json";
/// A file that is larger is none of this program's.
const MOST_BYTES: u64 = 1 << 30;
/// How many differences are named.
const MOST_NAMED: usize = 5;

/// The record of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Its content.
    pub json: Json,
    /// SHA-256 of the file.
    pub sha256: String,
}

impl Record {
    /// Takes up the run that lies in `folder`, or begins it.
    ///
    /// Errors: another run lies there (`Refused`), with what differs; it cannot be written.
    pub fn open(world: &dyn World, folder: &Path, json: Json) -> Result<Record> {
        let path = folder.join(NAME);
        let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
        if path.exists() {
            let other = read_json(&path)?;
            let mut differences = Vec::new();
            differ(&mut differences, "", &other, &json);
            if !differences.is_empty() {
                differences.truncate(MOST_NAMED);
                let error = Error::new(Kind::Refused, words::other_run(&differences)).at(&path);
                return Err(error.hint(words::OTHER_RUN_HINT.clone()));
            }
        } else {
            world.make_folder(folder).map_err(|error| io_error(&error, folder))?;
            write_file(world, &path, text.as_bytes())?;
        }
        Ok(Record { json, sha256: sha256::of_text(&text) })
    }
}

/// A JSON file of this program, up to a limit.
pub(crate) fn read_json(path: &Path) -> Result<Json> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::Io, base::words::cli::cannot_read(&error)).at(path)
    };
    if std::fs::metadata(path).map_err(failed)?.len() > MOST_BYTES {
        let text = base::words::score::table_too_large("bytes", MOST_BYTES);
        return Err(Error::new(Kind::Limit, text).at(path));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = base::words::score::not_json(error.line(), error.column());
        Error::new(Kind::BrokenInput, text).at(path)
    })
}

/// `dataset.table_sha256: 12ab… → 34cd…` for every value that differs.
pub(crate) fn differ(out: &mut Vec<String>, at: &str, before: &Json, now: &Json) {
    if before == now {
        return;
    }
    if let (Json::Object(a), Json::Object(b)) = (before, now) {
        let more = b.keys().filter(|key| !a.contains_key(*key));
        for key in a.keys().chain(more) {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            differ(out, &path, &before[key.as_str()], &now[key.as_str()]);
        }
        return;
    }
    let short = |value: &Json| {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        match text.chars().count() > 40 {
            true => text.chars().take(12).collect::<String>() + "…",
            false => text,
        }
    };
    out.push(format!("{at}: {} → {}", short(before), short(now)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Disk;
    use base::Lang;
    use serde_json::json;

    #[test]
    fn a_run_is_taken_up_only_by_the_same_run() {
        let dir = testkit::temp_dir("record");
        let run = json!({ "dataset": { "cases": 3, "sha": "a" }, "model": "m" });
        let first = Record::open(&Disk, dir.path(), run.clone()).unwrap();
        assert_eq!(Record::open(&Disk, dir.path(), run.clone()).unwrap(), first);
        let mut other = run;
        other["dataset"]["cases"] = json!(4);
        other["tta"] = json!(true);
        let error = Record::open(&Disk, dir.path(), other).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        let said = error.render(Lang::En);
        assert!(
            said.contains("dataset.cases: 3 → 4") && said.contains("tta: null → true"),
            "{said}"
        );
        std::fs::write(dir.join(NAME), b"{").unwrap();
        let error = Record::open(&Disk, dir.path(), json!({})).unwrap_err();
        assert_eq!(error.kind(), Kind::BrokenInput);
    }
}
