//! `evaluate`: models over a data set, their predictions kept, judged by the judge of `score`.
//!
//! ```text
//! DIR/MODEL/run.json            what the run is; a later call must mean the same
//! DIR/MODEL/predictions/        Parquet files, a fixed number of cases each
//! DIR/MODEL/masks/              label maps, in the numbers of the data set
//! DIR/MODEL/predictions.csv     what was judged, as `score` takes it, with truth.csv
//! DIR/MODEL/failures.csv        cases without a complete answer, and why
//! DIR/MODEL/scores.json, .csv   the numbers; scores.json comes last
//! DIR/evaluation.html, .json, .csv
//! ```
//!
//! Nothing in these files depends on the time, on the number of threads, or on whether the run was
//! broken off in between.

mod ask;
mod bind;
mod films;
mod findings;
mod judged;
mod page;
pub(crate) mod published;
pub(crate) mod record;
pub(crate) mod shards;
mod source;
mod volumes;
mod worst;

pub(crate) use judged::SCORES;
pub(crate) use page::{OF_GRADES, leading};

use crate::World;
use crate::cli::{Arguments, complain, print, say};
use crate::datasets::Case;
use crate::read::{Common, io_error, write_file};
use crate::score::Task;
use crate::segment;
use ask::Asked;
use base::words::cli;
use base::words::evaluate as words;
use base::words::score as score_words;
use base::{Error, Kind, Result, Text};
use films::FilmModel;
use indicatif::{ProgressBar, ProgressStyle};
use judged::{By, Judged, Run, failures_json};
use record::Record;
use report::pictures::slug;
use serde_json::{Value as Json, json};
use shards::{Answer, Shards};
use source::Source;
use std::io::Write;
use std::path::{Path, PathBuf};
use volumes::{MASKS, VolumeRun};

/// Cases to a file of predictions.
const FILMS: usize = 64;

/// Runs and judges the models. The exit code: 1 when a case failed, 3 when a model or all its cases
/// were refused, else 0.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<u8> {
    let asked = Asked::of(typed, common)?;
    let source = Source::open(&asked)?;
    for model in &asked.models {
        bind::allowed(source.kind, model, bind::reach(model))?;
    }
    let mut models: Vec<Model> = Vec::new();
    let volumes = segment::wanted(&asked.models)?;
    for name in &asked.models {
        let model = Model::open(world, &asked, name, &source, volumes)?;
        if models.iter().any(|other| other.id() == model.id()) {
            return Err(Error::new(Kind::Usage, base::words::own::model_twice(&model.id())));
        }
        models.push(model);
    }
    let mut judged = Vec::new();
    let mut failed = None;
    for model in models {
        let run = model.run(world, &asked, &source)?;
        // A model that answered nothing does not take the others' page away.
        match Judged::of(world, &asked, &source, run) {
            Ok(own) => judged.push(own),
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    complain(&earlier, common.lang);
                }
            }
        }
    }
    match failed {
        Some(error) if judged.is_empty() => return Err(error),
        Some(error) => complain(&error, common.lang),
        None => return conclude(world, &asked, &source, &judged, out),
    }
    conclude(world, &asked, &source, &judged, out).map(|_| 1)
}

/// A model that is ready to be asked.
enum Model {
    Films(Box<FilmModel>),
    Volumes(Box<VolumeRun>),
}

impl Model {
    fn open(
        world: &dyn World,
        asked: &Asked,
        name: &str,
        source: &Source,
        volumes: bool,
    ) -> Result<Model> {
        if volumes {
            return VolumeRun::open(asked, name, source).map(|run| Model::Volumes(Box::new(run)));
        }
        if !asked.settings.regions.is_empty() {
            let text = score_words::flag_not_for("--regions", Task::Classification.name());
            return Err(Error::new(Kind::Usage, text));
        }
        let model = FilmModel::open(world, asked, name, source)?;
        judged::check_uncertain(asked, source, &model.matched)?;
        Ok(Model::Films(Box::new(model)))
    }

    fn id(&self) -> String {
        match self {
            Model::Films(model) => model.loaded().model().id.clone(),
            Model::Volumes(run) => run.model.id().to_owned(),
        }
    }

