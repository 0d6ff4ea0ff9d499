//! The evaluation as one page that needs nothing else, in both languages.

use super::judged::{Judged, same_command};
use super::published::{self, Published};
use super::shards::Status;
use super::source::Source;
use super::worst::{Films, Worst};
use crate::score::Task;
use crate::score::page::{body, both, cell, foot, head};
use crate::score::plots::escaped;
use base::words::evaluate as words;
use base::words::score as score_words;
use base::{Lang, Text};
use std::fmt::Write;
use std::path::Path;

/// Unanswered cases named on the page for each reason; the rest is in `failures.csv`.
const MOST_NAMED: usize = 20;

const STYLE: &str = "<style>.defs{position:absolute;width:0;height:0}\
.card svg.film{width:144px;height:auto;max-height:200px;background:#000;display:block}\
.card .no{width:144px;height:90px;background:#eee;display:flex;align-items:center;justify-content:center}\
.model{border-top:3px solid #345;margin-top:2.5em}.model>h2{font-size:1.35em;border:0;margin:.6em 0 .2em}\
.facts td:first-child{color:#555;white-space:nowrap}.once{white-space:nowrap}.facts td{border:0;padding-top:0;padding-bottom:0;overflow-wrap:anywhere}\
.pub{border:1px dashed #777;padding:0 1em .6em;margin-top:2.5em;background:#fafaf5}.pub h2{margin-top:.8em}\
code{font-size:12px;overflow-wrap:anywhere}.scroll{overflow-x:auto}\
@media print{.model{break-before:page}}</style>";

/// The metric that stands for a task on an overview.
pub(crate) fn leading(task: Task) -> (&'static str, &'static str) {
    match task {
        Task::Classification => ("roc_auc_score", "roc_auc_score"),
        Task::Regression => ("mean_absolute_error", "mean_absolute_error"),
        _ => ("dice", "mean_dice"),
    }
}

/// What is read first of grades.
pub(crate) const OF_GRADES: &str = "cohen_kappa_score_quadratic";

/// Everything that goes on the page.
pub(super) struct Content<'a> {
    pub source: &'a Source,
    pub root: &'a Path,
    pub models: &'a [Judged],
    pub worst: &'a [Vec<Worst>],
    pub films: &'a Films,
    pub published: &'a [Published],
}

/// The page, opened in `lang`.
pub(super) fn page(content: &Content, lang: Lang) -> String {
    let task = content.models.first().map_or(Task::Classification, |m| m.outcome.settings.task);
    let mut out = head(&words::PAGE_TITLE, task.name(), lang);
    out += STYLE;
    out += &content.films.definitions();
    data_set(&mut out, content);
    overview(&mut out, content.models);
    for (judged, worst) in content.models.iter().zip(content.worst) {
        model(&mut out, judged, worst, content.root);
    }
    published::section(&mut out, content.published);
    out + foot()
}

fn facts(out: &mut String, rows: &[(&Text, String)]) {
    out.push_str("<table class=\"facts\">");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(out, "<tr><td>{}</td><td>{value}</td></tr>", both(name));
    }
    out.push_str("</table>");
}

fn data_set(out: &mut String, content: &Content) {
    let source = content.source;
    let _ = write!(out, "<h2>{}</h2>", both(&words::DATA_SET));
    let mut hashes: Vec<&str> =
        content.models.iter().filter_map(|m| m.json["run"]["dataset_sha256"].as_str()).collect();
    hashes.dedup();
    facts(
        out,
        &[
            (&words::KIND, format!("{} · {}", escaped(source.kind.name), both(source.kind.about))),
            (&words::SPLIT, escaped(source.split.as_deref().unwrap_or(""))),
            (&score_words::CASES, source.cases().len().to_string()),
            (&score_words::UNITS, source.patients().to_string()),
            (&words::HASH, format!("<code>{}</code>", hashes.join("<br>"))),
        ],
    );
}

