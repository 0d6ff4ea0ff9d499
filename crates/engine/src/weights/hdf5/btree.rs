//! Trees: members of a group and chunks of a data set (version 1, III.A.1), identifiers of links and
//! attributes (version 2, III.A.2).

use super::cursor::{Cursor, File};
use super::{broken, unsupported};
use crate::error::Result;

/// Levels of a tree; a sound one of 2³² leaves has fewer.
const MOST_LEVELS: u8 = 32;

/// Addresses of the leaves of a group's tree, in order.
pub(super) fn group_leaves(file: &File<'_>, root: u64) -> Result<Vec<u64>> {
    let mut leaves = Vec::new();
    nodes(file, root, None, 0, &mut |at: &mut Cursor<'_>, child| {
        at.length()?;
        if let Some(child) = child {
            leaves.push(child);
        }
        Ok(())
    })?;
    Ok(leaves)
}

/// A chunk as the tree tells of it.
pub(super) struct Chunk {
    /// Bytes it is stored in.
    pub stored: u64,
    /// A bit for each filter that was left out.
    pub left_out: u32,
    /// Its first value along each axis.
    pub start: Vec<u64>,
    pub address: u64,
}

/// The chunks of a data set of `axes` axes.
pub(super) fn chunks(file: &File<'_>, root: u64, axes: usize) -> Result<Vec<Chunk>> {
    let mut chunks = Vec::new();
    nodes(file, root, None, 1, &mut |at: &mut Cursor<'_>, child| {
        let stored = u64::from(at.u32()?);
        let left_out = at.u32()?;
        let start = (0..axes).map(|_| at.number(8)).collect::<Result<Vec<u64>>>()?;
        // Within a value: always 0.
        at.skip(8)?;
        if let Some(address) = child {
            chunks.push(Chunk { stored, left_out, start, address });
        }
        Ok(())
    })?;
    Ok(chunks)
}

/// Hands on every key of the lowest level with the child to its right; keys of upper levels are handed
/// on without one, for their bytes are known to the taker alone.
fn nodes<'a>(
    file: &File<'a>,
    address: u64,
    level: Option<u8>,
    kind: u8,
    take: &mut dyn FnMut(&mut Cursor<'a>, Option<u64>) -> Result<()>,
) -> Result<()> {
    let mut at = file.at(address)?;
    at.signature(b"TREE")?;
    let found = at.u8()?;
    let own = at.u8()?;
    if found != kind || own > MOST_LEVELS || level.is_some_and(|level| level != own) {
        return Err(broken("a tree of another kind or depth than expected"));
    }
    let entries = at.u16()?;
    // Neighbours.
    at.skip(2 * file.sizes().offset)?;
    for _ in 0..entries {
        file.step()?;
        // The child stands behind the key: first past the key, then back to it.
        let mut key = at;
        take(&mut at, None)?;
        let child = at.address()?.ok_or_else(|| broken("a tree whose branch is missing"))?;
        match own {
            0 => take(&mut key, Some(child))?,
            own => nodes(file, child, Some(own - 1), kind, take)?,
        }
    }
    Ok(())
}

/// The records of a tree of version 2, each of `kind`'s own form.
pub(super) fn records<'a>(file: &File<'a>, root: u64, kind: u8) -> Result<Vec<&'a [u8]>> {
    let mut at = file.at(root)?;
    at.signature(b"BTHD")?;
    at.skip(1)?;
    if at.u8()? != kind {
        return Err(broken("a tree of another kind than expected"));
    }
    let node_bytes = at.u32()? as usize;
    let record = usize::from(at.u16()?);
    let depth = usize::from(at.u16()?);
    at.skip(2)?;
    let top = at.address()?;
    let count = u64::from(at.u16()?);
    let Some(top) = top else { return Ok(Vec::new()) };
    if record == 0 || node_bytes < 10 + record || depth > usize::from(MOST_LEVELS) {
        return Err(broken("a tree of impossible sizes"));
    }
    // How many records a node of each depth, and the tree below it, can hold: pointers are as wide as
    // these numbers need.
    let leaf = (node_bytes - 10) / record;
    let count_bytes = bytes_for(leaf as u64);
    let (mut below, mut widths) = (leaf as u64, vec![0]);
    for level in 1..=depth {
        let pointer = file.sizes().offset + count_bytes + widths[level - 1];
        let room = node_bytes.checked_sub(10 + pointer);
        let most = room.map(|room| room / (record + pointer)).filter(|&most| most > 0);
        let most = most.ok_or_else(|| broken("a tree of impossible sizes"))? as u64;
        below = (most + 1)
            .checked_mul(below)
            .and_then(|below| below.checked_add(most))
            .ok_or_else(|| unsupported("a tree beyond all memory"))?;
        widths.push(bytes_for(below));
    }
    let tree = Tree { file, kind, record, count_bytes, widths };
    let mut found = Vec::new();
    tree.node(top, depth, count, &mut found)?;
    Ok(found)
}

/// Bytes that a number needs (`H5VM_limit_enc_size`).
fn bytes_for(most: u64) -> usize {
    most.checked_ilog2().map_or(1, |log| log as usize / 8 + 1)
}

struct Tree<'f, 'a> {
    file: &'f File<'a>,
    kind: u8,
    record: usize,
    /// Bytes of a node's own number of records.
    count_bytes: usize,
    /// Bytes of the number of records below a node, by its depth; none for leaves.
    widths: Vec<usize>,
}

impl<'a> Tree<'_, 'a> {
    fn node(
        &self,
        address: u64,
        depth: usize,
        count: u64,
        found: &mut Vec<&'a [u8]>,
    ) -> Result<()> {
        let mut at = self.file.at(address)?;
        at.signature(if depth == 0 { b"BTLF" } else { b"BTIN" })?;
        at.skip(1)?;
        if at.u8()? != self.kind {
            return Err(broken("a tree of another kind than expected"));
        }
        for _ in 0..count {
            self.file.step()?;
            found.push(at.take(self.record)?);
        }
        if depth == 0 {
            return Ok(());
        }
        for _ in 0..=count {
            let child = at.address()?.ok_or_else(|| broken("a tree whose branch is missing"))?;
            let own = at.number(self.count_bytes)?;
            at.skip(self.widths[depth - 1])?;
            self.node(child, depth - 1, own, found)?;
        }
        Ok(())
    }
}
