//! Helpers of the tests: where the real data lie, temporary folders, golden files.
//!
//! Real images are not part of the project. They are looked for in `shared/data` beside the
//! checkout, or where `CONSILIUM_TEST_DATA` points. A test without its data says so and passes,
//! unless `CONSILIUM_REQUIRE_TEST_DATA` is set.
#![allow(clippy::panic, clippy::print_stdout)]

mod archive;
pub mod onnx;

pub use archive::zip;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder of the project.
pub fn project_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// Path of a real file or folder (`dicom/txrv/rsna_cxr.dcm`), or `None` after saying that the test
/// is skipped. Panics instead when `CONSILIUM_REQUIRE_TEST_DATA` is set.
pub fn data(relative: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("CONSILIUM_TEST_DATA") {
        Some(root) => PathBuf::from(root),
        None => project_root().join("../shared/data"),
    };
    let path = root.join(relative);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CONSILIUM_REQUIRE_TEST_DATA").is_none(),
        "test data required but missing: {relative}"
    );
    println!("skipped: no test data at {}", path.display());
    None
}

/// All files below a folder of the real data, sorted by path; empty after saying so when absent.
pub fn data_files(relative: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if let Some(root) = data(relative) {
        collect(&root, &mut files);
        files.sort();
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// A folder that is removed when dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path inside it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A new empty folder for one test.
pub fn temp_dir(name: &str) -> TempDir {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    let path =
        std::env::temp_dir().join(format!("consilium-{name}-{}-{unique}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    if let Err(error) = fs::create_dir_all(&path) {
        panic!("cannot make {}: {error}", path.display());
    }
    TempDir(path)
}

/// Compares with a golden file; `UPDATE_GOLDEN=1` rewrites it instead. `path` is relative to the
/// project.
pub fn golden(path: &str, actual: &str) {
    let path = project_root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if let Some(folder) = path.parent() {
            let _ = fs::create_dir_all(folder);
        }
        if let Err(error) = fs::write(&path, actual) {
            panic!("cannot write {}: {error}", path.display());
        }
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected != actual {
        let line = expected.lines().zip(actual.lines()).take_while(|(a, b)| a == b).count() + 1;
        panic!(
            "{} differs from line {line} on:\n  golden: {}\n  actual: {}\nUPDATE_GOLDEN=1 rewrites it",
            path.display(),
            expected.lines().nth(line - 1).unwrap_or("<end>"),
            actual.lines().nth(line - 1).unwrap_or("<end>"),
        );
    }
}
