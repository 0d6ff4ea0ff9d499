//! Random numbers that are the same on every machine and for every number of threads.

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each `(seed, stream)`.
    pub fn new(seed: u64, stream: u64) -> Random {
        let mut mixed = Random(seed ^ 0x9e37_79b9_7f4a_7c15);
        let start = mixed.bits();
        let mut own = Random(start ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
        own.bits();
        own
    }

    /// The generator as it is published, at this state.
    pub fn at(state: u64) -> Random {
        Random(state)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A whole number below `n` (n > 0), by multiplication (Lemire 2019); the bias is below
    /// n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }
}

/// 64 bits mixed so that neighbouring numbers have nothing in common: the generator's last step.
pub fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
