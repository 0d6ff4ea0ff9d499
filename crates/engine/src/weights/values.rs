//! Stored values to f32, through strides.

use super::checkpoint::{DType, Entry};
use crate::error::{Error, ErrorKind, Result};

/// All values of a tensor, row-major. Strides and offset are checked against the storage.
pub(super) fn to_f32(entry: &Entry) -> Result<Vec<f32>> {
    let bytes = entry.storage.bytes();
    let size = entry.dtype.size();
    let count = checked_extent(entry, bytes.len())?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| {
        Error::new(ErrorKind::Limit, format!("no memory for a tensor of {count} values"))
    })?;
    if count == 0 {
        return Ok(values);
    }
    let run = contiguous_tail(entry);
    let inner: usize = entry.shape[run..].iter().product();
    let big = entry.storage.big_endian;
    let mut index = vec![0usize; run];
    loop {
        let start = entry.offset
            + index.iter().zip(&entry.strides).map(|(i, stride)| i * stride).sum::<usize>();
        let piece = bytes.get(start * size..(start + inner) * size).ok_or_else(outside)?;
        append(&mut values, entry.dtype, big, piece);
        let mut axis = run;
        loop {
            if axis == 0 {
                return Ok(values);
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < entry.shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// Number of values, once the tensor is known to lie inside a storage of `bytes`.
pub(super) fn checked_extent(entry: &Entry, bytes: usize) -> Result<usize> {
    if entry.shape.len() != entry.strides.len() {
        return Err(Error::new(ErrorKind::BrokenFile, "as many strides as axes expected"));
    }
    let count = entry
        .shape
        .iter()
        .try_fold(1usize, |n, &extent| n.checked_mul(extent))
        .ok_or_else(outside)?;
    if count == 0 {
        return Ok(0);
    }
    let last =
        entry.shape.iter().zip(&entry.strides).try_fold(entry.offset, |at, (&n, &stride)| {
            at.checked_add((n - 1).checked_mul(stride)?)
        });
    let end = last.and_then(|last| last.checked_add(1)?.checked_mul(entry.dtype.size()));
    if end.is_none_or(|end| end > bytes) {
        return Err(outside());
    }
    Ok(count)
}

fn outside() -> Error {
    Error::new(ErrorKind::BrokenFile, "a tensor reaches outside its storage")
}

/// The first axis from which on the values lie next to each other.
fn contiguous_tail(entry: &Entry) -> usize {
    let mut run = entry.shape.len();
    let mut step = 1usize;
    while run > 0 && (entry.strides[run - 1] == step || entry.shape[run - 1] == 1) {
        step *= entry.shape[run - 1];
        run -= 1;
    }
    run
}

fn append(values: &mut Vec<f32>, dtype: DType, big: bool, bytes: &[u8]) {
    match dtype {
        DType::F32 => each(values, bytes, big, f32::from_le_bytes),
        DType::F64 => each(values, bytes, big, |b| f64::from_le_bytes(b) as f32),
        DType::F16 => each(values, bytes, big, |b| half_to_f32(u16::from_le_bytes(b))),
        DType::BF16 => each(values, bytes, big, |b: [u8; 2]| {
            f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)
        }),
        DType::I8 => each(values, bytes, big, |b| f32::from(i8::from_le_bytes(b))),
        DType::U8 => each(values, bytes, big, |b: [u8; 1]| f32::from(b[0])),
        DType::Bool => each(values, bytes, big, |b: [u8; 1]| f32::from(u8::from(b[0] != 0))),
        DType::I16 => each(values, bytes, big, |b| f32::from(i16::from_le_bytes(b))),
        DType::U16 => each(values, bytes, big, |b| f32::from(u16::from_le_bytes(b))),
        DType::I32 => each(values, bytes, big, |b| i32::from_le_bytes(b) as f32),
        DType::U32 => each(values, bytes, big, |b| u32::from_le_bytes(b) as f32),
        DType::I64 => each(values, bytes, big, |b| i64::from_le_bytes(b) as f32),
        DType::U64 => each(values, bytes, big, |b| u64::from_le_bytes(b) as f32),
    }
}

fn each<const N: usize>(
    values: &mut Vec<f32>,
    bytes: &[u8],
    big: bool,
    read: impl Fn([u8; N]) -> f32,
) {
    let (items, _) = bytes.as_chunks::<N>();
    if big {
        values.extend(items.iter().map(|item| {
            let mut item = *item;
            item.reverse();
            read(item)
        }));
    } else {
        values.extend(items.iter().map(|item| read(*item)));
    }
}

/// IEEE 754 binary16, exactly.
fn half_to_f32(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_convert_exactly() {
        let cases = [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x3555, 0.333_251_95)];
        for (bits, value) in cases {
            assert_eq!(half_to_f32(bits), value);
        }
        assert_eq!(half_to_f32(1), f32::powi(2.0, -24));
        assert!(half_to_f32(0x7e00).is_nan());
        assert_eq!(half_to_f32(0xfc00), f32::NEG_INFINITY);
        assert!(half_to_f32(0x8000).is_sign_negative());
    }
}
