//! The overview of many cases.

use crate::number::{fixed, score};
use crate::pictures;
use base::words::panel::PLACEHOLDER_WEIGHTS;
use base::words::report as words;
use base::{Consultation, Error, Kind, Lang, Note, Picture, Severity, Text, VolumeConsultation};
use maud::{Markup, html};

/// Longest side of a thumbnail.
const THUMBNAIL: usize = 96;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one model answered.
    Read,
    /// No model answered.
    Refused(Text),
    /// The file could not be read.
    Failed(Text),
}

/// One line of the overview.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseLine {
    /// Name of the case.
    pub name: String,
    /// Its page, relative to the overview.
    pub link: Option<String>,
    /// A small JPEG.
    pub thumbnail: Option<Vec<u8>>,
    /// Findings that at least one model puts at or above its operating point, highest mean first:
    /// name, mean score, models that say yes, models that vote.
    pub leading: Vec<(Text, f32, usize, usize)>,
    /// Structures of a volume, the largest first, with their millilitres.
    pub structures: Vec<(Text, f64)>,
    /// Warnings, the gravest first.
    pub notes: Vec<Note>,
    /// Weights were made on the spot.
    pub placeholder_weights: bool,
    /// How it ended.
    pub outcome: Outcome,
}

impl CaseLine {
    /// A case that was read; `link` is relative (`case/report.html`).
    pub fn of(c: &Consultation, link: Option<String>) -> CaseLine {
        let mut notes: Vec<Note> = Vec::new();
        let all = c.notes.iter().chain(&c.case.notes).chain(&c.opinion.notes);
        for note in all.chain(c.readings.iter().flat_map(|reading| &reading.notes)) {
            if note.severity >= Severity::Warning
                && !super::in_banner(note)
                && !notes.contains(note)
            {
                notes.push(note.clone());
            }
        }
        notes.sort_by_key(|note| std::cmp::Reverse(note.severity));
        let refusals: Vec<_> = c.readings.iter().filter_map(|r| r.refused.as_ref()).collect();
        CaseLine {
            name: c.case.name.clone(),
            link,
            thumbnail: Some(pictures::jpeg(&pictures::fit(&c.picture, THUMBNAIL), 75)),
            leading: (c.opinion.findings.iter())
                .filter(|found| found.positive > 0)
                .map(|f| (f.code.name.clone(), f.mean_score, f.positive, f.voting))
                .collect(),
            structures: Vec::new(),
            notes,
            placeholder_weights: c.readings.iter().any(|r| r.model.placeholder_weights),
            outcome: match refusals.first() {
                Some(refusal) if refusals.len() == c.readings.len() => {
                    Outcome::Refused(refusal.reason.clone())
                }
                _ => Outcome::Read,
            },
        }
    }

    /// A volume that was read: its largest structures, a thumbnail of its planes.
    pub fn of_volume(
        c: &VolumeConsultation,
        planes: Option<&Picture>,
        link: Option<String>,
    ) -> CaseLine {
        let all =
            c.notes.iter().chain(&c.case.notes).chain(c.readings.iter().flat_map(|r| &r.notes));
        let mut notes: Vec<Note> = Vec::new();
        for note in all.filter(|note| note.severity >= Severity::Warning) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes.sort_by_key(|note| std::cmp::Reverse(note.severity));
        let found = c.readings.iter().flat_map(|reading| &reading.structures);
        let mut structures: Vec<(Text, f64)> = found
            .filter(|s| s.voxels > 0)
            .filter_map(|s| Some((s.name.clone(), s.shown_volume_ml()?)))
            .collect();
        structures.sort_by(|a, b| b.1.total_cmp(&a.1));
        CaseLine {
            name: c.case.name.clone(),
            link,
            thumbnail: planes.map(|picture| pictures::jpeg(&pictures::fit(picture, THUMBNAIL), 75)),
            leading: Vec::new(),
            structures,
            notes,
            placeholder_weights: c.readings.iter().any(|r| r.model.placeholder_weights),
            outcome: Outcome::Read,
        }
    }

    /// A case that was refused, or could not be read.
    pub fn failed(name: impl Into<String>, error: &Error) -> CaseLine {
        let text = Text::filled(error.render(Lang::En), error.render(Lang::Zh));
        CaseLine {
            name: name.into(),
            link: None,
            thumbnail: None,
            leading: Vec::new(),
            structures: Vec::new(),
            notes: Vec::new(),
            placeholder_weights: false,
            outcome: match error.kind() {
                Kind::Refused => Outcome::Refused(text),
                _ => Outcome::Failed(text),
            },
        }
    }
}

