//! Which files make which case, and their decoding.

use super::ahead::Preparation;
use super::fit;
use crate::read::{safe, unique};
use base::words::cli as words;
use base::words::segmentation as own;
use base::{Error, Kind, Modality, Result};
use imaging::volumes::{self, Scan};
use imaging::{Limits, series};
use kernels::Pool;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Two grids are the same when their corners lie this close.
const TOLERANCE_MM: f64 = 1e-2;
/// Endings of volume files, longest first.
const ENDINGS: [&str; 10] =
    [".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh", ".hdr", ".dcm"];

/// One case: a file for each image, or a folder with one DICOM series.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Safe as a folder's name, unique.
    pub name: String,
    /// In the order of the channels.
    pub files: Vec<PathBuf>,
}

/// A case in memory.
pub(super) struct Decoded {
    /// One for each image, all on one grid.
    pub scans: Vec<Scan>,
    /// How long it took.
    pub seconds: f64,
    /// Its preparation for each model; none where nothing was prepared ahead.
    pub preparations: Vec<Preparation>,
}

impl Decoded {
    /// Bytes of its images.
    pub fn bytes(&self) -> u64 {
        let voxels = self.scans.iter().map(|scan| scan.volume.voxels());
        voxels.map(|voxels| (voxels.len() * voxels.voxel_type().bytes()) as u64).sum()
    }
}

/// The cases among files and folders. A folder holds volume files, or a DICOM
/// series. Models of several images take `CASE_0000.nii.gz`, `CASE_0001.nii.gz`, … as one case, as
/// nnU-Net names them; of one image, too, the ending `_0000` is no part of the case's name.
pub(super) fn find(inputs: &[PathBuf], channels: usize, out: &Path) -> Result<Vec<Case>> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for input in inputs {
        let failed = |error| Error::new(Kind::Io, words::cannot_read(&error)).at(input);
        if !std::fs::metadata(input).map_err(failed)?.is_dir() {
            files.push(input.clone());
            continue;
        }
        let own = std::fs::canonicalize(out).ok();
        let mut entries: Vec<PathBuf> = std::fs::read_dir(input)
            .map_err(failed)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| own.is_none() || std::fs::canonicalize(path).ok() != own)
            .collect();
        entries.sort();
        let volumes = entries.iter().filter(|path| path.is_file() && is_volume(path));
        let before = files.len();
        files.extend(volumes.cloned());
        if files.len() == before {
            folders.push(input.clone());
        }
    }
    let mut groups: BTreeMap<(PathBuf, String), Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let (stem, channel) = split(&file);
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let key =
            if channel.is_some() || channels == 1 { stem } else { file.display().to_string() };
        groups.entry((folder, key)).or_default().push(file);
    }
    let mut cases = Vec::new();
    for ((_, stem), mut files) in groups {
        files.sort();
        if channels == 1 {
            // Files of one name but several endings are cases of their own.
            cases.extend(files.into_iter().map(|file| (stem.clone(), vec![file])));
        } else {
            cases.push((stem, files));
        }
    }
    cases.extend(folders.into_iter().map(|folder| {
        let name = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        let name = name.file_name().map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), vec![folder])
    }));
    let mut taken = BTreeSet::new();
    let cases = cases.into_iter().map(|(stem, files)| {
        let name = unique(&safe(&stem), &mut taken);
        Case { name, files }
    });
    Ok(cases.collect())
}

/// Whether all inputs are volumes: files of a volume format, folders with such files, or folders with a
/// DICOM series of slices.
pub fn volumes(inputs: &[PathBuf]) -> bool {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.sort();
        files.into_iter().filter(|path| path.is_file()).collect()
    };
    let slices = |path: &PathBuf| {
        let study = imaging::read(path, &Limits::default()).ok();
        let modality = study.and_then(|study| study.facts.modality);
        matches!(modality, Some(Modality::Ct | Modality::Mr))
    };
    !inputs.is_empty()
        && inputs.iter().all(|input| match input.is_dir() {
            false => is_volume(input),
            true => {
                let files = entries(input);
                files.iter().any(|file| is_volume(file)) || files.first().is_some_and(slices)
            }
        })
}

fn is_volume(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    name.is_some_and(|name| {
        !name.starts_with('.') && ENDINGS.iter().any(|end| *end != ".dcm" && name.ends_with(end))
    })
}

/// The file's name without ending and channel, and the channel.
fn split(path: &Path) -> (String, Option<usize>) {
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let lower = name.to_lowercase();
    let end = ENDINGS.iter().find(|end| lower.ends_with(**end)).map_or(0, |end| end.len());
    let stem = &name[..name.len() - end];
    match stem.rsplit_once('_') {
        Some((case, digits))
            if digits.len() == 4
                && digits.bytes().all(|b| b.is_ascii_digit())
                && !case.is_empty() =>
        {
            (case.to_owned(), digits.parse().ok())
        }
        _ => (stem.to_owned(), None),
    }
}

/// The name of a case whose image this is.
pub(super) fn stem(path: &Path) -> String {
    match path.is_dir() {
        true => path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned()),
        false => split(path).0,
    }
}

/// Reads all images of a case. Errors: a file cannot be read, makes no volume, or lies on another grid.
pub(super) fn decode(case: &Case) -> Result<Decoded> {
    let started = Instant::now();
    let limits = Limits::default();
    let mut scans: Vec<Scan> = Vec::new();
    for file in &case.files {
        let mut scan = match file.is_dir() {
            true => series::read(file, &limits, &Pool::new(1)).map_err(|error| error.at(file))?,
            false => volumes::read(file, &limits)?,
        };
        fit::mend(&mut scan.volume, &mut scan.facts.notes).map_err(|error| error.at(file))?;
        if let Some(first) = scans.first() {
            if !scan.volume.grid().is_same(first.volume.grid(), TOLERANCE_MM) {
                let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
                let text = own::grids_differ(&name.unwrap_or_default());
                return Err(Error::new(Kind::Refused, text).at(file));
            }
        }
        scans.push(scan);
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Decoded { scans, seconds, preparations: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_channels_are_nnunets() {
        let parts = |name: &str| split(Path::new(name));
        assert_eq!(parts("a/liver_12_0001.nii.gz"), ("liver_12".into(), Some(1)));
        assert_eq!(parts("liver_12.nii.gz"), ("liver_12".into(), None));
        assert_eq!(parts("T1.MGZ"), ("T1".into(), None));
        assert_eq!(parts("_0000.nii"), ("_0000".into(), None));
    }

    #[test]
    fn channels_are_grouped_and_single_images_are_cases() {
        let dir = testkit::temp_dir("groups");
        for name in ["b_0000.nii.gz", "b_0001.nii.gz", "a_0000.nii.gz", "a_0001.nii.gz", "x.txt"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let inputs = [dir.path().to_path_buf()];
        let names = |channels| {
            let cases = find(&inputs, channels, Path::new("none")).unwrap();
            cases.iter().map(|c| (c.name.clone(), c.files.len())).collect::<Vec<_>>()
        };
        assert_eq!(names(2), [("a".into(), 2), ("b".into(), 2)]);
        let one = [("a", 1), ("a-2", 1), ("b", 1), ("b-2", 1)];
        assert_eq!(names(1), one.map(|(name, n)| (name.to_string(), n)));
    }
}
