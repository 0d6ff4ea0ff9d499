//! Explanation maps over the image.

use super::film::Film;
use crate::contour;
use crate::number::at;
use crate::pictures::{Heat, base64, heat};
use base::words::report as words;
use base::{Consultation, Lang};
use maud::{Markup, PreEscaped, html};
use std::fmt::Write;

/// One figure per map; nothing without maps.
pub fn section(c: &Consultation, film: &Film, lang: Lang) -> Markup {
    if c.readings.iter().all(|reading| reading.maps.is_empty()) {
        return html! {};
    }
    html! {
        section aria-labelledby="maps" {
            h2 id="maps" { (words::EXPLANATIONS.get(lang)) }
            p.lead { strong { (words::EXPLANATION_NOTE.get(lang)) } " " (words::EXPLANATION_SCALE.get(lang)) }
            div.maps {
                @for reading in &c.readings { @for map in &reading.maps {
                    @let heat = heat(map);
                    @let method = words::method(map.method);
                    @let alt = words::map_alt(&map.code.name, &method, &reading.model.name);
                    figure {
                        (film.overlay(alt.get(lang), lang, layer(&heat, film)))
                        figcaption {
                            strong { (map.code.name.get(lang)) } " · " (method.get(lang))
                            br; span.quiet { (reading.model.name.get(lang)) }
                            @if heat.is_empty() { br; (words::EXPLANATION_EMPTY.get(lang)) }
                        }
                    }
                } }
            }
        }
    }
}

fn layer(heat: &Heat, film: &Film) -> Markup {
    let [x, y, width, height] = film.place(heat.covers);
    if heat.is_empty() {
        return html! {};
    }
    let source = format!("data:image/png;base64,{}", base64(&heat.png()));
    let scale = (width / heat.width as f64, height / heat.height as f64);
    let mut path = String::new();
    for ring in contour::trace(heat.width, heat.height, &heat.half()) {
        for (number, (across, down)) in contour::smooth(&ring, 0.4).into_iter().enumerate() {
            let letter = if number == 0 { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = write!(path, "{letter}{} {}", at(x + across * scale.0), at(y + down * scale.1));
        }
        path.push('Z');
    }
    let unit = film.unit();
    html! {
        image href=(PreEscaped(&source)) x=(at(x)) y=(at(y)) width=(at(width)) height=(at(height)) preserveAspectRatio="none" {}
        rect.covers x=(at(x)) y=(at(y)) width=(at(width)) height=(at(height)) stroke-width=(at(unit * 1.5)) {}
        path.half d=(path) stroke-width=(at(unit * 3.0)) stroke-dasharray=(at(unit * 10.0)) {}
    }
}
