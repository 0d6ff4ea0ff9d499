//! Products of stacks of matrices, for every type.
//!
//! 32-bit floats go through the packed product of the kernels; a right factor that is the same at every
//! run is packed once. Small products are summed directly. Other types are summed row by row.

use super::number::Number;
use super::threads::fill_units;
use crate::array::DType;
use crate::error::Result;
use crate::onnx::ops::{Call, wrong};
use kernels::{Epilogue, PackedMatrix, Pool, gemm, pack_b};

/// Multiplications below which packing costs more than it gives.
const SMALL: usize = 1 << 12;

/// Which matrices meet: `c[i] = a[a_at[i]] · b[b_at[i]]`.
#[derive(Debug, PartialEq)]
pub(super) struct Stack {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    a_at: Vec<usize>,
    b_at: Vec<usize>,
    b_count: usize,
    /// Of the result.
    pub shape: Vec<usize>,
}

/// The shape of a product as `numpy.matmul` defines it: the last two axes are matrices, the others
/// stretch; a vector is a row on the left, a column on the right.
pub(super) fn shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let (a_outer, a_last) = a.split_at(a.len().saturating_sub(2));
    let (b_outer, b_last) = b.split_at(b.len().saturating_sub(2));
    let (m, k) = match *a_last {
        [m, k] => (Some(m), k),
        [k] => (None, k),
        _ => return None,
    };
    let (l, n) = match *b_last {
        [l, n] => (l, Some(n)),
        [l] => (l, None),
        _ => return None,
    };
    if k != l {
        return None;
    }
    let mut shape = super::broadcast::stretched(&[a_outer, b_outer])?;
    shape.extend(m);
    shape.extend(n);
    Some(shape)
}

impl Stack {
    /// Of the shapes of the factors; an error when they do not fit or the result is too large.
    pub fn new(call: &Call, a: &[usize], b: &[usize], dtype: DType) -> Result<Stack> {
        let shape = shape(a, b)
            .ok_or_else(|| wrong(format!("{a:?} times {b:?}: the shapes do not fit each other")))?;
        let values = call.room(&shape, dtype)?;
        let k = a.last().copied().unwrap_or(1);
        let m = if a.len() > 1 { a[a.len() - 2] } else { 1 };
        let n = if b.len() > 1 { b[b.len() - 1] } else { 1 };
        let (a_outer, b_outer) = (outer(a), outer(b));
        if values == 0 {
            let (a_at, b_at) = (Vec::new(), Vec::new());
            return Ok(Stack { m, k, n, a_at, b_at, b_count: 0, shape });
        }
        let b_count: usize = b_outer.iter().product();
        let stack = &shape[..shape.len() - usize::from(a.len() > 1) - usize::from(b.len() > 1)];
        let count: usize = stack.iter().product();
        if b_count == 1 && a_outer.iter().product::<usize>() == count {
            // One right factor: all left ones are one tall matrix.
            return Ok(Stack { m: m * count, k, n, a_at: vec![0], b_at: vec![0], b_count, shape });
        }
        let (a_at, b_at) = (places(stack, a_outer), places(stack, b_outer));
        Ok(Stack { m, k, n, a_at, b_at, b_count, shape })
    }

    /// How many matrices the result has.
    pub fn count(&self) -> usize {
        self.a_at.len()
    }

    /// The same matrices with less depth.
    pub fn of_depth(&self, k: usize) -> Stack {
        let (m, n, b_count) = (self.m, self.n, self.b_count);
        let (a_at, b_at) = (self.a_at.clone(), self.b_at.clone());
        Stack { m, k, n, a_at, b_at, b_count, shape: self.shape.clone() }
    }

    fn len(&self) -> usize {
        self.count() * self.m * self.n
    }
}

fn outer(shape: &[usize]) -> &[usize] {
    &shape[..shape.len().saturating_sub(2)]
}

/// For each index into `stack`, the index into what stretches to it.
fn places(stack: &[usize], own: &[usize]) -> Vec<usize> {
    let lead = stack.len() - own.len();
    let mut places = vec![0];
    for (axis, &extent) in stack.iter().enumerate() {
        let own = axis.checked_sub(lead).map_or(1, |axis| own[axis]);
        let step = |place: &usize, i: usize| place * own + if own == 1 { 0 } else { i };
        places = places.iter().flat_map(|p| (0..extent).map(move |i| step(p, i))).collect();
    }
    places
}

/// What becomes of a single product; empty for stacks of several.
pub(super) type After<'a> = Epilogue<'a>;

