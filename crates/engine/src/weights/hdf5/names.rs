//! Keras' lists of layers and weights: attributes `layer_names` and `weight_names`, in pieces
//! `…_names0`, `…_names1` where they are long (keras `saving/legacy/hdf5_format.py`).

use super::broken;
use super::btree;
use super::cursor::File;
use super::header::{kind, messages};
use super::heaps::{self, Fractal};
use super::messages::{Attribute, Datatype, attribute};
use crate::error::Result;

/// Trees of attribute names hold records of this kind, the heap's identifier first (III.A.2).
const BY_NAME: u8 = 8;
/// Bytes of that identifier (IV.A.2.v).
const IDENTIFIER: usize = 8;

/// Names of the layers in a group; `None` where it lists none.
pub(super) fn layers(file: &File<'_>, group: u64) -> Result<Option<Vec<String>>> {
    listed(file, group, "layer_names")
}

/// Paths of a layer's weights below its group; empty where it has none.
pub(super) fn weights(file: &File<'_>, group: u64) -> Result<Vec<String>> {
    Ok(listed(file, group, "weight_names")?.unwrap_or_default())
}

fn listed(file: &File<'_>, object: u64, name: &str) -> Result<Option<Vec<String>>> {
    let all = attributes(file, object)?;
    let find = |name: &str| all.iter().find(|attribute| attribute.name == name);
    if let Some(whole) = find(name) {
        return texts(file, whole).map(Some);
    }
    let mut found = None;
    for number in 0.. {
        let Some(piece) = find(&format!("{name}{number}")) else { break };
        found.get_or_insert_with(Vec::new).extend(texts(file, piece)?);
    }
    Ok(found)
}

/// The attributes of an object.
fn attributes<'a>(file: &File<'a>, object: u64) -> Result<Vec<Attribute<'a>>> {
    let mut found = Vec::new();
    for message in messages(file, object)? {
        let mut at = file.cursor(message.data);
        match message.kind {
            kind::ATTRIBUTE if !message.shared => found.extend(attribute(&mut at)?),
            kind::ATTRIBUTE_INFO => {
                at.skip(1)?;
                let flags = at.u8()?;
                if flags & 1 != 0 {
                    at.skip(2)?;
                }
                if let (Some(heap), Some(tree)) = (at.address()?, at.address()?) {
                    let heap = Fractal::open(file, heap)?;
                    for record in btree::records(file, tree, BY_NAME)? {
                        let identifier = record.get(..IDENTIFIER).unwrap_or_default();
                        found.extend(attribute(&mut heap.object(identifier)?)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The texts of an attribute.
fn texts(file: &File<'_>, attribute: &Attribute<'_>) -> Result<Vec<String>> {
    let count = attribute.extents.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    let count = count.ok_or_else(|| broken("a list beyond all memory"))?;
    let size = attribute.datatype.size(file);
    let all = count.checked_mul(size).and_then(|len| attribute.data.get(..len));
    let all = all.ok_or_else(|| broken(format!("the list {} is cut off", attribute.name)))?;
    // An empty list of Keras is a list of numbers.
    if count == 0 || size == 0 {
        return Ok(Vec::new());
    }
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    let values = all.chunks_exact(size);
    match attribute.datatype {
        Datatype::Text(_) => Ok(values.map(text).collect()),
        Datatype::VariableText => {
            let value = |value| {
                let mut at = file.cursor(value);
                let len = at.u32()? as usize;
                let (address, number) = (at.address()?, at.u32()?);
                match address {
                    Some(address) if len > 0 => {
                        let bytes = heaps::global(file, address, number)?;
                        Ok(text(bytes.get(..len).unwrap_or(bytes)))
                    }
                    _ => Ok(String::new()),
                }
            };
            values.map(value).collect()
        }
        _ => Err(broken(format!("the list {} holds no texts", attribute.name))),
    }
}
