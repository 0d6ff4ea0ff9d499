//! What was asked of the judge.

use super::regions::{self, Region};
use crate::cli::Arguments;
use crate::datasets::Readers;
use crate::read::Common;
use base::words::regions as region_words;
use base::words::score as words;
use base::{Error, Kind, Result};
use std::path::PathBuf;

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Scores of labels that are there or not.
    Classification,
    /// Measured values.
    Regression,
    /// Masks.
    Segmentation,
    /// Boxes.
    Detection,
    /// Texts of reports.
    Report,
}

impl Task {
    /// The task of that name.
    pub fn parse(name: &str) -> Option<Task> {
        Some(match name {
            "classification" => Task::Classification,
            "regression" => Task::Regression,
            "segmentation" => Task::Segmentation,
            "detection" => Task::Detection,
            "report" => Task::Report,
            _ => return None,
        })
    }

    /// As typed.
    pub fn name(self) -> &'static str {
        match self {
            Task::Classification => "classification",
            Task::Regression => "regression",
            Task::Segmentation => "segmentation",
            Task::Detection => "detection",
            Task::Report => "report",
        }
    }
}

/// What -1 in the truth means (Irvin et al. 2019).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// As unknown as an empty cell (U-Ignore).
    Ignore,
    /// Negative (U-Zeros).
    Zeros,
    /// Positive (U-Ones).
    Ones,
    /// What another model predicts (after U-SelfTrained).
    SelfTrained,
    /// A class of its own (U-MultiClass).
    MultiClass,
}

impl Policy {
    /// All of them.
    pub const ALL: [Policy; 5] =
        [Policy::Ignore, Policy::Zeros, Policy::Ones, Policy::SelfTrained, Policy::MultiClass];

    /// As typed.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Ignore => "ignore",
            Policy::Zeros => "zeros",
            Policy::Ones => "ones",
            Policy::SelfTrained => "selftrained",
            Policy::MultiClass => "multiclass",
        }
    }
}

/// Labels of masks that are not among those to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// An error that names them.
    #[default]
    Refused,
    /// These are background in the truth; others are an error.
    Background(Vec<u32>),
    /// All are background in the truth.
    AllBackground,
    /// Those of predictions are judged too.
    Judged,
}

/// How the scores of several films of one study become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The highest.
    Max,
    /// The mean.
    Mean,
}

impl Pool {
    /// As typed.
    pub fn name(self) -> &'static str {
        match self {
            Pool::Max => "max",
            Pool::Mean => "mean",
        }
    }
}

/// Settings of all tasks; each reads those it knows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is judged.
    pub task: Task,
    /// Column of the patient.
    pub group: Option<String>,
    /// Columns that make subgroups.
    pub by: Vec<String>,
    /// Column of the study whose films are one case, and how their scores become one.
    pub pool: Option<(String, Pool)>,
    /// Scores at or above it are positive.
    pub threshold: Option<f64>,
    /// Share of positives among those the scores are meant for, where it is another than here.
    pub prevalence: Option<f64>,
    /// What -1 means; `None` is an error.
    pub uncertain: Option<Policy>,
    /// The table whose predictions stand for -1.
    pub relabel: Option<PathBuf>,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Their seed.
    pub seed: u64,
    /// Level of the intervals, in (0, 1).
    pub level: f64,
    /// Tolerance of the surface Dice in mm.
    pub tolerance_mm: f64,
    /// Labels to judge, with the names given to them.
    pub labels: Vec<(u32, Option<String>)>,
    /// Structures of several labels to judge instead.
    pub regions: Vec<Region>,
    /// What to do with labels of masks that are not among those to judge.
    pub others: Others,
    /// Bring masks of another grid onto the truth's.
    pub resample: bool,
    /// Further metrics of masks.
    pub more: Vec<String>,
    /// Where the truth has this label, neither mask is looked at.
    pub ignored: Option<u32>,
    /// Draw the worst cases.
    pub pictures: bool,
    /// Non-inferiority margin.
    pub margin: Option<f64>,
    /// How reports are cut into words; `None` decides by the truth.
    pub tokens: Option<String>,
    /// Folder with WordNet, for METEOR's synonyms.
    pub wordnet: Option<PathBuf>,
    /// The official split of a data set that is judged; `None` takes all.
    pub split: Option<String>,
    /// Whose boxes count where a data set keeps several readers'.
    pub readers: Readers,
    /// Threads; results do not depend on it.
    pub threads: usize,
}