/// One line a label, one column a model.
fn overview(out: &mut String, models: &[Judged]) {
    let Some(first) = models.first() else { return };
    let settings = &first.outcome.settings;
    let (mut of_label, of_all) = leading(settings.task);
    let graded = |block: &crate::score::Block| block.more.contains_key("grades");
    if models.iter().flat_map(|model| &model.outcome.blocks).all(graded) {
        of_label = OF_GRADES;
    }
    let metric = score_words::metric(of_label).unwrap_or_else(|| Text::same(of_label));
    let _ = write!(
        out,
        "<h2>{}: {} <small>({})</small></h2><div class=\"scroll\"><table><thead><tr><th>{}</th>",
        both(&words::OVERVIEW),
        both(&metric),
        both(&score_words::interval_of(settings.level)),
        both(&words::LABEL)
    );
    for model in models {
        let _ = write!(out, "<th class=\"n\">{}</th>", escaped(&model.id));
    }
    out.push_str("</tr></thead>");
    let mut labels: Vec<&str> = Vec::new();
    for block in models.iter().flat_map(|model| &model.outcome.blocks) {
        if !labels.contains(&block.name.as_str()) {
            labels.push(&block.name);
        }
    }
    for label in &labels {
        let graded = models.iter().any(|model| {
            let mut own = model.outcome.blocks.iter().filter(|block| block.name == *label);
            own.any(graded)
        });
        let metric = score_words::metric(OF_GRADES).filter(|_| graded && of_label != OF_GRADES);
        let metric = metric.map_or(String::new(), |name| format!(" · {}", both(&name)));
        let _ = write!(out, "<tr><td>{}{metric}</td>", escaped(label));
        for model in models {
            let block = model.outcome.blocks.iter().find(|block| block.name == *label);
            let find = |name: &str| block?.rows.iter().find(|row| row.name == name);
            let row = find(of_label).or_else(|| find(OF_GRADES));
            out.push_str(&cell(row));
        }
        out.push_str("</tr>");
    }
    if labels.len() > 1 {
        let _ = write!(out, "<tr><th>{}</th>", both(&score_words::ALL_LABELS));
        for model in models {
            out.push_str(&cell(model.outcome.overall.iter().find(|row| row.name == of_all)));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
}

fn model(out: &mut String, judged: &Judged, worst: &[Worst], root: &Path) {
    let _ = write!(out, "<section class=\"model\"><h2>{}</h2>", both(&judged.name));
    let [answered, refused, failed] = judged.counts();
    let weights = judged.record["model"]["weights_sha256"].as_str().unwrap_or("–");
    let command = same_command(judged, root);
    facts(
        out,
        &[
            (&score_words::MODEL, format!("<code>{}</code>", escaped(&judged.id))),
            (&words::WEIGHTS, format!("<code>{}</code>", escaped(weights))),
            (&words::STATUS, both(&words::counted(answered, refused, failed))),
            (
                &words::COMMAND,
                command.map_or(String::new(), |line| format!("<code>{}</code>", escaped(&line))),
            ),
        ],
    );
    unanswered(out, judged);
    let films = judged.matched.is_some();
    let mut outcome = judged.outcome.clone();
    if films {
        // The worst follow with pictures.
        outcome.blocks.iter_mut().for_each(|block| block.worst.clear());
    }
    body(out, &outcome);
    let class = if films { "card" } else { "card wide" };
    if worst.iter().any(|worst| !worst.cases.is_empty()) {
        let _ = write!(out, "<h2>{}</h2>", both(&words::WORST));
        let legend = if films { &words::WRONG_SIDE } else { &words::CONTOURS };
        let _ = write!(out, "<p>{}</p>", both(legend));
    }
    for worst in worst.iter().filter(|worst| !worst.cases.is_empty()) {
        let _ = write!(out, "<h3>{}</h3><div class=\"cards\">", escaped(&worst.name));
        for case in &worst.cases {
            let none = || format!("<div class=\"no\">{}</div>", both(&words::NO_PICTURE));
            let picture = case.picture.clone().unwrap_or_else(none);
            let lines: Vec<String> = case.lines.iter().map(both).collect();
            let _ = write!(
                out,
                "<div class=\"{class}\">{picture}<b>{}</b><br>{}</div>",
                escaped(&case.id),
                lines.join("<br>")
            );
        }
        out.push_str("</div>");
    }
    out.push_str("</section>");
}

fn unanswered(out: &mut String, judged: &Judged) {
    let open: Vec<_> =
        judged.answers.iter().filter(|answer| answer.status != Status::Answered).collect();
    if open.is_empty() {
        let _ = write!(out, "<p>{}</p>", both(&words::ALL_ANSWERED));
        return;
    }
    let mut reasons: Vec<(Status, Option<&Text>, Vec<&str>)> = Vec::new();
    for answer in &open {
        let why = answer.why.as_ref();
        match reasons.iter_mut().find(|own| own.0 == answer.status && own.1 == why) {
            Some(own) => own.2.push(&answer.id),
            None => reasons.push((answer.status, why, vec![&answer.id])),
        }
    }
    let _ = write!(
        out,
        "<h3>{} ({})</h3><table><thead><tr><th>{}</th><th>{}</th><th class=\"n\">n</th><th>{}</th></tr></thead>",
        both(&words::UNANSWERED),
        open.len(),
        both(&words::STATUS),
        both(&words::REASON),
        both(&words::CASE)
    );
    for (how, why, ids) in reasons {
        let more = if ids.len() > MOST_NAMED { ", … (failures.csv)" } else { "" };
        let named: Vec<String> = ids.iter().take(MOST_NAMED).map(|id| escaped(id)).collect();
        let _ = write!(
            out,
            "<tr><td class=\"once\">{}</td><td>{}</td><td class=\"n\">{}</td><td>{}{more}</td></tr>",
            both(status(how)),
            why.map_or(String::new(), both),
            ids.len(),
            named.join(", ")
        );
    }
    out.push_str("</table>");
}

fn status(status: Status) -> &'static Text {
    match status {
        Status::Answered => &words::ANSWERED,
        Status::Partly => &words::PARTLY,
        Status::Refused => &words::REFUSED,
        Status::Failed => &words::FAILED,
    }
}
