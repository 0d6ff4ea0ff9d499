//! A data set of numbers as a tensor.

use super::btree::{self, Chunk};
use super::cursor::File;
use super::header::{kind, messages};
use super::messages::{Datatype, Filter, Layout, dataspace, datatype, filters, layout};
use super::{broken, unsupported};
use crate::error::{Error, ErrorKind, Result};
use crate::weights::checkpoint::{Bytes, Entry, Storage};
use crate::weights::safetensors::row_major;
use crate::weights::values;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use std::borrow::Cow;
use std::sync::Arc;

/// Deflate makes at most so many bytes of one (zlib's own technical details: 1032).
const MOST_DEFLATED: u64 = 1032;

/// The tensor at an address, and the bytes that its chunks unfolded to; `None` for what holds no numbers
/// or nothing at all. It may have `most` values and unfold to `room` bytes.
pub(super) fn entry(
    file: &File<'_>,
    bytes: &Bytes,
    address: u64,
    most: u64,
    room: u64,
) -> Result<Option<(Entry, u64)>> {
    let (mut shape, mut kind_of, mut place, mut filtered) = (None, None, None, Vec::new());
    for message in messages(file, address)? {
        let mut at = file.cursor(message.data);
        match message.kind {
            kind::DATASPACE if !message.shared => shape = dataspace(&mut at)?,
            kind::DATATYPE if message.shared => {
                return Err(unsupported("a data set whose type stands elsewhere"));
            }
            kind::DATATYPE => kind_of = Some(datatype(&mut at)?),
            kind::LAYOUT => place = Some(layout(&mut at)?),
            kind::FILTERS if !message.shared => filtered = filters(&mut at)?,
            _ => {}
        }
    }
    let (Some(shape), Some(kind_of), Some(place)) = (shape, kind_of, place) else {
        return Ok(None);
    };
    let Datatype::Number { dtype, big_endian } = kind_of else { return Ok(None) };
    let beyond = || Error::new(ErrorKind::Limit, "its shape is beyond all memory");
    let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    let count = count.filter(|&count| count as u64 <= most).ok_or_else(beyond)?;
    let strides = row_major(&shape).ok_or_else(beyond)?;
    let len = count.checked_mul(dtype.size()).ok_or_else(beyond)?;
    let mut unfolded = 0;
    let storage = match place {
        _ if count == 0 => Storage { bytes: Arc::new(Vec::new()), start: 0, len: 0, big_endian },
        Layout::Compact(data) => {
            Storage { bytes: Arc::new(data.to_vec()), start: 0, len: data.len(), big_endian }
        }
        Layout::Contiguous(address, size) => {
            let never = || broken("values that were never written");
            let address = address.ok_or_else(never)?;
            let size = usize::try_from(size).map_err(|_| beyond())?;
            file.piece(address, size as u64)?;
            Storage { bytes: bytes.clone(), start: address as usize, len: size, big_endian }
        }
        Layout::Chunked(tree, extents) => {
            let tree = tree.ok_or_else(|| broken("values that were never written"))?;
            let whole = Whole { shape: &shape, extents: &extents, size: dtype.size(), len };
            let data = whole.unfold(file, tree, &filtered, room)?;
            unfolded = data.len() as u64;
            Storage { bytes: Arc::new(data), start: 0, len, big_endian }
        }
    };
    let stored = storage.len;
    let entry = Entry { dtype, shape, strides, storage, offset: 0 };
    values::checked_extent(&entry, stored)?;
    Ok(Some((entry, unfolded)))
}

/// A chunked data set.
struct Whole<'w> {
    shape: &'w [usize],
    /// Of a chunk.
    extents: &'w [usize],
    /// Bytes of a value.
    size: usize,
    /// Bytes of all values.
    len: usize,
}

