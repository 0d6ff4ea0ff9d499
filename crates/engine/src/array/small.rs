//! Numbers of eight bits and fewer that are stored and converted but not computed with.
//!
//! Formats: "FP8 formats for deep learning" (Micikevicius et al., 2022) for E4M3FN and E5M2, "8-bit
//! numerical formats for deep neural networks" (Noune et al., 2022) for the FNUZ forms, "OCP
//! Microscaling Formats" 1.0 for E8M0 and E2M1; numbers of the types as in onnx.proto.

/// Which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "named by the formats")]
pub enum Small {
    F8E4M3FN,
    F8E4M3FNUZ,
    F8E5M2,
    F8E5M2FNUZ,
    F8E8M0,
    F4E2M1,
    U4,
    I4,
    U2,
    I2,
}

/// Exponent bits, mantissa bits, exponent bias of a float format.
struct Float {
    exponent: u32,
    mantissa: u32,
    bias: i32,
}

impl Small {
    /// By number in `TensorProto.DataType`.
    pub fn from_onnx(number: i64) -> Option<Small> {
        Some(match number {
            17 => Small::F8E4M3FN,
            18 => Small::F8E4M3FNUZ,
            19 => Small::F8E5M2,
            20 => Small::F8E5M2FNUZ,
            21 => Small::U4,
            22 => Small::I4,
            23 => Small::F4E2M1,
            24 => Small::F8E8M0,
            25 => Small::U2,
            26 => Small::I2,
            _ => return None,
        })
    }

