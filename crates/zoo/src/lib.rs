//! Published systems, each one file, and the panel that weighs them.
//!
//! [`SYSTEMS`] lists what this build can run. A [`System`] prepares a study as its authors did,
//! builds its network from a checkpoint's own names and says what the outputs mean; [`Loaded`]
//! puts the three together. A [`folder::Folder`] is a system that a user brings.

mod ahead;
mod all;
pub mod arch;
pub mod bundle;
mod card;
pub mod catalogue;
pub mod channels;
mod compute;
mod error;
mod fitted;
pub mod folder;
mod held;
mod identify;
mod loaded;
mod morphology;
pub mod nnunet;
pub mod panel;
mod percentile;
mod placeholder;
mod runner;
pub mod steps;
mod stripped;
mod system;
pub mod systems;
pub mod trained;
pub mod volume_system;

pub use ahead::{PreparedCase, Preparer};
pub use all::{SYSTEMS, VOLUME_SYSTEMS, find, find_volume_system};
pub use card::{Accepts, Card, Evidence, InputSpec, Resampling, Task, WeightsFile};
pub use compute::Compute;
pub use error::{translate, translate_graph};
pub use held::Held;
pub use identify::{find_weights, identify};
pub use loaded::{Explain, Loaded, ReadOptions};
pub use stripped::stripped;
pub use system::{Answer, Head, Prepared, System};
pub use volume_system::{Needed, VolumeCard, VolumeReader, VolumeSystem};
