//! A file read once from front to back: hashed, decompressed where it is compressed, never held
//! whole.

use super::feed::Feed;
use super::inflate::Gunzip;
use crate::Limits;
use base::words::{imaging, volumes as words};
use base::{Error, Kind, Note, Result, VoxelType, Voxels};
use flate2::bufread::ZlibDecoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;
use std::sync::mpsc::{channel, sync_channel};

/// Bytes converted in one go: stays in the second cache.
const CHUNK: usize = 256 << 10;
/// Chunks read ahead of the one worked on.
const CHUNKS_AHEAD: usize = 4;
/// From this many bytes on a thread of its own pays.
const MANY: u64 = 4 << 20;
/// Deflate cannot make more than this many bytes of one (zlib's technical details).
const LARGEST_RATIO: u64 = 1032;
/// Longest line of a text header.
const LONGEST_LINE: usize = 1 << 16;

/// Bytes that were read ahead, then the file.
type Raw = Chain<Cursor<Vec<u8>>, Feed>;

enum Coding {
    Plain(Raw),
    Gzip(Box<Gunzip<Raw>>),
    Zlib(Box<ZlibDecoder<Raw>>),
}

/// How bytes are packed from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zlib,
}

/// A file read from front to back.
pub(super) struct Source {
    /// Taken out only while it is being replaced.
    coding: Option<Coding>,
    /// Read by `peek`, and how much of it was given out.
    ahead: Vec<u8>,
    taken: usize,
    /// What stopped `peek`; said when everything before it was given out.
    stopped: Option<(io::ErrorKind, String)>,
    /// Bytes given out.
    position: u64,
    /// Bytes on disk.
    bytes: u64,
}

/// Where the files of a volume lie: a header may name others beside it.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// On the disk.
    Disk,
    /// Somewhere else, such as an archive: whether a file is there, and its bytes.
    Elsewhere(&'a dyn Fn(&Path) -> bool, &'a dyn Fn(&Path) -> Result<Vec<u8>>),
}

impl Place<'_> {
    /// Whether there is such a file.
    pub(super) fn has(self, path: &Path) -> bool {
        match self {
            Place::Disk => path.is_file(),
            Place::Elsewhere(has, _) => has(path),
        }
    }

    /// The file.
    pub(super) fn open(self, path: &Path, limits: &Limits) -> Result<Source> {
        match self {
            Place::Disk => Source::open(path, limits),
            Place::Elsewhere(_, bytes) => Source::of_bytes(bytes(path)?, limits),
        }
    }
}

impl Source {
    /// Opens a file; gzip is recognised by its first bytes.
    pub fn open(path: &Path, limits: &Limits) -> Result<Source> {
        let io = |error: io::Error| {
            Error::new(Kind::Io, imaging::cannot_read(&error.to_string())).at(path)
        };
        let meta = std::fs::metadata(path).map_err(io)?;
        if meta.is_dir() {
            return Err(Error::new(Kind::Io, imaging::IS_FOLDER).at(path));
        }
        let file = File::open(path).map_err(io)?;
        Source::of(file, meta.len(), limits).map_err(|error| error.at(path))
    }

    /// The whole of a file that lies in memory.
    pub fn of_bytes(bytes: Vec<u8>, limits: &Limits) -> Result<Source> {
        let length = bytes.len() as u64;
        Source::of(Cursor::new(bytes), length, limits)
    }

    fn of(file: impl Read + Send + 'static, bytes: u64, limits: &Limits) -> Result<Source> {
        let io = |error: io::Error| Error::new(Kind::Io, imaging::cannot_read(&error.to_string()));
        // A file without compression is as large as its voxels.
        let limit = limits.max_file_bytes.max(limits.max_volume_bytes.saturating_add(1 << 20));
        if bytes > limit {
            return Err(Error::new(Kind::Limit, imaging::file_too_large(bytes, limit)));
        }
        let mut file = Feed::new(file, bytes).map_err(io)?;
        let mut magic = vec![0; 2];
        let read = read_up_to(&mut file, &mut magic).map_err(io)?;
        magic.truncate(read);
        if read == 0 {
            let error = Error::new(Kind::BrokenInput, imaging::EMPTY_FILE);
            return Err(error.hint(imaging::COPY_AGAIN));
        }
        let is_gzip = magic == [0x1f, 0x8b];
        let raw = Cursor::new(magic).chain(file);
        let coding = match is_gzip {
            true => Coding::Gzip(Box::new(Gunzip::new(raw))),
            false => Coding::Plain(raw),
        };
        Ok(Source {
            coding: Some(coding),
            ahead: Vec::new(),
            taken: 0,
            stopped: None,
            position: 0,
            bytes,
        })
    }

    /// What follows is packed: from here on it is unpacked.
    pub fn unpack(&mut self, packing: Packing) {
        let Some(Coding::Plain(raw)) = self.coding.take() else { return };
        let mut again = self.ahead.split_off(self.taken);
        let (first, rest) = raw.into_inner();
        let at = usize::try_from(first.position()).unwrap_or(usize::MAX);
        again.extend(first.into_inner().into_iter().skip(at));
        self.ahead.clear();
        self.taken = 0;
        let raw = Cursor::new(again).chain(rest);
        self.coding = Some(match packing {
            Packing::Gzip => Coding::Gzip(Box::new(Gunzip::new(raw))),
            Packing::Zlib => Coding::Zlib(Box::new(ZlibDecoder::new(raw))),
        });
    }

