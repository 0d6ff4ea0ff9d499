//! Typed dense arrays: what travels between the operations of an imported graph.
//!
//! Values are shared: cloning an [`Array`] copies its shape, never its numbers. Half precisions are
//! kept as such; floats of eight bits and integers of four or two are [`Data::Small`], one byte a
//! value, which only conversions read.

mod dtype;
mod small;

pub use dtype::{DType, Element};
pub use small::Small;

pub use half::{bf16, f16};

use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;
use std::sync::Arc;

/// The numbers of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "one variant for each type, named like it")]
pub enum Data {
    F32(Arc<Vec<f32>>),
    F64(Arc<Vec<f64>>),
    F16(Arc<Vec<f16>>),
    BF16(Arc<Vec<bf16>>),
    I8(Arc<Vec<i8>>),
    I16(Arc<Vec<i16>>),
    I32(Arc<Vec<i32>>),
    I64(Arc<Vec<i64>>),
    U8(Arc<Vec<u8>>),
    U16(Arc<Vec<u16>>),
    U32(Arc<Vec<u32>>),
    U64(Arc<Vec<u64>>),
    Bool(Arc<Vec<bool>>),
    Text(Arc<Vec<String>>),
    Small(Small, Arc<Vec<u8>>),
}

/// Evaluates `$body` for the values of any type and wraps what it gives, a `Vec` of the same type,
/// as the same kind of [`Data`].
macro_rules! same_type {
    ($data:expr, $values:ident => $body:expr) => {{
        use std::sync::Arc;
        use $crate::array::Data;
        match $data {
            Data::F32($values) => Data::F32(Arc::new($body)),
            Data::F64($values) => Data::F64(Arc::new($body)),
            Data::F16($values) => Data::F16(Arc::new($body)),
            Data::BF16($values) => Data::BF16(Arc::new($body)),
            Data::I8($values) => Data::I8(Arc::new($body)),
            Data::I16($values) => Data::I16(Arc::new($body)),
            Data::I32($values) => Data::I32(Arc::new($body)),
            Data::I64($values) => Data::I64(Arc::new($body)),
            Data::U8($values) => Data::U8(Arc::new($body)),
            Data::U16($values) => Data::U16(Arc::new($body)),
            Data::U32($values) => Data::U32(Arc::new($body)),
            Data::U64($values) => Data::U64(Arc::new($body)),
            Data::Bool($values) => Data::Bool(Arc::new($body)),
            Data::Text($values) => Data::Text(Arc::new($body)),
            Data::Small(kind, $values) => Data::Small(*kind, Arc::new($body)),
        }
    }};
}
/// Evaluates `$body` for the values of any type.
macro_rules! any_type {
    ($data:expr, $values:ident => $body:expr) => {{
        use $crate::array::Data;
        match $data {
            Data::F32($values) => $body,
            Data::F64($values) => $body,
            Data::F16($values) => $body,
            Data::BF16($values) => $body,
            Data::I8($values) => $body,
            Data::I16($values) => $body,
            Data::I32($values) => $body,
            Data::I64($values) => $body,
            Data::U8($values) => $body,
            Data::U16($values) => $body,
            Data::U32($values) => $body,
            Data::U64($values) => $body,
            Data::Bool($values) => $body,
            Data::Text($values) => $body,
            Data::Small(_, $values) => $body,
        }
    }};
}
pub(crate) use {any_type, same_type};

/// Dense, row-major (the last axis runs fastest); an empty shape is a scalar.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: Data,
}

impl Array {
    /// Errors unless `data` has exactly the product of `shape`.
    pub fn new(shape: &[usize], data: Data) -> Result<Array> {
        if count(shape) != Some(data.len()) {
            let message = format!("shape {shape:?} does not hold {} values", data.len());
            return Err(Error::new(ErrorKind::Shape, message));
        }
        Ok(Array { shape: shape.to_vec(), data })
    }

    /// Of values of one type. Errors unless there are exactly as many as `shape` holds.
    pub fn of<T: Element>(shape: &[usize], values: Vec<T>) -> Result<Array> {
        Array::new(shape, T::wrap(values))
    }

    /// Of 32-bit floats.
    pub fn f32(shape: &[usize], values: Vec<f32>) -> Result<Array> {
        Array::of(shape, values)
    }

    /// One number without axes.
    pub fn scalar<T: Element>(value: T) -> Array {
        Array { shape: Vec::new(), data: T::wrap(vec![value]) }
    }

