//! Tables, masks and verdicts for the tests of the judge.

use super::{code, consilium, printed, said};
use base::{Affine, Grid, Volume, Voxels};
use imaging::volumes::nifti;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A file with its folders.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What a command that must succeed prints as JSON.
pub fn judged(folder: &Path, line: &[&str]) -> Value {
    let json: &[&str] = if line.contains(&"--json") { &[] } else { &["--json"] };
    let output = consilium(folder, &[line, json].concat());
    assert_eq!(code(&output), 0, "{line:?}: {}", said(&output));
    serde_json::from_str(&printed(&output)).unwrap()
}

/// A command that must fail so, print no number, and name these things.
pub fn refused(folder: &Path, line: &[&str], status: i32, parts: &[&str]) {
    let output = consilium(folder, line);
    assert_eq!(code(&output), status, "{line:?}: {}{}", printed(&output), said(&output));
    assert!(printed(&output).is_empty(), "{line:?}: {}", printed(&output));
    for part in parts {
        assert!(said(&output).contains(part), "{line:?}: {part} is not in: {}", said(&output));
    }
}

/// A NIfTI file with these steps in mm, its first voxel so far to the right.
pub fn volume(path: &Path, size: [usize; 3], step: [f64; 3], origin: f64, voxels: Voxels) {
    let unit = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let grid = Grid { size, affine: Affine::from_parts(unit, step, [origin, 0.0, 0.0]) };
    let volume = Volume::new(grid, voxels).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pool = kernels::Pool::new(1);
    nifti::write(path, &volume, None, nifti::Level::None, &pool).unwrap();
}

/// A mask of 4 × 4 × 2 voxels of 1 mm, of which the first row begins so.
pub fn row(path: &Path, values: &[u8]) {
    let mut voxels = vec![0; 32];
    voxels[..values.len()].copy_from_slice(values);
    volume(path, [4, 4, 2], [1.0; 3], 0.0, Voxels::U8(voxels));
}

/// A map of confidences likewise.
pub fn map(path: &Path, values: &[f32]) {
    let mut voxels = vec![0.0; 32];
    voxels[..values.len()].copy_from_slice(values);
    volume(path, [4, 4, 2], [1.0; 3], 0.0, Voxels::F32(voxels));
}

/// A tar of a folder's files.
pub fn tar(folder: &Path) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all(folder.file_name().unwrap(), folder).unwrap();
    tar.into_inner().unwrap()
}
