//! Plots as SVG that read well on paper: thin lines, no colour that carries meaning alone.

use base::Text;
use base::words::score as words;
use std::fmt::Write;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Above the plot.
    pub title: &'static Text,
    /// Under and beside the axes.
    pub axes: [&'static Text; 2],
    /// Ends of x.
    pub x: [f64; 2],
    /// Ends of y.
    pub y: [f64; 2],
    /// What lies in it, the first at the bottom.
    pub marks: Vec<Mark>,
}

/// Something in a plot.
#[derive(Clone, Debug)]
pub enum Mark {
    /// Points joined by lines.
    Line(Vec<(f64, f64)>),
    /// A dashed line for comparison.
    Dashed(Vec<(f64, f64)>),
    /// x, lower and upper end of a band.
    Band(Vec<(f64, f64, f64)>),
    /// Single points.
    Dots(Vec<(f64, f64)>),
    /// x, lower and upper end of an interval.
    Bars(Vec<(f64, f64, f64)>),
    /// Quartiles at an x: lowest, first quartile, median, third quartile, highest.
    Box(f64, [f64; 5]),
    /// A name at an x under the axis.
    Name(f64, String),
}

/// Longer names are cut.
const MOST_CHARS: usize = 12;
/// More columns are drawn in several plots.
const MOST_COLUMNS: usize = 8;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 24.0;
const RIGHT: f64 = 12.0;

/// Escapes a text for markup.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Plot {
    /// A square from 0 to 1 along both axes.
    pub fn unit(title: &'static Text, x: &'static Text, y: &'static Text) -> Plot {
        Plot { title, axes: [x, y], x: [0.0, 1.0], y: [0.0, 1.0], marks: Vec::new() }
    }

    /// Widens the axes to hold every value given, with a little room.
    #[must_use]
    pub fn around(mut self, xs: &[f64], ys: &[f64]) -> Plot {
        let ends = |values: &[f64]| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let room = if high > low { 0.05 * (high - low) } else { 0.5 };
            if low.is_finite() && high.is_finite() { [low - room, high + room] } else { [0.0, 1.0] }
        };
        (self.x, self.y) = (ends(xs), ends(ys));
        self
    }

    /// Adds a mark.
    #[must_use]
    pub fn with(mut self, mark: Mark) -> Plot {
        self.marks.push(mark);
        self
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let along = |value: f64, ends: [f64; 2]| (value - ends[0]) / (ends[1] - ends[0]);
        (
            LEFT + along(x, self.x).clamp(-0.02, 1.02) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - along(y, self.y).clamp(-0.02, 1.02) * (HEIGHT - BOTTOM - TOP),
        )
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (at, (x, y)) in points.iter().enumerate() {
            let (x, y) = self.at(*x, *y);
            let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
        }
        path
    }

    /// The drawing, with the texts of both languages in it.
    pub fn svg(&self) -> String {
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escaped(self.title.en())
        );
        let both = |text: &Text, class: &str, rest: &str| {
            let one = |lang: &str, text: &str| {
                format!("<text class=\"{lang}{class}\" {rest}>{}</text>", escaped(text))
            };
            one("en", text.en()) + &one("zh", text.zh())
        };
        let named = self.marks.iter().any(|mark| matches!(mark, Mark::Name(..)));
        let (left, bottom) = (LEFT, HEIGHT - BOTTOM);
        let (right, top) = (WIDTH - RIGHT, TOP);
        let _ = write!(
            out,
            "<path class=\"axis\" d=\"M{left} {top}L{left} {bottom}L{right} {bottom}\"/>"
        );
        for value in ticks(self.y) {
            let (_, y) = self.at(self.x[0], value);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{left} {y:.1}L{right} {y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 4.0,
                y + 3.0,
                short(value)
            );
        }
        if !named {
            for value in ticks(self.x) {
                let (x, _) = self.at(value, self.y[0]);
                let _ = write!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    bottom + 12.0,
                    short(value)
                );
            }
        }
        for mark in &self.marks {
            self.draw(mark, &mut out);
        }
        let middle = (left + right) / 2.0;
        let centred = |y: f64| format!("x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\"");
        out += &both(self.title, " t", &centred(14.0));
        // Long names take the place under the axis.
        if !self.slants() {
            out += &both(self.axes[0], "", &centred(HEIGHT - 8.0));
        }
        let half = (top + bottom) / 2.0;
        out += &both(
            self.axes[1],
            "",
            &format!("transform=\"translate(12 {half}) rotate(-90)\" text-anchor=\"middle\""),
        );
        out + "</svg>"
    }

    /// Names wider than their columns are written aslant.
    fn slants(&self) -> bool {
        let names = self.marks.iter().filter_map(|mark| match mark {
            Mark::Name(_, name) => Some(shortened(name).chars().map(chars_wide).sum::<f64>()),
            _ => None,
        });
        let widest = names.fold(0.0, f64::max);
        widest > (WIDTH - LEFT - RIGHT) / (self.x[1] - self.x[0]).max(1.0)
    }

    fn draw(&self, mark: &Mark, out: &mut String) {
        match mark {
            Mark::Line(points) => {
                let _ = write!(out, "<path class=\"line\" d=\"{}\"/>", self.path(points));
            }
            Mark::Dashed(points) => {
                let _ = write!(out, "<path class=\"dash\" d=\"{}\"/>", self.path(points));
            }
            Mark::Band(points) => {
                let mut around: Vec<(f64, f64)> =
                    points.iter().map(|(x, low, _)| (*x, *low)).collect();
                around.extend(points.iter().rev().map(|(x, _, high)| (*x, *high)));
                let _ = write!(out, "<path class=\"band\" d=\"{}Z\"/>", self.path(&around));
            }
            Mark::Dots(points) => {
                for (x, y) in points {
                    let (x, y) = self.at(*x, *y);
                    let _ =
                        write!(out, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>");
                }
            }
            Mark::Bars(bars) => {
                for (x, low, high) in bars {
                    let (at, a) = self.at(*x, *low);
                    let (_, b) = self.at(*x, *high);
                    let _ =
                        write!(out, "<path class=\"bar\" d=\"M{at:.1} {a:.1}L{at:.1} {b:.1}\"/>");
                }
            }
            Mark::Box(x, [low, first, median, third, high]) => {
                let (at, a) = self.at(*x, *first);
                let (_, b) = self.at(*x, *third);
                let (_, m) = self.at(*x, *median);
                let (_, l) = self.at(*x, *low);
                let (_, h) = self.at(*x, *high);
                let _ = write!(
                    out,
                    "<path class=\"bar\" d=\"M{at:.1} {l:.1}L{at:.1} {a:.1}M{at:.1} {b:.1}L{at:.1} {h:.1}\"/>\
                     <rect class=\"box\" x=\"{:.1}\" y=\"{b:.1}\" width=\"18\" height=\"{:.1}\"/>\
                     <path class=\"line\" d=\"M{:.1} {m:.1}L{:.1} {m:.1}\"/>",
                    at - 9.0,
                    (a - b).max(0.5),
                    at - 9.0,
                    at + 9.0
                );
            }
            Mark::Name(x, name) => {
                let (at, y) = (self.at(*x, self.y[0]).0, HEIGHT - BOTTOM);
                let name = escaped(&shortened(name));
                let place = match self.slants() {
                    true => format!(
                        "transform=\"translate({:.1} {:.1}) rotate(-35)\" text-anchor=\"end\"",
                        at + 3.0,
                        y + 9.0
                    ),
                    false => format!("x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\"", y + 12.0),
                };
                let _ = write!(out, "<text {place}>{name}</text>");
            }
        }
    }
}

