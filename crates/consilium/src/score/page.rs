//! The result as one page that needs nothing else, in both languages.

use super::confusion;
use super::operating;
use super::outcome::{Block, Outcome, Row, WorstCase};
use super::plots::escaped;
use super::settings::Task;
use super::slices;
use base::words::evaluate::{CONTOURS, LABEL, OVERVIEW};
use base::words::judge;
use base::words::score as words;
use base::{Lang, Severity, Text};
use std::fmt::Write;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:66em;padding:0 1em;color:#111}\
h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #bbb}h3{font-size:1em}\
table{border-collapse:collapse;margin:.6em 0}td,th{padding:.15em .8em .15em 0;text-align:left;border-bottom:1px solid #ddd}\
table.confusion td,table.confusion th{padding:.2em .7em;border:1px solid #ccc}td.right{font-weight:600;outline:1.5px solid #555;outline-offset:-2px}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td small{white-space:nowrap}.scroll td:first-child{white-space:nowrap}.w{background:#f3f3f3;padding:.4em .8em;border-left:4px solid #555}\
.scroll{overflow-x:auto}details{margin:.4em 0}summary{cursor:pointer;color:#333}\
.none{color:#555;font-style:italic}.plots{display:flex;flex-wrap:wrap;gap:1em}svg{width:300px;height:240px}\
svg text{font-size:9px;fill:#111}svg .t{font-size:11px;font-weight:600}\
.axis{fill:none;stroke:#111}.grid{stroke:#ddd;stroke-width:.5}.line{fill:none;stroke:#000;stroke-width:1.5}\
.dash{fill:none;stroke:#555;stroke-dasharray:4 3}.band{fill:#9bb7d4;fill-opacity:.5}.dot{fill:#345;fill-opacity:.6}\
.bar{stroke:#333;fill:none}.box{fill:#dde6ef;stroke:#333}\
.cards{display:flex;flex-wrap:wrap;gap:.7em;margin:.4em 0 1em}.card{width:144px;font-size:12px;line-height:1.35;overflow-wrap:anywhere}\
#en:checked~main .zh,#zh:checked~main .en{display:none}\
@media print{details{display:none}.scroll table{font-size:10px}input,label{display:none}body{margin:0;max-width:none;font-size:11px}main>h2{margin-top:1.2em}\
h1,h2,h3,.k{break-after:avoid}svg,tr,.card,.w,.s{break-inside:avoid}thead{display:table-header-group}.plots{break-before:avoid}}";

/// Labels side by side: what is read first of each task.
fn leading(task: Task) -> &'static [&'static str] {
    match task {
        Task::Classification => {
            &["roc_auc_score", "average_precision_score", "cohen_kappa_score_quadratic"]
        }
        Task::Regression => &["mean_absolute_error", "bias"],
        Task::Segmentation => &["dice", "hausdorff_distance_95", "surface_dice"],
        Task::Detection => &["AP", "AP50", "CPM"],
        Task::Report => &["Bleu_4", "ROUGE_L", "CIDEr", "f1_score"],
    }
}

/// What tables of subgroups show beside it.
const OF_SUBGROUPS: &[&str] = &[
    "recall_score",
    "specificity_score",
    "accuracy_score",
    "mean_dice",
    "mean_iou",
    "root_mean_squared_error",
];

/// The page, opened in `lang`.
pub fn page(outcome: &Outcome, lang: Lang) -> String {
    let mut out = head(&words::PAGE_TITLE, outcome.settings.task.name(), lang);
    body(&mut out, outcome);
    let pictured = |case: &WorstCase| case.picture.is_some();
    let worst = || outcome.blocks.iter().flat_map(|block| &block.worst);
    if worst().next().is_some() && !worst().any(pictured) {
        let _ = write!(out, "<p>{}</p>", both(&words::NO_PICTURES));
    }
    out + foot()
}

/// What stands on the page between head and foot.
pub(crate) fn body(out: &mut String, outcome: &Outcome) {
    let _ = write!(out, "<p>{} {}", both(&words::CASES), outcome.cases);
    if outcome.settings.group.is_some() {
        let _ = write!(out, " · {} {}", both(&words::UNITS), outcome.units);
    }
    out.push_str("</p>");
    for note in &outcome.notes {
        let class = if note.severity == Severity::Serious { " class=\"w\"" } else { "" };
        let _ = write!(out, "<p{class}>{}</p>", both(&note.text));
    }
    let level = outcome.settings.level;
    if outcome.blocks.len() > 1 && !outcome.overall.is_empty() {
        let _ = write!(out, "<h2>{}</h2>", both(&words::ALL_LABELS));
        table(out, &outcome.overall, level);
        subgroups(out, &outcome.subgroups, outcome.settings.task, level);
    }
    if outcome.blocks.len() > 1 {
        side_by_side(out, outcome);
    }
    plots(out, &outcome.plots);
    for block in &outcome.blocks {
        section(out, block, outcome.settings.task, level);
    }
}

/// One line a label.
fn side_by_side(out: &mut String, outcome: &Outcome) {
    let row = |block: &Block, name: &str| block.rows.iter().position(|row| row.name == name);
    let there = |name: &&&str| outcome.blocks.iter().any(|block| row(block, name).is_some());
    let shown: Vec<&str> = leading(outcome.settings.task).iter().filter(there).copied().collect();
    let _ = write!(
        out,
        "<h2>{} <small>({})</small></h2><table><thead><tr><th>{}</th>",
        both(&OVERVIEW),
        both(&words::interval_of(outcome.settings.level)),
        both(&LABEL)
    );
    for name in &shown {
        let metric = words::metric(name).map_or_else(|| escaped(name), |name| both(&name));
        let _ = write!(out, "<th class=\"n\">{metric}</th>");
    }
    out.push_str("</tr></thead>");
    for block in &outcome.blocks {
        let _ = write!(out, "<tr><td>{}</td>", escaped(&block.name));
        shown.iter().for_each(|name| {
            out.push_str(&cell(row(block, name).map(|at| &block.rows[at])));
        });
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}

/// A value with its interval in one cell; a dash of none.
pub(crate) fn cell(row: Option<&Row>) -> String {
    let Some(row) = row else { return "<td class=\"n\">–</td>".into() };
    match (row.value, row.interval) {
        (Ok(value), Some(Ok(ends))) => format!(
            "<td class=\"n\">{value:.3} <small>{:.3} … {:.3}{}</small></td>",
            ends.low,
            ends.high,
            if row.all_alike() { " *" } else { "" }
        ),
        (Ok(value), _) => format!("<td class=\"n\">{value:.3}</td>"),
        (Err(why), _) => format!("<td class=\"none\">{}</td>", both(why.text())),
    }
}

/// The beginning of a page: style, the choice of language, title, and what must stand above results.
pub(crate) fn head(title: &Text, task: &str, lang: Lang) -> String {
    let checked = |own: Lang| if own == lang { " checked" } else { "" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title>\
         <style>{STYLE}{}</style></head><body>\
         <input type=\"radio\" name=\"l\" id=\"en\"{}><label for=\"en\">English</label> \
         <input type=\"radio\" name=\"l\" id=\"zh\"{}><label for=\"zh\">中文</label><main>\
         <h1>{} · {}</h1><p class=\"w\">{}</p>",
        lang.tag(),
        escaped(title.get(lang)),
        slices::STYLE,
        checked(Lang::En),
        checked(Lang::Zh),
        both(title),
        both(&words::task(task)),
        both(&words::RESEARCH)
    )
}

/// The end of a page.
pub(crate) fn foot() -> &'static str {
    "</main></body></html>\n"
}

/// A text in both languages, of which the style shows one.
pub(crate) fn both(text: &Text) -> String {
    format!(
        "<span class=\"en\" lang=\"en\">{}</span><span class=\"zh\" lang=\"zh-CN\">{}</span>",
        escaped(text.en()),
        escaped(text.zh())
    )
}

fn plots(out: &mut String, plots: &[super::plots::Plot]) {
    if plots.is_empty() {
        return;
    }
    out.push_str("<div class=\"plots\">");
    plots.iter().for_each(|plot| out.push_str(&plot.svg()));
    out.push_str("</div>");
}

fn counts(out: &mut String, counts: &[(&'static str, u64)]) {
    out.push_str("<p class=\"k\">");
    for (at, (key, count)) in counts.iter().enumerate() {
        let name = super::outcome::count_name(key).map_or_else(|| escaped(key), both);
        let _ = write!(out, "{}{name} {count}", if at > 0 { " · " } else { "" });
    }
    out.push_str("</p>");
}

fn section(out: &mut String, block: &Block, task: Task, level: f64) {
    let _ = write!(out, "<h2>{}</h2>", escaped(&block.name));
    counts(out, &block.counts);
    for note in &block.notes {
        let _ = write!(out, "<p class=\"w\">{}</p>", both(&note.text));
    }
    plots(out, &block.plots);
    table(out, &block.rows, level);
    out.push_str(&confusion::table(block));
    out.push_str(&operating::table(block));
    worst(out, &block.worst, task);
    subgroups(out, &block.subgroups, task, level);
}

/// Those with pictures side by side, the others as a list.
fn worst(out: &mut String, cases: &[WorstCase], task: Task) {
    if cases.is_empty() {
        return;
    }
    let _ = write!(out, "<h3>{}</h3>", both(&words::WORST_CASES));
    let (drawn, plain): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.picture.is_some());
    if !drawn.is_empty() {
        let legend = if task == Task::Detection { &judge::BOX_OUTLINES } else { &CONTOURS };
        let _ = write!(out, "<p class=\"k\">{}</p><div class=\"cards\">", both(legend));
        for case in drawn {
            let Some((picture, place)) = &case.picture else { continue };
            let _ = write!(
                out,
                "<div class=\"card wide\">{picture}<b>{}</b><br>{}<br>{}</div>",
                escaped(&case.id),
                both(&case.what),
                both(place)
            );
        }
        out.push_str("</div>");
    }
    if !plain.is_empty() {
        out.push_str("<ul>");
        for case in plain {
            let _ = write!(out, "<li>{}: {}</li>", escaped(&case.id), both(&case.what));
        }
        out.push_str("</ul>");
    }
}

/// One table a column with what is read first, a line a subgroup; then all their numbers, folded away on
/// the screen and left to the JSON and CSV on paper.
fn subgroups(out: &mut String, groups: &[(String, Block)], task: Task, level: f64) {
    let mut columns: Vec<&str> = groups.iter().map(|(column, _)| column.as_str()).collect();
    columns.dedup();
    for column in columns {
        let own = groups.iter().filter(|(own, _)| own == column).map(|(_, group)| group);
        summary(out, column, &own.collect::<Vec<_>>(), task, level);
    }
    if !groups.is_empty() {
        let _ = write!(out, "<details><summary>{}</summary>", both(&judge::FULL_TABLES));
        full(out, groups, level);
        out.push_str("</details>");
    }
}

fn summary(out: &mut String, column: &str, groups: &[&Block], task: Task, level: f64) {
    let row = |group: &Block, name: &str| group.rows.iter().position(|row| row.name == name);
    let shown = leading(task).iter().chain(OF_SUBGROUPS).copied();
    let shown: Vec<&str> =
        shown.filter(|name| groups.iter().any(|group| row(group, name).is_some())).collect();
    let _ = write!(
        out,
        "<h3>{} {} <small>({})</small></h3><div class=\"scroll\"><table><thead><tr><th></th><th class=\"n\">{}</th>",
        both(&words::SUBGROUP),
        escaped(column),
        both(&words::interval_of(level)),
        both(&words::CASES)
    );
    for name in &shown {
        let metric = words::metric(name).map_or_else(|| escaped(name), |name| both(&name));
        let _ = write!(out, "<th class=\"n\">{metric}</th>");
    }
    out.push_str("<th></th></tr></thead>");
    for group in groups {
        let n = group.counts.iter().find(|(name, _)| *name == "n").map_or(0, |(_, n)| *n);
        let _ = write!(out, "<tr><td>{}</td><td class=\"n\">{n}</td>", escaped(&group.name));
        for name in &shown {
            out.push_str(&cell(row(group, name).map(|at| &group.rows[at])));
        }
        let notes: Vec<String> = group.notes.iter().map(|note| both(&note.text)).collect();
        let _ = write!(out, "<td class=\"none\">{}</td></tr>", notes.join("<br>"));
    }
    out.push_str("</table></div>");
}

fn full(out: &mut String, groups: &[(String, Block)], level: f64) {
    for (column, group) in groups {
        let _ = write!(
            out,
            "<h3>{} {} = {}</h3>",
            both(&words::SUBGROUP),
            escaped(column),
            escaped(&group.name)
        );
        counts(out, &group.counts);
        for note in &group.notes {
            let _ = write!(out, "<p class=\"w\">{}</p>", both(&note.text));
        }
        table(out, &group.rows, level);
        out.push_str(&confusion::table(group));
    }
}

fn table(out: &mut String, rows: &[Row], level: f64) {
    let _ = write!(
        out,
        "<table><thead><tr><th>{}</th><th class=\"n\">{}</th><th>{}</th></tr></thead>",
        both(&words::METRIC),
        both(&words::VALUE),
        both(&words::interval_of(level))
    );
    for row in rows {
        let name = words::metric(&row.name).map_or_else(|| escaped(&row.name), |name| both(&name));
        let value = match row.value {
            Ok(value) => format!("<td class=\"n\">{value:.4}</td>"),
            Err(why) => format!("<td class=\"none\">{}</td>", both(why.text())),
        };
        let interval = match row.interval {
            Some(Ok(interval)) => {
                let method = words::method(row.method);
                format!(
                    "{:.4} … {:.4} <small>{}</small>",
                    interval.low,
                    interval.high,
                    both(&method)
                )
            }
            Some(Err(why)) => format!("<span class=\"none\">{}</span>", both(why.text())),
            None => String::new(),
        };
        let _ = write!(out, "<tr><td>{name}</td>{value}<td>{interval}</td></tr>");
    }
    out.push_str("</table>");
}
