//! Zip archives as PyTorch writes them: stored or deflated entries, zip64, no encryption.
//!
//! Reference: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5. Entries may not overlap, sizes must
//! agree, names are unique, check sums are verified.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Limits;
use super::checkpoint::{Bytes, Storage, read_file};
use super::pickle::shorten;
use crate::error::{Error, ErrorKind, Result};

/// No deflated stream unfolds to more than this many times its size (zlib's documentation).
const MOST_UNFOLDED: u64 = 1040;

/// An archive whose entries are read one at a time.
#[derive(Debug)]
pub struct Archive {
    bytes: Bytes,
    entries: BTreeMap<String, Entry>,
    unfolded_left: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    method: u64,
    crc: u32,
    start: usize,
    packed: usize,
    size: usize,
}

impl Archive {
    /// Reads a zip file. Errors name it: it cannot be read, is broken, or is beyond a limit.
    pub fn open(path: &Path, limits: &Limits) -> Result<Archive> {
        let bytes = read_file(path, limits).map_err(|error| error.at(path))?;
        Archive::from_bytes(&Arc::new(bytes), limits).map_err(|error| error.at(path))
    }

    pub(super) fn from_bytes(bytes: &Bytes, limits: &Limits) -> Result<Archive> {
        let directory = find_directory(bytes)?;
        if directory.count > limits.tensors as u64 {
            let most = limits.tensors;
            let message = format!("the archive has {} entries, at most {most}", directory.count);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let mut entries = BTreeMap::new();
        let mut spans = Vec::new();
        let mut at = directory.start;
        for _ in 0..directory.count {
            let header = Fields { bytes, at };
            header.signature(0x0201_4b50, "an entry of the directory")?;
            let (name_len, extra_len, comment_len) =
                (header.u16(28)?, header.u16(30)?, header.u16(32)?);
            let name = header.piece(46, name_len)?;
            let name = std::str::from_utf8(name).map_err(|_| broken("a name is not UTF-8"))?;
            let extra = header.piece(46 + name_len, extra_len)?;
            at += 46 + name_len + extra_len + comment_len;
            if header.u16(8)? & 1 != 0 {
                return Err(Error::new(ErrorKind::Unsupported, "the archive is encrypted"));
            }
            let mut sizes = Wide { extra: zip64_extra(extra) };
            let size = sizes.widen(header.u32(24)?)?;
            let packed = sizes.widen(header.u32(20)?)?;
            let local = sizes.widen(header.u32(42)?)?;
            let (span, start) = data_span(bytes, local, packed, name)?;
            spans.push(span);
            let entry = Entry {
                method: header.u16(10)? as u64,
                crc: header.u32(16)? as u32,
                start,
                packed: as_usize(packed)?,
                size: as_usize(size)?,
            };
            if entry.method == 0 && packed != size {
                return Err(broken("a stored entry lies about its size"));
            }
            if entries.insert(name.to_string(), entry).is_some() {
                return Err(broken(&format!("two entries are called {}", shorten(name))));
            }
        }
        spans.push((directory.start, usize::MAX));
        spans.sort_unstable();
        if spans.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            return Err(broken("entries of the archive overlap"));
        }
        Ok(Archive { bytes: bytes.clone(), entries, unfolded_left: limits.unfolded_bytes })
    }

    /// Names of all entries, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether there is such an entry.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The bytes of an entry, unfolded if need be, its check sum verified.
    pub fn content(&mut self, name: &str) -> Result<Vec<u8>> {
        let content = self.read(name)?;
        match Arc::try_unwrap(content.bytes) {
            Ok(bytes) if content.start == 0 && bytes.len() == content.len => Ok(bytes),
            Ok(bytes) => Ok(bytes[content.start..content.start + content.len].to_vec()),
            Err(shared) => Ok(shared[content.start..content.start + content.len].to_vec()),
        }
    }

    /// The content of an entry, unfolded if need be, its check sum verified.
    pub(super) fn read(&mut self, name: &str) -> Result<Storage> {
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| broken(&format!("the archive has no entry {}", shorten(name))))?;
        let packed = Storage {
            bytes: self.bytes.clone(),
            start: entry.start,
            len: entry.packed,
            big_endian: false,
        };
        let content = match entry.method {
            0 => packed,
            8 => {
                let size = entry.size as u64;
                if size > (entry.packed as u64).saturating_mul(MOST_UNFOLDED) {
                    return Err(broken("a deflated entry lies about its size"));
                }
                if size > self.unfolded_left {
                    return Err(Error::new(
                        ErrorKind::Limit,
                        "the archive unfolds to more bytes than allowed",
                    ));
                }
                self.unfolded_left -= size;
                let unfolded =
                    miniz_oxide::inflate::decompress_to_vec_with_limit(packed.bytes(), entry.size)
                        .map_err(|_| broken("a deflated entry cannot be unfolded"))?;
                if unfolded.len() != entry.size {
                    return Err(broken("a deflated entry lies about its size"));
                }
                Storage { len: unfolded.len(), bytes: unfolded.into(), start: 0, big_endian: false }
            }
            method => {
                let message = format!("compression method {method} of zip; 0 and 8 can be read");
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        };
        // Zero is what PyTorch writes with `set_crc32_options(False)`.
        if entry.crc != 0 && crc32fast::hash(content.bytes()) != entry.crc {
            return Err(broken(&format!("the check sum of {} is wrong", shorten(name))));
        }
        Ok(content)
    }
}

