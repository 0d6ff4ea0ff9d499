//! Pooling: each output element is the maximum or the mean of a window of the input. Windows of two elements side by side are folded where
//! they lie (`pairs.rs`), any others by way of lines (`windows.rs`).
//!
//! Sources: as `lines.rs`; the rules at the borders are PyTorch's.

mod fold;
mod pairs;
mod shape;
mod windows;

pub use shape::PoolShape;
pub(crate) use shape::divisor;

use crate::Pool;
use crate::conv::Prologue;
use crate::isa::multiversion;
use crate::norm::lanes;
use crate::shared::{Shared, check};
use fold::Kind;

/// The largest element of each window; NaN if it holds one; −∞ for a window that is padding alone. Panics unless the lengths agree and
/// the shape has an output.
pub fn max_pool(pool: &Pool, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    let output = shape.checked(x.len(), y.len());
    if pairs::suits(shape, output, None) {
        return pairs::run(pool, (shape, output), None, None, x, y);
    }
    windows::windows(pool, (shape, output), None, Kind::Largest, x, y, |_, _, _| {});
}

/// The mean of each window of `before(x)`, the padding staying zero. Panics unless the lengths agree and the shape has an output.
pub fn avg_pool(
    pool: &Pool,
    shape: &PoolShape,
    before: Option<&Prologue>,
    x: &[f32],
    y: &mut [f32],
) {
    let output = shape.checked(x.len(), y.len());
    before.inspect(|p| {
        check("scale of a prologue", p.scale.len(), shape.channels);
        check("shift of a prologue", p.shift.len(), shape.channels);
        p.slopes.inspect(|s| check("slopes of a prologue", s.len(), shape.channels));
    });
    if pairs::suits(shape, output, before) {
        let count = shape.kernel.iter().product::<usize>() as f32;
        return pairs::run(pool, (shape, output), before, Some(count), x, y);
    }
    let across: Vec<f32> = (0..output[2]).map(|w| divisor(shape, 2, w) as f32).collect();
    let alike = across.iter().all(|n| *n == across[0]);
    windows::windows(pool, (shape, output), before, Kind::Sum, x, y, |row, z, h| {
        let planes = (divisor(shape, 0, z) * divisor(shape, 1, h)) as f32;
        if alike {
            divide_all(row, planes * across[0]);
        } else {
            divide(row, planes, &across);
        }
    });
}

multiversion! {
    fn divide_all(row: &mut [f32], n: f32) {
        row.iter_mut().for_each(|v| *v /= n);
    }
}

multiversion! {
    fn divide(row: &mut [f32], planes: f32, across: &[f32]) {
        row.iter_mut().zip(across).for_each(|(v, n)| *v /= planes * n);
    }
}

/// The mean of each channel's `spatial` elements: `[channels][spatial]` to `[channels]`; NaN for an empty channel. Panics unless the
/// lengths agree.
pub fn global_avg_pool(pool: &Pool, channels: usize, spatial: usize, x: &[f32], y: &mut [f32]) {
    check("x of a pooling", x.len(), channels * spatial);
    check("y of a pooling", y.len(), channels);
    let grain = (1usize << 14).div_ceil(spatial.max(1));
    let (tasks, step) = crate::shared::pieces(pool, channels, grain);
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for c in task * step..((task + 1) * step).min(channels) {
            // SAFETY: each channel belongs to one task.
            let y = unsafe { out.part(c, 1) };
            y[0] = mean(&x[c * spatial..][..spatial]);
        }
    });
}

multiversion! {
    fn mean(x: &[f32]) -> f32 {
        (lanes(x, |v| v) / x.len() as f64) as f32
    }
}
