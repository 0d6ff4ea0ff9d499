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
//! caller   write the board ──▶ draw tasks … ──▶ wait until the threads' counts of what they have done add up
//! worker   spin on the board's epoch, then sleep ──▶ read the board, draw tasks … ──▶ spin again
//! ```
//!
//! A network is hundreds of jobs of some tens of microseconds, and a cache line takes a tenth of one from core to core. So a job is one
//! line, the board, that all read (a sequence lock: the epoch is odd while it is written); counters are lines of their own, near the thread that
//! counts; nothing is allocated, and locks are for those who sleep. A thread may read the board so late that its job is over. It harms
//! nobody: counters of tasks hold the number of their job, so it finds none left, and only who has drawn a task follows the job's pointer.

use crate::shared::share;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Rounds of the pause instruction before a thread goes to sleep: some tens of microseconds, about one small layer.
const SPIN: usize = 4000;
/// Every so many of these rounds the core is offered to others.
const POLITE: usize = 64;
/// Bits of a counter that count the tasks drawn from a stretch; those above are the number of the job, good for years of jobs.
const COUNT: u32 = 22;

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

/// What all threads of a pool see.
struct State {
    board: Line<Board>,
    /// For each thread, its stretch of the tasks: the number of a job, and how many were drawn in it.
    drawn: Box<[Line<AtomicU64>]>,
    /// For each thread, how many tasks it has done in its life.
    done: Box<[Line<AtomicU64>]>,
    /// Threads that sleep until there is a job, and whether the caller sleeps until its job is done.
    sleepers: Line<AtomicUsize>,
    waiting: Line<AtomicBool>,
    shutdown: AtomicBool,
    bed: Mutex<()>,
    wake: Condvar,
    finish: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// The job of the day.
#[derive(Default)]
struct Board {
    /// Twice the number of the job; odd while the rest is written.
    epoch: AtomicU64,
    /// Valid until all tasks are done; not touched where no task was drawn.
    job: AtomicPtr<Job<'static>>,
    tasks: AtomicUsize,
}

struct Job<'a> {
    task: &'a (dyn Fn(usize, usize) + Sync + 'a),
}

/// A value on cache lines of its own (processors fetch them in pairs): threads do not wait for each other's.
#[derive(Default)]
#[repr(align(128))]
struct Line<T>(T);

impl Pool {
    /// A pool that works on `threads` threads, the caller's among them (at least one). Fewer if the system refuses some.
    pub fn new(threads: usize) -> Pool {
        let threads = threads.clamp(1, 1024);
        let shared = Arc::new(State::new(threads));
        let mut started = 1;
        for worker in 1..threads {
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
        // So many at a time that a stretch of them can be counted.
        let most = ((1 << COUNT) - 1) * owner.shared.drawn.len();
        for from in (0..tasks).step_by(most) {
            owner.shared.run(most.min(tasks - from), &|worker, task| f(worker, from + task));
        }
        let panic = lock(&owner.shared.panic).take();
        owner.busy.store(false, Ordering::Release);
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
        self.shared.shutdown.store(true, Ordering::Release);
        self.shared.publish(ptr::null_mut(), 0);
    }
}

impl State {
    fn new(threads: usize) -> State {
        let counters = || (0..threads).map(|_| Line::default()).collect();
        State {
            board: Line::default(),
            drawn: counters(),
            done: counters(),
            sleepers: Line::default(),
            waiting: Line::default(),
            shutdown: AtomicBool::new(false),
            bed: Mutex::new(()),
            wake: Condvar::new(),
            finish: Condvar::new(),
            panic: Mutex::new(None),
        }
    }

    /// Runs a job as the caller, who is the only one.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize, usize) + Sync + '_)) {
        let before = self.done();
        let job = Job { task };
        let epoch = self.publish(ptr::from_ref(&job).cast_mut().cast(), tasks);
        self.work(0, epoch, &job, tasks);
        let all = before.wrapping_add(tasks as u64);
        for round in 0..SPIN {
            if self.done() == all {
                return;
            }
            pause(round);
        }
        let mut bed = lock(&self.bed);
        self.waiting.0.store(true, Ordering::Relaxed);
        // Either a thread that is done sees who waits, or who waits sees what it has done.
        fence(Ordering::SeqCst);
        while self.done() != all {
            bed = self.finish.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.waiting.0.store(false, Ordering::Relaxed);
    }

    /// Tasks done since the pool began.
    fn done(&self) -> u64 {
        self.done.iter().fold(0, |sum, done| sum.wrapping_add(done.0.load(Ordering::Acquire)))
    }

