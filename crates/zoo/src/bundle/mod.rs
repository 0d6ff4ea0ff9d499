//! MONAI bundles: a folder or zip with `configs/metadata.json`, `configs/inference.json` (or `.yaml`) and
//! `models/model.pt`, read as data. Nothing in a bundle is executed.
//!
//! Reference: MONAI 1.6 (`monai/bundle`, `monai/transforms`, `monai/inferers/utils.py`). The configuration
//! is a language of its own: `@id` refers to another entry, `$…` is Python. References are followed, and of
//! expressions a small set is understood (`config.rs`); what a bundle needs beyond that is named when it is
//! opened, never guessed. Volumes are [`base::Volume`]s with channels as frames; networks see
//! `[channel][i][j][k]`, as MONAI's do.

mod after;
mod before;
mod case;
mod config;
mod detection;
mod expression;
mod folder;
mod invert;
mod metadata;
mod network;
mod prompts;
mod reader;
mod spacing;
mod window;
mod yaml;

pub use detection::Reader as DetectionReader;
pub use folder::{Bundle, holds_bundle, lying, understand};
pub use reader::Reader;

use crate::volume_system::{VolumeOptions, VolumeReader};
use base::{Result as Opened, Text};
use engine::weights::Plain;
use std::path::{Path, PathBuf};

/// Opens the bundle at `path`, of whichever kind. Errors name what it needs and this build lacks, or every
/// tensor that does not fit.
pub fn open(path: &Path, options: &VolumeOptions) -> Opened<Box<dyn VolumeReader>> {
    match folder::detects(path)? {
        true => Ok(Box::new(DetectionReader::open(path, options)?)),
        false => Ok(Box::new(Reader::open(path, options)?)),
    }
}

/// Writes made-up weights of the right shapes where the configuration of the bundle folder at `path` names its
/// own; gives the file. Errors as [`open`].
pub fn make_up(path: &Path) -> Opened<PathBuf> {
    match folder::detects(path)? {
        true => DetectionReader::make_up(path),
        false => Reader::make_up(path),
    }
}

/// A YAML file as plain data: no aliases, no tags, limited in depth and number. The text says what is wrong
/// and in which line.
pub fn yaml(bytes: &[u8]) -> Result<Plain, Text> {
    yaml::read(bytes).map_err(|problem| problem.0)
}
