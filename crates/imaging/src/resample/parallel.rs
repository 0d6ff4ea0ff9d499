//! Work on disjoint parts of one array, shared out over the thread pool without `unsafe`.

use kernels::Pool;
use std::sync::{Mutex, PoisonError};

/// Calls `work` once with the number and the contents of every part.
pub fn each<T: Send>(pool: &Pool, parts: Vec<T>, work: impl Fn(usize, &mut T) + Sync) {
    let parts: Vec<Mutex<T>> = parts.into_iter().map(Mutex::new).collect();
    pool.run(parts.len(), |number| {
        // Each part is taken once, so the lock never waits.
        work(number, &mut parts[number].lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// Calls `work` for `0..tasks` and gives the results in that order.
pub fn collect<T: Send>(pool: &Pool, tasks: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut results: Vec<Option<T>> = (0..tasks).map(|_| None).collect();
    each(pool, results.iter_mut().collect(), |number, slot| **slot = Some(work(number)));
    results.into_iter().flatten().collect()
}

/// Cuts each of `planes` equal planes of `data` into pieces of `length`; piece `i` of every plane
/// go together, so that one task can work across the planes.
pub fn columns(data: &mut [f32], plane: usize, length: usize) -> Vec<Vec<&mut [f32]>> {
    let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
    parts.resize_with(plane.div_ceil(length.max(1)), Vec::new);
    for plane in data.chunks_exact_mut(plane.max(1)) {
        for (part, piece) in parts.iter_mut().zip(plane.chunks_mut(length.max(1))) {
            part.push(piece);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let squares = collect(&Pool::new(threads), 100, |i| i * i);
            assert!(squares.iter().enumerate().all(|(i, &square)| square == i * i));
        }
    }

    #[test]
    fn columns_cover_every_element_once() {
        let mut data = vec![0.0; 3 * 10];
        for part in columns(&mut data, 10, 4) {
            assert_eq!(part.len(), 3);
            part.into_iter().flatten().for_each(|value| *value += 1.0);
        }
        assert_eq!(data, vec![1.0; 30]);
    }
}
