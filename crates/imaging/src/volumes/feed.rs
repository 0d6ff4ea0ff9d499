//! A file's bytes, read and hashed by a thread of its own where the file is large, so that whoever
//! decompresses them waits for neither.

use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// Bytes read in one go.
const BLOCK: usize = 256 << 10;
/// Blocks read ahead.
const AHEAD: usize = 8;

/// Reads a file from front to back.
pub(super) struct Feed {
    block: Vec<u8>,
    at: usize,
    rest: Rest,
}

enum Rest {
    /// The block is the whole file.
    None(Sha256),
    /// More blocks come; the thread ends with the hash of all.
    Coming { blocks: Receiver<io::Result<Vec<u8>>>, thread: JoinHandle<Sha256> },
    /// Reading was broken off.
    Broken,
}

impl Feed {
    /// `bytes` is the size of the file as the system says it.
    pub fn new(mut file: impl Read + Send + 'static, bytes: u64) -> io::Result<Feed> {
        if bytes <= BLOCK as u64 {
            let mut block = Vec::with_capacity(BLOCK);
            Read::by_ref(&mut file).take(BLOCK as u64 + 1).read_to_end(&mut block)?;
            let sha = Sha256::new_with_prefix(&block);
            return Ok(Feed { block, at: 0, rest: Rest::None(sha) });
        }
        let (send, blocks) = sync_channel(AHEAD);
        let read = move || {
            let mut sha = Sha256::new();
            loop {
                let mut block = Vec::with_capacity(BLOCK);
                let read = Read::by_ref(&mut file).take(BLOCK as u64).read_to_end(&mut block);
                sha.update(&block);
                let ended = !matches!(read, Ok(count) if count > 0);
                let sent = match read {
                    Ok(0) => return sha,
                    Ok(_) => send.send(Ok(block)),
                    Err(error) => send.send(Err(error)),
                };
                // Nobody listens any more.
                if ended || sent.is_err() {
                    return sha;
                }
            }
        };
        let thread = std::thread::Builder::new().name("volume-file".to_owned()).spawn(read)?;
        Ok(Feed { block: Vec::new(), at: 0, rest: Rest::Coming { blocks, thread } })
    }

    /// SHA-256 of the whole file, whatever of it was read before.
    pub fn digest(mut self) -> io::Result<[u8; 32]> {
        loop {
            let left = self.fill_buf()?.len();
            if left == 0 {
                break;
            }
            self.consume(left);
        }
        let sha = match self.rest {
            Rest::None(sha) => sha,
            Rest::Coming { thread, .. } => {
                thread.join().map_err(|_| io::Error::other("reading broke off"))?
            }
            Rest::Broken => return Err(io::Error::other("reading broke off")),
        };
        Ok(sha.finalize().into())
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.block.len()
            && let Rest::Coming { blocks, .. } = &self.rest
        {
            match blocks.recv() {
                Ok(Ok(block)) => (self.block, self.at) = (block, 0),
                Ok(Err(error)) => {
                    self.rest = Rest::Broken;
                    return Err(error);
                }
                // The thread has ended: so has the file.
                Err(_) => {}
            }
        }
        Ok(&self.block[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.block.len());
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn every_byte_comes_through_and_is_hashed_however_much_is_read() {
        let folder = testkit::temp_dir("feed");
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 20 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
            let path = folder.join(length.to_string());
            std::fs::write(&path, &bytes).unwrap();
            let open = || Feed::new(File::open(&path).unwrap(), length as u64).unwrap();
            let mut back = Vec::new();
            open().read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{length}");
            let wanted: [u8; 32] = Sha256::digest(&bytes).into();
            assert_eq!(open().digest().unwrap(), wanted, "{length}");
            let mut partly = open();
            let _ = partly.read(&mut [0; 100]).unwrap();
            assert_eq!(partly.digest().unwrap(), wanted, "{length}");
            // Dropped half-way: the thread ends.
            drop(open());
        }
    }
}
