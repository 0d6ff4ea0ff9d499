//! Whole rows of a matrix, in another order: windows of a picture shifted, padded, cut and put together again.
//!
//! ```text
//! from   │ 2 │ 0 │ NOWHERE │ 0 │        y   row 2 of x
//!                                           row 0 of x
//!                                           zeros
//!                                           row 0 of x
//! ```

use crate::Pool;
use crate::shared::{check, each_row};

/// In a list of rows: a row of zeros.
pub const NOWHERE: u32 = u32::MAX;

/// Row `i` of `y` gets row `from[i]` of `x`, both of `width` elements, or zeros where that is [`NOWHERE`]; then row `i` of `added`, laid
/// out as `y`, is added. Panics unless the lengths agree and the rows exist.
pub fn gather_rows(
    pool: &Pool,
    width: usize,
    from: &[u32],
    x: &[f32],
    added: Option<&[f32]>,
    y: &mut [f32],
) {
    check("y of rows", y.len(), from.len() * width);
    added.inspect(|added| check("what is added to rows", added.len(), y.len()));
    each_row(pool, width, y, |row, y| {
        let added = added.map(|added| &added[row * width..][..width]);
        match (row_of(x, width, from[row]), added) {
            (Some(x), Some(added)) => {
                y.iter_mut().zip(x).zip(added).for_each(|((y, x), a)| *y = *x + *a)
            }
            (Some(values), None) | (None, Some(values)) => y.copy_from_slice(values),
            (None, None) => y.fill(0.0),
        }
    });
}

/// A row of `x` by its number in a list, if any.
pub(crate) fn row_of(x: &[f32], width: usize, at: u32) -> Option<&[f32]> {
    (at != NOWHERE).then(|| &x[at as usize * width..][..width])
}