/// One page for many cases, in the order given.
pub fn index(cases: &[CaseLine], lang: Lang) -> String {
    let count = |wanted: fn(&Outcome) -> bool| cases.iter().filter(|c| wanted(&c.outcome)).count();
    let totals = words::overview(
        count(|outcome| matches!(outcome, Outcome::Read)),
        count(|outcome| matches!(outcome, Outcome::Refused(_))),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
    );
    let body = html! {
        header {
            p.kind { "Consilium" }
            h1 { (words::OVERVIEW.get(lang)) }
            p.research { (words::RESEARCH_USE.get(lang)) }
        }
        main {
            @if cases.iter().any(|case| case.placeholder_weights) {
                p.banner.serious role="note" { strong { "⚠ " (PLACEHOLDER_WEIGHTS.get(lang)) } }
            }
            section {
                p.lead { (totals.get(lang)) }
                table.figures.overview {
                    thead { tr {
                        th scope="col" { (words::IMAGE.get(lang)) }
                        th scope="col" { (words::CASE.get(lang)) }
                        th scope="col" { (words::STATE_COLUMN.get(lang)) }
                        th scope="col" { (words::OVERVIEW_FINDINGS.get(lang)) }
                        th scope="col" { (words::WARNINGS.get(lang)) }
                    } }
                    tbody { @for case in cases { (line(case, lang)) } }
                }
            }
        }
        footer { p.research { (words::RESEARCH_USE.get(lang)) } }
    };
    super::document(words::OVERVIEW.get(lang), lang, body)
}

fn line(case: &CaseLine, lang: Lang) -> Markup {
    let (state, reason) = match &case.outcome {
        Outcome::Read => (&words::STATE_READ, None),
        Outcome::Refused(reason) => (&words::STATE_REFUSED, Some(reason)),
        Outcome::Failed(reason) => (&words::STATE_FAILED, Some(reason)),
    };
    html! {
        tr {
            td.thumb { @if let Some(jpeg) = &case.thumbnail {
                img src=(format!("data:image/jpeg;base64,{}", pictures::base64(jpeg))) alt="";
            } }
            th scope="row" {
                @match &case.link {
                    Some(link) => a href=(relative(link)) { (case.name) },
                    None => (case.name),
                }
            }
            td { @if reason.is_some() { strong { "✕ " (state.get(lang)) } } @else { (state.get(lang)) }
                @if case.placeholder_weights { br; span.tag.grave { (words::PLACEHOLDER_SHORT.get(lang)) } }
            }
            td {
                @if let Some(reason) = reason { (reason.get(lang)) }
                @else if case.leading.is_empty() && case.structures.is_empty() { span.quiet { (words::NONE_LEADING.get(lang)) } }
                @for (name, mean, positive, voting) in case.leading.iter().take(5) {
                    div {
                        (name.get(lang)) " " span.numbers { (score(*mean)) }
                        @if *voting > 1 { span.quiet { " · " (words::votes(*positive, *voting).get(lang)) } }
                    }
                }
                @for (name, volume_ml) in case.structures.iter().take(5) {
                    div { (name.get(lang)) " " span.numbers { (fixed(*volume_ml, 2)) " mL" } }
                }
                @if case.structures.len() > 5 { div.quiet { "+ " (case.structures.len() - 5) } }
                @if case.leading.len() > 5 { div.quiet { "+ " (case.leading.len() - 5) } }
            }
            td { @for note in case.notes.iter().take(3) {
                div { @if note.severity == Severity::Serious { "⚠ " } @else { "△ " } (note.text.get(lang)) }
            }
            @if case.notes.len() > 3 { div.quiet { "+ " (case.notes.len() - 3) } } }
        }
    }
}

/// A path below the overview as a link: every byte but plain ones percent-coded, so that a name
/// can neither become a scheme nor leave its attribute.
pub(super) fn relative(link: &str) -> String {
    let mut out = String::from("./");
    for byte in link.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn a_name_cannot_become_a_scheme() {
        assert_eq!(relative("javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(relative("a b/report.html"), "./a%20b/report.html");
        assert_eq!(relative("片.html"), "./%E7%89%87.html");
    }
}
