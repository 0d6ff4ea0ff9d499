//! A frozen TensorFlow 1 graph: its constants are the weights.
//!
//! Reference: tensorflow `core/framework/graph.proto`, `node_def.proto`, `attr_value.proto`,
//! `tensor.proto`, `tensor_shape.proto`, `types.proto`. Operations are not read: the network is built
//! here, by name. `/` in names becomes `.`.

use super::checkpoint::{Bytes, DType, Entry, Found, Storage};
use super::pickle::shorten;
use super::safetensors::row_major;
use super::{Limits, values};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Fields, Wire};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Axes a tensor may have: TensorFlow's own limit (`TensorShape::MaxDimensions`).
const MOST_AXES: usize = 254;
/// Values that a list shorter than its tensor may be drawn out to.
const MOST_REPEATED: usize = 1 << 22;

/// Whether the file begins with a node of a graph: field 1, a message that begins with its name.
pub(super) fn is_graph(bytes: &[u8]) -> bool {
    let mut file = Fields::of(bytes);
    let Ok(Some((1, Wire::Bytes(node)))) = file.next() else { return false };
    let mut node = Fields::of(node);
    let text = |field: Result<Option<(u64, Wire<'_>)>>, number: u64| match field {
        Ok(Some((found, Wire::Bytes(text)))) if found == number => std::str::from_utf8(text)
            .is_ok_and(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())),
        _ => false,
    };
    text(node.next(), 1) && text(node.next(), 2)
}

pub(super) fn read(bytes: &Bytes, limits: &Limits) -> Result<Found> {
    let mut entries = BTreeMap::new();
    let mut notes = Vec::new();
    let mut total = 0u64;
    let mut file = Fields::of(bytes);
    while let Some((number, field)) = file.next()? {
        // Versions and functions are of no interest here.
        if number != 1 {
            continue;
        }
        let Some((name, tensor)) = constant(field.bytes()?)? else { continue };
        if name.len() > limits.name_bytes {
            return Err(Error::new(ErrorKind::Limit, "a tensor's name is too long"));
        }
        let refused = |error: Error| {
            Error::new(
                error.kind().clone(),
                format!("tensor {}: {}", shorten(&name), error.message()),
            )
        };
        let Some(entry) =
            Parts::read(tensor).and_then(|parts| parts.entry(limits)).map_err(refused)?
        else {
            notes.push(format!("the constant {} holds no numbers", shorten(&name)));
            continue;
        };
        total = total.saturating_add(entry.count() as u64);
        if total > limits.values {
            let message = format!("more than {} values in all tensors", limits.values);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        if entries.len() >= limits.tensors {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("more than {} tensors", limits.tensors),
            ));
        }
        if entries.insert(name.replace('/', "."), entry).is_some() {
            let message = format!("two constants are called {}", shorten(&name));
            return Err(Error::new(ErrorKind::BrokenFile, message));
        }
    }
    Ok(Found { container: "tensorflow-graph", entries, notes, ..Found::default() })
}

/// Name and `value` of a node whose operation is `Const`.
fn constant(node: &[u8]) -> Result<Option<(String, &[u8])>> {
    let (mut name, mut op, mut value) = (String::new(), String::new(), None);
    let mut fields = Fields::of(node);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => name = field.text()?,
            2 => op = field.text()?,
            5 => {
                if let Some(tensor) = attribute(field.bytes()?)? {
                    value = Some(tensor);
                }
            }
            _ => {}
        }
    }
    Ok(value.filter(|_| op == "Const").map(|value| (name, value)))
}

/// The tensor of an entry `value` among a node's attributes.
fn attribute(entry: &[u8]) -> Result<Option<&[u8]>> {
    let (mut key, mut value) = (String::new(), None);
    let mut fields = Fields::of(entry);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.text()?,
            2 => value = Some(field.bytes()?),
            _ => {}
        }
    }
    let Some(value) = value.filter(|_| key == "value") else { return Ok(None) };
    let mut fields = Fields::of(value);
    while let Some((number, field)) = fields.next()? {
        if number == 8 {
            return Ok(Some(field.bytes()?));
        }
    }
    Ok(None)
}

