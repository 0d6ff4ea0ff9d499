//! Conversion to numbers of eight bits and fewer.

use crate::array::Small;
use crate::error::Result;
use crate::onnx::ops::wrong;

/// How a value between two powers of two becomes one of them (E8M0 alone).
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rounding {
    Up,
    Down,
    /// Ties up.
    Nearest,
}

impl Rounding {
    /// As the attribute `round_mode` spells it.
    pub fn named(name: &str) -> Result<Rounding> {
        match name {
            "up" => Ok(Rounding::Up),
            "down" => Ok(Rounding::Down),
            "nearest" => Ok(Rounding::Nearest),
            other => Err(wrong(format!("the round mode `{other}` is not up, down or nearest"))),
        }
    }
}

/// The code of a value.
pub(super) fn encode(kind: Small, x: f32, saturate: bool, rounding: Rounding) -> u8 {
    if kind == Small::F8E8M0 {
        power_of_two(x, saturate, rounding)
    } else {
        kind.encode(x, saturate)
    }
}

/// Exponents from -127 on, 255 is NaN.
fn power_of_two(x: f32, saturate: bool, rounding: Rounding) -> u8 {
    const NAN: u8 = 255;
    if x.is_nan() {
        return NAN;
    }
    let magnitude = f64::from(x.abs());
    if magnitude == 0.0 {
        return if saturate { 0 } else { NAN };
    }
    if magnitude.is_infinite() {
        return if saturate { 254 } else { NAN };
    }
    // A double holds every single as a normal number: its exponent field is exact.
    let bits = magnitude.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let fraction = bits & ((1 << 52) - 1);
    let up = match rounding {
        Rounding::Up => fraction > 0,
        Rounding::Down => false,
        Rounding::Nearest => fraction >= 1 << 51,
    };
    match exponent + i32::from(up) + 127 {
        code if code > 254 => {
            if saturate {
                254
            } else {
                NAN
            }
        }
        code if code < 0 => {
            if saturate {
                0
            } else {
                NAN
            }
        }
        code => code as u8,
    }
}
