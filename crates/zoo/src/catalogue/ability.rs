//! What this build can do with a system: derived from the code, never written down.

use super::Entry;
use crate::all::{SYSTEMS, VOLUME_SYSTEMS};
use crate::system::System;
use crate::volume_system::{Choice, VolumeCard, VolumeSystem};
use base::Text;

/// Code that runs whatever a framework has trained, by the framework's row.
static FRAMEWORKS: &[(&str, Framework)] = &[
    ("nnunet", Framework::NnUnet),
    ("monai", Framework::Bundles),
    ("vista3d", Framework::Bundles),
];

/// A framework whose trained models this build reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// [`crate::nnunet`].
    NnUnet,
    /// [`crate::bundle`]: its bundles for volumes, of the networks that are there.
    Bundles,
}

/// What this build can do with a system of the catalogue.
#[derive(Clone)]
pub enum Ability {
    /// It runs: these are its networks.
    Runs(Vec<&'static dyn System>),
    /// It runs on volumes, under these names.
    RunsVolumes(Vec<&'static dyn VolumeSystem>),
    /// Models trained with it run, from their folders.
    RunsTrained(Framework),
    /// It cannot be had; these rows stand in for it and run.
    StoodInFor(Vec<&'static str>),
    /// It is described.
    Described,
}

/// What a system that runs is called on the command line.
#[derive(Clone, Debug)]
pub struct Runnable {
    /// Its identifier.
    pub id: &'static str,
    /// Its name.
    pub name: Text,
    /// What may be asked of it beside its usual way.
    pub choices: &'static [Choice],
}

impl Ability {
    /// Everything of the system that runs under a name of its own.
    pub fn runnable(&self) -> Vec<Runnable> {
        match self {
            Ability::Runs(systems) => {
                let cards = systems.iter().map(|system| system.card());
                cards.map(|card| Runnable { id: card.id, name: card.name, choices: &[] }).collect()
            }
            Ability::RunsVolumes(systems) => {
                let cards = systems.iter().map(|system| system.card());
                let one = |card: VolumeCard| Runnable {
                    id: card.id,
                    name: card.name,
                    choices: card.choices,
                };
                cards.map(one).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Of one system.
    pub fn of(entry: &Entry) -> Ability {
        let own = runs(&entry.id);
        if !own.is_empty() {
            return Ability::Runs(own);
        }
        let own = runs_volumes(&entry.id);
        if !own.is_empty() {
            return Ability::RunsVolumes(own);
        }
        if let Some((_, framework)) = FRAMEWORKS.iter().find(|(id, _)| *id == entry.id) {
            return Ability::RunsTrained(*framework);
        }
        let all = &super::catalogue().entries;
        let runs_itself = |id: &str| !runs(id).is_empty() || !runs_volumes(id).is_empty();
        let standing_in: Vec<&'static str> = entry
            .successors
            .iter()
            .filter_map(|id| all.iter().find(|other| other.id == *id))
            .map(|other| other.id.as_str())
            .filter(|id| runs_itself(id) || FRAMEWORKS.iter().any(|(known, _)| known == id))
            .collect();
        if standing_in.is_empty() { Ability::Described } else { Ability::StoodInFor(standing_in) }
    }

    /// It runs in this build, itself or as what was trained with it.
    pub fn runs(&self) -> bool {
        !matches!(self, Ability::StoodInFor(_) | Ability::Described)
    }

    /// A word for scripts.
    pub fn id(&self) -> &'static str {
        match self {
            Ability::Runs(_) | Ability::RunsVolumes(_) => "runs",
            Ability::RunsTrained(_) => "runs-trained",
            Ability::StoodInFor(_) => "successor-runs",
            Ability::Described => "described",
        }
    }
}

/// This build's systems for volumes of a row.
fn runs_volumes(row: &str) -> Vec<&'static dyn VolumeSystem> {
    VOLUME_SYSTEMS.iter().copied().filter(|system| system.card().survey_row == row).collect()
}

/// This build's networks of a row.
fn runs(row: &str) -> Vec<&'static dyn System> {
    SYSTEMS.iter().copied().filter(|system| system.card().survey_row == row).collect()
}
