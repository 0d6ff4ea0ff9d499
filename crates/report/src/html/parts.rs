//! The plain parts of the page: warnings, facts, measurements, models, manifest, signature.

use super::ModelCard;
use crate::number::{bytes, plain, score, seconds};
use base::words::report as words;
use base::{Consultation, Lang, Manifest, Measurement, Note, Severity, Text};
use maud::{Markup, html};

/// Warnings about the case, the panel and each model, the gravest first; the same remark once.
pub fn warnings(c: &Consultation, lang: Lang) -> Markup {
    let mut notes: Vec<(&Note, Vec<&str>)> = Vec::new();
    let general = c.notes.iter().chain(&c.case.notes).chain(&c.opinion.notes).map(|n| (n, None));
    let own = (c.readings.iter())
        .flat_map(|r| r.notes.iter().map(|note| (note, Some(r.model.name.get(lang)))));
    for (note, model) in
        general.chain(own).filter(|(n, _)| n.severity >= Severity::Warning && !super::in_banner(n))
    {
        match notes.iter_mut().find(|(known, _)| *known == note) {
            // Said of the case as a whole: the models' names add nothing.
            Some((_, models)) => {
                if !models.is_empty() {
                    models.extend(model);
                }
            }
            None => notes.push((note, model.into_iter().collect())),
        }
    }
    warning_list(notes, lang)
}

/// Warnings with the models that gave them, the gravest first.
pub fn warning_list(mut notes: Vec<(&Note, Vec<&str>)>, lang: Lang) -> Markup {
    notes.sort_by_key(|(note, _)| std::cmp::Reverse(note.severity));
    html! {
        @if !notes.is_empty() {
            section.warnings aria-labelledby="warnings" {
                h2 id="warnings" { (words::WARNINGS.get(lang)) }
                ul { @for (note, models) in notes {
                    li class=(if note.severity == Severity::Serious { "serious" } else { "warning" }) {
                        span aria-hidden="true" { @if note.severity == Severity::Serious { "⚠ " } @else { "△ " } }
                        strong { (words::severity(note.severity).get(lang)) } " "
                        (note.text.get(lang))
                        @if !models.is_empty() { span.quiet { " · " (models.join(", ")) } }
                    }
                } }
            }
        }
    }
}

/// What was read.
pub fn case(c: &Consultation, lang: Lang) -> Markup {
    let facts = &c.case;
    let mut rows: Vec<(&str, String)> = Vec::new();
    let unknown = || words::NOT_STATED.get(lang).to_owned();
    let modality = facts.modality.as_ref().map(|m| words::modality(m).get(lang).to_owned());
    rows.push((words::MODALITY.get(lang), modality.unwrap_or_else(unknown)));
    let part = facts.body_part.as_ref().map(|part| words::body_part(part).get(lang).to_owned());
    rows.push((words::BODY_PART.get(lang), part.unwrap_or_else(unknown)));
    let view = facts.view.as_ref().map(|view| words::view(view).get(lang).to_owned());
    rows.push((words::VIEW.get(lang), view.unwrap_or_else(unknown)));
    if let Some(side) = facts.laterality {
        rows.push((words::LATERALITY.get(lang), words::laterality(side).get(lang).to_owned()));
    }
    let (width, height, frames) = facts.size_px;
    rows.push((words::SIZE.get(lang), words::size(width, height, frames).get(lang).to_owned()));
    let spacing = facts.spacing.map(|spacing| {
        let (row, column) = (plain(spacing.row.0, 4), plain(spacing.column.0, 4));
        let size = if row == column { row } else { format!("{row} × {column}") };
        let source = words::spacing_source(spacing.source);
        match lang {
            Lang::En => format!("{size} mm, {}", source.get(lang)),
            Lang::Zh => format!("{size} mm，{}", source.get(lang)),
        }
    });
    rows.push((words::SPACING.get(lang), spacing.unwrap_or_else(unknown)));
    if let Some(patient) = words::patient(&facts.patient) {
        rows.push((words::PATIENT.get(lang), patient.get(lang).to_owned()));
    }
    if let Some(device) = &facts.device {
        rows.push((words::DEVICE.get(lang), device.clone()));
    }
    let mut file = format!("{}, {}", facts.file.format, bytes(facts.file.bytes));
    if let Some(photometric) = &facts.file.photometric {
        file += &format!(", {photometric}");
    }
    file += &format!(", {} bit", facts.file.bits.1);
    if let Some((_, name)) = &facts.file.transfer_syntax {
        file += &format!(", {name}");
    }
    rows.push((words::FILE.get(lang), file));
    let remarks = facts.notes.iter().chain(&c.notes).filter(|n| n.severity == Severity::Info);
    html! {
        table.facts { tbody { @for (name, value) in &rows {
            tr { th scope="row" { (name) } td { (value) } }
        } } }
        (infos(remarks, lang))
    }
}

