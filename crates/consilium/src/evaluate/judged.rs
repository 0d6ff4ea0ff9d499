//! From answers to numbers: the very judge of `score`, on tables or masks that lie beside the run.

use super::ask::Asked;
use super::findings::Matched;
use super::shards::{self, Answer, Status};
use super::source::Source;
use super::volumes::{MASKS, Numbering};
use crate::World;
use crate::datasets::Truth;
use crate::read::write_file;
use crate::score::masks::{Mask, Pair, Paired};
use crate::score::{self, Others, Outcome, Settings, Task, bilingual, quoted};
use crate::weights::hash as sha256;
use base::words::evaluate as words;
use base::words::score as score_words;
use base::{Error, Kind, Note, Result, Text};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Schema of a model's `scores.json`, which is a score's with what the run was.
pub(crate) const SCORES: &str = "scores.json";

/// A model's run, judged.
pub(super) struct Judged {
    /// Identifier, and its folder's name.
    pub id: String,
    /// Name.
    pub name: Text,
    /// The system's row in the catalogue.
    pub row: Option<&'static str>,
    /// Its folder.
    pub folder: PathBuf,
    /// The record of the run.
    pub record: Json,
    /// One entry a case, in the set's order.
    pub answers: Vec<Answer>,
    /// The numbers.
    pub outcome: Outcome,
    /// Labels of films and outputs.
    pub matched: Option<Matched>,
    /// `scores.json`.
    pub json: Json,
}

/// What is to be judged.
pub(super) struct Run {
    pub id: String,
    pub name: Text,
    pub row: Option<&'static str>,
    pub folder: PathBuf,
    pub record: Json,
    pub answers: Vec<Answer>,
    pub answered_by: By,
}

/// How answers are judged.
pub(super) enum By {
    /// Scores by labels.
    Table(Task, Matched),
    /// Label maps.
    Masks(Numbering),
}

impl Judged {
    /// Judges a run and writes `scores.json`, `scores.csv`, `failures.csv` and, of tables, what was
    /// judged.
    pub fn of(world: &dyn World, asked: &Asked, source: &Source, run: Run) -> Result<Judged> {
        let count = |status| run.answers.iter().filter(|answer| answer.status == status).count();
        let (refused, failed) = (count(Status::Refused), count(Status::Failed));
        let counted = run.answers.len() - refused - failed;
        write_file(world, &run.folder.join("failures.csv"), failures(&run.answers).as_bytes())?;
        if counted == 0 {
            let kind = if failed == 0 { Kind::Refused } else { Kind::BrokenInput };
            let error = Error::new(kind, words::NOTHING_ANSWERED.clone()).at(&run.folder);
            let why = run.answers.iter().find_map(|answer| answer.why.clone());
            return Err(match why {
                Some(why) => error.hint(why),
                None => error,
            });
        }
        let (mut outcome, lacking, unjudged) = match &run.answered_by {
            By::Table(task, matched) => {
                let outcome = tables(world, asked, source, &run, *task, matched)?;
                (outcome, matched.lacking.clone(), matched.unjudged.clone())
            }
            By::Masks(numbering) => {
                let (outcome, lacking) = masks(asked, source, &run, numbering)?;
                (outcome, lacking, Vec::new())
            }
        };
        let mut notes = Vec::new();
        if refused + failed > 0 {
            let text = words::not_all(refused + failed, run.answers.len());
            notes.push(Note::serious("unanswered", text));
        }
        if source.without_truth > 0 {
            let text = words::without_truth(source.without_truth);
            notes.push(Note::info("without-truth", text));
        }
        if !lacking.is_empty() {
            notes.push(Note::warning("labels-lacking", words::lacking(&lacking)));
        }
        if !unjudged.is_empty() {
            notes.push(Note::info("labels-unjudged", words::unjudged(&unjudged)));
        }
        if matches!(run.answered_by, By::Masks(Numbering::Given(_))) {
            notes.push(Note::warning("labels-by-number", words::BY_NUMBER.clone()));
        }
        notes.extend(source.set.notes.iter().cloned());
        notes.append(&mut outcome.notes);
        outcome.notes = notes;

        let mut json = outcome.to_json();
        let judged: Vec<&str> = counted_ids(&run.answers).into_iter().collect();
        json["run"] = json!({
            "record": run.record,
            "predictions_sha256": shards::digest(&run.folder),
            "dataset_sha256": content_sha256(source, &run.answers),
            "cases_sha256": sha256::of_text(&judged.join("\n")),
            "cases": run.answers.len(),
            "answered": count(Status::Answered),
            "partly": count(Status::Partly),
            "refused": refused,
            "failed": failed,
            "labels_lacking": lacking,
            "settings": settings_json(&outcome.settings),
        });
        let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
        write_file(world, &run.folder.join("scores.csv"), outcome.to_csv().as_bytes())?;
        write_file(world, &run.folder.join(SCORES), text.as_bytes())?;
        let Run { id, name, row, folder, record, answers, answered_by } = run;
        let matched = match answered_by {
            By::Table(_, matched) => Some(matched),
            By::Masks(_) => None,
        };
        Ok(Judged { id, name, row, folder, record, answers, outcome, matched, json })
    }

