//! The page of a case that is a volume.

use super::{document, parts};
use crate::number::{bytes, fixed, plain, seconds};
use crate::pictures::{base64, label_colour, png, values_in_colour};
use base::words::fit;
use base::words::report as words;
use base::words::segmentation as own;
use base::{
    Lang, MeasuredStructure, Measurement, Note, Picture, Severity, StructureDetails, Text,
    ValuePicture, VolumeConsultation, VolumeReading,
};
use maud::{Markup, html};

/// Boxes that the page lists.
const MOST_BOXES: usize = 30;

/// Pictures of a reading.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumePictures {
    /// Three planes.
    pub planes: Picture,
    /// Surfaces, where something was found.
    pub surfaces: Option<Picture>,
    /// Maps of values, where the model gives some.
    pub values: Vec<ValuePicture>,
}

/// The report of one volume in one language; `pictures` are those of the readings, in their order. The
/// same consultation gives the same bytes.
pub fn volume_page(c: &VolumeConsultation, pictures: &[VolumePictures], lang: Lang) -> String {
    let body = html! {
        header {
            p.kind { "Consilium · " (own::TITLE.get(lang)) }
            h1 { (c.case.name) }
            p.research { (words::RESEARCH_USE.get(lang)) }
        }
        main {
            (warnings(c, lang))
            @for (number, reading) in c.readings.iter().enumerate() {
                (section(reading, pictures.get(number), lang))
            }
            (case(c, lang))
            (parts::run_manifest(&c.manifest, &c.case.sha256, lang))
            (parts::signature(lang))
        }
        footer { p.research { (words::RESEARCH_USE.get(lang)) } }
    };
    document(&format!("{} · {}", c.case.name, own::TITLE.get(lang)), lang, body)
}

fn warnings(c: &VolumeConsultation, lang: Lang) -> Markup {
    let all = c.notes.iter().chain(&c.case.notes).chain(c.readings.iter().flat_map(|r| &r.notes));
    let mut notes: Vec<(&Note, Vec<&str>)> = Vec::new();
    for note in all.filter(|note| note.severity >= Severity::Warning) {
        if notes.iter().all(|(known, _)| *known != note) {
            notes.push((note, Vec::new()));
        }
    }
    parts::warning_list(notes, lang)
}

fn section(reading: &VolumeReading, pictures: Option<&VolumePictures>, lang: Lang) -> Markup {
    let appraised = reading.structures.iter().any(|structure| structure.appraisal.is_some());
    let unchecked = if appraised { &own::UNCHECKED_EXPECTED } else { &own::UNCHECKED };
    html! {
        section {
            h2 { (reading.model.name.get(lang)) }
            p.quiet { (unchecked.get(lang)) }
            @if let Some(VolumePictures { planes, surfaces, values }) = pictures {
                @let caption = if reading.boxes.is_empty() { &own::PLANES } else { &own::BEST_BOX };
                (picture(planes, &own::PLANES_ALT, caption, lang))
                @if let Some(surfaces) = surfaces {
                    @let whole = base::hiding_labels(&reading.structures).is_empty();
                    @let caption = if whole { &fit::SURFACE } else { &fit::SURFACE_BRAIN };
                    (picture(surfaces, &fit::SURFACE_ALT, caption, lang))
                }
                @for shown in values {
                    @if let Some(coloured) = values_in_colour(shown) {
                        (picture(&coloured, &shown.alt, &shown.caption, lang))
                    }
                }
            }
            table.figures {
                thead { tr {
                    th scope="col" { (words::STRUCTURE.get(lang)) }
                    th scope="col" { (own::LABEL.get(lang)) }
                    th scope="col" { (own::VOLUME.get(lang)) }
                    @if appraised {
                        th scope="col" { (own::SHARE.get(lang)) }
                        th scope="col" { (own::ASYMMETRY.get(lang)) }
                        th scope="col" { (own::QUALITY.get(lang)) }
                    }
                    th scope="col" { (own::VALUES.get(lang)) }
                    th scope="col" { (own::RANGE.get(lang)) }
                } }
                tbody { @for structure in &reading.structures { (row(structure, appraised, lang)) } }
            }
            (boxes(reading, lang))
            (parts::value_table(&values(reading), lang))
            (details(reading, lang))
            p.quiet { (fit::FILES.get(lang)) ": " (files(reading)) }
            (parts::infos(reading.notes.iter().filter(|n| n.severity == Severity::Info), lang))
        }
    }
}

