//! Outlines and boxes over the image, one figure per model that draws.

use super::film::Film;
use crate::contour;
use crate::number::{at, fixed, score};
use crate::pictures::{OUTLINES, sample_mask};
use base::words::report as words;
use base::{Consultation, Lang, Reading, Segment};
use maud::{Markup, html};
use std::fmt::Write;

/// Longest side of the grid that outlines are traced on: finer than any network's own output.
const GRID: usize = 640;

struct Drawn {
    path: String,
    label: Option<(f64, f64)>,
}

/// One figure with a numbered legend for each model with segments or boxes.
pub fn section(c: &Consultation, film: &Film, lang: Lang) -> Markup {
    html! {
        section aria-labelledby="anatomy" {
            h2 id="anatomy" { (words::ANATOMY.get(lang)) }
            @for reading in c.readings.iter().filter(|r| !r.segments.is_empty() || !r.boxes.is_empty()) {
                (figure(reading, film, lang))
            }
            p.quiet { (words::ANATOMY_NOTE.get(lang)) }
        }
    }
}

fn figure(reading: &Reading, film: &Film, lang: Lang) -> Markup {
    let mut labels = Vec::new();
    let drawn: Vec<Drawn> =
        reading.segments.iter().map(|segment| outline(segment, film, &mut labels)).collect();
    let unit = film.unit();
    let over = html! {
        @for (number, shape) in drawn.iter().enumerate() {
            path.halo d=(shape.path) stroke-width=(at(unit * 4.0)) {}
            path.outline d=(shape.path) stroke=(colour(number)) stroke-width=(at(unit * 2.0)) {
                title { (reading.segments[number].code.name.get(lang)) }
            }
        }
        @for (number, shape) in drawn.iter().enumerate() {
            @if let Some((x, y)) = shape.label {
                text.label x=(at(x)) y=(at(y + unit * 9.0)) font-size=(at(unit * 27.0)) stroke-width=(at(unit * 5.0)) fill=(colour(number)) text-anchor="middle" {
                    (number + 1)
                }
            }
        }
        @for found in &reading.boxes {
            @let [x, y, width, height] = film.place(found.rect);
            rect.outline x=(at(x)) y=(at(y)) width=(at(width)) height=(at(height)) stroke=(colour(3)) stroke-width=(at(unit * 2.5)) stroke-dasharray=(at(unit * 9.0)) {}
            text.label x=(at(x)) y=(at(y - unit * 6.0)) font-size=(at(unit * 27.0)) stroke-width=(at(unit * 5.0)) fill=(colour(3)) {
                (found.code.name.get(lang)) " " (score(found.score))
            }
        }
    };
    html! {
        div.split.anatomy {
            figure {
                (film.overlay(words::ANATOMY_ALT.get(lang), lang, over))
                figcaption { (reading.model.name.get(lang)) }
            }
            @if !reading.segments.is_empty() {
                table.figures {
                    thead { tr {
                        th {} th scope="col" { (words::STRUCTURE.get(lang)) }
                        th.numbers scope="col" { (words::AREA.get(lang)) }
                        th.numbers scope="col" { (words::MEAN_SCORE.get(lang)) }
                    } }
                    tbody { @for (number, segment) in reading.segments.iter().enumerate() { tr {
                        td.numbers {
                            svg.sign viewBox="0 0 16 16" aria-hidden="true" { rect.swatch x="2" y="5" width="12" height="6" fill=(colour(number)) {} }
                            (number + 1)
                        }
                        th scope="row" { (segment.code.name.get(lang)) }
                        td.numbers { (area(segment, lang)) }
                        td.numbers { (segment.mean_score.map_or_else(|| "–".to_owned(), score)) }
                    } } }
                }
            }
        }
    }
}

fn area(segment: &Segment, lang: Lang) -> String {
    let pixels = segment.mask.area_px();
    match segment.area_mm2 {
        _ if pixels == 0 => words::NOT_FOUND.get(lang).to_owned(),
        Some(area) => format!("{} cm²", fixed(area / 100.0, 1)),
        None => format!("{pixels} px"),
    }
}

fn colour(number: usize) -> String {
    let [r, g, b] = OUTLINES[number % OUTLINES.len()];
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn outline(segment: &Segment, film: &Film, labels: &mut Vec<(f64, f64)>) -> Drawn {
    let longest = film.width.max(film.height);
    let side = |n: usize| (n * GRID.min(longest) / longest).max(1);
    let (width, height) = (side(film.width), side(film.height));
    let bits = sample_mask(&segment.mask, width, height);
    let scale = (film.width as f64 / width as f64, film.height as f64 / height as f64);
    let mut path = String::new();
    for ring in contour::trace(width, height, &bits) {
        // Specks of a few pixels are kept out of the drawing, not out of the area.
        if contour::area(&ring).abs() < 9.0 && GRID < longest {
            continue;
        }
        for (at_point, (x, y)) in contour::smooth(&ring, 0.8).into_iter().enumerate() {
            let letter = if at_point == 0 { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = write!(path, "{letter}{} {}", at(x * scale.0), at(y * scale.1));
        }
        path.push('Z');
    }
    let label = label_place(width, height, &bits, scale, film.unit() * 40.0, labels);
    labels.extend(label);
    Drawn { path, label }
}

/// A place inside the mask, near its middle and away from the labels already there.
fn label_place(
    width: usize,
    height: usize,
    bits: &[u8],
    scale: (f64, f64),
    apart: f64,
    taken: &[(f64, f64)],
) -> Option<(f64, f64)> {
    let step = (width.max(height) / 80).max(1);
    let inside: Vec<(f64, f64)> = (0..height)
        .step_by(step)
        .flat_map(|y| (0..width).step_by(step).map(move |x| (x, y)))
        .filter(|&(x, y)| bits[y * width + x] != 0)
        .map(|(x, y)| ((x as f64 + 0.5) * scale.0, (y as f64 + 0.5) * scale.1))
        .collect();
    let count = inside.len() as f64;
    let middle =
        inside.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0 / count, sum.1 + p.1 / count));
    let distance = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
    let cost = |p: (f64, f64)| {
        let crowd = taken.iter().map(|&t| (apart - distance(p, t)).max(0.0)).sum::<f64>();
        distance(p, middle) + crowd * 12.0
    };
    inside.into_iter().min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
}
