//! The store: every file once, under its SHA-256, with a second name a person and the program can
//! use. What is being fetched lies apart until it is whole.
//!
//! ```text
//! objects/ab/abcdef…           the files, by SHA-256
//! systems/ID/NAME              the same files by name (hard links, or copies where there are none)
//! records/ID/NAME.json         where each came from, its size and hash, what was agreed to
//! accepted/ID.json             licences agreed to
//! partial/KEY.part, KEY.json   downloads that are not whole yet
//! ```

use super::hash::{self, Hashes};
use crate::read::write_file;
use crate::{World, rfc3339};
use base::words::weights as words;
use base::{Error, Kind, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Where it lies if nothing else is said.
const VARIABLE: &str = "CONSILIUM_STORE";

/// A store of weights.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A file in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The system or network it belongs to.
    pub id: String,
    /// Its published name.
    pub name: String,
    /// Where it came from.
    pub from: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: String,
    /// Held against a published hash.
    pub verified: bool,
}

impl Store {
    /// At a place: `--store`, else the variable `CONSILIUM_STORE`, else the user's data folder
    /// (XDG Base Directory Specification; on Windows and macOS their own).
    pub fn open(place: Option<&str>, world: &dyn World) -> Result<Store> {
        let given = place.map(PathBuf::from).or(world.variable(VARIABLE).map(PathBuf::from));
        let root = match given {
            Some(root) => root,
            None => {
                let data = if cfg!(windows) {
                    world.variable("LOCALAPPDATA").map(PathBuf::from)
                } else if cfg!(target_os = "macos") {
                    let home = world.variable("HOME").map(PathBuf::from);
                    home.map(|home| home.join("Library/Application Support"))
                } else {
                    let home = world.variable("HOME").map(PathBuf::from);
                    let own = world.variable("XDG_DATA_HOME").map(PathBuf::from);
                    own.or(home.map(|home| home.join(".local/share")))
                };
                let nowhere = || Error::new(Kind::Usage, words::nowhere(VARIABLE));
                data.ok_or_else(nowhere)?.join("consilium").join("weights")
            }
        };
        Ok(Store { root })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one system, whose files bear their published names.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.root.join("systems").join(safe(id))
    }

    /// The same if the store holds any of its files.
    pub fn held(&self, id: &str) -> Option<PathBuf> {
        self.all().iter().any(|kept| kept.id == id).then(|| self.folder(id))
    }

    /// Where a download is written while it is not whole, and what is known of it.
    pub fn partial(&self, id: &str, name: &str) -> (PathBuf, PathBuf) {
        let key = &hash::of_text(&format!("{id}/{name}"))[..32];
        let folder = self.root.join("partial");
        (folder.join(format!("{key}.part")), folder.join(format!("{key}.json")))
    }

    fn object(&self, sha256: &str) -> PathBuf {
        let start = sha256.get(..2).unwrap_or("00");
        self.root.join("objects").join(start).join(sha256)
    }

    fn record(&self, id: &str, name: &str) -> PathBuf {
        self.root.join("records").join(safe(id)).join(safe(name) + ".json")
    }

    /// Makes a folder of the store. Errors name it and what can be done.
    pub fn make(&self, world: &dyn World, folder: &Path) -> Result<()> {
        world.make_folder(folder).map_err(|error| unwritable(&error, folder))
    }

    /// Takes a whole file over that lies in the store's own `partial` folder; the file is moved.
    pub fn take(
        &self,
        world: &dyn World,
        whole: &Path,
        hashes: &Hashes,
        kept: &Kept,
    ) -> Result<()> {
        let object = self.object(&hashes.sha256);
        self.make(world, object.parent().unwrap_or(&self.root))?;
        if object.exists() {
            let _ = world.remove_file(whole);
        } else {
            world.rename(whole, &object).map_err(|error| unwritable(&error, &object))?;
        }
        let named = self.folder(&kept.id).join(path_of(&kept.name));
        self.make(world, named.parent().unwrap_or(&self.root))?;
        // Linked aside and moved: a name is never without its file.
        let aside = named.with_file_name(format!(".part-{}", std::process::id()));
        let _ = world.remove_file(&aside);
        let linked = world.link(&object, &aside).and_then(|()| world.rename(&aside, &named));
        // Two names of one file: rename(2) leaves both.
        let _ = world.remove_file(&aside);
        linked.map_err(|error| unwritable(&error, &named))?;
        let record = self.record(&kept.id, &kept.name);
        self.make(world, record.parent().unwrap_or(&self.root))?;
        let text = json!({
            "id": kept.id,
            "name": kept.name,
            "from": kept.from,
            "bytes": hashes.bytes,
            "sha256": hashes.sha256,
            "verified": kept.verified,
            "kept": rfc3339(world.now()),
        });
        write_file(world, &record, format!("{text:#}\n").as_bytes())
    }

