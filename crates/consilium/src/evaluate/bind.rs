//! The one place where models and data are brought together: what may not be, is refused here,
//! before any weights are opened and any image is read.

use crate::datasets::Kind;
use base::words::evaluate as words;
use base::{BodyPart, Error, Kind as ErrorKind, Result};
use zoo::Card;
use zoo::catalogue::{self, Ability};

/// Where a model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// In this process.
    Here,
    /// Images would be sent to it.
    Elsewhere,
}

/// Kinds that hold films of bones and joints.
const BONES: [&str; 4] = ["rsna-boneage", "mura", "grazpedwri-dx", "fracatlas"];

/// Where a model computes that is named so: what this build runs, runs here, whatever else the
/// catalogue says of its system; what the catalogue reaches by a remote interface does not.
pub(super) fn reach(model: &str) -> Reach {
    let name = model.split_once(':').map_or(model, |(name, _)| name);
    if zoo::find(name).is_some() || zoo::find_volume_system(name).is_some() {
        return Reach::Here;
    }
    let Ok(entry) = catalogue::find(name) else { return Reach::Here };
    match entry.connection.id {
        "remote" | "vendor" if !Ability::of(entry).runs() => Reach::Elsewhere,
        _ => Reach::Here,
    }
}

/// Errors of kind `Refused` when the model computes elsewhere: of credentialed data with the reason
/// that they may not leave, of others because this build has no such connection.
pub(super) fn allowed(kind: &Kind, model: &str, reach: Reach) -> Result<()> {
    match (reach, kind.credentialed) {
        (Reach::Here, _) => Ok(()),
        (Reach::Elsewhere, true) => {
            Err(Error::new(ErrorKind::Refused, words::credentialed(kind.name, model)))
        }
        (Reach::Elsewhere, false) => Err(Error::new(ErrorKind::Refused, words::elsewhere(model))),
    }
}

/// Errors of kind `Refused` when a whole data set is of another part of the body: its pictures have
/// no header that would say so.
pub(super) fn fits(kind: &Kind, card: &Card<'_>) -> Result<()> {
    let parts = card.accepts.body_parts;
    let chest_only = !parts.is_empty() && parts.iter().all(|part| *part == BodyPart::Chest);
    if !chest_only || !BONES.contains(&kind.name) {
        return Ok(());
    }
    let names: Vec<&str> = parts.iter().map(BodyPart::code).collect();
    let text = words::other_part(kind.name, card.id, &names.join(", "));
    Err(Error::new(ErrorKind::Refused, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{KINDS, find};
    use base::Lang;

    #[test]
    fn nothing_remote_sees_credentialed_data() {
        for kind in KINDS {
            assert_eq!(allowed(kind, "model", Reach::Here), Ok(()));
            let error = allowed(kind, "far-model", Reach::Elsewhere).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused);
            let said = error.render(Lang::En);
            assert_eq!(said.contains("agreement"), kind.credentialed, "{}: {said}", kind.name);
            assert!(said.contains("far-model") && error.what().zh().contains("far-model"));
        }
        assert!(KINDS.iter().any(|kind| kind.credentialed));
    }

    #[test]
    fn what_runs_in_this_build_runs_here() {
        for system in zoo::SYSTEMS {
            assert_eq!(reach(system.card().id), Reach::Here);
        }
        for system in zoo::VOLUME_SYSTEMS {
            assert_eq!(reach(system.card().id), Reach::Here);
            assert_eq!(reach(&format!("{}:fast", system.card().id)), Reach::Here);
        }
        let remote = |entry: &&catalogue::Entry| entry.connection.id == "remote";
        let remote: Vec<_> = catalogue::catalogue().entries.iter().filter(remote).collect();
        assert!(!remote.is_empty());
        for entry in remote.iter().filter(|entry| !Ability::of(entry).runs()) {
            assert_eq!(reach(&entry.id), Reach::Elsewhere, "{}", entry.id);
        }
        assert_eq!(reach("./my-own-model"), Reach::Here);
    }

    #[test]
    fn chest_models_are_not_asked_about_wrists() {
        let chest = zoo::find("xrv-densenet121-res224-all").unwrap().card();
        for name in BONES {
            assert_eq!(fits(find(name).unwrap(), &chest).unwrap_err().kind(), ErrorKind::Refused);
        }
        assert_eq!(fits(find("chexpert").unwrap(), &chest), Ok(()));
        assert_eq!(fits(find("table").unwrap(), &chest), Ok(()));
    }
}
