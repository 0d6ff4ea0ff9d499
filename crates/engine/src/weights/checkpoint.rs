//! A checkpoint: named tensors inside the bytes of one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Limits, Plain, Scope, tfjs};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;

/// How a stored value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DType {
    F16,
    BF16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl DType {
    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            DType::I8 | DType::U8 | DType::Bool => 1,
            DType::F16 | DType::BF16 | DType::I16 | DType::U16 => 2,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::F64 | DType::I64 | DType::U64 => 8,
        }
    }
}

/// One tensor of a checkpoint, still in the file's own encoding.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// Values to step per axis.
    pub(super) strides: Vec<usize>,
    pub(super) storage: Storage,
    /// First value, counted in values of `dtype` from the storage's start.
    pub(super) offset: usize,
}

/// Bytes behind tensors. Several entries may share one.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    pub(super) bytes: Bytes,
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) big_endian: bool,
}

/// Bytes shared without copying.
pub(super) type Bytes = Arc<Vec<u8>>;

impl Storage {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.start.saturating_add(self.len)).unwrap_or(&[])
    }
}

impl Entry {
    /// How it is stored.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a reader found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) container: &'static str,
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) notes: Vec<String>,
    /// What stood beside the weights in the dictionary around them.
    pub(super) beside: Vec<(String, Plain)>,
}

/// Named tensors of one file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: Option<PathBuf>,
    container: &'static str,
    sha256: String,
    entries: BTreeMap<String, Entry>,
    notes: Vec<String>,
    beside: Vec<(String, Plain)>,
}

impl Checkpoint {
    /// Reads a file of any known container.
    ///
    /// Errors name the file: it cannot be read, is broken, is of a kind that cannot be read, or is
    /// beyond a limit.
    pub fn open(path: &Path, limits: &Limits) -> Result<Checkpoint> {
        let bytes = read_file(path, limits).map_err(|error| error.at(path))?;
        let read = match tfjs::is_json(&bytes) {
            true => beside(path, bytes, limits),
            false => Checkpoint::from_bytes(bytes, limits),
        };
        let mut checkpoint = read.map_err(|error| error.at(path))?;
        checkpoint.path = Some(path.to_path_buf());
        Ok(checkpoint)
    }

    /// Reads a TensorFlow.js layers model from memory: its `model.json`, and the files that it names, one
    /// behind the other. Whatever the bytes are, this returns.
    pub fn from_manifest(json: &[u8], data: Vec<u8>, limits: &Limits) -> Result<Checkpoint> {
        let bytes = (json.len() as u64).saturating_add(data.len() as u64);
        if bytes > limits.file_bytes {
            return Err(too_big(bytes, limits));
        }
        let manifest = tfjs::manifest(json, limits)?;
        let data = Arc::new(data);
        let found = tfjs::read(&manifest, &data, limits)?;
        Ok(Checkpoint::of(found, &[json, &data]))
    }

    /// Reads a checkpoint from memory. Whatever the bytes are, this returns.
    pub fn from_bytes(bytes: Vec<u8>, limits: &Limits) -> Result<Checkpoint> {
        if bytes.len() as u64 > limits.file_bytes {
            return Err(too_big(bytes.len() as u64, limits));
        }
        let bytes = Arc::new(bytes);
        let found = super::read(&bytes, limits)?;
        let mut checkpoint = Checkpoint::of(found, &[bytes.as_slice()]);
        while checkpoint.strip_prefix("module.") || checkpoint.strip_prefix("_orig_mod.") {}
        Ok(checkpoint)
    }

    fn of(found: Found, bytes: &[&[u8]]) -> Checkpoint {
        let mut hash = Sha256::new();
        bytes.iter().for_each(|part| hash.update(part));
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Checkpoint {
            path: None,
            container: found.container,
            sha256,
            entries: found.entries,
            notes: found.notes,
            beside: found.beside,
        }
    }

