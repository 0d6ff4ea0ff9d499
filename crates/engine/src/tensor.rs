//! Dense tensors of 32-bit floats.

use crate::error::{Error, ErrorKind, Result};

/// Dense, row-major (the last axis runs fastest).
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// Errors unless `data` has exactly the product of `shape`. An empty shape is a scalar.
    pub fn new(shape: &[usize], data: Vec<f32>) -> Result<Tensor> {
        let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
        if count != Some(data.len()) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("shape {shape:?} does not hold {} values", data.len()),
            ));
        }
        Ok(Tensor { shape: shape.to_vec(), data })
    }

    /// All zeros. `shape` must be one that memory can hold.
    pub fn zeros(shape: &[usize]) -> Tensor {
        Tensor { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] }
    }

    /// Extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All values.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, to change.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values without the tensor.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}