impl Whole<'_> {
    /// All values, row-major. Nothing is allocated before every chunk is known to be there.
    fn unfold(&self, file: &File<'_>, tree: u64, filters: &[Filter], room: u64) -> Result<Vec<u8>> {
        let axes = self.shape.len();
        if self.extents.len() != axes || self.extents.contains(&0) {
            return Err(broken("chunks that do not fit their data set"));
        }
        let chunk_len = self.extents.iter().try_fold(self.size, |n, &extent| n.checked_mul(extent));
        let fits = |&len: &usize| len as u64 <= room;
        let beyond = || Error::new(ErrorKind::Limit, "a chunk beyond all memory");
        let chunk_len = chunk_len.filter(fits).ok_or_else(beyond)?;
        if !fits(&self.len) {
            return Err(Error::new(ErrorKind::Limit, "its chunks unfold to more than is allowed"));
        }
        let chunks = btree::chunks(file, tree, axes)?;
        let along = |axis: usize| self.shape[axis].div_ceil(self.extents[axis]);
        let wanted = (0..axes).try_fold(1usize, |n, axis| n.checked_mul(along(axis)));
        let mut numbers =
            chunks.iter().map(|chunk| self.number(chunk)).collect::<Result<Vec<_>>>()?;
        numbers.sort_unstable();
        numbers.dedup();
        if Some(numbers.len()) != wanted || chunks.len() != numbers.len() {
            return Err(broken("chunks are missing or there twice"));
        }
        // Deflate cannot make more of its bytes: a size beyond that is a lie.
        for chunk in &chunks {
            if chunk.stored.saturating_mul(MOST_DEFLATED) + MOST_DEFLATED < chunk_len as u64 {
                return Err(broken("a chunk too short for what it should unfold to"));
            }
        }
        let mut out = vec![0; self.len];
        for chunk in &chunks {
            let stored = file.piece(chunk.address, chunk.stored)?;
            let values = undo(stored, filters, chunk.left_out, chunk_len)?;
            if values.len() != chunk_len {
                return Err(broken("a chunk of another size than it should have"));
            }
            self.place(&chunk.start, &values, &mut out);
        }
        Ok(out)
    }

    /// Which of all chunks this one is.
    fn number(&self, chunk: &Chunk) -> Result<usize> {
        let mut number = 0usize;
        for (axis, &start) in chunk.start.iter().enumerate() {
            let start = usize::try_from(start).ok();
            let extent = self.extents[axis];
            let sound = |start: &usize| start.is_multiple_of(extent) && *start < self.shape[axis];
            let start =
                start.filter(sound).ok_or_else(|| broken("a chunk outside its data set"))?;
            let count = self.shape[axis].div_ceil(extent);
            let next = number.checked_mul(count).and_then(|n| n.checked_add(start / extent));
            number = next.ok_or_else(|| broken("more chunks than can be"))?;
        }
        Ok(number)
    }

    /// Copies a chunk's rows to their places; what reaches beyond the data set is left out.
    fn place(&self, start: &[u64], values: &[u8], out: &mut [u8]) {
        let axes = self.shape.len();
        let Some(last) = axes.checked_sub(1) else {
            out.copy_from_slice(&values[..out.len()]);
            return;
        };
        let start: Vec<usize> = start.iter().map(|&at| at as usize).collect();
        let row = self.extents[last].min(self.shape[last] - start[last]) * self.size;
        let rows: usize = self.extents[..last].iter().product();
        for number in 0..rows {
            let (mut rest, mut inside) = (number, true);
            let (mut place, mut stride) = (start[last], self.shape[last]);
            for axis in (0..last).rev() {
                let at = start[axis] + rest % self.extents[axis];
                rest /= self.extents[axis];
                inside &= at < self.shape[axis];
                place += at * stride;
                stride *= self.shape[axis];
            }
            if inside {
                let from = number * self.extents[last] * self.size;
                let to = place * self.size;
                out[to..to + row].copy_from_slice(&values[from..from + row]);
            }
        }
    }
}

/// Takes the filters back, the last first. `left_out` has a bit for each that was not applied.
fn undo<'a>(
    stored: &'a [u8],
    filters: &[Filter],
    left_out: u32,
    most: usize,
) -> Result<Cow<'a, [u8]>> {
    let mut data = Cow::Borrowed(stored);
    for (place, filter) in filters.iter().enumerate().rev() {
        if place < 32 && left_out >> place & 1 == 1 {
            continue;
        }
        data = Cow::Owned(match *filter {
            Filter::Deflate => decompress_to_vec_zlib_with_limit(&data, most)
                .map_err(|_| broken("a chunk's deflated bytes are broken or too many"))?,
            Filter::Shuffle(size) => unshuffle(&data, size),
        });
    }
    Ok(data)
}

/// All first bytes of the values, then all second bytes, …; what is left over stays at the end.
fn unshuffle(data: &[u8], size: usize) -> Vec<u8> {
    let count = data.len() / size.max(1);
    let mut out = data.to_vec();
    for (byte, row) in data.chunks_exact(count.max(1)).enumerate().take(size) {
        for (value, &found) in row.iter().enumerate() {
            out[value * size + byte] = found;
        }
    }
    out
}
