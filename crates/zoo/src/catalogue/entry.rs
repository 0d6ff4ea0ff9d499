//! One system of the catalogue.

use super::licence::Licence;
use base::Text;
use base::words::catalogue::Term;

/// A system as the survey names it, with what was verified since.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Identifier, and the name of its file.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// Other names it is looked for by.
    pub aliases: Vec<String>,
    /// Part of the survey.
    pub section: &'static Term,
    /// How Consilium reaches it.
    pub connection: &'static Term,
    /// How it is to be had.
    pub access: &'static Term,
    /// Kinds of image.
    pub modalities: Vec<&'static Term>,
    /// Parts of the body.
    pub body_parts: Vec<&'static Term>,
    /// What it does.
    pub tasks: Vec<&'static Term>,
    /// Effort to get it running, as the survey rates it: 1 to 3.
    pub effort: Option<u8>,
    /// Chinese in the original system.
    pub chinese: &'static Term,
    /// What it is, in a sentence.
    pub about: Text,
    /// What the survey says it achieves; `None` for systems that the survey does not list.
    pub claim: Option<Text>,
    /// Where the survey is wrong.
    pub correction: Option<Text>,
    /// What Consilium does with it once it is done.
    pub working: Text,
    /// Systems of the catalogue that can be had in its place.
    pub successors: Vec<String>,
    /// What it needs.
    pub hardware: Hardware,
    /// Licence of the code.
    pub code_licence: &'static Licence,
    /// Licence of the weights.
    pub weights_licence: &'static Licence,
    /// What the licences' names do not say.
    pub licence_note: Option<Text>,
    /// What was found when the claim was looked into.
    pub facts: Vec<Fact>,
    /// Clearances of regulators.
    pub clearances: Vec<Clearance>,
    /// Where it lives.
    pub links: Vec<Link>,
    /// Published files, those of this build's own systems apart: their cards have them.
    pub weights: Vec<WeightsEntry>,
    /// Published results.
    pub results: Vec<PublishedResult>,
}

/// What a system needs, as the survey or its authors say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hardware {
    /// GPU memory in GB for the original program, least and most.
    pub gpu_gb: Option<(f32, f32)>,
    /// Memory in GB.
    pub ram_gb: Option<f32>,
    /// The rest.
    pub note: Option<Text>,
}

/// A fact with its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// What is the case.
    pub text: Text,
    /// Who says so.
    pub source: String,
    /// Read in the source; otherwise it was recalled or restated by others.
    pub verified: bool,
}

/// A regulator's clearance.
#[derive(Clone, Debug, PartialEq)]
pub struct Clearance {
    /// Who cleared it.
    pub authority: &'static Term,
    /// The number of the decision.
    pub number: String,
    /// `2022-03-01`.
    pub date: Option<String>,
    /// For what.
    pub scope: Text,
    /// Read in the regulator's own documents or a page citing them.
    pub verified: bool,
}

/// An address.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// What it leads to.
    pub kind: &'static Term,
    /// The address.
    pub url: String,
}

/// A published file, or a repository of files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightsEntry {
    /// The file's published name; for a repository, what is in it.
    pub file: String,
    /// Where it is published. `https://huggingface.co/OWNER/NAME` stands for all files there.
    pub url: String,
    /// Its size, where verified.
    pub bytes: Option<u64>,
    /// Its SHA-256, where published or measured.
    pub sha256: Option<String>,
    /// The first digits of its SHA-256, where the published name carries them.
    pub sha256_start: Option<String>,
    /// Its MD5, where that is what was published.
    pub md5: Option<String>,
    /// What stands before the download.
    pub gate: Option<&'static Term>,
}

/// One published number.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedResult {
    /// Where it was measured.
    pub data_set: Text,
    /// What was measured, with its unit.
    pub metric: Text,
    /// The number as published.
    pub value: String,
    /// Cases.
    pub n: Option<u64>,
    /// Who says so.
    pub source: String,
    /// Read in the source; otherwise it was recalled or restated by others.
    pub verified: bool,
}

/// A line of the update log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// `2026-01-31`.
    pub date: String,
    /// What changed.
    pub text: Text,
}

impl Entry {
    /// The survey lists it.
    pub fn in_survey(&self) -> bool {
        !matches!(self.section.id, "successor" | "own")
    }

    /// One of its names, regardless of case.
    pub fn is_called(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    }
}
