//! Scores as a sorted chart and as a table.

use super::finding_name;
use crate::number::{at, score};
use base::words::report as words;
use base::{Consultation, Finding, Lang};
use maud::{Markup, html};

/// Coordinates of the chart: a score `s` stands at `LEFT + SPAN * s`.
const LEFT: f64 = 10.0;
const SPAN: f64 = 380.0;
const WHOLE: f64 = 400.0;

/// Where a score stands, in the chart's own units (0..=400).
pub(crate) fn marker_x(score: f32) -> f64 {
    LEFT + SPAN * if score.is_finite() { f64::from(score.clamp(0.0, 1.0)) } else { 0.0 }
}

struct Row<'a> {
    name: String,
    /// The model's place among those that answered, and what it said.
    marks: Vec<(usize, &'a Finding)>,
}

impl Row<'_> {
    fn mean(&self) -> f32 {
        self.marks.iter().map(|(_, f)| f.score).sum::<f32>() / self.marks.len() as f32
    }

    fn votes(&self) -> (usize, usize) {
        let votes = || self.marks.iter().filter_map(|(_, finding)| finding.positive());
        (votes().filter(|&yes| yes).count(), votes().count())
    }

    /// 0 someone says yes, 1 all say no, 2 nobody votes.
    fn group(&self) -> usize {
        match self.votes() {
            (_, 0) => 2,
            (0, _) => 1,
            _ => 0,
        }
    }
}

fn rows<'a>(c: &'a Consultation, lang: Lang) -> (Vec<usize>, Vec<Row<'a>>) {
    let scoring: Vec<usize> =
        (0..c.readings.len()).filter(|&at| !c.readings[at].findings.is_empty()).collect();
    let mut rows: Vec<Row> = Vec::new();
    for (place, &at) in scoring.iter().enumerate() {
        for finding in &c.readings[at].findings {
            let same = |other: &Finding| {
                other.code == finding.code
                    && other.side == finding.side
                    && other.site == finding.site
            };
            match rows.iter_mut().find(|row| same(row.marks[0].1)) {
                Some(row) => row.marks.push((place, finding)),
                None => rows
                    .push(Row { name: finding_name(finding, lang), marks: vec![(place, finding)] }),
            }
        }
    }
    rows.sort_by(|a, b| a.group().cmp(&b.group()).then(b.mean().total_cmp(&a.mean())));
    (scoring, rows)
}

/// One row per finding, one marker per model; nothing when no model scores findings.
pub fn section(c: &Consultation, lang: Lang) -> Markup {
    let (scoring, rows) = rows(c, lang);
    if rows.is_empty() {
        return html! {};
    }
    let models = scoring.len();
    let all_half =
        (rows.iter().flat_map(|row| &row.marks)).all(|(_, finding)| finding.threshold == Some(0.5));
    let groups = match models {
        1 => [&words::GROUP_POSITIVE_ONE, &words::GROUP_NEGATIVE_ONE, &words::GROUP_UNDECIDED],
        _ => [&words::GROUP_POSITIVE, &words::GROUP_NEGATIVE, &words::GROUP_UNDECIDED],
    };
    html! {
        section aria-labelledby="findings" {
            h2 id="findings" { (words::FINDINGS.get(lang)) }
            p.lead { (if all_half { &words::SCORE_HALF } else { &words::SCORE_TICKS }.get(lang)) }
            p.legend {
                span.quiet { (words::MODELS_LEGEND.get(lang)) (super::colon(lang)) }
                @for (place, &at) in scoring.iter().enumerate() {
                    span.key {
                        svg.sign viewBox="0 0 16 16" aria-hidden="true" { (shape(place, 8.0, 8.0, "full")) }
                        " " (c.readings[at].model.name.get(lang))
                    }
                }
            }
            table.chart {
                thead { tr {
                    th scope="col" { (words::FINDING.get(lang)) }
                    th.plot scope="col" { (scale(lang)) }
                    th.numbers scope="col" {
                        (if models > 1 { &words::MEAN_RANGE } else { &words::SCORE }.get(lang))
                    }
                    th scope="col" { (if models > 1 { &words::AGREEMENT } else { &words::READS_AS }.get(lang)) }
                } }
                @for (group, title) in groups.iter().enumerate() {
                    @let members: Vec<_> = rows.iter().filter(|row| row.group() == group).collect();
                    @if !members.is_empty() {
                        tbody class=(if group == 0 { "yes" } else { "no" }) {
                            tr.group { th colspan="4" scope="rowgroup" { (title.get(lang)) } }
                            @for row in members { (line(c, &scoring, row, all_half, lang)) }
                        }
                    }
                }
            }
        }
    }
}