    /// What is read comes out of a decompressor.
    pub fn is_compressed(&self) -> bool {
        !matches!(self.coding, Some(Coding::Plain(_)))
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next bytes without taking them, up to `count`; fewer at the end.
    pub fn peek(&mut self, count: usize) -> Result<&[u8]> {
        self.look_ahead(count).map_err(|error| broken(&error))?;
        let end = self.ahead.len().min(self.taken + count);
        Ok(&self.ahead[self.taken..end])
    }

    fn look_ahead(&mut self, count: usize) -> io::Result<()> {
        self.ahead.drain(..self.taken);
        self.taken = 0;
        let mut part = [0; 1 << 10];
        while self.ahead.len() < count && self.stopped.is_none() {
            let want = part.len().min(count - self.ahead.len());
            match self.decoder().read(&mut part[..want]) {
                Ok(0) => break,
                Ok(read) => self.ahead.extend(&part[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.stopped = Some((error.kind(), error.to_string())),
            }
        }
        match self.stopped() {
            Some(error) if self.ahead.is_empty() && count > 0 => Err(error),
            _ => Ok(()),
        }
    }

    fn stopped(&self) -> Option<io::Error> {
        self.stopped.as_ref().map(|(kind, why)| io::Error::new(*kind, why.clone()))
    }

    fn decoder(&mut self) -> &mut dyn Read {
        match &mut self.coding {
            Some(Coding::Plain(raw)) => raw,
            Some(Coding::Gzip(decoder)) => decoder,
            Some(Coding::Zlib(decoder)) => decoder,
            None => unreachable!("a source has a coding"),
        }
    }

    /// One line of a text header without its end; `None` at the end of the file.
    pub fn line(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        let mut at_end = false;
        while line.len() <= LONGEST_LINE {
            let part = self.peek(1 << 10)?;
            if part.is_empty() {
                at_end = true;
                break;
            }
            let end = part.iter().position(|&byte| byte == b'\n');
            let take = end.map_or(part.len(), |end| end + 1);
            line.extend(&part[..take]);
            self.take(take);
            if end.is_some() {
                break;
            }
        }
        if line.len() > LONGEST_LINE {
            return Err(Error::new(Kind::Limit, words::header_line_long(LONGEST_LINE)));
        }
        if at_end && line.is_empty() {
            return Ok(None);
        }
        while line.last().is_some_and(|&byte| byte == b'\n' || byte == b'\r') {
            line.pop();
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    /// Takes bytes that were peeked at.
    pub fn take(&mut self, count: usize) {
        let count = count.min(self.ahead.len() - self.taken);
        self.taken += count;
        self.position += count as u64;
    }

    /// Passes over bytes. False when the file ends before that.
    pub fn skip(&mut self, count: u64) -> Result<bool> {
        let mut left = count;
        let mut scratch = vec![0; CHUNK.min(usize::try_from(count).unwrap_or(CHUNK))];
        while left > 0 {
            let want = scratch.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = read_up_to(self, &mut scratch[..want]).map_err(|error| broken(&error))?;
            if read == 0 {
                return Ok(false);
            }
            left -= read as u64;
        }
        Ok(true)
    }

    /// More bytes than this cannot follow.
    pub fn at_most(&self) -> u64 {
        match self.is_compressed() {
            false => self.bytes.saturating_sub(self.position),
            true => self.bytes.saturating_mul(LARGEST_RATIO).saturating_add(1 << 12),
        }
    }

    /// The next `count` voxels. The claim is held against the limits and against what the file can
    /// hold before anything is allocated.
    pub fn voxels(
        &mut self,
        kind: VoxelType,
        count: u64,
        big_endian: bool,
        limits: &Limits,
    ) -> Result<Voxels> {
        let bytes = u128::from(count) * kind.bytes() as u128;
        if bytes > u128::from(limits.max_volume_bytes) {
            let text = words::too_large(bytes, limits.max_volume_bytes);
            return Err(Error::new(Kind::Limit, text));
        }
        let bytes = bytes as u64;
        if bytes > self.at_most() {
            let error = match self.is_compressed() {
                true => Error::new(Kind::BrokenInput, words::HEADER_LIES),
                false => Error::new(Kind::BrokenInput, words::voxels_short(bytes, self.at_most())),
            };
            return Err(error.hint(imaging::COPY_AGAIN));
        }
        let no_memory = || Error::new(Kind::Limit, words::no_memory(bytes));
        let count = usize::try_from(count).map_err(|_| no_memory())?;
        macro_rules! fill {
            ($ty:ty) => {{
                const SIZE: usize = size_of::<$ty>();
                let mut voxels: Vec<$ty> = Vec::new();
                voxels.try_reserve_exact(count).map_err(|_| no_memory())?;
                self.chunks(bytes, |chunk| {
                    let (whole, _) = chunk.as_chunks::<SIZE>();
                    match big_endian {
                        true => voxels.extend(whole.iter().map(|&b| <$ty>::from_be_bytes(b))),
                        false => voxels.extend(whole.iter().map(|&b| <$ty>::from_le_bytes(b))),
                    }
                })?;
                voxels
            }};
        }
        Ok(base::make_voxels!(kind, fill))
    }

    /// Exactly `bytes` bytes in chunks; all but the last are `CHUNK` long. Many bytes are read (and
    /// decompressed) by a thread of their own while the chunk before is worked on here.
    fn chunks(&mut self, bytes: u64, mut each: impl FnMut(&[u8])) -> Result<()> {
        if bytes < MANY || !self.is_compressed() {
            let mut buffer = Vec::new();
            let mut done = 0;
            while done < bytes {
                self.chunk(bytes, done, &mut buffer)?;
                each(&buffer);
                done += buffer.len() as u64;
            }
            return Ok(());
        }
        let (send, receive) = sync_channel::<Result<Vec<u8>>>(CHUNKS_AHEAD);
        // Buffers go back and are filled again.
        let (give_back, used) = channel::<Vec<u8>>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut done = 0;
                while done < bytes {
                    let mut buffer = used.try_recv().unwrap_or_default();
                    let read = self.chunk(bytes, done, &mut buffer);
                    done += buffer.len() as u64;
                    let failed = read.is_err();
                    if send.send(read.map(|()| buffer)).is_err() || failed {
                        return;
                    }
                }
            });
            for chunk in receive {
                let chunk = chunk?;
                each(&chunk);
                let _ = give_back.send(chunk);
            }
            Ok(())
        })
    }

    /// The next chunk of `bytes` bytes of which `done` were read.
    fn chunk(&mut self, bytes: u64, done: u64, buffer: &mut Vec<u8>) -> Result<()> {
        let want = CHUNK.min(usize::try_from(bytes - done).unwrap_or(CHUNK));
        buffer.resize(want, 0);
        match filled(self, buffer) {
            (read, None) if read == want => Ok(()),
            (_, Some(error)) if error.kind() != io::ErrorKind::UnexpectedEof => Err(broken(&error)),
            (read, _) => Err(short(bytes, done + read as u64)),
        }
    }

    /// Looks whether the file ends here as it should, and says so when it does not. A checksum that
    /// does not fit is an error.
    pub fn end(&mut self, notes: &mut Vec<Note>) -> Result<()> {
        match self.look_ahead(1) {
            Ok(()) if self.ahead.len() > self.taken => {
                notes.push(Note::info("bytes-behind-voxels", words::TRAILING));
            }
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                notes.push(Note::warning("gzip-end-missing", words::GZIP_END));
            }
            // Padding behind the last member is common on tapes and harmless.
            Err(error) if error.to_string().contains("header") => {
                notes.push(Note::info("bytes-behind-voxels", words::TRAILING));
            }
            Err(error) => return Err(broken(&error)),
        }
        Ok(())
    }

