//! The data set as it is evaluated: the cases of one split whose truth is known, and their files.

use super::ask::Asked;
use crate::World;
use crate::datasets::{self, Case, Dataset, Files, Kind, Opened, Truth};
use crate::read::{Aside, io_error};
use crate::score::Task;
use crate::weights::hash as sha256;
use base::words::evaluate as words;
use base::words::judge;
use base::{Error, Kind as ErrorKind, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Endings of headers of volumes.
const HEADERS: [&str; 4] = [".hdr", ".hdr.gz", ".nhdr", ".mhd"];

/// Cases with known truth.
pub(super) struct Source {
    /// What kind of data set.
    pub kind: &'static Kind,
    /// Where it lies.
    pub root: PathBuf,
    /// The split that was asked for.
    pub split: Option<String>,
    /// Labels, and the cases.
    pub set: Dataset,
    /// Reads its files, which may lie inside archives.
    pub files: Arc<Files>,
    /// Cases that were left out.
    pub without_truth: usize,
}

impl Source {
    /// Reads the tables of the data set; no image is looked at.
    ///
    /// Errors: the layout is not there, the split has no case, no case has a truth.
    pub fn open(asked: &Asked) -> Result<Source> {
        let usage = || Error::new(ErrorKind::Usage, words::WHICH_DATASET.clone());
        if !asked.place.contains(':') && !Path::new(&asked.place).exists() {
            return Err(usage());
        }
        let mut opened = datasets::open(&asked.place)?;
        opened.only(asked.split.as_deref())?;
        let Opened { kind, root, mut set, files } = opened;
        let all = set.cases.len();
        set.cases.retain(|case| case.truth.iter().any(|truth| *truth != Truth::Unknown));
        let without_truth = all - set.cases.len();
        if set.cases.is_empty() {
            return Err(match set.box_labels.is_empty() {
                true => Error::new(ErrorKind::BrokenInput, words::NO_TRUTH.clone()).at(&root),
                false => unanswerable(&judge::ONLY_BOXES, &asked.place, Task::Detection).at(&root),
            });
        }
        let text = |truth: &Truth| matches!(truth, Truth::Text(_) | Truth::Unknown);
        if set.cases.iter().all(|case| case.mask.is_none() && case.truth.iter().all(text)) {
            let error = unanswerable(&judge::ONLY_REPORTS, &asked.place, Task::Report);
            return Err(error.at(&root));
        }
        Ok(Source {
            kind,
            root,
            split: asked.split.clone(),
            set,
            files: Arc::new(files),
            without_truth,
        })
    }

    /// The cases.
    pub fn cases(&self) -> &[Case] {
        &self.set.cases
    }

    /// How many patients they are of.
    pub fn patients(&self) -> usize {
        self.cases().iter().map(|case| case.patient.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &Path) -> Result<Vec<u8>> {
        self.files.bytes(path)
    }

    /// The file itself, or what it is in an archive, unpacked for as long as `unpacked` lives: volumes
    /// are read from the disk.
    pub fn on_disk(&self, world: &dyn World, path: &Path, unpacked: &Unpacked) -> Result<PathBuf> {
        if path.exists() {
            return Ok(path.to_path_buf());
        }
        let bytes = self.bytes(path)?;
        // The ending says how a volume is packed; the hash keeps files of one name apart.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder =
            unpacked.folder.path().join(&sha256::of_text(&path.display().to_string())[..16]);
        world.make_folder(&folder).map_err(|error| io_error(&error, &folder))?;
        let write = |name: &str, bytes: &[u8]| {
            let place = folder.join(name);
            world.write(&place, bytes).map_err(|error| io_error(&error, &place))?;
            Ok(place)
        };
        // A header has its voxels in another file of its name.
        let lower = name.to_ascii_lowercase();
        let header = HEADERS.iter().find(|ending| lower.ends_with(**ending));
        if let (Some(ending), Some(parent)) = (header, path.parent()) {
            let stem = &name[..=name.len() - ending.len()];
            let other = |entry: &str| entry.starts_with(stem) && entry != name;
            for entry in self.files.list(parent).iter().filter(|entry| other(&entry.name)) {
                write(&entry.name, &self.bytes(&parent.join(&entry.name))?)?;
            }
        }
        write(&name, &bytes)
    }

    /// A hash over everything that is said about the cases: ids, patients, labels, truth. Contents
    /// of files are hashed as they are read.
    pub fn table_sha256(&self) -> String {
        let mut text = format!("{}\n{}\n", self.kind.name, self.split.as_deref().unwrap_or(""));
        text += &self.set.labels.join("\u{1f}");
        for case in self.cases() {
            text += &format!("\n{}\u{1f}{}", case.id, case.patient);
            for truth in &case.truth {
                text += &match truth {
                    Truth::Unknown => "\u{1f}".to_owned(),
                    Truth::Negative => "\u{1f}0".to_owned(),
                    Truth::Positive => "\u{1f}1".to_owned(),
                    Truth::Uncertain => "\u{1f}-1".to_owned(),
                    Truth::Value(value) => format!("\u{1f}{value}"),
                    Truth::Text(words) => format!("\u{1f}{words}"),
                };
            }
        }
        sha256::of_text(&text)
    }

    /// Bytes of all files and masks: a cheap sign that the same files lie there.
    pub fn bytes_in_all(&self) -> u64 {
        let files = self.cases().iter().flat_map(|case| case.files.iter().chain(&case.mask));
        files.filter_map(|path| std::fs::metadata(path).ok()).map(|file| file.len()).sum()
    }

    /// Numbers and names of the labels in masks; empty where nothing says.
    pub fn mask_labels(&self) -> Vec<(u32, String)> {
        self.files.mask_labels(&self.root)
    }
}

/// The truth is of a kind that no model of this build gives; the hint says how others' answers are judged.
fn unanswerable(why: &base::Text, place: &str, task: Task) -> Error {
    Error::new(ErrorKind::Refused, why.clone()).hint(judge::judge_others(place, task.name()))
}

/// A folder for what is unpacked; it goes when this is dropped, and with the next run where that was
/// killed.
pub(super) struct Unpacked<'a> {
    world: &'a dyn World,
    folder: Aside,
}

impl<'a> Unpacked<'a> {
    /// In the folder of a model; nothing is made before it is needed.
    pub fn new(world: &'a dyn World, model: &Path) -> Unpacked<'a> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        world.sweep(model);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".part-{}-unpacked-{number}", std::process::id());
        Unpacked { world, folder: Aside::new(model.join(name), false) }
    }
}

impl Drop for Unpacked<'_> {
    fn drop(&mut self) {
        if self.folder.path().exists() {
            let _ = self.world.remove_folder(self.folder.path());
        }
    }
}

/// SHA-256 of several hashes in their order.
pub(super) fn joined(hashes: &[String]) -> String {
    match hashes {
        [only] => only.clone(),
        several => sha256::of_text(&several.join("\n")),
    }
}
