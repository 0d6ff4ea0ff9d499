//! What messages say: shapes, types, layouts, filters, links, attributes (IV.A.2).

use super::cursor::{Cursor, File};
use super::{broken, unsupported};
use crate::error::Result;
use crate::weights::checkpoint::DType;

/// Axes that HDF5 allows (`H5S_MAX_RANK`).
const MOST_AXES: u8 = 32;

/// Extents of a data space; `None` for one that holds nothing (IV.A.2.b).
pub(super) fn dataspace(at: &mut Cursor<'_>) -> Result<Option<Vec<usize>>> {
    let version = at.u8()?;
    let (rank, _flags) = (at.u8()?, at.u8()?);
    let kind = match version {
        1 => {
            at.skip(5)?;
            1
        }
        2 => at.u8()?,
        other => return Err(unsupported(format!("data space version {other} of HDF5"))),
    };
    if rank > MOST_AXES {
        return Err(broken(format!("a data space of {rank} axes")));
    }
    let extents = (0..rank)
        .map(|_| usize::try_from(at.length()?).map_err(|_| broken("an extent beyond all memory")));
    let extents = extents.collect::<Result<Vec<usize>>>()?;
    Ok((kind != 2).then_some(extents))
}

/// What values are (IV.A.2.d).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Datatype {
    Number {
        dtype: DType,
        big_endian: bool,
    },
    /// Texts of so many bytes each.
    Text(usize),
    /// Texts in a heap.
    VariableText,
    /// Whatever else, of so many bytes.
    Other(usize),
}

impl Datatype {
    /// Bytes of one value where it stands; a text in a heap has its length, address and number there.
    pub fn size(self, file: &File<'_>) -> usize {
        match self {
            Datatype::Number { dtype, .. } => dtype.size(),
            Datatype::Text(size) | Datatype::Other(size) => size,
            Datatype::VariableText => 4 + file.sizes().offset + 4,
        }
    }
}

/// Reads a type. What is behind it in the message is not looked at.
pub(super) fn datatype(at: &mut Cursor<'_>) -> Result<Datatype> {
    let class = at.u8()? & 15;
    let bits = at.number(3)?;
    let size = at.u32()? as usize;
    let other = Datatype::Other(size);
    Ok(match class {
        0 => {
            let (offset, precision) = (at.u16()?, usize::from(at.u16()?));
            let signed = bits & 8 != 0;
            let dtype = match (size, signed) {
                (1, true) => DType::I8,
                (1, false) => DType::U8,
                (2, true) => DType::I16,
                (2, false) => DType::U16,
                (4, true) => DType::I32,
                (4, false) => DType::U32,
                (8, true) => DType::I64,
                (8, false) => DType::U64,
                _ => return Ok(other),
            };
            match offset == 0 && precision == 8 * size {
                true => Datatype::Number { dtype, big_endian: bits & 1 != 0 },
                false => other,
            }
        }
        1 => {
            let (offset, precision) = (at.u16()?, usize::from(at.u16()?));
            let (_, exponent, _, mantissa) = (at.u8()?, at.u8()?, at.u8()?, at.u8()?);
            let dtype = match (size, exponent, mantissa) {
                (2, 5, 10) => DType::F16,
                (2, 8, 7) => DType::BF16,
                (4, 8, 23) => DType::F32,
                (8, 11, 52) => DType::F64,
                _ => return Ok(other),
            };
            // Bits 0 and 6 are the order of bytes; both set is VAX order.
            let whole = offset == 0 && precision == 8 * size && bits & 0x40 == 0;
            match whole {
                true => Datatype::Number { dtype, big_endian: bits & 1 != 0 },
                false => other,
            }
        }
        3 => Datatype::Text(size),
        9 if bits & 15 == 1 => Datatype::VariableText,
        _ => other,
    })
}

/// Where a data set's values stand (IV.A.2.i).
pub(super) enum Layout<'a> {
    Compact(&'a [u8]),
    /// Address (none for values never written) and bytes.
    Contiguous(Option<u64>, u64),
    /// Address of the B-tree, extents of a chunk in values.
    Chunked(Option<u64>, Vec<usize>),
}