/// Flags that only some tasks read; given to others they would be passed over in silence.
const ONLY_FOR: &[(&str, &[Task])] = &[
    ("--pool", &[Task::Classification, Task::Regression]),
    ("--threshold", &[Task::Classification]),
    ("--prevalence", &[Task::Classification]),
    ("--uncertain", &[Task::Classification, Task::Report]),
    ("--labels", &[Task::Segmentation]),
    ("--regions", &[Task::Segmentation]),
    ("--tolerance", &[Task::Segmentation]),
    ("--resample", &[Task::Segmentation]),
    ("--more", &[Task::Segmentation]),
    ("--tokens", &[Task::Report]),
    ("--wordnet", &[Task::Report]),
    ("--split", &[Task::Segmentation, Task::Detection]),
    ("--readers", &[Task::Detection]),
];

/// Most resamples that are drawn.
const MOST_RESAMPLES: usize = 1_000_000;
/// What `--more` takes.
const MORE: &[&str] =
    &["cl_dice", "panoptic_quality", "lesion_wise=gli", "lesion_wise=men", "lesion_wise=met"];

impl Settings {
    /// Reads the flags.
    pub fn of(typed: &Arguments, common: &Common) -> Result<Settings> {
        let task = typed.value("--task").and_then(Task::parse);
        let task = task.ok_or_else(|| Error::new(Kind::Usage, words::WHICH_TASK.clone()))?;
        for (flag, tasks) in ONLY_FOR {
            if typed.has(flag) && !tasks.contains(&task) {
                return Err(Error::new(Kind::Usage, words::flag_not_for(flag, task.name())));
            }
        }
        if task == Task::Report
            && let Some(policy @ ("multiclass" | "selftrained")) =
                typed.value("--uncertain").map(|text| text.split('=').next().unwrap_or(text))
        {
            let text = words::flag_not_for(&format!("--uncertain {policy}"), task.name());
            return Err(Error::new(Kind::Usage, text));
        }
        let labels = typed.list("--labels").iter().map(|label| label_of(label)).collect();
        Ok(Settings { labels: labels_checked(labels)?, ..Settings::of_task(task, typed, common)? })
    }

    /// Reads the flags but `--task` and `--labels`.
    pub fn of_task(task: Task, typed: &Arguments, common: &Common) -> Result<Settings> {
        let plain = Settings::plain(task);
        let (uncertain, relabel) = typed.value("--uncertain").map(policy_of).transpose()?.unzip();
        let tokens = typed.value("--tokens").map(str::to_owned);
        if tokens.as_deref().is_some_and(|name| !["ptb", "space", "char"].contains(&name)) {
            return Err(Error::new(Kind::Usage, words::WHICH_TOKENS.clone()));
        }
        let more = typed.list("--more");
        if let Some(other) = more.iter().find(|name| !MORE.contains(&name.as_str())) {
            return Err(out_of_range("--more", other, &MORE.join(", ")));
        }
        let regions = regions::parsed(&typed.list("--regions"))?;
        if !regions.is_empty() && typed.has("--labels") {
            return Err(Error::new(Kind::Usage, region_words::EITHER.clone()));
        }
        Ok(Settings {
            group: typed.value("--group").map(str::to_owned),
            by: typed.list("--by"),
            pool: typed.value("--pool").map(pool_of).transpose()?,
            threshold: number(typed, "--threshold", "a number", |_| true)?,
            prevalence: number(typed, "--prevalence", "0 … 1", |x| x > 0.0 && x < 1.0)?,
            uncertain,
            relabel: relabel.flatten(),
            resamples: whole(typed, "--resamples", MOST_RESAMPLES as u64)?
                .map_or(plain.resamples, |count| count as usize),
            seed: whole(typed, "--seed", u64::MAX)?.unwrap_or(plain.seed),
            level: number(typed, "--level", "0.5 … 0.999", |x| (0.5..=0.999).contains(&x))?
                .unwrap_or(plain.level),
            tolerance_mm: number(typed, "--tolerance", "≥ 0", |x| x >= 0.0)?
                .unwrap_or(plain.tolerance_mm),
            resample: typed.has("--resample"),
            more,
            regions,
            margin: number(typed, "--margin", "> 0", |x| x > 0.0)?,
            tokens,
            wordnet: typed.value("--wordnet").map(PathBuf::from),
            split: typed.value("--split").map(str::to_owned),
            readers: typed.value("--readers").map_or(Readers::Majority, Readers::parse),
            threads: common.threads,
            ..plain
        })
    }

