//! Huffman tables and the bit stream of T.81 Annexes C and F.

/// A table with a shortcut for codes of up to nine bits.
pub(super) struct Table {
    fast: Vec<(u8, u8)>,
    /// Largest code of each length, exclusive, aligned to 16 bits; and offset into `values`.
    limits: [u32; 17],
    offsets: [i32; 17],
    values: Vec<u8>,
}

const FAST: u32 = 9;

impl Table {
    /// `None` when there are more codes of a length than it has.
    pub fn new(counts: &[u8], values: &[u8]) -> Option<Table> {
        let mut table = Table {
            fast: vec![(0, 0); 1 << FAST],
            limits: [0; 17],
            offsets: [0; 17],
            values: values.to_vec(),
        };
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offsets[length as usize] = index as i32 - code as i32;
            if code + count > 1 << length {
                return None;
            }
            for _ in 0..count {
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    table.fast[first..first + (1 << (FAST - length))]
                        .fill((length as u8, values[index]));
                }
                code += 1;
                index += 1;
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }
}

/// Entropy-coded bits; stuffed zeros removed, stops at markers.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    cache: u64,
    count: u32,
    beyond: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Bits<'a> {
        Bits { data, at: 0, cache: 0, count: 0, beyond: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match self.data.get(self.at) {
                Some(0xff) => match self.data.get(self.at + 1) {
                    Some(0) => {
                        self.at += 2;
                        0xff
                    }
                    _ => {
                        self.beyond += 1;
                        0
                    }
                },
                Some(&byte) => {
                    self.at += 1;
                    byte
                }
                None => {
                    self.beyond += 1;
                    0
                }
            };
            self.cache |= u64::from(byte) << 56 >> self.count;
            self.count += 8;
        }
    }

    /// Zeros were made up for bits that were really used.
    pub fn exhausted(&self) -> bool {
        self.beyond * 8 > self.count
    }

    pub fn take(&mut self, bits: u32) -> u32 {
        if bits == 0 {
            return 0;
        }
        if self.count < bits {
            self.fill();
        }
        let value = (self.cache >> (64 - bits)) as u32;
        self.cache <<= bits;
        self.count -= bits;
        value
    }

    /// The next symbol; `None` for a code that is not in the table.
    pub fn symbol(&mut self, table: &Table) -> Option<u8> {
        if self.count < 16 {
            self.fill();
        }
        let (length, value) = table.fast[(self.cache >> (64 - FAST)) as usize];
        if length > 0 {
            self.cache <<= length;
            self.count -= u32::from(length);
            return Some(value);
        }
        let code = (self.cache >> 48) as u32;
        for length in FAST + 1..=16 {
            if code < table.limits[length as usize] {
                let index = (code >> (16 - length)) as i32 + table.offsets[length as usize];
                self.cache <<= length;
                self.count -= length;
                return table.values.get(index as usize).copied();
            }
        }
        None
    }

    /// A signed value of `bits` bits (F.2.2.1, EXTEND).
    pub fn signed(&mut self, bits: u32) -> i32 {
        if bits == 0 {
            return 0;
        }
        let value = self.take(bits) as i32;
        if value < 1 << (bits - 1) { value - (1 << bits) + 1 } else { value }
    }

    /// Drops what is left of an interval and steps over a restart marker if one follows.
    pub fn restart(&mut self) {
        (self.cache, self.count, self.beyond) = (0, 0, 0);
        let mut at = self.at;
        while at + 1 < self.data.len() {
            match (self.data[at], self.data[at + 1]) {
                (0xff, 0xd0..=0xd7) => {
                    self.at = at + 2;
                    return;
                }
                (0xff, 1..=0xfe) => return,
                _ => at += 1,
            }
        }
    }

    /// Bytes used; never beyond a marker.
    pub fn position(&self) -> usize {
        self.at
    }
}
