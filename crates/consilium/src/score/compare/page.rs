//! The comparison as one page in both languages, with a heat map of ranks.

use super::side::{Entry, SideBySide, all_alike, is_firm, shown_p, shown_ranks};
use crate::score::page::{both, foot, head};
use crate::score::plots::escaped;
use base::Lang;
use base::words::judge;
use base::words::score as words;
use metrics::compare::RankStability;
use metrics::{Interval, Undefined, Value};
use std::fmt::Write;

/// The page, opened in `lang`.
pub(super) fn page(found: &SideBySide, lang: Lang) -> String {
    let settings = &found.settings;
    let mut out = head(&words::COMPARISON_TITLE, settings.task.name(), lang);
    let _ = write!(
        out,
        "<p>{} {}{}</p><p>{}</p><ol>",
        both(&words::CASES),
        found.cases,
        match settings.group {
            Some(_) => format!(" · {} {}", both(&words::UNITS), found.units),
            None => String::new(),
        },
        both(&words::how(settings.resamples, settings.seed, found.units, settings.group.is_some()))
    );
    for model in &found.models {
        let _ = write!(out, "<li>{}</li>", escaped(model));
    }
    out += "</ol>";
    sections(&mut out, found);
    for (column, value, group) in &found.subgroups {
        let _ = write!(
            out,
            "<h2>{} {} = {} · {} {}</h2>",
            both(&words::SUBGROUP),
            escaped(column),
            escaped(value),
            both(&words::CASES),
            group.cases
        );
        sections(&mut out, group);
    }
    out + foot()
}

fn sections(out: &mut String, found: &SideBySide) {
    for note in &found.notes {
        let _ = write!(out, "<p class=\"w\">{}</p>", both(&note.text));
    }
    for entry in &found.entries {
        section(out, entry, found.settings.level);
    }
}

fn section(out: &mut String, entry: &Entry, level: f64) {
    let metric = words::metric(&entry.metric).map_or_else(|| escaped(&entry.metric), |m| both(&m));
    let label = match entry.label.as_str() {
        "" => both(&words::ALL_LABELS),
        label => escaped(label),
    };
    let interval = both(&words::interval_of(level));
    let _ = write!(
        out,
        "<h2>{label} · {metric}</h2><table class=\"s\"><thead><tr><th>{}</th><th class=\"n\">{}</th><th>{interval}</th></tr></thead>",
        both(&words::MODEL),
        both(&words::VALUE)
    );
    for (at, (value, ends)) in entry.values.iter().enumerate() {
        let _ = write!(out, "<tr><td>[{}]</td>{}</tr>", at + 1, cells(*value, *ends));
    }
    out.push_str("</table>");
    let tested = entry.pairs.iter().any(|pair| !pair.tests.is_empty());
    if !entry.pairs.is_empty() {
        let _ = write!(
            out,
            "<table class=\"s\"><thead><tr><th></th><th class=\"n\">{}</th><th>{interval}</th>{}</tr></thead>",
            both(&words::DIFFERENCE),
            if tested { "<th>p</th><th>Holm p</th><th></th>" } else { "<th></th>" }
        );
    }
    for pair in &entry.pairs {
        let tests: Vec<String> = pair
            .tests
            .iter()
            .map(|(name, p)| match p {
                Ok(p) => format!("{} {}", both(&judge::test(name)), escaped(&shown_p(*p))),
                Err(why) => format!(
                    "{} <span class=\"none\">{}</span>",
                    both(&judge::test(name)),
                    both(why.text())
                ),
            })
            .collect();
        let _ = write!(
            out,
            "<tr><td>[{}] − [{}]</td>{}",
            pair.first + 1,
            pair.second + 1,
            cells(pair.difference, pair.interval)
        );
        if tested {
            let holm = pair.adjusted.map_or(String::new(), |p| escaped(&shown_p(p)));
            let holm = holm.trim_start_matches("= ");
            let _ = write!(out, "<td>{}</td><td>{holm}</td>", tests.join("<br>"));
        }
        let estimate = pair.hodges_lehmann();
        let estimate = estimate.map(|at| format!("{} {at}", both(&judge::HODGES_LEHMANN)));
        let said = [estimate, pair.non_inferior().map(|said| both(&said))];
        let said: Vec<String> = said.into_iter().flatten().collect();
        let _ = write!(out, "<td>{}</td>", said.join("<br>"));
        out.push_str("</tr>");
    }
    if !entry.pairs.is_empty() {
        out.push_str("</table>");
    }
    if entry.any_alike() {
        let _ = write!(out, "<p class=\"none\">* {}</p>", both(&words::ALL_ALIKE));
    }
    out.push_str("<div class=\"plots\">");
    for (name, ranking, firm) in &entry.rankings {
        if let Some(firm) = firm {
            out.push_str(&heat_map(name, &ranking.rank, firm));
        }
    }
    out.push_str("</div>");
    for ranked in &entry.rankings {
        let name = both(&words::ranking(ranked.0));
        let ranks = escaped(&shown_ranks(ranked));
        let _ = write!(out, "<p>{} · {name}: {ranks}</p>", both(&words::RANKS));
        if !is_firm(ranked) {
            let _ = write!(out, "<p class=\"w\">{}</p>", both(&words::UNSTABLE_RANKING));
        }
    }
}

