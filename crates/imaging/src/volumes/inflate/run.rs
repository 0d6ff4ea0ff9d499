//! The loop that decodes symbols: everything it touches lies in registers and slices.

use super::tables::{
    BASE, DISTANCE_BITS, END, Entry, KIND, LITERAL, LITERAL_BITS, TABLE, TAKEN, literals, second,
};
use super::{ROUND, WINDOW};

/// Bits of the longest distance: its code and what follows it (RFC 1951, 3.2.5).
const LONGEST_DISTANCE: u32 = 15 + 13;
/// Bytes copied at once.
const STEP: usize = 16;

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

impl Run<'_> {
    /// Decodes from `now` on until something stops it.
    pub fn decode(&mut self, now: Now) -> (Stop, Now) {
        // Names of their own, one way out: so the compiler keeps them in registers.
        let Now { mut bits, mut count, mut at, mut made } = now;
        let (ahead, table, distances) = (self.ahead, self.literals, self.distances);
        let out = &mut *self.out;
        let full = WINDOW + ROUND;
        let stop = loop {
            if made >= full {
                break Stop::Full;
            }
            if at > self.limit {
                break Stop::Input;
            }
            refill(ahead, &mut bits, &mut count, &mut at);
            let mut entry = look(table, self.long_literals, bits);
            put(out, &mut made, entry);
            let mut before = bits;
            take(&mut bits, &mut count, entry);
            // Three looks at 15 bits each leave enough of the 56.
            if entry & KIND == LITERAL {
                entry = look(table, self.long_literals, bits);
                put(out, &mut made, entry);
                before = bits;
                take(&mut bits, &mut count, entry);
                if entry & KIND == LITERAL {
                    entry = look(table, self.long_literals, bits);
                    put(out, &mut made, entry);
                    before = bits;
                    take(&mut bits, &mut count, entry);
                    if entry & KIND == LITERAL {
                        continue;
                    }
                }
            }
            if entry & KIND != BASE {
                break if entry & END != 0 { Stop::Block } else { Stop::Broken };
            }
            let length = (entry >> 14 & 511) + extra(before, entry);
            if count < LONGEST_DISTANCE {
                refill(ahead, &mut bits, &mut count, &mut at);
            }
            let mut entry = distances[(bits & ((1 << DISTANCE_BITS) - 1)) as usize];
            if entry & KIND == TABLE {
                entry = second(self.long_distances, entry, bits, DISTANCE_BITS);
            }
            let distance = (entry >> 16) + extra(bits, entry);
            take(&mut bits, &mut count, entry);
            if entry == 0 || !copy(out, made, distance as usize, length as usize) {
                break Stop::Broken;
            }
            made += length as usize;
        };
        (stop, Now { bits, count, at, made })
    }
}

/// At least 56 bits on hand.
#[inline(always)]
fn refill(ahead: &[u8], bits: &mut u64, count: &mut u32, at: &mut usize) {
    *bits |= word(ahead, *at) << *count;
    *at += (63 - *count as usize) >> 3;
    *count |= 56;
}

#[inline(always)]
fn take(bits: &mut u64, count: &mut u32, entry: Entry) {
    *bits = bits.wrapping_shr(entry);
    *count -= entry & TAKEN;
}

/// The extra bits behind the codes of an entry.
#[inline(always)]
fn extra(bits: u64, entry: Entry) -> u32 {
    let all = bits & !(u64::MAX.wrapping_shl(entry));
    (all >> (entry >> 6 & 15)) as u32
}

#[inline(always)]
fn look(table: &[Entry; 1 << LITERAL_BITS], long: &[Entry], bits: u64) -> Entry {
    let entry = table[(bits & ((1 << LITERAL_BITS) - 1)) as usize];
    if entry & KIND == TABLE { second(long, entry, bits, LITERAL_BITS) } else { entry }
}

/// Up to two literals: bytes that are none are overwritten.
#[inline(always)]
fn put(out: &mut [u8], made: &mut usize, entry: Entry) {
    out[*made..*made + 2].copy_from_slice(&[(entry >> 24) as u8, (entry >> 14) as u8]);
    *made += literals(entry);
}
/// Repeats what was made `distance` bytes before `made`; false when that is before the beginning.
#[inline(always)]
fn copy(out: &mut [u8], made: usize, distance: usize, length: usize) -> bool {
    if distance > made {
        return false;
    }
    let (mut to, mut from, end) = (made, made - distance, made + length);
    if distance >= STEP {
        // What goes beyond is overwritten by what follows. Most matches are short: one step.
        loop {
            let Some(some) = out.get(from..).and_then(|rest| rest.first_chunk::<STEP>()) else {
                return false;
            };
            let some = *some;
            out[to..to + STEP].copy_from_slice(&some);
            to += STEP;
            from += STEP;
            if to >= end {
                return true;
            }
        }
    }
    if distance == 1 {
        let byte = out[from];
        out[to..end].fill(byte);
        return true;
    }
    while to < end {
        out[to] = out[from];
        to += 1;
        from += 1;
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
