//! Masks of two folders, paired by file name and read as labels.

use super::regions::Regions;
use super::settings::{Others, Settings};
use crate::datasets::{self, Case, DEEPEST, Files, Opened};
use base::words::{cli, judge, score as words};
use base::{Affine, Error, Grid, Kind, Result, Volume, each_voxel};
use imaging::Limits;
use imaging::volumes::{self, Place};
use metrics::segmentation::Lattice;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Corners of two grids may lie so far apart, in mm: what 32-bit transforms of a body's size round.
const GRID_TOLERANCE_MM: f64 = 0.01;

/// Endings of files that hold a mask or its header.
const ENDINGS: &[&str] =
    &[".nii.gz", ".nii", ".hdr", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh", ".hdr.gz"];

/// Reads masks where they lie: in folders or in archives.
pub(crate) type Reader = Arc<Files>;

/// A case: the two masks of one name.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The name without ending.
    pub name: String,
    /// Predicted mask.
    pub predicted: Mask,
    /// True mask.
    pub truth: Mask,
    /// What the masks are drawn in, where a data set knows it.
    pub image: Option<PathBuf>,
}

/// Where a mask is.
#[derive(Clone, Debug)]
pub(crate) enum Mask {
    /// In a file of its own.
    File(PathBuf),
    /// Runs down the columns of an image, from a table: the table, first pixels and lengths.
    Runs(PathBuf, Vec<[u64; 2]>),
}

impl Mask {
    /// Its file.
    pub fn path(&self) -> &Path {
        match self {
            Mask::File(path) | Mask::Runs(path, _) => path,
        }
    }

    fn read(&self, reader: &Files) -> Result<Labels> {
        match self {
            Mask::File(path) => labels(path, reader),
            Mask::Runs(path, runs) => of_runs(runs)
                .ok_or_else(|| Error::new(Kind::BrokenInput, words::run_outside(SIDE)).at(path)),
        }
    }
}

/// Rows and columns of the films that have masks as runs (SIIM-ACR Pneumothorax).
const SIDE: usize = 1024;

/// A film of [`SIDE`] × [`SIDE`] pixels of 1 mm; `None` where a run leaves it.
fn of_runs(runs: &[[u64; 2]]) -> Option<Labels> {
    let mut voxels = vec![0; SIDE * SIDE];
    for [start, length] in runs {
        let end = start.checked_add(*length).filter(|end| *end <= (SIDE * SIDE) as u64)?;
        for at in *start as usize..end as usize {
            // Columns run downwards; voxels run along the rows.
            voxels[at / SIDE + SIDE * (at % SIDE)] = 1;
        }
    }
    let grid = Grid { size: [SIDE, SIDE, 1], affine: Affine::scaling([1.0; 3]) };
    Some(Labels { voxels, grid })
}

/// The masks of a judgement, case by case.
pub(crate) struct Paired {
    /// The cases.
    pub files: Vec<Pair>,
    /// Reads their files.
    pub reader: Reader,
    /// Whose they are, where a data set says so.
    pub patients: Option<Vec<String>>,
    /// Sex, age and the like of a data set: name, one value a case.
    pub strata: Vec<(String, Vec<String>)>,
    /// Numbers and names of the structures, where a data set says them.
    pub labels: Vec<(u32, String)>,
    /// The structures of several labels that it says.
    pub regions: Regions,
}

/// Labels voxel by voxel, x fastest.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    /// The labels.
    pub voxels: Vec<u16>,
    /// Where they lie.
    pub grid: Grid,
}

impl Labels {
    /// Size and spacing for measuring.
    pub fn lattice(&self) -> Lattice {
        let mut lattice = Lattice::volume(self.grid.size, self.grid.spacing_mm());
        lattice.flat = self.grid.size[2] == 1;
        lattice
    }
}