/// Products of 32-bit floats. `b` holds each matrix as `[k][n]`, or `[n][k]` if `transposed`; `constant`
/// says that it is the same at every run. `after` is applied where the stack is one matrix.
pub(super) fn floats(
    call: &Call,
    stack: &Stack,
    a: &[f32],
    b: &[f32],
    transposed: bool,
    constant: bool,
    after: &After,
) -> Result<Vec<f32>> {
    let (m, k, n) = (stack.m, stack.k, stack.n);
    let mut c = vec![0.0; stack.len()];
    if c.is_empty() {
        return Ok(c);
    }
    let plain = after.bias.is_none()
        && after.residual.is_none()
        && after.activation == kernels::Activation::Identity;
    let matrix = |at: usize| &b[at * k * n..][..k * n];
    let pack = |at: usize| pack_b(k, n, matrix(at), transposed);
    let direct = plain && (k == 0 || m * k * n <= SMALL || (m <= 2 && !constant));
    if stack.count() == 1 {
        if direct {
            straight(m, k, n, a, b, transposed, &mut c);
        } else if constant {
            let kept = call.memo.get((k, n, transposed), || Ok(pack(0)))?;
            gemm(call.pool, m, a, &kept.1, after, &mut c);
        } else {
            gemm(call.pool, m, a, &pack(0), after, &mut c);
        }
        return Ok(c);
    }
    let kept = match constant && !direct {
        true => Some(call.memo.get((k, n, transposed), || {
            Ok((0..stack.b_count).map(pack).collect::<Vec<PackedMatrix>>())
        })?),
        false => None,
    };
    let one = |i: usize, c: &mut [f32]| {
        let (a, at) = (&a[stack.a_at[i] * m * k..][..m * k], stack.b_at[i]);
        match &kept {
            _ if direct => straight(m, k, n, a, matrix(at), transposed, c),
            Some(kept) => gemm(call.pool, m, a, &kept.1[at], after, c),
            None => gemm(call.pool, m, a, &pack(at), after, c),
        }
    };
    let each = |from: usize, part: &mut [f32]| {
        let first = from / (m * n);
        part.chunks_mut(m * n).enumerate().for_each(|(i, c)| one(first + i, c));
    };
    if stack.count() >= 2 * call.pool.threads() || direct {
        // Many: a matrix is one task's. The kernels give the same bits either way.
        let grain = (SMALL / k.max(1)).max(1);
        fill_units(call.pool, &mut c, m * n, grain, each);
    } else {
        each(0, &mut c);
    }
    Ok(c)
}

/// `c += a · b`, summed in order of depth.
fn straight(m: usize, k: usize, n: usize, a: &[f32], b: &[f32], transposed: bool, c: &mut [f32]) {
    if k == 0 {
        return;
    }
    for (row, c) in a.chunks(k).zip(c.chunks_mut(n)).take(m) {
        if transposed {
            for (c, b) in c.iter_mut().zip(b.chunks(k)) {
                *c = row.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y);
            }
        } else {
            for (x, b) in row.iter().zip(b.chunks(n)) {
                c.iter_mut().zip(b).for_each(|(c, y)| *c += x * y);
            }
        }
    }
}

/// Products of any numbers; integers wrap around.
pub(super) fn numbers<T: Number>(pool: &Pool, stack: &Stack, a: &[T], b: &[T]) -> Vec<T> {
    let (m, k, n) = (stack.m, stack.k, stack.n);
    let mut c = vec![T::default(); stack.len()];
    if c.is_empty() {
        return c;
    }
    let grain = ((1 << 14) / k.max(1)).max(1);
    fill_units(pool, &mut c, n, grain, |from, part| {
        for (i, c) in part.chunks_mut(n).enumerate() {
            let row = from / n + i;
            let (at, row) = (row / m, row % m);
            let a = &a[(stack.a_at[at] * m + row) * k..][..k];
            let b = &b[stack.b_at[at] * k * n..][..k * n];
            for (x, b) in a.iter().zip(b.chunks(n)) {
                c.iter_mut().zip(b).for_each(|(c, y)| *c = c.add(x.mul(*y)));
            }
        }
    });
    c
}

/// Each of the `[rows][columns]` matrices as `[columns][rows]`.
pub(super) fn transposed<T: Clone + Default + Send + Sync>(
    pool: &Pool,
    rows: usize,
    columns: usize,
    x: &[T],
) -> Vec<T> {
    let mut y = vec![T::default(); x.len()];
    if x.is_empty() {
        return y;
    }
    let size = rows * columns;
    fill_units(pool, &mut y, size, 1 << 14, |from, part| {
        for (x, y) in x[from..].chunks(size).zip(part.chunks_mut(size)) {
            for top in (0..rows).step_by(16) {
                for column in 0..columns {
                    for row in top..rows.min(top + 16) {
                        y[column * rows + row] = x[row * columns + column].clone();
                    }
                }
            }
        }
    });
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_products_are_those_of_numpy() {
        assert_eq!(shape(&[2, 3], &[3, 4]), Some(vec![2, 4]));
        assert_eq!(shape(&[3], &[3]), Some(vec![]));
        assert_eq!(shape(&[3], &[5, 3, 4]), Some(vec![5, 4]));
        assert_eq!(shape(&[5, 1, 2, 3], &[6, 3, 4]), Some(vec![5, 6, 2, 4]));
        assert_eq!(shape(&[2, 3], &[3]), Some(vec![2]));
        assert_eq!(shape(&[2, 3], &[2, 3]), None);
        assert_eq!(shape(&[], &[2, 3]), None);
    }

    #[test]
    fn stretched_stacks_point_at_the_right_matrices() {
        assert_eq!(places(&[2, 3], &[1, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(places(&[2, 3], &[2, 1]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(places(&[2, 3], &[3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(places(&[], &[]), [0]);
    }
}
