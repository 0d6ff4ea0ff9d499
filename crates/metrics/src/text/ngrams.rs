//! Words and runs of words as numbers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Longest run of words that is counted.
pub(super) const LONGEST: usize = 4;

/// Numbers for words, given out as they come.
#[derive(Default)]
pub(super) struct Vocabulary(HashMap<String, u32>);

impl Vocabulary {
    /// The number of a word, from 1; 0 stands for no word.
    pub fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.0.get(word) {
            return *number;
        }
        let number = self.0.len() as u32 + 1;
        self.0.insert(word.to_owned(), number);
        number
    }
}

/// Up to four words in a row, packed.
type Key = u128;

/// Numbers for runs of words; only looked up, never iterated, so that nothing depends on the order
/// inside the table.
#[derive(Default)]
pub(super) struct Runs(HashMap<Key, u32, BuildHasherDefault<Mixer>>);

/// A run in a text: its number and how often it occurs.
pub(super) type Counted = Vec<(u32, u32)>;

impl Runs {
    /// The runs of 1, 2, 3 and 4 words of a text, each sorted by number.
    pub fn of(&mut self, words: &[u32]) -> [Counted; LONGEST] {
        std::array::from_fn(|n| {
            let mut numbers: Vec<u32> =
                words.windows(n + 1).map(|run| self.number(pack(run))).collect();
            numbers.sort_unstable();
            numbers.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect()
        })
    }

    /// How many different runs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn number(&mut self, key: Key) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(key).or_insert(next)
    }
}

fn pack(run: &[u32]) -> Key {
    run.iter().fold(0, |key, word| key << 32 | Key::from(*word))
}

/// A hasher for packed runs: two multiplications.
#[derive(Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u128(u128::from(*byte));
        }
    }

    fn write_u128(&mut self, key: u128) {
        for half in [key as u64, (key >> 64) as u64] {
            let mixed = u128::from(self.0 ^ half) * 0x9e37_79b9_7f4a_7c15_u128;
            self.0 = (mixed as u64) ^ ((mixed >> 64) as u64) ^ 0x2545_f491_4f6c_dd1d;
        }
    }
}
