//! Slices in, slices out: the arithmetic of neural networks on one processor.
//!
//! One sample per call, no batch. Everything is `f32`, dense and row-major, `[channel][depth][height][width]`; a picture has
//! depth 1, a signal depth and height 1. A routine knows shapes and slices, never a graph.
//!
//! Layout of the crate:
//!
//! | file | holds |
//! |---|---|
//! | [`pool`](Pool) | the persistent threads and how work is dealt out |
//! | [`Floats`] | memory on cache lines, for weights in huge pages |
//! | `isa` | which instruction set runs, chosen once at run time |
//! | `simd` | a vector register as a type, one implementation per instruction set |
//! | `digits/` | numbers as digits of eight bits, multiplied on tiles of bytes (AMX) |
//! | [`Weights`] | weights as they are handed over: floats, quantised levels, factors of a folded norm |
//! | `gemm/` | the register tile (the innermost loop), packed panels and how they are kept, the matrix product |
//! | `conv/` | convolution as an implicit matrix product, by Winograd's filtering, directly (depthwise, few channels), one position, transposed |
//! | `lines` | the input of a sliding window as lines of memory: what direct convolution and pooling read |
//! | `vmath` | exp, log, erf, tanh, GELU of a whole register |
//! | `attention` | softmax(q·kᵀ)·v without the matrix of scores |
//! | `window_attention` | the same in the windows of a volume |
//! | `pooling`, `norm`, `moments`, `layer_norm`, `channel_norm`, `softmax`, `elementwise`, `resize`, `permute`, `rows` | the rest |
//! | [`naive`] | the plain twin of each routine, summed in `f64`: the oracle of the tests |
//! | [`cases`] | the one table of shapes behind the tests and the benchmark |
//!
//! **Promises.** Results are bit-identical for any number of threads: every output element is summed in one fixed order. They
//! may differ between instruction sets by rounding (relative rms under 5e-6 against the twin, held by the tests). The only
//! panics are the documented ones: a slice whose length does not fit its shape, a shape no output exists for, a panic inside
//! a caller's own task.
//!
//! **NaN.** Convolution, products and norms carry a NaN on; max pooling returns NaN when its window holds one; the relu family
//! returns NaN for NaN. A 3×3 or 3×3×3 convolution by Winograd's filtering carries a NaN, and as NaN an infinity, to its tile's neighbours too.

mod activation;
mod ahead;
mod attention;
pub mod cases;
mod channel_norm;
mod conv;
mod digits;
mod elementwise;
mod far;
mod gemm;
mod isa;
mod layer_norm;
mod lines;
mod memory;
mod moments;
pub mod naive;
mod norm;
mod permute;
mod pool;
mod pooling;
mod resize;
mod rows;
mod shared;
mod simd;
mod softmax;
mod vmath;
mod weights;
mod window_attention;

pub use activation::{Activation, activation};
pub use ahead::Ahead;
pub use attention::{AttentionShape, Matrices, ScoreBias, attention};
pub use channel_norm::channel_norm;
pub use conv::{
    ConvArgs, ConvCosts, ConvShape, ConvTransposeShape, Epilogue, MeasuredConv, PackOptions,
    PackedConv, PackedConvTranspose, PackedPair, PairEnd, Prologue, TunedConv, conv, conv_costs,
    conv_moments, conv_pair, conv_pair_suits, conv_transpose, conv_transpose_workspace,
    conv_workspace, pack_conv, pack_conv_pair, pack_conv_transpose, pack_conv_with, set_conv_costs,
    tune_conv,
};
pub use elementwise::{BinaryOp, affine, binary};
pub use gemm::{PackedMatrix, gemm, pack_b, pack_weights};
pub use isa::{Isa, cpu_name, set_isa};
pub use layer_norm::{layer_norm, layer_norm_rows};
pub use memory::Floats;
pub use moments::Moments;
pub use norm::{Norm, group_norm, group_norm_add, instance_norm, norm_scale};
pub use permute::permute;
pub use pool::Pool;
pub use pooling::{PoolShape, avg_pool, global_avg_pool, max_pool};
pub use resize::{resize_linear, resize_nearest};
pub use rows::{NOWHERE, gather_rows};
pub use softmax::softmax;
pub use weights::{Bytes, Levels, Numbers, Weights};
pub use window_attention::{WindowShape, window_attention};
