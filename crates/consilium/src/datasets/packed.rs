//! gzip that can be read from the middle: while it is unpacked once from front to back, the state of the
//! decompressor is kept every so often, and reading begins at the nearest one. Formats: RFC 1951, RFC 1952.

use flate2::Crc;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Unpacked bytes between two kept states, of 43 KB each: 137 MB of states for 100 GiB.
const APART: u64 = 32 << 20;

/// A gzip file with kept states.
pub(super) struct Packed<F> {
    file: F,
    points: Vec<Point>,
    /// Where the last read stopped: files of an archive are mostly read in their order.
    current: Option<Gunzip<BufReader<F>>>,
}

/// A place that reading can begin at.
#[derive(Clone)]
struct Point {
    packed: u64,
    plain: u64,
    stage: Stage,
}

#[derive(Clone)]
enum Stage {
    /// Before the header of a member; of the first, where true.
    Header(bool),
    Body(Box<InflateState>),
    End,
}

/// Unpacks from front to back, check sums verified.
pub(super) struct Gunzip<R> {
    input: R,
    packed: u64,
    plain: u64,
    stage: Stage,
    /// Of the member so far; nothing where it was entered in its middle.
    crc: Option<Crc>,
    /// Kept on the way, `apart` unpacked bytes from each other; none where that is 0.
    points: Vec<Point>,
    apart: u64,
}

impl<R: BufRead> Gunzip<R> {
    /// From the beginning.
    pub fn new(input: R) -> Gunzip<R> {
        Gunzip::at(input, Point { packed: 0, plain: 0, stage: Stage::Header(true) }, 0)
    }

    fn at(input: R, point: Point, apart: u64) -> Gunzip<R> {
        let Point { packed, plain, stage } = point;
        Gunzip { input, packed, plain, stage, crc: None, points: Vec::new(), apart }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let byte = *self.input.fill_buf()?.first().ok_or(io::ErrorKind::UnexpectedEof)?;
        self.input.consume(1);
        self.packed += 1;
        Ok(byte)
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    /// A member's header (RFC 1952, 2.3), or the end: what follows a member and is none is padding.
    fn header(&mut self, first: bool) -> io::Result<()> {
        let next = self.input.fill_buf()?;
        if !first && next.first() != Some(&0x1f) {
            self.stage = Stage::End;
            return Ok(());
        }
        let [one, two, method, flags, ..] = self.bytes::<10>()?;
        if [one, two, method] != [0x1f, 0x8b, 8] || flags & 0xe0 != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no gzip header"));
        }
        if flags & 4 != 0 {
            for _ in 0..u16::from_le_bytes(self.bytes()?) {
                self.byte()?;
            }
        }
        // Name and remark end with 0.
        for _ in 0..(flags >> 3 & 1) + (flags >> 4 & 1) {
            while self.byte()? != 0 {}
        }
        if flags & 2 != 0 {
            self.bytes::<2>()?;
        }
        self.stage = Stage::Body(InflateState::new_boxed(DataFormat::Raw));
        self.crc = Some(Crc::new());
        Ok(())
    }

    fn trailer(&mut self) -> io::Result<()> {
        let [sum, length] = [self.bytes()?, self.bytes()?].map(u32::from_le_bytes);
        if self.crc.take().is_some_and(|crc| crc.sum() != sum || crc.amount() != length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "wrong gzip check sum"));
        }
        self.stage = Stage::Header(false);
        Ok(())
    }

    fn keep(&mut self) {
        let last = self.points.last().map_or(0, |point| point.plain);
        if self.apart > 0 && (self.points.is_empty() || self.plain >= last + self.apart) {
            let (packed, plain) = (self.packed, self.plain);
            self.points.push(Point { packed, plain, stage: self.stage.clone() });
        }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            self.keep();
            let state = match &mut self.stage {
                Stage::End => return Ok(0),
                Stage::Header(first) => {
                    let first = *first;
                    self.header(first)?;
                    continue;
                }
                Stage::Body(state) => state,
            };
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let done = inflate(state, input, out, MZFlush::None);
            self.input.consume(done.bytes_consumed);
            self.packed += done.bytes_consumed as u64;
            let written = &out[..done.bytes_written];
            if let Some(crc) = &mut self.crc {
                crc.update(written);
            }
            self.plain += written.len() as u64;
            match done.status {
                Ok(MZStatus::StreamEnd) => self.trailer()?,
                Ok(_) | Err(MZError::Buf) if at_end && written.is_empty() => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(_) | Err(MZError::Buf) => {}
                Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "broken deflate")),
            }
            if done.bytes_written > 0 {
                return Ok(done.bytes_written);
            }
        }
    }
}

/// A file that can be had once more. Both may share their place in it: only one of them reads at a time.
pub(super) trait Again: Read + Seek + Sized {
    /// The same file.
    fn again(&self) -> io::Result<Self>;
}

impl Again for std::fs::File {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }
}

