//! The survey as data: every system it names and the open successors, what they claim, what was
//! verified, what they need, where their weights are. The files lie in `catalog/`, one a system.
//!
//! What this build can do with a system is not in the files: [`Ability`] derives it from the code.

mod ability;
mod entry;
mod files;
mod filter;
mod licence;
mod parse;
mod recommend;

pub use ability::{Ability, Framework, Runnable};
pub use entry::{Clearance, Entry, Fact, Hardware, Link, LogLine, PublishedResult, WeightsEntry};
pub use files::FILES;
pub use filter::{Filter, LicenceFilter, word};
pub use licence::{LICENCES, Licence};
pub use parse::{entry, log};
pub use recommend::{Machine, Recommended, Unfit, recommend};

use base::words::catalogue as words;
use base::{Error, Kind, Result, nearest};
use std::sync::OnceLock;

/// All systems, and the update log.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// In the survey's order, successors last.
    pub entries: Vec<Entry>,
    /// Newest first.
    pub log: Vec<LogLine>,
}

/// The catalogue that is part of the program. Tests hold every file of it to be sound; one that is
/// not would be left out.
pub fn catalogue() -> &'static Catalogue {
    static READ: OnceLock<Catalogue> = OnceLock::new();
    READ.get_or_init(|| {
        let read = FILES.iter().filter_map(|(name, text)| entry(text, name).ok());
        let log = log(files::LOG).unwrap_or_default();
        Catalogue { entries: read.collect(), log }
    })
}

/// A system by its identifier, another of its names, or one of this build's networks of it. Errors
/// suggest the nearest name.
pub fn find(name: &str) -> Result<&'static Entry> {
    let all = &catalogue().entries;
    let row = crate::find(name).map(|system| system.card().survey_row);
    let row =
        row.or_else(|| crate::find_volume_system(name).map(|system| system.card().survey_row));
    let named = all.iter().find(|entry| entry.is_called(name));
    if let Some(found) = named.or_else(|| all.iter().find(|entry| Some(&*entry.id) == row)) {
        return Ok(found);
    }
    let names = all.iter().flat_map(|entry| {
        std::iter::once(entry.id.as_str()).chain(entry.aliases.iter().map(String::as_str))
    });
    let networks = crate::SYSTEMS.iter().map(|system| system.card().id);
    let networks = networks.chain(crate::VOLUME_SYSTEMS.iter().map(|system| system.card().id));
    let error = Error::new(Kind::Usage, words::unknown_id(name));
    Err(match nearest(&name.to_ascii_lowercase(), names.chain(networks)) {
        Some(near) => error.hint(base::words::cli::did_you_mean(near)),
        None => error,
    })
}
