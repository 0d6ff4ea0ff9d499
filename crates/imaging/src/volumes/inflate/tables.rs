//! Canonical codes as tables to look bits up in (RFC 1951, 3.2.2, 3.2.5).

use super::broken;
use std::io;

pub(super) const LITERAL_BITS: u32 = 12;
pub(super) const DISTANCE_BITS: u32 = 9;
pub(super) const LONGEST_CODE: u32 = 15;
/// Literals and lengths, the two that are never used among them.
const MOST_SYMBOLS: usize = 288;

/// What a table says of the next bits: bits 0–5 how many of them it stands for, 6–9 how many of these are codes (extra bits
/// follow the last code), 10–11 the kind. 0 is no code.
///
/// Of distances, bits 16–31 are the base. Of literals and lengths, bits 12–13 say how many literals come first; the first of
/// them is in bits 24–31. Bits 14–22 are the base of the length that follows, or the second literal.
pub(super) type Entry = u32;
/// Bits that are taken.
pub(super) const TAKEN: u32 = 63;
pub(super) const KIND: u32 = 3 << 10;
/// Literals alone. 0 is the end of a block, or no code at all.
pub(super) const LITERAL: u32 = 1 << 10;
/// A length or a distance.
pub(super) const BASE: u32 = 2 << 10;
/// A second table goes on.
pub(super) const TABLE: u32 = 3 << 10;
/// One literal.
pub(super) const ONE: u32 = 1 << 12;
/// The first literal.
const FIRST: u32 = 0xff << 24;
pub(super) const END: u32 = 1 << 14;

/// The entry of a long code in the table its beginning names.
#[inline(always)]
pub(super) fn second(table: &[Entry], entry: Entry, bits: u64, primary: u32) -> Entry {
    let more = (bits >> primary) & ((1 << (LONGEST_CODE - primary)) - 1);
    table.get((entry >> 16) as usize + more as usize).copied().unwrap_or(0)
}

/// A code that stands for itself.
pub(super) fn literal(symbol: usize) -> Entry {
    (symbol as u32) << 24 | (symbol as u32) << 14 | LITERAL | ONE
}

/// How many literals.
#[inline(always)]
pub(super) fn literals(entry: Entry) -> usize {
    (entry >> 12 & 3) as usize
}

/// RFC 1951, 3.2.5. What follows a literal is found with it where both codes fit into one look.
pub(super) fn literal_table(lengths: &[u8], table: &mut Vec<Entry>) -> io::Result<()> {
    const BASES: [u16; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ];
    build(
        lengths,
        LITERAL_BITS,
        |symbol| match symbol {
            0..=255 => literal(symbol),
            256 => END,
            257..=285 => {
                let n = symbol - 257;
                let extra = if n < 8 || n == 28 { 0 } else { (n as u32 - 4) / 4 };
                BASE | extra | u32::from(BASES[n]) << 14
            }
            _ => 0,
        },
        table,
    )?;
    join(table);
    Ok(())
}

/// Voxels of two bytes have one of many and one of few values, and where they repeat it is mostly three or four bytes: a literal
/// is often followed by a short code.
fn join(table: &mut [Entry]) {
    let mut single = [0; 1 << LITERAL_BITS];
    single.copy_from_slice(&table[..1 << LITERAL_BITS]);
    for (index, entry) in table[..1 << LITERAL_BITS].iter_mut().enumerate() {
        let first = single[index];
        let length = first & TAKEN;
        // Zeros come in from above: a code that needs them is not all there.
        let next = single[(index >> length) & ((1 << LITERAL_BITS) - 1)];
        let fits = length + (next >> 6 & 15) <= LITERAL_BITS;
        let follows = next & KIND == LITERAL || next & KIND == BASE;
        let joined = ((next & !FIRST) + (length << 6 | length) + ONE) | (first & FIRST);
        *entry = if first & KIND == LITERAL && fits & follows { joined } else { first };
    }
}

pub(super) fn distance_table(lengths: &[u8], table: &mut Vec<Entry>) -> io::Result<()> {
    build(
        lengths,
        DISTANCE_BITS,
        |symbol| {
            let extra = if symbol < 4 { 0 } else { (symbol as u32 - 2) / 2 };
            let base = if symbol < 4 {
                symbol as u32 + 1
            } else {
                (2 + (symbol as u32 & 1)) * (1 << extra) + 1
            };
            BASE | extra | base << 16
        },
        table,
    )
}

/// A table for canonical codes of these lengths (RFC 1951, 3.2.2). Codes longer than `primary` bits
/// have a second table for each beginning. Bits that are no code stay 0.
pub(super) fn build(
    lengths: &[u8],
    primary: u32,
    entry: impl Fn(usize) -> Entry,
    table: &mut Vec<Entry>,
) -> io::Result<()> {
    let mut counts = [0u32; LONGEST_CODE as usize + 1];
    lengths.iter().for_each(|&length| counts[usize::from(length)] += 1);
    counts[0] = 0;
    let mut next = [0u32; LONGEST_CODE as usize + 2];
    let mut code = 0;
    for length in 1..=LONGEST_CODE as usize {
        next[length] = code;
        code = (code + counts[length]) << 1;
        if next[length] + counts[length] > 1 << length {
            return Err(broken("more codes than there are bits for"));
        }
    }
    // Symbols by the length of their codes.
    let mut places = [0usize; LONGEST_CODE as usize + 2];
    for length in 1..=LONGEST_CODE as usize {
        places[length + 1] = places[length] + counts[length] as usize;
    }
    let mut sorted = [0u16; MOST_SYMBOLS];
    let mut free = places;
    for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
        let place = &mut free[usize::from(length)];
        sorted[*place] = symbol as u16;
        *place += 1;
    }
    table.clear();
    table.resize(1 << primary, 0);
    for length in 1..=LONGEST_CODE {
        // What short codes say holds whatever follows them.
        if length <= primary {
            table.copy_within(..1 << (length - 1), 1 << (length - 1));
        }
        let at = length as usize;
        for (code, &symbol) in (next[at]..).zip(&sorted[places[at]..places[at + 1]]) {
            let kind = entry(usize::from(symbol));
            if kind == 0 {
                continue;
            }
            // Codes begin with their first bit, numbers with their last.
            let reversed = (code.reverse_bits() >> (32 - length)) as usize;
            // Its extra bits are in it.
            let value = kind + (length << 6 | length);
            if length <= primary {
                table[reversed] = value;
                continue;
            }
            let first = reversed & ((1 << primary) - 1);
            if table[first] == 0 {
                let second = table.len() as u32;
                table[first] = TABLE | second << 16;
                table.resize(table.len() + (1 << (LONGEST_CODE - primary)), 0);
            }
            let second = (table[first] >> 16) as usize;
            let step = 1 << (length - primary);
            for index in (reversed >> primary..1 << (LONGEST_CODE - primary)).step_by(step) {
                table[second + index] = value;
            }
        }
    }
    Ok(())
}
