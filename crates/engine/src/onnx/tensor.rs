//! Stored tensors to arrays. The claimed shape must fit the bytes that are there, so memory is never
//! reserved on a file's word.

use super::external::{External, Raw};
use super::ops::Value;
use super::proto::{self, Kind};
use crate::array::{Array, DType, Data, Element, bf16, count, f16};
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::sync::Arc;

/// Axes a tensor may have.
pub(super) const MOST_AXES: usize = 32;

/// Reads a `TensorProto` that holds its values itself, as the test data of the ONNX project do.
pub fn read_tensor(bytes: &[u8]) -> Result<Array> {
    array(&proto::Tensor::read(bytes)?, &External::none())
}

/// Reads a stored value of any kind: `TensorProto`, `SequenceProto`, `OptionalProto`.
pub fn read_value(bytes: &[u8], kind: Kind) -> Result<Value> {
    let mut found = None;
    match kind {
        Kind::Tensor => return Ok(Value::Array(read_tensor(bytes)?)),
        Kind::Sequence => {
            let mut arrays = Vec::new();
            proto::each(bytes, |field, wire| {
                if field == 3 {
                    arrays.push(read_tensor(wire.bytes()?)?);
                }
                Ok(())
            })?;
            return Ok(Value::Sequence(arrays));
        }
        Kind::OptionalTensor | Kind::OptionalSequence => proto::each(bytes, |field, wire| {
            match field {
                3 => found = Some(read_value(wire.bytes()?, Kind::Tensor)?),
                5 => found = Some(read_value(wire.bytes()?, Kind::Sequence)?),
                _ => {}
            }
            Ok(())
        })?,
        Kind::Other => {
            let message = "a value of a kind that cannot be read";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    }
    Ok(found.unwrap_or(Value::Absent))
}

/// The array of a stored tensor.
pub(super) fn array(tensor: &proto::Tensor, external: &External) -> Result<Array> {
    let named = |error: Error| error.in_node(format!("tensor `{}`", tensor.name));
    let Some(dtype) = DType::from_onnx(tensor.data_type) else {
        let message = format!("values of type number {} cannot be read", tensor.data_type);
        return Err(named(Error::new(ErrorKind::Unsupported, message)));
    };
    let shape = extents(&tensor.dims).map_err(named)?;
    let data = values(tensor, dtype, &shape, external).map_err(named)?;
    Array::new(&shape, data).map_err(named)
}

/// Extents of a stored shape.
pub(super) fn extents(dims: &[i64]) -> Result<Vec<usize>> {
    let shape: Option<Vec<usize>> = dims.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    match shape {
        Some(shape) if shape.len() <= MOST_AXES && count(&shape).is_some() => Ok(shape),
        _ => Err(broken(format!("no array has the shape {dims:?}"))),
    }
}

/// A sparse tensor, made dense. Indices are linear, or one row of coordinates for each value.
pub(super) fn dense(sparse: &proto::Sparse, external: &External, most: usize) -> Result<Array> {
    let name = &sparse.values.name;
    let named = |error: Error| error.in_node(format!("tensor `{name}`"));
    let (values, indices) = (array(&sparse.values, external)?, array(&sparse.indices, external)?);
    let shape = extents(&sparse.dims).map_err(named)?;
    let total = count(&shape).filter(|n| *n <= most).ok_or_else(|| {
        named(Error::new(ErrorKind::Limit, format!("a sparse tensor of shape {shape:?}")))
    })?;
    let at = indices.to_i64().ok_or_else(|| named(broken("indices are no integers".into())))?;
    let places: Option<Vec<usize>> = match indices.rank() {
        1 => at.iter().map(|i| usize::try_from(*i).ok().filter(|i| *i < total)).collect(),
        _ => at
            .chunks(shape.len().max(1))
            .map(|row| {
                row.iter().zip(&shape).try_fold(0, |sum, (i, extent)| {
                    let i = usize::try_from(*i).ok().filter(|i| i < extent)?;
                    Some(sum * extent + i)
                })
            })
            .collect(),
    };
    let places = places.filter(|places| places.len() == values.len());
    let places = places.ok_or_else(|| named(broken("indices do not fit".into())))?;
    let data = crate::array::same_type!(values.data(), v => scattered(v, &places, total));
    Array::new(&shape, data).map_err(named)
}

fn scattered<T: Clone + Default>(values: &[T], places: &[usize], total: usize) -> Vec<T> {
    let mut all = vec![T::default(); total];
    places.iter().zip(values).for_each(|(place, value)| all[*place].clone_from(value));
    all
}

fn values(
    tensor: &proto::Tensor,
    dtype: DType,
    shape: &[usize],
    external: &External,
) -> Result<Data> {
    let n = count(shape).unwrap_or(usize::MAX);
    if dtype == DType::Text {
        let text = |bytes: &&[u8]| String::from_utf8_lossy(bytes).into_owned();
        return Ok(Data::Text(Arc::new(tensor.texts.iter().map(text).collect())));
    }
    let raw = match (external.read(tensor, dtype, shape)?, tensor.raw) {
        (None, None) => return from_fields(tensor, dtype, n),
        (None, Some(raw)) => Raw::Here(Cow::Borrowed(raw)),
        (Some(elsewhere), _) => elsewhere,
    };
    from_raw(dtype, n, &raw)
}

/// Little-endian values, as `raw_data` and external files hold them.
fn from_raw(dtype: DType, n: usize, raw: &Raw) -> Result<Data> {
    let bits = match dtype {
        DType::Small(kind) => kind.bits() as usize,
        other => other.size() * 8,
    };
    let wanted = n.checked_mul(bits).map(|bits| bits.div_ceil(8));
    if wanted != Some(raw.len()) {
        return Err(broken(format!("{n} values of {dtype} do not take {} bytes", raw.len())));
    }
    fn of<T: Element, const N: usize>(raw: &Raw, read: impl Fn([u8; N]) -> T) -> Result<Data> {
        let mut values = Vec::with_capacity(raw.len() / N);
        raw.each_piece(|piece| values.extend(piece.as_chunks().0.iter().map(|b| read(*b))))?;
        Ok(T::wrap(values))
    }
    match dtype {
        DType::F32 => of(raw, f32::from_le_bytes),
        DType::F64 => of(raw, f64::from_le_bytes),
        DType::F16 => of(raw, |b| f16::from_bits(u16::from_le_bytes(b))),
        DType::BF16 => of(raw, |b| bf16::from_bits(u16::from_le_bytes(b))),
        DType::I8 => of(raw, i8::from_le_bytes),
        DType::I16 => of(raw, i16::from_le_bytes),
        DType::I32 => of(raw, i32::from_le_bytes),
        DType::I64 => of(raw, i64::from_le_bytes),
        DType::U8 => of(raw, u8::from_le_bytes),
        DType::U16 => of(raw, u16::from_le_bytes),
        DType::U32 => of(raw, u32::from_le_bytes),
        DType::U64 => of(raw, u64::from_le_bytes),
        DType::Bool => of(raw, |[byte]: [u8; 1]| byte != 0),
        DType::Small(kind) => {
            let mut bytes = Vec::with_capacity(raw.len());
            raw.each_piece(|piece| bytes.extend_from_slice(piece))?;
            Ok(Data::Small(kind, Arc::new(unpack(&bytes, kind.bits(), n))))
        }
        DType::Text => Err(broken("text in raw bytes".into())),
    }
}

/// Values in the typed fields: small types lie in `int32_data`, one a number or packed bytes.
fn from_fields(tensor: &proto::Tensor, dtype: DType, n: usize) -> Result<Data> {
    let ints = &tensor.ints;
    let found = match dtype {
        DType::F32 => f32::wrap(tensor.floats.clone()),
        DType::F64 => f64::wrap(tensor.doubles.clone()),
        DType::F16 => f16::wrap(ints.iter().map(|v| f16::from_bits(*v as u16)).collect()),
        DType::BF16 => bf16::wrap(ints.iter().map(|v| bf16::from_bits(*v as u16)).collect()),
        DType::I8 => i8::wrap(ints.iter().map(|v| *v as i8).collect()),
        DType::I16 => i16::wrap(ints.iter().map(|v| *v as i16).collect()),
        DType::I32 => i32::wrap(ints.iter().map(|v| *v as i32).collect()),
        DType::I64 => i64::wrap(ints.clone()),
        DType::U8 => u8::wrap(ints.iter().map(|v| *v as u8).collect()),
        DType::U16 => u16::wrap(ints.iter().map(|v| *v as u16).collect()),
        DType::U32 => u32::wrap(ints.iter().map(|v| *v as u32).collect()),
        DType::U64 => u64::wrap(ints.iter().map(|v| *v as u64).collect()),
        DType::Bool => bool::wrap(ints.iter().map(|v| *v != 0).collect()),
        DType::Small(kind) => {
            let bytes: Vec<u8> = ints.iter().map(|v| *v as u8).collect();
            Data::Small(kind, Arc::new(unpack(&bytes, kind.bits(), n)))
        }
        DType::Text => return Err(broken("text among numbers".into())),
    };
    if found.len() != n {
        return Err(broken(format!("{n} values expected, {} found", found.len())));
    }
    Ok(found)
}

/// One value a byte, low bits first.
fn unpack(bytes: &[u8], bits: u32, n: usize) -> Vec<u8> {
    let (per_byte, mask) = (8 / bits, ((1u16 << bits) - 1) as u8);
    let parts = |byte: &u8| {
        let byte = *byte;
        (0..per_byte).map(move |i| byte >> (i * bits) & mask)
    };
    bytes.iter().flat_map(parts).take(n).collect()
}

fn broken(message: String) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}
