//! Any trained nnU-Net model: its folder read, its preparation, its network, its sliding window and
//! its export, each as nnU-Net does it.
//!
//! Reference: nnunetv2 2.8 and dynamic-network-architectures 0.4; models of nnU-Net 1 by its own
//! rules (`v1.rs`). [`Model::open`] reads a folder or an exported zip, [`Model::predict`] turns the
//! images of one case into a label map on their own grid. Volumes are `[channel][z][y][x]` with
//! spacings in the same order, as SimpleITK gives arrays.
//!
//! Memory: logits are never held for the whole volume. Tiles are summed in a slab as thick as one
//! tile; planes that no later tile touches leave it, are resampled to the original grid and become
//! labels at once. Where there are more classes than features, features are summed (`head.rs`).

mod ahead;
mod architecture;
mod components;
mod dataset;
mod export;
pub(crate) mod fields;
mod folder;
mod grid;
pub(crate) mod head;
mod lying;
mod made_up;
mod model;
mod nonzero;
mod normalise;
mod plans;
mod postprocess;
mod prepare;
mod reader;
mod resampling;
mod shares;
pub(crate) mod sliding;
pub(crate) mod source;
mod tiles;
mod v1;
mod volumes;

pub use architecture::Architecture;
pub use components::keep_largest;
pub use dataset::{Dataset, Label};
pub(crate) use folder::inside;
pub use folder::{Fold, Trained, holds_model};
pub use grid::Images;
pub use lying::lying;
pub use made_up::{Labels, MadeUp};
pub use model::{Case, Model, Need, Options, Progress, Segmentation, Stage, Structure};
pub use plans::{Configuration, Plans, Resampling, ResamplingFunction, Scheme, Statistics};
pub use postprocess::{Postprocessing, Step};
pub use prepare::{Prepared, prepare};
