//! How packed weights are kept, those of a matrix product and those of a convolution by it: in single precision, or in half of the memory where that loses nothing.
//!
//! ```text
//! bf16  s eeeeeeee mmmmmmm          the upper half of an f32
//! f16   s eeeee mmmmmmmmmm          an f32 whose exponent and mantissa fit: widened by a shift and a product with 2¹¹²
//! ```
//! Models published in half precision are read as f32, but every weight is then one of these: kept as such, and widened a panel at a time
//! just before the tiles read it, the product is the same to the last bit and the memory is half.

use crate::isa::multiversion;
use crate::shared::Aligned;

/// Elements below which half the memory is not worth widening.
const SMALL: usize = 1 << 16;

/// The panels of a packed matrix.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Full(Aligned),
    Bf16(Vec<u16>),
    F16(Vec<u16>),
}

impl Store {
    /// Keeps `panels` in half of the memory if they are many and lose nothing by it.
    pub fn new(panels: Aligned) -> Store {
        let narrow = |f: fn(f32) -> u16| panels.iter().map(|x| f(*x)).collect();
        if panels.len() < SMALL {
            Store::Full(panels)
        } else if panels.iter().all(|x| is_bf16(*x)) {
            Store::Bf16(narrow(to_bf16))
        } else if panels.iter().all(|x| is_f16(*x)) {
            Store::F16(narrow(to_f16))
        } else {
            Store::Full(panels)
        }
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Store::Full(panels) => panels.len() * 4,
            Store::Bf16(panels) | Store::F16(panels) => panels.len() * 2,
        }
    }

    /// Elements of scratch memory that [`Store::part`] needs for a part of `len`.
    pub fn room(&self, len: usize) -> usize {
        if matches!(self, Store::Full(_)) { 0 } else { len }
    }

    /// Elements `from..from + len`, widened into `room` where need be.
    pub fn part<'a>(&'a self, from: usize, len: usize, room: &'a mut [f32]) -> &'a [f32] {
        match self {
            Store::Full(panels) => &panels[from..from + len],
            Store::Bf16(panels) => {
                widen_bf16(&panels[from..from + len], &mut room[..len]);
                &room[..len]
            }
            Store::F16(panels) => {
                widen_f16(&panels[from..from + len], &mut room[..len]);
                &room[..len]
            }
        }
    }

    /// Elements `from..from + len` as far as they exist and can be asked for ahead of their use.
    pub fn ahead(&self, from: usize, len: usize) -> &[f32] {
        match self {
            Store::Full(panels) => &panels[from.min(panels.len())..(from + len).min(panels.len())],
            _ => &[],
        }
    }
}

fn is_bf16(x: f32) -> bool {
    x.to_bits() & 0xFFFF == 0
}

fn to_bf16(x: f32) -> u16 {
    (x.to_bits() >> 16) as u16
}

/// A finite number of five bits of exponent and ten of mantissa, those below the normal range included; the exponent that means infinity
/// in f16 serves as one more.
fn is_f16(x: f32) -> bool {
    x.is_finite() && wide(to_f16(x)).to_bits() == x.to_bits()
}

/// Exact where `x` is such a number; any bits elsewhere.
fn to_f16(x: f32) -> u16 {
    // The exponent moves from a bias of 127 to one of 15; what falls below the normal range becomes a denormal f32 on the way.
    let scaled = f32::from_bits(x.to_bits() & 0x7FFF_FFFF) * f32::from_bits(15 << 23);
    ((x.to_bits() >> 16 & 0x8000) | (scaled.to_bits() >> 13 & 0x7FFF)) as u16
}

/// 2¹¹², which moves the exponent from a bias of 15 to one of 127.
const UP: f32 = f32::from_bits((112 + 127) << 23);

#[inline(always)]
fn wide(h: u16) -> f32 {
    let h = u32::from(h);
    let magnitude = f32::from_bits((h & 0x7FFF) << 13) * UP;
    f32::from_bits(magnitude.to_bits() | (h & 0x8000) << 16)
}

multiversion! {
    fn widen_bf16(from: &[u16], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(*from) << 16);
        }
    }
}

multiversion! {
    fn widen_f16(from: &[u16], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = wide(*from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_number_comes_back() {
        for h in 0..=u16::MAX {
            let x = f32::from_bits(u32::from(h) << 16);
            assert!(is_bf16(x) && to_bf16(x) == h);
            // Exponent 31 is what f16 has for infinity and NaN.
            if h >> 10 & 31 != 31 {
                assert!(is_f16(wide(h)) && to_f16(wide(h)) == h, "{h:#x}");
                let (mut wider, expected) = ([0.0; 1], wide(h));
                widen_f16(&[h], &mut wider);
                assert_eq!(wider[0].to_bits(), expected.to_bits());
            }
        }
        // 0x3C00 is one, 0x0001 the least denormal (IEEE 754, binary16).
        assert_eq!((wide(0x3C00), wide(0xC000), wide(1)), (1.0, -2.0, 2f32.powi(-24)));
        assert_eq!(wide(0x7BFF), 65504.0);
    }

    #[test]
    fn other_numbers_are_kept_whole() {
        for x in [0.1, 131_072.0, f32::INFINITY, f32::NAN, 2f32.powi(-25), 1.0 + 2f32.powi(-11)] {
            assert!(!is_f16(x), "{x}");
        }
        assert!(!is_bf16(0.1) && !is_bf16(1.0 + 2f32.powi(-8)));
    }

    #[test]
    fn each_store_holds_what_it_was_given() {
        let bf16 = |i: usize| f32::from_bits(((i * 7919) as u32 & 0x3FFF | 0x3C00) << 16);
        let f16 = |i: usize| wide((i * 7919 % 0x7C00) as u16);
        let any = |i: usize| i as f32 * 0.1;
        for (value, bytes) in [(&bf16 as &dyn Fn(usize) -> f32, 2), (&f16, 2), (&any, 4)] {
            let mut panels = Aligned::zeros(SMALL);
            panels.iter_mut().enumerate().for_each(|(i, x)| *x = value(i));
            let kept = Store::new(panels.clone());
            assert_eq!(kept.bytes(), SMALL * bytes);
            let mut room = vec![0.0; kept.room(100)];
            assert_eq!(kept.part(500, 100, &mut room), &panels[500..600]);
        }
        assert_eq!(Store::new(Aligned::zeros(SMALL - 1)).bytes(), (SMALL - 1) * 4);
    }
}
