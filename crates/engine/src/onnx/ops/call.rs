//! What an operation is given: its node, its inputs, and where it may keep what it prepared.

use crate::array::{Array, DType, Element, count};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::graph::{Attributes, Node};
use kernels::Pool;
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// A value between nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A tensor.
    Array(Array),
    /// Tensors in order.
    Sequence(Vec<Array>),
    /// An optional that is empty.
    Absent,
}

impl Value {
    /// The tensor, if it is one.
    pub fn array(&self) -> Option<&Array> {
        match self {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        match self {
            Value::Array(array) => array.bytes(),
            Value::Sequence(arrays) => arrays.iter().map(Array::bytes).sum(),
            Value::Absent => 0,
        }
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Value {
        Value::Array(array)
    }
}

/// Runs the graphs among a node's attributes.
pub(crate) trait Bodies {
    /// The outputs of the body of that name, run on `inputs`.
    fn run(&self, name: &str, inputs: Vec<Value>) -> Result<Vec<Value>>;
    /// What an output of that body, stacked over no turns at all, is: its type and shape as declared.
    fn nothing(&self, name: &str, output: usize) -> Result<Array>;
    /// How many inputs it declares.
    fn input_count(&self, name: &str) -> Result<usize>;
}

/// Of a node without graphs among its attributes.
pub(crate) struct NoBodies;

impl Bodies for NoBodies {
    fn run(&self, name: &str, _: Vec<Value>) -> Result<Vec<Value>> {
        Err(wrong(format!("the graph `{name}` is missing")))
    }

    fn nothing(&self, name: &str, _: usize) -> Result<Array> {
        Err(wrong(format!("the graph `{name}` is missing")))
    }

    fn input_count(&self, name: &str) -> Result<usize> {
        Err(wrong(format!("the graph `{name}` is missing")))
    }
}

/// Keeps what a node prepared, such as packed weights, from one run to the next.
pub(crate) struct Memo {
    kept: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    /// Of the nodes of each body.
    pub(crate) bodies: Vec<Vec<Memo>>,
}

impl Memo {
    /// Nothing kept yet.
    pub fn with_bodies(bodies: Vec<Vec<Memo>>) -> Memo {
        Memo { kept: Mutex::default(), bodies }
    }

    /// What was kept under an equal key, or what `make` makes now.
    pub fn get<K, V>(&self, key: K, make: impl FnOnce() -> Result<V>) -> Result<Arc<(K, V)>>
    where
        K: PartialEq + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = kept.as_ref().and_then(|old| Arc::clone(old).downcast::<(K, V)>().ok()) {
            if old.0 == key {
                return Ok(old);
            }
        }
        let new = Arc::new((key, make()?));
        *kept = Some(Arc::clone(&new) as Arc<dyn Any + Send + Sync>);
        Ok(new)
    }
}

/// One call of an operation.
pub(crate) struct Call<'a> {
    /// The node.
    pub node: &'a Node,
    /// The threads to run on.
    pub pool: &'a Pool,
    /// Bytes that one result may take.
    pub most_bytes: u64,
    /// Which inputs are the same at every run.
    pub constant: &'a [bool],
    /// Kept from run to run.
    pub memo: &'a Memo,
    /// Graphs among the attributes.
    pub bodies: &'a dyn Bodies,
}

impl Call<'_> {
    /// The node's attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.node.attributes
    }

    /// Version of the operator set the file asks for.
    pub fn version(&self) -> i64 {
        self.node.version
    }

    /// An integer attribute or its default.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.node.attributes.int(name).unwrap_or(default)
    }

    /// A float attribute or its default.
    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.node.attributes.float(name).unwrap_or(default)
    }

    /// A text attribute or its default.
    pub fn text<'s>(&'s self, name: &str, default: &'s str) -> &'s str {
        self.node.attributes.text(name).unwrap_or(default)
    }

    /// The input is the same at every run.
    pub fn is_constant(&self, input: usize) -> bool {
        self.constant.get(input).copied().unwrap_or(false)
    }

    /// Number of values of a result of that shape; an error when it would be larger than memory
    /// allows. Every operation whose result can be larger than its inputs asks.
    pub fn room(&self, shape: &[usize], dtype: DType) -> Result<usize> {
        let n = count(shape);
        match n.and_then(|n| (n as u64).checked_mul(dtype.size() as u64).map(|bytes| (n, bytes))) {
            Some((n, bytes)) if bytes <= self.most_bytes => Ok(n),
            _ => Err(Error::new(
                ErrorKind::Limit,
                format!(
                    "a result of shape {shape:?} and type {dtype} would take more than the {} MiB allowed",
                    self.most_bytes >> 20
                ),
            )),
        }
    }
}

/// The inputs of a call; the operation owns them.
pub(crate) struct Inputs(pub Vec<Option<Value>>);

impl Inputs {
    /// Number of inputs listed, those left out included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A tensor that must be there.
    pub fn array(&self, index: usize) -> Result<&Array> {
        self.maybe(index)?.ok_or_else(|| missing(index))
    }

    /// A tensor that may be left out.
    pub fn maybe(&self, index: usize) -> Result<Option<&Array>> {
        match self.0.get(index) {
            None | Some(None) => Ok(None),
            Some(Some(Value::Array(array))) => Ok(Some(array)),
            Some(Some(_)) => Err(wrong(format!("input {index} is no tensor"))),
        }
    }

    /// Takes a tensor that must be there; its values can then be changed in place where nobody else
    /// needs them.
    pub fn take(&mut self, index: usize) -> Result<Array> {
        match self.0.get_mut(index).and_then(Option::take) {
            Some(Value::Array(array)) => Ok(array),
            Some(_) => Err(wrong(format!("input {index} is no tensor"))),
            None => Err(missing(index)),
        }
    }

    /// Takes any value that must be there.
    pub fn take_value(&mut self, index: usize) -> Result<Value> {
        self.0.get_mut(index).and_then(Option::take).ok_or_else(|| missing(index))
    }

    /// Values of one type that must be there.
    pub fn slice<T: Element>(&self, index: usize) -> Result<&[T]> {
        let array = self.array(index)?;
        array.slice().ok_or_else(|| {
            wrong(format!("input {index} is {}, {} expected", array.dtype(), T::DTYPE))
        })
    }

    /// Integers of any type, or `None` when left out.
    pub fn maybe_ints(&self, index: usize) -> Result<Option<Vec<i64>>> {
        let Some(array) = self.maybe(index)? else { return Ok(None) };
        match array.to_i64() {
            Some(values) => Ok(Some(values)),
            None => Err(wrong(format!("input {index} is {}, integers expected", array.dtype()))),
        }
    }

    /// Integers of any type that must be there.
    pub fn ints(&self, index: usize) -> Result<Vec<i64>> {
        self.maybe_ints(index)?.ok_or_else(|| missing(index))
    }

    /// The one integer of an input that must be there.
    pub fn int(&self, index: usize) -> Result<i64> {
        match self.ints(index)?.as_slice() {
            [one] => Ok(*one),
            other => Err(wrong(format!("input {index} has {} values, one expected", other.len()))),
        }
    }
}

/// The usual result of an operation.
pub(crate) fn one(array: Array) -> Result<Vec<Value>> {
    Ok(vec![Value::Array(array)])
}

/// An axis counted from the front; negative ones count from behind.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(counted)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| wrong(format!("axis {axis} does not exist among {rank}")))
}

/// An error about what an operation was given.
pub(crate) fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Shape, message)
}

/// An error about something sound that this build cannot do.
pub(crate) fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

fn missing(index: usize) -> Error {
    wrong(format!("input {index} is missing"))
}
