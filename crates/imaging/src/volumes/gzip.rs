//! gzip written by several threads: blocks are compressed apart and joined into one member
//! (RFC 1952), which any reader reads. The blocks do not depend on the number of threads.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use kernels::Pool;
use std::io::{self, Write};
use std::sync::Mutex;

/// Bytes of a block. Large beside deflate's window of 32 KiB, which begins anew with each.
const BLOCK: usize = 512 << 10;
/// Blocks a thread has waiting, so that an uneven block holds nobody up.
const BLOCKS_A_THREAD: usize = 4;
/// Member header: deflate, no name, no time, so that the same content makes the same bytes; "unknown"
/// operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block with fixed codes.
const LAST: [u8; 2] = [3, 0];

/// Compresses what is written to it.
pub(super) struct GzWriter<'a, W: Write> {
    out: W,
    pool: &'a Pool,
    level: Compression,
    pending: Vec<u8>,
    crc: Crc,
}

impl<'a, W: Write> GzWriter<'a, W> {
    /// Writes the header at once.
    pub fn new(mut out: W, level: u32, pool: &'a Pool) -> io::Result<GzWriter<'a, W>> {
        out.write_all(&HEADER)?;
        let pending = Vec::with_capacity(BLOCK * BLOCKS_A_THREAD * pool.threads());
        Ok(GzWriter { out, pool, level: Compression::new(level), pending, crc: Crc::new() })
    }

    /// Compresses what is waiting and writes the end of the member.
    pub fn finish(mut self) -> io::Result<()> {
        self.drain(self.pending.len())?;
        self.out.write_all(&LAST)?;
        self.out.write_all(&self.crc.sum().to_le_bytes())?;
        self.out.write_all(&self.crc.amount().to_le_bytes())
    }

    /// Compresses the first `bytes` bytes of what is waiting, a multiple of `BLOCK` unless it is all.
    fn drain(&mut self, bytes: usize) -> io::Result<()> {
        let blocks: Vec<&[u8]> = self.pending[..bytes].chunks(BLOCK).collect();
        let packed: Vec<Mutex<Option<io::Result<Packed>>>> =
            blocks.iter().map(|_| Mutex::new(None)).collect();
        self.pool.run(blocks.len(), |n| {
            let done = compress(blocks[n], self.level);
            if let Ok(mut slot) = packed[n].lock() {
                *slot = Some(done);
            }
        });
        for slot in packed {
            let done = slot.into_inner().ok().flatten();
            let lost = || io::Error::other("a block was not compressed");
            let packed = done.ok_or_else(lost)??;
            self.out.write_all(&packed.bytes)?;
            self.crc.combine(&packed.crc);
        }
        self.pending.drain(..bytes);
        Ok(())
    }
}

impl<W: Write> Write for GzWriter<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let round = BLOCK * BLOCKS_A_THREAD * self.pool.threads();
        let taken = buffer.len().min(round - self.pending.len());
        self.pending.extend(&buffer[..taken]);
        if self.pending.len() == round {
            self.drain(round)?;
        }
        Ok(taken)
    }

    /// Blocks are compressed when they are full; nothing to do before.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A compressed block and the checksum of what it holds.
struct Packed {
    bytes: Vec<u8>,
    crc: Crc,
}

/// One block as raw deflate that ends on a byte and leaves the stream open.
fn compress(block: &[u8], level: Compression) -> io::Result<Packed> {
    let mut crc = Crc::new();
    crc.update(block);
    let mut deflate = Compress::new(level, false);
    let mut out = Vec::with_capacity(block.len() / 2 + 64);
    loop {
        let consumed = usize::try_from(deflate.total_in()).unwrap_or(block.len());
        let before = out.len();
        let status = deflate
            .compress_vec(&block[consumed.min(block.len())..], &mut out, FlushCompress::Sync)
            .map_err(io::Error::other)?;
        let all_read = deflate.total_in() == block.len() as u64;
        // Room left over says that nothing more waits to be written.
        if all_read && out.len() < out.capacity() && status != Status::StreamEnd {
            return Ok(Packed { bytes: out, crc });
        }
        if out.len() == before && out.len() < out.capacity() {
            return Err(io::Error::other("deflate stands still"));
        }
        out.reserve(block.len() / 4 + 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn packed(bytes: &[u8], threads: usize, step: usize) -> Vec<u8> {
        let pool = Pool::new(threads);
        let mut out = Vec::new();
        let mut writer = GzWriter::new(&mut out, 3, &pool).unwrap();
        bytes.chunks(step).for_each(|part| writer.write_all(part).unwrap());
        writer.finish().unwrap();
        out
    }

    #[test]
    fn what_was_written_is_read_again_and_threads_do_not_show() {
        let mut noise = 1u32;
        let mut next = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        };
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 9 * BLOCK + 77] {
            // Half noise, which does not compress, half zeros, which do.
            let bytes: Vec<u8> =
                (0..length).map(|n| if n / 70_000 % 2 == 0 { next() } else { 0 }).collect();
            let one = packed(&bytes, 1, 1 << 16);
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&one[..]).read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{length}");
            assert!(one == packed(&bytes, 2, 99_991) && one == packed(&bytes, 3, 1 << 20));
        }
    }
}