    /// Cases by how they ended: answered or partly, refused, failed.
    pub fn counts(&self) -> [usize; 3] {
        let of = |wanted: fn(Status) -> bool| {
            self.answers.iter().filter(|answer| wanted(answer.status)).count()
        };
        [
            of(Status::counts),
            of(|status| status == Status::Refused),
            of(|status| status == Status::Failed),
        ]
    }
}

/// What must be the same for two runs to be ranked together.
fn settings_json(settings: &Settings) -> Json {
    let mut settings_json = json!({
        "group": settings.group,
        "uncertain": settings.uncertain.map(score::Policy::name),
        "threshold": settings.threshold,
        "pool": settings.pool.as_ref().map(|(column, how)| json!([column, how.name()])),
        "tolerance_mm": settings.tolerance_mm,
        "resample": settings.resample,
        "level": settings.level,
        "resamples": settings.resamples,
        "seed": settings.seed,
    });
    // Only where they are used, so that earlier runs stay comparable.
    if !settings.regions.is_empty() {
        let one = |region: &score::Region| (region.name.clone(), json!(region.labels));
        settings_json["regions"] = Json::Object(settings.regions.iter().map(one).collect());
    }
    if let Some(path) = &settings.relabel {
        let hash = sha256::of_file(path, false).map(|found| found.sha256);
        settings_json["relabel_sha256"] = json!(hash.ok());
    }
    settings_json
}

/// The data set by what it says of its cases and by the contents of every file.
fn content_sha256(source: &Source, answers: &[Answer]) -> String {
    let mut text = source.table_sha256();
    for answer in answers {
        let _ = write!(text, "\n{}", answer.input_sha256);
    }
    sha256::of_text(&text)
}

fn counted_ids(answers: &[Answer]) -> BTreeSet<&str> {
    let counted = answers.iter().filter(|answer| answer.status.counts());
    counted.map(|answer| answer.id.as_str()).collect()
}

/// An error when the truth holds -1 and nobody said what that means; before anything is run.
pub(super) fn check_uncertain(asked: &Asked, source: &Source, matched: &Matched) -> Result<()> {
    let uncertain = |case: &crate::datasets::Case| {
        let truths = matched.pairs.iter().map(|pair| case.truth.get(pair.label));
        truths.into_iter().flatten().any(|truth| *truth == Truth::Uncertain)
    };
    if asked.settings.uncertain.is_none() && source.cases().iter().any(uncertain) {
        return Err(Error::new(Kind::Usage, words::UNCERTAIN.clone()));
    }
    Ok(())
}

/// Writes the tables that `score` takes and lets it judge them.
fn tables(
    world: &dyn World,
    asked: &Asked,
    source: &Source,
    run: &Run,
    task: Task,
    matched: &Matched,
) -> Result<Outcome> {
    let by = asked.settings.by.iter().map(|name| ("--by", name));
    let pool = asked.settings.pool.iter().map(|(name, _)| ("--pool", name));
    let mut strata: Vec<usize> = by
        .chain(pool)
        .map(|(flag, name)| {
            let found = source.set.strata.iter().position(|stratum| stratum == name);
            found.ok_or_else(|| Error::new(Kind::Usage, score_words::no_column(flag, name)))
        })
        .collect::<Result<_>>()?;
    strata.sort_unstable();
    strata.dedup();
    let grouped = source.patients() < source.cases().len();
    let labels: Vec<&str> =
        matched.pairs.iter().map(|pair| source.set.labels[pair.label].as_str()).collect();
    let (mut predicted, mut truth) = (String::from("id"), String::from("id"));
    if grouped {
        truth += ",patient";
    }
    for at in &strata {
        let _ = write!(truth, ",{}", quoted(source.set.strata[*at]));
    }
    for label in &labels {
        let _ = write!(predicted, ",{}", quoted(label));
        let _ = write!(truth, ",{}", quoted(label));
    }
    predicted.push('\n');
    truth.push('\n');
    let cases = source.cases().iter().zip(&run.answers);
    for (case, answer) in cases.filter(|(_, answer)| answer.status.counts()) {
        predicted += &quoted(&case.id);
        truth += &quoted(&case.id);
        if grouped {
            let _ = write!(truth, ",{}", quoted(&case.patient));
        }
        for at in &strata {
            let _ = write!(truth, ",{}", quoted(&case.strata[*at]));
        }
        for pair in &matched.pairs {
            let score = answer.scores.get(pair.output).copied().flatten();
            let score = score.map_or(String::new(), |score| f64::from(score).to_string());
            let _ = write!(predicted, ",{score}");
            let _ = match case.truth.get(pair.label) {
                Some(Truth::Negative) => write!(truth, ",0"),
                Some(Truth::Positive) => write!(truth, ",1"),
                Some(Truth::Uncertain) => write!(truth, ",-1"),
                Some(Truth::Value(value)) => write!(truth, ",{value}"),
                _ => write!(truth, ","),
            };
        }
        predicted.push('\n');
        truth.push('\n');
    }
    let place = |name: &str| run.folder.join(name);
    write_file(world, &place("predictions.csv"), predicted.as_bytes())?;
    write_file(world, &place("truth.csv"), truth.as_bytes())?;
    let settings =
        Settings { task, group: grouped.then(|| "patient".to_owned()), ..asked.settings.clone() };
    score::judge(&place("predictions.csv"), &place("truth.csv"), &settings)
}

