//! Work spread over threads, results in their order: the same for any number of threads.

/// `f(0), …, f(n - 1)`, computed by up to `threads` threads.
pub fn map<T: Send>(n: usize, threads: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    map_with(n, threads, || (), |(), at| f(at))
}

/// As [`map`], with memory of its own for every thread.
pub fn map_with<S, T: Send>(
    n: usize,
    threads: usize,
    start: impl Fn() -> S + Sync,
    f: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let threads = threads.clamp(1, n.max(1));
    if threads == 1 {
        let mut own = start();
        return (0..n).map(|at| f(&mut own, at)).collect();
    }
    let share = n.div_ceil(threads);
    let mut results: Vec<Option<T>> = (0..n).map(|_| None).collect();
    std::thread::scope(|scope| {
        for (part, slots) in results.chunks_mut(share).enumerate() {
            let (start, f) = (&start, &f);
            scope.spawn(move || {
                let mut own = start();
                for (at, slot) in slots.iter_mut().enumerate() {
                    *slot = Some(f(&mut own, part * share + at));
                }
            });
        }
    });
    results.into_iter().flatten().collect()
}

/// Calls `f` with consecutive pieces of `data` of `size` elements (the last may be shorter) and
/// their number, spread over threads.
pub fn for_chunks<T: Send>(
    data: &mut [T],
    size: usize,
    threads: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    let size = size.max(1);
    let pieces = data.len().div_ceil(size);
    let threads = threads.clamp(1, pieces.max(1));
    if threads == 1 {
        data.chunks_mut(size).enumerate().for_each(|(at, piece)| f(at, piece));
        return;
    }
    let share = pieces.div_ceil(threads);
    std::thread::scope(|scope| {
        for (part, many) in data.chunks_mut(share * size).enumerate() {
            let f = &f;
            scope.spawn(move || {
                many.chunks_mut(size)
                    .enumerate()
                    .for_each(|(at, piece)| f(part * share + at, piece));
            });
        }
    });
}
