//! A consultation in a few lines for the terminal.

use crate::number;
use base::words::report as words;
use base::{Consultation, Lang, Note, Severity};

/// Research line, warnings, then findings sorted by mean score with bars of characters; lines are
/// at most about `width` columns. Chinese characters count as two columns.
pub fn summary(consultation: &Consultation, lang: Lang, width: usize) -> String {
    let c = consultation;
    let mut out = format!("{}\n{}\n", visible(&c.case.name), words::RESEARCH_USE.get(lang));
    out += &warnings(c.notes.iter().chain(&c.opinion.notes).chain(&c.case.notes), lang);
    for reading in &c.readings {
        if let Some(refusal) = &reading.refused {
            let refused = words::REFUSED.get(lang);
            let reason = visible(refusal.reason.get(lang));
            let id = visible(&reading.model.id);
            out += &match lang {
                Lang::En => format!("x {id} ({refused}): {reason}\n"),
                Lang::Zh => format!("x {id}（{refused}）：{reason}\n"),
            };
        }
    }
    let names: Vec<String> =
        c.opinion.findings.iter().map(|found| visible(found.code.name.get(lang))).collect();
    let widest = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    let votes_width = 24;
    let bar = width.saturating_sub(widest + votes_width + 9).clamp(8, 40);
    for (found, name) in c.opinion.findings.iter().zip(&names) {
        let pad = " ".repeat(widest - columns(name));
        let score =
            if found.mean_score.is_finite() { found.mean_score.clamp(0.0, 1.0) } else { 0.0 };
        let full = (score * bar as f32 + 0.5) as usize;
        let bars = format!("{}{}", "█".repeat(full), "·".repeat(bar - full));
        let says = match (found.positive, found.voting) {
            (_, 0) => words::UNDECIDED.get(lang).to_owned(),
            (1, 1) => words::YES.get(lang).to_owned(),
            (0, 1) => words::NO.get(lang).to_owned(),
            (positive, voting) => words::votes(positive, voting).get(lang).to_owned(),
        };
        let mark = if found.positive > 0 { '>' } else { ' ' };
        out += &format!("{mark} {name}{pad} {bars} {} {says}\n", number::score(found.mean_score));
    }
    for reading in &c.readings {
        for value in &reading.values {
            let unit = if value.unit == "1" { "" } else { value.unit };
            let name = visible(value.name.get(lang));
            out += format!("  {name} {} {unit}", number::plain(value.value, 3)).trim_end();
            out.push('\n');
        }
    }
    out
}

/// Remarks that warn, the gravest first, a line each.
pub fn warnings<'n>(notes: impl Iterator<Item = &'n Note>, lang: Lang) -> String {
    let mut notes: Vec<&Note> = notes.filter(|note| note.severity >= Severity::Warning).collect();
    notes.sort_by_key(|note| std::cmp::Reverse(note.severity));
    let line = |note: &Note| {
        let severity = words::severity(note.severity);
        let colon = if lang == Lang::Zh { "：" } else { ": " };
        format!("! {}{colon}{}\n", severity.get(lang), visible(note.text.get(lang)))
    };
    notes.into_iter().map(line).collect()
}

/// Without control characters, so that a header cannot steer the terminal.
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Columns a terminal gives a text.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if c as u32 >= 0x2e80 { 2 } else { 1 }).sum()
}