/// Boxes, the best ones; all stand in the table beside the page.
fn boxes(reading: &VolumeReading, lang: Lang) -> Markup {
    if reading.boxes.is_empty() {
        return html! {};
    }
    let place = |mm: [f64; 3]| mm.map(|mm| plain(mm, 1)).join(", ");
    html! {
        h3 { (own::BOXES.get(lang)) }
        p.quiet { (own::BOXES_NOTE.get(lang)) }
        table.figures {
            thead { tr {
                th scope="col" { (words::STRUCTURE.get(lang)) }
                th scope="col" { (own::LABEL.get(lang)) }
                th scope="col" { (words::SCORE.get(lang)) }
                th scope="col" { (own::CENTRE.get(lang)) }
                th scope="col" { (own::EXTENT.get(lang)) }
            } }
            tbody { @for found in reading.boxes.iter().take(MOST_BOXES) {
                tr {
                    th scope="row" { (swatch(Some(found.label))) " " (found.name.get(lang)) }
                    td { (found.label) }
                    td { (fixed(f64::from(found.score), 3)) }
                    td { (place(found.centre_mm)) }
                    td { (found.extent_mm.map(|mm| plain(mm, 1)).join(" × ")) " mm" }
                }
            } }
        }
        @if let Some(more) = reading.boxes.len().checked_sub(MOST_BOXES).filter(|more| *more > 0) {
            p.quiet { (own::more_boxes(more).get(lang)) }
        }
    }
}

fn values(reading: &VolumeReading) -> Vec<(&Measurement, &Text)> {
    reading.values.iter().map(|value| (value, &reading.model.name)).collect()
}

fn picture(picture: &Picture, alt: &Text, caption: &Text, lang: Lang) -> Markup {
    html! {
        figure {
            img alt=(alt.get(lang)) width=(picture.width()) height=(picture.height())
                style="max-width:100%;height:auto;background:#000"
                src={ "data:image/png;base64," (base64(&png(picture))) };
            figcaption { (caption.get(lang)) }
        }
    }
}

/// The table of `--statistics`.
fn details(reading: &VolumeReading, lang: Lang) -> Markup {
    let rows: Vec<(&MeasuredStructure, &StructureDetails)> =
        reading.structures.iter().filter_map(|s| Some((s, s.details.as_ref()?))).collect();
    if rows.is_empty() {
        return html! {};
    }
    let value = |value: Option<f64>| value.map_or("–".to_owned(), |value| plain(value, 1));
    html! {
        h3 { (fit::DETAILS.get(lang)) }
        p.quiet { (fit::DETAILS_NOTE.get(lang)) }
        table.figures {
            thead { tr {
                th scope="col" { (words::STRUCTURE.get(lang)) }
                th scope="col" { (fit::MEDIAN.get(lang)) }
                th scope="col" { (fit::PERCENTILES.get(lang)) }
                th scope="col" { (fit::AXES.get(lang)) }
                th scope="col" { (fit::AREA.get(lang)) }
                th scope="col" { (fit::PARTS.get(lang)) }
            } }
            tbody { @for (structure, details) in rows {
                @let [p5, _, p50, _, p95] = details.percentiles;
                tr {
                    th scope="row" { (structure.name.get(lang)) }
                    td { (value(p50)) }
                    td { (value(p5)) " … " (value(p95)) }
                    td { (details.axes_mm.map(|mm| plain(mm, 1)).join(" × ")) " mm" }
                    td { (details.surface_mm2.map_or("–".to_owned(), |mm2| {
                        format!("{} cm²", plain(mm2 / 100.0, 1))
                    })) }
                    td { (details.parts) }
                }
            } }
        }
    }
}

