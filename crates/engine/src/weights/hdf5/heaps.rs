//! Where names, texts and links are kept: local, global and fractal heaps (III.D, III.E, III.G).

use super::cursor::{Cursor, File};
use super::{broken, unsupported};
use crate::error::Result;

/// The data of the local heap at an address: names of a group's members, each ended by a zero.
pub(super) fn local<'a>(file: &File<'a>, address: u64) -> Result<&'a [u8]> {
    let mut at = file.at(address)?;
    at.signature(b"HEAP")?;
    // Version and reserved.
    at.skip(4)?;
    let size = at.length()?;
    at.length()?;
    let data = at.address()?.ok_or_else(|| broken("a heap without data"))?;
    file.piece(data, size)
}

/// Object `number` of the global heap at an address.
pub(super) fn global<'a>(file: &File<'a>, address: u64, number: u32) -> Result<&'a [u8]> {
    let mut at = file.at(address)?;
    at.signature(b"GCOL")?;
    at.skip(4)?;
    let size = at.length()?;
    let head = 8 + file.sizes().length as u64;
    let size = size.checked_sub(head).and_then(|size| usize::try_from(size).ok());
    let mut at = at.within(size.ok_or_else(|| broken("a heap too short"))?)?;
    while at.len() >= head as usize {
        file.step()?;
        let index = u32::from(at.u16()?);
        at.skip(2 + 4)?;
        let len =
            usize::try_from(at.length()?).map_err(|_| broken("an object beyond all memory"))?;
        if index == 0 {
            break;
        }
        let data = at.take(len)?;
        if index == number {
            return Ok(data);
        }
        at.skip((len.next_multiple_of(8) - len).min(at.len()))?;
    }
    Err(broken("a text that is not in its heap"))
}

/// A fractal heap: objects by identifier (III.G).
pub(super) struct Fractal<'f, 'a> {
    file: &'f File<'a>,
    /// Bytes of an offset into the heap.
    offset_bytes: usize,
    /// Of the doubling table: columns, bytes of the first block and of the largest that holds data.
    width: usize,
    start: u64,
    most_direct: u64,
    /// Address of the root block and, where it only points to others, the rows it has.
    root: u64,
    rows: usize,
}

impl<'f, 'a> Fractal<'f, 'a> {
    pub fn open(file: &'f File<'a>, address: u64) -> Result<Fractal<'f, 'a>> {
        let mut at = file.at(address)?;
        at.signature(b"FRHP")?;
        at.skip(1)?;
        let _identifier = at.u16()?;
        if at.u16()? != 0 {
            return Err(unsupported("a heap of HDF5 with filters"));
        }
        let _flags = at.u8()?;
        let _most_managed = at.u32()?;
        let (address_bytes, length_bytes) = (file.sizes().offset, file.sizes().length);
        // Huge objects: next number, tree. Free space: bytes, manager. Managed: space, allocated, place
        // of the allocator, objects. Huge and tiny objects: bytes and count each.
        at.skip(2 * length_bytes + 2 * address_bytes + 8 * length_bytes)?;
        let width = usize::from(at.u16()?);
        let (start, most_direct) = (at.length()?, at.length()?);
        let bits = usize::from(at.u16()?);
        let _first_rows = at.u16()?;
        let root = at.address()?.ok_or_else(|| broken("an empty heap that is pointed to"))?;
        let rows = usize::from(at.u16()?);
        let sound = (1..=1024).contains(&width)
            && start.is_power_of_two()
            && most_direct.is_power_of_two()
            && start <= most_direct
            && (1..=64).contains(&bits)
            && rows <= 64;
        if !sound {
            return Err(broken("a heap of impossible sizes"));
        }
        let offset_bytes = bits.div_ceil(8);
        Ok(Fractal { file, offset_bytes, width, start, most_direct, root, rows })
    }

    /// The object of an identifier.
    pub fn object(&self, identifier: &'a [u8]) -> Result<Cursor<'a>> {
        let mut at = self.file.cursor(identifier);
        let kind = at.u8()? >> 4 & 3;
        if kind == 2 {
            // It stands in its own identifier.
            let len = usize::from(identifier[0] & 15) + 1;
            return at.within(len);
        }
        if kind != 0 {
            return Err(unsupported("a huge object in a heap of HDF5"));
        }
        let offset = at.number(self.offset_bytes)?;
        let len = at.number(at.len().min(8))?;
        let (block, from) = self.block(offset)?;
        let inside = offset.checked_sub(from).ok_or_else(|| broken("an object before its heap"))?;
        let place = block.checked_add(inside).ok_or_else(|| broken("an address beyond all"))?;
        Ok(self.file.cursor(self.file.piece(place, len)?))
    }

    /// Address of the direct block that holds an offset, and the offset at which it begins.
    fn block(&self, offset: u64) -> Result<(u64, u64)> {
        let (mut address, mut from, mut rows) = (self.root, 0u64, self.rows);
        // Every step goes to smaller blocks, of which there are no more than powers of two.
        for _ in 0..64 {
            if rows == 0 {
                return Ok((address, from));
            }
            let mut at = self.file.at(address)?;
            at.signature(b"FHIB")?;
            at.skip(1 + self.file.sizes().offset + self.offset_bytes)?;
            let mut begin = from;
            let mut next = None;
            'rows: for row in 0..rows {
                let size = self.row_bytes(row)?;
                for _ in 0..self.width {
                    let child = at.address()?;
                    let end = begin.checked_add(size).ok_or_else(|| broken("a heap beyond all"))?;
                    if (begin..end).contains(&offset) {
                        next = Some((child, begin, size));
                        break 'rows;
                    }
                    begin = end;
                }
            }
            let (child, begin, size) = next.ok_or_else(|| broken("an object behind its heap"))?;
            address = child.ok_or_else(|| broken("an object in a block that is not there"))?;
            from = begin;
            rows = match size > self.most_direct {
                false => 0,
                // Rows whose blocks together are as large as this one (III.G, "indirect block").
                true => {
                    let share = size / (self.start * self.width as u64).max(1);
                    share.checked_ilog2().map_or(0, |log| log as usize + 1)
                }
            };
            if size > self.most_direct && rows == 0 {
                return Err(broken("a heap of impossible sizes"));
            }
        }
        Err(broken("a heap whose blocks run in circles"))
    }

    /// Bytes of a block in a row: the first two rows are alike, then they double.
    fn row_bytes(&self, row: usize) -> Result<u64> {
        let shift = row.saturating_sub(1) as u32;
        let bytes = self.start.checked_mul(1u64.checked_shl(shift).unwrap_or(0));
        bytes.filter(|&bytes| bytes > 0).ok_or_else(|| broken("a heap beyond all memory"))
    }
}
