//! Strided views of dense arrays and the one routine that copies them.

use crate::array::{Array, same_type};
use crate::error::Result;
use kernels::Pool;
use std::sync::{Mutex, PoisonError};

/// Fewer values are copied on one thread.
const SHARE: usize = 1 << 15;
/// Edge of the square blocks in which two axes are exchanged.
const TILE: usize = 16;

/// Positions `offset + Σ index·stride` of an array; all must lie inside it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub shape: Vec<usize>,
    pub strides: Vec<isize>,
    pub offset: usize,
}

/// Values from one index of each axis to the next, row-major.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// Product of extents of an array that exists.
pub(super) fn product(shape: &[usize]) -> usize {
    if shape.contains(&0) { 0 } else { shape.iter().fold(1, |n, d| n.saturating_mul(*d)) }
}

impl View {
    /// All of an array.
    pub fn whole(shape: &[usize]) -> View {
        let strides = strides(shape).into_iter().map(|stride| stride as isize).collect();
        View { shape: shape.to_vec(), strides, offset: 0 }
    }

    /// With its axes in another order: axis `i` is the former axis `order[i]`.
    pub fn permuted(&self, order: &[usize]) -> View {
        View {
            shape: order.iter().map(|axis| self.shape[*axis]).collect(),
            strides: order.iter().map(|axis| self.strides[*axis]).collect(),
            offset: self.offset,
        }
    }

    /// The view of that array, dense.
    pub fn of(&self, array: &Array, pool: &Pool) -> Result<Array> {
        Array::new(&self.shape, same_type!(array.data(), values => self.copy(values, pool)))
    }

    /// The view of those values, row-major.
    pub fn copy<T: Clone + Default + Send + Sync>(&self, from: &[T], pool: &Pool) -> Vec<T> {
        let n = product(&self.shape);
        let mut out = vec![T::default(); n];
        if n == 0 {
            return out;
        }
        let (shape, strides) = self.merged();
        let offset = self.offset as isize;
        let outer = shape.first().copied().unwrap_or(1);
        let tasks = if n < SHARE { 1 } else { outer.min(4 * pool.threads()) };
        if tasks <= 1 {
            serial(from, offset, &shape, &strides, &mut out);
            return out;
        }
        let share = outer.div_ceil(tasks);
        let parts: Vec<Mutex<&mut [T]>> =
            out.chunks_mut(share * (n / outer)).map(Mutex::new).collect();
        pool.run(parts.len(), |task| {
            let mut part = parts[task].lock().unwrap_or_else(PoisonError::into_inner);
            let mut shape = shape.clone();
            shape[0] = share.min(outer - task * share);
            let offset = offset + (task * share) as isize * strides[0];
            serial(from, offset, &shape, &strides, &mut part);
        });
        drop(parts);
        out
    }

    /// The fewest axes that describe it: none of extent one, none that continues the one before.
    fn merged(&self) -> (Vec<usize>, Vec<isize>) {
        let (mut shape, mut strides): (Vec<usize>, Vec<isize>) = (Vec::new(), Vec::new());
        for (&extent, &stride) in self.shape.iter().zip(&self.strides) {
            if extent == 1 {
                continue;
            }
            match (shape.last_mut(), strides.last_mut()) {
                (Some(n), Some(last)) if *last == stride * extent as isize => {
                    *n *= extent;
                    *last = stride;
                }
                _ => {
                    shape.push(extent);
                    strides.push(stride);
                }
            }
        }
        (shape, strides)
    }
}

fn serial<T: Clone>(from: &[T], offset: isize, shape: &[usize], strides: &[isize], out: &mut [T]) {
    let (Some((&extent, outer)), Some((&stride, outer_strides))) =
        (shape.split_last(), strides.split_last())
    else {
        if let (Some(out), Some(value)) = (out.first_mut(), from.get(offset as usize)) {
            out.clone_from(value);
        }
        return;
    };
    let across = outer_strides.iter().position(|stride| *stride == 1);
    if let (Some(across), false) = (across, stride == 0 || stride == 1) {
        return exchange(from, offset, shape, strides, across, out);
    }
    let mut at = Walk::new(outer, outer_strides, offset);
    for row in out.chunks_mut(extent) {
        copy_row(from, at.position, stride, row);
        at.step();
    }
}

fn copy_row<T: Clone>(from: &[T], start: isize, stride: isize, row: &mut [T]) {
    match stride {
        1 => row.clone_from_slice(&from[start as usize..start as usize + row.len()]),
        0 => row.fill(from[start as usize].clone()),
        _ => {
            let mut at = start;
            for value in row {
                value.clone_from(&from[at as usize]);
                at += stride;
            }
        }
    }
}