/// Pairs the files of two folders (or archives), two single files, or a folder with the masks of a data
/// set; runs of a data set are paired with a table of runs.
///
/// Errors name the files that only one side has.
pub(super) fn pair(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Paired> {
    let reader = Reader::default();
    if let Some(place) = datasets::place_of(truth).filter(|_| !truth.exists()) {
        let mut opened = datasets::open(&place)?;
        opened.only(settings.split.as_deref())?;
        return of_dataset(predicted, opened);
    }
    if let Some(split) = &settings.split {
        let text = judge::no_splits(split);
        return Err(Error::new(Kind::Usage, text).at(truth));
    }
    let alone = |files, reader| Paired {
        files,
        reader,
        patients: None,
        strata: Vec::new(),
        labels: Vec::new(),
        regions: Regions::default(),
    };
    reader.openable(predicted)?;
    reader.openable(truth)?;
    let is_file = |path: &Path| path.is_file() && !reader.is_folder(path);
    if is_file(predicted) && is_file(truth) {
        let name = stem(&file_name(truth)).unwrap_or_else(|| "case".into());
        let (predicted, truth) = (Mask::File(predicted.into()), Mask::File(truth.into()));
        return Ok(alone(vec![Pair { name, predicted, truth, image: None }], reader));
    }
    let (mut p, t) = (list(predicted, &reader)?, list(truth, &reader)?);
    if t.is_empty() {
        return Err(Error::new(Kind::BrokenInput, words::EMPTY_SPLIT.clone()).at(truth));
    }
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for (name, truth) in t {
        match p.remove(&name) {
            Some(predicted) => {
                let (predicted, truth) = (Mask::File(predicted), Mask::File(truth));
                files.push(Pair { name, predicted, truth, image: None });
            }
            None => missing.push(file_name(&truth)),
        }
    }
    let extra: Vec<String> = p.values().map(|path| file_name(path)).collect();
    if missing.is_empty() && extra.is_empty() {
        return Ok(alone(files, reader));
    }
    Err(Error::new(Kind::BrokenInput, words::files_differ(&missing, &extra)).at(predicted))
}

fn of_dataset(predicted: &Path, opened: Opened) -> Result<Paired> {
    let cases: Vec<Case> = opened.set.cases.clone();
    let labels = opened.files.mask_labels(&opened.root);
    let reader = Reader::new(opened.files);
    let by_runs = cases.iter().any(|case| case.runs.is_some());
    let mut found: BTreeMap<String, Mask> = match by_runs {
        true => datasets::runs(predicted)?
            .into_iter()
            .map(|(name, runs)| (name, Mask::Runs(predicted.into(), runs)))
            .collect(),
        false => {
            reader.openable(predicted)?;
            list(predicted, &reader)?
                .into_iter()
                .map(|(name, path)| (name, Mask::File(path)))
                .collect()
        }
    };
    let (mut files, mut kept, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for case in cases {
        let truth = match (&case.mask, &case.runs) {
            (Some(path), _) => Mask::File(path.clone()),
            (None, Some(runs)) => Mask::Runs(opened.root.clone(), runs.clone()),
            (None, None) => continue,
        };
        match found.remove(&case.id) {
            Some(predicted) => {
                let (name, image) = (case.id.clone(), case.files.first().cloned());
                files.push(Pair { name, predicted, truth, image });
                kept.push(case);
            }
            None => missing.push(case.id),
        }
    }
    let extra: Vec<String> = found.into_keys().collect();
    if !missing.is_empty() || !extra.is_empty() {
        let text = words::files_differ(&missing, &extra);
        return Err(Error::new(Kind::BrokenInput, text).at(predicted));
    }
    if files.is_empty() {
        let text = words::EMPTY_SPLIT.clone();
        return Err(Error::new(Kind::BrokenInput, text).at(&opened.root));
    }
    let strata = opened.set.strata.iter().enumerate().map(|(at, name)| {
        ((*name).to_owned(), kept.iter().map(|case| case.strata[at].clone()).collect())
    });
    Ok(Paired {
        strata: strata.collect(),
        patients: Some(kept.iter().map(|case| case.patient.clone()).collect()),
        files,
        reader,
        labels,
        regions: opened.set.regions.clone(),
    })
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A mask's name without its ending; `None` of other files and of the `._` leavings of some systems.
fn stem(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let ending = ENDINGS.iter().find(|ending| lower.ends_with(**ending))?;
    let stem = &name[..name.len() - ending.len()];
    (!stem.is_empty() && !stem.starts_with("._")).then(|| stem.to_owned())
}

/// The masks of a folder or archive, by name; of its only folder where it has none itself.
fn list(folder: &Path, reader: &Files) -> Result<BTreeMap<String, PathBuf>> {
    if !reader.is_folder(folder) {
        let error = match std::fs::read_dir(folder) {
            Err(error) => cli::cannot_read(&error),
            Ok(_) => words::EMPTY_SPLIT.clone(),
        };
        return Err(Error::new(Kind::Io, error).at(folder));
    }
    let mut folder = folder.to_path_buf();
    for _ in 0..DEEPEST {
        match reader.list(&folder).as_slice() {
            [only] if only.folder => folder.push(&only.name),
            _ => break,
        }
    }
    let mut files = BTreeMap::new();
    let mut twice = Vec::new();
    for entry in reader.list(&folder) {
        let Some(name) = stem(&entry.name).filter(|_| !entry.folder) else { continue };
        if let Some(earlier) = files.insert(name, folder.join(&entry.name)) {
            twice.push(file_name(&earlier));
            twice.push(entry.name);
        }
    }
    if twice.is_empty() {
        return Ok(files);
    }
    twice.sort();
    Err(Error::new(Kind::BrokenInput, words::ids_twice(&twice)).at(&folder))
}

/// Both masks of a case on the grid of the truth.
///
/// Errors: no mask, another grid unless told to resample.
pub(super) fn read(files: &Pair, reader: &Files, settings: &Settings) -> Result<(Labels, Labels)> {
    let mut truth = files.truth.read(reader)?;
    let dropped = |label: u32| match &settings.others {
        Others::Background(labels) => labels.contains(&label),
        Others::AllBackground => settings.labels.iter().all(|(judged, _)| *judged != label),
        Others::Refused | Others::Judged => false,
    };
    if matches!(settings.others, Others::Background(_) | Others::AllBackground) {
        let voxels = truth.voxels.iter_mut();
        voxels.filter(|label| dropped(u32::from(**label))).for_each(|label| *label = 0);
    }
    let predicted = files.predicted.read(reader)?;
    if predicted.grid.is_same(&truth.grid, GRID_TOLERANCE_MM) {
        return Ok(without_ignored(predicted, truth, settings));
    }
    if !settings.resample {
        let text = words::grids_differ(&described(&predicted.grid), &described(&truth.grid));
        let error = Error::new(Kind::BrokenInput, text).at(files.predicted.path());
        return Err(error.hint(words::RESAMPLE_HINT.clone()));
    }
    let predicted = onto(&predicted, &truth.grid).ok_or_else(|| {
        let text = words::grids_differ(&described(&predicted.grid), &described(&truth.grid));
        Error::new(Kind::BrokenInput, text).at(files.predicted.path())
    })?;
    Ok(without_ignored(predicted, truth, settings))
}

/// Both masks of one grid with background where the truth says that nobody looked.
fn without_ignored(
    mut predicted: Labels,
    mut truth: Labels,
    settings: &Settings,
) -> (Labels, Labels) {
    if let Some(ignored) = settings.ignored {
        let voxels = predicted.voxels.iter_mut().zip(&mut truth.voxels);
        for (own, other) in voxels.filter(|(_, other)| u32::from(**other) == ignored) {
            (*own, *other) = (0, 0);
        }
    }
    (predicted, truth)
}

/// A map of confidences and the labels of the truth on one grid.
///
/// Errors: another grid, a value below 0 or none.
pub(super) fn read_map(
    files: &Pair,
    reader: &Files,
    settings: &Settings,
) -> Result<(Vec<f64>, Labels)> {
    let truth = files.truth.read(reader)?;
    let path = files.predicted.path();
    let bad = |text| Error::new(Kind::BrokenInput, text).at(path);
    let scan = scan(path, reader)?;
    if scan.volume.frames() != 1 {
        return Err(bad(words::NOT_3D.clone()));
    }
    if !scan.volume.grid().is_same(&truth.grid, GRID_TOLERANCE_MM) {
        // Confidences between two voxels would be made up.
        let there = described(scan.volume.grid());
        return Err(bad(words::grids_differ(&there, &described(&truth.grid))));
    }
    if settings.resample {
        let text = words::flag_not_for("--resample", settings.task.name());
        return Err(Error::new(Kind::Usage, text));
    }
    let scale = scan.volume.scale;
    let scaled = |value: f64| scale.map_or(value, |scale| scale.apply(value));
    let map = confidences(scan.volume, scaled);
    if map.iter().all(|value| value.is_finite() && *value >= 0.0) {
        return Ok((map, truth));
    }
    Err(bad(words::NOT_CONFIDENCES.clone()))
}

#[allow(clippy::unnecessary_cast)] // one body for every type
fn confidences(volume: Volume, scaled: impl Fn(f64) -> f64) -> Vec<f64> {
    let voxels = volume.into_voxels();
    each_voxel!(&voxels, v => v.iter().map(|x| scaled(*x as f64)).collect())
}

/// Both are folders or archives that hold volumes: maps of lesions, not lists of boxes.
pub(super) fn are_folders(predicted: &Path, truth: &Path) -> bool {
    let reader = Files::default();
    let holds = |path: &Path| list(path, &reader).is_ok_and(|files| !files.is_empty());
    reader.is_folder(predicted) && reader.is_folder(truth) && (holds(predicted) || holds(truth))
}

fn described(grid: &Grid) -> String {
    let [i, j, k] = grid.size;
    let [x, y, z] = grid.spacing_mm();
    let [a, b, c] = grid.affine.origin_mm();
    format!("{i} × {j} × {k}, {x:.3} × {y:.3} × {z:.3} mm, ({a:.2}, {b:.2}, {c:.2})")
}

/// A volume on the disk, or inside an archive.
pub(super) fn scan(path: &Path, reader: &Files) -> Result<volumes::Scan> {
    match path.exists() {
        true => volumes::read(path, &Limits::default()),
        false => {
            let has = |path: &Path| reader.is_file(path);
            let bytes = |path: &Path| reader.bytes(path);
            volumes::read_from(Place::Elsewhere(&has, &bytes), path, &Limits::default())
        }
    }
}

fn labels(path: &Path, reader: &Files) -> Result<Labels> {
    let scan = scan(path, reader)?;
    let grid = *scan.volume.grid();
    if scan.volume.frames() != 1 {
        return Err(Error::new(Kind::BrokenInput, words::NOT_3D.clone()).at(path));
    }
    let voxels = whole(scan.volume);
    let voxels =
        voxels.ok_or_else(|| Error::new(Kind::BrokenInput, words::NOT_LABELS.clone()).at(path))?;
    Ok(Labels { voxels, grid })
}

/// Values as labels; `None` when one is no whole number from 0 to 65535.
#[allow(clippy::unnecessary_cast)] // one body for every type
fn whole(volume: Volume) -> Option<Vec<u16>> {
    let scale = volume.scale.filter(|scale| scale.slope != 1.0 || scale.intercept != 0.0);
    let label = |value: f64| {
        let fits = value >= 0.0 && value <= f64::from(u16::MAX) && value.fract() == 0.0;
        fits.then_some(value as u16)
    };
    match (volume.into_voxels(), scale) {
        (base::Voxels::U16(voxels), None) => Some(voxels),
        (base::Voxels::U8(voxels), None) => Some(voxels.into_iter().map(u16::from).collect()),
        (voxels, None) => {
            each_voxel!(&voxels, v => v.iter().map(|x| label(*x as f64)).collect())
        }
        (voxels, Some(scale)) => {
            each_voxel!(&voxels, v => v.iter().map(|x| label(scale.apply(*x as f64))).collect())
        }
    }
}

/// The labels nearest to each voxel of another grid; 0 outside. `None` when the own grid has no
/// inverse.
fn onto(labels: &Labels, grid: &Grid) -> Option<Labels> {
    let from: Affine = labels.grid.affine.inverse()?.after(&grid.affine);
    let [nx, ny, nz] = grid.size;
    let size = labels.grid.size;
    let mut voxels = Vec::with_capacity(nx * ny * nz);
    for k in 0..nz {
        for j in 0..ny {
            for i in 0..nx {
                let at = from.apply([i as f64, j as f64, k as f64]).map(|x| (x + 0.5).floor());
                let inside = (0..3).all(|axis| at[axis] >= 0.0 && at[axis] < size[axis] as f64);
                voxels.push(if inside {
                    let [x, y, z] = at.map(|x| x as usize);
                    labels.voxels[x + size[0] * (y + size[1] * z)]
                } else {
                    0
                });
            }
        }
    }
    Some(Labels { voxels, grid: *grid })
}