    /// As in messages.
    pub fn name(self) -> &'static str {
        match self {
            Small::F8E4M3FN => "float8e4m3fn",
            Small::F8E4M3FNUZ => "float8e4m3fnuz",
            Small::F8E5M2 => "float8e5m2",
            Small::F8E5M2FNUZ => "float8e5m2fnuz",
            Small::F8E8M0 => "float8e8m0",
            Small::F4E2M1 => "float4e2m1",
            Small::U4 => "uint4",
            Small::I4 => "int4",
            Small::U2 => "uint2",
            Small::I2 => "int2",
        }
    }

    /// Bits of a value in a file.
    pub fn bits(self) -> u32 {
        match self {
            Small::U4 | Small::I4 | Small::F4E2M1 => 4,
            Small::U2 | Small::I2 => 2,
            _ => 8,
        }
    }

    /// An integer format.
    pub fn is_integer(self) -> bool {
        matches!(self, Small::U4 | Small::I4 | Small::U2 | Small::I2)
    }

    /// Smallest and largest value of an integer format, largest finite magnitude of a float.
    pub fn range(self) -> (f32, f32) {
        match self {
            Small::F8E4M3FN => (-448.0, 448.0),
            Small::F8E4M3FNUZ => (-240.0, 240.0),
            Small::F8E5M2 | Small::F8E5M2FNUZ => (-57344.0, 57344.0),
            Small::F8E8M0 => (f32::powi(2.0, -127), f32::powi(2.0, 127)),
            Small::F4E2M1 => (-6.0, 6.0),
            Small::U4 => (0.0, 15.0),
            Small::I4 => (-8.0, 7.0),
            Small::U2 => (0.0, 3.0),
            Small::I2 => (-2.0, 1.0),
        }
    }

    fn float(self) -> Option<Float> {
        let of = |exponent, mantissa, bias| Some(Float { exponent, mantissa, bias });
        match self {
            Small::F8E4M3FN => of(4, 3, 7),
            Small::F8E4M3FNUZ => of(4, 3, 8),
            Small::F8E5M2 => of(5, 2, 15),
            Small::F8E5M2FNUZ => of(5, 2, 16),
            Small::F4E2M1 => of(2, 1, 1),
            _ => None,
        }
    }

    /// The value of a code; codes of fewer than eight bits lie in the low ones.
    pub fn decode(self, code: u8) -> f32 {
        let Some(format) = self.float() else {
            return match self {
                Small::F8E8M0 if code == 255 => f32::NAN,
                Small::F8E8M0 => f64::powi(2.0, i32::from(code) - 127) as f32,
                Small::I4 => f32::from(((code << 4) as i8) >> 4),
                Small::I2 => f32::from(((code << 6) as i8) >> 6),
                Small::U4 => f32::from(code & 15),
                _ => f32::from(code & 3),
            };
        };
        let magnitude = code & ((1 << (format.exponent + format.mantissa)) - 1);
        let negative = code >> (format.exponent + format.mantissa) & 1 == 1;
        let special = match self {
            Small::F8E4M3FN if magnitude == 0x7f => Some(f32::NAN),
            Small::F8E5M2 if magnitude == 0x7c => Some(f32::INFINITY),
            Small::F8E5M2 if magnitude > 0x7c => Some(f32::NAN),
            Small::F8E4M3FNUZ | Small::F8E5M2FNUZ if code == 0x80 => Some(f32::NAN),
            _ => None,
        };
        let fraction = f32::from(magnitude & ((1 << format.mantissa) - 1));
        let step = f32::powi(2.0, -(format.mantissa as i32));
        let value = special.unwrap_or(match magnitude >> format.mantissa {
            0 => fraction * step * f32::powi(2.0, 1 - format.bias),
            e => (1.0 + fraction * step) * f32::powi(2.0, i32::from(e) - format.bias),
        });
        if negative { -value } else { value }
    }

    /// The code nearest to a value, ties to the even code. Beyond the largest finite value:
    /// `saturate` gives that value, otherwise infinity or NaN, whichever the format has. E8M0 rounds
    /// up to the next power of two, as the operator `Cast` defines by default.
    pub fn encode(self, x: f32, saturate: bool) -> u8 {
        let (low, high) = self.range();
        if self.is_integer() {
            // Cast truncates towards zero and keeps the low bits.
            let mask = ((1u16 << self.bits()) - 1) as u8;
            return (x as i64 as u8) & mask;
        }
        let Some(format) = self.float() else {
            return match x {
                x if x.is_nan() => 255,
                x if x <= low => 0,
                x if x > high => {
                    if saturate {
                        254
                    } else {
                        255
                    }
                }
                x => (x.log2().ceil() as i32 + 127).clamp(0, 254) as u8,
            };
        };
        let sign_bit = 1u8 << (format.exponent + format.mantissa);
        let unsigned_zero = matches!(self, Small::F8E4M3FNUZ | Small::F8E5M2FNUZ);
        let sign = if x.is_sign_negative() { sign_bit } else { 0 };
        let nan = match self {
            Small::F8E4M3FNUZ | Small::F8E5M2FNUZ => 0x80,
            Small::F4E2M1 => sign_bit,
            _ => sign | 0x7f,
        };
        if x.is_nan() {
            return nan;
        }
        // All finite magnitudes in order: the nearest by bisection, ties to the even code.
        let largest = (0..sign_bit).rev().find(|&c| self.decode(c) == high).unwrap_or(0);
        let magnitude = x.abs();
        let above =
            (0..=largest).collect::<Vec<u8>>().partition_point(|&c| self.decode(c) < magnitude);
        let code = if above > usize::from(largest) {
            // Values that round to the largest finite one are not out of range.
            let step = high - self.decode(largest - 1);
            let fits = magnitude < high + step / 2.0 || self == Small::F4E2M1;
            if !fits && !saturate {
                return match self {
                    Small::F8E5M2 => sign | 0x7c,
                    _ => nan,
                };
            }
            largest
        } else if above == 0 {
            0
        } else {
            let (a, b) = (above as u8 - 1, above as u8);
            let (down, up) = (magnitude - self.decode(a), self.decode(b) - magnitude);
            if down < up || (down == up && a % 2 == 0) { a } else { b }
        };
        if code == 0 && unsigned_zero { 0 } else { sign | code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Small; 6] = [
        Small::F8E4M3FN,
        Small::F8E4M3FNUZ,
        Small::F8E5M2,
        Small::F8E5M2FNUZ,
        Small::F4E2M1,
        Small::F8E8M0,
    ];

    #[test]
    fn every_finite_code_comes_back() {
        for format in ALL {
            for code in 0..(1u16 << format.bits()) as u8 as u16 {
                let value = format.decode(code as u8);
                if value.is_finite() {
                    assert_eq!(format.encode(value, true), code as u8, "{format:?} {value}");
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_even_code_and_the_far_end_saturates_or_not() {
        let e4m3 = Small::F8E4M3FN;
        assert_eq!(e4m3.decode(e4m3.encode(17.0, true)), 16.0);
        assert_eq!(e4m3.decode(e4m3.encode(19.0, true)), 20.0);
        assert_eq!(e4m3.decode(e4m3.encode(1e6, true)), 448.0);
        assert!(e4m3.decode(e4m3.encode(1e6, false)).is_nan());
        assert_eq!(Small::F8E5M2.decode(Small::F8E5M2.encode(-1e6, false)), f32::NEG_INFINITY);
        assert_eq!(Small::I4.decode(Small::I4.encode(-3.7, true)), -3.0);
    }
}
