//! TensorFlow.js layers models: `model.json` names the tensors, files beside it hold their values.
//!
//! Reference: tensorflow/tfjs `tfjs-core/src/io/types.ts` (`WeightsManifestConfig`) and `io_utils.ts`
//! (`decodeWeights`): the files of a group, one behind the other, are the values of the group's tensors in
//! the order of the list, little-endian, without holes.

use std::collections::{BTreeMap, BTreeSet};

use super::checkpoint::{Bytes, DType, Entry, Found, Storage};
use super::pickle::shorten;
use super::{Limits, Plain, safetensors, values};
use crate::error::{Error, ErrorKind, Result};

/// Key of the layers among what stands beside the weights.
const TOPOLOGY: &str = "modelTopology";
/// Key of the tensors and files.
const MANIFEST: &str = "weightsManifest";

/// Whether these are the first bytes of a table in JSON; a safetensors file that begins with `{` has zeros
/// among its first eight bytes.
pub(super) fn is_json(head: &[u8]) -> bool {
    let head = &head[..head.len().min(8)];
    head.trim_ascii_start().first() == Some(&b'{') && !head.contains(&0)
}

/// The `model.json`, read as data.
///
/// Errors: no sound JSON, too long, or not of a layers model.
pub(super) fn manifest(json: &[u8], limits: &Limits) -> Result<Plain> {
    if json.len() as u64 > limits.header_bytes {
        let most = limits.header_bytes;
        let message = format!("a model.json of {} bytes, at most {most} are read", json.len());
        return Err(Error::new(ErrorKind::Limit, message));
    }
    let read = Plain::from_json(json)?;
    match read.get(MANIFEST).and_then(Plain::items) {
        Some(_) => Ok(read),
        None => {
            let what = "JSON without `weightsManifest`: expected the model.json of a TensorFlow.js layers model";
            Err(Error::new(ErrorKind::Unsupported, what))
        }
    }
}

/// The files that hold the values, in order: plain names, beside the `model.json`.
pub(super) fn files(manifest: &Plain, limits: &Limits) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for group in groups(manifest) {
        let paths = group.get("paths").and_then(Plain::items);
        for path in paths.ok_or_else(|| broken("a group of weights without its files"))? {
            let plain = |path: &&str| {
                !path.is_empty() && *path != ".." && !path.contains(['/', '\\', ':', '\0'])
            };
            let path = path.text().filter(plain).ok_or_else(|| {
                broken("a file of weights that is not named as a file beside the model.json")
            })?;
            files.push(path.to_owned());
            if files.len() > limits.tensors {
                let most = limits.tensors;
                return Err(Error::new(ErrorKind::Limit, format!("more than {most} files")));
            }
        }
    }
    Ok(files)
}

/// The tensors of a manifest in the joined bytes of its files. Names have points for slashes.
pub(super) fn read(manifest: &Plain, data: &Bytes, limits: &Limits) -> Result<Found> {
    let mut entries = BTreeMap::new();
    let mut at = 0usize;
    let mut names = BTreeSet::new();
    for group in groups(manifest) {
        let weights = group.get("weights").and_then(Plain::items);
        for weight in weights.ok_or_else(|| broken("a group of weights without its list"))? {
            let (name, entry) = tensor(weight, data, at, limits)?;
            at = at.saturating_add(entry.storage.len);
            if entries.len() >= limits.tensors {
                let most = limits.tensors;
                return Err(Error::new(ErrorKind::Limit, format!("more than {most} tensors")));
            }
            if !names.insert(name.clone()) {
                return Err(broken(&format!("two tensors are called {}", shorten(&name))));
            }
            entries.insert(name, entry);
        }
    }
    if at != data.len() {
        let found = data.len();
        let what = format!("the tensors of the model.json take {at} bytes, its files have {found}");
        return Err(broken(&what));
    }
    let topology = manifest.get(TOPOLOGY).cloned();
    let beside = topology.map(|topology| (TOPOLOGY.to_owned(), topology)).into_iter().collect();
    Ok(Found { container: "tensorflow-js", entries, beside, ..Found::default() })
}

/// One tensor whose values begin at byte `at`.
fn tensor(weight: &Plain, data: &Bytes, at: usize, limits: &Limits) -> Result<(String, Entry)> {
    let name = weight.get("name").and_then(Plain::text).unwrap_or_default();
    if name.is_empty() || name.len() > limits.name_bytes {
        return Err(broken("a tensor without a name, or with one beyond all measure"));
    }
    let refused =
        |kind, what: &str| Err(Error::new(kind, format!("tensor {}: {what}", shorten(name))));
    if weight.get("quantization").is_some() {
        return refused(ErrorKind::Unsupported, "quantised values of TensorFlow.js cannot be read");
    }
    let dtype = match weight.get("dtype").and_then(Plain::text) {
        Some("float32") => DType::F32,
        Some("int32") => DType::I32,
        Some("bool") => DType::Bool,
        other => {
            let what = format!("type {} cannot be read", shorten(other.unwrap_or("unknown")));
            return refused(ErrorKind::Unsupported, &what);
        }
    };
    let extents = weight.get("shape").and_then(Plain::items);
    let shape: Option<Vec<usize>> =
        extents.and_then(|extents| extents.iter().map(Plain::size).collect());
    let Some(shape) = shape.filter(|shape| shape.len() <= 8) else {
        return refused(ErrorKind::BrokenFile, "its shape is no list of at most eight extents");
    };
    let count = shape.iter().try_fold(dtype.size(), |bytes, &extent| bytes.checked_mul(extent));
    let (Some(len), Some(strides)) = (count, safetensors::row_major(&shape)) else {
        return refused(ErrorKind::BrokenFile, "its shape is beyond all memory");
    };
    let storage = Storage { bytes: data.clone(), start: at, len, big_endian: false };
    let entry = Entry { dtype, shape, strides, storage, offset: 0 };
    match values::checked_extent(&entry, entry.storage.bytes().len()) {
        Ok(count) if count * dtype.size() == len => Ok((name.replace('/', "."), entry)),
        _ => refused(ErrorKind::BrokenFile, "the files of weights end before it"),
    }
}

fn groups(manifest: &Plain) -> &[Plain] {
    manifest.get(MANIFEST).and_then(Plain::items).unwrap_or_default()
}

fn broken(message: &str) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}
