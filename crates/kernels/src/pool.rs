//! The thread pool: a fixed set of threads that sleep until there is work, share out numbered tasks, and stay.
//!
//! `run(tasks, f)` calls `f(0) … f(tasks - 1)`, each exactly once, in any order and on any thread, and returns when all have
//! finished. The calling thread works too, so a pool of `n` has `n - 1` threads of its own and a pool of one has none. Each thread
//! has a stretch of the tasks, drawn from an atomic counter, and when that is done helps with those of the others, so an uneven task or a
//! busy core does not hold up the rest. Since the order is free, callers must (and do) make each task own its part of the output.
//! Where tasks are numbered along the output, a thread finds in its own caches what it wrote in the layer before.
//!
//! ```text
//! tasks    │ 0 1 2 3 │ 4 5 6 7 │     thread 0 begins at 0, thread 1 at 4
//! caller   publish job ──▶ draw tasks … ──▶ wait until done == tasks
//! worker   spin ~50 µs on the epoch, then sleep ──▶ wake, draw tasks … ──▶ spin again
//! ```

use crate::shared::share;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Rounds of the pause instruction before a thread goes to sleep: some tens of microseconds, about one small layer.
const SPIN: usize = 4000;

thread_local! {
    /// Whether this thread is inside a task: a nested `run` then works alone, on this thread.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A handle to a set of threads; clones share it. The threads end when the last handle is dropped.
#[derive(Clone)]
pub struct Pool {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<State>,
    threads: usize,
    /// Held while a job runs; a second caller does not wait but works alone.
    busy: AtomicBool,
}

struct State {
    slot: Mutex<Slot>,
    wake: Condvar,
    /// Copy of `slot.epoch` to spin on without the lock.
    epoch: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    epoch: usize,
    sleepers: usize,
    job: Option<Arc<Job>>,
    shutdown: bool,
}

type Task = dyn Fn(usize, usize) + Sync;

struct Job {
    /// Valid until `done == tasks`; not touched where no task was drawn.
    task: *const Task,
    tasks: usize,
    /// Tasks drawn from each thread's stretch.
    drawn: Box<[Drawn]>,
    done: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    finished: Mutex<bool>,
    finish: Condvar,
}

// SAFETY: `task` points to a `Sync` closure that the publisher keeps alive until every task is done.
unsafe impl Send for Job {}
// SAFETY: as above; everything else in it is atomic or locked.
unsafe impl Sync for Job {}

/// A count on a cache line of its own: threads do not wait for each other's.
#[derive(Default)]
#[repr(align(64))]
struct Drawn(AtomicUsize);

impl Pool {
    /// A pool that works on `threads` threads, the caller's among them (at least one). Fewer if the system refuses some.
    pub fn new(threads: usize) -> Pool {
        let shared = Arc::new(State {
            slot: Mutex::new(Slot::default()),
            wake: Condvar::new(),
            epoch: AtomicUsize::new(0),
        });
        let mut started = 1;
        for worker in 1..threads.clamp(1, 1024) {
            let state = shared.clone();
            let thread = std::thread::Builder::new().name(format!("kernels-{worker}"));
            if thread.spawn(move || serve(&state, worker)).is_err() {
                break;
            }
            started += 1;
        }
        Pool { owner: Arc::new(Owner { shared, threads: started, busy: AtomicBool::new(false) }) }
    }

    /// How many threads work, the caller's included.
    pub fn threads(&self) -> usize {
        self.owner.threads
    }

    /// Calls `f` with each of `0..tasks` once and returns when all have finished. If tasks panic, the others still finish and
    /// then the first panic goes on here. Called from inside a task, or while
    /// another thread runs a job, it works alone, on this thread; a panic then goes on at once.
    pub fn run<F: Fn(usize) + Sync>(&self, tasks: usize, f: F) {
        self.run_workers(tasks, |_, task| f(task));
    }

    /// As [`Pool::run`], but tasks are begun in the order of their numbers, whichever thread is free: where that decides how much memory is
    /// held at a time, or how long the last one keeps the others waiting. A panic ends the tasks of its thread.
    pub fn run_in_turn<F: Fn(usize) + Sync>(&self, tasks: usize, f: F) {
        let next = AtomicUsize::new(0);
        let draw = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|task| *task < tasks);
        self.run(self.threads().min(tasks), |_| std::iter::from_fn(draw).for_each(&f));
    }

    /// As [`Pool::run`]; `f` also gets the number of the thread it runs on (below `threads()`), for scratch memory of its own.
    pub(crate) fn run_workers<F: Fn(usize, usize) + Sync>(&self, tasks: usize, f: F) {
        self.run_dyn(tasks, &f);
    }

    /// Compiled once, not for each of a thousand closures.
    fn run_dyn(&self, tasks: usize, f: &(dyn Fn(usize, usize) + Sync + '_)) {
        let owner = &*self.owner;
        let alone = tasks < 2 || owner.threads == 1 || INSIDE.get();
        if alone || owner.busy.swap(true, Ordering::Acquire) {
            (0..tasks).for_each(|task| f(0, task));
            return;
        }
        // SAFETY: only the lifetime is erased. The pointer is used by `work` for tasks below `tasks`, and this function does
        // not return before all of those are done.
        let task: *const Task =
            unsafe { std::mem::transmute::<&(dyn Fn(usize, usize) + Sync + '_), &'static Task>(f) };
        let job = Arc::new(Job {
            task,
            tasks,
            drawn: (0..owner.threads).map(|_| Drawn::default()).collect(),
            done: AtomicUsize::new(0),
            panic: Mutex::new(None),
            finished: Mutex::new(false),
            finish: Condvar::new(),
        });
        owner.shared.publish(job.clone());
        job.work(0);
        job.wait();
        lock(&owner.shared.slot).job = None;
        owner.busy.store(false, Ordering::Release);
        let panic = lock(&job.panic).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool of {}", self.threads())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut slot = lock(&self.shared.slot);
        slot.shutdown = true;
        slot.epoch += 1;
        self.shared.epoch.store(slot.epoch, Ordering::Release);
        self.shared.wake.notify_all();
    }
}

impl State {
    fn publish(&self, job: Arc<Job>) {
        let mut slot = lock(&self.slot);
        slot.job = Some(job);
        slot.epoch += 1;
        self.epoch.store(slot.epoch, Ordering::Release);
        if slot.sleepers > 0 {
            self.wake.notify_all();
        }
    }
}

impl Job {
    /// The next task of a thread's own stretch, or of the next one's that has any left.
    fn draw(&self, worker: usize) -> Option<usize> {
        let stretches = self.drawn.len();
        (0..stretches).map(|turn| (worker + turn) % stretches).find_map(|owner| {
            let own = share(self.tasks, stretches, owner);
            let task = own.start + self.drawn[owner].0.fetch_add(1, Ordering::Relaxed);
            (task < own.end).then_some(task)
        })
    }

    /// Draws tasks until none are left.
    fn work(&self, worker: usize) {
        let outer = INSIDE.replace(true);
        while let Some(task) = self.draw(worker) {
            // SAFETY: the task was drawn and is not done yet, so the publisher still waits and the closure lives.
            let call = || unsafe { (*self.task)(worker, task) };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
                lock(&self.panic).get_or_insert(panic);
            }
            if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.tasks {
                *lock(&self.finished) = true;
                self.finish.notify_all();
            }
        }
        INSIDE.set(outer);
    }

    fn wait(&self) {
        for _ in 0..SPIN {
            if self.done.load(Ordering::Acquire) == self.tasks {
                return;
            }
            std::hint::spin_loop();
        }
        let mut finished = lock(&self.finished);
        while !*finished {
            finished = self.finish.wait(finished).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The life of a worker thread.
fn serve(state: &State, worker: usize) {
    let mut seen = 0;
    loop {
        for _ in 0..SPIN {
            if state.epoch.load(Ordering::Acquire) != seen {
                break;
            }
            std::hint::spin_loop();
        }
        let mut slot = lock(&state.slot);
        while slot.epoch == seen {
            slot.sleepers += 1;
            slot = state.wake.wait(slot).unwrap_or_else(PoisonError::into_inner);
            slot.sleepers -= 1;
        }
        seen = slot.epoch;
        if slot.shutdown {
            return;
        }
        let job = slot.job.clone();
        drop(slot);
        if let Some(job) = job {
            job.work(worker);
        }
    }
}

/// Locks without poisoning: a panic in a task is carried to the caller, the pool's own state is whole at every point.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_exactly_once_for_any_number_of_threads() {
        for threads in [0, 1, 2, 3, 5] {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 7, 100, 1000] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                let count = |i: usize| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                };
                pool.run(tasks, count);
                pool.run_in_turn(tasks, count);
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 2));
            }
        }
    }

    #[test]
    fn nested_and_concurrent_runs_finish() {
        let pool = Pool::new(3);
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    pool.run(10, |_| {
                        pool.run(10, |_| {
                            total.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                });
            }
        });
        assert_eq!(total.load(Ordering::Relaxed), 400);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2);
        for _ in 0..3 {
            let ran = AtomicUsize::new(0);
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.run(8, |i| {
                    ran.fetch_add(1, Ordering::Relaxed);
                    assert!(i != 3, "task three");
                });
            }));
            let message = *result.unwrap_err().downcast::<&str>().unwrap();
            assert_eq!((message, ran.load(Ordering::Relaxed)), ("task three", 8));
        }
    }

    #[test]
    fn workers_are_numbered_below_the_thread_count() {
        let pool = Pool::new(3);
        pool.run_workers(50, |worker, _| assert!(worker < 3));
    }

    #[test]
    fn a_clone_outlives_its_original() {
        let pool = Pool::new(2);
        let clone = pool.clone();
        drop(pool);
        let total = AtomicUsize::new(0);
        clone.run(5, |i| {
            total.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(total.load(Ordering::Relaxed), 10);
    }
}