    /// What holds where nothing is typed, on one thread.
    pub fn plain(task: Task) -> Settings {
        Settings {
            task,
            group: None,
            by: Vec::new(),
            pool: None,
            threshold: None,
            prevalence: None,
            uncertain: None,
            relabel: None,
            resamples: 2000,
            seed: 0,
            level: 0.95,
            tolerance_mm: 1.0,
            labels: Vec::new(),
            regions: Vec::new(),
            others: Others::Refused,
            resample: false,
            more: Vec::new(),
            ignored: None,
            pictures: false,
            margin: None,
            tokens: None,
            wordnet: None,
            split: None,
            readers: Readers::Majority,
            threads: 1,
        }
    }
}

impl Settings {
    /// Lesion by lesion, too.
    pub fn lesion_wise(&self) -> bool {
        self.more.iter().any(|name| name.starts_with("lesion_wise"))
    }

    /// Names of the metrics of texts: METEOR says with which stages it was computed.
    pub fn text_names(&self) -> [&'static str; 7] {
        let mut names = super::report::NAMES;
        if self.wordnet.is_none() {
            names[6] = "METEOR_2007_exact_stem";
        }
        names
    }
}

fn out_of_range(flag: &str, value: &str, range: &str) -> Error {
    Error::new(Kind::Usage, words::bad_value(flag, value, range))
}

fn number(
    typed: &Arguments,
    flag: &str,
    range: &str,
    fits: impl Fn(f64) -> bool,
) -> Result<Option<f64>> {
    let Some(text) = typed.value(flag) else { return Ok(None) };
    let number = text.parse::<f64>().ok().filter(|x| x.is_finite() && fits(*x));
    number.map(Some).ok_or_else(|| out_of_range(flag, text, range))
}

fn whole(typed: &Arguments, flag: &str, most: u64) -> Result<Option<u64>> {
    let Some(text) = typed.value(flag) else { return Ok(None) };
    let number = text.parse::<u64>().ok().filter(|n| *n <= most);
    number.map(Some).ok_or_else(|| out_of_range(flag, text, &format!("0 … {most}")))
}

/// A policy, and the table it takes its labels from.
fn policy_of(text: &str) -> Result<(Policy, Option<PathBuf>)> {
    let policy = match text.split_once('=') {
        None => {
            let named = Policy::ALL.into_iter().find(|policy| policy.name() == text);
            named.filter(|policy| *policy != Policy::SelfTrained).map(|policy| (policy, None))
        }
        Some(("selftrained", file)) if !file.is_empty() => {
            Some((Policy::SelfTrained, Some(PathBuf::from(file))))
        }
        Some(_) => None,
    };
    policy.ok_or_else(|| Error::new(Kind::Usage, words::WHICH_POLICY.clone()))
}

/// `study=max` or `study=mean`.
fn pool_of(text: &str) -> Result<(String, Pool)> {
    let pool = match text.rsplit_once('=') {
        Some((column, "max")) if !column.is_empty() => Some((column.to_owned(), Pool::Max)),
        Some((column, "mean")) if !column.is_empty() => Some((column.to_owned(), Pool::Mean)),
        _ => None,
    };
    pool.ok_or_else(|| out_of_range("--pool", text, "COLUMN=max, COLUMN=mean"))
}

/// `3` or `3=spleen`.
fn label_of(text: &str) -> Result<(u32, Option<String>)> {
    let (number, name) = match text.split_once('=') {
        Some((number, name)) => (number, Some(name.to_owned())),
        None => (text, None),
    };
    let number = number.trim().parse().ok().filter(|n| (1..=65_535).contains(n));
    let number = number.ok_or_else(|| out_of_range("--labels", text, "1 … 65535, N=NAME"))?;
    Ok((number, name))
}

fn labels_checked(
    labels: Vec<Result<(u32, Option<String>)>>,
) -> Result<Vec<(u32, Option<String>)>> {
    let mut labels = labels.into_iter().collect::<Result<Vec<_>>>()?;
    labels.sort_by_key(|(number, _)| *number);
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(out_of_range("--labels", &pair[0].0.to_string(), "each label once")),
        None => Ok(labels),
    }
}
