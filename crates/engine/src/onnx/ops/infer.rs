//! What is known of a value before anything runs: its type and shape, and its numbers where they
//! follow from shapes and constants alone.

use crate::array::{Array, DType};
use crate::onnx::graph::{Attributes, Node};
use crate::onnx::levels::Quantised;
use std::sync::Arc;

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    /// Type of its values.
    pub dtype: DType,
    /// Extents.
    pub shape: Vec<usize>,
    /// Its numbers, where they are known.
    pub value: Option<Array>,
    /// What they are made of, where they are made by the layers that read them.
    pub levels: Option<Arc<Quantised>>,
}

impl Known {
    /// Of a type and shape.
    pub fn of(dtype: DType, shape: Vec<usize>) -> Known {
        Known { dtype, shape, value: None, levels: None }
    }
}

impl From<Array> for Known {
    fn from(array: Array) -> Known {
        let (dtype, shape) = (array.dtype(), array.shape().to_vec());
        Known { dtype, shape, value: Some(array), levels: None }
    }
}

/// The question a rule answers.
pub(crate) struct Ask<'a> {
    /// The node.
    pub node: &'a Node,
    /// `None` for inputs that are left out. Rules are asked only when all others are known.
    pub inputs: &'a [Option<&'a Known>],
}

/// What the results of a node look like; `None` when it cannot be told.
pub(crate) type Infer = fn(&Ask) -> Option<Vec<Known>>;

impl Ask<'_> {
    /// The node's attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.node.attributes
    }

    /// An input.
    pub fn input(&self, index: usize) -> Option<&Known> {
        self.inputs.get(index).copied().flatten()
    }

    /// The integers of an input whose numbers are known.
    pub fn ints(&self, index: usize) -> Option<Vec<i64>> {
        self.input(index)?.value.as_ref()?.to_i64()
    }
}
