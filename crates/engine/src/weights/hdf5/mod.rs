//! Weights that Keras stored as HDF5 (`model.save`, `model.save_weights`, `.weights.h5`).
//!
//! The part of the format that such files use, read with every address held against the file: superblocks
//! 0 to 3, object headers 1 and 2, groups as symbol tables or as links (compact, or dense in a fractal
//! heap), data sets of numbers stored compact, contiguous or in chunks behind a B-tree of version 1, with
//! the filters deflate and shuffle, and attributes that are texts. Reference: "HDF5 File Format
//! Specification Version 3.0", The HDF Group; sections are named where they apply.
//!
//! Names are Keras' own: the attributes `layer_names` and `weight_names` say which data sets are weights.
//! `/` becomes `.`, the end `:0` goes: `conv_1.kernel`. Where a file has no such attributes, a tensor is
//! called by its path.

mod btree;
mod cursor;
mod dataset;
mod groups;
mod header;
mod heaps;
mod messages;
mod names;

use super::Limits;
use super::checkpoint::{Bytes, Entry, Found};
use super::pickle::shorten;
use crate::error::{Error, ErrorKind, Result};
use cursor::File;
use std::collections::BTreeMap;

/// The first bytes of every file (II.A).
const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Whether the file begins as HDF5 does.
pub(super) fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

pub(super) fn read(bytes: &Bytes, limits: &Limits) -> Result<Found> {
    let file = File::open(bytes)?;
    let mut notes = Vec::new();
    let mut top = file.root;
    let groups = groups::members(&file, top)?;
    if let Some((_, weights)) = groups.iter().find(|(name, _)| name == "model_weights") {
        top = *weights;
        notes.push("the weights stand in the group `model_weights`".to_owned());
    }
    let mut walk =
        Walk { file: &file, bytes, limits, entries: BTreeMap::new(), values: 0, unfolded: 0 };
    let container = match names::layers(&file, top)? {
        Some(layers) => {
            walk.layers(top, &layers)?;
            "keras-hdf5"
        }
        None => {
            walk.group(top, "", 0)?;
            "hdf5"
        }
    };
    if walk.entries.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "the file holds no data sets of numbers"));
    }
    Ok(Found { container, entries: walk.entries, notes, ..Found::default() })
}

struct Walk<'w> {
    file: &'w File<'w>,
    bytes: &'w Bytes,
    limits: &'w Limits,
    entries: BTreeMap<String, Entry>,
    /// Of all tensors so far.
    values: u64,
    /// Bytes that chunks unfolded to so far.
    unfolded: u64,
}

impl Walk<'_> {
    /// The weights that Keras lists.
    fn layers(&mut self, top: u64, layers: &[String]) -> Result<()> {
        let members: BTreeMap<String, u64> = groups::members(self.file, top)?.into_iter().collect();
        let mut found = Vec::new();
        for layer in layers {
            let lost = || broken(format!("the layer {} has no group", shorten(layer)));
            let group = *members.get(layer).ok_or_else(lost)?;
            for weight in names::weights(self.file, group)? {
                found.push((layer.as_str(), group, weight));
            }
        }
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        found.iter().for_each(|(_, _, name)| *times.entry(plain(name)).or_default() += 1);
        for (layer, group, weight) in found {
            let name = plain(&weight);
            let name = match (own(layer, &weight), times.get(&name)) {
                (Some(own), _) => format!("{}.{}", plain(layer), plain(own)),
                (None, Some(1)) => name,
                // Two layers may hold weights of one name: then the layer tells them apart.
                _ => format!("{}.{name}", plain(layer)),
            };
            let place = groups::find(self.file, group, &weight)?;
            let lost = || broken(format!("no data set {} where it is listed", shorten(&weight)));
            self.insert(name, place.ok_or_else(lost)?)?;
        }
        Ok(())
    }

    /// Every data set of numbers below a group, by its path.
    fn group(&mut self, at: u64, prefix: &str, depth: usize) -> Result<()> {
        if depth > self.limits.depth {
            return Err(Error::new(ErrorKind::Limit, "groups nest too deep"));
        }
        for (name, member) in groups::members(self.file, at)? {
            let path = match prefix {
                "" => plain(&name),
                prefix => format!("{prefix}.{}", plain(&name)),
            };
            if path.len() > self.limits.name_bytes {
                return Err(Error::new(ErrorKind::Limit, "a tensor's name is too long"));
            }
            match groups::is_group(self.file, member)? {
                true => self.group(member, &path, depth + 1)?,
                false => self.insert(path, member)?,
            }
        }
        Ok(())
    }

    fn insert(&mut self, name: String, at: u64) -> Result<()> {
        if name.len() > self.limits.name_bytes {
            return Err(Error::new(ErrorKind::Limit, "a tensor's name is too long"));
        }
        let named = |error: Error| {
            let message = format!("tensor {}: {}", shorten(&name), error.message());
            Error::new(error.kind().clone(), message)
        };
        let room = self.limits.unfolded_bytes.saturating_sub(self.unfolded);
        let most = self.limits.values.saturating_sub(self.values);
        let read = dataset::entry(self.file, self.bytes, at, most, room).map_err(named)?;
        let Some((entry, unfolded)) = read else { return Ok(()) };
        self.values += entry.count() as u64;
        self.unfolded += unfolded;
        if self.entries.len() >= self.limits.tensors {
            let most = self.limits.tensors;
            return Err(Error::new(ErrorKind::Limit, format!("more than {most} tensors")));
        }
        if self.entries.contains_key(&name) {
            return Err(broken(format!("two tensors are called {}", shorten(&name))));
        }
        self.entries.insert(name, entry);
        Ok(())
    }
}

/// `kernel:0` of a layer's own weight: Keras may count the layer on (`conv_1/kernel:0` in the layer `conv`)
/// when a network is built again, and loads by the layer's name and the weights' order.
fn own<'n>(layer: &str, weight: &'n str) -> Option<&'n str> {
    let (place, last) = weight.rsplit_once('/')?;
    let rest = place.strip_prefix(layer)?;
    let counted = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (rest.is_empty() || rest.strip_prefix('_').is_some_and(counted)).then_some(last)
}

/// `block/conv/kernel:0` as `block.conv.kernel`.
fn plain(name: &str) -> String {
    name.strip_suffix(":0").unwrap_or(name).replace('/', ".")
}

/// The file is not what it says.
fn broken(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::BrokenFile, what.into())
}

/// The file may be sound, but uses what is not read here.
fn unsupported(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, what.into())
}
