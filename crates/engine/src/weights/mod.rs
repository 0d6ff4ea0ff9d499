//! Checkpoints in the containers they are published in, read as data and never executed.
//!
//! [`Checkpoint`] opens a file; [`Scope`] hands its tensors to a network by name and shape and
//! reports whatever is missing, mis-shaped or left over; [`synth`] makes deterministic weights
//! where the published ones cannot be had; [`write_pytorch`] and [`write_safetensors`] write them.

mod checkpoint;
mod limits;
mod scope;
pub mod synth;
mod values;

pub use checkpoint::{Checkpoint, DType, Entry};
pub use limits::Limits;
pub use scope::Scope;

use crate::error::{Error, ErrorKind, Result};
use checkpoint::{Bytes, Found};

/// Decides the container by content and reads it.
fn read(bytes: &Bytes, _limits: &Limits) -> Result<Found> {
    let _ = bytes;
    Err(Error::new(ErrorKind::Unsupported, "these bytes are no checkpoint of a known container"))
}
