//! The label map that is given with a case: of a localizer, which a system counts from, or of the case itself, which it
//! measures in.

use super::cases::stem;
use base::words::fit as fit_words;
use base::words::segmentation as own;
use base::{Error, Kind, Note, Result, Volume, Voxels};
use imaging::volumes::Scan;
use imaging::{Limits, volumes};
use std::path::{Path, PathBuf};

/// Endings of label maps.
const ENDINGS: [&str; 2] = [".nii.gz", ".nii"];
/// What a case's folder of results holds.
const RESULT: &str = "segmentation.nii.gz";

/// The label map for the case that `image` belongs to: `path` itself, or in that folder the label map or folder of
/// results with the image's name, else the only one whose name differs in what follows the last `_` alone.
/// A remark where the folder has none.
///
/// Errors: several that fit; a file that cannot be read.
pub(super) fn of(path: &Path, image: &Path) -> Result<(Option<Volume>, Option<Note>)> {
    let file = match path.is_dir() {
        false => Some(path.to_path_buf()),
        true => find(path, &stem(image), image)?,
    };
    let Some(file) = file else {
        let text = own::labels_absent(&path.display().to_string());
        return Ok((None, Some(Note::warning("no-label-map", text))));
    };
    let labels = joined(volumes::read(&file, &Limits::default())?);
    labels.map(|labels| (Some(labels), None)).map_err(|error| error.at(&file))
}

/// The labels of a map; of a DICOM segmentation whose segments overlap the later ones lie over the earlier.
///
/// Errors, `Refused`: several volumes that are no segments.
fn joined(scan: Scan) -> Result<Volume> {
    let (volume, frames) = (scan.volume, scan.facts.segments);
    if volume.frames() == 1 {
        return Ok(volume);
    }
    let mut labels = vec![0u16; volume.frame_len()];
    let shown: Vec<(u16, usize)> =
        frames.iter().filter_map(|segment| Some((segment.number, segment.frame?))).collect();
    if shown.len() != volume.frames() {
        return Err(Error::new(Kind::Refused, fit_words::frames_unwanted(volume.frames(), 1)));
    }
    for (number, frame) in shown {
        let inside = volume.frame_f32(frame);
        let marked = labels.iter_mut().zip(inside).filter(|(_, share)| *share >= 0.5);
        marked.for_each(|(label, _)| *label = number);
    }
    let lost = || Error::new(Kind::Bug, base::words::volume_systems::OTHER_GRID);
    Volume::new(*volume.grid(), Voxels::U16(labels)).ok_or_else(lost)
}

/// The label map for an image of this name, which itself is none.
fn find(folder: &Path, name: &str, image: &Path) -> Result<Option<PathBuf>> {
    let mut maps: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (own, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if path.is_dir() {
            let result = path.join(RESULT);
            maps.extend(result.is_file().then_some((own, result)));
        } else if ENDINGS.iter().any(|end| own.to_lowercase().ends_with(end)) {
            maps.push((stem(&path), path));
        }
    }
    let own = image.canonicalize().ok();
    maps.retain(|(_, path)| own.is_none() || path.canonicalize().ok() != own);
    maps.sort();
    let front = |name: &str| name.rsplit_once('_').map(|(front, _)| front.to_owned());
    let same: Vec<&(String, PathBuf)> = maps.iter().filter(|(own, _)| own == name).collect();
    let like = || maps.iter().filter(|(own, _)| front(own).is_some() && front(own) == front(name));
    let fitting = if same.is_empty() { like().collect() } else { same };
    match fitting.as_slice() {
        [] => Ok(None),
        [(_, path)] => Ok(Some(path.clone())),
        [(first, _), (second, _), ..] => {
            let text = own::several_labels(name, first, second);
            Err(Error::new(Kind::Usage, text).at(folder))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_map_is_found_by_the_name_of_the_image() {
        let dir = testkit::temp_dir("given");
        let write = |name: &str| {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        for name in
            ["sub-01_T2w.nii.gz", "sub-01_T1w.nii.gz", "sub-02_T1w/segmentation.nii.gz", "x.txt"]
        {
            write(name);
        }
        let found = |name: &str| find(dir.path(), name, Path::new("elsewhere")).unwrap();
        assert_eq!(found("sub-01_T2w"), Some(dir.join("sub-01_T2w.nii.gz")));
        assert_eq!(found("sub-02_T2w"), Some(dir.join("sub-02_T1w/segmentation.nii.gz")));
        assert_eq!(found("sub-03_T2w"), None);
        assert_eq!(found("x"), None);
        let itself = find(dir.path(), "sub-01_T2w", &dir.join("sub-01_T2w.nii.gz")).unwrap();
        assert_eq!(itself, Some(dir.join("sub-01_T1w.nii.gz")));
        let error = find(dir.path(), "sub-01_STIR", Path::new("elsewhere")).unwrap_err();
        assert!(error.kind() == Kind::Usage && error.to_string().contains("sub-01_T1w"), "{error}");
        // Segments that overlap, and volumes that are none.
        if let Some(file) = testkit::data("dicom/highdicom/seg_image_ct_binary_overlap.dcm") {
            let whole = volumes::read(&file, &Limits::default()).unwrap();
            let (count, last) = (whole.volume.frames(), whole.facts.segments.last().cloned());
            assert!(count > 1);
            let labels = joined(whole).unwrap();
            let most = labels.voxels().extrema().1;
            assert!(labels.frames() == 1 && most == f64::from(last.unwrap().number));
        }
        if let Some(file) = testkit::data("volumes/nibabel/example4d.nii.gz") {
            let error = of(&file, Path::new("x.nii")).unwrap_err();
            assert!(error.kind() == Kind::Refused && error.to_string().contains("example4d"));
        }
        let (none, note) = of(dir.path(), Path::new("scans/sub-03_T2w.nii.gz")).unwrap();
        assert!(none.is_none() && note.unwrap().code == "no-label-map");
    }
}