/// A `TensorProto`.
#[derive(Default)]
struct Parts<'a> {
    dtype: i64,
    shape: Vec<usize>,
    content: Option<&'a [u8]>,
    floats: Vec<f32>,
    doubles: Vec<f64>,
    /// 16-bit floats come as integers, too.
    ints: Vec<i64>,
}

impl<'a> Parts<'a> {
    fn read(tensor: &'a [u8]) -> Result<Parts<'a>> {
        let mut parts = Parts::default();
        let mut fields = Fields::of(tensor);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => parts.dtype = field.int()?,
                2 => parts.shape = shape(field.bytes()?)?,
                4 => parts.content = Some(field.bytes()?).filter(|content| !content.is_empty()),
                5 => field.floats(&mut parts.floats)?,
                6 => field.doubles(&mut parts.doubles)?,
                7 | 10 | 11 | 13 => field.ints(&mut parts.ints)?,
                _ => {}
            }
        }
        Ok(parts)
    }

    /// `None` for types that are no numbers: texts, handles.
    fn entry(self, limits: &Limits) -> Result<Option<Entry>> {
        let Some(dtype) = dtype(self.dtype) else { return Ok(None) };
        let count = self.shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
        let Some(count) = count.filter(|&count| count as u64 <= limits.values) else {
            return Err(Error::new(ErrorKind::Limit, "its shape is beyond all memory"));
        };
        let mut strides = row_major(&self.shape)
            .ok_or_else(|| Error::new(ErrorKind::Limit, "its shape is beyond all memory"))?;
        let stored = match self.content {
            Some(content) => content.to_vec(),
            None => {
                let size = dtype.size();
                let mut stored = self.listed(dtype);
                let given = stored.len() / size;
                if given < count && count > MOST_REPEATED {
                    let what = "a short list drawn out to a huge tensor";
                    return Err(Error::new(ErrorKind::Limit, what));
                }
                // The last value stands for all that are missing; none at all for zeros.
                if given <= 1 && count > given {
                    stored.resize(size, 0);
                    strides.fill(0);
                } else if given < count {
                    let last = stored[stored.len().saturating_sub(size)..].to_vec();
                    (given..count).for_each(|_| stored.extend(&last));
                }
                stored
            }
        };
        let len = stored.len();
        let storage = Storage { bytes: Arc::new(stored), start: 0, len, big_endian: false };
        let entry = Entry { dtype, shape: self.shape, strides, storage, offset: 0 };
        values::checked_extent(&entry, len)?;
        if self.content.is_some() && count * dtype.size() != len {
            let what = format!("{len} bytes where {} were expected", count * dtype.size());
            return Err(Error::new(ErrorKind::BrokenFile, what));
        }
        Ok(Some(entry))
    }

    /// The values of a list, little-endian.
    fn listed(&self, dtype: DType) -> Vec<u8> {
        match dtype {
            DType::F32 => self.floats.iter().flat_map(|value| value.to_le_bytes()).collect(),
            DType::F64 => self.doubles.iter().flat_map(|value| value.to_le_bytes()).collect(),
            other => {
                let low = |value: &i64| value.to_le_bytes().into_iter().take(other.size());
                self.ints.iter().flat_map(low).collect()
            }
        }
    }
}

/// Extents; one that is not known is an error.
fn shape(message: &[u8]) -> Result<Vec<usize>> {
    let mut shape = Vec::new();
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        if number != 2 {
            continue;
        }
        let mut extent = 0;
        let mut axis = Fields::of(field.bytes()?);
        while let Some((number, field)) = axis.next()? {
            if number == 1 {
                extent = field.int()?;
            }
        }
        let extent = usize::try_from(extent).ok().filter(|_| shape.len() < MOST_AXES);
        let what = "a constant whose extents are unknown or too many";
        shape.push(extent.ok_or_else(|| Error::new(ErrorKind::BrokenFile, what))?);
    }
    Ok(shape)
}

/// `DataType` of `types.proto`.
fn dtype(number: i64) -> Option<DType> {
    Some(match number {
        1 => DType::F32,
        2 => DType::F64,
        3 => DType::I32,
        4 => DType::U8,
        5 => DType::I16,
        6 => DType::I8,
        9 => DType::I64,
        10 => DType::Bool,
        14 => DType::BF16,
        17 => DType::U16,
        19 => DType::F16,
        _ => return None,
    })
}