pub(super) fn layout<'a>(at: &mut Cursor<'a>) -> Result<Layout<'a>> {
    let version = at.u8()?;
    if !(3..=4).contains(&version) {
        return Err(unsupported(format!("layout version {version} of HDF5")));
    }
    match (at.u8()?, version) {
        (0, _) => {
            let size = usize::from(at.u16()?);
            Ok(Layout::Compact(at.take(size)?))
        }
        (1, _) => Ok(Layout::Contiguous(at.address()?, at.length()?)),
        (2, 3) => {
            // One more than the data have axes: the last is the size of a value.
            let axes = at.u8()?;
            if axes == 0 || axes > MOST_AXES + 1 {
                return Err(broken(format!("chunks of {axes} axes")));
            }
            let address = at.address()?;
            let mut extents = Vec::new();
            for _ in 0..axes - 1 {
                extents.push(at.u32()? as usize);
            }
            Ok(Layout::Chunked(address, extents))
        }
        (2, _) => Err(unsupported(
            "chunks in the newest index of HDF5; store the file with its default settings (libver earliest)",
        )),
        (class, _) => Err(unsupported(format!("layout class {class} of HDF5"))),
    }
}

/// A filter that chunks went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Deflate,
    /// Bytes of values sorted by their place, of values of so many bytes.
    Shuffle(usize),
}

/// The filters in the order in which they were applied (IV.A.2.l).
pub(super) fn filters(at: &mut Cursor<'_>) -> Result<Vec<Filter>> {
    let version = at.u8()?;
    let count = at.u8()?;
    match version {
        1 => at.skip(6)?,
        2 => {}
        other => return Err(unsupported(format!("filters version {other} of HDF5"))),
    }
    let mut found = Vec::new();
    for _ in 0..count {
        let id = at.u16()?;
        let name = if version == 1 || id >= 256 { usize::from(at.u16()?) } else { 0 };
        let _flags = at.u16()?;
        let values = usize::from(at.u16()?);
        at.skip(if version == 1 { name.next_multiple_of(8) } else { name })?;
        let mut given = Vec::new();
        for _ in 0..values {
            given.push(at.u32()? as usize);
        }
        if version == 1 && values % 2 == 1 {
            at.skip(4)?;
        }
        found.push(match id {
            1 => Filter::Deflate,
            2 => Filter::Shuffle(given.first().copied().unwrap_or(1)),
            other => return Err(unsupported(format!("filter {other} of HDF5"))),
        });
    }
    Ok(found)
}

/// Name and address of a hard link; `None` for others, which no weights hang on (IV.A.2.g).
pub(super) fn link(at: &mut Cursor<'_>) -> Result<Option<(String, u64)>> {
    let version = at.u8()?;
    if version != 1 {
        return Err(unsupported(format!("link version {version} of HDF5")));
    }
    let flags = at.u8()?;
    let kind = if flags & 8 != 0 { at.u8()? } else { 0 };
    if flags & 4 != 0 {
        at.skip(8)?;
    }
    if flags & 16 != 0 {
        at.skip(1)?;
    }
    let len = at.number(1 << (flags & 3))?;
    let len = usize::try_from(len).map_err(|_| broken("a name beyond all memory"))?;
    let name = String::from_utf8_lossy(at.take(len)?).into_owned();
    if kind != 0 {
        return Ok(None);
    }
    Ok(at.address()?.map(|address| (name, address)))
}

/// An attribute, its values as they stand (IV.A.2.m).
pub(super) struct Attribute<'a> {
    pub name: String,
    pub datatype: Datatype,
    pub extents: Vec<usize>,
    pub data: &'a [u8],
}

/// `None` for one whose type or shape stands elsewhere, or that holds nothing.
pub(super) fn attribute<'a>(at: &mut Cursor<'a>) -> Result<Option<Attribute<'a>>> {
    let version = at.u8()?;
    if !(1..=3).contains(&version) {
        return Err(unsupported(format!("attribute version {version} of HDF5")));
    }
    // Bits 0 and 1: type or shape stand elsewhere. Reserved in version 1.
    let elsewhere = at.u8()? & 3 != 0 && version != 1;
    let lens = [at.u16()?, at.u16()?, at.u16()?].map(usize::from);
    if version == 3 {
        // The encoding of the name.
        at.skip(1)?;
    }
    let padded = |len: usize| if version == 1 { len.next_multiple_of(8) } else { len };
    let mut piece = |len: usize| -> Result<Cursor<'a>> {
        let piece = at.within(padded(len))?;
        at.skip(padded(len))?;
        Ok(piece)
    };
    let (mut name, mut datatype, mut dataspace) =
        (piece(lens[0])?, piece(lens[1])?, piece(lens[2])?);
    if elsewhere {
        return Ok(None);
    }
    let name = name.text()?;
    let datatype = self::datatype(&mut datatype)?;
    let Some(extents) = self::dataspace(&mut dataspace)? else { return Ok(None) };
    let data = at.take(at.len())?;
    Ok(Some(Attribute { name, datatype, extents, data }))
}
