//! What a system for volumes has to say about itself to be run: the three-dimensional sister of
//! [`crate::System`].
//!
//! A [`VolumeSystem`] is a card and a way to open its weights; what it opens is a [`VolumeReader`],
//! which prepares a case, runs its network or networks and gives a label map on the case's own grid.
//! A trained nnU-Net folder is a reader too, without a card.

use crate::Compute;
use crate::ahead::{PreparedCase, Preparer};
use crate::error::{translate, translate_volume};
use base::words::volume_systems as words;
use base::{
    Appraisal, Error, Grid, Kind, Measurement, Modality, Note, Result, Text, ValuePicture, Volume,
    VolumeBox, VolumeFacts, Voxels,
};
use engine::graph::{Builder, Value};
use engine::weights::{Checkpoint, Limits, Scope};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Something a user may ask of a system beside its usual way: `--model ID:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is typed.
    pub name: &'static str,
    /// What it does.
    pub about: Text,
}

/// A file or folder of weights as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Name of the file, or of the folder that an archive unpacks to.
    pub name: &'static str,
    /// Where it is published.
    pub url: &'static str,
    /// SHA-256, lower-case hex, where verified.
    pub sha256: Option<&'static str>,
}

/// A file of weights that a choice of a system needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its published name.
    pub file: String,
    /// Where it is published; where it is `licensed`, where a licence is applied for.
    pub url: String,
    /// Its makers hand it out to those who hold a licence of theirs: nothing a program can fetch.
    pub licensed: bool,
}

/// Everything to know about a system for volumes before using it.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeCard {
    /// Identifier, kebab-case.
    pub id: &'static str,
    /// Other names it is known by.
    pub aliases: &'static [&'static str],
    /// Its name.
    pub name: Text,
    /// Its row in the survey.
    pub survey_row: &'static str,
    /// Modalities it was made for; empty for any. A file that says nothing of its modality passes.
    pub modalities: &'static [Modality],
    /// What may be asked of it.
    pub choices: &'static [Choice],
    /// Its weights.
    pub weights: &'static [Published],
    /// SPDX identifier of the original code's licence.
    pub code_licence: &'static str,
    /// Licence of the weights.
    pub weights_licence: Text,
    /// What it is for.
    pub intended_use: Text,
    /// What it cannot do.
    pub limits: Text,
    /// The paper.
    pub paper: &'static str,
}

/// How a system is to read.
#[derive(Clone)]
pub struct VolumeOptions {
    /// Threads, and what the kernels may do.
    pub compute: Compute,
    /// What was asked beside the usual way; each is one of the card's.
    pub chosen: Vec<String>,
    /// Reads mirrored copies too, where the original can.
    pub mirror: bool,
    /// With every case comes a label map ([`VolumeReader::give_labels`]).
    pub labelled: bool,
}

impl VolumeOptions {
    /// The usual way on these threads.
    pub fn new(compute: Compute) -> VolumeOptions {
        VolumeOptions { compute, chosen: Vec::new(), mirror: false, labelled: false }
    }

    /// Whether `name` was asked for.
    pub fn has(&self, name: &str) -> bool {
        self.chosen.iter().any(|chosen| chosen == name)
    }
}

/// One system for volumes. Implemented by the static of a file in `systems/`.
pub trait VolumeSystem: Send + Sync {
    /// Its card.
    fn card(&self) -> VolumeCard;

    /// Opens the weights at `path`: the file itself, or a folder with files under their published
    /// names.
    ///
    /// Errors name the file that was expected and where it is published, or every tensor that does
    /// not fit.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>>;

    /// Writes made-up weights of the right shapes into a folder, for [`VolumeSystem::open`] to read with
    /// what was `chosen`: for timing. `false` where the system's networks are another's.
    fn made_up(&self, _folder: &Path, _chosen: &[String]) -> Result<bool> {
        Ok(false)
    }

    /// The files that it needs with what was `chosen`, where that depends on it; `None` where its card
    /// lists them all. Errors: no such choice.
    fn needed(&self, _chosen: &[String]) -> Result<Option<Vec<Needed>>> {
        Ok(None)
    }

    /// Whether its weights are part of the program.
    fn has_own_weights(&self) -> bool {
        false
    }

    /// Opens what needs no weights from elsewhere: those that are part of the program, or none where label maps are
    /// given. `None` for systems whose weights are published elsewhere.
    fn open_own(&self, _options: &VolumeOptions) -> Option<Result<Box<dyn VolumeReader>>> {
        None
    }
}

/// One case: its images on one grid.
#[derive(Clone, Copy)]
pub struct VolumeCase<'a> {
    /// One volume for each image, or one volume with the images as its frames.
    pub volumes: &'a [&'a Volume],
    /// What the file of the first says about itself.
    pub facts: &'a VolumeFacts,
    /// The same case as the reader's own preparer made it, where that has been done.
    pub prepared: Option<&'a PreparedCase>,
}

impl VolumeCase<'_> {
    /// Takes what a preparer made of the case; `None` where it has yet to be prepared.
    pub fn take_prepared<T: Any>(&self) -> Option<T> {
        self.prepared.and_then(PreparedCase::take)
    }
}

/// Runs of networks: done, and in all.
pub type Told<'a> = &'a mut dyn FnMut(usize, usize);

/// One structure of a label map.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// What the model calls it: `kidney_left`.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// Its labels in the map, ascending; several for a region made of parts.
    pub labels: Vec<u16>,
    /// Its volume, where the system measures it otherwise than by counting voxels.
    pub volume_ml: Option<f64>,
    /// How far its volume is to be trusted, where the system says so.
    pub appraisal: Option<Appraisal>,
}

impl Structure {
    /// A structure by what the model calls it; the name is the project's own where it has one.
    pub fn new(id: &str, labels: Vec<u16>) -> Structure {
        let known = base::structure(id).map(|known| known.name);
        let name = known.unwrap_or_else(|| base::words::structures::structure(id));
        Structure { id: id.to_owned(), name, labels, volume_ml: None, appraisal: None }
    }
}

/// A table that a system gives beside the label map, under the name its original gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// File name.
    pub name: String,
    /// CSV.
    pub text: String,
}

/// What a system makes of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeAnswer {
    /// Labels on the grid of the case's first volume; 0 is background.
    pub map: Volume,
    /// What the labels mean, in the system's order.
    pub structures: Vec<Structure>,
    /// Boxes around what was found, the best first; each has its label in the map.
    pub boxes: Vec<VolumeBox>,
    /// Numbers.
    pub values: Vec<Measurement>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Maps of values to look at.
    pub pictures: Vec<ValuePicture>,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

/// Takes the shares of all classes at every voxel of a case, plane by plane, so that nobody holds them all.
pub trait Shares {
    /// Before the first plane: where the planes lie (one behind the other along k) and how many classes.
    fn begin(&mut self, grid: &Grid, classes: usize) -> Result<()>;

    /// The next plane, `[class][j][i]`, from 0 to 1.
    fn plane(&mut self, shares: &[f32]) -> Result<()>;
}

/// Weights that are loaded, ready to read cases.
pub trait VolumeReader {
    /// Names of the images that make a case, in order.
    fn images(&self) -> Vec<String>;

    /// Whether it reads single slices, each for itself: others are given volumes only.
    fn flat(&self) -> bool {
        false
    }

    /// Whether the frames of one file are one image to it, of which it reads the mean.
    fn averages_frames(&self) -> bool {
        false
    }

    /// SHA-256 of the weights, lower-case hex.
    fn sha256(&self) -> Option<String>;

    /// The container that the weights came in.
    fn container(&self) -> String;

    /// Bytes that the case takes at most at once, weights included, as far as foreseen.
    fn need_bytes(&self, volume: &Volume) -> Result<u64>;

    /// Wall time of all runs of networks so far; `None` where it is not told apart.
    fn network_time(&self) -> Option<Duration> {
        None
    }

    /// Gives back what only a run needs: the networks' buffers. The next case takes them anew.
    fn rest(&mut self) {}

    /// What prepares cases for it on another thread; `None` where preparing is not told apart from reading.
    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        None
    }

    /// The image of a case as the original hands it out beside the label map, everything outside of its labels
    /// `[k][j][i]` at zero; `None` where it does not.
    fn strip(&self, _volume: &Volume, _labels: &[u16]) -> Option<Volume> {
        None
    }

    /// Takes a label map of the patient for the next case: of another image, from which levels are counted, or of the
    /// same, in which is measured. `None` takes it away.
    ///
    /// Errors of kind `Usage` where the system has no use for it.
    fn give_labels(&mut self, labels: Option<Volume>) -> Result<()> {
        match labels {
            Some(_) => Err(Error::new(Kind::Usage, words::NO_LABELS)),
            None => Ok(()),
        }
    }

    /// Reads one case.
    ///
    /// Errors of kind `Refused` say why the case does not fit.
    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer>;

    /// Reads one case and hands on the shares of its classes. The planes lie where the case's voxels lie;
    /// their axes may be in another order.
    ///
    /// Errors as [`VolumeReader::read`], and of kind `Usage` where the system gives none.
    fn read_shares(
        &mut self,
        _case: &VolumeCase<'_>,
        _told: Told<'_>,
        _into: &mut dyn Shares,
    ) -> Result<VolumeAnswer> {
        Err(Error::new(Kind::Usage, words::NO_SHARES))
    }
}

/// Errors of kind `Refused` when the file says that it is of another modality.
pub fn fits_modality(card: &VolumeCard, facts: &VolumeFacts) -> Result<()> {
    match &facts.modality {
        Some(found) if !card.modalities.is_empty() && !card.modalities.contains(found) => {
            let wanted: Vec<&str> = card.modalities.iter().map(Modality::code).collect();
            let text = words::other_modality(card.id, &wanted.join(", "), found.code());
            Err(Error::new(Kind::Refused, text))
        }
        _ => Ok(()),
    }
}

/// Labels `[k][j][i]` as a volume on the grid of another, in the smallest type that holds them.
pub(crate) fn map_on(volume: &Volume, labels: Vec<u16>) -> Result<Volume> {
    let small = labels.iter().all(|label| *label <= 255);
    let voxels = match small {
        true => Voxels::U8(labels.into_iter().map(|label| label as u8).collect()),
        false => Voxels::U16(labels),
    };
    let lost = || Error::new(Kind::Bug, words::OTHER_GRID);
    volume.on_same_grid(voxels).ok_or_else(lost)
}

/// The labels of a map, `[k][j][i]`; empty for voxels of another type.
pub fn labels_of(map: &Volume) -> Vec<u16> {
    match map.voxels() {
        Voxels::U8(labels) => labels.iter().map(|&label| u16::from(label)).collect(),
        Voxels::U16(labels) => labels.clone(),
        _ => Vec::new(),
    }
}

/// The file with a system's weights at `path`: the file itself, or the first of its published names in
/// the folder. Errors say what was expected and where it is published.
pub(crate) fn find_file(card: &VolumeCard, path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let found = card.weights.iter().map(|file| path.join(file.name)).find(|file| file.is_file());
    let absent = || {
        let file = card.weights.first();
        let (name, url) = file.map_or(("", ""), |file| (file.name, file.url));
        Error::new(Kind::Io, words::weights_absent(name, url)).at(path)
    };
    found.ok_or_else(absent)
}

/// One of a system's files at `path`: the file itself where the system has only one, or the file of that
/// name in the folder.
pub(crate) fn find_published(card: &VolumeCard, path: &Path, file: &Published) -> Result<PathBuf> {
    let (alone, folder) = (card.weights.len() == 1, path.is_dir());
    if alone && !folder {
        return Ok(path.to_path_buf());
    }
    let place = path.join(file.name);
    match folder && place.is_file() {
        true => Ok(place),
        false => Err(Error::new(Kind::Io, words::weights_absent(file.name, file.url)).at(path)),
    }
}

/// Opens a system's weights.
pub(crate) fn open_checkpoint(card: &VolumeCard, file: &Path) -> Result<Checkpoint> {
    Checkpoint::open(file, &Limits::default()).map_err(|error| translate_volume(card, error))
}

/// Writes made-up weights of a network: every tensor that it asks for.
pub(crate) fn write_made_up(
    file: &Path,
    network: impl FnOnce(&mut Builder, &Scope) -> engine::Result<Value>,
) -> Result<()> {
    let scope = Scope::recording();
    network(&mut Builder::new(), &scope).map_err(translate)?;
    engine::weights::write_pytorch(file, &scope.recorded()).map_err(translate)
}

/// The volume of a case of one image, and its values `[k][j][i]`.
///
/// Errors of kind `Refused` when there are several images, or frames.
pub(crate) fn single_image<'a>(
    card: &VolumeCard,
    case: &VolumeCase<'a>,
) -> Result<(&'a Volume, Vec<f32>)> {
    let volume = single_volume(card, case.volumes)?;
    Ok((volume, volume.frame_f32(0)))
}

/// The volume of a case of one image.
///
/// Errors as [`single_image`].
pub(crate) fn single_volume<'a>(card: &VolumeCard, volumes: &[&'a Volume]) -> Result<&'a Volume> {
    match volumes {
        [volume] if volume.frames() == 1 => Ok(volume),
        volumes => {
            let found = volumes.iter().map(|volume| volume.frames()).sum();
            Err(Error::new(Kind::Refused, words::one_image(card.id, found)))
        }
    }
}

/// Most voxels that are counted: no machine holds as many, and what is counted with them still fits its number.
const MOST_VOXELS: u64 = 1 << 44;

/// Voxels of a grid, as far as they are counted; of one that a header's absurd spacings ask for, too.
pub(crate) fn count_voxels(shape: [usize; 3]) -> u64 {
    let all = shape.iter().fold(1u64, |all, &extent| all.saturating_mul(extent as u64));
    all.min(MOST_VOXELS)
}

/// The first frame with 0 for what is no finite number, and a remark where there was any.
pub(crate) fn finite_frame(volume: &Volume) -> (Vec<f32>, Vec<Note>) {
    let mut image = volume.frame_f32(0);
    let notes = without_nan(&mut image).into_iter().collect();
    (image, notes)
}

/// Sets voxels that are no finite numbers to 0; a remark where there were any.
pub(crate) fn without_nan(image: &mut [f32]) -> Option<Note> {
    let mut count = 0;
    for value in image.iter_mut().filter(|value| !value.is_finite()) {
        *value = 0.0;
        count += 1;
    }
    (count > 0).then(|| Note::warning("not-finite", base::words::nnunet::not_numbers(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voxels_of_an_absurd_grid_are_more_than_fit_and_still_multiply() {
        assert_eq!(count_voxels([3, 4, 5]), 60);
        for absurd in [[1_000_000; 3], [usize::MAX; 3], [usize::MAX, 0x8000_0000, 1]] {
            let bytes = count_voxels(absurd).checked_mul(4 * 16_384);
            assert!(bytes.is_some_and(|bytes| bytes > 1 << 50), "{absurd:?}");
        }
    }
}