/// Remarks worth knowing.
pub fn infos<'a>(notes: impl Iterator<Item = &'a Note>, lang: Lang) -> Markup {
    let notes: Vec<&Note> = notes.collect();
    html! {
        @if !notes.is_empty() {
            ul.infos { @for note in notes { li { (note.text.get(lang)) } } }
        }
    }
}

/// Numbers with units.
pub fn values(c: &Consultation, lang: Lang) -> Markup {
    let all = c.readings.iter().flat_map(|r| r.values.iter().map(|value| (value, &r.model.name)));
    value_table(&all.collect::<Vec<_>>(), lang)
}

/// Numbers and who gave them.
pub fn value_table(values: &[(&Measurement, &Text)], lang: Lang) -> Markup {
    if values.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="values" {
            h2 id="values" { (words::VALUES.get(lang)) }
            table.figures {
                thead { tr {
                    th scope="col" { (words::MEASURE.get(lang)) }
                    th.numbers scope="col" { (words::VALUE.get(lang)) }
                    th.numbers scope="col" { (words::INTERVAL.get(lang)) }
                    th scope="col" { (words::MODEL.get(lang)) }
                } }
                tbody { @for (value, model) in values {
                    @let unit = match value.unit { "1" => "", "[hnsf'U]" => "HU", "g/cm2" => "g/cm²", "mo" => if lang == Lang::Zh { " 月" } else { " months" }, _ => value.unit };
                    tr {
                        th scope="row" { (value.name.get(lang)) }
                        td.numbers { (plain(value.value, 3)) @if value.unit != "1" { " " } (unit) }
                        td.numbers { @if let Some((low, high)) = value.interval { (plain(low, 3)) "–" (plain(high, 3)) } @else { "–" } }
                        td { (model.get(lang)) }
                    }
                } }
            }
        }
    }
}

/// Uncertainty and out-of-domain signs.
pub fn domain(c: &Consultation, lang: Lang) -> Markup {
    let silent =
        |r: &base::Reading| r.trust.out_of_domain.is_empty() && r.trust.uncertainty.is_none();
    if c.readings.iter().all(silent) {
        return html! {};
    }
    html! {
        section aria-labelledby="domain" {
            h2 id="domain" { (words::DOMAIN.get(lang)) }
            table.figures {
                thead { tr {
                    th scope="col" { (words::SIGN.get(lang)) }
                    th.numbers scope="col" { (words::VALUE.get(lang)) }
                    th.numbers scope="col" { (words::LIMIT.get(lang)) }
                    th scope="col" { (words::READS_AS.get(lang)) }
                    th scope="col" { (words::MODEL.get(lang)) }
                } }
                tbody { @for reading in &c.readings {
                    @for sign in &reading.trust.out_of_domain { tr {
                        th scope="row" { (sign.method.get(lang)) }
                        td.numbers { (plain(f64::from(sign.score), 3)) }
                        td.numbers { (sign.threshold.map_or_else(|| "–".to_owned(), |t| plain(f64::from(t), 3))) }
                        td { (match sign.threshold {
                            None => words::NO_LIMIT.get(lang).to_owned(),
                            Some(limit) if sign.score >= limit => format!("⚠ {}", words::STRANGE.get(lang)),
                            Some(_) => words::FAMILIAR.get(lang).to_owned(),
                        }) }
                        td { (reading.model.name.get(lang)) }
                    } }
                    @if let Some(unsure) = reading.trust.uncertainty { tr {
                        th scope="row" { (words::UNCERTAINTY.get(lang)) }
                        td.numbers { (score(unsure)) } td.numbers { "–" } td { "" }
                        td { (reading.model.name.get(lang)) }
                    } }
                } }
            }
        }
    }
}

