//! Safetensors: an 8-byte length, a JSON header, then the values without holes.
//!
//! Reference: the format section of huggingface/safetensors' README, and its checks in
//! `safetensors/src/tensor.rs` (`Metadata::validate`).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::checkpoint::{Bytes, DType, Entry, Found, Storage};
use super::pickle::shorten;
use super::{Limits, values};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn read(bytes: &Bytes, limits: &Limits) -> Result<Found> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(broken("the safetensors file ends early"));
    };
    let length = u64::from_le_bytes(*length);
    if length > limits.header_bytes {
        let most = limits.header_bytes;
        let message = format!("a safetensors header of {length} bytes, at most {most} are read");
        return Err(Error::new(ErrorKind::Limit, message));
    }
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let header = header.ok_or_else(|| broken("the safetensors header ends early"))?;
    let data = 8 + header.len();
    let header: Header = serde_json::from_slice(header)
        .map_err(|error| broken(&format!("the safetensors header: {error}")))?;
    if header.0.len() > limits.tensors {
        let most = limits.tensors;
        return Err(Error::new(ErrorKind::Limit, format!("more than {most} tensors")));
    }
    let mut spans = Vec::with_capacity(header.0.len());
    let mut entries = BTreeMap::new();
    for (name, row) in header.0 {
        let refused =
            |kind, what: &str| Err(Error::new(kind, format!("tensor {}: {what}", shorten(&name))));
        let Some(dtype) = dtype(&row.dtype) else {
            let what = format!("type {} cannot be read", shorten(&row.dtype));
            return refused(ErrorKind::Unsupported, &what);
        };
        let [start, end] = row.data_offsets;
        spans.push((start, end));
        let Some(len) = end.checked_sub(start) else {
            return refused(ErrorKind::BrokenFile, "its end lies before its start");
        };
        let start = data.saturating_add(start);
        let storage = Storage { bytes: bytes.clone(), start, len, big_endian: false };
        let Some(strides) = row_major(&row.shape) else {
            return refused(ErrorKind::BrokenFile, "its shape is beyond all memory");
        };
        let entry = Entry { dtype, shape: row.shape, strides, storage, offset: 0 };
        match values::checked_extent(&entry, entry.storage.bytes().len()) {
            Ok(count) if count * dtype.size() == len => {}
            _ => return refused(ErrorKind::BrokenFile, "its shape does not fit its bytes"),
        }
        entries.insert(name, entry);
    }
    spans.sort_unstable();
    let mut at = 0;
    for (start, end) in spans {
        if start != at {
            return Err(broken("the tensors of the safetensors file overlap or leave holes"));
        }
        at = end;
    }
    if at != bytes.len() - data {
        return Err(broken("the safetensors file has bytes that belong to no tensor"));
    }
    Ok(Found { container: "safetensors", entries, ..Found::default() })
}

/// Strides of a tensor without gaps.
pub(super) fn row_major(shape: &[usize]) -> Option<Vec<usize>> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].checked_mul(shape[axis].max(1))?;
    }
    Some(strides)
}

fn dtype(name: &str) -> Option<DType> {
    Some(match name {
        "F16" => DType::F16,
        "BF16" => DType::BF16,
        "F32" => DType::F32,
        "F64" => DType::F64,
        "I8" => DType::I8,
        "I16" => DType::I16,
        "I32" => DType::I32,
        "I64" => DType::I64,
        "U8" => DType::U8,
        "U16" => DType::U16,
        "U32" => DType::U32,
        "U64" => DType::U64,
        "BOOL" => DType::Bool,
        _ => return None,
    })
}

fn broken(message: &str) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}

/// Name to row, duplicates refused.
struct Header(BTreeMap<String, Row>);

struct Row {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Header, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Header, A::Error> {
                let mut rows = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        let row = map.next_value::<Row>()?;
                        if rows.insert(name, row).is_some() {
                            return Err(A::Error::custom("a tensor is named twice"));
                        }
                    }
                }
                Ok(Header(rows))
            }
        }
        from.deserialize_map(Rows)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Row, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("dtype, shape and data_offsets of a tensor")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Row, A::Error> {
                let (mut dtype, mut shape, mut offsets) = (None, None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "dtype" => dtype = Some(map.next_value()?),
                        "shape" => shape = Some(map.next_value()?),
                        "data_offsets" => offsets = Some(map.next_value()?),
                        _ => return Err(A::Error::custom("an unknown field of a tensor")),
                    }
                }
                Ok(Row {
                    dtype: dtype.ok_or_else(|| A::Error::missing_field("dtype"))?,
                    shape: shape.ok_or_else(|| A::Error::missing_field("shape"))?,
                    data_offsets: offsets.ok_or_else(|| A::Error::missing_field("data_offsets"))?,
                })
            }
        }
        from.deserialize_map(Parts)
    }
}