    /// SHA-256 of the whole file.
    pub fn digest(self) -> Result<[u8; 32]> {
        let raw = match self.coding {
            Some(Coding::Plain(raw)) => raw,
            Some(Coding::Gzip(decoder)) => decoder.into_inner(),
            Some(Coding::Zlib(decoder)) => decoder.into_inner(),
            None => unreachable!("a source has a coding"),
        };
        raw.into_inner().1.digest().map_err(|error| broken(&error))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = &self.ahead[self.taken..];
        let read = if ahead.is_empty() {
            if let Some(error) = self.stopped() {
                return Err(error);
            }
            self.decoder().read(buffer)?
        } else {
            let read = ahead.len().min(buffer.len());
            buffer[..read].copy_from_slice(&ahead[..read]);
            self.taken += read;
            read
        };
        self.position += read as u64;
        Ok(read)
    }
}

/// Lower-case hex.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One hash for a header and its voxels: that of both hashes one after another.
pub(super) fn joint_sha256(digests: &[[u8; 32]]) -> String {
    match digests {
        [one] => hex(one),
        several => {
            let mut sha = Sha256::new();
            several.iter().for_each(|digest| sha.update(digest));
            hex(&sha.finalize())
        }
    }
}

/// Fills the buffer as far as the reader can.
pub(super) fn read_up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let (read, stopped) = filled(reader, buffer);
    stopped.map_or(Ok(read), Err)
}

/// How much of the buffer the reader filled, and what stopped it but the end.
fn filled(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

fn short(expected: u64, found: u64) -> Error {
    Error::new(Kind::BrokenInput, words::voxels_short(expected, found)).hint(imaging::COPY_AGAIN)
}

fn broken(error: &io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | UnexpectedEof => {
            Error::new(Kind::BrokenInput, words::GZIP_BROKEN).hint(imaging::COPY_AGAIN)
        }
        _ => Error::new(Kind::Io, imaging::cannot_read(&error.to_string())),
    }
}
