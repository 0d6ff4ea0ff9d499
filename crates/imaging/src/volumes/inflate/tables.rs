//! Canonical codes as tables to look bits up in (RFC 1951, 3.2.2, 3.2.5).

use super::broken;
use std::io;

pub(super) const LITERAL_BITS: u32 = 12;
pub(super) const DISTANCE_BITS: u32 = 9;
pub(super) const LONGEST_CODE: u32 = 15;

/// What a table says of the next bits: bits 0–4 the length of the code, 5–8 how many extra bits
/// follow, 9–10 the kind, 16–31 the value. 0 is no code. Literals have no extra bits: there bit 5 says
/// that two follow one another, the first in bits 16–23.
pub(super) type Entry = u32;
pub(super) const LITERAL: u32 = 0;
pub(super) const BASE: u32 = 1 << 9;
pub(super) const END: u32 = 2 << 9;
pub(super) const TABLE: u32 = 3 << 9;
pub(super) const KIND: u32 = 3 << 9;
pub(super) const PAIR: u32 = 1 << 5;

/// The entry of a long code in the table its beginning names.
#[inline(always)]
pub(super) fn second(table: &[Entry], entry: Entry, bits: u64, primary: u32) -> Entry {
    let more = (bits >> primary) & ((1 << (LONGEST_CODE - primary)) - 1);
    table.get((entry >> 16) as usize + more as usize).copied().unwrap_or(0)
}

/// A code that stands for itself; the kind is 0.
pub(super) fn literal(symbol: usize) -> Entry {
    (symbol as u32) << 16
}

#[inline(always)]
pub(super) fn is_literal(entry: Entry) -> bool {
    entry & KIND == LITERAL && entry != 0
}

/// RFC 1951, 3.2.5. Literals whose codes fit into one look are found two at a time.
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
                BASE | extra << 5 | u32::from(BASES[n]) << 16
            }
            _ => 0,
        },
        table,
    )?;
    pair_literals(table);
    Ok(())
}

/// Voxels of two bytes have one of many and one of few values: the code of the second mostly fits
/// behind that of the first.
fn pair_literals(table: &mut [Entry]) {
    let single = table[..1 << LITERAL_BITS].to_vec();
    for (index, &first) in single.iter().enumerate() {
        if !is_literal(first) {
            continue;
        }
        let length = first & 31;
        // Zeros come in from above: a code that needs them is not all there.
        let second = single[index >> length];
        let both = length + (second & 31);
        if is_literal(second) && both <= LITERAL_BITS {
            table[index] = (second & 0xff_0000) << 8 | first & 0xff_0000 | PAIR | both;
        }
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
            BASE | extra << 5 | base << 16
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
    table.clear();
    table.resize(1 << primary, 0);
    for (symbol, &length) in lengths.iter().enumerate() {
        let length = u32::from(length);
        if length == 0 {
            continue;
        }
        let code = next[length as usize];
        next[length as usize] += 1;
        // Codes begin with their first bit, numbers with their last.
        let reversed = (code.reverse_bits() >> (32 - length)) as usize;
        let kind = entry(symbol);
        if kind == 0 && symbol >= 286 {
            continue;
        }
        let value = kind | length;
        if length <= primary {
            for index in (reversed..1 << primary).step_by(1 << length) {
                table[index] = value;
            }
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
    Ok(())
}
