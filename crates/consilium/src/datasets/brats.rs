//! BraTS, all generations: a folder a patient, four sequences and a mask.

use super::{Case, Dataset, Files, Truth};
use base::words::datasets as words;
use base::{Note, Result};
use std::collections::BTreeSet;
use std::path::Path;

/// Endings of the sequences: T1, T1 with contrast, T2, FLAIR. Until 2021, and since 2023.
const OLD: [&str; 4] = ["_t1", "_t1ce", "_t2", "_flair"];
const NEW: [&str; 4] = ["-t1n", "-t1c", "-t2w", "-t2f"];

/// Reads the folders; the file names tell the generation.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let mut cases = Vec::new();
    let mut generations = BTreeSet::new();
    for entry in files.list(root).into_iter().filter(|entry| entry.folder) {
        let (name, folder) = (entry.name.clone(), root.join(entry.name));
        let file = |ending: &str| {
            let packed = folder.join(format!("{name}{ending}.nii.gz"));
            let plain = folder.join(format!("{name}{ending}.nii"));
            if files.is_file(&plain) && !files.is_file(&packed) { plain } else { packed }
        };
        let (new, old) = (files.is_file(&file(NEW[1])), files.is_file(&file(OLD[1])));
        if !new && !old {
            continue;
        }
        generations.insert(new);
        let mask = file(if new { "-seg" } else { "_seg" });
        let has_mask = files.is_file(&mask);
        // BraTS-GLI-00000-001 is the second visit of patient 00000.
        let patient = match (new, name.rsplit_once('-')) {
            (true, Some((patient, _))) => patient.to_owned(),
            _ => name.clone(),
        };
        cases.push(Case {
            files: if new { NEW } else { OLD }.map(file).to_vec(),
            truth: vec![if has_mask { Truth::Positive } else { Truth::Unknown }],
            mask: has_mask.then_some(mask),
            patient,
            id: name,
            ..Case::default()
        });
    }
    let mut notes = Vec::new();
    for new in generations {
        let text = if new { &words::BRATS_NEW } else { &words::BRATS_OLD };
        notes.push(Note::info("label-map", text.clone()));
    }
    Ok(Dataset { labels: vec!["mask".into()], cases, notes, ..Dataset::default() })
}
