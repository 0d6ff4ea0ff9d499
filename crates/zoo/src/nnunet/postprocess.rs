//! What a model's authors found to help afterwards: `postprocessing.json` and `postprocessing.pkl`
//! (`nnunetv2/postprocessing/remove_connected_components.py`), and version 1's `postprocessing.json`.

use super::components::keep_largest;
use super::dataset::Dataset;
use super::fields::Field;
use base::words::nnunet as words;
use base::{Note, Result};
use engine::weights::Plain;
use std::path::Path;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Of all voxels with these labels together only the largest component stays.
    KeepLargest(Vec<u16>),
    /// A function that is not known, by its name.
    Unknown(String),
}

/// All steps, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Postprocessing(pub Vec<Step>);

const KEEP_LARGEST: &str = "remove_all_but_largest_component_from_segmentation";

impl Postprocessing {
    /// From the content of `postprocessing.json`.
    pub fn from_json(file: &Path, json: &Plain) -> Result<Postprocessing> {
        let root = Field::root(file, json);
        if root.get("for_which_classes").is_some() {
            return version_one(&root);
        }
        let names = root.need("postprocessing_fns")?.list()?;
        let options = root.need("postprocessing_kwargs")?.list_of(names.len())?;
        let steps = names.iter().zip(&options).map(|(name, options)| step(name.text()?, options));
        Ok(Postprocessing(steps.collect::<Result<_>>()?))
    }

    /// From the content of `postprocessing.pkl`: functions by name, and their options.
    pub fn from_pickle(file: &Path, pickle: &Plain) -> Result<Postprocessing> {
        let root = Field::root(file, pickle);
        let halves = root.list_of(2)?;
        let names = halves[0].list()?;
        let options = halves[1].list_of(names.len())?;
        let steps = names.iter().zip(&options).map(|(name, options)| {
            let full = match name.value() {
                Plain::Other(full) | Plain::Text(full) => full.as_str(),
                _ => return Err(name.wrong(&words::A_TEXT)),
            };
            step(full.rsplit('.').next().unwrap_or(full), options)
        });
        Ok(Postprocessing(steps.collect::<Result<_>>()?))
    }

    /// Changes the label map `[z][y][x]`; gives what was done.
    pub fn apply(&self, map: &mut [u16], shape: [usize; 3], dataset: &Dataset) -> Vec<Note> {
        let mut notes = Vec::new();
        for step in &self.0 {
            match step {
                Step::Unknown(name) => {
                    let text = words::postprocessing_unknown(name);
                    notes.push(Note::warning("postprocessing-unknown", text));
                }
                Step::KeepLargest(labels) => {
                    if keep_largest(map, shape, labels) > 0 {
                        let names: Vec<&str> = dataset
                            .labels
                            .iter()
                            .filter(|label| label.values.iter().all(|v| labels.contains(v)))
                            .map(|label| label.name.as_str())
                            .collect();
                        let text = words::postprocessed(&names.join(", "));
                        notes.push(Note::info("largest-component-kept", text));
                    }
                }
            }
        }
        notes
    }
}

fn step(name: &str, options: &Field<'_>) -> Result<Step> {
    match name {
        KEEP_LARGEST => Ok(Step::KeepLargest(labels(&options.need("labels_or_regions")?)?)),
        other => Ok(Step::Unknown(other.chars().take(120).collect())),
    }
}

/// Labels, lists of labels, lists of lists.
fn labels(field: &Field<'_>) -> Result<Vec<u16>> {
    match field.value() {
        Plain::List(_) => {
            let mut all = Vec::new();
            for item in field.list()? {
                all.extend(labels(&item)?);
            }
            Ok(all)
        }
        value => {
            let label = value.size().and_then(|label| u16::try_from(label).ok());
            Ok(vec![label.ok_or_else(|| field.wrong(&words::A_LABEL))?])
        }
    }
}

/// `{"for_which_classes": [1, [1, 2]], …}`; minimum sizes that may stand beside it are not applied
/// by version 1's own prediction either unless they are given.
fn version_one(root: &Field<'_>) -> Result<Postprocessing> {
    let classes = root.need("for_which_classes")?.list()?;
    let steps = classes.iter().map(|class| labels(class).map(Step::KeepLargest));
    Ok(Postprocessing(steps.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_from_json_and_from_a_pickle() {
        let json = br#"{"postprocessing_fns": ["remove_all_but_largest_component_from_segmentation", "polish"],
            "postprocessing_kwargs": [{"labels_or_regions": [1, [2, 3]]}, {}]}"#;
        let json = Plain::from_json(json).unwrap();
        let read = Postprocessing::from_json(Path::new("p.json"), &json).unwrap();
        let expected = vec![Step::KeepLargest(vec![1, 2, 3]), Step::Unknown("polish".into())];
        assert_eq!(read.0, expected);
        let name = "nnunetv2.postprocessing.remove_connected_components.".to_owned() + KEEP_LARGEST;
        let options = Plain::Table(vec![("labels_or_regions".into(), Plain::Int(2))]);
        let pickle =
            Plain::List(vec![Plain::List(vec![Plain::Other(name)]), Plain::List(vec![options])]);
        let read = Postprocessing::from_pickle(Path::new("p.pkl"), &pickle).unwrap();
        assert_eq!(read.0, [Step::KeepLargest(vec![2])]);
        let error = Postprocessing::from_pickle(Path::new("p.pkl"), &Plain::Int(3)).unwrap_err();
        assert!(error.to_string().starts_with("p.pkl"));
    }
}
