//! Operations of neural networks: convolutions, pooling, norms, resizing, recurrence, attention.
//!
//! Spatial operations take `[batch][channel][spatial…]`.

mod attend;
pub(super) mod attention;
pub(super) mod batch_norm;
pub(super) mod conv;
pub(super) mod conv_transpose;
pub(super) mod deform_conv;
pub(super) mod flex_attention;
mod floats;
mod fourier;
mod gates;
pub(super) mod global_pool;
pub(super) mod grid_sample;
pub(super) mod layer_norm;
pub(super) mod linear_attention;
pub(super) mod loss;
pub(super) mod non_max_suppression;
pub(super) mod norm;
pub(super) mod other_norms;
pub(super) mod pool;
pub(super) mod recurrent;
mod recurrent_cells;
pub(super) mod regions;
pub(super) mod resize;
mod resize_axis;
pub(super) mod rotary;
mod share;
mod size;
pub(super) mod spectrum;
#[cfg(test)]
mod tests;
mod tiled;
pub(super) mod training;
pub(super) mod unpool;
mod window;
