//! Weights as they are handed over to be packed.
//!
//! ```text
//! weight =  number                                floats, as PyTorch keeps them
//! weight = (level − zero) · scale                 quantised: one byte a weight; scale and zero of its out channel, or of a stretch of its sum
//! weight =  that · factor                         one for each out channel: a norm folded into the layer
//! ```
//! Every product here is one rounding, in this order: a layer gives the same bits whether its weights are handed over as their parts or
//! as the floats that these parts make, by the same algorithm: digits ([`crate::Isa::Amx`]) are made of floats only.

use std::borrow::Cow;

/// Weights of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// In the order that the routine asks for.
    pub numbers: Numbers<'a>,
    /// One for each out channel, applied last.
    pub factor: Option<&'a [f32]>,
}

/// What is stored for each weight.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// The weight itself.
    Floats(&'a [f32]),
    /// A quantised number.
    Levels(Levels<'a>),
}

/// Quantised weights: `(level − zero) · scale`.
#[derive(Clone, Copy, Debug)]
pub struct Levels<'a> {
    /// One for each weight.
    pub levels: Bytes<'a>,
    /// `[out][stretches of its sum]`.
    pub scale: &'a [f32],
    /// Likewise.
    pub zero: &'a [f32],
    /// Terms of a sum (in channels times taps, in the order of the weights) that share a scale; at least as many as there are where an out
    /// channel has one scale.
    pub stretch: usize,
}

/// Numbers of eight bits.
#[derive(Clone, Copy, Debug)]
pub enum Bytes<'a> {
    /// −128 to 127.
    Signed(&'a [i8]),
    /// 0 to 255.
    Unsigned(&'a [u8]),
}

impl<'a> From<&'a [f32]> for Weights<'a> {
    fn from(floats: &'a [f32]) -> Weights<'a> {
        Weights { numbers: Numbers::Floats(floats), factor: None }
    }
}

impl<'a> From<&'a Vec<f32>> for Weights<'a> {
    fn from(floats: &'a Vec<f32>) -> Weights<'a> {
        Weights::from(floats.as_slice())
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Weights<'a> {
    fn from(floats: &'a [f32; N]) -> Weights<'a> {
        Weights::from(floats.as_slice())
    }
}

impl<'a> From<&'a Cow<'_, [f32]>> for Weights<'a> {
    fn from(floats: &'a Cow<'_, [f32]>) -> Weights<'a> {
        Weights::from(&**floats)
    }
}

impl<'a> Weights<'a> {
    /// Number of weights.
    pub fn len(&self) -> usize {
        match self.numbers {
            Numbers::Floats(floats) => floats.len(),
            Numbers::Levels(Levels { levels: Bytes::Signed(levels), .. }) => levels.len(),
            Numbers::Levels(Levels { levels: Bytes::Unsigned(levels), .. }) => levels.len(),
        }
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them as floats; `place` gives the out channel of a weight and its term in that channel's sum of `terms`.
    pub fn floats(&self, terms: usize, place: impl Fn(usize) -> [usize; 2]) -> Cow<'a, [f32]> {
        let factor = |out: usize| self.factor.map_or(1.0, |factor| factor[out]);
        match self.numbers {
            Numbers::Floats(floats) if self.factor.is_none() => Cow::Borrowed(floats),
            Numbers::Floats(floats) => {
                let floats = floats.iter().enumerate();
                Cow::Owned(floats.map(|(i, x)| x * factor(place(i)[0])).collect())
            }
            Numbers::Levels(levels) => {
                let one = |i: usize| {
                    let (level, place) = (f32::from(levels.at(i)), place(i));
                    let at = levels.step(place, terms);
                    (level - levels.zero(at)) * levels.scale[at] * factor(place[0])
                };
                Cow::Owned((0..self.len()).map(one).collect())
            }
        }
    }

    /// Panics unless there are `len` weights, and factors and scales for `outs` sums of `terms` terms.
    pub(crate) fn check(&self, what: &str, len: usize, [outs, terms]: [usize; 2]) {
        crate::shared::check(what, self.len(), len);
        self.factor.inspect(|f| crate::shared::check("factors of weights", f.len(), outs));
        if let Numbers::Levels(levels) = self.numbers {
            let steps = outs * levels.stretches(terms);
            crate::shared::check("scales of weights", levels.scale.len(), steps);
            crate::shared::check("zero points of weights", levels.zero.len(), steps);
        }
    }
}

/// What is added to a signed number to make it an unsigned one.
const SIGN: u8 = 128;

impl Levels<'_> {
    /// The level of weight `i`, moved by [`SIGN`] where it is signed; so is [`Levels::zero`], and the difference is the same to the bit.
    pub(crate) fn at(&self, i: usize) -> u8 {
        match self.levels {
            Bytes::Signed(levels) => (levels[i] as u8).wrapping_add(SIGN),
            Bytes::Unsigned(levels) => levels[i],
        }
    }

    /// All levels, moved likewise.
    pub(crate) fn moved(&self) -> Vec<u8> {
        match self.levels {
            Bytes::Signed(levels) => {
                levels.iter().map(|level| (*level as u8).wrapping_add(SIGN)).collect()
            }
            Bytes::Unsigned(levels) => levels.to_vec(),
        }
    }

    /// The zero point of step `at`, moved likewise.
    pub(crate) fn zero(&self, at: usize) -> f32 {
        match self.levels {
            Bytes::Signed(_) => self.zero[at] + f32::from(SIGN),
            Bytes::Unsigned(_) => self.zero[at],
        }
    }

    /// Scales of a sum of `terms` terms.
    pub(crate) fn stretches(&self, terms: usize) -> usize {
        terms.div_ceil(self.stretch.max(1)).max(1)
    }

    /// Where scale and zero point of a term of a sum of `terms` lie.
    pub(crate) fn step(&self, [out, term]: [usize; 2], terms: usize) -> usize {
        out * self.stretches(terms) + term / self.stretch.max(1)
    }
}
