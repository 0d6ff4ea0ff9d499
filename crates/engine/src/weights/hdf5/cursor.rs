//! The file's bytes by address, and a reader that never leaves them.

use super::{SIGNATURE, broken, unsupported};
use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;

/// A file whose superblock was read.
pub(super) struct File<'a> {
    bytes: &'a [u8],
    sizes: Sizes,
    /// Address of the root group's object header.
    pub root: u64,
    /// Structures that may still be visited. A sound file has each of its structures once, of eight bytes
    /// or more; one whose addresses run in circles uses this up.
    steps: Cell<u64>,
}

/// Bytes of an address and of a length in this file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub offset: usize,
    pub length: usize,
}

impl<'a> File<'a> {
    /// Reads the superblock (II.A).
    pub fn open(bytes: &'a [u8]) -> Result<File<'a>> {
        let eight = Sizes { offset: 8, length: 8 };
        let mut at = Cursor { rest: bytes, sizes: eight };
        at.skip(SIGNATURE.len())?;
        let version = at.u8()?;
        if version > 3 {
            return Err(unsupported(format!("superblock version {version} of HDF5")));
        }
        if version < 2 {
            // Versions of the free space, the root group, a reserved byte, of shared headers.
            at.skip(4)?;
        }
        let (offset, length) = (usize::from(at.u8()?), usize::from(at.u8()?));
        if ![2, 4, 8].contains(&offset) || ![2, 4, 8].contains(&length) {
            return Err(broken(format!("addresses of {offset} bytes, lengths of {length}")));
        }
        at.sizes = Sizes { offset, length };
        match version {
            // Reserved, sizes of groups' nodes, flags; version 1 adds the size of chunks' nodes.
            0 => at.skip(1 + 4 + 4)?,
            1 => at.skip(1 + 4 + 4 + 4)?,
            _ => at.skip(1)?,
        }
        if at.address()? != Some(0) {
            return Err(unsupported("an HDF5 file inside another file"));
        }
        // Free space, or the superblock's extension.
        at.skip(offset)?;
        if at.address()?.is_none_or(|end| end > bytes.len() as u64) {
            return Err(cut());
        }
        if version < 2 {
            // The driver; the name of the root group's entry.
            at.skip(2 * offset)?;
        }
        let root = at.address()?.ok_or_else(|| broken("no root group"))?;
        let steps = Cell::new(bytes.len() as u64 / 8 + 64);
        Ok(File { bytes, sizes: at.sizes, root, steps })
    }

    /// From an address to the end of the file.
    pub fn at(&self, address: u64) -> Result<Cursor<'a>> {
        self.step()?;
        let start = usize::try_from(address).ok();
        let rest = start.and_then(|start| self.bytes.get(start..));
        let rest = rest.ok_or_else(|| broken("an address lies outside the file"))?;
        Ok(Cursor { rest, sizes: self.sizes })
    }

    /// `len` bytes at an address.
    pub fn piece(&self, address: u64, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| cut())?;
        self.at(address)?.take(len)
    }

    /// A reader of a piece that was cut out before.
    pub fn cursor(&self, piece: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: piece, sizes: self.sizes }
    }

    /// Bytes of addresses and lengths.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Counts a structure. Errors when there are more than can be in the file.
    pub fn step(&self) -> Result<()> {
        let left = self.steps.get();
        if left == 0 {
            return Err(Error::new(ErrorKind::BrokenFile, "its addresses run in circles"));
        }
        self.steps.set(left - 1);
        Ok(())
    }
}

fn cut() -> Error {
    broken("the file ends too early, or a size in it is wrong")
}

/// Reads on from a place; numbers are little-endian.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    sizes: Sizes,
}

impl<'a> Cursor<'a> {
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (piece, rest) = self.rest.split_at_checked(len).ok_or_else(cut)?;
        self.rest = rest;
        Ok(piece)
    }

    pub fn skip(&mut self, len: usize) -> Result<()> {
        self.take(len).map(|_| ())
    }

    /// Bytes that are left.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// The same place, ending after `len` bytes.
    pub fn within(&self, len: usize) -> Result<Cursor<'a>> {
        let rest = self.rest.get(..len).ok_or_else(cut)?;
        Ok(Cursor { rest, sizes: self.sizes })
    }

    /// Goes past a signature of four letters. Errors when another stands there.
    pub fn signature(&mut self, wanted: &[u8; 4]) -> Result<()> {
        if self.take(4)? != wanted {
            let name = String::from_utf8_lossy(wanted);
            return Err(broken(format!("no {name} block where one is said to be")));
        }
        Ok(())
    }

    /// A number of up to eight bytes.
    pub fn number(&mut self, bytes: usize) -> Result<u64> {
        let piece = self.take(bytes)?;
        Ok(piece.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.number(1)? as u8)
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(self.number(2)? as u16)
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(self.number(4)? as u32)
    }

    /// An address; `None` where it is undefined, all bits set.
    pub fn address(&mut self) -> Result<Option<u64>> {
        let bytes = self.sizes.offset;
        let undefined = u64::MAX >> (64 - 8 * bytes);
        Ok(Some(self.number(bytes)?).filter(|&address| address != undefined))
    }

    pub fn length(&mut self) -> Result<u64> {
        self.number(self.sizes.length)
    }

    /// Bytes up to a zero.
    pub fn text(&mut self) -> Result<String> {
        let end = self.rest.iter().position(|&byte| byte == 0).ok_or_else(cut)?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.skip(1)?;
        Ok(text)
    }
}
