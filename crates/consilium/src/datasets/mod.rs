//! Data sets as they are published: what is there, what is missing, and the truth as a table that
//! `score` takes.

mod brats;
mod chest;
mod csv;
mod folders;
mod kinds;
mod show;
mod skeleton;

pub use kinds::{KINDS, Kind};

use crate::World;
use crate::cli::{Arguments, print};
use crate::read::{Common, io_error, write_file};
use base::words::datasets as words;
use base::{Error, Kind as ErrorKind, Note, Result, nearest};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What is known of a label.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// Nothing: not mentioned, not read. Never the same as negative.
    Unknown,
    /// Absent.
    Negative,
    /// Present.
    Positive,
    /// Mentioned as uncertain.
    Uncertain,
    /// A measured value.
    Value(f64),
    /// A text.
    Text(String),
}

/// One case: an image, or a study where the set is labelled by study.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// As the set names it.
    pub id: String,
    /// Cases of one patient belong together, always.
    pub patient: String,
    /// The official split, where there is one.
    pub split: Option<String>,
    /// Its images.
    pub files: Vec<PathBuf>,
    /// Its mask of the truth.
    pub mask: Option<PathBuf>,
    /// One entry a label of the set.
    pub truth: Vec<Truth>,
    /// Sex, age, view and the like, by the names in [`Dataset::strata`]; empty where unknown.
    pub strata: Vec<String>,
}

/// A data set as it lies on the disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Names of the strata.
    pub strata: Vec<&'static str>,
    /// The cases.
    pub cases: Vec<Case>,
    /// What should be known.
    pub notes: Vec<Note>,
}

/// `datasets list | check KIND:PATH | show KIND:PATH`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let what = typed.free.first().map_or("list", String::as_str);
    let usage = || Error::new(ErrorKind::Usage, words::USAGE.clone());
    match (what, typed.free.get(1)) {
        ("list", None) => print(out, &show::list(common)),
        ("check" | "show", Some(place)) => {
            let (kind, path) = place.split_once(':').ok_or_else(usage)?;
            let kind = find(kind)?;
            let mut found = (kind.read)(Path::new(path)).map_err(|error| error.at(path))?;
            if let Some(split) = typed.value("--split") {
                found.cases.retain(|case| case.split.as_deref() == Some(split));
            }
            if found.cases.is_empty() {
                let error = Error::new(ErrorKind::BrokenInput, words::NO_CASES.clone());
                return Err(error.at(path));
            }
            if let Some(folder) = typed.value("--out").map(PathBuf::from) {
                world.make_folder(&folder).map_err(|error| io_error(&error, &folder))?;
                write_file(world, &folder.join("truth.csv"), show::truth(&found).as_bytes())?;
                let files = show::files(&found);
                write_file(world, &folder.join("files.csv"), files.as_bytes())?;
            }
            print(out, &show::check(kind, &found, what == "check", common))
        }
        _ => Err(usage()),
    }
}

/// The kind of that name.
pub fn find(name: &str) -> Result<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let names = KINDS.iter().map(|kind| kind.name);
        let error = Error::new(ErrorKind::Usage, words::unknown_kind(name));
        match nearest(name, names) {
            Some(near) => error.hint(base::words::cli::did_you_mean(near)),
            None => error.hint(words::SEE_LIST.clone()),
        }
    })
}
