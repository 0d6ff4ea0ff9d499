//! The tasks, their labels and their weights, as data.

use base::words::totalsegmentator as words;
use base::{Error, Kind, Modality, Result};
use std::sync::OnceLock;

/// How finely a task works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The usual way.
    Usual,
    /// `--fast`: 3 mm, or 6 mm for the body.
    Fast,
    /// `--fastest`: 6 mm.
    Fastest,
}

/// One task in one mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: &'static str,
    /// The mode.
    pub mode: Mode,
    /// What it reads.
    pub modality: Modality,
    /// The weights need a licence number of their makers.
    pub licensed: bool,
    /// Numbers of the data sets of its models, in the order in which their answers are laid over each
    /// other.
    pub datasets: Vec<u16>,
    /// Spacing along R, A, S that images are brought to; `None` where the model does it alone.
    pub spacing_mm: Option<[f64; 3]>,
    /// Which configuration of the model.
    pub configuration: &'static str,
    /// Folds; all that are there when `None`.
    pub folds: Option<Vec<String>>,
    /// What the image is cropped to; empty for all of it.
    pub crop: Vec<&'static str>,
    /// Left around it.
    pub margin_mm: [f64; 3],
    /// The finer of the coarse models finds it.
    pub robust: bool,
    /// The task that finds it instead of a coarse model of the whole body.
    pub region_task: Option<&'static str>,
    /// Nothing is kept that lies farther from these than [`Task::near_mm`]; empty for no such rule.
    pub near: Vec<&'static str>,
    /// See [`Task::near`].
    pub near_mm: f64,
}

impl Task {
    /// The same with one of its models alone: the labels are those of the part.
    pub fn with_dataset(&self, dataset: u16) -> Task {
        Task { datasets: vec![dataset], ..self.clone() }
    }

    /// The task that finds what the image is cropped to.
    ///
    /// Errors: the tables do not fit together.
    pub(super) fn region(&self) -> Result<Option<&'static Task>> {
        if self.crop.is_empty() {
            return Ok(None);
        }
        let (name, mode) = match self.region_task {
            Some(name) => (name, Mode::Usual),
            None if self.crop.iter().any(|part| part.starts_with("body_")) => ("body", Mode::Fast),
            // Of MR the coarsest is too coarse.
            None if self.name.ends_with("_mr") => ("total_mr", Mode::Fast),
            None if self.robust => ("total", Mode::Fast),
            None => ("total", Mode::Fastest),
        };
        let lost = || Error::new(Kind::Bug, words::ONE_TASK);
        find(name, mode).map(Some).ok_or_else(lost)
    }
}

/// All tasks.
pub fn tasks() -> &'static [Task] {
    static ALL: OnceLock<Vec<Task>> = OnceLock::new();
    ALL.get_or_init(|| rows(include_str!("tasks.tsv")).filter_map(task).collect())
}

/// A task by name; where it has no such mode, its fast one or its usual one.
pub fn find(name: &str, mode: Mode) -> Option<&'static Task> {
    let of = |mode: Mode| tasks().iter().find(move |task| task.name == name && task.mode == mode);
    let slower = match mode {
        Mode::Fastest => of(Mode::Fast),
        _ => None,
    };
    of(mode).or(slower).or_else(|| of(Mode::Usual))
}

/// A task or part, with its labels and their names.
type Named = (&'static str, Vec<(u16, &'static str)>);

/// Labels and names of a task (`total`), of a part by its data set (`291`).
pub fn labels_of_part(key: &str) -> &'static [(u16, &'static str)] {
    static ALL: OnceLock<Vec<Named>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let labels = |list: &'static str| {
            let pairs = list.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.filter_map(|(label, name)| Some((label.parse().ok()?, name))).collect()
        };
        let rows = rows(include_str!("labels.tsv"));
        rows.filter_map(|row| Some((*row.first()?, labels(row.get(1)?)))).collect()
    });
    all.iter().find(|(known, _)| *known == key).map_or(&[], |(_, labels)| labels)
}

/// Labels that a task's model gives and the task does not.
pub(super) fn auxiliary(task: &str) -> impl Iterator<Item = u16> {
    labels_of_part(&format!("{task}#auxiliary")).iter().map(|(label, _)| *label)
}

/// Labels of structures of a task by name.
pub(super) fn numbers(task: &str, names: &[&str]) -> Vec<u16> {
    let known = labels_of_part(task).iter().filter(|(_, name)| names.contains(name));
    known.map(|(label, _)| *label).collect()
}

/// The label of a task by the label of a part.
pub(super) fn table(dataset: u16, task: &str) -> Vec<u16> {
    let part = labels_of_part(&dataset.to_string());
    let most = part.iter().map(|(label, _)| *label).max().unwrap_or(0);
    let mut table = vec![0; usize::from(most) + 1];
    for (label, name) in part {
        table[usize::from(*label)] = numbers(task, &[name]).first().copied().unwrap_or(0);
    }
    table
}

