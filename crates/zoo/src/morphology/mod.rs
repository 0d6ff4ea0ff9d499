//! Shapes in masks and label maps `[z][y][x]`: components, holes, growing and shrinking, as SciPy,
//! scikit-image and fill_voids define them. A picture is a volume of one plane.

mod around;
mod components;
mod grow;
mod holes;

pub use around::{grow, shrink};
pub use components::{Components, Neighbours};
pub use grow::{close, dilate, erode};
pub use holes::{fill_holes, fill_small_holes};
