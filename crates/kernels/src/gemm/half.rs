//! Half-precision numbers as they lie in memory, and which floats are such.
//!
//! ```text
//! bf16  s eeeeeeee mmmmmmm          the upper half of an f32
//! f16   s eeeee mmmmmmmmmm          an f32 whose exponent and mantissa fit: widened by a shift and a product with 2¹¹²
//! ```

use crate::isa::multiversion;

pub(crate) fn is_bf16(x: f32) -> bool {
    x.to_bits() & 0xFFFF == 0
}

pub(crate) fn to_bf16(x: f32) -> u16 {
    (x.to_bits() >> 16) as u16
}

/// A finite number of five bits of exponent and ten of mantissa, those below the normal range included; the exponent that means infinity
/// in f16 serves as one more.
pub(crate) fn is_f16(x: f32) -> bool {
    x.is_finite() && wide(to_f16(x)).to_bits() == x.to_bits()
}

/// Exact where `x` is such a number; any bits elsewhere.
pub(crate) fn to_f16(x: f32) -> u16 {
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
    pub(crate) fn widen_bf16(from: &[u16], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(*from) << 16);
        }
    }
}

multiversion! {
    pub(crate) fn widen_f16(from: &[u16], to: &mut [f32]) {
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
}
