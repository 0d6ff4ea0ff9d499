//! Tensors, graphs, checkpoints and the CPU executor. Nothing medical lives here.

pub mod cpu;
mod error;
pub mod graph;
mod passes;
mod tensor;
pub mod weights;

pub use error::{Error, ErrorKind, Result};
pub use tensor::Tensor;
