//! The directory of a TIFF, as far as the decoder does not tell what it says.

use crate::resolution::MM_PER_INCH;

/// The first image file directory of a TIFF (TIFF 6.0, section 2).
pub(crate) struct Directory<'a> {
    bytes: &'a [u8],
    big: bool,
    /// Of the entries, 12 bytes each.
    at: usize,
    entries: usize,
}

impl<'a> Directory<'a> {
    pub fn first(bytes: &'a [u8]) -> Option<Directory<'a>> {
        let mut directory =
            Directory { bytes, big: bytes.first() == Some(&b'M'), at: 0, entries: 0 };
        let start = directory.long(4)? as usize;
        directory.entries = directory.short(start)?.into();
        directory.at = start.checked_add(2)?;
        Some(directory)
    }

    /// ResolutionUnit 2 is the inch and the default, 3 the centimetre (section 8).
    pub fn per_mm(&self) -> Option<(f64, f64)> {
        let unit = self.entry(296).and_then(|at| self.short(at + 8)).unwrap_or(2);
        let per_mm = match unit {
            2 => 1.0 / MM_PER_INCH,
            3 => 0.1,
            _ => return None,
        };
        let ratio = |tag| {
            let at = self.long(self.entry(tag)? + 8)? as usize;
            let (top, bottom) = (self.long(at)?, self.long(at.checked_add(4)?)?);
            (bottom != 0).then(|| f64::from(top) / f64::from(bottom) * per_mm)
        };
        Some((ratio(282)?, ratio(283)?))
    }

    /// Where the entry of a tag starts.
    fn entry(&self, tag: u16) -> Option<usize> {
        (0..self.entries).map(|i| self.at + 12 * i).find(|&at| self.short(at) == Some(tag))
    }

    /// Whether the strips are as long as the picture needs, `expected` bytes, where that can be told
    /// without decoding: uncompressed strips of whole bytes (section 7).
    pub fn holds(&self, expected: u64) -> bool {
        let compression = self.entry(259).and_then(|at| self.short(at + 8)).unwrap_or(1);
        match self.numbers(279) {
            Some(lengths) if compression == 1 => lengths.iter().sum::<u64>() >= expected,
            _ => true,
        }
    }

    /// The values of an entry of type SHORT or LONG; they lie elsewhere when they take more than
    /// four bytes.
    fn numbers(&self, tag: u16) -> Option<Vec<u64>> {
        let entry = self.entry(tag)?;
        let count = self.long(entry + 4)? as usize;
        let width = if self.short(entry + 2)? == 3 { 2 } else { 4 };
        let start = match count.checked_mul(width)? {
            ..=4 => entry + 8,
            _ => self.long(entry + 8)? as usize,
        };
        if count > self.bytes.len() / width {
            return None;
        }
        let value = |at: usize| match width {
            2 => self.short(at).map(u64::from),
            _ => self.long(at).map(u64::from),
        };
        (0..count).map(|i| value(start.checked_add(i * width)?)).collect()
    }

    /// Where the next directory is; 0 for none.
    pub fn next(&self) -> Option<u32> {
        self.long(self.at + 12 * self.entries)
    }

    fn short(&self, at: usize) -> Option<u16> {
        let two = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }
}