fn line(c: &Consultation, scoring: &[usize], row: &Row, all_half: bool, lang: Lang) -> Markup {
    let models = scoring.len();
    let lowest = row.marks.iter().map(|(_, f)| f.score).fold(f32::INFINITY, f32::min);
    let highest = row.marks.iter().map(|(_, f)| f.score).fold(f32::NEG_INFINITY, f32::max);
    let (positive, voting) = row.votes();
    html! {
        tr {
            th scope="row" {
                (row.name)
                @if row.marks.iter().all(|(_, f)| f.calibrated) { " " span.tag { (words::CALIBRATED.get(lang)) } }
            }
            td.plot { (plot(c, scoring, row, all_half, lang)) }
            td.numbers {
                (score(row.mean()))
                @if row.marks.len() > 1 { span.quiet { " (" (score(lowest)) "–" (score(highest)) ")" } }
            }
            td.says {
                @if positive > 0 { span aria-hidden="true" { @if positive == voting { "● " } @else { "◐ " } } }
                (match (positive, voting) {
                    (_, 0) => words::UNDECIDED.clone(),
                    (1, 1) if models == 1 => words::YES.clone(),
                    (0, 1) if models == 1 => words::NO.clone(),
                    _ => words::votes(positive, voting),
                }.get(lang))
            }
        }
    }
}

fn plot(c: &Consultation, scoring: &[usize], row: &Row, all_half: bool, lang: Lang) -> Markup {
    let models = scoring.len();
    let lane = if models > 4 { 5.0 } else { 7.0 };
    let height = 22.0 + lane * (models as f64 - 1.0);
    let lane_y = |place: usize| 11.0 + lane * place as f64;
    let name = |place: usize| &c.readings[scoring[place]].model.name;
    let spoken: Vec<String> = (row.marks.iter())
        .map(|(place, finding)| {
            let point = finding.threshold.map(score);
            words::marker(name(*place), &score(finding.score), point.as_deref())
                .get(lang)
                .to_owned()
        })
        .collect();
    html! {
        svg.plot viewBox=(format!("0 0 {} {}", at(WHOLE), at(height))) role="img" aria-label=(spoken.join("; ")) {
            @for step in 0..=4u8 {
                @let x = at(marker_x(f32::from(step) / 4.0));
                line class=(if step == 2 && all_half { "point" } else { "grid" }) x1=(x) x2=(x) y1="0" y2=(at(height)) {}
            }
            @if models == 1 && let Some((_, finding)) = row.marks.first() {
                @let end = marker_x(finding.score);
                rect.bar.m0 x=(at(LEFT)) y=(at(lane_y(0) - 3.0)) width=(at(end - LEFT)) height="6" {}
            }
            @for ((place, finding), spoken) in row.marks.iter().zip(&spoken) {
                @let (x, y) = (marker_x(finding.score), lane_y(*place));
                g {
                    title { (spoken) }
                    @if !all_half && let Some(threshold) = finding.threshold {
                        @let x = at(marker_x(threshold));
                        line.point x1=(x) x2=(x) y1=(at(y - lane * 0.6 - 2.0)) y2=(at(y + lane * 0.6 + 2.0)) {}
                    }
                    @if let Some((low, high)) = finding.interval {
                        line class=(format!("whisker m{}", place % SHAPES)) x1=(at(marker_x(low))) x2=(at(marker_x(high))) y1=(at(y)) y2=(at(y)) {}
                    }
                    (shape(*place, x, y, match finding.positive() {
                        Some(true) => "full",
                        Some(false) => "hollow",
                        None => "open",
                    }))
                }
            }
        }
    }
}

