//! The files that can be had: those of this build's networks, from their cards, and those of the
//! catalogue.

use super::hash::Expected;
use base::words::catalogue::Term;
use base::words::weights as words;
use base::{Error, Kind, Result, Text};
use zoo::Needed;
use zoo::catalogue::{self, Ability, Entry, Licence, WeightsEntry, catalogue};

/// A published file, or a repository of files.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The network of this build it belongs to, else the system of the catalogue.
    pub id: String,
    /// The system of the catalogue.
    pub system: &'static str,
    /// Its published name.
    pub name: String,
    /// Other names it goes by.
    pub other_names: Vec<String>,
    /// Where it is published.
    pub url: String,
    /// What is known of it.
    pub expected: Expected,
    /// What stands before the download.
    pub gate: Option<&'static Term>,
    /// Handed out to holders of a licence only; `url` is where that is applied for.
    pub licensed: bool,
    /// Its licence.
    pub licence: &'static Licence,
    /// What the licence's name does not say.
    pub licence_note: Option<Text>,
}

impl Source {
    /// `https://huggingface.co/OWNER/NAME`: all files there.
    pub fn repository(&self) -> Option<&str> {
        let path = self.url.strip_prefix("https://huggingface.co/")?;
        (path.split('/').count() == 2 && !path.contains(['?', '#'])).then_some(path)
    }

    /// Why no program can fetch it: a folder of Google Drive, or weights for holders of a licence.
    pub fn by_hand(&self) -> Option<Text> {
        if self.licensed {
            return Some(words::for_licence_holders());
        }
        let folder = self.url.contains("drive.google.com/drive/folders/");
        folder.then(words::folder_of_drive)
    }
}

/// Every source, in the catalogue's order.
pub fn all() -> Vec<Source> {
    catalogue().entries.iter().flat_map(of_entry).collect()
}

/// The sources of a system, of one network of this build, or of what was chosen of a system
/// (`ID:CHOICE+CHOICE`). Errors suggest the nearest name.
pub fn find(id: &str) -> Result<Vec<Source>> {
    if let Some((name, _)) = id.split_once(':') {
        let unknown = || Error::new(Kind::Usage, words::no_choices(name));
        let (system, chosen) = crate::segment::system(id).ok_or_else(unknown)?;
        let sources = find(name)?;
        let Some(needed) = system.needed(&chosen)? else { return Ok(sources) };
        let entry = catalogue::find(name)?;
        return Ok(needed.into_iter().map(|file| of_choice(entry, &sources, file)).collect());
    }
    let entry = catalogue::find(id)?;
    let sources = of_entry(entry);
    if entry.is_called(id) {
        return Ok(sources);
    }
    if let Some(network) = zoo::find(id) {
        let network = network.card().id;
        return Ok(sources.into_iter().filter(|source| source.id == network).collect());
    }
    let Some(system) = zoo::find_volume_system(id) else { return Ok(sources) };
    let files = system.card().weights;
    let its = |source: &Source| files.iter().any(|file| file.name == source.name);
    Ok(sources.into_iter().filter(its).collect())
}

fn of_entry(entry: &'static Entry) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    let networks = match Ability::of(entry) {
        Ability::Runs(systems) => systems,
        _ => Vec::new(),
    };
    for system in networks {
        let card = system.card();
        let Some((first, others)) = card.weights.file_names.split_first() else { continue };
        // The catalogue may know more of the same file.
        let row = entry.weights.iter().find(|row| row.url == card.weights.url);
        let expected = Expected {
            bytes: card.weights.bytes.or(row.and_then(|row| row.bytes)),
            sha256: card.weights.sha256.map(str::to_owned).or(row.and_then(|r| r.sha256.clone())),
            sha256_start: row.and_then(|row| row.sha256_start.clone()),
            md5: row.and_then(|row| row.md5.clone()),
        };
        sources.push(Source {
            id: card.id.to_owned(),
            system: &entry.id,
            name: (*first).to_owned(),
            other_names: others.iter().map(|name| (*name).to_owned()).collect(),
            url: card.weights.url.to_owned(),
            expected,
            gate: row.and_then(|row| row.gate),
            licensed: false,
            licence: entry.weights_licence,
            licence_note: Some(card.weights_licence.clone()),
        });
    }
    let rest: Vec<&WeightsEntry> = entry
        .weights
        .iter()
        .filter(|row| !sources.iter().any(|source| source.url == row.url))
        .collect();
    sources.extend(rest.into_iter().map(|row| of_row(entry, row)));
    sources
}

/// A file that a choice needs; the catalogue may know more of it.
fn of_choice(entry: &'static Entry, listed: &[Source], file: Needed) -> Source {
    if let Some(source) = listed.iter().find(|source| source.url == file.url) {
        return source.clone();
    }
    Source {
        id: entry.id.clone(),
        system: &entry.id,
        name: file.file,
        other_names: Vec::new(),
        url: file.url,
        expected: Expected::default(),
        gate: None,
        licensed: file.licensed,
        licence: entry.weights_licence,
        licence_note: entry.licence_note.clone(),
    }
}

fn of_row(entry: &'static Entry, row: &WeightsEntry) -> Source {
    Source {
        id: entry.id.clone(),
        system: &entry.id,
        name: row.file.clone(),
        other_names: Vec::new(),
        url: row.url.clone(),
        expected: Expected {
            bytes: row.bytes,
            sha256: row.sha256.clone(),
            sha256_start: row.sha256_start.clone(),
            md5: row.md5.clone(),
        },
        gate: row.gate,
        licensed: false,
        licence: entry.weights_licence,
        licence_note: entry.licence_note.clone(),
    }
}