impl<F: Again> Packed<F> {
    /// Unpacks the file once; `look` sees all of it, as far as it reads.
    pub fn open<T>(file: F, look: impl FnOnce(&mut dyn Read) -> T) -> io::Result<(Packed<F>, T)> {
        Packed::open_apart(file, APART, look)
    }

    fn open_apart<T>(
        file: F,
        apart: u64,
        look: impl FnOnce(&mut dyn Read) -> T,
    ) -> io::Result<(Packed<F>, T)> {
        let mut own = file.again()?;
        own.seek(SeekFrom::Start(0))?;
        let start = Point { packed: 0, plain: 0, stage: Stage::Header(true) };
        let mut gunzip = Gunzip::at(BufReader::with_capacity(1 << 18, own), start, apart);
        let found = look(&mut gunzip);
        io::copy(&mut gunzip, &mut io::sink())?;
        Ok((Packed { file, points: gunzip.points, current: None }, found))
    }

    /// Reads `size` unpacked bytes from `from` on.
    pub fn read(&mut self, from: u64, size: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let nearest = self.points.partition_point(|point| point.plain <= from);
        let point = self.points.get(nearest.wrapping_sub(1)).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut gunzip = match self.current.take() {
            // Nothing nearer is kept.
            Some(current) if current.plain <= from && current.plain >= point.plain => current,
            _ => {
                let mut file = self.file.again()?;
                file.seek(SeekFrom::Start(point.packed))?;
                Gunzip::at(BufReader::with_capacity(1 << 18, file), point.clone(), 0)
            }
        };
        let ahead = from - gunzip.plain;
        let passed = io::copy(&mut gunzip.by_ref().take(ahead), &mut io::sink())?;
        let read = gunzip.by_ref().take(size).read_to_end(into)?;
        if passed < ahead || (read as u64) < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.current = Some(gunzip);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use metrics::random::Random;
    use std::io::{Cursor, Write};

    impl Again for Cursor<Vec<u8>> {
        fn again(&self) -> io::Result<Self> {
            Ok(self.clone())
        }
    }

    /// Text that packs well, numbers that do not, in two members.
    fn plain() -> Vec<u8> {
        let mut random = Random::new(1, 2);
        (0..300_000).map(|at| if at % 3 == 0 { random.below(256) as u8 } else { b'a' }).collect()
    }

    fn packed(plain: &[u8]) -> Vec<u8> {
        let (one, two) = plain.split_at(plain.len() / 3);
        let mut all = Vec::new();
        for (part, level) in [(one, 1), (two, 9)] {
            let mut encoder = flate2::GzBuilder::new()
                .filename("a.tar")
                .comment("x")
                .extra([1, 2, 3])
                .write(Vec::new(), Compression::new(level));
            encoder.write_all(part).unwrap();
            all.extend(encoder.finish().unwrap());
        }
        all
    }

    #[test]
    fn every_place_is_read_from_the_nearest_kept_state() {
        let plain = plain();
        let mut bytes = packed(&plain);
        bytes.extend([0; 512]);
        let (mut file, length) = Packed::open_apart(Cursor::new(bytes), 10_000, |input| {
            io::copy(input, &mut io::sink()).unwrap()
        })
        .unwrap();
        assert_eq!(length, plain.len() as u64);
        assert!(file.points.len() > 10, "{}", file.points.len());
        let mut random = Random::new(4, 4);
        for _ in 0..200 {
            let from = random.below(plain.len());
            let size = random.below((plain.len() - from).min(5000) + 1);
            let mut found = Vec::new();
            file.read(from as u64, size as u64, &mut found).unwrap();
            assert!(found == plain[from..from + size], "{from} {size}");
        }
        let mut beyond = Vec::new();
        assert!(file.read(plain.len() as u64 - 1, 2, &mut beyond).is_err());
    }

    #[test]
    fn broken_files_are_refused_and_never_read_wrongly() {
        let plain = plain();
        let bytes = packed(&plain[..3000]);
        let read = |bytes: &[u8]| {
            let mut found = Vec::new();
            Gunzip::new(bytes).read_to_end(&mut found).map(|_| found)
        };
        assert!(read(&bytes).unwrap() == plain[..3000]);
        assert!(read(&[]).is_err() && read(b"no gzip at all").is_err());
        for length in 0..bytes.len() {
            // Cut off between two members it is whole.
            if let Ok(found) = read(&bytes[..length]) {
                assert!(found == plain[..1000], "{length}");
            }
        }
        for seed in 0..2000 {
            let mut random = Random::new(9, seed);
            let mut other = bytes.clone();
            let at = random.below(other.len());
            other[at] ^= 1 << random.below(8);
            let mut theirs = Vec::new();
            let reference =
                flate2::read::MultiGzDecoder::new(other.as_slice()).read_to_end(&mut theirs);
            if let (Ok(found), Ok(_)) = (read(&other), reference) {
                // Bits of names and remarks may change; what is read stays.
                assert!(found == theirs, "{seed}");
            }
        }
    }
}
