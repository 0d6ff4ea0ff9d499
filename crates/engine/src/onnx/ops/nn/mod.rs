//! Operations of neural networks: convolutions, pooling, norms, resizing, recurrence, attention.
//!
//! Spatial operations take `[batch][channel][spatial…]`.

pub(super) mod batch_norm;
pub(super) mod conv;
pub(super) mod conv_transpose;
mod floats;
pub(super) mod global_pool;
pub(super) mod layer_norm;
pub(super) mod norm;
pub(super) mod other_norms;
pub(super) mod pool;
pub(super) mod resize;
mod resize_axis;
mod share;
mod window;
