//! Tables of published data sets: byte-order marks, gzip and zip, headers that lack quotes.

use super::Files;
use crate::score::table;
use base::words::{datasets as words, score};
use base::{Error, Kind, Result};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a table, unpacked.
const MOST_BYTES: u64 = 2 << 30;

/// A table with named columns. Rows may be longer than the header, which some sets publish.
pub(super) struct Csv {
    path: PathBuf,
    columns: BTreeMap<String, usize>,
    /// Names in their order.
    pub header: Vec<String>,
    /// Rows without the header.
    pub rows: Vec<Vec<String>>,
}

/// Reads the first of these names that lies in the folder, plain or with `.gz` or `.zip`.
pub(super) fn read(files: &Files, folder: &Path, names: &[&str]) -> Result<Csv> {
    let mut rows = rows(files, folder, names)?;
    let path = rows.0;
    if rows.1.is_empty() {
        return Err(Error::new(Kind::BrokenInput, score::EMPTY_FILE.clone()).at(path));
    }
    let header = rows.1.remove(0);
    let columns = header.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
    Ok(Csv { path, columns, header, rows: rows.1 })
}

/// The rows of a table without header, and where it lies.
pub(super) fn rows(
    files: &Files,
    folder: &Path,
    names: &[&str],
) -> Result<(PathBuf, Vec<Vec<String>>)> {
    let path = find(files, folder, names).ok_or_else(|| {
        Error::new(Kind::BrokenInput, words::lacks(&names.join(" | "))).at(folder)
    })?;
    let bytes = unpacked(files, &path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::new(Kind::BrokenInput, score::NOT_UTF8.clone()).at(&path))?;
    let rows = table::split(text).map_err(|error| error.at(&path))?;
    Ok((path, rows.into_iter().map(|row| row.cells).collect()))
}

/// Where the first of these names lies: plain, with `.gz`, or alone in its own `.zip`.
pub(super) fn find(files: &Files, folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let plain = names.iter().map(|name| folder.join(name));
    let packed = names.iter().map(|name| folder.join(format!("{name}.gz")));
    let zipped = names.iter().map(|name| folder.join(format!("{name}.zip")).join(name));
    plain.chain(packed).chain(zipped).find(|path| files.is_file(path))
}

/// The bytes of a file, unpacked where it is gzipped.
pub(super) fn unpacked(files: &Files, path: &Path) -> Result<Vec<u8>> {
    let bytes = files.bytes(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
    let read = decoder.take(MOST_BYTES + 1).read_to_end(&mut plain);
    match read {
        Ok(length) if length as u64 <= MOST_BYTES => Ok(plain),
        Ok(_) => {
            let text = score::table_too_large("bytes", MOST_BYTES);
            Err(Error::new(Kind::Limit, text).at(path))
        }
        Err(error) => {
            let text = base::words::cli::cannot_read(&error);
            Err(Error::new(Kind::BrokenInput, text).at(path))
        }
    }
}

impl Csv {
    /// The place of a column; an error that names it and the file otherwise.
    pub fn column(&self, name: &str) -> Result<usize> {
        self.any_column(&[name])
    }

    /// The place of the first of these columns.
    pub fn any_column(&self, names: &[&str]) -> Result<usize> {
        let found = names.iter().find_map(|name| self.columns.get(*name)).copied();
        found.ok_or_else(|| {
            let text = words::lacks_column(&names.join(" | "));
            Error::new(Kind::BrokenInput, text).at(&self.path)
        })
    }

    /// The place of a column that may be missing.
    pub fn maybe(&self, name: &str) -> Option<usize> {
        self.columns.get(name).copied()
    }
}

/// A cell, empty where the row is too short.
pub(super) fn cell(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", String::as_str)
}
