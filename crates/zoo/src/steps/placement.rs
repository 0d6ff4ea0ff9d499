//! Where the network's grid lies on the original image.

use super::geometry;
use super::step::Step;
use base::{CaseFacts, Laterality, Mm, PixelSpacing, Rect, SpacingSource};

/// A grid of `rows` × `columns` laid over a part of the original image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// The part, in pixels of the original; padding reaches beyond it.
    pub covers: Rect,
    /// Rows of the grid.
    pub rows: usize,
    /// Columns of the grid.
    pub columns: usize,
    /// The grid's first column is the part's last.
    pub mirrored: bool,
    /// The grid's first row is the part's last.
    pub upside_down: bool,
}

/// What of a case decides where its grid lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub spacing: Option<PixelSpacing>,
    pub laterality: Option<Laterality>,
}

impl Known {
    pub(super) fn of(facts: &CaseFacts) -> Known {
        Known { spacing: facts.spacing, laterality: facts.laterality }
    }
}

impl Placement {
    /// The whole image as it is.
    pub fn whole(facts: &CaseFacts) -> Placement {
        let (columns, rows, _) = facts.size_px;
        let covers = Rect { x: 0.0, y: 0.0, width: columns as f32, height: rows as f32 };
        Placement { covers, rows, columns, mirrored: false, upside_down: false }
    }

    /// The window of `rows` × `columns` whose first cell is (`top`, `left`); it may reach outside.
    #[must_use]
    pub fn window(&self, top: isize, left: isize, rows: usize, columns: usize) -> Placement {
        let wide = self.covers.width / self.columns.max(1) as f32;
        let high = self.covers.height / self.rows.max(1) as f32;
        let across =
            if self.mirrored { self.columns as isize - left - columns as isize } else { left };
        let down = if self.upside_down { self.rows as isize - top - rows as isize } else { top };
        let covers = Rect {
            x: self.covers.x + across as f32 * wide,
            y: self.covers.y + down as f32 * high,
            width: columns as f32 * wide,
            height: rows as f32 * high,
        };
        Placement { covers, rows, columns, ..*self }
    }
}

/// Where a grid of an image of which nothing else is known lies after all steps. Steps that need a
/// spacing take an image of half a millimetre.
pub(crate) fn walk(steps: &[Step], start: Placement) -> Placement {
    let spacing =
        PixelSpacing { row: Mm(0.5), column: Mm(0.5), source: SpacingSource::ImagerPixelSpacing };
    let known = Known { spacing: Some(spacing), laterality: None };
    steps.iter().fold(start, |at, step| geometry::place(step, &at, &known))
}

/// Where the grid lies after all steps, from what is known of the case alone.
pub fn placement(steps: &[Step], facts: &CaseFacts) -> Placement {
    let known = Known::of(facts);
    steps.iter().fold(Placement::whole(facts), |at, step| geometry::place(step, &at, &known))
}
