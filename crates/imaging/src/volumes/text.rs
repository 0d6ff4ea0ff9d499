//! What the formats with text headers share: vectors, numbers written out, files beside the header.

use super::source::{Place, Source, read_up_to};
use crate::Limits;
use base::words::{imaging, volumes as words};
use base::{Error, Kind, Result, VoxelType, Voxels};
use std::path::{Component, Path, PathBuf};

/// `(1,0,0) none (0,0,2)`: vectors, `none` for an axis without; `None` when it is something else.
pub(super) fn vectors(text: &str) -> Option<Vec<Option<Vec<f64>>>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("none") {
            out.push(None);
            rest = after.trim_start();
            continue;
        }
        let inside = rest.strip_prefix('(')?;
        let end = inside.find(')')?;
        let numbers: Option<Vec<f64>> =
            inside[..end].split(',').map(|v| v.trim().parse().ok()).collect();
        out.push(Some(numbers?));
        rest = inside[end + 1..].trim_start();
    }
    (!out.is_empty()).then_some(out)
}

/// Numbers separated by blanks; `None` when one is none.
pub(super) fn numbers(text: &str) -> Option<Vec<f64>> {
    text.split_whitespace().map(|v| v.parse().ok()).collect()
}

/// A file the header names: beside it or below, nowhere else, so that a header cannot make the program
/// read any file of the machine.
pub(super) fn file_beside(header: &Path, name: &str, place: Place) -> Result<PathBuf> {
    let relative = Path::new(name);
    let inside =
        relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let named = relative.components().filter(|part| matches!(part, Component::Normal(_)));
    let file = header.with_file_name("").join(named.collect::<PathBuf>());
    if name.is_empty() || !inside || !place.has(&file) {
        let shown: String = name.chars().take(80).collect();
        let error = Error::new(Kind::BrokenInput, words::no_data_file(&shown));
        return Err(error.hint(imaging::COPY_AGAIN));
    }
    Ok(file)
}

/// Words of a stream, separated by blanks and commas.
pub(super) struct Words<'a> {
    source: &'a mut Source,
    buffer: Vec<u8>,
    at: usize,
}

impl Words<'_> {
    pub fn new(source: &mut Source) -> Words<'_> {
        Words { source, buffer: Vec::new(), at: 0 }
    }

    /// The next byte, or none at the end.
    fn byte(&mut self) -> Option<u8> {
        if self.at == self.buffer.len() {
            self.buffer.resize(1 << 16, 0);
            let read = read_up_to(self.source, &mut self.buffer).unwrap_or(0);
            self.buffer.truncate(read);
            self.at = 0;
        }
        let byte = self.buffer.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// The next word into `word`; false at the end.
    fn next(&mut self, word: &mut String) -> bool {
        word.clear();
        while let Some(byte) = self.byte() {
            if byte.is_ascii_whitespace() || byte == b',' {
                if !word.is_empty() {
                    return true;
                }
            } else if word.len() < 64 {
                word.push(char::from(byte));
            }
        }
        !word.is_empty()
    }
}

/// `count` voxels written out as numbers.
pub(super) fn voxels(
    source: &mut Source,
    kind: VoxelType,
    count: u64,
    limits: &Limits,
) -> Result<Voxels> {
    let bytes = u128::from(count) * kind.bytes() as u128;
    if bytes > u128::from(limits.max_volume_bytes) {
        let text = words::too_large(bytes, limits.max_volume_bytes);
        return Err(Error::new(Kind::Limit, text));
    }
    // Every number but the last takes a digit and a blank.
    if count.saturating_mul(2).saturating_sub(1) > source.at_most() {
        let error = Error::new(Kind::BrokenInput, words::HEADER_LIES);
        return Err(error.hint(imaging::COPY_AGAIN));
    }
    let mut words_of = Words::new(source);
    let mut word = String::new();
    let short = |found: usize| {
        let text = words::voxels_short(count, found as u64);
        Error::new(Kind::BrokenInput, text).hint(imaging::COPY_AGAIN)
    };
    macro_rules! parse {
        ($ty:ty) => {{
            let mut voxels: Vec<$ty> = Vec::new();
            while (voxels.len() as u64) < count {
                if !words_of.next(&mut word) {
                    return Err(short(voxels.len()));
                }
                voxels.push(word.parse().map_err(|_| {
                    let found: String = word.chars().take(20).collect();
                    let text = imaging::bad_value("voxel", kind.name(), &found);
                    Error::new(Kind::BrokenInput, text).hint(imaging::COPY_AGAIN)
                })?);
            }
            voxels
        }};
    }
    Ok(base::make_voxels!(kind, parse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_with_and_without_blanks() {
        let read = vectors("(1,0,0) none ( 0, -2.5 ,1e1)").unwrap();
        assert_eq!(read, [Some(vec![1.0, 0.0, 0.0]), None, Some(vec![0.0, -2.5, 10.0])]);
        assert_eq!(vectors("(1,0,0"), None);
        assert_eq!(vectors("1 0 0"), None);
    }

    #[test]
    fn a_header_names_files_beside_it_only() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(file_beside(&here, "src/lib.rs", Place::Disk).is_ok());
        for name in ["", "../Cargo.toml", "/etc/hosts", "missing.raw", "src"] {
            assert!(file_beside(&here, name, Place::Disk).is_err(), "{name}");
        }
    }
}