    /// Writes the board; returns its new epoch.
    fn publish(&self, job: *mut Job<'static>, tasks: usize) -> u64 {
        let Line(board) = &self.board;
        let epoch = board.epoch.load(Ordering::Relaxed);
        board.epoch.store(epoch.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        board.job.store(job, Ordering::Relaxed);
        board.tasks.store(tasks, Ordering::Relaxed);
        board.epoch.store(epoch.wrapping_add(2), Ordering::Release);
        // Either who goes to sleep sees the job, or we see the sleeper.
        fence(Ordering::SeqCst);
        if self.sleepers.0.load(Ordering::Relaxed) > 0 {
            let _bed = lock(&self.bed);
            self.wake.notify_all();
        }
        epoch.wrapping_add(2)
    }

    /// The epoch, job and number of tasks on the board, if it is not the one that was `seen`, nor being written.
    fn read(&self, seen: u64) -> Option<(u64, *const Job<'static>, usize)> {
        let Line(board) = &self.board;
        let epoch = board.epoch.load(Ordering::Acquire);
        if epoch == seen || epoch % 2 == 1 {
            return None;
        }
        let job = board.job.load(Ordering::Relaxed);
        let tasks = board.tasks.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        (board.epoch.load(Ordering::Relaxed) == epoch).then_some((epoch, job.cast_const(), tasks))
    }

    /// The next task of a thread's own stretch, or of the next one's that has any left.
    fn draw(&self, worker: usize, epoch: u64, tasks: usize) -> Option<usize> {
        let stretches = self.drawn.len();
        let from = epoch << (COUNT - 1);
        (0..stretches).map(|turn| (worker + turn) % stretches).find_map(|owner| {
            let own = share(tasks, stretches, owner);
            let Line(drawn) = &self.drawn[owner];
            let mut now = drawn.load(Ordering::Relaxed);
            loop {
                // Less: of a job before, none is drawn yet. Much more: of one after, ours is over. Numbers may go round.
                let count = now.wrapping_sub(from);
                let count = if count.cast_signed() < 0 { 0 } else { count };
                if count >= own.len() as u64 {
                    return None;
                }
                let next = from.wrapping_add(count + 1);
                let order = Ordering::Relaxed;
                match drawn.compare_exchange_weak(now, next, order, order) {
                    Ok(_) => return Some(own.start + count as usize),
                    Err(other) => now = other,
                }
            }
        })
    }

    /// Draws tasks until none are left.
    fn work(&self, worker: usize, epoch: u64, job: *const Job<'_>, tasks: usize) {
        let outer = INSIDE.replace(true);
        while let Some(task) = self.draw(worker, epoch, tasks) {
            // SAFETY: the task was drawn and is not done yet, so the caller still waits, and the job and its closure live.
            let call = || unsafe { ((*job).task)(worker, task) };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
                lock(&self.panic).get_or_insert(panic);
            }
            let Line(done) = &self.done[worker];
            // Nobody else counts here.
            done.store(done.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
            if worker > 0 {
                fence(Ordering::SeqCst);
                if self.waiting.0.load(Ordering::Relaxed) {
                    let _bed = lock(&self.bed);
                    self.finish.notify_all();
                }
            }
        }
        INSIDE.set(outer);
    }
}

/// The life of a worker thread.
fn serve(state: &State, worker: usize) {
    let mut seen = 0;
    loop {
        let spun = (0..SPIN).find_map(|round| {
            pause(round);
            state.read(seen)
        });
        let Some((epoch, job, tasks)) = spun else {
            let mut bed = lock(&state.bed);
            state.sleepers.0.fetch_add(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            while state.board.0.epoch.load(Ordering::Relaxed) == seen {
                bed = state.wake.wait(bed).unwrap_or_else(PoisonError::into_inner);
            }
            state.sleepers.0.fetch_sub(1, Ordering::Relaxed);
            continue;
        };
        seen = epoch;
        if state.shutdown.load(Ordering::Acquire) {
            return;
        }
        state.work(worker, epoch, job, tasks);
    }
}

/// Waits a moment; now and then lets another thread have the core, for there may be more threads than cores.
fn pause(round: usize) {
    if round % POLITE == POLITE - 1 {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
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
    fn no_task_is_lost_over_many_jobs_between_which_threads_may_sleep() {
        let pool = Pool::new(4);
        let (mut expected, total) = (0, AtomicUsize::new(0));
        for job in 0..20_000 {
            let tasks = job % 11;
            pool.run(tasks, |task| {
                total.fetch_add(job + task, Ordering::Relaxed);
            });
            expected += tasks * job + tasks * tasks.saturating_sub(1) / 2;
            assert_eq!(total.load(Ordering::Relaxed), expected, "job {job}");
            if job % 4000 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }

    #[test]
    fn a_late_thread_finds_no_task_of_a_job_that_is_over() {
        let state = State::new(2);
        let (late, _, tasks) = {
            state.publish(ptr::null_mut(), 4);
            state.read(0).unwrap()
        };
        assert_eq!((0..4).filter_map(|_| state.draw(1, late, tasks)).sum::<usize>(), 6);
        let next = state.publish(ptr::null_mut(), 8);
        assert_eq!(state.draw(0, late, tasks), None, "before anybody began the next");
        assert_eq!(state.draw(0, next, 8), Some(0));
        assert_eq!(state.draw(0, late, tasks), None);
        assert_eq!((0..8).filter_map(|_| state.draw(0, next, 8)).sum::<usize>(), 28);
        assert_eq!(state.read(next), None);
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