    /// The file, when read from one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// `safetensors`, `pytorch-zip`, `pytorch-zip-module`, `pytorch-legacy`,
    /// `pytorch-legacy-module`, `torchscript`, `tensorflow-graph`, `tensorflow-js`, `keras-hdf5` or `hdf5`.
    pub fn container(&self) -> &'static str {
        self.container
    }

    /// SHA-256 of the whole file, in lower-case hexadecimal; of a `model.json` and the files that it names,
    /// one behind the other.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What was unwrapped, stripped or passed over on the way.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What stood beside the weights under `key` in the dictionary around them: a training script's
    /// settings. Optimiser states and other large things are named, not read ([`Plain::Other`]).
    pub fn beside(&self, key: &str) -> Option<&Plain> {
        self.beside.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// A tensor's encoding and shape.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// A tensor's values as f32 (64-bit numbers are rounded to the nearest f32), row-major.
    ///
    /// Errors when there is no such tensor.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let entry = self.entries.get(name).ok_or_else(|| {
            Error::new(ErrorKind::WeightsMismatch, format!("no tensor is called {name}"))
        })?;
        Tensor::new(&entry.shape, super::values::to_f32(entry)?)
    }

    /// Removes `prefix` from every name, if every name has it and names stay distinct and
    /// non-empty. Says whether it did.
    pub fn strip_prefix(&mut self, prefix: &str) -> bool {
        let fits = |name: &String| name.len() > prefix.len() && name.starts_with(prefix);
        if prefix.is_empty() || self.entries.is_empty() || !self.entries.keys().all(fits) {
            return false;
        }
        self.entries = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(name, entry)| (name[prefix.len()..].to_string(), entry))
            .collect();
        self.notes.push(format!("the prefix `{prefix}` of every name was removed"));
        true
    }

    /// Names and axes as the networks here ask for them, of a file that Keras or TensorFlow wrote.
    ///
    /// A `…kernel` of two axes or more, `[k…][in][out]` (transposed convolutions `[k…][out][in]`),
    /// becomes `…weight` with its last two axes first and exchanged; `gamma`, `beta`, `moving_mean`
    /// and `moving_variance` become `weight`, `bias`, `running_mean` and `running_var`. Values are not
    /// moved. Depthwise kernels are not meant. Where two names would become one, both stay.
    pub fn channels_first(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        let renamed = |name: &str| {
            let (place, last) = name.rsplit_once('.').unwrap_or(("", name));
            let last = match last {
                "kernel" | "gamma" => "weight",
                "beta" => "bias",
                "moving_mean" => "running_mean",
                "moving_variance" => "running_var",
                other => other,
            };
            if place.is_empty() { last.to_owned() } else { format!("{place}.{last}") }
        };
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        entries.keys().for_each(|name| *times.entry(renamed(name)).or_default() += 1);
        for (name, mut entry) in entries {
            let new = renamed(&name);
            let unique = times.get(&new) == Some(&1);
            let kernel = name == "kernel" || name.ends_with(".kernel");
            if kernel && unique && entry.shape.len() >= 2 {
                entry.shape.rotate_right(2);
                entry.shape.swap(0, 1);
                entry.strides.rotate_right(2);
                entry.strides.swap(0, 1);
            }
            self.entries.insert(if unique { new } else { name }, entry);
        }
        self.notes.push("Keras' names and order of axes were turned to PyTorch's".into());
    }

    /// The root scope.
    pub fn scope(&self) -> Scope {
        Scope::new(Arc::new(self.clone()))
    }
}

/// A `model.json` at `path` with the files that it names.
fn beside(path: &Path, json: Vec<u8>, limits: &Limits) -> Result<Checkpoint> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut left = limits.clone();
    left.file_bytes = left.file_bytes.saturating_sub(json.len() as u64);
    let mut data = Vec::new();
    for name in tfjs::files(&tfjs::manifest(&json, limits)?, limits)? {
        let file = folder.join(name);
        let bytes = read_file(&file, &left).map_err(|error| error.at(&file))?;
        left.file_bytes = left.file_bytes.saturating_sub(bytes.len() as u64);
        data.extend_from_slice(&bytes);
    }
    Checkpoint::from_manifest(&json, data, limits)
}

pub(super) fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    use std::io::Read;
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("the weights cannot be read: {error}"))
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if facts.is_dir() {
        return Err(Error::new(ErrorKind::Io, "expected a weights file, found a folder"));
    }
    if facts.len() > limits.file_bytes {
        return Err(too_big(facts.len(), limits));
    }
    let mut bytes = Vec::new();
    let expected = usize::try_from(facts.len()).unwrap_or(0);
    bytes.try_reserve_exact(expected).map_err(|_| {
        Error::new(ErrorKind::Limit, format!("no memory for a file of {expected} bytes"))
    })?;
    // One more than allowed, so that a file that grew (or a device) is seen to be beyond it.
    file.take(limits.file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn too_big(bytes: u64, limits: &Limits) -> Error {
    let most = limits.file_bytes;
    Error::new(ErrorKind::Limit, format!("the file has {bytes} bytes, at most {most} are read"))
}
