//! Resizing exactly as each reference does it. Each file names the library and version it agrees
//! with; none of them is "the" bilinear filter.
//!
//! The floating ones are separable: a [`Taps`] table per axis says which source samples make each
//! output sample and with which weights, and [`separable`] applies the two tables.

mod pil;
mod skimage;
mod taps;
mod torch;

pub use pil::bilinear as pil_bilinear;
pub use skimage::resize as skimage;
pub use taps::{Taps, separable};
pub use torch::{antialiased as torch_antialiased, bilinear as torch_bilinear};