fn cells(value: Value, interval: Result<Interval, Undefined>) -> String {
    let value = match value {
        Ok(value) => format!("<td class=\"n\">{value:.4}</td>"),
        Err(why) => format!("<td class=\"none\">{}</td>", both(why.text())),
    };
    let ends = match interval {
        Ok(interval) => {
            let mark = if all_alike(interval) { " *" } else { "" };
            format!("<td>{:.4} … {:.4}{mark}</td>", interval.low, interval.high)
        }
        Err(why) => format!("<td class=\"none\">{}</td>", both(why.text())),
    };
    value + &ends
}

/// How often each model had each rank: darker is more often, and the share is written in the field.
fn heat_map(name: &str, ranks: &[f64], firm: &RankStability) -> String {
    let models = ranks.len();
    let side = (200.0 / models as f64).min(48.0);
    let mut order: Vec<usize> = (0..models).collect();
    order.sort_by(|a, b| ranks[*a].total_cmp(&ranks[*b]));
    let height = 40.0 + side * models as f64;
    let title = words::ranking(name);
    let mut out = format!(
        "<svg viewBox=\"0 0 300 {height:.0}\" style=\"height:{height:.0}px\" role=\"img\" aria-label=\"{name}\">\
         <text class=\"en t\" x=\"48\" y=\"14\">{}</text><text class=\"zh t\" x=\"48\" y=\"14\">{}</text>",
        escaped(title.en()),
        escaped(title.zh())
    );
    for (row, model) in order.into_iter().enumerate() {
        let y = 32.0 + side * row as f64;
        let _ = write!(
            out,
            "<text x=\"40\" y=\"{:.1}\" text-anchor=\"end\">[{}]</text>",
            y + side / 2.0 + 3.0,
            model + 1
        );
        for (rank, share) in firm.share[model].iter().enumerate() {
            let x = 48.0 + side * rank as f64;
            let ink = if *share > 0.55 { "#fff" } else { "#111" };
            let _ = write!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"#1d3b5c\" \
                 fill-opacity=\"{share:.3}\" stroke=\"#999\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" style=\"fill:{ink}\">{:.0}%</text>",
                x + side / 2.0,
                y + side / 2.0 + 3.0,
                share * 100.0
            );
            if row == 0 {
                let _ = write!(
                    out,
                    "<text x=\"{:.1}\" y=\"28\" text-anchor=\"middle\">{}</text>",
                    x + side / 2.0,
                    rank + 1
                );
            }
        }
    }
    out + "</svg>"
}