    /// The row of the catalogue it belongs to.
    fn row(&self) -> Option<&'static str> {
        let id = self.id();
        if let Some(system) = zoo::find(&id) {
            return Some(system.card().survey_row);
        }
        let volumes = zoo::VOLUME_SYSTEMS.iter().map(|system| system.card());
        // A system's choices are appended to its identifier.
        let own = volumes.filter(|card| id == card.id || id.starts_with(&format!("{}-", card.id)));
        own.max_by_key(|card| card.id.len()).map(|card| card.survey_row)
    }

    fn record(&self, asked: &Asked, source: &Source, shard: usize) -> Json {
        let (name, weights, outputs, labels): (Text, _, Json, Json) = match self {
            Model::Films(model) => {
                let own = model.loaded().model();
                let outputs = json!(model.outputs);
                (own.name.clone(), own.weights_sha256.clone(), outputs, Json::Null)
            }
            Model::Volumes(run) => {
                let labels = run.numbering.to_json();
                (run.model.name().clone(), run.model.sha256(), Json::Null, labels)
            }
        };
        let settings: serde_json::Map<String, Json> = asked
            .prediction_settings()
            .into_iter()
            .map(|(name, value)| (name, json!(value)))
            .collect();
        json!({
            "schema": "consilium.run/1",
            "version": env!("CARGO_PKG_VERSION"),
            "dataset": {
                "kind": source.kind.name,
                "split": source.split,
                "cases": source.cases().len(),
                "patients": source.patients(),
                "bytes": source.bytes_in_all(),
                "table_sha256": source.table_sha256(),
            },
            "model": {
                "id": self.id(),
                "name": { "en": name.en(), "zh": name.zh() },
                "weights_sha256": weights,
                "outputs": outputs,
                "labels": labels,
            },
            "settings": settings,
            "cases_in_a_file": shard,
        })
    }

    /// Every case's answer, those of an earlier call taken up.
    fn run(mut self, world: &dyn World, asked: &Asked, source: &Source) -> Result<Run> {
        let id = self.id();
        let folder = asked.common.out.join(slug(&id));
        let volumes = matches!(self, Model::Volumes(_));
        let shard = asked.shard.unwrap_or(if volumes { 1 } else { FILMS });
        let record = Record::open(world, &folder, self.record(asked, source, shard))?;
        let columns = match &self {
            Model::Films(model) => model.outputs.clone(),
            Model::Volumes(_) => Vec::new(),
        };
        let shards = Shards::new(&folder, &record, volumes, columns);
        let answers = self.answers(world, asked, source, &shards, &folder, shard)?;
        let row = self.row();
        let (name, answered_by) = match self {
            Model::Films(model) => {
                (model.loaded().model().name.clone(), By::Table(model.task, model.matched))
            }
            Model::Volumes(run) => (run.model.name().clone(), By::Masks(run.numbering)),
        };
        Ok(Run { id, name, row, folder, record: record.json, answers, answered_by })
    }

    fn answers(
        &mut self,
        world: &dyn World,
        asked: &Asked,
        source: &Source,
        shards: &Shards,
        folder: &Path,
        shard: usize,
    ) -> Result<Vec<Answer>> {
        let cases = source.cases();
        let bar = progress(&asked.common, cases.len(), &self.id());
        let mut found: Vec<Option<Vec<Answer>>> = Vec::new();
        let mut damaged = Vec::new();
        for (number, own) in cases.chunks(shard).enumerate() {
            let loaded = shards.load(number, &mut damaged).filter(|answers| fit(answers, own));
            let loaded = loaded.filter(|answers| masks_there(&folder.join(MASKS), answers));
            found.push(loaded);
        }
        for path in &damaged {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let error = Error::new(Kind::BrokenInput, words::damaged(&name));
            complain(&error, asked.common.lang);
        }
        let done: usize = found.iter().flatten().map(Vec::len).sum();
        bar.inc(done as u64);
        if done > 0 && done < cases.len() {
            say(&asked.common, &words::continued(done, cases.len()));
        }
        let mut answers = Vec::with_capacity(cases.len());
        for (number, (own, loaded)) in cases.chunks(shard).zip(found).enumerate() {
            let new = match loaded {
                Some(loaded) => loaded,
                None => {
                    let told = || bar.inc(1);
                    let new = match self {
                        Model::Films(model) => model.answers(asked, source, own, shards, &told),
                        Model::Volumes(run) => {
                            let masks = folder.join(MASKS);
                            world.make_folder(&masks).map_err(|error| io_error(&error, &masks))?;
                            run.answers(world, &masks, source, own, number * shard, &told)?
                        }
                    };
                    shards.store(world, number, &new)?;
                    new
                }
            };
            answers.extend(new);
        }
        bar.finish_and_clear();
        Ok(answers)
    }
}

