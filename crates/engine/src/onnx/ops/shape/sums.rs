//! One axis combined into one value, in an order that depends on the shape alone: in blocks, so that
//! rounding errors of long sums stay small, and alike for any number of threads.

use super::typed::Number;
use kernels::Pool;
use std::sync::{Mutex, PoisonError};

/// Fewer values are combined on one thread.
const SHARE: usize = 1 << 15;
/// Values of a row that are combined side by side.
const LANES: usize = 16;
/// Values combined before halves are: bounds the error of sums.
const BLOCK: usize = 512;
/// A longer row is cut, its pieces combined on several threads.
const PIECE: usize = 1 << 16;
/// Rows combined before their result joins the total.
const ROWS: usize = 64;
/// Columns that stay in the first cache.
const COLUMNS: usize = 1024;

/// `x` of shape (`outer`, `extent`, `inner`) to (`outer`, `inner`): `map` is applied to each value, and
/// all along the middle axis are combined, `start` being the result for none.
pub(super) fn along<T: Number>(
    pool: &Pool,
    x: &[T],
    [outer, extent, inner]: [usize; 3],
    start: T,
    map: impl Fn(T) -> T + Sync,
    combine: impl Fn(T, T) -> T + Sync,
) -> Vec<T> {
    let mut out = vec![start; outer * inner];
    if extent == 0 || out.is_empty() {
        return out;
    }
    let small = x.len() < SHARE;
    if inner == 1 {
        if extent >= 2 * PIECE && !small {
            let pieces = extent.div_ceil(PIECE);
            let mut partial = vec![start; outer * pieces];
            each(pool, &mut partial, 1, small, |index, out| {
                let row = &x[index / pieces * extent..][..extent];
                let from = index % pieces * PIECE;
                out[0] = across(&row[from..extent.min(from + PIECE)], start, &map, &combine);
            });
            for (out, partial) in out.iter_mut().zip(partial.chunks(pieces)) {
                *out = across(partial, start, &|value| value, &combine);
            }
            return out;
        }
        let rows = if small { outer } else { outer.div_ceil(4 * pool.threads()) };
        each(pool, &mut out, rows, small, |index, out| {
            for (out, row) in out.iter_mut().zip(x[index * rows * extent..].chunks_exact(extent)) {
                *out = across(row, start, &map, &combine);
            }
        });
        return out;
    }
    let columns = COLUMNS.min(inner);
    let per_row = inner.div_ceil(columns);
    let slices: Vec<Mutex<&mut [T]>> =
        out.chunks_mut(inner).flat_map(|row| row.chunks_mut(columns)).map(Mutex::new).collect();
    let work = |index: usize| {
        let mut out = slices[index].lock().unwrap_or_else(PoisonError::into_inner);
        let x = &x[index / per_row * extent * inner + index % per_row * columns..];
        down(x, extent, inner, &mut out, start, &map, &combine);
    };
    if small {
        (0..slices.len()).for_each(work)
    } else {
        pool.run(slices.len(), work)
    }
    drop(slices);
    out
}

/// Hands each stretch of `size` values of `out` to `f` with its number.
fn each<T: Send>(
    pool: &Pool,
    out: &mut [T],
    size: usize,
    alone: bool,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    if alone {
        return out.chunks_mut(size).enumerate().for_each(|(index, part)| f(index, part));
    }
    let parts: Vec<Mutex<&mut [T]>> = out.chunks_mut(size).map(Mutex::new).collect();
    pool.run(parts.len(), |index| {
        f(index, &mut parts[index].lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// All values of a row: lanes within a block, halves above it.
fn across<T: Number>(x: &[T], start: T, map: &impl Fn(T) -> T, combine: &impl Fn(T, T) -> T) -> T {
    if x.len() > BLOCK {
        let (a, b) = x.split_at((x.len() / 2).next_multiple_of(BLOCK).min(x.len() - 1));
        return combine(across(a, start, map, combine), across(b, start, map, combine));
    }
    let mut lanes = [start; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, map(*value));
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = combine(*lane, map(*value));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Columns of `extent` rows that lie `pitch` apart, as many as `out` holds.
fn down<T: Number>(
    x: &[T],
    extent: usize,
    pitch: usize,
    out: &mut [T],
    start: T,
    map: &impl Fn(T) -> T,
    combine: &impl Fn(T, T) -> T,
) {
    let mut block = vec![start; out.len()];
    for first in (0..extent).step_by(ROWS) {
        block.fill(start);
        for row in first..extent.min(first + ROWS) {
            for (sum, value) in block.iter_mut().zip(&x[row * pitch..]) {
                *sum = combine(*sum, map(*value));
            }
        }
        for (total, sum) in out.iter_mut().zip(&block) {
            *total = combine(*total, *sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 10007) as f32 - 4000.0) * 0.37).collect()
    }

    #[test]
    fn sums_are_right_and_the_same_bits_for_any_number_of_threads() {
        let shapes = [
            [1, 300_000, 1],
            [7, 9001, 1],
            [3, 700, 1500],
            [2, 5, 3],
            [400, 300, 1],
            [1, 70_000, 2],
        ];
        for shape in shapes {
            let [outer, extent, inner] = shape;
            let x = values(outer * extent * inner);
            let sum = |threads| along(&Pool::new(threads), &x, shape, 0.0, |v| v, |a, b| a + b);
            let one = sum(1);
            assert!(sum(3).iter().zip(&one).all(|(a, b)| a.to_bits() == b.to_bits()), "{shape:?}");
            for o in 0..outer {
                for i in 0..inner {
                    let all = (0..extent).map(|e| f64::from(x[(o * extent + e) * inner + i]));
                    let scale: f64 = all.clone().map(f64::abs).sum();
                    let error = (all.sum::<f64>() - f64::from(one[o * inner + i])).abs();
                    assert!(error <= scale * 1e-6, "{shape:?} {error}");
                }
            }
        }
    }
}
