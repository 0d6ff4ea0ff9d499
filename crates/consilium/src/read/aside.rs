//! What is being written aside at this moment, so that a run that is broken off can clear it away.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Paths under construction, files and folders.
static OPEN: Mutex<Vec<Open>> = Mutex::new(Vec::new());
/// Held while finished files are moved into place: a case arrives whole or not at all.
static MOVING: Mutex<()> = Mutex::new(());

#[derive(Clone, PartialEq, Eq)]
struct Open {
    path: PathBuf,
    /// The folder above it was made for it.
    new_folder: bool,
}

/// A file or folder under construction; forgotten when dropped.
pub(crate) struct Aside(Open);

impl Aside {
    /// Announces the path before anything is written there. `new_folder`: the folder it lies in is
    /// made for it too.
    pub fn new(path: PathBuf, new_folder: bool) -> Aside {
        let open = Open { path, new_folder };
        lock(&OPEN).push(open.clone());
        Aside(open)
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Keeps an interruption waiting until dropped.
    pub fn moving(&self) -> MutexGuard<'static, ()> {
        lock(&MOVING)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        lock(&OPEN).retain(|open| *open != self.0);
    }
}

/// Removes everything under construction and lets nothing be moved into place any more; then runs
/// `end`, which is expected to end the process. For a signal handler's own thread.
pub fn break_off(end: impl FnOnce()) {
    let _still = lock(&MOVING);
    let open = lock(&OPEN);
    for Open { path, new_folder } in open.iter() {
        // The writer goes on until the process ends: it may put a file into a folder that is just
        // being emptied.
        for _ in 0..100 {
            let removed = std::fs::remove_dir_all(path).or_else(|_| std::fs::remove_file(path));
            if removed.is_ok() || !path.exists() {
                break;
            }
        }
        if let Some(folder) = path.parent().filter(|_| *new_folder) {
            let _ = std::fs::remove_dir(folder);
        }
    }
    end();
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    // Nothing panics while either is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
