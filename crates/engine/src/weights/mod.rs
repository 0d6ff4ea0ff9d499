//! Checkpoints in the containers they are published in, read as data and never executed.
//!
//! [`Checkpoint`] opens a file; [`Scope`] hands its tensors to a network by name and shape and
//! reports whatever is missing, mis-shaped or left over; [`synth`] makes deterministic weights
//! where the published ones cannot be had; [`Plain`] is what training scripts save beside them; [`write_pytorch`] and [`write_safetensors`] write them.

mod checkpoint;
mod graphdef;
mod hdf5;
mod legacy;
mod limits;
mod modules;
mod pickle;
mod plain;
mod safetensors;
mod scope;
pub mod synth;
mod tensors;
mod tfjs;
mod values;
mod write;
mod zip;
mod zipped;

pub use checkpoint::{Checkpoint, DType, Entry};
pub use limits::Limits;
pub use plain::Plain;
pub use scope::Scope;
pub use write::{write_pytorch, write_pytorch_beside, write_safetensors};
pub use zip::Archive;

use crate::error::{Error, ErrorKind, Result};
use checkpoint::{Bytes, Found};

/// Decides the container by content and reads it.
fn read(bytes: &Bytes, limits: &Limits) -> Result<Found> {
    match bytes.as_slice() {
        [b'P', b'K', 3, 4, ..] => zipped::read(bytes, limits),
        head if legacy::is_legacy(head) => legacy::read(bytes, limits),
        head if tfjs::is_json(head) => Err(Error::new(
            ErrorKind::Unsupported,
            "JSON without the files beside it: of a TensorFlow.js model name the model.json in its folder",
        )),
        [_, _, _, _, _, _, _, _, b'{', ..] => safetensors::read(bytes, limits),
        head if hdf5::is_hdf5(head) => hdf5::read(bytes, limits),
        head if graphdef::is_graph(head) => graphdef::read(bytes, limits),
        head => Err(foreign(head)),
    }
}

/// What a file is that cannot be read, as far as its first bytes tell.
fn foreign(head: &[u8]) -> Error {
    let text = String::from_utf8_lossy(&head[..head.len().min(64)]).to_ascii_lowercase();
    let (kind, message) = if head.is_empty() {
        (ErrorKind::BrokenFile, "the file is empty")
    } else if head.starts_with(b"GGUF") {
        (ErrorKind::Unsupported, "a GGUF file, which cannot be read yet")
    } else if head.get(257..262) == Some(b"ustar") {
        (
            ErrorKind::Unsupported,
            "a tar file (PyTorch before 0.2, or a packed folder): unpack it or save it anew",
        )
    } else if head.starts_with(&[0x1f, 0x8b]) {
        (ErrorKind::Unsupported, "a gzip file: unpack it first")
    } else if text.trim_start().starts_with("<!doctype") || text.trim_start().starts_with("<html") {
        (ErrorKind::BrokenFile, "a web page instead of weights: the download went wrong")
    } else if text.starts_with("version https://git-lfs") {
        (ErrorKind::BrokenFile, "a Git LFS pointer instead of the weights: fetch the file itself")
    } else if head.starts_with(&[0x80]) {
        (ErrorKind::Unsupported, "a pickle that torch.save did not write")
    } else {
        (
            ErrorKind::Unsupported,
            "no checkpoint of a known container; expected safetensors, a file of torch.save, Keras HDF5 or a frozen TensorFlow graph",
        )
    };
    Error::new(kind, message)
}
