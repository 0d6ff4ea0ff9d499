//! gzip, decompressed (RFC 1951, RFC 1952): several codes from one look at 64 bits; from one look at a table of 12 bits two
//! literals, or a literal and the length behind it. Twice as fast as the general library on voxels, of which neither
//! literals nor repeats come in long runs; the tests hold it to that library.

mod run;
mod tables;

use flate2::Crc;
use run::{Now, Run, Stop, word};
use std::io::{self, BufRead, Read};
use tables::{Entry, TAKEN, build, distance_table, literal, literal_table};

/// Farthest a match reaches back.
const WINDOW: usize = 32 << 10;
/// Bytes made in one go.
const ROUND: usize = 128 << 10;
/// Longest match, and room for copies of 16 bytes at a time.
const SLACK: usize = 258 + 40;
/// Input on hand below which more is fetched: one turn of the loop takes two words at most.
const NEED: usize = 24;

/// Reads what a gzip file of one or more members holds; checks each member's checksum and length.
pub(super) struct Gunzip<R> {
    input: R,
    /// Bytes fetched; at the end of the file zeros follow `fetched`.
    ahead: Vec<u8>,
    at: usize,
    fetched: usize,
    is_ended: bool,
    bits: u64,
    count: u32,
    out: Vec<u8>,
    made: usize,
    given: usize,
    state: State,
    is_last: bool,
    literals: Vec<Entry>,
    distances: Vec<Entry>,
    crc: Crc,
    /// No member was read yet.
    is_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Member,
    Block,
    Stored(usize),
    Codes,
    Trailer,
    Done,
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the compressed data end early")
}

impl<R: BufRead> Gunzip<R> {
    /// Nothing is read yet.
    pub fn new(input: R) -> Gunzip<R> {
        Gunzip {
            input,
            ahead: vec![0; 4 * WINDOW],
            at: 0,
            fetched: 0,
            is_ended: false,
            bits: 0,
            count: 0,
            out: vec![0; WINDOW + ROUND + SLACK],
            made: 0,
            given: 0,
            state: State::Member,
            is_last: false,
            literals: Vec::new(),
            distances: Vec::new(),
            crc: Crc::new(),
            is_first: true,
        }
    }

