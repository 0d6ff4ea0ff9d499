//! Models that a framework has trained, whichever it is: what lies in a folder or an archive, which
//! system it belongs to, and its files for taking them elsewhere.

use crate::nnunet::source::Source;
use crate::nnunet::{Model, Options};
use crate::systems::totalsegmentator;
use crate::volume_system::{VolumeOptions, VolumeReader};
use base::{Error, Kind, Result};
use std::path::Path;

/// A trained model as it lies somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lying {
    /// Its folder, relative to what was looked into, with `/`; empty for that itself.
    pub folder: String,
    /// What it is called: its data set, its bundle.
    pub name: Option<String>,
    /// Files that reading needs, relative to its folder.
    pub files: Vec<String>,
}

/// The trained models below `path`, a folder or a zip. Errors: an archive that cannot be read.
pub fn lying(path: &Path) -> Result<Vec<Lying>> {
    let mut found = crate::nnunet::lying(path)?;
    found.extend(crate::bundle::lying(path)?);
    Ok(found)
}

/// Whether a trained model lies at `path`: a folder, a folder above it, or a zip.
pub fn holds(path: &Path) -> bool {
    crate::nnunet::holds_model(path) || crate::bundle::holds_bundle(path)
}

/// Opens the trained model at `path`, a folder or a zip. Errors name the file that is wrong; of kind `Usage`
/// what was chosen of a model that has nothing to choose.
pub fn open(path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
    if crate::bundle::holds_bundle(path) && !crate::nnunet::holds_model(path) {
        return crate::bundle::open(path, options);
    }
    if !options.chosen.is_empty() {
        let text = base::words::bundle::no_prompts(&options.chosen.join("+"));
        return Err(Error::new(Kind::Usage, text));
    }
    let (mirror, exact) = (options.mirror, options.compute.exact);
    let own = Options { mirror, exact, ..Options::default() };
    Ok(Box::new(Model::open(path, &options.compute.pool, &own)?))
}

/// All bytes of a file of a model at `path`. Errors: it cannot be read.
pub fn content(path: &Path, file: &str, most: u64) -> Result<Vec<u8>> {
    Source::open(path)?.read(file, most)
}

/// The published system that a trained model belongs to, by the name of its data set or of a folder:
/// the identifier of its row.
pub fn system(name: &str) -> Option<&'static str> {
    if totalsegmentator::is_published(name) {
        return Some("totalsegmentator");
    }
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    // The archive unpacks to a model without a folder of its own.
    let own = name.trim_end_matches(".zip") == "release_v1.5.0";
    (own || plain.to_ascii_lowercase().contains("hdbet")).then_some("hd-bet")
}