/// Each model: whether it answered, its limits, its remarks, a text it wrote.
pub fn models(c: &Consultation, cards: &[ModelCard], lang: Lang) -> Markup {
    html! {
        section aria-labelledby="models" {
            h2 id="models" { (words::MODELS.get(lang)) }
            @for reading in &c.readings {
                @let card = cards.iter().find(|card| card.id == reading.model.id);
                article {
                    h3 {
                        (reading.model.name.get(lang)) " " code { (reading.model.id) } " "
                        @if reading.model.placeholder_weights { span.tag.grave { (words::PLACEHOLDER_SHORT.get(lang)) } " " }
                        @if reading.refused.is_some() { span.tag.grave { (words::REFUSED.get(lang)) } }
                        @else { span.tag { (words::ANSWERED.get(lang)) } }
                    }
                    @if let Some(refusal) = &reading.refused {
                        p { strong { (words::REFUSED.get(lang)) (super::colon(lang)) } (refusal.reason.get(lang)) }
                    }
                    @if let Some(card) = card {
                        dl {
                            @for (name, text) in [
                                (&words::INTENDED_USE, &card.intended_use),
                                (&words::LIMITS, &card.limits),
                                (&words::LICENCE, &card.weights_licence),
                            ] {
                                @if let Some(text) = text { dt { (name.get(lang)) } dd { (text.get(lang)) } }
                            }
                        }
                    }
                    (infos(reading.notes.iter().filter(|n| n.severity == Severity::Info), lang))
                    @if let Some(text) = &reading.text {
                        h4 { (words::MODEL_TEXT.get(lang)) }
                        blockquote { (text) }
                    }
                }
            }
        }
    }
}

/// How the result came about.
pub fn manifest(c: &Consultation, lang: Lang) -> Markup {
    run_manifest(&c.manifest, &c.case.file.sha256, lang)
}

/// The same from its parts.
pub fn run_manifest(m: &Manifest, input_sha256: &str, lang: Lang) -> Markup {
    let settings: Vec<String> =
        m.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let rows = [
        (&words::VERSION, format!("Consilium {}", m.version)),
        (&words::CREATED, m.created.clone()),
        (&words::CPU, m.cpu.clone()),
        (&words::THREADS, m.threads.to_string()),
        (
            &words::SETTINGS,
            if settings.is_empty() {
                words::DEFAULTS.get(lang).to_owned()
            } else {
                settings.join("; ")
            },
        ),
        (&words::DECODE, seconds(m.decode_seconds)),
        (&words::INPUT_HASH, input_sha256.to_owned()),
    ];
    let none = || "–".to_owned();
    html! {
        section.manifest aria-labelledby="manifest" {
            h2 id="manifest" { (words::MANIFEST.get(lang)) }
            table.facts { tbody { @for (name, value) in &rows {
                tr { th scope="row" { (name.get(lang)) } td { (value) } }
            } } }
            @if !m.models.is_empty() {
                table.figures {
                    thead { tr {
                        th scope="col" { (words::MODEL.get(lang)) }
                        th scope="col" { (words::WEIGHTS.get(lang)) }
                        th scope="col" { (words::CONTAINER.get(lang)) }
                        th.numbers scope="col" { (words::LOAD.get(lang)) }
                        th.numbers scope="col" { (words::RUN.get(lang)) }
                        th.numbers scope="col" { (words::MEMORY.get(lang)) }
                    } }
                    tbody { @for run in &m.models { tr {
                        th scope="row" { (run.id) }
                        td {
                            (run.weights_file.clone().unwrap_or_else(none))
                            @if let Some(hash) = &run.weights_sha256 { br; code.hash { (hash) } }
                        }
                        td { (run.container.clone().unwrap_or_else(none)) }
                        td.numbers { (seconds(run.load_seconds)) }
                        td.numbers { (seconds(run.run_seconds)) }
                        td.numbers { (bytes(run.planned_bytes)) }
                    } } }
                }
            }
        }
    }
}

/// Lines for the physician's pen.
pub fn signature(lang: Lang) -> Markup {
    html! {
        section.signature aria-labelledby="signature" {
            h2 id="signature" { (words::SIGNATURE.get(lang)) }
            p.choices { @for choice in [&words::AGREE, &words::PARTLY, &words::REJECT] {
                span.choice { span.tick aria-hidden="true" {} (choice.get(lang)) }
            } }
            p.pen { span { (words::COMMENT.get(lang)) } }
            p.pen {}
            div.pens { @for line in [&words::NAME, &words::SIGN_HERE, &words::DATE] {
                p.pen { span { (line.get(lang)) } }
            } }
        }
    }
}
