//! Tensors inside a pickle: what PyTorch's rebuilding functions would have made.
//!
//! Reference: pytorch `torch/_utils.py` (`_rebuild_tensor`, `_v2`, `_v3`, `_rebuild_parameter`),
//! `torch/_tensor.py` (`_rebuild_from_type_v2`), `torch/serialization.py` (`persistent_id`).

use super::Limits;
use super::checkpoint::{DType, Entry, Storage};
use super::pickle::{Id, Pickle, Value, shorten};
use super::values;
use crate::error::{Error, ErrorKind, Result};

/// Axes a tensor may have (PyTorch's own limit is 64).
const MOST_AXES: usize = 32;
/// Calls that may wrap a tensor: parameter, subclass and so on.
const MOST_WRAPS: usize = 8;
/// Values that a tensor may have beyond those of its storage (expanded tensors).
const MOST_EXPANDED: usize = 1 << 22;

/// Where a container keeps the bytes.
pub(super) trait Storages {
    /// All bytes of a storage.
    fn get(&mut self, wanted: &StorageRef<'_>) -> Result<Storage>;
}

/// A storage as a persistent id names it.
pub(super) struct StorageRef<'p> {
    pub(super) key: &'p str,
    /// `None` for untyped storages, counted in bytes.
    pub(super) dtype: Option<Typed>,
    /// Values, or bytes of an untyped storage.
    count: usize,
    /// First value and number of values of a view (legacy streams only).
    view: Option<(usize, usize)>,
}

/// Width of a type, and the type if it can be read.
#[derive(Clone, Copy)]
pub(super) struct Typed {
    pub(super) size: usize,
    dtype: Option<DType>,
}

/// Parses `('storage', class, key, device, count[, view])`.
pub(super) fn parse_storage<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<StorageRef<'p>> {
    let Value::Tuple(parts) = pickle.get(id) else { return None };
    if parts.len() < 5 || pickle.str(parts[0]) != Some("storage") {
        return None;
    }
    let (_, class) = pickle.global(parts[1])?;
    let dtype = match class {
        "UntypedStorage" => None,
        _ => Some(storage_type(class)?),
    };
    let view = match parts.get(5).map(|id| pickle.get(*id)) {
        Some(Value::Tuple(view)) if view.len() == 3 => {
            Some((pickle.size(view[1])?, pickle.size(view[2])?))
        }
        _ => None,
    };
    let (key, count) = (pickle.str(parts[2])?, pickle.size(parts[4])?);
    Some(StorageRef { key, dtype, count, view })
}

