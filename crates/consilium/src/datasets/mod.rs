//! Data sets as they are published: what is there, what is missing, and the truth as a table that
//! `score` takes.

mod boxes;
mod brats;
mod chexpert;
mod chexpert_plus;
mod csv;
mod files;
mod folders;
mod iu;
mod kinds;
mod mimic;
mod nih;
mod packed;
mod padchest;
pub mod parsers;
mod pneumonia;
mod show;
mod skeleton;
mod truth;
mod vindr;

pub use boxes::{BoxLabel, Mark, Readers};
pub use files::Files;
pub use kinds::{KINDS, Kind};
pub(crate) use pneumonia::runs;

use crate::World;
use crate::cli::{Arguments, print};
use crate::read::{Common, io_error, write_file};
use crate::score::Regions;
use base::words::datasets as words;
use base::{Error, Kind as ErrorKind, Note, Result, nearest};
use std::collections::BTreeSet;
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
    /// The boxes drawn in it; `None` where nobody looked for any.
    pub boxes: Option<Vec<Mark>>,
    /// Who looked for boxes, where each reader's are kept; empty of a consensus.
    pub readers: Vec<String>,
    /// Its mask of the truth as runs, where the set has no files of masks: first pixel and length,
    /// counted down the columns of the image as stored. Empty of no mask.
    pub runs: Option<Vec<[u64; 2]>>,
    /// Sex, age, view and the like, by the names in [`Dataset::strata`]; empty where unknown.
    pub strata: Vec<String>,
}

/// A data set as it lies on the disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Names of what boxes are of.
    pub box_labels: Vec<BoxLabel>,
    /// Names of the strata.
    pub strata: Vec<&'static str>,
    /// Structures that several labels of its masks make together.
    pub regions: Regions,
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
            let mut opened = open(place)?;
            opened.only(typed.value("--split"))?;
            if let Some(folder) = typed.value("--out").map(PathBuf::from) {
                write(world, &folder, &opened, readers(typed))?;
            }
            print(out, &show::check(&opened, what == "check", common))
        }
        _ => Err(usage()),
    }
}

/// A data set that was found, with what it takes to read its files.
pub struct Opened {
    /// Its kind.
    pub kind: &'static Kind,
    /// Where it begins: the folder or archive that was named, or the one folder in it.
    pub root: PathBuf,
    /// What it holds.
    pub set: Dataset,
    /// Reads its files, which may lie inside archives.
    pub files: Files,
}

impl Opened {
    /// Keeps the cases of a split. Errors: no case is in it; the splits there are stand in the hint.
    pub fn only(&mut self, split: Option<&str>) -> Result<()> {
        let Some(split) = split else { return Ok(()) };
        let there: BTreeSet<String> =
            self.set.cases.iter().filter_map(|case| case.split.clone()).collect();
        self.set.cases.retain(|case| case.split.as_deref() == Some(split));
        if !self.set.cases.is_empty() {
            return Ok(());
        }
        let there: Vec<String> = there.into_iter().collect();
        let error = Error::new(ErrorKind::BrokenInput, words::empty_split(split)).at(&self.root);
        Err(error.hint(words::splits_there(&there)))
    }
}

/// Opens `KIND:PATH`, or a path alone whose layout tells its kind. The path is a folder, or an archive
/// that is read as it is; where the set is not there but in the only folder below, that one is taken.
///
/// Errors: no such kind, a file or column of the layout is missing, a label it does not have.
pub fn open(place: &str) -> Result<Opened> {
    match place.split_once(':') {
        Some((kind, path)) => open_as(find(kind)?, path),
        None if Path::new(place).exists() => {
            // Those with a layout of their own come last in the list.
            let fits = KINDS.iter().rev().find_map(|kind| open_as(kind, place).ok());
            fits.ok_or_else(|| {
                let error = Error::new(ErrorKind::BrokenInput, words::NO_KIND_FITS.clone());
                error.at(place).hint(words::SEE_LIST.clone())
            })
        }
        None => Err(Error::new(ErrorKind::Usage, words::USAGE.clone())),
    }
}

fn open_as(kind: &'static Kind, path: &str) -> Result<Opened> {
    let files = Files::default();
    let mut root = PathBuf::from(path);
    files.openable(&root)?;
    let mut first = None;
    for _ in 0..=DEEPEST {
        match (kind.read)(&files, &root) {
            Ok(mut set) if !set.cases.is_empty() => {
                set.notes.extend(files.notes());
                return Ok(Opened { kind, root, set, files });
            }
            Ok(_) => _ = first.get_or_insert_with(|| no_cases().at(&root)),
            Err(error) => _ = first.get_or_insert(error.at(&root)),
        }
        let inside = files.list(&root).into_iter().filter(|entry| entry.folder);
        let inside: Vec<_> = inside.collect();
        let [only] = inside.as_slice() else { break };
        root.push(&only.name);
    }
    Err(first.unwrap_or_else(no_cases))
}

/// How deep the only folder of an only folder is looked for.
pub(crate) const DEEPEST: usize = 2;

fn no_cases() -> Error {
    Error::new(ErrorKind::BrokenInput, words::NO_CASES.clone())
}

/// What `--readers` says.
fn readers(typed: &Arguments) -> Readers {
    typed.value("--readers").map_or(Readers::Majority, Readers::parse)
}

fn write(world: &dyn World, folder: &Path, opened: &Opened, readers: Readers) -> Result<()> {
    world.make_folder(folder).map_err(|error| io_error(&error, folder))?;
    let set = &opened.set;
    write_file(world, &folder.join("truth.csv"), show::truth(set).as_bytes())?;
    write_file(world, &folder.join("files.csv"), show::files(set).as_bytes())?;
    if !set.box_labels.is_empty() {
        let json = boxes::coco_json(opened, &readers)?;
        write_file(world, &folder.join("boxes.json"), format!("{json}\n").as_bytes())?;
    }
    Ok(())
}

/// `KIND:PATH` of what was typed where the truth is expected: as it is, or guessed of a folder of boxes
/// in YOLO's, Pascal VOC's or COCO's layout. `None` of anything else.
pub fn place_of(typed: &Path) -> Option<String> {
    let text = typed.to_string_lossy();
    let named = text.split_once(':').is_some_and(|(kind, _)| KINDS.iter().any(|k| k.name == kind));
    if named {
        return Some(text.into_owned());
    }
    let yaml = ["yaml", "yml"].iter().any(|ending| typed.extension().is_some_and(|e| e == *ending));
    let holds = |name: &str| typed.join(name).exists();
    let kind = match () {
        () if typed.is_file() => yaml.then_some("yolo")?,
        () if holds("data.yaml") || holds("classes.txt") => "yolo",
        () if holds("Annotations") => "voc",
        () if holds("annotations") => "coco",
        () => return None,
    };
    Some(format!("{kind}:{text}"))
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
