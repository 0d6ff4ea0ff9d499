//! Files written aside and moved into place, so that nothing half-written stays.

use base::words::imaging as words;
use base::{Error, Kind, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes a file through `fill` under another name in the same folder, then renames it. On any error
/// what was written is removed and a file that was there before stays as it was.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let failed =
        |error: io::Error| Error::new(Kind::Io, words::cannot_write(&error.to_string())).at(path);
    let aside = Aside(beside(path));
    let file = File::create(&aside.0).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    fill(&mut out).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    fs::rename(&aside.0, path).map_err(failed)
}

/// `.name.<process>.part`: hidden, and no other process writes there.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    path.with_file_name(format!(".{}.{}.part", name.unwrap_or_default(), std::process::id()))
}

/// Removed when dropped; after the rename there is nothing left to remove.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
