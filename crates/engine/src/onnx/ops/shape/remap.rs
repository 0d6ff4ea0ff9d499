//! Copies in which each axis chooses its positions on its own: padding, tiling, cropping.

use super::view::{product, strides};
use crate::array::{Array, same_type};
use crate::error::Result;
use kernels::Pool;
use std::sync::{Mutex, PoisonError};

/// Fewer values are copied on one thread.
const SHARE: usize = 1 << 15;

/// A position along an axis that takes the filling value.
pub(super) const FILL: usize = usize::MAX;

/// Neighbours in the result that come from neighbours, from one position, or from nowhere.
struct Stretch {
    start: usize,
    length: usize,
    from: usize,
    step: isize,
}

/// `maps[axis][i]` is the position along `axis` that index `i` of the result takes, or [`FILL`].
/// `fill` holds one value of the array's type; zero (or empty text) where it is `None`.
pub(super) fn remap(
    array: &Array,
    maps: &[Vec<usize>],
    fill: Option<&Array>,
    pool: &Pool,
) -> Result<Array> {
    let shape: Vec<usize> = maps.iter().map(Vec::len).collect();
    let data = same_type!(array.data(), values => {
        let fill = fill.and_then(|fill| super::typed::values_like(values, fill));
        let fill = fill.and_then(|fill| fill.first().cloned()).unwrap_or_default();
        copy(values, array.shape(), maps, fill, pool)
    });
    Array::new(&shape, data)
}

fn copy<T: Clone + Default + Send + Sync>(
    from: &[T],
    shape: &[usize],
    maps: &[Vec<usize>],
    fill: T,
    pool: &Pool,
) -> Vec<T> {
    let extents: Vec<usize> = maps.iter().map(Vec::len).collect();
    let n = product(&extents);
    let mut out = vec![fill.clone(); n];
    if n == 0 {
        return out;
    }
    // Trailing axes that stay as they are move as blocks.
    let whole = |axis: &usize| {
        maps[*axis].len() == shape[*axis] && maps[*axis].iter().enumerate().all(|(i, m)| i == *m)
    };
    let kept = (0..maps.len()).rev().take_while(whole).count();
    let Some(inner) = (maps.len() - kept).checked_sub(1) else {
        out.clone_from_slice(from);
        return out;
    };
    let steps = strides(shape);
    let block = steps[inner];
    let stretches = stretches(&maps[inner]);
    let row = maps[inner].len() * block;
    let rows = n / row;
    let do_row = |index: usize, out: &mut [T]| {
        let (mut rest, mut base) = (index, 0);
        for axis in (0..inner).rev() {
            let position = maps[axis][rest % maps[axis].len()];
            rest /= maps[axis].len();
            if position == FILL {
                return;
            }
            base += position * steps[axis];
        }
        for stretch in &stretches {
            let out = &mut out[stretch.start * block..(stretch.start + stretch.length) * block];
            let at = base + stretch.from * block;
            if stretch.step == 1 {
                out.clone_from_slice(&from[at..at + out.len()]);
                continue;
            }
            for (i, out) in out.chunks_mut(block).enumerate() {
                let at = (at as isize + i as isize * stretch.step * block as isize) as usize;
                out.clone_from_slice(&from[at..at + block]);
            }
        }
    };
    let tasks = if n < SHARE { 1 } else { rows.min(4 * pool.threads()) };
    let share = rows.div_ceil(tasks);
    let parts: Vec<Mutex<&mut [T]>> = out.chunks_mut(share * row).map(Mutex::new).collect();
    pool.run(parts.len(), |task| {
        let mut part = parts[task].lock().unwrap_or_else(PoisonError::into_inner);
        for (i, out) in part.chunks_mut(row).enumerate() {
            do_row(task * share + i, out);
        }
    });
    drop(parts);
    out
}

/// The map without its filled positions, as few stretches as possible.
fn stretches(map: &[usize]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (i, &from) in map.iter().enumerate() {
        if from == FILL {
            continue;
        }
        if let Some(last) = stretches.last_mut().filter(|last| last.start + last.length == i) {
            let end = last.from as isize + (last.length as isize - 1) * last.step;
            let step = from as isize - end;
            if step == last.step || (last.length == 1 && (-1..=1).contains(&step)) {
                last.step = step;
                last.length += 1;
                continue;
            }
        }
        stretches.push(Stretch { start: i, length: 1, from, step: 1 });
    }
    stretches
}