    /// A file, if it is there.
    pub fn find(&self, id: &str, name: &str) -> Option<Kept> {
        let kept = read_record(&self.record(id, name))?;
        self.folder(id).join(path_of(name)).is_file().then_some(kept)
    }

    /// All files, in the order of systems and names.
    pub fn all(&self) -> Vec<Kept> {
        let mut found = Vec::new();
        for folder in entries(&self.root.join("records")) {
            found.extend(entries(&folder).iter().filter_map(|path| read_record(path)));
        }
        found
    }

    /// Hashes a file again. An error when it is not what was kept.
    pub fn verify(&self, kept: &Kept) -> Result<()> {
        let path = self.folder(&kept.id).join(path_of(&kept.name));
        let found = hash::of_file(&path, false)?;
        if found.sha256 != kept.sha256 {
            let text = words::wrong_hash(&kept.sha256, &found.sha256);
            let hint = words::remove_and_pull(&kept.id);
            return Err(Error::new(Kind::BrokenInput, text).at(path).hint(hint));
        }
        Ok(())
    }

    /// Removes a file's name and record, and the file itself when nothing else names it. The
    /// number of bytes that became free.
    pub fn remove(&self, world: &dyn World, kept: &Kept) -> Result<u64> {
        let named = self.folder(&kept.id).join(path_of(&kept.name));
        let gone = |path: &Path| match world.remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(unwritable(&error, path))
            }
            _ => Ok(()),
        };
        gone(&self.record(&kept.id, &kept.name))?;
        gone(&named)?;
        let others = self.all().iter().any(|other| other.sha256 == kept.sha256);
        if !others {
            gone(&self.object(&kept.sha256))?;
        }
        for folder in [named.parent(), self.record(&kept.id, &kept.name).parent()] {
            let _ = folder.map(|folder| world.remove_empty_folder(folder));
        }
        Ok(if others { 0 } else { kept.bytes })
    }

    /// The licence was agreed to for this system before.
    pub fn accepted(&self, id: &str, licence: &str) -> bool {
        let text = fs::read_to_string(self.accepted_file(id)).unwrap_or_default();
        serde_json::from_str(&text).is_ok_and(|value: Value| value["licence"] == licence)
    }

    /// Records that it was agreed to.
    pub fn accept(&self, world: &dyn World, id: &str, licence: &str) -> Result<()> {
        let path = self.accepted_file(id);
        self.make(world, path.parent().unwrap_or(&self.root))?;
        let text = json!({ "id": id, "licence": licence, "accepted": rfc3339(world.now()) });
        write_file(world, &path, format!("{text:#}\n").as_bytes())
    }

    fn accepted_file(&self, id: &str) -> PathBuf {
        self.root.join("accepted").join(safe(id) + ".json")
    }
}

/// A published name as a path below a folder: `grading/ckpt1.pt` keeps its folder, nothing leads out.
fn path_of(name: &str) -> PathBuf {
    name.split('/').map(safe).collect()
}

/// A name that is one file's name on every system.
fn safe(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || "-_. ,()+".contains(c) { c } else { '_' })
        .collect();
    let clean = clean.trim_matches([' ', '.']);
    if clean.is_empty() { "_".into() } else { clean.to_owned() }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = all.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn read_record(path: &Path) -> Option<Kept> {
    let value: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    Some(Kept {
        id: text("id")?,
        name: text("name")?,
        from: text("from")?,
        bytes: value["bytes"].as_u64()?,
        sha256: text("sha256")?,
        verified: value["verified"].as_bool()?,
    })
}

/// The system's reason, and what can be done about it.
pub fn unwritable(error: &std::io::Error, path: &Path) -> Error {
    let text = words::cannot_write(error);
    Error::new(Kind::Io, text).at(path).hint(words::another_store(VARIABLE))
}
