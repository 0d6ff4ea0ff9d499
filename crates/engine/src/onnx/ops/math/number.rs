//! Arithmetic of one number, for every type.

use crate::array::{Element, bf16, f16};

/// A number that can be computed with.
pub(super) trait Number: Element + Copy + PartialOrd {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Integers: towards zero; by zero gives zero.
    fn div(self, other: Self) -> Self;
    /// Remainder with the sign of the divisor, as Python's `%`.
    fn modulo(self, other: Self) -> Self;
    /// Remainder with the sign of the dividend, as C's `fmod`.
    fn fmod(self, other: Self) -> Self;
    fn pow(self, other: Self) -> Self;
    /// The larger; NaN if either is.
    fn max(self, other: Self) -> Self;
    /// The smaller; NaN if either is.
    fn min(self, other: Self) -> Self;
    fn abs(self) -> Self;
    fn neg(self) -> Self;
    fn sign(self) -> Self;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
}

macro_rules! integers {
    ($($type:ty: $abs:expr, $sign:expr;)*) => {$(
        impl Number for $type {
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn div(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }
            #[allow(unused_comparisons, reason = "one text for signed and unsigned")]
            fn modulo(self, other: Self) -> Self {
                let rest = self.fmod(other);
                if rest != 0 && (rest < 0) != (other < 0) { rest.wrapping_add(other) } else { rest }
            }
            fn fmod(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
            #[allow(unused_comparisons, reason = "one text for signed and unsigned")]
            fn pow(self, other: Self) -> Self {
                if other < 0 {
                    return match self {
                        1 => 1,
                        // Only ±1 has a whole reciprocal.
                        x if x.wrapping_add(1) == 0 && x < 0 => {
                            if other % 2 == 0 { 1 } else { x }
                        }
                        _ => 0,
                    };
                }
                let (mut base, mut left, mut power): (Self, u64, Self) = (self, other as u64, 1);
                while left > 0 {
                    if left & 1 == 1 {
                        power = power.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                power
            }
            fn max(self, other: Self) -> Self {
                Ord::max(self, other)
            }
            fn min(self, other: Self) -> Self {
                Ord::min(self, other)
            }
            fn abs(self) -> Self {
                let f: fn($type) -> $type = $abs;
                f(self)
            }
            fn neg(self) -> Self {
                self.wrapping_neg()
            }
            fn sign(self) -> Self {
                let f: fn($type) -> $type = $sign;
                f(self)
            }
            fn from_f64(x: f64) -> Self {
                x as $type
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

integers! {
    i8: |x| x.wrapping_abs(), |x| x.signum();
    i16: |x| x.wrapping_abs(), |x| x.signum();
    i32: |x| x.wrapping_abs(), |x| x.signum();
    i64: |x| x.wrapping_abs(), |x| x.signum();
    u8: |x| x, |x| u8::from(x > 0);
    u16: |x| x, |x| u16::from(x > 0);
    u32: |x| x, |x| u32::from(x > 0);
    u64: |x| x, |x| u64::from(x > 0);
}

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl Number for $type {
            fn add(self, other: Self) -> Self {
                self + other
            }
            fn sub(self, other: Self) -> Self {
                self - other
            }
            fn mul(self, other: Self) -> Self {
                self * other
            }
            fn div(self, other: Self) -> Self {
                self / other
            }
            fn modulo(self, other: Self) -> Self {
                let rest = self % other;
                if rest != 0.0 {
                    if (rest < 0.0) != (other < 0.0) { rest + other } else { rest }
                } else {
                    (0.0 as $type).copysign(other)
                }
            }
            fn fmod(self, other: Self) -> Self {
                self % other
            }
            fn pow(self, other: Self) -> Self {
                // The square is what norms are written with.
                if other == 2.0 { self * self } else { self.powf(other) }
            }
            fn max(self, other: Self) -> Self {
                if self > other || self.is_nan() { self } else { other }
            }
            fn min(self, other: Self) -> Self {
                if self < other || self.is_nan() { self } else { other }
            }
            fn abs(self) -> Self {
                <$type>::abs(self)
            }
            fn neg(self) -> Self {
                -self
            }
            fn sign(self) -> Self {
                if self > 0.0 {
                    1.0
                } else if self < 0.0 {
                    -1.0
                } else {
                    self
                }
            }
            fn from_f64(x: f64) -> Self {
                x as $type
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}

floats! { f32 f64 }

macro_rules! halves {
    ($($type:ty)*) => {$(
        impl Number for $type {
            fn add(self, other: Self) -> Self {
                <$type>::from_f32(self.to_f32() + other.to_f32())
            }
            fn sub(self, other: Self) -> Self {
                <$type>::from_f32(self.to_f32() - other.to_f32())
            }
            fn mul(self, other: Self) -> Self {
                <$type>::from_f32(self.to_f32() * other.to_f32())
            }
            fn div(self, other: Self) -> Self {
                <$type>::from_f32(self.to_f32() / other.to_f32())
            }
            fn modulo(self, other: Self) -> Self {
                <$type>::from_f32(Number::modulo(self.to_f32(), other.to_f32()))
            }
            fn fmod(self, other: Self) -> Self {
                <$type>::from_f32(self.to_f32() % other.to_f32())
            }
            fn pow(self, other: Self) -> Self {
                <$type>::from_f32(Number::pow(self.to_f32(), other.to_f32()))
            }
            fn max(self, other: Self) -> Self {
                <$type>::from_f32(Number::max(self.to_f32(), other.to_f32()))
            }
            fn min(self, other: Self) -> Self {
                <$type>::from_f32(Number::min(self.to_f32(), other.to_f32()))
            }
            fn abs(self) -> Self {
                <$type>::from_f32(self.to_f32().abs())
            }
            fn neg(self) -> Self {
                <$type>::from_f32(-self.to_f32())
            }
            fn sign(self) -> Self {
                <$type>::from_f32(Number::sign(self.to_f32()))
            }
            fn from_f64(x: f64) -> Self {
                <$type>::from_f64(x)
            }
            fn to_f64(self) -> f64 {
                <$type>::to_f64(self)
            }
        }
    )*};
}

halves! { f16 bf16 }

/// Evaluates `$body` with `$T` standing for the number type of a [`DType`](crate::array::DType); an
/// error for types that are no numbers.
macro_rules! by_number {
    ($dtype:expr, $T:ident => $body:expr) => {{
        use $crate::array::DType;
        macro_rules! with {
            ($type:ty) => {{
                type $T = $type;
                $body
            }};
        }
        match $dtype {
            DType::F32 => with!(f32),
            DType::F64 => with!(f64),
            DType::F16 => with!($crate::array::f16),
            DType::BF16 => with!($crate::array::bf16),
            DType::I8 => with!(i8),
            DType::I16 => with!(i16),
            DType::I32 => with!(i32),
            DType::I64 => with!(i64),
            DType::U8 => with!(u8),
            DType::U16 => with!(u16),
            DType::U32 => with!(u32),
            DType::U64 => with!(u64),
            other => Err($crate::onnx::ops::wrong(format!(
                "{other} values are no numbers to compute with"
            ))),
        }
    }};
}
pub(super) use by_number;
