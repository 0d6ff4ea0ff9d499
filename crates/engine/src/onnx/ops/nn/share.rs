//! Work dealt out to the threads of a pool in pieces of a result.

use kernels::Pool;
use std::sync::{Mutex, PoisonError};

/// Results with less work than this many values are made on one thread.
const FEW: usize = 1 << 13;

/// Calls `f(index, chunk)` for every `chunk` of `len` values of `y`.
pub(super) fn each_chunk<T: Send>(
    pool: &Pool,
    y: &mut [T],
    len: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    if len == 0 {
        return;
    }
    if y.len() < FEW {
        y.chunks_mut(len).enumerate().for_each(|(i, chunk)| f(i, chunk));
        return;
    }
    heavy_chunks(pool, y, len, f);
}

/// As [`each_chunk`] where a value costs much.
pub(super) fn heavy_chunks<T: Send>(
    pool: &Pool,
    y: &mut [T],
    len: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    if len == 0 {
        return;
    }
    let per = y.len().div_ceil(len).div_ceil(64).max(1);
    let parts: Vec<Mutex<&mut [T]>> =
        y.chunks_mut(per.saturating_mul(len)).map(Mutex::new).collect();
    pool.run(parts.len(), |task| {
        let mut part = parts[task].lock().unwrap_or_else(PoisonError::into_inner);
        for (i, chunk) in part.chunks_mut(len).enumerate() {
            f(task * per + i, chunk);
        }
    });
}
