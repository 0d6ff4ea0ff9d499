//! Whole rows of a matrix, in another order: windows of a picture shifted, padded, cut and put together again.
//!
//! ```text
//! from   │ 2 │ 0 │ NOWHERE │ 0 │        y   row 2 of x
//!                                           row 0 of x
//!                                           zeros
//!                                           row 0 of x
//! ```

use crate::Pool;
use crate::shared::{Shared, check, pieces};

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
    each_row(pool, width, from, x, y, |row, x, y| {
        let added = added.map(|added| &added[row * width..][..width]);
        match (x, added) {
            (Some(x), Some(added)) => {
                y.iter_mut().zip(x).zip(added).for_each(|((y, x), a)| *y = *x + *a)
            }
            (Some(values), None) | (None, Some(values)) => y.copy_from_slice(values),
            (None, None) => y.fill(0.0),
        }
    });
}

/// Calls `f` with each row of `y`, its number and the row of `x` that it is made of, if any.
pub(crate) fn each_row(
    pool: &Pool,
    width: usize,
    from: &[u32],
    x: &[f32],
    y: &mut [f32],
    f: impl Fn(usize, Option<&[f32]>, &mut [f32]) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let (tasks, step) = pieces(pool, from.len(), (1usize << 13).div_ceil(width));
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for row in task * step..((task + 1) * step).min(from.len()) {
            // SAFETY: each row belongs to one task.
            let y = unsafe { out.part(row * width, width) };
            let at = (from[row] != NOWHERE).then(|| from[row] as usize * width);
            f(row, at.map(|at| &x[at..][..width]), y);
        }
    });
}
