//! BraTS, all generations: a folder a patient, four sequences and a mask.

use super::{Case, Dataset, Files, Truth};
use crate::score::{Region, Regions, named_regions};
use base::words::datasets as words;
use base::words::regions as region_words;
use base::{Note, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Endings of the sequences: T1, T1 with contrast, T2, FLAIR. Until 2021, and since 2023.
const OLD: [&str; 4] = ["_t1", "_t1ce", "_t2", "_flair"];
const NEW: [&str; 4] = ["-t1n", "-t1c", "-t2w", "-t2f"];

/// Folders of grades around the patients', until 2019.
const GRADES: [&str; 2] = ["HGG", "LGG"];

/// Reads the folders; the file names tell the generation.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let mut cases = Vec::new();
    let mut generations = BTreeSet::new();
    let mut folders = vec![(String::new(), root.to_path_buf())];
    let graded = GRADES.map(|grade| (grade.to_owned(), root.join(grade)));
    folders.extend(graded.into_iter().filter(|(_, folder)| files.is_folder(folder)));
    let has_grades = folders.len() > 1;
    for (grade, root) in &folders {
        for entry in files.list(root).into_iter().filter(|entry| entry.folder) {
            let Some((new, case)) = one(files, root, entry.name) else { continue };
            generations.insert(new);
            let strata = if has_grades { vec![grade.clone()] } else { Vec::new() };
            cases.push(Case { strata, ..case });
        }
    }
    let mut notes = Vec::new();
    for new in &generations {
        let text = if *new { &words::BRATS_NEW } else { &words::BRATS_OLD };
        notes.push(Note::info("label-map", text.clone()));
    }
    let strata = if has_grades { vec!["grade"] } else { Vec::new() };
    let regions = regions(&generations, &cases);
    let labels = vec!["mask".into()];
    Ok(Dataset { labels, strata, regions, cases, notes, ..Dataset::default() })
}

/// The regions of the generation and, since 2023, how its track ranks lesions. The resection cavity that
/// label 4 is since 2024 belongs to none of them and is a region where a mask has it.
fn regions(generations: &BTreeSet<bool>, cases: &[Case]) -> Regions {
    // `BraTS-GLI-00000-000`, `BraTS-MET-…`: the track.
    let track = |case: &Case| case.id.split('-').nth(1).unwrap_or("").to_owned();
    let tracks: BTreeSet<String> = cases.iter().map(track).collect();
    let unclear = |why: &base::Text| Regions { unclear: Some(why.clone()), ..Regions::default() };
    if generations.len() > 1 {
        return unclear(&region_words::GENERATIONS_MIXED);
    }
    if !generations.contains(&true) {
        let list = named_regions("brats2021").unwrap_or_default();
        return Regions { list, ..Regions::default() };
    }
    if tracks.contains("PED") {
        return unclear(&region_words::PED_UNCLEAR);
    }
    let rules: BTreeSet<&'static str> = tracks
        .iter()
        .map(|track| match track.as_str() {
            "MEN" => "lesion_wise=men",
            "MET" => "lesion_wise=met",
            _ => "lesion_wise=gli",
        })
        .collect();
    let mut list = named_regions("brats2023").unwrap_or_default();
    list.push(Region { optional: true, ..Region::new("RC", &[4]) });
    // Tracks with different rules have none in common.
    let lesion_rule = if rules.len() == 1 { rules.first().copied() } else { None };
    Regions { list, lesion_rule, ..Regions::default() }
}

/// A patient's folder, and whether it is of the new generation; `None` of others.
fn one(files: &Files, root: &Path, name: String) -> Option<(bool, Case)> {
    let folder = root.join(&name);
    let file = |ending: &str| {
        let packed = folder.join(format!("{name}{ending}.nii.gz"));
        let plain = folder.join(format!("{name}{ending}.nii"));
        if files.is_file(&plain) && !files.is_file(&packed) { plain } else { packed }
    };
    let (new, old) = (files.is_file(&file(NEW[1])), files.is_file(&file(OLD[1])));
    if !new && !old {
        return None;
    }
    let images = if new { NEW } else { OLD }.map(file).to_vec();
    let named = file(if new { "-seg" } else { "_seg" });
    let mask = if files.is_file(&named) { Some(named) } else { other(files, &folder, &images) };
    // BraTS-GLI-00000-001 is the second visit of patient 00000.
    let patient = match (new, name.rsplit_once('-')) {
        (true, Some((patient, _))) => patient.to_owned(),
        _ => name.clone(),
    };
    let case = Case {
        files: images,
        truth: vec![if mask.is_some() { Truth::Positive } else { Truth::Unknown }],
        mask,
        patient,
        id: name,
        ..Case::default()
    };
    Some((new, case))
}

/// The mask of a case under another name, as 2020's case 355 has it (`W39_1998.09.19_Segm.nii`).
fn other(files: &Files, folder: &Path, images: &[PathBuf]) -> Option<PathBuf> {
    let entries = files.list(folder).into_iter().filter(|entry| !entry.folder);
    let paths = entries.map(|entry| entry.name).filter(|name| {
        let lower = name.to_ascii_lowercase();
        lower.contains("seg") && (lower.ends_with(".nii") || lower.ends_with(".nii.gz"))
    });
    let others: Vec<PathBuf> =
        paths.map(|name| folder.join(name)).filter(|path| !images.contains(path)).collect();
    match others.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}
