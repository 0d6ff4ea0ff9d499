//! `dataset.json`: which images a model takes and what its answers mean
//! (`nnunetv2/utilities/label_handling/label_handling.py`).

use super::fields::Field;
use base::Result;
use base::words::nnunet as words;
use engine::weights::Plain;
use std::collections::BTreeSet;
use std::path::Path;

/// What a structure's voxels are called in the label map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name in `dataset.json`.
    pub name: String,
    /// The labels that belong to it; several for a region.
    pub values: Vec<u16>,
}

/// The settings of the data a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Names of the images, in the order in which the model takes them.
    pub channels: Vec<String>,
    /// Structures in the order of the file, without background and the ignore label.
    pub labels: Vec<Label>,
    /// For a model trained with regions: the label that each output channel writes, later over
    /// earlier.
    pub regions: Option<Vec<u16>>,
    /// All labels, background included, ascending.
    pub all: Vec<u16>,
    /// `.nii.gz` and the like.
    pub file_ending: String,
}

impl Dataset {
    /// From the content of `dataset.json`. Errors name the file and the entry.
    pub fn read(file: &Path, json: &Plain) -> Result<Dataset> {
        let root = Field::root(file, json);
        let mut labels = Vec::new();
        let mut all = BTreeSet::from([0]);
        for (name, field) in root.need("labels")?.rows()? {
            // Version 1 has the label as the key and the name as the value.
            let (name, values) = match (name.parse::<u16>(), field.value()) {
                (Ok(value), Plain::Text(text)) => (text.as_str(), vec![value]),
                _ => (name, values(&field)?),
            };
            if name == "ignore" {
                continue;
            }
            all.extend(&values);
            if values != [0] {
                labels.push(Label { name: name.to_owned(), values });
            }
        }
        let regions = match labels.iter().any(|label| label.values.len() > 1) {
            false => None,
            true => {
                let order = root.need("regions_class_order")?.list_of(labels.len())?;
                Some(order.iter().map(label).collect::<Result<Vec<u16>>>()?)
            }
        };
        let ending = root.get("file_ending").map(|field| field.text()).transpose()?;
        Ok(Dataset {
            channels: channels(&root)?,
            labels,
            regions,
            all: all.into_iter().collect(),
            file_ending: ending.unwrap_or(".nii.gz").to_owned(),
        })
    }

    /// Output channels of the network.
    pub fn heads(&self) -> usize {
        self.regions.as_ref().map_or(self.all.len(), Vec::len)
    }

    /// Labels but the background, ascending.
    pub fn foreground(&self) -> &[u16] {
        self.all.get(1..).unwrap_or(&[])
    }
}

/// `{"0": "CT", "1": "PET"}` in the order of the numbers.
fn channels(root: &Field<'_>) -> Result<Vec<String>> {
    let field = match root.get("channel_names") {
        Some(field) => field,
        None => match root.get("modality") {
            Some(field) => field,
            None => root.need("channel_names")?,
        },
    };
    let mut rows = Vec::new();
    for (key, name) in field.rows()? {
        let number: usize = key.parse().map_err(|_| field.wrong(&words::A_TABLE))?;
        rows.push((number, name.text()?.to_owned()));
    }
    rows.sort();
    if rows.is_empty() || rows.iter().enumerate().any(|(place, (number, _))| place != *number) {
        return Err(field.wrong(&words::A_TABLE));
    }
    Ok(rows.into_iter().map(|(_, name)| name).collect())
}

fn values(field: &Field<'_>) -> Result<Vec<u16>> {
    match field.value() {
        Plain::List(_) => {
            let all: BTreeSet<u16> = field.list()?.iter().map(label).collect::<Result<_>>()?;
            match all.is_empty() {
                true => Err(field.wrong(&words::A_LABEL)),
                false => Ok(all.into_iter().collect()),
            }
        }
        _ => Ok(vec![label(field)?]),
    }
}

fn label(field: &Field<'_>) -> Result<u16> {
    // Numbers may stand as texts.
    let number = match field.value() {
        Plain::Text(text) => text.parse().ok(),
        value => value.size(),
    };
    number.and_then(|n| u16::try_from(n).ok()).ok_or_else(|| field.wrong(&words::A_LABEL))
}