/// The answers are of these cases.
fn fit(answers: &[Answer], cases: &[Case]) -> bool {
    let same = |(answer, case): (&Answer, &Case)| answer.id == case.id;
    answers.len() == cases.len() && answers.iter().zip(cases).all(same)
}

/// Every label map that the answers speak of is there as it was written.
fn masks_there(folder: &Path, answers: &[Answer]) -> bool {
    answers.iter().filter_map(|answer| answer.mask.as_ref()).all(|[name, hash, _]| {
        let found = crate::weights::hash::of_file(&folder.join(name), false);
        found.is_ok_and(|found| found.sha256 == *hash)
    })
}

/// Writes what is told of all models together, and prints it.
fn conclude(
    world: &dyn World,
    asked: &Asked,
    source: &Source,
    models: &[Judged],
    out: &mut dyn Write,
) -> Result<u8> {
    let common = &asked.common;
    let task = models.first().map(|model| model.outcome.settings.task);
    let mut rows: Vec<&str> = models.iter().filter_map(|model| model.row).collect();
    rows.dedup();
    let published = published::of(source.kind.name, &rows);
    let mut films = worst::Films::default();
    let worst: Vec<_> =
        models.iter().map(|judged| worst::of(world, source, judged, &mut films)).collect();
    let content = page::Content {
        source,
        root: &common.out,
        models,
        worst: &worst,
        films: &films,
        published: &published,
    };
    let page = page::page(&content, common.lang);
    let all: Vec<Json> = models
        .iter()
        .map(|model| {
            let mut json = model.json.clone();
            json["id"] = json!(model.id);
            json["unanswered"] = failures_json(&model.answers);
            json
        })
        .collect();
    let json = json!({
        "schema": "consilium.evaluation/1",
        "task": task.map(Task::name),
        "dataset": models.first().map(|model| model.record["dataset"].clone()),
        "models": all,
        "published": published::to_json(&published),
        "disclaimer": crate::score::bilingual(&base::words::score::RESEARCH),
    });
    let place = |name: &str| common.out.join(name);
    let report = place("evaluation.html");
    let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
    write_file(world, &place("evaluation.csv"), csv(models).as_bytes())?;
    write_file(world, &report, page.as_bytes())?;
    write_file(world, &place("evaluation.json"), text.as_bytes())?;
    if common.json {
        print(out, &text)?;
    } else {
        print(out, &told(models, &report, common))?;
    }
    Ok(exit_code(models))
}

fn exit_code(models: &[Judged]) -> u8 {
    u8::from(models.iter().any(|model| model.counts()[2] > 0))
}

/// The table of every model's numbers, with the model in front.
fn csv(models: &[Judged]) -> String {
    let mut text = String::new();
    for (at, model) in models.iter().enumerate() {
        let own = model.outcome.to_csv();
        for (line_number, line) in own.lines().enumerate() {
            match (at, line_number) {
                (0, 0) => text += &format!("model,{line}\n"),
                (_, 0) => {}
                _ => text += &format!("{},{line}\n", crate::score::quoted(&model.id)),
            }
        }
    }
    text
}

fn told(models: &[Judged], report: &Path, common: &Common) -> String {
    let mut text = String::new();
    for model in models {
        let [answered, refused, failed] = model.counts();
        let counted = words::counted(answered, refused, failed);
        text += &format!("{} · {}\n", model.id, counted.get(common.lang));
        text += &model.outcome.to_text(common.lang);
        text.push('\n');
    }
    text + &format!("{}\n", cli::report_at(report).get(common.lang))
}

fn progress(common: &Common, cases: usize, model: &str) -> ProgressBar {
    if !common.progress {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(cases as u64);
    let shape = "{msg} {bar:40} {pos}/{len}  {per_sec}  {eta}";
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar.set_message(model.to_owned());
    bar
}

/// The folders of models in a folder of an evaluation, or the folder itself where it is one.
pub(crate) fn model_folders(folder: &Path) -> Vec<PathBuf> {
    if folder.join(SCORES).is_file() {
        return vec![folder.to_path_buf()];
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.join(SCORES).is_file() && path.join(record::NAME).is_file());
    found.sort();
    found
}
