//! Tensors, graphs, checkpoints and the CPU executor. Nothing medical lives here.

pub mod array;
pub mod cpu;
mod error;
pub mod graph;
pub mod onnx;
mod passes;
mod tensor;
pub mod weights;
mod wire;

pub use array::{Array, DType};
pub use error::{Error, ErrorKind, Result};
pub use tensor::Tensor;
