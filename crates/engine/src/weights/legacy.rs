//! PyTorch's stream of 2017 to 2019: five pickles, then the storages one after the other.
//!
//! Reference: pytorch `torch/serialization.py` (`_legacy_save`, `_legacy_load`): magic number,
//! protocol version, system facts, the object, the list of storage keys; then per key the number of
//! values in 8 bytes and the values, little-endian on every machine (`torch/csrc/serialization.cpp`).

use std::collections::HashMap;

use super::checkpoint::{Bytes, Found, Storage};
use super::pickle::{self, Pickle, Value, shorten};
use super::tensors::{StorageRef, Storages, parse_storage};
use super::{Limits, modules};
use crate::error::{Error, ErrorKind, Result};

/// `0x1950a86a20f9469cfc6c`, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: usize = 1001;

/// The magic number as a pickle of protocol 0 or 1.
const MAGIC_TEXT: &[u8] = b"L119547037146038801333356L\n.";

/// Whether the bytes begin with the magic number as a pickle of any protocol.
pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    if bytes.starts_with(MAGIC_TEXT) {
        return true;
    }
    let head = &bytes[..bytes.len().min(32)];
    head.first() == Some(&0x80) && head.windows(MAGIC.len()).any(|window| window == MAGIC)
}

pub(super) fn read(bytes: &Bytes, limits: &Limits) -> Result<Found> {
    let mut at = 0;
    let mut next = || -> Result<Pickle<'_>> {
        let pickle = pickle::run(bytes.get(at..).unwrap_or(&[]), limits)?;
        at += pickle.length;
        Ok(pickle)
    };
    let magic = next()?;
    let binary = matches!(magic.get(magic.root), Value::Big(number) if *number == MAGIC);
    if !binary && !bytes.starts_with(MAGIC_TEXT) {
        return Err(broken("the magic number of the legacy stream is wrong"));
    }
    let protocol = next()?;
    if protocol.size(protocol.root) != Some(PROTOCOL) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("a legacy stream of another protocol than {PROTOCOL}"),
        ));
    }
    next()?; // facts on the machine that wrote it; the values are little-endian on all
    let object = next()?;
    let keys = next()?;
    let mut storages = Stream { storages: storages(bytes, at, &object, &keys)? };
    let mut found = modules::collect(&object, &mut storages, limits)?;
    found.container = match found.container {
        "module" => "pytorch-legacy-module",
        _ => "pytorch-legacy",
    };
    Ok(found)
}

/// Finds every storage in the stream, which begins at `at`.
fn storages(
    bytes: &Bytes,
    mut at: usize,
    object: &Pickle<'_>,
    keys: &Pickle<'_>,
) -> Result<HashMap<String, Storage>> {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for value in &object.values {
        let Value::Persistent(inner) = value else { continue };
        let Some(storage) = parse_storage(object, *inner) else { continue };
        let size = storage.dtype.map_or(1, |dtype| dtype.size);
        if sizes.insert(storage.key, size).is_some_and(|before| before != size) {
            return Err(broken("one storage is said to be of two types"));
        }
    }
    let mut found = HashMap::new();
    for id in keys.items(keys.root).ok_or_else(|| broken("the storage keys are no list"))? {
        let key = keys.str(*id).ok_or_else(|| broken("a storage key is no text"))?;
        let unknown = || broken(&format!("storage {} belongs to nothing", shorten(key)));
        let size = *sizes.get(key).ok_or_else(unknown)?;
        let Some((count, _)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<8>())
        else {
            return Err(broken("the file ends before its storages do"));
        };
        let start = at + 8;
        let len = usize::try_from(u64::from_le_bytes(*count)).ok();
        let len = len.and_then(|count| count.checked_mul(size));
        let end = len.and_then(|len| start.checked_add(len)).filter(|end| *end <= bytes.len());
        let end = end.ok_or_else(|| broken("the file ends before its storages do"))?;
        let len = end - start;
        let storage = Storage { bytes: bytes.clone(), start, len, big_endian: false };
        if found.insert(key.to_string(), storage).is_some() {
            return Err(broken(&format!("storage {} is there twice", shorten(key))));
        }
        at = end;
    }
    if at != bytes.len() {
        return Err(broken("bytes follow the last storage"));
    }
    Ok(found)
}

struct Stream {
    storages: HashMap<String, Storage>,
}

impl Storages for Stream {
    fn get(&mut self, wanted: &StorageRef<'_>) -> Result<Storage> {
        let storage = self.storages.get(wanted.key).cloned();
        storage.ok_or_else(|| broken(&format!("storage {} is not there", shorten(wanted.key))))
    }
}

fn broken(message: &str) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}
