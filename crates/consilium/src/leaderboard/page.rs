//! A board as one page that needs nothing else, in both languages.

use super::board::Board;
use super::rank::{By, Ranked};
use super::show::{about, beside, place};
use crate::evaluate::published;
use crate::score::page::{both, foot, head};
use crate::score::plots::escaped;
use base::words::evaluate as evaluate_words;
use base::words::leaderboard as words;
use base::words::score as score_words;
use base::{Lang, Text};
use std::fmt::Write;

const STYLE: &str = "<style>.pub{border:1px dashed #777;padding:0 1em .6em;margin-top:2.5em;background:#fafaf5}\
.pub h2{margin-top:.8em}.once{white-space:nowrap}code{font-size:12px;overflow-wrap:anywhere}.off td{color:#666}\
svg.bars{width:240px;height:18px}svg.bars path{stroke:#345;stroke-width:2;fill:none}svg.bars circle{fill:#000}</style>";

/// The page, opened in `lang`.
pub(super) fn page(board: &Board, by: &By, ranked: &[Ranked], lang: Lang) -> String {
    let mut out = head(&words::TITLE, &board.task, lang);
    out += STYLE;
    let metric = score_words::metric(&by.metric).unwrap_or_else(|| Text::same(&by.metric));
    let label = match by.label.as_str() {
        "" => both(&score_words::ALL_LABELS),
        label => escaped(label),
    };
    let _ = write!(
        out,
        "<h2>{}</h2><p>{}</p><p>{}: <code>{}</code></p><h3>{} · {label}</h3>",
        escaped(&board.name),
        both(&about(board)),
        both(&evaluate_words::HASH),
        escaped(&board.dataset_sha256),
        both(&metric)
    );
    table(&mut out, ranked);
    let _ = write!(out, "<p>{}</p>", both(&words::RANK_NOTE));
    every_label(&mut out, by, ranked);
    published::section(&mut out, &beside(board, ranked));
    out + foot()
}

fn table(out: &mut String, ranked: &[Ranked]) {
    let _ = write!(
        out,
        "<table><tr><th>{}</th><th>{}</th><th class=\"n\">{}</th><th colspan=\"2\">{}</th><th class=\"n\">{}</th>\
         <th>{}</th></tr>",
        both(&words::RANK),
        both(&score_words::MODEL),
        both(&score_words::VALUE),
        both(&score_words::INTERVAL),
        both(&score_words::CASES),
        both(&words::ADDED)
    );
    let ends = ranked.iter().filter_map(|own| own.score?.interval);
    let (low, high) = ends
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), [a, b]| (low.min(a), high.max(b)));
    for own in ranked {
        let score = own.score;
        let value = score.and_then(|score| score.value);
        let shown = score.and_then(|score| score.interval);
        let (class, rank) = match (&own.rank, place(own)) {
            (Err(why), _) => (" class=\"off\"", both(why)),
            (Ok(_), place) => ("", escaped(&place.unwrap_or_default())),
        };
        let _ = write!(
            out,
            "<tr{class}><td>{rank}</td><td>{}<br><code>{}</code></td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"once\">{}</td></tr>",
            both(&Text::filled(own.run.name[0].clone(), own.run.name[1].clone())),
            escaped(&own.run.model),
            value.map_or("–".into(), |value| format!("{value:.4}")),
            shown.map_or(String::new(), |[low, high]| format!("{low:.4} … {high:.4}")),
            value.zip(shown).map_or(String::new(), |(value, ends)| bar(value, ends, [low, high])),
            own.run.answered[0],
            escaped(&own.run.added)
        );
    }
    out.push_str("</table>");
}

/// Value and interval on the common scale of the table.
fn bar(value: f64, ends: [f64; 2], [low, high]: [f64; 2]) -> String {
    let span = if high > low { high - low } else { 1.0 };
    let at = |x: f64| 6.0 + 228.0 * (x - low) / span;
    format!(
        "<svg class=\"bars\" viewBox=\"0 0 240 18\" aria-hidden=\"true\"><path d=\"M{:.1} 9H{:.1}\"/>\
         <circle cx=\"{:.1}\" cy=\"9\" r=\"3.5\"/></svg>",
        at(ends[0]),
        at(ends[1]),
        at(value)
    )
}

/// The same metric label by label.
fn every_label(out: &mut String, by: &By, ranked: &[Ranked]) {
    let metric = by.metric.strip_prefix("mean_").filter(|name| ["dice", "iou"].contains(name));
    let metric = metric.unwrap_or(&by.metric);
    let mut labels: Vec<&str> = Vec::new();
    for score in ranked.iter().flat_map(|own| &own.run.scores) {
        let wanted = score.metric == metric && !score.label.is_empty();
        if wanted && !labels.contains(&score.label.as_str()) {
            labels.push(&score.label);
        }
    }
    if labels.len() < 2 {
        return;
    }
    let _ = write!(out, "<table><tr><th>{}</th>", both(&evaluate_words::LABEL));
    for own in ranked {
        let _ = write!(out, "<th class=\"n\">{}</th>", escaped(&own.run.model));
    }
    out.push_str("</tr>");
    for label in labels {
        let _ = write!(out, "<tr><td>{}</td>", escaped(label));
        for own in ranked {
            let found = own.run.scores.iter().find(|s| s.metric == metric && s.label == label);
            let value = found.and_then(|score| score.value);
            let ends = found.and_then(|score| score.interval);
            let _ = write!(
                out,
                "<td class=\"n\">{} <small>{}</small></td>",
                value.map_or("–".into(), |value| format!("{value:.3}")),
                ends.map_or(String::new(), |[low, high]| format!("{low:.3} … {high:.3}"))
            );
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}
