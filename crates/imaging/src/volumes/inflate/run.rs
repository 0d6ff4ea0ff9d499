//! The loop that decodes symbols: everything it touches lies in registers and slices.

use super::tables::{BASE, DISTANCE_BITS, END, Entry, KIND, LITERAL, LITERAL_BITS, TABLE, second};
use super::{ROUND, WINDOW};

/// What a run of the loop needs besides its registers.
pub(super) struct Run<'a> {
    pub ahead: &'a [u8],
    /// Words may be read from here at the latest.
    pub limit: usize,
    pub out: &'a mut [u8],
    pub literals: &'a [Entry; 1 << LITERAL_BITS],
    pub long_literals: &'a [Entry],
    pub distances: &'a [Entry; 1 << DISTANCE_BITS],
    pub long_distances: &'a [Entry],
}

/// The registers of the loop.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub bits: u64,
    pub count: u32,
    pub at: usize,
    pub made: usize,
}

pub(super) enum Stop {
    Full,
    Block,
    Input,
    Broken,
}

impl Now {
    #[inline(always)]
    fn refill(&mut self, ahead: &[u8]) {
        self.bits |= word(ahead, self.at) << self.count;
        self.at += (63 - self.count as usize) >> 3;
        self.count |= 56;
    }

    #[inline(always)]
    fn take(&mut self, count: u32) -> u32 {
        let value = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.count -= count;
        value as u32
    }
}

impl Run<'_> {
    /// Decodes from `now` on until something stops it.
    pub fn decode(&mut self, mut now: Now) -> (Stop, Now) {
        let full = WINDOW + ROUND;
        while now.made < full {
            if now.at > self.limit {
                return (Stop::Input, now);
            }
            now.refill(self.ahead);
            let mut entry = self.literal(now.bits);
            // Three literals of 15 bits each leave enough of the 56.
            if is_literal(entry) {
                self.put(&mut now, entry);
                entry = self.literal(now.bits);
                if is_literal(entry) {
                    self.put(&mut now, entry);
                    entry = self.literal(now.bits);
                    if is_literal(entry) {
                        self.put(&mut now, entry);
                        continue;
                    }
                }
            }
            now.take(entry & 31);
            match entry & KIND {
                BASE => {}
                END => return (Stop::Block, now),
                _ => return (Stop::Broken, now),
            }
            let length = (entry >> 16) + now.take(entry >> 5 & 15);
            now.refill(self.ahead);
            let index = (now.bits & ((1 << DISTANCE_BITS) - 1)) as usize;
            let mut entry = self.distances[index];
            if entry & KIND == TABLE {
                entry = second(self.long_distances, entry, now.bits, DISTANCE_BITS);
            }
            now.take(entry & 31);
            let distance = (entry >> 16) + now.take(entry >> 5 & 15);
            if entry == 0 || !copy(self.out, now.made, distance as usize, length as usize) {
                return (Stop::Broken, now);
            }
            now.made += length as usize;
        }
        (Stop::Full, now)
    }

    #[inline(always)]
    fn literal(&self, bits: u64) -> Entry {
        let entry = self.literals[(bits & ((1 << LITERAL_BITS) - 1)) as usize];
        if entry & KIND == TABLE {
            second(self.long_literals, entry, bits, LITERAL_BITS)
        } else {
            entry
        }
    }

    #[inline(always)]
    fn put(&mut self, now: &mut Now, entry: Entry) {
        now.take(entry & 31);
        self.out[now.made] = (entry >> 16) as u8;
        now.made += 1;
    }
}

#[inline(always)]
fn is_literal(entry: Entry) -> bool {
    entry & KIND == LITERAL && entry != 0
}

/// Repeats what was made `distance` bytes before `made`; false when that is before the beginning.
#[inline(always)]
fn copy(out: &mut [u8], made: usize, distance: usize, length: usize) -> bool {
    if distance > made {
        return false;
    }
    let (mut to, mut from, end) = (made, made - distance, made + length);
    if distance >= 8 {
        // Eight bytes at a time; what goes beyond is overwritten by what follows.
        while to < end {
            let eight = word(out, from).to_le_bytes();
            out[to..to + 8].copy_from_slice(&eight);
            to += 8;
            from += 8;
        }
    } else if distance == 1 {
        let byte = out[from];
        out[to..end].fill(byte);
    } else {
        while to < end {
            out[to] = out[from];
            to += 1;
            from += 1;
        }
    }
    true
}

/// Eight bytes from `at` on; the caller keeps them within.
#[inline(always)]
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => 0,
    }
}
