//! A finished run of `evaluate`, as a leaderboard takes it.

use crate::evaluate::record::{self, read_json};
use crate::evaluate::{SCORES, shards};
use crate::weights::hash as sha256;
use base::words::leaderboard as words;
use base::{Error, Kind, Result};
use serde_json::Value as Json;
use std::path::Path;

/// One number of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Score {
    /// Label or structure; empty for the mean over all.
    pub label: String,
    /// As JSON spells it.
    pub metric: String,
    /// The number, or why there is none.
    pub value: Option<f64>,
    /// The name of why.
    pub undefined: Option<String>,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// How the interval was made.
    pub method: Option<String>,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Task of the judge.
    pub task: String,
    /// Kind and split of the data set.
    pub kind: String,
    /// Its split.
    pub split: Option<String>,
    /// Cases and patients of it.
    pub counts: [u64; 2],
    /// Hash over cases, truth and contents.
    pub dataset_sha256: String,
    /// How it was judged.
    pub settings: Json,
    /// Hash of the scores.
    pub run_sha256: String,
    /// The model.
    pub model: String,
    /// Its name in both languages.
    pub name: [String; 2],
    /// Its weights.
    pub weights_sha256: Option<String>,
    /// The program.
    pub version: String,
    /// Hash of the ids that were answered.
    pub cases_sha256: String,
    /// Answered, and not.
    pub answered: [u64; 2],
    /// The numbers.
    pub scores: Vec<Score>,
}

impl Entry {
    /// Reads a model's folder.
    ///
    /// Errors: no finished run; scores that do not belong to the predictions beside them.
    pub fn read(folder: &Path) -> Result<Entry> {
        let no_run = || Error::new(Kind::BrokenInput, words::NO_RUN.clone()).at(folder);
        let scores = folder.join(SCORES);
        if !scores.is_file() {
            return Err(no_run());
        }
        let json = read_json(&scores)?;
        let run = &json["run"];
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let whole = |value: &Json| value.as_u64().unwrap_or(0);
        if json["schema"] != "consilium.score/1" || !run["record"].is_object() {
            return Err(no_run());
        }
        let changed = || Error::new(Kind::BrokenInput, words::CHANGED.clone()).at(&scores);
        let recorded = read_json(&folder.join(record::NAME))?;
        let digest = shards::digest(folder);
        if recorded != run["record"]
            || digest.is_none()
            || text(&run["predictions_sha256"]) != digest
        {
            return Err(changed());
        }
        let mut all = Vec::new();
        collect(&mut all, "", &json["metrics"]);
        for (label, block) in json["labels"].as_object().into_iter().flatten() {
            collect(&mut all, label, &block["metrics"]);
        }
        let (set, model) = (&recorded["dataset"], &recorded["model"]);
        let name = |lang: &str| text(&model["name"][lang]);
        let found = (|| {
            Some(Entry {
                task: text(&json["task"])?,
                kind: text(&set["kind"])?,
                split: text(&set["split"]),
                counts: [whole(&set["cases"]), whole(&set["patients"])],
                dataset_sha256: text(&run["dataset_sha256"])?,
                settings: run["settings"].clone(),
                run_sha256: sha256::of_file(&scores, false).ok()?.sha256,
                model: text(&model["id"])?,
                name: [name("en")?, name("zh")?],
                weights_sha256: text(&model["weights_sha256"]),
                version: text(&recorded["version"])?,
                cases_sha256: text(&run["cases_sha256"])?,
                answered: [
                    whole(&run["answered"]) + whole(&run["partly"]),
                    whole(&run["refused"]) + whole(&run["failed"]),
                ],
                scores: all,
            })
        })();
        found.ok_or_else(no_run)
    }
}

fn collect(out: &mut Vec<Score>, label: &str, metrics: &Json) {
    for (metric, own) in metrics.as_object().into_iter().flatten() {
        let ends = |at: usize| own["ci"][at].as_f64();
        out.push(Score {
            label: label.to_owned(),
            metric: metric.clone(),
            value: own["value"].as_f64(),
            undefined: own["undefined"].as_str().map(str::to_owned),
            interval: ends(0).zip(ends(1)).map(|(low, high)| [low, high]),
            method: own["ci_method"].as_str().map(str::to_owned),
        });
    }
}