    /// The reader; what was fetched ahead is lost.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// Fetches more where little is left. Behind the end of the file there are zeros.
    fn fetch(&mut self) -> io::Result<()> {
        // Up to eight bytes wait in `bits` and may have to be given back.
        let done = self.at.saturating_sub(8);
        self.ahead.copy_within(done..self.fetched, 0);
        self.fetched -= done;
        self.at -= done;
        while !self.is_ended && self.fetched < WINDOW {
            let room = self.ahead.len() - self.fetched - 2 * NEED;
            let from = match self.input.fill_buf() {
                Ok(from) => from,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let take = from.len().min(room);
            self.ahead[self.fetched..self.fetched + take].copy_from_slice(&from[..take]);
            self.input.consume(take);
            self.fetched += take;
            self.is_ended = take == 0;
        }
        let zeros = self.fetched..self.fetched + 2 * NEED;
        self.ahead[zeros].fill(0);
        Ok(())
    }

    /// At least 56 bits on hand; zeros behind the end.
    fn refill(&mut self) -> io::Result<()> {
        if self.at + NEED > self.fetched {
            if !self.is_ended {
                self.fetch()?;
            }
            // More was taken than there is, not counting what waits in `bits`.
            if self.at > self.fetched + 8 {
                return Err(cut());
            }
        }
        self.bits |= word(&self.ahead, self.at) << self.count;
        self.at += (63 - self.count as usize) >> 3;
        self.count |= 56;
        Ok(())
    }

    fn take(&mut self, count: u32) -> u32 {
        let value = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.count -= count;
        value as u32
    }

    /// Bits that were taken from behind the end of the file are none.
    fn check_end(&self) -> io::Result<()> {
        let beyond = self.at * 8 > self.fetched * 8 + self.count as usize;
        if self.is_ended && beyond { Err(cut()) } else { Ok(()) }
    }

    /// Gives up the rest of a byte, and whole bytes that wait in `bits`.
    fn align(&mut self) {
        let whole = self.count / 8;
        self.at -= whole as usize;
        self.bits = 0;
        self.count = 0;
    }

    /// One byte, between blocks; `None` at the end of the file.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.fetched {
            self.fetch()?;
        }
        if self.at >= self.fetched {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.ahead[self.at - 1]))
    }

    fn must_byte(&mut self) -> io::Result<u8> {
        self.byte()?.ok_or_else(cut)
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        for byte in &mut bytes {
            *byte = self.must_byte()?;
        }
        Ok(u32::from_le_bytes(bytes))
    }

    /// RFC 1952, 2.3.
    fn member(&mut self) -> io::Result<State> {
        match (self.byte()?, self.is_first) {
            (None, true) => return Err(cut()),
            (None, false) => return Ok(State::Done),
            (Some(0x1f), _) => {}
            (Some(_), _) => return Err(broken("invalid gzip header")),
        }
        if self.must_byte()? != 0x8b || self.must_byte()? != 8 {
            return Err(broken("invalid gzip header"));
        }
        let flags = self.must_byte()?;
        for _ in 0..6 {
            self.must_byte()?;
        }
        if flags & 4 != 0 {
            let length = usize::from(self.must_byte()?) | usize::from(self.must_byte()?) << 8;
            for _ in 0..length {
                self.must_byte()?;
            }
        }
        // Name, comment.
        for flag in [8, 16] {
            while flags & flag != 0 && self.must_byte()? != 0 {}
        }
        if flags & 2 != 0 {
            self.must_byte()?;
            self.must_byte()?;
        }
        self.is_first = false;
        self.crc = Crc::new();
        Ok(State::Block)
    }

    /// RFC 1951, 3.2.3.
    fn block(&mut self) -> io::Result<State> {
        self.refill()?;
        self.is_last = self.take(1) == 1;
        let kind = self.take(2);
        self.check_end()?;
        match kind {
            0 => {
                self.align();
                let length = [self.must_byte()?, self.must_byte()?];
                let other = [self.must_byte()?, self.must_byte()?];
                let (length, other) = (u16::from_le_bytes(length), u16::from_le_bytes(other));
                if length != !other {
                    return Err(broken("a stored block contradicts itself"));
                }
                Ok(State::Stored(length.into()))
            }
            1 => {
                let mut lengths = [8u8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                literal_table(&lengths, &mut self.literals)?;
                distance_table(&[5; 30], &mut self.distances)?;
                Ok(State::Codes)
            }
            2 => {
                self.codes()?;
                Ok(State::Codes)
            }
            _ => Err(broken("unknown kind of block")),
        }
    }

    /// RFC 1951, 3.2.7.
    fn codes(&mut self) -> io::Result<()> {
        const ORDER: [usize; 19] =
            [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        self.refill()?;
        let literals = self.take(5) as usize + 257;
        let distances = self.take(5) as usize + 1;
        let given = self.take(4) as usize + 4;
        if literals > 286 || distances > 30 {
            return Err(broken("too many codes"));
        }
        let mut lengths = [0u8; 19];
        for &place in &ORDER[..given] {
            self.refill()?;
            lengths[place] = self.take(3) as u8;
        }
        let mut table = Vec::new();
        build(&lengths, 7, literal, &mut table)?;
        let mut all = [0u8; 286 + 30];
        let mut at = 0;
        while at < literals + distances {
            self.refill()?;
            let entry = table[(self.bits & 127) as usize];
            if entry == 0 {
                return Err(broken("invalid code length"));
            }
            self.take(entry & TAKEN);
            let symbol = entry >> 24;
            let (times, value) = match symbol {
                0..=15 => (1, symbol as u8),
                16 if at > 0 => (3 + self.take(2) as usize, all[at - 1]),
                17 => (3 + self.take(3) as usize, 0),
                18 => (11 + self.take(7) as usize, 0),
                _ => return Err(broken("a code length repeats nothing")),
            };
            if at + times > literals + distances {
                return Err(broken("too many code lengths"));
            }
            all[at..at + times].fill(value);
            at += times;
        }
        self.check_end()?;
        literal_table(&all[..literals], &mut self.literals)?;
        distance_table(&all[literals..literals + distances], &mut self.distances)
    }

    /// Decodes until the block ends or the round is full.
    fn decode(&mut self) -> io::Result<State> {
        loop {
            if self.at + NEED > self.fetched && !self.is_ended {
                self.fetch()?;
            }
            // Zeros follow the end; how far they were read is looked at behind the loop.
            let limit =
                if self.is_ended { self.fetched + 8 } else { self.fetched.saturating_sub(NEED) };
            let tables = (self.literals.first_chunk(), self.distances.first_chunk());
            let (Some(literals), Some(distances)) = tables else {
                return Err(broken("a block without codes"));
            };
            let mut run = Run {
                ahead: &self.ahead,
                limit,
                out: &mut self.out,
                literals,
                long_literals: &self.literals,
                distances,
                long_distances: &self.distances,
            };
            let now = Now { bits: self.bits, count: self.count, at: self.at, made: self.made };
            let (end, now) = run.decode(now);
            (self.bits, self.count, self.at, self.made) = (now.bits, now.count, now.at, now.made);
            self.check_end()?;
            match end {
                Stop::Full => return Ok(State::Codes),
                Stop::Block => return Ok(self.after_block()),
                Stop::Broken => return Err(broken("invalid code or distance")),
                Stop::Input if self.is_ended => return Err(cut()),
                Stop::Input => {}
            }
        }
    }

    fn stored(&mut self, left: usize) -> io::Result<State> {
        if left == 0 {
            return Ok(self.after_block());
        }
        if self.at >= self.fetched {
            self.fetch()?;
            if self.at >= self.fetched {
                return Err(cut());
            }
        }
        let room = WINDOW + ROUND - self.made;
        let take = left.min(room).min(self.fetched - self.at);
        self.out[self.made..self.made + take].copy_from_slice(&self.ahead[self.at..self.at + take]);
        self.made += take;
        self.at += take;
        Ok(State::Stored(left - take))
    }

    fn after_block(&self) -> State {
        if self.is_last { State::Trailer } else { State::Block }
    }

    fn trailer(&mut self) -> io::Result<State> {
        self.align();
        if self.number()? != self.crc.sum() || self.number()? != self.crc.amount() {
            return Err(broken("the checksum does not match"));
        }
        Ok(State::Member)
    }

    /// Makes bytes until some are there or the file has ended.
    fn make(&mut self) -> io::Result<()> {
        if self.made >= WINDOW + ROUND {
            self.out.copy_within(self.made - WINDOW..self.made, 0);
            self.made = WINDOW;
            self.given = WINDOW;
        }
        while self.made == self.given && self.state != State::Done {
            let before = self.made;
            let next = match self.state {
                State::Member => self.member(),
                State::Block => self.block(),
                State::Stored(left) => self.stored(left),
                State::Codes => self.decode(),
                State::Trailer => self.trailer(),
                State::Done => Ok(State::Done),
            };
            self.state = match next {
                Ok(state) => state,
                Err(error) => {
                    // What was made of zeros behind the end, or of a broken block, is not given out.
                    self.made = before;
                    self.check_end()?;
                    return Err(error);
                }
            };
            self.crc.update(&self.out[before..self.made]);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.given == self.made {
            self.make()?;
        }
        let count = buffer.len().min(self.made - self.given);
        buffer[..count].copy_from_slice(&self.out[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::MultiGzDecoder;
    use std::io::Write as _;

    /// Noise of few and of many values, runs, repeats far and near.
    fn samples() -> Vec<Vec<u8>> {
        let mut noise = 12345u32;
        let mut next = move || {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            noise
        };
        let mut all = vec![Vec::new(), vec![7], vec![0; 1 << 20]];
        all.push((0..300_000).map(|_| next() as u8).collect());
        all.push((0..300_000).map(|_| (next() % 5 + next() % 7) as u8).collect());
        all.push((0..400_000).map(|n| [3, 1, 4, 1, 5, 9, 2][n % 7]).collect());
        let mut far: Vec<u8> = (0..32_768).map(|_| next() as u8).collect();
        far.extend(far.clone());
        far.extend(far.clone());
        all.push(far);
        all.push(
            (0..150_000u32)
                .flat_map(|n| ((n / 300 % 1000) as u16 + (next() % 24) as u16).to_le_bytes())
                .collect(),
        );
        all
    }

    fn pack(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), Compression::new(level));
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Gunzip::new(packed).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_the_library_packs_comes_out_again_at_every_level() {
        for bytes in samples() {
            for level in 0..=9 {
                let packed = pack(&bytes, level);
                assert!(unpack(&packed).unwrap() == bytes, "{} bytes, level {level}", bytes.len());
            }
        }
    }

    #[test]
    fn members_follow_one_another_and_names_are_passed_over() {
        let mut two = pack(b"one", 6);
        let named = flate2::GzBuilder::new().filename("x").comment("y").extra(vec![1, 2, 3]);
        let mut named = named.write(Vec::new(), Compression::best());
        named.write_all(b" two").unwrap();
        two.extend(named.finish().unwrap());
        assert_eq!(unpack(&two).unwrap(), b"one two");
        two.extend([0; 20]);
        assert!(unpack(&two).unwrap_err().to_string().contains("header"));
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes: Vec<u8> = (0..3000u32).flat_map(|n| (n * n % 977).to_le_bytes()).collect();
        for level in [0, 1, 9] {
            let packed = pack(&bytes, level);
            for length in 0..packed.len() {
                let error = unpack(&packed[..length]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length} of level {level}");
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_found_by_the_checksum_as_by_the_library() {
        let bytes: Vec<u8> = (0..2000u32).flat_map(|n| (n * 7 % 300).to_le_bytes()).collect();
        let packed = pack(&bytes, 6);
        for at in 10..packed.len() {
            for bit in 0..8 {
                let mut damaged = packed.clone();
                damaged[at] ^= 1 << bit;
                let mut theirs = Vec::new();
                let read = MultiGzDecoder::new(&damaged[..]).read_to_end(&mut theirs);
                match (unpack(&damaged), read) {
                    (Ok(ours), Ok(_)) => assert!(ours == theirs),
                    (Err(_), Err(_)) => {}
                    (ours, theirs) => panic!("byte {at} bit {bit}: {ours:?} {theirs:?}"),
                }
            }
        }
    }

    #[test]
    fn any_size_of_buffer_gives_the_same() {
        let bytes = &samples()[4];
        let packed = pack(bytes, 5);
        for size in [1, 7, 4096] {
            let mut out: Vec<u8> = Vec::new();
            let mut reader = Gunzip::new(std::io::BufReader::with_capacity(size, &packed[..]));
            let mut buffer = vec![0; size * 3 + 1];
            loop {
                match reader.read(&mut buffer).unwrap() {
                    0 => break,
                    count => out.extend(&buffer[..count]),
                }
            }
            assert!(&out == bytes, "{size}");
        }
    }
}