/// The numbers over the chart.
fn scale(lang: Lang) -> Markup {
    html! {
        svg.plot viewBox="0 0 400 16" role="img" aria-label=(words::SCORE.get(lang)) {
            @for (step, label) in ["0", "0.25", "0.5", "0.75", "1"].iter().enumerate() {
                text x=(at(marker_x(step as f32 / 4.0))) y="12" text-anchor="middle" { (label) }
            }
        }
    }
}

const SHAPES: usize = 8;

/// The marker of the model at `place`: circle, square, diamond, triangles, pentagon, star, bar.
fn shape(place: usize, x: f64, y: f64, fill: &str) -> Markup {
    let class = format!("marker {fill} m{}", place % SHAPES);
    let points: &[(f64, f64)] = match place % SHAPES {
        0 => return html! { circle class=(class) cx=(at(x)) cy=(at(y)) r="5" {} },
        1 => &[(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)],
        2 => &[(0.0, -6.0), (6.0, 0.0), (0.0, 6.0), (-6.0, 0.0)],
        3 => &[(0.0, -5.5), (5.5, 4.5), (-5.5, 4.5)],
        4 => &[(0.0, 5.5), (5.5, -4.5), (-5.5, -4.5)],
        5 => &[(0.0, -5.5), (5.4, -1.6), (3.3, 4.6), (-3.3, 4.6), (-5.4, -1.6)],
        6 => &[
            (0.0, -6.5),
            (1.8, -1.8),
            (6.5, 0.0),
            (1.8, 1.8),
            (0.0, 6.5),
            (-1.8, 1.8),
            (-6.5, 0.0),
            (-1.8, -1.8),
        ],
        _ => &[(-2.2, -6.0), (2.2, -6.0), (2.2, 6.0), (-2.2, 6.0)],
    };
    let points: Vec<String> =
        points.iter().map(|(dx, dy)| format!("{},{}", at(x + dx), at(y + dy))).collect();
    html! { polygon class=(class) points=(points.join(" ")) {} }
}

/// Every score in figures; only when there are several models to compare.
pub fn table(c: &Consultation, lang: Lang) -> Markup {
    let (scoring, rows) = rows(c, lang);
    if scoring.len() < 2 {
        return html! {};
    }
    html! {
        section aria-labelledby="scores" {
            h2 id="scores" { (words::ALL_SCORES.get(lang)) }
            div.wide { table.figures {
                thead { tr {
                    th scope="col" { (words::FINDING.get(lang)) }
                    @for &at in &scoring { th.numbers scope="col" { (c.readings[at].model.id) } }
                } }
                tbody { @for row in &rows { tr {
                    th scope="row" { (row.name) }
                    @for place in 0..scoring.len() {
                        td.numbers {
                            @if let Some((_, f)) = row.marks.iter().find(|(at, _)| *at == place) {
                                span class=(if f.positive() == Some(true) { "strong" } else { "" }) {
                                    @if f.positive() == Some(true) { "● " }
                                    (score(f.score))
                                }
                                span.quiet { " / " (f.threshold.map_or_else(|| "–".to_owned(), score)) }
                            } @else { "–" }
                        }
                    }
                } } }
            } }
            p.quiet { (words::ALL_SCORES_NOTE.get(lang)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_stands_at_its_score() {
        assert_eq!(marker_x(0.0), 10.0);
        assert_eq!(marker_x(0.5), 200.0);
        assert_eq!(marker_x(1.0), 390.0);
        assert_eq!(marker_x(7.0), 390.0);
        assert_eq!(marker_x(f32::NAN), 10.0);
    }
}
