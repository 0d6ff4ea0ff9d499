//! The image inside the page: one JPEG that every figure refers to.

use crate::number::at;
use crate::pictures;
use base::words::report as words;
use base::{Lang, Picture, Rect, View};
use maud::{Markup, PreEscaped, html};

/// Quality of the page's JPEG: no visible loss on a film at this size.
const QUALITY: u8 = 85;
/// Longest side on the page.
const LONGEST: usize = 768;

/// The shown image and how original pixels map onto it.
pub struct Film {
    /// Columns on the page.
    pub width: usize,
    /// Rows on the page.
    pub height: usize,
    across: f64,
    down: f64,
    data: String,
    frontal: bool,
}

impl Film {
    /// Scales and codes the picture. Sides are marked unless the header names a lateral view.
    pub fn new(picture: &Picture, view: Option<&View>) -> Film {
        let shown = pictures::fit(picture, LONGEST);
        let (width, height) = (shown.width(), shown.height());
        Film {
            width,
            height,
            across: width as f64 / picture.width() as f64,
            down: height as f64 / picture.height() as f64,
            data: pictures::base64(&pictures::jpeg(&shown, QUALITY)),
            frontal: matches!(view, Some(View::Pa | View::Ap)),
        }
    }

    /// x, y, width, height on the page of a rectangle in original pixels.
    pub fn place(&self, rect: Rect) -> [f64; 4] {
        [
            f64::from(rect.x) * self.across,
            f64::from(rect.y) * self.down,
            f64::from(rect.width) * self.across,
            f64::from(rect.height) * self.down,
        ]
    }

    /// The plain image; holds the JPEG that the other figures use.
    pub fn figure(&self, lang: Lang) -> Markup {
        let source = format!("data:image/jpeg;base64,{}", self.data);
        let defs = html! {
            defs { image id="film" href=(PreEscaped(&source)) width=(self.width) height=(self.height) {} }
        };
        html! {
            figure {
                (self.drawing(words::IMAGE_ALT.get(lang), lang, html! { (defs) use href="#film" {} }))
                @if self.frontal { figcaption { (words::SIDES_ASSUMED.get(lang)) } }
            }
        }
    }

    /// The image with something drawn over it, in the page's image coordinates.
    pub fn overlay(&self, alt: &str, lang: Lang, over: Markup) -> Markup {
        self.drawing(alt, lang, html! { use href="#film" {} (over) })
    }

    /// Side letters stand in a strip above the image, never on it.
    fn drawing(&self, alt: &str, lang: Lang, inner: Markup) -> Markup {
        let strip = if self.frontal { self.unit() * 34.0 } else { 0.0 };
        let (width, height) = (self.width as f64, self.height as f64);
        let view = format!("0 {} {} {}", at(-strip), at(width), at(height + strip));
        html! {
            svg.film viewBox=(view) role="img" aria-label=(alt) {
                title { (alt) }
                @if self.frontal {
                    rect.strip x="0" y=(at(-strip)) width=(at(width)) height=(at(strip)) {}
                    text.mark x=(at(strip * 0.3)) y=(at(-strip * 0.25)) font-size=(at(strip * 0.75)) {
                        (words::RIGHT_MARK.get(lang))
                    }
                    text.mark x=(at(width - strip * 0.3)) y=(at(-strip * 0.25)) font-size=(at(strip * 0.75)) text-anchor="end" {
                        (words::LEFT_MARK.get(lang))
                    }
                }
                (inner)
            }
        }
    }

    /// A length that looks the same on every figure: one for an image 800 px wide.
    pub fn unit(&self) -> f64 {
        self.width as f64 / 800.0
    }
}
