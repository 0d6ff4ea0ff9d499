//! Trained models as they lie in a folder or an archive: which there are and which of their files
//! reading needs, for taking them elsewhere.

use super::folder::{candidates, inside};
use super::source::Source;
use crate::trained::Lying;
use base::Result;
use std::path::Path;

/// Settings of a model that reading needs, where they are there.
const SETTINGS: [&str; 5] =
    ["dataset.json", "plans.json", "plans.pkl", "postprocessing.json", "postprocessing.pkl"];
/// Weights of a fold, the ones that reading takes first.
const WEIGHTS: [&str; 4] = [
    "checkpoint_final.pth",
    "checkpoint_best.pth",
    "model_final_checkpoint.model",
    "model_best.model",
];

/// The models below `path`. Training logs and the predictions of the validation, which show
/// patients, are not among their files.
///
/// Errors: an archive that cannot be read.
pub fn lying(path: &Path) -> Result<Vec<Lying>> {
    let source = Source::open(path)?;
    let found = candidates(&source, "").into_iter().map(|folder| {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let whole = whole.join(&folder);
        let above = whole.ancestors().filter_map(|one| one.file_name()?.to_str());
        let data_set = above.map(str::to_owned).find(|name| is_data_set(name));
        let said = || {
            let plans = source.json(&inside(&folder, "plans.json")).ok()?;
            Some(plans.get("dataset_name")?.text()?.to_owned())
        };
        let data_set = data_set.or_else(said);
        let files = files(&source, &folder);
        Lying { folder, name: data_set, files }
    });
    Ok(found.filter(|model| !model.files.is_empty()).collect())
}

/// `Dataset123_Organs`, or `Task006_Lung` of version 1.
fn is_data_set(name: &str) -> bool {
    let number = name.strip_prefix("Dataset").or_else(|| name.strip_prefix("Task"));
    number.and_then(|rest| rest.split_once('_')).is_some_and(|(number, rest)| {
        number.len() >= 2 && number.bytes().all(|byte| byte.is_ascii_digit()) && !rest.is_empty()
    })
}

/// Files inside the model's folder, relative to it; none where no fold has weights.
fn files(source: &Source, folder: &str) -> Vec<String> {
    let folders = source.folders(folder);
    let mut files: Vec<String> = Vec::new();
    for fold in folders.iter().filter(|name| name.starts_with("fold_") || *name == "all") {
        let weights = WEIGHTS.iter().map(|name| inside(fold, name));
        let Some(file) = weights.into_iter().find(|file| source.has(&inside(folder, file))) else {
            continue;
        };
        let beside = format!("{file}.pkl");
        if source.has(&inside(folder, &beside)) {
            files.push(beside);
        }
        files.push(file);
    }
    if files.is_empty() {
        return files;
    }
    let places = folders.iter().filter(|name| name.starts_with("crossval_results"));
    for place in std::iter::once("").chain(places.map(String::as_str)) {
        let named = SETTINGS.iter().map(|name| inside(place, name));
        // Of the cross-validation only what it found to help afterwards.
        let wanted = named.filter(|file| place.is_empty() || file.contains("postprocessing."));
        files.extend(wanted.filter(|file| source.has(&inside(folder, file))));
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sets_are_known_by_their_numbers() {
        assert!(is_data_set("Dataset291_TotalSegmentator_part1_organs_1559subj"));
        assert!(is_data_set("Task006_Lung"));
        for other in ["Dataset_291", "Datasets", "Dataset291", "Dataset291_", "nnUNet_results"] {
            assert!(!is_data_set(other), "{other}");
        }
    }
}