/// Where axis `across`, not the last, is the one whose values are neighbours: block by block, so that
/// each line of the cache that is read is used up.
fn exchange<T: Clone>(
    from: &[T],
    offset: isize,
    shape: &[usize],
    strides: &[isize],
    across: usize,
    out: &mut [T],
) {
    let last = shape.len() - 1;
    let others: Vec<usize> = (0..last).filter(|axis| *axis != across).collect();
    let pick = |values: &[usize]| -> Vec<usize> { others.iter().map(|i| values[*i]).collect() };
    let out_strides = self::strides(shape);
    let outer = pick(shape);
    let in_outer: Vec<isize> = others.iter().map(|i| strides[*i]).collect();
    let out_outer: Vec<isize> = pick(&out_strides).into_iter().map(|s| s as isize).collect();
    let (rows, columns) = (shape[across], shape[last]);
    let (row_out, column_in) = (out_strides[across], strides[last]);
    let mut read = Walk::new(&outer, &in_outer, offset);
    let mut write = Walk::new(&outer, &out_outer, 0);
    for _ in 0..product(&outer) {
        for r0 in (0..rows).step_by(TILE) {
            for c0 in (0..columns).step_by(TILE) {
                let width = TILE.min(columns - c0);
                for r in r0..rows.min(r0 + TILE) {
                    let start = write.position as usize + r * row_out + c0;
                    let at = read.position + r as isize + c0 as isize * column_in;
                    copy_row(from, at, column_in, &mut out[start..start + width]);
                }
            }
        }
        read.step();
        write.step();
    }
}

/// Visits all indices of some axes in order and keeps the position they stand for.
pub(super) struct Walk<'a> {
    shape: &'a [usize],
    strides: &'a [isize],
    index: Vec<usize>,
    pub position: isize,
}

impl<'a> Walk<'a> {
    /// At the first index, which stands for `start`.
    pub fn new(shape: &'a [usize], strides: &'a [isize], start: isize) -> Walk<'a> {
        Walk { shape, strides, index: vec![0; shape.len()], position: start }
    }

    /// On to the next index; after the last one, back to the first.
    pub fn step(&mut self) {
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.position += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                return;
            }
            self.position -= self.strides[axis] * self.shape[axis] as isize;
            self.index[axis] = 0;
        }
    }

    /// The index along each axis.
    pub fn index(&self) -> &[usize] {
        &self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value by value, as the definition says.
    fn plain(view: &View, from: &[u32]) -> Vec<u32> {
        let mut walk = Walk::new(&view.shape, &view.strides, view.offset as isize);
        let mut out = Vec::new();
        for _ in 0..product(&view.shape) {
            out.push(from[walk.position as usize]);
            walk.step();
        }
        out
    }

    #[test]
    fn every_order_of_axes_is_copied_as_defined_on_one_thread_and_on_three() {
        let shape = [3, 20, 1, 37, 18];
        let from: Vec<u32> = (0..product(&shape) as u32).collect();
        let orders = [
            [0, 1, 2, 3, 4],
            [4, 3, 2, 1, 0],
            [0, 1, 2, 4, 3],
            [1, 4, 0, 3, 2],
            [3, 0, 4, 2, 1],
            [0, 3, 1, 2, 4],
        ];
        for order in orders {
            let view = View::whole(&shape).permuted(&order);
            let want = plain(&view, &from);
            for threads in [1, 3] {
                assert_eq!(view.copy(&from, &Pool::new(threads)), want, "{order:?}");
            }
        }
    }

    #[test]
    fn backward_repeated_and_spread_axes_are_copied_as_defined() {
        let from: Vec<u32> = (0..600).collect();
        let views = [
            View { shape: vec![20, 30], strides: vec![-30, -1], offset: 599 },
            View { shape: vec![5, 20, 7], strides: vec![0, 30, 2], offset: 3 },
            View { shape: vec![25, 18], strides: vec![1, -30], offset: 530 },
            View { shape: vec![4, 9], strides: vec![0, 0], offset: 7 },
            View { shape: vec![], strides: vec![], offset: 9 },
            View { shape: vec![3, 0], strides: vec![1, 1], offset: 0 },
        ];
        for view in views {
            assert_eq!(view.copy(&from, &Pool::new(2)), plain(&view, &from), "{view:?}");
        }
    }
}
