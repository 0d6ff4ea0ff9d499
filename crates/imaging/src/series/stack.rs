//! Slices of one orientation behind one another: their order, their grid, or why they have none.

use super::StudyOf;
use super::slice::Slice;
use crate::segmentation::{Origin, OriginImage};
use crate::vector::dot;
use base::words::series as words;
use base::{Affine, Error, Grid, Kind, Note, Result};

/// How far a slice may lie from its place in an even stack, as a share of the slice distance. Positions
/// rounded to a tenth of a millimetre pass at the thinnest slices in use; half a missing slice does not.
const UNEVEN: f64 = 0.1;
/// Beyond this share it is worth a remark.
const SLIGHTLY: f64 = 0.01;
/// Two slices closer than this lie at the same place, mm.
const SAME_PLACE_MM: f64 = 1e-3;

/// Slices in order, and the grid they make.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub slices: Vec<Slice>,
    pub grid: Grid,
    pub notes: Vec<Note>,
}

impl Stack {
    /// What results on this stack refer to.
    pub fn origin(&self, of: StudyOf) -> Origin {
        let first = &self.slices[0];
        let ([a, b, c], [d, e, f]) = (first.along_row, first.along_column);
        let image = |slice: &Slice| OriginImage {
            class: slice.class.clone(),
            instance: slice.instance.clone(),
            frame: slice.multi_frame.then_some(slice.frame as u32 + 1),
            position: slice.position,
        };
        let normal = first.normal();
        let step = match &self.slices[..] {
            [_] => first.thickness.unwrap_or(1.0),
            many => {
                let last = &many[many.len() - 1];
                (last.along(normal) - first.along(normal)) / (many.len() - 1) as f64
            }
        };
        Origin {
            study: of.study,
            series: first.key.series.clone(),
            frame_of_reference: first.key.frame_of_reference.clone(),
            series_number: of.series_number,
            size: [first.columns, first.rows],
            orientation: [a, b, c, d, e, f],
            spacing_mm: first.spacing,
            step_mm: step,
            thickness_mm: first.slab,
            images: self.slices.iter().map(image).collect(),
            patient: of.patient,
        }
    }
}

/// Sorts by position along the normal and fits the grid. All slices are parallel and of one size.
///
/// Errors, all `Refused`: several at one place, missing ones, uneven distances, a line that is none.
pub(super) fn stack(mut slices: Vec<Slice>) -> Result<Stack> {
    let Some(first) = slices.first() else {
        return Err(Error::new(Kind::Refused, words::NO_IMAGES).hint(words::GIVE_SERIES));
    };
    let normal = first.normal();
    let mut notes = Vec::new();
    slices.sort_by(|a, b| {
        a.along(normal)
            .total_cmp(&b.along(normal))
            .then_with(|| a.instance.cmp(&b.instance))
            .then_with(|| a.frame.cmp(&b.frame))
    });
    let before = slices.len();
    slices.dedup_by(|a, b| {
        !a.instance.is_empty()
            && a.instance == b.instance
            && a.frame == b.frame
            && (a.along(normal) - b.along(normal)).abs() < SAME_PLACE_MM
    });
    if slices.len() < before {
        notes.push(Note::info("duplicates-dropped", words::DUPLICATES_DROPPED));
    }
    let refuse = |what| Err(Error::new(Kind::Refused, what).hint(words::SEND_AGAIN));
    let at: Vec<f64> = slices.iter().map(|slice| slice.along(normal)).collect();
    let steps: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let doubles = steps.iter().filter(|&&step| step < SAME_PLACE_MM).count();
    if doubles > 0 {
        return refuse(words::duplicate_positions(doubles));
    }
    let step = match even_step(&slices, &at, &steps, &mut notes) {
        Ok(step) => step,
        Err(what) => return refuse(what),
    };
    let first = &slices[0];
    let size = [first.columns, first.rows, slices.len()];
    let rows = std::array::from_fn(|row| {
        [
            first.along_row[row] * first.spacing[0],
            first.along_column[row] * first.spacing[1],
            step[row],
            first.position[row],
        ]
    });
    let grid = Grid { size, affine: Affine::from_lps(rows) };
    Ok(Stack { grid, slices, notes })
}

/// The step from slice to slice, LPS mm.
fn even_step(
    slices: &[Slice],
    at: &[f64],
    steps: &[f64],
    notes: &mut Vec<Note>,
) -> std::result::Result<[f64; 3], base::Text> {
    let (first, last) = (&slices[0], &slices[slices.len() - 1]);
    let normal = first.normal();
    if steps.is_empty() {
        notes.push(match first.thickness {
            Some(_) => Note::info("single-slice", words::SINGLE_SLICE),
            None => Note::warning("single-slice", words::NO_THICKNESS),
        });
        return Ok(normal.map(|v| v * first.thickness.unwrap_or(1.0)));
    }
    let mut sorted = steps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let mean = (at[at.len() - 1] - at[0]) / steps.len() as f64;
    let off = |step: f64| {
        at.iter().enumerate().map(|(n, &p)| (p - at[0] - n as f64 * step).abs()).fold(0.0, f64::max)
    };
    let worst = off(mean) / mean;
    if worst > UNEVEN {
        // Whole slices missing, or no even stack at all?
        let (mut missing, mut where_mm, mut whole) = (0, None, true);
        for (n, &step) in steps.iter().enumerate() {
            let times = (step / median).round().max(1.0);
            whole &= (step - times * median).abs() <= UNEVEN * median;
            if times > 1.5 {
                missing += times as usize - 1;
                where_mm.get_or_insert(at[n] + median);
            }
        }
        return Err(match where_mm {
            Some(at_mm) if whole => words::missing_slices(missing, at_mm),
            _ => words::uneven(sorted[0], sorted[sorted.len() - 1]),
        });
    }
    if worst > SLIGHTLY {
        notes.push(Note::info("slightly-uneven", words::SLIGHTLY_UNEVEN));
    }
    let step: [f64; 3] = std::array::from_fn(|axis| {
        (last.position[axis] - first.position[axis]) / steps.len() as f64
    });
    // Every slice lies on the line from the first to the last, to a fraction of a pixel.
    let tolerance = 0.1 * first.spacing[0].min(first.spacing[1]).max(mean * UNEVEN);
    for (n, slice) in slices.iter().enumerate() {
        let aside: [f64; 3] = std::array::from_fn(|axis| {
            slice.position[axis] - first.position[axis] - n as f64 * step[axis]
        });
        let along = dot(aside, normal);
        let across = aside.iter().zip(normal).map(|(a, n)| (a - along * n).powi(2)).sum::<f64>();
        if across.sqrt() > tolerance.max(0.05) {
            return Err(words::NOT_IN_LINE);
        }
    }
    let length = dot(step, step).sqrt();
    let tilt = (dot(step, normal) / length).clamp(-1.0, 1.0).acos().to_degrees();
    if tilt > 0.1 {
        notes.push(Note::warning("gantry-tilt", words::tilted(tilt)));
        return Ok(step);
    }
    // Rounding of positions is no tilt.
    Ok(normal.map(|v| v * mean))
}
