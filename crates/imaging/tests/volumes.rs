//! Volume files read as nibabel and SimpleITK read them, and what is written is read alike again.
#![allow(clippy::unwrap_used)]

use base::Volume;
use imaging::{Limits, volumes};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn digest(volume: &Volume) -> String {
    let bytes = volume.voxels().to_le_bytes();
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn numbers(cell: &str) -> Vec<f64> {
    cell.split(',').map(|v| v.parse().unwrap()).collect()
}

/// Both affines send the volume's corners to the same places, to a thousandth of a voxel.
fn same_place(volume: &Volume, rows: &[f64]) -> bool {
    let rows = std::array::from_fn(|r| std::array::from_fn(|c| rows[4 * r + c]));
    let grid = base::Grid { size: volume.size(), affine: base::Affine::new(rows) };
    let step = volume.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    grid.is_same(volume.grid(), 1e-3 * step)
}

/// Files whose geometry the reference gets wrong: without RAS fields nibabel 5 transposes FreeSurfer's
/// default axes.
const BETTER_KNOWN: &[&str] = &["mgh-no-ras.mgh"];

/// One line of the table against one file: nothing, or what differs.
fn compare(path: &Path, cells: &[&str]) -> Result<String, base::Error> {
    let scan = volumes::read(path, &Limits::default())?;
    let volume = &scan.volume;
    let mut faults = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            faults.push(what);
        }
    };
    let [i, j, k] = volume.size();
    let shape = format!("{i},{j},{k},{}", volume.frames());
    check(shape == cells[2], format!("shape {shape}, not {}", cells[2]));
    let kind = volume.voxels().voxel_type().name();
    check(kind == cells[3], format!("type {kind}, not {}", cells[3]));
    let scale = volume.scale.map_or([1.0, 0.0], |scale| [scale.slope, scale.intercept]);
    check(numbers(cells[4]) == scale, format!("scale {scale:?}, not {}", cells[4]));
    let affine = numbers(cells[5]);
    check(same_place(volume, &affine), format!("affine {:?}, not {}", volume.affine(), cells[5]));
    let code = volume.orientation().to_string();
    check(code == cells[6], format!("orientation {code}, not {}", cells[6]));
    if let Some((q, s)) = scan.facts.codes {
        check(format!("{q},{s}") == cells[7], format!("codes {q},{s}, not {}", cells[7]));
    }
    check(digest(volume) == cells[8], "voxels differ".to_owned());
    let step: usize = cells[9].parse().unwrap();
    for (n, wanted) in numbers(cells[10]).into_iter().enumerate() {
        let ours = volume.value(n * step).unwrap_or(f64::NAN);
        let close =
            (ours - wanted).abs() <= 1e-12 * wanted.abs() || ours.is_nan() && wanted.is_nan();
        check(close || ours == wanted, format!("value {n}: {ours}, not {wanted}"));
    }
    // ITK places a volume elsewhere only where we say that it may.
    let has = |code| scan.facts.notes.iter().any(|note| note.code == code);
    let differs = has("sform-qform-differ") || has("no-orientation") || has("analyze-orientation");
    if cells[11] != "-" && !differs {
        check(same_place(volume, &numbers(cells[11])), format!("ITK's affine is {}", cells[11]));
    }
    Ok(faults.join("; "))
}

fn compare_all(root: &Path, table: &str) -> (usize, usize) {
    let (mut read, mut refused) = (0, 0);
    let mut faults = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let done = compare(&root.join(cells[0]), &cells);
        // Complex voxels are refused by name although nibabel reads them.
        let reads = cells[1] != "error" && !cells[3].starts_with("complex");
        if BETTER_KNOWN.contains(&cells[0]) {
            assert!(done.is_ok_and(|fault| fault.starts_with("affine")), "{}", cells[0]);
            continue;
        }
        match (done, reads) {
            (Err(error), false) => {
                assert!(!error.what().zh().is_empty());
                refused += 1;
            }
            (Ok(_), false) => faults.push(format!("{}: read, reference: {}", cells[0], cells[2])),
            (Ok(fault), _) if fault.is_empty() => read += 1,
            (Ok(fault), _) => faults.push(format!("{}: {fault}", cells[0])),
            (Err(error), _) => faults.push(error.to_string()),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    (read, refused)
}

#[test]
fn real_volumes_read_as_the_references_read_them() {
    let Some(root) = testkit::data("volumes") else { return };
    let (read, refused) = compare_all(&root, include_str!("fixtures/volumes.tsv"));
    println!("{read} volumes read, {refused} refused as the reference refuses them");
    assert!(read > 150 && refused < 10);
}

#[test]
fn small_volumes_of_every_format_read_as_the_references_read_them() {
    let root = fixtures().join("volumes");
    let table = std::fs::read_to_string(root.join("expected.tsv")).unwrap();
    let (read, refused) = compare_all(&root, &table);
    assert!(read > 10, "{read} {refused}");
}

#[test]
fn a_freesurfer_file_without_ras_lies_as_freesurfer_says() {
    let scan =
        volumes::read(&fixtures().join("volumes/mgh-no-ras.mgh"), &Limits::default()).unwrap();
    assert_eq!(scan.volume.orientation().to_string(), "LIA");
    assert!(scan.facts.notes.iter().any(|note| note.code == "no-orientation"));
}
