//! Tensors, graphs, checkpoints and the CPU executor. Nothing medical lives here.

mod error;
pub mod graph;
mod tensor;
pub mod weights;

pub use error::{Error, ErrorKind, Result};
pub use tensor::Tensor;
