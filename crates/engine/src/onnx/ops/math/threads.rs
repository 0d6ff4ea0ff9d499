//! One result, many tasks: each fills a part of its own.

use kernels::Pool;
use std::sync::{Mutex, PoisonError};

/// Elements that are worth a task of their own.
pub(super) const GRAIN: usize = 1 << 14;

/// Calls `f` with parts of `out` that together are all of it, each with the index of its first
/// element; parts are whole multiples of `unit` elements but for the last.
pub(super) fn fill_units<T: Send>(
    pool: &Pool,
    out: &mut [T],
    unit: usize,
    grain: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    let unit = unit.max(1);
    let units = out.len().div_ceil(unit);
    // The cut depends on the size alone, never on the number of threads.
    let step = units.div_ceil(64).max(grain.div_ceil(unit)).max(1).saturating_mul(unit);
    if out.len() <= step {
        f(0, out);
        return;
    }
    let parts: Vec<Mutex<(usize, &mut [T])>> =
        out.chunks_mut(step).enumerate().map(|(i, part)| Mutex::new((i * step, part))).collect();
    pool.run(parts.len(), |task| {
        let mut part = parts[task].lock().unwrap_or_else(PoisonError::into_inner);
        let (from, part) = &mut *part;
        f(*from, part);
    });
}

/// [`fill_units`] for work done element by element.
pub(super) fn fill<T: Send>(pool: &Pool, out: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    fill_units(pool, out, 1, GRAIN, f);
}

/// Replaces every value.
pub(super) fn each<T: Send + Copy>(pool: &Pool, out: &mut [T], f: impl Fn(T) -> T + Sync) {
    fill(pool, out, |_, part| part.iter_mut().for_each(|x| *x = f(*x)));
}

/// A value for each of `x`.
pub(super) fn map<A: Sync, R: Send + Default + Clone>(
    pool: &Pool,
    x: &[A],
    f: impl Fn(&A) -> R + Sync,
) -> Vec<R> {
    let mut out = vec![R::default(); x.len()];
    fill(pool, &mut out, |from, part| {
        part.iter_mut().zip(&x[from..]).for_each(|(o, x)| *o = f(x));
    });
    out
}
