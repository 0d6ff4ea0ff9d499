//! Convolution: weights packed once, then run many times.

mod shape;

pub use shape::{ConvArgs, ConvShape, ConvTransposeShape, Epilogue, Prologue};
pub(crate) use shape::{steps, volume};

use crate::{Pool, naive};

/// Weights of a convolution in the order the kernels read them.
pub struct PackedConv {
    weight: Vec<f32>,
}

impl PackedConv {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.weight.len() * 4
    }
}

/// Packs `[out][in/groups][kd][kh][kw]` weights. Panics unless the length fits the shape.
pub fn pack_conv(shape: &ConvShape, weight: &[f32]) -> PackedConv {
    crate::shared::check("weight of a convolution", weight.len(), shape.weight_len());
    PackedConv { weight: weight.to_vec() }
}

/// Elements of scratch memory [`conv`] needs.
pub fn conv_workspace(_shape: &ConvShape, _w: &PackedConv, _threads: usize) -> usize {
    0
}

/// Convolution.
pub fn conv(
    _pool: &Pool,
    shape: &ConvShape,
    x: &[f32],
    w: &PackedConv,
    args: &ConvArgs,
    _work: &mut [f32],
    y: &mut [f32],
) {
    naive::conv(shape, x, &w.weight, args, y);
}

/// Weights of a transposed convolution in the order the kernels read them.
pub struct PackedConvTranspose {
    weight: Vec<f32>,
}

impl PackedConvTranspose {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.weight.len() * 4
    }
}

/// Packs `[in][out/groups][kd][kh][kw]` weights. Panics unless the length fits the shape.
pub fn pack_conv_transpose(shape: &ConvTransposeShape, weight: &[f32]) -> PackedConvTranspose {
    crate::shared::check("weight of a transposed convolution", weight.len(), shape.weight_len());
    PackedConvTranspose { weight: weight.to_vec() }
}

/// Elements of scratch memory [`conv_transpose`] needs.
pub fn conv_transpose_workspace(
    _shape: &ConvTransposeShape,
    _w: &PackedConvTranspose,
    _threads: usize,
) -> usize {
    0
}

/// Transposed convolution.
pub fn conv_transpose(
    _pool: &Pool,
    shape: &ConvTransposeShape,
    x: &[f32],
    w: &PackedConvTranspose,
    e: &Epilogue,
    _work: &mut [f32],
    y: &mut [f32],
) {
    naive::conv_transpose(shape, x, &w.weight, e, y);
}
