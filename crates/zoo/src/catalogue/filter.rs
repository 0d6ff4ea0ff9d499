//! Choosing from the catalogue by what is asked.

use super::Entry;
use crate::catalogue::Ability;
use base::words::catalogue::{self as words, Term};
use base::words::cli::did_you_mean;
use base::{Error, Kind, Result, nearest};

/// What a system must have; `None` asks nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// One of its tasks.
    pub task: Option<&'static Term>,
    /// One of its modalities.
    pub modality: Option<&'static Term>,
    /// One of its parts of the body; systems for any part pass.
    pub body_part: Option<&'static Term>,
    /// Chinese input or output.
    pub chinese: bool,
    /// A licence of code or weights, or any that allows commercial use of both.
    pub licence: Option<LicenceFilter>,
    /// Cleared by this authority; by any.
    pub clearance: Option<Option<&'static Term>>,
    /// At most this effort; systems that the survey does not rate pass only if they run here.
    pub effort: Option<u8>,
    /// At most so many GB of GPU memory; what runs in this build needs none.
    pub memory_gb: Option<f32>,
    /// Runs in this build.
    pub runs: bool,
}

/// A question about licences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LicenceFilter {
    /// Code and weights may be used commercially.
    Commercial,
    /// Code or weights are under this one.
    Is(&'static super::Licence),
}

impl LicenceFilter {
    /// `commercial` or a licence of the list, regardless of case.
    pub fn parse(text: &str) -> Result<LicenceFilter> {
        if text.eq_ignore_ascii_case("commercial") {
            return Ok(LicenceFilter::Commercial);
        }
        let found = super::LICENCES.iter().find(|known| known.id.eq_ignore_ascii_case(text));
        found.map(LicenceFilter::Is).ok_or_else(|| {
            let all: Vec<&str> = super::LICENCES.iter().map(|licence| licence.id).collect();
            unknown("--licence", text, &all)
        })
    }
}

/// A word of one of the catalogue's lists, for a flag. Errors name all words and the nearest.
pub fn word(flag: &str, text: &str, list: &'static [Term]) -> Result<&'static Term> {
    let found = list.iter().find(|term| {
        term.id.eq_ignore_ascii_case(text) || term.name.zh() == text || term.name.en() == text
    });
    found.ok_or_else(|| {
        let all: Vec<&str> = list.iter().map(|term| term.id).collect();
        unknown(flag, text, &all)
    })
}

fn unknown(flag: &str, text: &str, all: &[&str]) -> Error {
    let error = Error::new(Kind::Usage, words::unknown_word(flag, text, &all.join(", ")));
    match nearest(&text.to_ascii_lowercase(), all.iter().copied()) {
        Some(near) => error.hint(did_you_mean(near)),
        None => error,
    }
}

impl Filter {
    /// The system has all that is asked.
    pub fn passes(&self, entry: &Entry) -> bool {
        let has = |list: &[&'static Term], wanted: Option<&'static Term>| {
            wanted.is_none_or(|wanted| list.iter().any(|term| term.id == wanted.id))
        };
        let anywhere = entry.body_parts.iter().any(|part| part.id == "any");
        let runs = Ability::of(entry).runs();
        has(&entry.tasks, self.task)
            && has(&entry.modalities, self.modality)
            && (anywhere || has(&entry.body_parts, self.body_part))
            && (!self.chinese || matches!(entry.chinese.id, "yes" | "partly"))
            && self.licence.is_none_or(|licence| licence.passes(entry))
            && self.clearance.is_none_or(|authority| {
                let by = |c: &super::Clearance| authority.is_none_or(|a| a.id == c.authority.id);
                entry.clearances.iter().any(by)
            })
            && self.effort.is_none_or(|most| entry.effort.map_or(runs, |effort| effort <= most))
            && self.memory_gb.is_none_or(|most| {
                runs || entry.hardware.gpu_gb.is_none_or(|(least, _)| least <= most)
            })
            && (!self.runs || runs)
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }
}

impl LicenceFilter {
    fn passes(self, entry: &Entry) -> bool {
        let (code, weights) = (entry.code_licence, entry.weights_licence);
        match self {
            LicenceFilter::Commercial => {
                code.commercial == Some(true) && weights.commercial == Some(true)
            }
            LicenceFilter::Is(licence) => code.id == licence.id || weights.id == licence.id,
        }
    }
}
