//! The page: one HTML file without scripts or anything from outside.

mod anatomy;
mod chart;
mod explain;
mod film;
mod index;
mod opinion;
mod parts;
mod volume;

pub use index::{CaseLine, Outcome, index};
pub use volume::{VolumePictures, volume_page};

use base::words::panel::PLACEHOLDER_WEIGHTS;
use base::words::report as words;
use base::{Consultation, Lang, Note, Text};
use film::Film;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What a catalogue knows about a model and the page should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// Identifier, as in the reading.
    pub id: String,
    /// What it is for.
    pub intended_use: Option<Text>,
    /// What it cannot do.
    pub limits: Option<Text>,
    /// Licence of its weights.
    pub weights_licence: Option<Text>,
}

/// The report of one case in one language. The same consultation gives the same bytes.
pub fn page(consultation: &Consultation, lang: Lang) -> String {
    page_with(consultation, &[], lang)
}

/// [`page`] with each model's intended use and limits beside its answer.
pub fn page_with(consultation: &Consultation, cards: &[ModelCard], lang: Lang) -> String {
    let c = consultation;
    let film = Film::new(&c.picture, c.case.view.as_ref());
    let lead = c.readings.iter().position(|reading| !reading.segments.is_empty());
    let body = html! {
        header {
            p.kind { "Consilium · " (words::TITLE.get(lang)) }
            h1 { (c.case.name) }
            p.research { (words::RESEARCH_USE.get(lang)) }
        }
        main {
            @if c.readings.iter().any(|reading| reading.model.placeholder_weights) {
                p.banner.serious role="note" { strong { "⚠ " (PLACEHOLDER_WEIGHTS.get(lang)) } }
            }
            (parts::warnings(c, lang))
            (opinion::section(c, lang))
            section.split {
                div { h2 { (words::IMAGE.get(lang)) } (film.figure(lang)) }
                div { h2 { (words::CASE.get(lang)) } (parts::case(c, lang)) }
            }
            (chart::section(c, lang))
            @if lead.is_some() || c.readings.iter().any(|reading| !reading.boxes.is_empty()) {
                (anatomy::section(c, &film, lang))
            }
            (explain::section(c, &film, lang))
            (parts::values(c, lang))
            (parts::domain(c, lang))
            (parts::models(c, cards, lang))
            (chart::table(c, lang))
            (parts::manifest(c, lang))
            (parts::signature(lang))
        }
        footer { p.research { (words::RESEARCH_USE.get(lang)) } }
    };
    document(&format!("{} · {}", c.case.name, words::TITLE.get(lang)), lang, body)
}

/// Said by the banner on top already.
fn in_banner(note: &Note) -> bool {
    note.text == PLACEHOLDER_WEIGHTS
}

/// The frame every page shares. Nothing may be loaded: the policy forbids what the page lacks.
fn document(title: &str, lang: Lang, body: Markup) -> String {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
    let page = html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(include_str!("html/style.css"))) }
            }
            body { (body) }
        }
    };
    let mut page = page.into_string();
    page.push('\n');
    page
}

/// The colon after a label.
fn colon(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ": ",
        Lang::Zh => "：",
    }
}

/// A finding's name with its side and site in brackets.
fn finding_name(finding: &base::Finding, lang: Lang) -> String {
    let name = finding.code.name.get(lang);
    let side = finding.side.map(|side| words::side(side).get(lang).to_owned());
    let site = finding.site.map(|site| site.name.get(lang).to_owned());
    match (side, site) {
        (None, None) => name.to_owned(),
        (Some(a), None) | (None, Some(a)) => brackets(name, &a, lang),
        (Some(a), Some(b)) => brackets(name, &format!("{a} · {b}"), lang),
    }
}

fn brackets(name: &str, inner: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{name} ({inner})"),
        Lang::Zh => format!("{name}（{inner}）"),
    }
}
