//! The types an array's values can have.

use super::{Data, Small, bf16, f16};
use std::fmt;
use std::sync::Arc;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum DType {
    F32,
    F64,
    F16,
    BF16,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    Text,
    Small(Small),
}

impl DType {
    /// Bytes of one value in memory; text counts its handle only.
    pub fn size(self) -> usize {
        match self {
            DType::I8 | DType::U8 | DType::Bool | DType::Small(_) => 1,
            DType::F16 | DType::BF16 | DType::I16 | DType::U16 => 2,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::F64 | DType::I64 | DType::U64 => 8,
            DType::Text => size_of::<String>(),
        }
    }

    /// None of that type.
    pub(crate) fn no_values(self) -> Data {
        match self {
            DType::F32 => f32::wrap(Vec::new()),
            DType::F64 => f64::wrap(Vec::new()),
            DType::F16 => f16::wrap(Vec::new()),
            DType::BF16 => bf16::wrap(Vec::new()),
            DType::I8 => i8::wrap(Vec::new()),
            DType::I16 => i16::wrap(Vec::new()),
            DType::I32 => i32::wrap(Vec::new()),
            DType::I64 => i64::wrap(Vec::new()),
            DType::U8 => u8::wrap(Vec::new()),
            DType::U16 => u16::wrap(Vec::new()),
            DType::U32 => u32::wrap(Vec::new()),
            DType::U64 => u64::wrap(Vec::new()),
            DType::Bool => bool::wrap(Vec::new()),
            DType::Text => String::wrap(Vec::new()),
            DType::Small(kind) => Data::Small(kind, Arc::default()),
        }
    }

    /// Of any width.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64 | DType::F16 | DType::BF16)
    }

    /// The type of that number in `TensorProto.DataType` (onnx.proto). Complex types are absent.
    pub fn from_onnx(number: i64) -> Option<DType> {
        Some(match number {
            1 => DType::F32,
            2 => DType::U8,
            3 => DType::I8,
            4 => DType::U16,
            5 => DType::I16,
            6 => DType::I32,
            7 => DType::I64,
            8 => DType::Text,
            9 => DType::Bool,
            10 => DType::F16,
            11 => DType::F64,
            12 => DType::U32,
            13 => DType::U64,
            16 => DType::BF16,
            other => DType::Small(Small::from_onnx(other)?),
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::Bool => "bool",
            DType::Text => "string",
            DType::Small(kind) => kind.name(),
        })
    }
}

/// A type of value with a [`Data`] variant of its own.
pub trait Element: Clone + Default + PartialEq + Send + Sync + 'static {
    /// Its [`DType`].
    const DTYPE: DType;
    /// As [`Data`].
    fn wrap(values: Vec<Self>) -> Data;
    /// Out of [`Data`], if it is of this type.
    fn slice(data: &Data) -> Option<&[Self]>;
    /// Out of [`Data`], if it is of this type; no copy when nobody else holds it.
    fn unwrap(data: Data) -> Option<Vec<Self>>;
}

macro_rules! elements {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl Element for $type {
            const DTYPE: DType = DType::$variant;
            fn wrap(values: Vec<$type>) -> Data {
                Data::$variant(Arc::new(values))
            }
            fn slice(data: &Data) -> Option<&[$type]> {
                match data {
                    Data::$variant(values) => Some(values),
                    _ => None,
                }
            }
            fn unwrap(data: Data) -> Option<Vec<$type>> {
                match data {
                    Data::$variant(values) => Some(Arc::unwrap_or_clone(values)),
                    _ => None,
                }
            }
        }
    )*};
}

elements! {
    f32 => F32, f64 => F64, f16 => F16, bf16 => BF16,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    bool => Bool, String => Text,
}