/// Judges label maps against the set's masks; also the set's labels that the model does not give.
fn masks(
    asked: &Asked,
    source: &Source,
    run: &Run,
    numbering: &Numbering,
) -> Result<(Outcome, Vec<String>)> {
    let folder = run.folder.join(MASKS);
    let mut given: BTreeSet<u32> = BTreeSet::new();
    let (mut files, mut cases) = (Vec::new(), Vec::new());
    for (case, answer) in source.cases().iter().zip(&run.answers) {
        let (Some([name, _, labels]), Some(truth)) = (&answer.mask, &case.mask) else { continue };
        given.extend(labels.split(',').filter_map(|label| label.parse::<u32>().ok()));
        let (predicted, truth) = (Mask::File(folder.join(name)), Mask::File(truth.clone()));
        files.push(Pair { name: case.id.clone(), predicted, truth, image: None });
        cases.push(case);
    }
    if asked.settings.pool.is_some() {
        let text = score_words::flag_not_for("--pool", Task::Segmentation.name());
        return Err(Error::new(Kind::Usage, text));
    }
    let mut settings = Settings { task: Task::Segmentation, ..asked.settings.clone() };
    let mut lacking = Vec::new();
    match numbering {
        Numbering::Given(numbers) => {
            settings.labels = numbers.iter().map(|label| (*label, None)).collect();
            settings.others =
                if numbers.is_empty() { Others::Judged } else { Others::AllBackground };
        }
        Numbering::Named(named) => {
            let (judged, others): (Vec<_>, Vec<_>) =
                named.iter().cloned().partition(|(number, _)| given.contains(number));
            lacking.extend(others.iter().map(|(_, name)| name.clone()));
            // What was not asked for is no error of the truth; what the set does not declare is.
            settings.others = match asked.labels.is_empty() {
                true => Others::Background(others.iter().map(|(number, _)| *number).collect()),
                false => Others::AllBackground,
            };
            settings.labels =
                judged.into_iter().map(|(number, name)| (number, Some(name))).collect();
        }
    }
    let grouped = source.patients() < source.cases().len();
    settings.group = None;
    let strata = source.set.strata.iter().enumerate().map(|(at, name)| {
        ((*name).to_owned(), cases.iter().map(|case| case.strata[at].clone()).collect())
    });
    let pairs = Paired {
        labels: Vec::new(),
        regions: source.set.regions.clone(),
        files,
        patients: grouped.then(|| cases.iter().map(|case| case.patient.clone()).collect()),
        strata: strata.collect(),
        reader: source.files.clone(),
    };
    let outcome = score::judge_masks(pairs, &folder, &settings)?;
    Ok((outcome, lacking))
}

/// Cases without a complete answer, and why.
fn failures(answers: &[Answer]) -> String {
    let mut text = String::from("id,status,files,files_read,reason_en,reason_zh\n");
    for answer in answers.iter().filter(|answer| answer.status != Status::Answered) {
        let why = answer.why.as_ref();
        let _ = writeln!(
            text,
            "{},{},{},{},{},{}",
            quoted(&answer.id),
            answer.status.name(),
            answer.files[0],
            answer.files[1],
            quoted(why.map_or("", Text::en)),
            quoted(why.map_or("", Text::zh))
        );
    }
    text
}

/// What programs read of one model beside its scores.
pub(super) fn failures_json(answers: &[Answer]) -> Json {
    let open = answers.iter().filter(|answer| answer.status != Status::Answered);
    let one = |answer: &Answer| {
        let mut out = Map::new();
        out.insert("id".into(), json!(answer.id));
        out.insert("status".into(), json!(answer.status.name()));
        if let Some(why) = &answer.why {
            out.insert("reason".into(), bilingual(why));
        }
        Json::Object(out)
    };
    open.map(one).collect()
}

/// The command that gives the same numbers from the files beside the run.
pub(super) fn same_command(judged: &Judged, root: &Path) -> Option<String> {
    judged.matched.as_ref()?;
    let settings = &judged.outcome.settings;
    let folder = judged.folder.strip_prefix(root).unwrap_or(&judged.folder);
    let mut line = format!(
        "consilium score --task {} {}/predictions.csv {}/truth.csv",
        settings.task.name(),
        folder.display(),
        folder.display()
    );
    if settings.group.is_some() {
        line += " --group patient";
    }
    if !settings.by.is_empty() {
        let _ = write!(line, " --by {}", settings.by.join(","));
    }
    if let Some((column, how)) = &settings.pool {
        let _ = write!(line, " --pool {column}={}", how.name());
    }
    if let Some(policy) = settings.uncertain {
        let table = settings.relabel.iter().map(|path| format!("={}", path.display()));
        let _ = write!(line, " --uncertain {}{}", policy.name(), table.collect::<String>());
    }
    Some(line)
}