struct Directory {
    start: usize,
    count: u64,
}

fn find_directory(bytes: &[u8]) -> Result<Directory> {
    // The record of 22 bytes at the end may be followed by a comment of 65 535.
    let from = bytes.len().saturating_sub(22 + 65_535);
    let end = (from..=bytes.len().saturating_sub(22))
        .rev()
        .find(|at| bytes.get(*at..at + 4) == Some(b"PK\x05\x06".as_slice()))
        .ok_or_else(|| broken("the archive has no directory: the file is cut off"))?;
    let record = Fields { bytes, at: end };
    let (mut count, mut size, mut start) =
        (record.u16(10)? as u64, record.u32(12)?, record.u32(16)?);
    let mut before = end;
    let locator = Fields { bytes, at: end.saturating_sub(20) };
    if end >= 20 && locator.u32(0)? == 0x0706_4b50 {
        before = as_usize(locator.u64(8)?)?;
        let wide = Fields { bytes, at: before };
        wide.signature(0x0606_4b50, "the zip64 directory")?;
        (count, size, start) = (wide.u64(32)?, wide.u64(40)?, wide.u64(48)?);
    }
    let close = start.checked_add(size);
    if close.is_none_or(|close| close > before as u64) || count > size / 46 {
        return Err(broken("the directory of the archive lies about its place or size"));
    }
    Ok(Directory { start: as_usize(start)?, count })
}

/// Where an entry lies, header included, and where its data begin.
fn data_span(bytes: &[u8], at: u64, packed: u64, name: &str) -> Result<((usize, usize), usize)> {
    let local = Fields { bytes, at: as_usize(at)? };
    local.signature(0x0403_4b50, "an entry")?;
    let (name_len, extra_len) = (local.u16(26)?, local.u16(28)?);
    if local.piece(30, name_len)? != name.as_bytes() {
        return Err(broken("an entry is called otherwise than the directory says"));
    }
    let start = local.at + 30 + name_len + extra_len;
    let end = start.checked_add(as_usize(packed)?).filter(|end| *end <= bytes.len());
    let end = end.ok_or_else(|| broken("an entry reaches beyond the file"))?;
    Ok(((local.at, end), start))
}

/// The zip64 field (id 1) of an entry's extra data.
fn zip64_extra(mut extra: &[u8]) -> &[u8] {
    while let [a, b, c, d, rest @ ..] = extra {
        let size = usize::from(u16::from_le_bytes([*c, *d]));
        if u16::from_le_bytes([*a, *b]) == 1 {
            return rest.get(..size).unwrap_or(&[]);
        }
        extra = rest.get(size..).unwrap_or(&[]);
    }
    &[]
}

/// 32-bit numbers of which those that are all ones stand in the zip64 field, in order.
struct Wide<'a> {
    extra: &'a [u8],
}

impl Wide<'_> {
    fn widen(&mut self, narrow: u64) -> Result<u64> {
        if narrow != 0xffff_ffff {
            return Ok(narrow);
        }
        let Some((wide, rest)) = self.extra.split_first_chunk::<8>() else {
            return Err(broken("a zip64 field is missing"));
        };
        self.extra = rest;
        Ok(u64::from_le_bytes(*wide))
    }
}

/// Little-endian numbers relative to a place in the file.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn piece(&self, offset: usize, count: usize) -> Result<&'a [u8]> {
        let start = self.at.checked_add(offset);
        let piece = start.and_then(|start| self.bytes.get(start..start.checked_add(count)?));
        piece.ok_or_else(|| broken("the archive ends early"))
    }

    fn number(&self, offset: usize, width: usize) -> Result<u64> {
        let bytes = self.piece(offset, width)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn u16(&self, offset: usize) -> Result<usize> {
        Ok(self.number(offset, 2)? as usize)
    }

    fn u32(&self, offset: usize) -> Result<u64> {
        self.number(offset, 4)
    }

    fn u64(&self, offset: usize) -> Result<u64> {
        self.number(offset, 8)
    }

    fn signature(&self, expected: u64, what: &str) -> Result<()> {
        if self.u32(0)? == expected {
            return Ok(());
        }
        Err(broken(&format!("{what} is not where the archive says")))
    }
}

fn as_usize(number: u64) -> Result<usize> {
    usize::try_from(number).map_err(|_| broken("the archive has a number beyond all memory"))
}

fn broken(message: &str) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}