fn files(reading: &VolumeReading) -> Markup {
    let all = std::iter::once(&reading.mask).chain(&reading.files);
    html! { @for (number, file) in all.enumerate() {
        @if number > 0 { ", " }
        a href=(super::index::relative(file)) { (file) }
    } }
}

/// Share, asymmetry and quality, where a model gives them.
fn appraisal(structure: &MeasuredStructure, lang: Lang) -> Markup {
    let percent = |value: Option<f64>, digits: usize| {
        value.map_or("–".to_owned(), |value| format!("{} %", fixed(100.0 * value, digits)))
    };
    let Some(found) = structure.appraisal else {
        return html! { td { "–" } td { "–" } td { "–" } };
    };
    html! {
        td { (percent(found.share, 2)) }
        td { (percent(found.asymmetry, 1)) }
        td {
            (fixed(f64::from(found.quality), 2))
            @if found.withheld { " " span.quiet { (own::LOW.get(lang)) } }
        }
    }
}

/// A little square in the colour that a label has in the pictures; black of none.
fn swatch(label: Option<u16>) -> Markup {
    let [red, green, blue] = label.map_or([0; 3], label_colour);
    html! {
        svg width="12" height="12" aria-hidden="true" {
            rect.swatch width="12" height="12" fill=(format!("#{red:02x}{green:02x}{blue:02x}")) {}
        }
    }
}

fn row(structure: &MeasuredStructure, appraised: bool, lang: Lang) -> Markup {
    let labels: Vec<String> = structure.labels.iter().map(u16::to_string).collect();
    html! { tr {
        th scope="row" {
            (swatch(structure.labels.first().copied())) " " (structure.name.get(lang))
            @if let Some(code) = &structure.code {
                " " span.quiet { (code.kind.scheme) " " (code.kind.value) }
            }
        }
        td { (labels.join("+")) }
        @if structure.voxels == 0 {
            td colspan=(if appraised { "6" } else { "3" }) { (words::NOT_FOUND.get(lang)) }
        } @else {
            @match structure.shown_volume_ml() {
                Some(ml) => td { (fixed(ml, 2)) " mL" }
                None => td { (own::WITHHELD.get(lang)) }
            }
            @if appraised { (appraisal(structure, lang)) }
            @if let Some(values) = structure.values {
                td { (plain(values.mean, 1)) " ± " (plain(values.sd, 1)) }
                td { (plain(values.min, 1)) " … " (plain(values.max, 1)) }
            } @else { td { "–" } td { "–" } }
        }
    } }
}

fn case(c: &VolumeConsultation, lang: Lang) -> Markup {
    let size = c.grid.size.map(|n| n.to_string()).join(" × ");
    let spacing = c.grid.spacing_mm().map(|mm| plain(mm, 4)).join(" × ");
    let mut rows = vec![
        (&own::FORMAT, c.case.format.to_owned()),
        (&own::VOXELS, size),
        (&own::SPACING, format!("{spacing} mm")),
        (&own::GEOMETRY, c.case.geometry.name().to_owned()),
        (&own::FILE_SIZE, bytes(c.case.bytes)),
        (&words::DECODE, seconds(c.manifest.decode_seconds)),
    ];
    if let Some(side) = c.case.laterality {
        rows.insert(0, (&words::LATERALITY, words::laterality(side).get(lang).to_owned()));
    }
    if let Some(modality) = &c.case.modality {
        rows.insert(0, (&words::MODALITY, modality.code().to_owned()));
    }
    let notes = c.case.notes.iter().chain(&c.notes).filter(|n| n.severity == Severity::Info);
    html! {
        section {
            h2 { (words::CASE.get(lang)) }
            table.facts { tbody { @for (name, value) in &rows {
                tr { th scope="row" { (name.get(lang)) } td { (value) } }
            } } }
            (parts::infos(notes, lang))
        }
    }
}
