//! Reaching the values of arrays of any type: slices of a type that only the compiler knows, numbers,
//! order.

use crate::array::{Array, DType, Data, Element, any_type, bf16, f16};
use crate::error::Result;
use crate::onnx::ops::{unsupported, wrong};
use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

/// The values of `array` as those of `like`, if they are of the same type in memory.
pub(super) fn values_like<'a, T: 'static>(_like: &[T], array: &'a Array) -> Option<&'a [T]> {
    any_type!(array.data(), values => {
        (&**values as &dyn Any).downcast_ref::<Vec<T>>().map(Vec::as_slice)
    })
}

/// An error unless both are of the same type.
pub(super) fn same_dtype(a: &Array, b: &Array) -> Result<()> {
    if a.dtype() == b.dtype() {
        return Ok(());
    }
    Err(wrong(format!("values of types {} and {}; one type expected", a.dtype(), b.dtype())))
}

/// Changes the values of an array in place; copies them first when somebody else holds them too.
macro_rules! edit {
    ($array:expr, $values:ident => $body:expr) => {{
        use crate::array::Data;
        let array: crate::array::Array = $array;
        let shape = array.shape().to_vec();
        let mut data = array.into_data();
        match &mut data {
            Data::F32(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::F64(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::F16(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::BF16(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::I8(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::I16(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::I32(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::I64(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::U8(v) | Data::Small(_, v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::U16(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::U32(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::U64(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::Bool(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
            Data::Text(v) => {
                let $values = std::sync::Arc::make_mut(v);
                $body
            }
        }
        crate::array::Array::new(&shape, data)?
    }};
}

/// Evaluates `$body`, a `Result`, for values that are numbers ([`Number`]); other types are an error.
macro_rules! numbers {
    ($array:expr, $values:ident => $body:expr) => {{
        use crate::array::Data;
        match $array.data() {
            Data::F32($values) => $body,
            Data::F64($values) => $body,
            Data::I8($values) => $body,
            Data::I16($values) => $body,
            Data::I32($values) => $body,
            Data::I64($values) => $body,
            Data::U8($values) => $body,
            Data::U16($values) => $body,
            Data::U32($values) => $body,
            Data::U64($values) => $body,
            other => {
                Err(crate::onnx::ops::unsupported(format!("values of type {}", other.dtype())))
            }
        }
    }};
}
pub(super) use {edit, numbers};

/// Arithmetic as the operations define it: floats by IEEE 754 with NaN handed on, integers wrap.
pub(super) trait Number: Element + Copy + PartialOrd {
    /// Sum of nothing.
    const ZERO: Self;
    /// Product of nothing.
    const ONE: Self;
    /// Largest of nothing.
    const LOWEST: Self;
    /// Smallest of nothing.
    const HIGHEST: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn larger(self, other: Self) -> Self;
    fn smaller(self, other: Self) -> Self;
    fn magnitude(self) -> Self;
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Number for $type {
            const ZERO: $type = 0.0;
            const ONE: $type = 1.0;
            const LOWEST: $type = <$type>::NEG_INFINITY;
            const HIGHEST: $type = <$type>::INFINITY;
            fn plus(self, other: $type) -> $type { self + other }
            fn times(self, other: $type) -> $type { self * other }
            #[inline(always)]
            #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
            fn larger(self, other: $type) -> $type {
                if self > other || self != self { self } else { other }
            }
            #[inline(always)]
            #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
            fn smaller(self, other: $type) -> $type {
                if self < other || self != self { self } else { other }
            }
            fn magnitude(self) -> $type { self.abs() }
            fn to_f64(self) -> f64 { f64::from(self) }
            fn from_f64(value: f64) -> $type { value as $type }
        }
    )*};
}

macro_rules! integers {
    ($($type:ty: $magnitude:expr),* $(,)?) => {$(
        impl Number for $type {
            const ZERO: $type = 0;
            const ONE: $type = 1;
            const LOWEST: $type = <$type>::MIN;
            const HIGHEST: $type = <$type>::MAX;
            fn plus(self, other: $type) -> $type { self.wrapping_add(other) }
            fn times(self, other: $type) -> $type { self.wrapping_mul(other) }
            fn larger(self, other: $type) -> $type { Ord::max(self, other) }
            fn smaller(self, other: $type) -> $type { Ord::min(self, other) }
            fn magnitude(self) -> $type { $magnitude(self) }
            fn to_f64(self) -> f64 { self as f64 }
            fn from_f64(value: f64) -> $type { value as $type }
        }
    )*};
}

floats!(f32, f64);
integers! {
    i8: i8::wrapping_abs, i16: i16::wrapping_abs, i32: i32::wrapping_abs, i64: i64::wrapping_abs,
    u8: std::convert::identity, u16: std::convert::identity,
    u32: std::convert::identity, u64: std::convert::identity,
}

/// Half precisions as 32-bit floats, truths as bytes, others as they are.
pub(super) fn widened(array: Array) -> Result<Array> {
    let data = match array.data() {
        Data::F16(_) | Data::BF16(_) => Data::F32(Arc::new(array.to_f32())),
        Data::Bool(v) => Data::U8(Arc::new(v.iter().map(|x| u8::from(*x)).collect())),
        _ => return Ok(array),
    };
    Array::new(array.shape(), data)
}

/// Back from [`widened`] to `dtype`, rounded once.
pub(super) fn narrowed(array: Array, dtype: DType) -> Result<Array> {
    let data = match (array.data(), dtype) {
        (Data::F32(v), DType::F16) => {
            Data::F16(Arc::new(v.iter().map(|x| f16::from_f32(*x)).collect()))
        }
        (Data::F32(v), DType::BF16) => {
            Data::BF16(Arc::new(v.iter().map(|x| bf16::from_f32(*x)).collect()))
        }
        (Data::U8(v), DType::Bool) => Data::Bool(Arc::new(v.iter().map(|x| *x != 0).collect())),
        _ => return Ok(array),
    };
    Array::new(array.shape(), data)
}

/// Numbers as values of `dtype`.
pub(super) fn from_f64(shape: &[usize], values: Vec<f64>, dtype: DType) -> Result<Array> {
    fn cast<T: Number>(values: Vec<f64>) -> Data {
        T::wrap(values.into_iter().map(T::from_f64).collect())
    }
    let data = match dtype {
        DType::F32 => cast::<f32>(values),
        DType::F64 => f64::wrap(values),
        DType::F16 => f16::wrap(values.into_iter().map(f16::from_f64).collect()),
        DType::BF16 => bf16::wrap(values.into_iter().map(bf16::from_f64).collect()),
        DType::I8 => cast::<i8>(values),
        DType::I16 => cast::<i16>(values),
        DType::I32 => cast::<i32>(values),
        DType::I64 => cast::<i64>(values),
        DType::U8 => cast::<u8>(values),
        DType::U16 => cast::<u16>(values),
        DType::U32 => cast::<u32>(values),
        DType::U64 => cast::<u64>(values),
        DType::Bool => bool::wrap(values.into_iter().map(|x| x != 0.0).collect()),
        DType::Text => return Err(unsupported("numbers as text")),
        DType::Small(kind) => {
            let codes = values.into_iter().map(|x| kind.encode(x as f32, true)).collect();
            Data::Small(kind, Arc::new(codes))
        }
    };
    Array::new(shape, data)
}

/// Whole numbers of any type of number; fractions are cut off.
pub(super) fn whole(array: &Array) -> Result<Vec<i64>> {
    match array.data() {
        Data::F64(v) => Ok(v.iter().map(|x| *x as i64).collect()),
        Data::F32(_) | Data::F16(_) | Data::BF16(_) => {
            Ok(array.to_f32().into_iter().map(|x| x as i64).collect())
        }
        other => {
            array.to_i64().ok_or_else(|| wrong(format!("numbers expected, not {}", other.dtype())))
        }
    }
}

/// A total order of the values of a type: NaN above everything and equal to itself.
pub(super) trait Ordered {
    fn order(&self, other: &Self) -> Ordering;
}

macro_rules! ordered {
    ($($type:ty),*) => {$(
        impl Ordered for $type {
            fn order(&self, other: &$type) -> Ordering { self.cmp(other) }
        }
    )*};
    (float $($type:ty),*) => {$(
        impl Ordered for $type {
            fn order(&self, other: &$type) -> Ordering {
                self.partial_cmp(other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
            }
        }
    )*};
}
ordered!(i8, i16, i32, i64, u8, u16, u32, u64, bool, String);
ordered!(float f32, f64, f16, bf16);

/// Indices along an axis of that extent; negative ones count from behind.
pub(super) fn indices(values: &[i64], extent: usize) -> Result<Vec<usize>> {
    values.iter().map(|value| index(*value, extent)).collect()
}

/// One index; see [`indices`].
pub(super) fn index(value: i64, extent: usize) -> Result<usize> {
    let counted = if value < 0 { value.saturating_add(extent as i64) } else { value };
    usize::try_from(counted)
        .ok()
        .filter(|index| *index < extent)
        .ok_or_else(|| wrong(format!("index {value} lies outside an axis of {extent}")))
}