/// Where the weights of a data set are to be had.
pub(super) struct Place {
    /// The folder that the archive unpacks to.
    pub folder: String,
    /// The archive's address, or where a licence is applied for.
    pub url: String,
    /// Only for holders of a licence.
    pub licensed: bool,
}

/// See [`Place`].
pub(super) fn published(dataset: u16) -> Place {
    let releases = "https://github.com/wasserth/TotalSegmentator/releases";
    let number = dataset.to_string();
    let row = rows(include_str!("weights.tsv")).find(|row| row.first() == Some(&number.as_str()));
    let (folder, url, licensed) = match row.as_deref() {
        Some([_, folder, "-"]) => {
            (*folder, "https://backend.totalsegmentator.com/license-academic/".into(), true)
        }
        Some([_, folder, release]) => {
            (*folder, format!("{releases}/download/{release}/{folder}.zip"), false)
        }
        _ => {
            return Place {
                folder: format!("Dataset{dataset:03}_…"),
                url: releases.into(),
                licensed: false,
            };
        }
    };
    Place { folder: folder.to_string(), url, licensed }
}

/// Whether weights are published under the name of this folder.
pub fn is_published(folder: &str) -> bool {
    rows(include_str!("weights.tsv")).any(|row| row.get(1).is_some_and(|known| *known == folder))
}

/// Lines that are no comments, cut at tabs.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').collect())
}

fn task(row: Vec<&'static str>) -> Option<Task> {
    let &[
        name,
        mode,
        modality,
        licensed,
        datasets,
        spacing,
        configuration,
        folds,
        crop,
        margin,
        robust,
        region,
        near,
        near_mm,
    ] = &row[..]
    else {
        return None;
    };
    let words = |list: &'static str| -> Vec<&'static str> {
        list.split(' ').filter(|word| *word != "-").collect()
    };
    let numbers = |list: &str| -> Option<[f64; 3]> {
        let all: Vec<f64> = list.split(' ').filter_map(|word| word.parse().ok()).collect();
        all.try_into().ok()
    };
    Some(Task {
        name,
        mode: match mode {
            "fast" => Mode::Fast,
            "fastest" => Mode::Fastest,
            _ => Mode::Usual,
        },
        modality: if modality == "MR" { Modality::Mr } else { Modality::Ct },
        licensed: licensed == "1",
        datasets: datasets.split(' ').filter_map(|number| number.parse().ok()).collect(),
        spacing_mm: numbers(spacing),
        configuration,
        folds: (folds != "all").then(|| folds.split(' ').map(str::to_owned).collect()),
        crop: words(crop),
        margin_mm: numbers(margin)?,
        robust: robust == "1",
        region_task: (region != "-").then_some(region),
        near: words(near),
        near_mm: near_mm.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_whole_and_finds_its_region() {
        assert!(tasks().len() > 45);
        for task in tasks() {
            assert!(!task.datasets.is_empty(), "{}", task.name);
            assert!(!labels_of_part(task.name).is_empty(), "{}", task.name);
            assert!(task.datasets.iter().all(|&number| published(number).folder.len() > 12));
            let region = task.region().unwrap();
            assert_eq!(region.is_none(), task.crop.is_empty());
            if let Some(region) = region {
                assert_eq!(
                    numbers(region.name, &task.crop).len(),
                    task.crop.len(),
                    "{}",
                    task.name
                );
                assert_eq!(
                    numbers(region.name, &task.near).len(),
                    task.near.len(),
                    "{}",
                    task.name
                );
            }
            if task.datasets.len() > 1 {
                let mut all: Vec<u16> = Vec::new();
                task.datasets.iter().for_each(|&part| all.extend(&table(part, task.name)[1..]));
                all.sort_unstable();
                let expected: Vec<u16> =
                    labels_of_part(task.name).iter().map(|(l, _)| *l).collect();
                assert_eq!(all, expected, "{}", task.name);
            }
        }
    }

    #[test]
    fn every_structure_has_a_name_in_chinese() {
        for task in tasks() {
            for (_, id) in labels_of_part(task.name) {
                let name = crate::volume_system::Structure::new(id, vec![1]).name;
                assert!(name.en() != name.zh(), "{}: {id}", task.name);
            }
        }
    }

    #[test]
    fn the_whole_body_has_the_labels_of_its_paper() {
        let total = labels_of_part("total");
        assert_eq!(total.len(), 117);
        assert_eq!(total[0], (1, "spleen"));
        assert_eq!(total[116], (117, "costal_cartilages"));
        assert_eq!(find("total", Mode::Fastest).unwrap().datasets, [298]);
        assert_eq!(find("body", Mode::Fastest).unwrap().datasets, [300]);
        assert!(find("no_such_task", Mode::Usual).is_none());
    }
}