    /// One axis.
    pub fn vector<T: Element>(values: Vec<T>) -> Array {
        Array { shape: vec![values.len()], data: T::wrap(values) }
    }

    /// Extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// No values at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of its values.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// Its values.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Its values, handed over.
    pub(crate) fn into_data(self) -> Data {
        self.data
    }

    /// Bytes its values take in memory.
    pub fn bytes(&self) -> u64 {
        self.len() as u64 * self.dtype().size() as u64
    }

    /// Its values, if they are of that type.
    pub fn slice<T: Element>(&self) -> Option<&[T]> {
        T::slice(&self.data)
    }

    /// Its values, if they are of that type: taken without a copy when nobody else holds them.
    pub fn into_vec<T: Element>(self) -> Option<Vec<T>> {
        T::unwrap(self.data)
    }

    /// The same values in another shape. Errors unless as many.
    pub fn reshaped(self, shape: &[usize]) -> Result<Array> {
        if count(shape) != Some(self.data.len()) {
            let message = format!("{:?} does not become {shape:?}", self.shape);
            return Err(Error::new(ErrorKind::Shape, message));
        }
        Ok(Array { shape: shape.to_vec(), data: self.data })
    }

    /// All values as 32-bit floats, rounded where needed; text gives NaN.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.data {
            Data::F32(v) => v.to_vec(),
            Data::F64(v) => v.iter().map(|x| *x as f32).collect(),
            Data::F16(v) => v.iter().map(|x| x.to_f32()).collect(),
            Data::BF16(v) => v.iter().map(|x| x.to_f32()).collect(),
            Data::Bool(v) => v.iter().map(|x| f32::from(u8::from(*x))).collect(),
            Data::Small(kind, v) => v.iter().map(|x| kind.decode(*x)).collect(),
            Data::Text(v) => vec![f32::NAN; v.len()],
            Data::I8(v) => v.iter().map(|x| f32::from(*x)).collect(),
            Data::I16(v) => v.iter().map(|x| f32::from(*x)).collect(),
            Data::I32(v) => v.iter().map(|x| *x as f32).collect(),
            Data::I64(v) => v.iter().map(|x| *x as f32).collect(),
            Data::U8(v) => v.iter().map(|x| f32::from(*x)).collect(),
            Data::U16(v) => v.iter().map(|x| f32::from(*x)).collect(),
            Data::U32(v) => v.iter().map(|x| *x as f32).collect(),
            Data::U64(v) => v.iter().map(|x| *x as f32).collect(),
        }
    }

    /// All values as integers, if they are of an integer type or `bool`.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        Some(match &self.data {
            Data::I8(v) => v.iter().map(|x| i64::from(*x)).collect(),
            Data::I16(v) => v.iter().map(|x| i64::from(*x)).collect(),
            Data::I32(v) => v.iter().map(|x| i64::from(*x)).collect(),
            Data::I64(v) => v.to_vec(),
            Data::U8(v) => v.iter().map(|x| i64::from(*x)).collect(),
            Data::U16(v) => v.iter().map(|x| i64::from(*x)).collect(),
            Data::U32(v) => v.iter().map(|x| i64::from(*x)).collect(),
            Data::U64(v) => v.iter().map(|x| *x as i64).collect(),
            Data::Bool(v) => v.iter().map(|x| i64::from(*x)).collect(),
            _ => return None,
        })
    }
}

impl Data {
    /// Number of values.
    pub fn len(&self) -> usize {
        any_type!(self, v => v.len())
    }

    /// No values at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn dtype(&self) -> DType {
        match self {
            Data::F32(_) => DType::F32,
            Data::F64(_) => DType::F64,
            Data::F16(_) => DType::F16,
            Data::BF16(_) => DType::BF16,
            Data::I8(_) => DType::I8,
            Data::I16(_) => DType::I16,
            Data::I32(_) => DType::I32,
            Data::I64(_) => DType::I64,
            Data::U8(_) => DType::U8,
            Data::U16(_) => DType::U16,
            Data::U32(_) => DType::U32,
            Data::U64(_) => DType::U64,
            Data::Bool(_) => DType::Bool,
            Data::Text(_) => DType::Text,
            Data::Small(kind, _) => DType::Small(*kind),
        }
    }
}

impl From<Tensor> for Array {
    fn from(tensor: Tensor) -> Array {
        let shape = tensor.shape().to_vec();
        Array { shape, data: Data::F32(Arc::new(tensor.into_data())) }
    }
}

/// Product of extents; `None` where it overflows.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    // An empty axis empties the array, however large the others are.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent))
}