/// The tensor that a value stands for, or `None` when it is none.
pub(super) fn tensor(
    pickle: &Pickle<'_>,
    mut id: Id,
    storages: &mut dyn Storages,
    limits: &Limits,
) -> Result<Option<Entry>> {
    for _ in 0..MOST_WRAPS {
        let Value::Object(object) = pickle.get(id) else { return Ok(None) };
        let Some((mut module, mut name)) = pickle.global(object.class) else { return Ok(None) };
        let mut args = pickle.items(object.args).unwrap_or(&[]);
        if (module, name) == ("torch._tensor", "_rebuild_from_type_v2") {
            let (Some(function), Some(inner)) = (args.first(), args.get(2)) else {
                return Ok(None);
            };
            (module, name) = pickle.global(*function).unwrap_or(("", ""));
            args = pickle.items(*inner).unwrap_or(&[]);
        }
        match (module, name) {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                return build(pickle, args, None, storages, limits).map(Some);
            }
            ("torch._utils", "_rebuild_tensor_v3") => {
                let dtype = args.get(6).and_then(|id| pickle.global(*id)).map(|(_, name)| name);
                let Some(typed) = dtype.and_then(tensor_type) else {
                    let dtype = shorten(dtype.unwrap_or("unknown"));
                    let message = format!("tensors of type {dtype} cannot be read");
                    return Err(Error::new(ErrorKind::Unsupported, message));
                };
                return build(pickle, args, Some(typed), storages, limits).map(Some);
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
            | ("torch.nn.parameter", "Parameter" | "Buffer")
            | ("torch.autograd.variable", "Variable") => {
                // Before 0.4 the data stood first in the state, later in the arguments.
                let state = object.state.and_then(|state| pickle.items(state)).unwrap_or(&[]);
                let Some(inner) = args.first().or(state.first()) else { return Ok(None) };
                id = *inner;
            }
            ("torch._utils", name) if name.starts_with("_rebuild_") => {
                let message = format!("tensors of `{}` cannot be read", shorten(name));
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            _ => return Ok(None),
        }
    }
    Err(Error::new(ErrorKind::Limit, "a tensor wrapped too many times"))
}

/// `(storage, offset, size, stride, …)`.
fn build(
    pickle: &Pickle<'_>,
    args: &[Id],
    typed: Option<Typed>,
    storages: &mut dyn Storages,
    limits: &Limits,
) -> Result<Entry> {
    let [storage, offset, shape, strides, ..] = args else {
        return Err(broken("a tensor lacks storage, offset, size or stride"));
    };
    let found = match pickle.get(*storage) {
        Value::Persistent(inner) => parse_storage(pickle, *inner),
        _ => None,
    };
    let Some(found) = found else {
        return Err(Error::new(ErrorKind::Unsupported, storage_message(pickle, *storage)));
    };
    let Some(typed) = typed.or(found.dtype) else {
        return Err(broken("a tensor on an untyped storage does not say its type"));
    };
    let Some(dtype) = typed.dtype else {
        return Err(Error::new(ErrorKind::Unsupported, "tensors of this type cannot be read"));
    };
    let mut bytes = storages.get(&found)?;
    let width = found.dtype.map_or(1, |typed| typed.size);
    let claimed = found.count.checked_mul(width);
    if claimed.is_none_or(|claimed| claimed > bytes.len) {
        let message = format!(
            "storage {} is said to have {} values but has {} bytes",
            shorten(found.key),
            found.count,
            bytes.len
        );
        return Err(broken(&message));
    }
    if let Some((first, count)) = found.view {
        let place = first.checked_mul(width).zip(count.checked_mul(width));
        let place = place.filter(|(at, len)| at.checked_add(*len).is_some_and(|e| e <= bytes.len));
        let Some((at, len)) = place else {
            return Err(broken("a view reaches outside its storage"));
        };
        bytes.start += at;
        bytes.len = len;
    }
    let sizes = |id: Id, what: &str| -> Result<Vec<usize>> {
        let items = pickle.items(id).filter(|items| items.len() <= MOST_AXES);
        let items = items.and_then(|items| items.iter().map(|id| pickle.size(*id)).collect());
        items.ok_or_else(|| broken(&format!("the {what} of a tensor is no list of numbers")))
    };
    let entry = Entry {
        dtype,
        shape: sizes(*shape, "size")?,
        strides: sizes(*strides, "stride")?,
        offset: pickle.size(*offset).ok_or_else(|| broken("a tensor's offset is no number"))?,
        storage: bytes,
    };
    let count = values::checked_extent(&entry, entry.storage.len)?;
    if count > entry.storage.len / dtype.size() + MOST_EXPANDED || count as u64 > limits.values {
        return Err(Error::new(ErrorKind::Limit, "a small storage expanded to a huge tensor"));
    }
    Ok(entry)
}

fn storage_message(pickle: &Pickle<'_>, id: Id) -> String {
    format!("expected a storage, found {}", pickle.describe(id))
}

fn typed(size: usize, dtype: Option<DType>) -> Option<Typed> {
    Some(Typed { size, dtype })
}

/// `torch.FloatStorage` and the like.
fn storage_type(class: &str) -> Option<Typed> {
    match class {
        "FloatStorage" => typed(4, Some(DType::F32)),
        "DoubleStorage" => typed(8, Some(DType::F64)),
        "HalfStorage" => typed(2, Some(DType::F16)),
        "BFloat16Storage" => typed(2, Some(DType::BF16)),
        "LongStorage" => typed(8, Some(DType::I64)),
        "IntStorage" => typed(4, Some(DType::I32)),
        "ShortStorage" => typed(2, Some(DType::I16)),
        "CharStorage" => typed(1, Some(DType::I8)),
        "ByteStorage" => typed(1, Some(DType::U8)),
        "BoolStorage" => typed(1, Some(DType::Bool)),
        "ComplexFloatStorage" => typed(8, None),
        "ComplexDoubleStorage" => typed(16, None),
        "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => typed(1, None),
        "QInt32Storage" => typed(4, None),
        _ => None,
    }
}

/// `torch.float32` and the like.
fn tensor_type(name: &str) -> Option<Typed> {
    match name {
        "float32" | "float" => typed(4, Some(DType::F32)),
        "float64" | "double" => typed(8, Some(DType::F64)),
        "float16" | "half" => typed(2, Some(DType::F16)),
        "bfloat16" => typed(2, Some(DType::BF16)),
        "int64" | "long" => typed(8, Some(DType::I64)),
        "int32" | "int" => typed(4, Some(DType::I32)),
        "int16" | "short" => typed(2, Some(DType::I16)),
        "int8" => typed(1, Some(DType::I8)),
        "uint8" => typed(1, Some(DType::U8)),
        "uint16" => typed(2, Some(DType::U16)),
        "uint32" => typed(4, Some(DType::U32)),
        "uint64" => typed(8, Some(DType::U64)),
        "bool" => typed(1, Some(DType::Bool)),
        _ => None,
    }
}

fn broken(message: &str) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}
