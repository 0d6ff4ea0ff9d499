//! From a network's output to an answer, as the card's steps say.

use super::after::scores;
use super::masks::{Grid, masks};
use super::placement::placement;
use crate::card::Card;
use crate::system::Answer;
use base::words::zoo as words;
use base::{Error, Finding, Kind, Note, Result, Segment};
use imaging::Study;

/// Findings of a classifier; `output`: one number per label. Errors when one of a label that counts
/// is no number.
pub fn findings(card: &Card<'_>, output: &[f32]) -> Result<Answer> {
    let mut answer = Answer::default();
    for found in scores(card.after, card.labels, card.thresholds, output) {
        if !found.score.is_finite() {
            return Err(not_a_number(card));
        }
        answer.rows.push(found.row);
        answer.findings.push(Finding {
            code: found.code,
            score: found.score,
            calibrated: false,
            interval: None,
            threshold: found.threshold,
            side: None,
            site: None,
        });
    }
    Ok(answer)
}

/// Structures on the grid of the original; `maps`: `[labels][rows][columns]`. What was not found is
/// noted. Errors when a number is none.
pub fn outlines(
    card: &Card<'_>,
    maps: &[f32],
    (rows, columns): (usize, usize),
    study: &Study,
) -> Result<Answer> {
    if maps.iter().any(|value| !value.is_finite()) {
        return Err(not_a_number(card));
    }
    let facts = &study.facts;
    let place = placement(card.before, facts);
    let original = (facts.size_px.0, facts.size_px.1);
    let grid = Grid { maps, rows, columns, placement: &place, original };
    let mut answer = Answer::default();
    for (row, code, mask, mean_score) in masks(card.after, card.labels, card.thresholds, &grid) {
        if mask.area_px() == 0 {
            answer.notes.push(Note::info("nothing-outlined", words::not_outlined(&code.name)));
            continue;
        }
        let area_mm2 =
            facts.spacing.map(|spacing| mask.area_px() as f64 * spacing.row.0 * spacing.column.0);
        let label = u16::try_from(row + 1).unwrap_or(u16::MAX);
        answer.segments.push(Segment { code, label, mask, area_mm2, mean_score });
    }
    Ok(answer)
}

/// The network answered with values that are no numbers.
fn not_a_number(card: &Card<'_>) -> Error {
    Error::new(Kind::BrokenInput, words::not_a_number(card.id))
}
