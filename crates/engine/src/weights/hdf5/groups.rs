//! What a group holds, by either of the two ways of writing it down (III.C, IV.A.2.c and r).

use super::btree;
use super::cursor::File;
use super::header::{Message, kind, messages};
use super::heaps::{self, Fractal};
use super::{broken, messages as said};
use crate::error::Result;

/// Trees of link names hold records of this kind (III.A.2).
const BY_NAME: u8 = 5;
/// Bytes of the hash before the identifier in such a record.
const HASH: usize = 4;

/// Whether the object at an address is a group.
pub(super) fn is_group(file: &File<'_>, address: u64) -> Result<bool> {
    Ok(messages(file, address)?.iter().any(is_own))
}

fn is_own(message: &Message<'_>) -> bool {
    matches!(message.kind, kind::SYMBOL_TABLE | kind::LINK_INFO | kind::LINK)
}

/// Names and addresses of a group's members, in the order of the file. Soft and external links are left
/// out.
pub(super) fn members(file: &File<'_>, address: u64) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    let messages = messages(file, address)?;
    if !messages.iter().any(is_own) {
        return Err(broken("no group where one is expected"));
    }
    for message in &messages {
        let mut at = file.cursor(message.data);
        match message.kind {
            kind::SYMBOL_TABLE => {
                let (tree, heap) = (at.address()?, at.address()?);
                let (Some(tree), Some(heap)) = (tree, heap) else {
                    return Err(broken("a group without members' table"));
                };
                symbols(file, tree, heaps::local(file, heap)?, &mut found)?;
            }
            kind::LINK => found.extend(said::link(&mut at)?),
            kind::LINK_INFO => {
                at.skip(1)?;
                let flags = at.u8()?;
                if flags & 1 != 0 {
                    at.skip(8)?;
                }
                if let (Some(heap), Some(tree)) = (at.address()?, at.address()?) {
                    let heap = Fractal::open(file, heap)?;
                    for record in btree::records(file, tree, BY_NAME)? {
                        let identifier = record.get(HASH..).unwrap_or_default();
                        found.extend(said::link(&mut heap.object(identifier)?)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Members of a group of the old kind.
fn symbols(file: &File<'_>, tree: u64, names: &[u8], found: &mut Vec<(String, u64)>) -> Result<()> {
    for leaf in btree::group_leaves(file, tree)? {
        let mut at = file.at(leaf)?;
        at.signature(b"SNOD")?;
        at.skip(2)?;
        for _ in 0..at.u16()? {
            file.step()?;
            let name = at.number(file.sizes().offset)?;
            let address = at.address()?;
            let cache = at.u32()?;
            at.skip(4 + 16)?;
            let place = usize::try_from(name).ok().and_then(|at| names.get(at..));
            let place = place.ok_or_else(|| broken("a name outside its heap"))?;
            let name = file.cursor(place).text()?;
            // 2: a symbolic link.
            if let Some(address) = address.filter(|_| cache != 2) {
                found.push((name, address));
            }
        }
    }
    Ok(())
}

/// The object at a path of names with `/` between them, below a group.
pub(super) fn find(file: &File<'_>, group: u64, path: &str) -> Result<Option<u64>> {
    let mut at = group;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if !is_group(file, at)? {
            return Ok(None);
        }
        match members(file, at)?.into_iter().find(|(known, _)| known == name) {
            Some((_, address)) => at = address,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}