/// A name as it is written under a column.
fn shortened(name: &str) -> String {
    match name.chars().count() > MOST_CHARS {
        true => name.chars().take(MOST_CHARS - 1).chain(['…']).collect(),
        false => name.into(),
    }
}

/// Width of a character of 9 px: of Chinese the whole, of others about half.
fn chars_wide(c: char) -> f64 {
    if (c as u32) < 0x1100 { 5.2 } else { 9.0 }
}

/// About five round numbers between the ends.
fn ticks([low, high]: [f64; 2]) -> Vec<f64> {
    let rough = (high - low) / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough);
    let step = step.unwrap_or(rough);
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).take(12).map(|at| at as f64 * step).collect()
}

fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Lowest, quartiles and highest of some values; `None` of none.
pub fn quartiles(values: &[f64]) -> Option<[f64; 5]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |q| metrics::stats::quantile_sorted(&sorted, q);
    Some([at(0.0)?, at(0.25)?, at(0.5)?, at(0.75)?, at(1.0)?])
}

/// Boxes and dots of a metric, one column a structure; plots with the same axis where there are many.
pub fn columns(title: &'static Text, y: &'static Text, groups: &[(String, Vec<f64>)]) -> Vec<Plot> {
    let every: Vec<f64> = groups.iter().flat_map(|(_, values)| values).copied().collect();
    let parts = groups.len().div_ceil(MOST_COLUMNS).max(1);
    let own = groups.chunks(groups.len().div_ceil(parts).max(1));
    own.map(|groups| some_columns(title, y, groups, &every)).collect()
}

fn some_columns(
    title: &'static Text,
    y: &'static Text,
    groups: &[(String, Vec<f64>)],
    every: &[f64],
) -> Plot {
    let mut plot = Plot::unit(title, &words::STRUCTURE, y).around(&[], every);
    plot.x = [0.0, groups.len().max(1) as f64];
    for (at, (name, values)) in groups.iter().enumerate() {
        let middle = at as f64 + 0.5;
        if let Some(five) = quartiles(values) {
            plot.marks.push(Mark::Box(middle - 0.12, five));
        }
        // Dots lie side by side in a fixed pattern, so that equal values can be told apart.
        let dots = values
            .iter()
            .enumerate()
            .map(|(n, value)| (middle + 0.12 + 0.02 * (n * 7 % 11) as f64, *value));
        plot.marks.push(Mark::Dots(dots.collect()));
        plot.marks.push(Mark::Name(middle, name.clone()));
    }
    plot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks([0.0, 1.0]), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks([-7.0, 13.0]), [-5.0, 0.0, 5.0, 10.0]);
        assert!(ticks([1.0, 1.0 + 1e-9]).len() <= 12);
    }
}
