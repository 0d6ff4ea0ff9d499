//! From logits to masks on the original grid, areas, the cardiothoracic ratio, and doubts.

use crate::card::Card;
use crate::steps;
use crate::system::{Answer, Prepared};
use base::words::findings::{HEART, LEFT_LUNG, RIGHT_LUNG};
use base::words::zoo as words;
use base::{CaseFacts, Code, Mask, Measurement, Note, Rect, Result, View};
use imaging::Study;

/// `logits`: `[labels][side][side]`. A pixel is inside where sigmoid(logit) > 0.5, that is
/// logit > 0, after the logits were brought to the original grid by bilinear interpolation.
pub fn interpret(
    card: &Card<'_>,
    logits: &[f32],
    side: usize,
    prepared: &Prepared,
    study: &Study,
) -> Result<Answer> {
    let mut answer = steps::outlines(card, logits, (side, side), study)?;
    measure(&mut answer, &study.facts, &prepared.covers);
    Ok(answer)
}

fn measure(answer: &mut Answer, facts: &CaseFacts, covers: &Rect) {
    let mask = |code: &Code| {
        answer.segments.iter().find(|s| s.code.id == code.id).map(|s| largest_part(&s.mask))
    };
    let (heart, left, right) = (mask(&HEART), mask(&LEFT_LUNG), mask(&RIGHT_LUNG));
    let (Some(left), Some(right)) = (left, right) else { return };
    let (Some(left_span), Some(right_span)) = (span(&left), span(&right)) else { return };
    let (low, high) = (left_span.0.min(right_span.0), left_span.1.max(right_span.1));
    let mut notes = plausibility(&left, &right, (low, high), covers);
    if let Some(heart_span) = heart.as_ref().and_then(span) {
        let widths = [heart_span.1 - heart_span.0 + 1, high - low + 1].map(|px| px as f64);
        let spacing = facts.spacing.map(|spacing| spacing.column.0);
        let mut value = |id, name, value, unit| {
            answer.values.push(Measurement { id, name, value, unit, interval: None });
        };
        value("cardiothoracic-ratio", words::CTR_NAME, widths[0] / widths[1], "1");
        if let Some(mm) = spacing {
            value("heart-width", words::HEART_WIDTH_NAME, widths[0] * mm, "mm");
            value("thorax-width", words::THORAX_WIDTH_NAME, widths[1] * mm, "mm");
        }
        notes.push(Note::info("cardiothoracic-ratio-method", words::CTR_METHOD));
        match facts.view {
            Some(View::Pa) => {}
            Some(View::Ap) => {
                notes.push(Note::warning("cardiothoracic-ratio-on-ap", words::CTR_ON_AP));
            }
            _ => notes.push(Note::warning("cardiothoracic-ratio-needs-pa", words::CTR_NEEDS_PA)),
        }
    }
    answer.notes.append(&mut notes);
}

/// The patient's right lung lies on the left of the picture; together the lungs fill 10 % to 60 %
/// of a chest film; their outer borders do not touch the edge of what was seen.
fn plausibility(left: &Mask, right: &Mask, lungs: (usize, usize), covers: &Rect) -> Vec<Note> {
    let mut notes = Vec::new();
    if let (Some(left), Some(right)) = (centre_column(left), centre_column(right))
        && right > left
    {
        notes.push(Note::serious("lungs-exchanged", words::LUNGS_EXCHANGED));
    }
    let seen = f64::from(covers.width) * f64::from(covers.height);
    let percent = 100.0 * (left.area_px() + right.area_px()) as f64 / seen.max(1.0);
    if !(10.0..=60.0).contains(&percent) {
        notes.push(Note::warning("odd-lung-area", words::odd_lung_area(percent)));
    }
    let right_edge = (covers.x + covers.width) as usize;
    if lungs.0 <= covers.x as usize || lungs.1 + 1 >= right_edge {
        notes.push(Note::warning("lungs-cut", words::LUNGS_CUT));
    }
    notes
}

/// First and last column that has a pixel inside.
fn span(mask: &Mask) -> Option<(usize, usize)> {
    let mut found: Option<(usize, usize)> = None;
    for row in mask.bits().chunks_exact(mask.width()) {
        let first = row.iter().position(|&bit| bit == 1);
        let last = row.iter().rposition(|&bit| bit == 1);
        if let (Some(first), Some(last)) = (first, last) {
            let (low, high) = found.unwrap_or((first, last));
            found = Some((low.min(first), high.max(last)));
        }
    }
    found
}

fn centre_column(mask: &Mask) -> Option<f64> {
    let columns = mask.bits().iter().enumerate().filter(|(_, bit)| **bit == 1);
    let (sum, count) = columns
        .fold((0usize, 0usize), |(sum, count), (index, _)| (sum + index % mask.width(), count + 1));
    (count > 0).then(|| sum as f64 / count as f64)
}

/// The largest part connected by edges; ties go to the one that comes first from the top left.
fn largest_part(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    let mut part = vec![0u32; width * height];
    let (mut parts, mut best, mut stack) = (0u32, (0usize, 0u32), Vec::new());
    for start in 0..part.len() {
        if mask.bits()[start] == 0 || part[start] != 0 {
            continue;
        }
        parts += 1;
        let mut area = 0;
        part[start] = parts;
        stack.push(start);
        while let Some(at) = stack.pop() {
            area += 1;
            let (row, column) = (at / width, at % width);
            let neighbours = [
                (column > 0).then(|| at - 1),
                (column + 1 < width).then(|| at + 1),
                (row > 0).then(|| at - width),
                (row + 1 < height).then(|| at + width),
            ];
            for next in neighbours.into_iter().flatten() {
                if mask.bits()[next] == 1 && part[next] == 0 {
                    part[next] = parts;
                    stack.push(next);
                }
            }
        }
        if area > best.0 {
            best = (area, parts);
        }
    }
    let bits = part.iter().map(|&number| u8::from(number != 0 && number == best.1)).collect();
    Mask::new(width, height, bits).unwrap_or_else(|| mask.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let bits = rows.iter().flat_map(|row| row.bytes().map(|b| u8::from(b == b'#'))).collect();
        Mask::new(rows[0].len(), rows.len(), bits).unwrap()
    }

    #[test]
    fn a_width_is_measured_on_the_largest_part() {
        let whole = mask(&["#....", "..##.", "..##."]);
        assert_eq!(span(&whole), Some((0, 3)));
        assert_eq!(span(&largest_part(&whole)), Some((2, 3)));
        assert_eq!(span(&mask(&["...", "..."])), None);
    }

    #[test]
    fn a_mirrored_film_is_doubted() {
        let seen = Rect { x: 0.0, y: 0.0, width: 8.0, height: 2.0 };
        let (a, b) = (mask(&[".##.....", ".##....."]), mask(&[".....##.", ".....##."]));
        let codes = |left, right| -> Vec<_> {
            plausibility(left, right, (1, 6), &seen).iter().map(|note| note.code).collect()
        };
        assert_eq!(codes(&b, &a), Vec::<&str>::new());
        assert_eq!(codes(&a, &b), ["lungs-exchanged"]);
    }
}
