//! The panel's opinion in one glance.

use crate::number::score;
use base::words::{findings, report as words};
use base::{Agreement, Code, Consultation, Lang};
use maud::{Markup, html};

/// What a chest classifier may be asked for; the rest of `words::findings` are structures.
static CHEST: [&Code; 18] = [
    &findings::ATELECTASIS,
    &findings::CONSOLIDATION,
    &findings::INFILTRATION,
    &findings::PNEUMOTHORAX,
    &findings::EDEMA,
    &findings::EMPHYSEMA,
    &findings::FIBROSIS,
    &findings::EFFUSION,
    &findings::PNEUMONIA,
    &findings::PLEURAL_THICKENING,
    &findings::CARDIOMEGALY,
    &findings::NODULE,
    &findings::MASS,
    &findings::HERNIA,
    &findings::LUNG_LESION,
    &findings::FRACTURE,
    &findings::LUNG_OPACITY,
    &findings::ENLARGED_CARDIOMEDIASTINUM,
];

/// Positive by all, split, and not assessed, side by side.
pub fn section(c: &Consultation, lang: Lang) -> Markup {
    let found = &c.opinion.findings;
    let unanimous: Vec<_> =
        found.iter().filter(|f| f.voting > 0 && f.positive == f.voting).collect();
    let split: Vec<_> = found.iter().filter(|f| f.positive > 0 && f.positive < f.voting).collect();
    let voting = found.iter().map(|f| f.voting).max().unwrap_or(0);
    let refused = c.readings.iter().filter(|reading| reading.refused.is_some()).count();
    html! {
        section.opinion aria-labelledby="opinion" {
            h2 id="opinion" { (words::OPINION.get(lang)) " " small { "· " (words::OPINION_NATURE.get(lang)) } }
            div.columns {
                div {
                    h3 { (words::POSITIVE.get(lang)) " " span.count { (unanimous.len()) } }
                    @if !unanimous.is_empty() { (list(&unanimous, true, lang)) }
                    @else {
                        p { (match voting {
                            _ if found.is_empty() => words::NONE_SCORED.get(lang),
                            0 => words::NONE_VOTING.get(lang),
                            _ => words::NONE_POSITIVE.get(lang),
                        }) }
                    }
                }
                div {
                    h3 { (words::DISAGREE.get(lang)) " " span.count { (split.len()) } }
                    @if !split.is_empty() { (list(&split, false, lang)) }
                    @else if voting < 2 { p { (words::ONE_MODEL.get(lang)) } }
                    @else { p { (words::NONE_DISAGREE.get(lang)) } }
                    @if let Some(share) = c.opinion.unanimity.filter(|share| share.is_finite()) {
                        p.quiet { (words::unanimity((share * 100.0).round() as u32).get(lang)) }
                    }
                }
                div { h3 { (words::NOT_ASSESSED.get(lang)) } (not_assessed(c, refused, lang)) }
            }
        }
    }
}

fn list(found: &[&Agreement], solid: bool, lang: Lang) -> Markup {
    html! {
        ul.found {
            @for f in found {
                li {
                    span.bullet aria-hidden="true" { @if solid { "●" } @else { "◐" } } " "
                    strong { (f.code.name.get(lang)) } " "
                    span.numbers {
                        (score(f.mean_score))
                        @if f.models > 1 { " (" (score(f.range.0)) "–" (score(f.range.1)) ")" }
                        @if f.voting > 1 { " · " (words::votes(f.positive, f.voting).get(lang)) }
                    }
                }
            }
        }
    }
}

fn not_assessed(c: &Consultation, refused: usize, lang: Lang) -> Markup {
    let scored = |code: &Code| c.readings.iter().flat_map(|r| &r.findings).any(|f| f.code == code);
    let chest = CHEST.iter().any(|code| scored(code));
    let other = !chest && c.readings.iter().any(|reading| !reading.findings.is_empty());
    let outside = if other { &words::OUTSIDE_SCOPE_OTHER } else { &words::OUTSIDE_SCOPE };
    let missing: Vec<&str> =
        CHEST.iter().filter(|code| !scored(code)).map(|code| code.name.get(lang)).collect();
    let comma = match lang {
        Lang::En => ", ",
        Lang::Zh => "、",
    };
    html! {
        @if refused > 0 { p { strong { (words::refusals(refused).get(lang)) } } }
        @if chest && !missing.is_empty() {
            p { (words::NOT_SCORED.get(lang)) (missing.join(comma)) @if lang == Lang::En { "." } @else { "。" } }
        }
        p { (outside.get(lang)) }
    }
}
