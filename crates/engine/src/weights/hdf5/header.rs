//! Object headers: the messages that describe a group or a data set (IV.A).

use super::cursor::{Cursor, File};
use super::{broken, unsupported};
use crate::error::Result;

/// Kinds of messages that are read here (IV.A.2).
pub(super) mod kind {
    pub const DATASPACE: u16 = 0x01;
    pub const LINK_INFO: u16 = 0x02;
    pub const DATATYPE: u16 = 0x03;
    pub const LINK: u16 = 0x06;
    pub const LAYOUT: u16 = 0x08;
    pub const FILTERS: u16 = 0x0b;
    pub const ATTRIBUTE: u16 = 0x0c;
    pub const CONTINUATION: u16 = 0x10;
    pub const SYMBOL_TABLE: u16 = 0x11;
    pub const ATTRIBUTE_INFO: u16 = 0x15;
}

/// Messages of one object.
const MOST_MESSAGES: usize = 1 << 16;
/// Bit 1 of a message's flags: the message itself stands elsewhere.
const SHARED: u8 = 2;

/// One message.
pub(super) struct Message<'a> {
    pub kind: u16,
    /// Its data stand in another object.
    pub shared: bool,
    pub data: &'a [u8],
}

/// The messages of the object at an address, continued blocks included.
pub(super) fn messages<'a>(file: &File<'a>, address: u64) -> Result<Vec<Message<'a>>> {
    let mut at = file.at(address)?;
    let mut found = Found { messages: Vec::new(), more: Vec::new(), creation_order: false };
    if at.within(4).is_ok_and(|mut head| head.signature(b"OHDR").is_ok()) {
        at.skip(4)?;
        version_two(file, &mut at, &mut found)?;
    } else {
        let version = at.u8()?;
        if version != 1 {
            return Err(broken("no object header where one is said to be"));
        }
        // Reserved; the number of messages, which the size tells as well; references.
        at.skip(1 + 2 + 4)?;
        let size = at.u32()? as usize;
        // Messages begin at a multiple of eight.
        at.skip(4)?;
        found.block(file, at.within(size)?, false)?;
        while let Some((address, length)) = found.more.pop() {
            let piece = file.piece(address, length)?;
            found.block(file, file.cursor(piece), false)?;
        }
    }
    Ok(found.messages)
}

fn version_two<'a>(file: &File<'a>, at: &mut Cursor<'a>, found: &mut Found<'a>) -> Result<()> {
    let version = at.u8()?;
    if version != 2 {
        return Err(unsupported(format!("object header version {version} of HDF5")));
    }
    let flags = at.u8()?;
    if flags & 0x20 != 0 {
        // Four times.
        at.skip(16)?;
    }
    if flags & 0x10 != 0 {
        // When attributes move to a heap.
        at.skip(4)?;
    }
    let size = at.number(1 << (flags & 3))?;
    let size = usize::try_from(size).map_err(|_| broken("an object header beyond all memory"))?;
    found.creation_order = flags & 4 != 0;
    found.block(file, at.within(size)?, true)?;
    while let Some((address, length)) = found.more.pop() {
        let mut block = file.cursor(file.piece(address, length)?);
        block.signature(b"OCHK")?;
        // The check sum at the end is no message.
        let inner = block.len().checked_sub(4).ok_or_else(|| broken("a block too short"))?;
        found.block(file, block.within(inner)?, true)?;
    }
    Ok(())
}

struct Found<'a> {
    messages: Vec<Message<'a>>,
    /// Blocks still to read: address and length.
    more: Vec<(u64, u64)>,
    /// Messages of version 2 carry two bytes more.
    creation_order: bool,
}

impl<'a> Found<'a> {
    fn block(&mut self, file: &File<'a>, mut at: Cursor<'a>, two: bool) -> Result<()> {
        let head = if two { 4 + 2 * usize::from(self.creation_order) } else { 8 };
        while at.len() >= head {
            file.step()?;
            let kind = at.number(if two { 1 } else { 2 })? as u16;
            let size = usize::from(at.u16()?);
            let flags = at.u8()?;
            at.skip(head - if two { 4 } else { 5 })?;
            let data = at.take(size)?;
            if self.messages.len() >= MOST_MESSAGES {
                return Err(broken("an object of too many messages"));
            }
            if kind == self::kind::CONTINUATION {
                let mut data = file.cursor(data);
                let address = data.address()?.ok_or_else(|| broken("a block without address"))?;
                self.more.push((address, data.length()?));
            } else {
                self.messages.push(Message { kind, shared: flags & SHARED != 0, data });
            }
        }
        Ok(())
    }
}
