//! What this program writes is read alike by nibabel and SimpleITK: the fixture holds the hash of the
//! bytes and what the two read from them (`tools/reference/volumes_written.py`).
#![allow(clippy::unwrap_used)]

use base::{Affine, FrameAxis, Grid, Scale, Volume, Voxels};
use imaging::volumes::nifti::{self, Forms, Level};
use imaging::{Limits, volumes};
use kernels::Pool;
use sha2::{Digest, Sha256};
use std::io::Read as _;
use std::path::{Path, PathBuf};

const SIZE: [usize; 3] = [5, 4, 3];

fn oblique() -> Affine {
    let turn = [[0.96, -0.28, 0.0], [0.224, 0.768, -0.6], [0.168, 0.576, 0.8]];
    Affine::from_parts(turn, [0.75, 1.25, 3.0], [-11.5, 7.25, 40.0])
}

fn volume(affine: Affine, voxels: Voxels) -> Volume {
    Volume::new(Grid { size: SIZE, affine }, voxels).unwrap()
}

/// Values of both signs where the type has them.
macro_rules! ramp {
    ($ty:ty, $frames:expr, $offset:expr) => {
        (0..60 * $frames).map(|n| ((n * 7919 % 251) as f64 - $offset) as $ty).collect::<Vec<$ty>>()
    };
}

fn forms_of(fixture: &str) -> (Volume, Option<Forms>) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/volumes").join(fixture);
    let scan = volumes::read(&path, &Limits::default()).unwrap();
    let labels = Voxels::labels((0..60).map(|n| n % 4).collect());
    (scan.volume.on_same_grid(labels).unwrap(), scan.forms)
}

/// Everything that is written, by file name.
fn all() -> Vec<(&'static str, Volume, Option<Forms>)> {
    let mut flipped = *oblique().rows();
    flipped.iter_mut().for_each(|row| row[0] = -row[0]);
    let mut tilted = *oblique().rows();
    tilted[1][2] += 0.9;
    let mut scaled = volume(oblique(), Voxels::I16(ramp!(i16, 1, 120.0)));
    scaled.scale = Some(Scale { slope: 0.25, intercept: -7.0 });
    let grid = Grid { size: SIZE, affine: oblique() };
    let frames = |axis, voxels| Volume::with_frames(grid, 3, axis, voxels).unwrap();
    let long = Grid { size: [40_000, 1, 1], affine: oblique() };
    let (differ, differ_forms) = forms_of("forms-differ.nii.gz");
    let (q_only, q_forms) = forms_of("qform-only.nii.gz");
    let (no_form, no_forms) = forms_of("no-form.nii.gz");
    let (analyze, _) = forms_of("analyze.hdr");
    let time = FrameAxis::Time { step_s: Some(2.5) };
    vec![
        (
            "labels.nii.gz",
            volume(oblique(), Voxels::labels((0..60).map(|n| n % 7).collect())),
            None,
        ),
        (
            "labels16.nii.gz",
            volume(oblique(), Voxels::labels((0..60).map(|n| n * 9).collect())),
            None,
        ),
        ("left-handed.nii.gz", volume(Affine::new(flipped), Voxels::U8(ramp!(u8, 1, 0.0))), None),
        ("tilted.nii.gz", volume(Affine::new(tilted), Voxels::U8(ramp!(u8, 1, 0.0))), None),
        ("scaled.nii.gz", scaled, None),
        ("time.nii.gz", frames(time, Voxels::F32(ramp!(f32, 3, 120.5))), None),
        ("channels.nii.gz", frames(FrameAxis::Channels, Voxels::F32(ramp!(f32, 3, 120.5))), None),
        ("int8.nii", volume(oblique(), Voxels::I8(ramp!(i8, 1, 120.0))), None),
        ("int32.nii", volume(oblique(), Voxels::I32(ramp!(i32, 1, 120.0))), None),
        ("uint32.nii", volume(oblique(), Voxels::U32(ramp!(u32, 1, 0.0))), None),
        ("int64.nii", volume(oblique(), Voxels::I64(ramp!(i64, 1, 120.0))), None),
        ("uint64.nii", volume(oblique(), Voxels::U64(ramp!(u64, 1, 0.0))), None),
        ("float64.nii", volume(oblique(), Voxels::F64(ramp!(f64, 1, 120.25))), None),
        ("long.nii.gz", Volume::new(long, Voxels::U8(vec![3; 40_000])).unwrap(), None),
        ("forms-differ.nii.gz", differ, differ_forms),
        ("qform-only.nii.gz", q_only, q_forms),
        ("no-form.nii.gz", no_form, no_forms),
        ("from-analyze.nii.gz", analyze, None),
        ("labels.nrrd", volume(oblique(), Voxels::labels((0..60).map(|n| n % 7).collect())), None),
        ("float32.nrrd", volume(oblique(), Voxels::F32(ramp!(f32, 1, 120.5))), None),
        ("channels.nrrd", frames(FrameAxis::Channels, Voxels::I16(ramp!(i16, 3, 120.0))), None),
    ]
}

fn write(
    folder: &Path,
    name: &str,
    volume: &Volume,
    forms: Option<&Forms>,
    threads: usize,
) -> PathBuf {
    let path = folder.join(name);
    let pool = Pool::new(threads);
    if name.ends_with(".nrrd") {
        volumes::write_nrrd(&path, volume, false, &pool).unwrap();
    } else {
        let level = if name.ends_with(".gz") { Level::Small } else { Level::None };
        nifti::write(&path, volume, forms, level, &pool).unwrap();
    }
    path
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn numbers(cell: &str) -> Vec<f64> {
    cell.split(',').map(|v| v.parse().unwrap()).collect()
}

fn same_place(volume: &Volume, cell: &str) -> bool {
    let rows = numbers(cell);
    let rows = std::array::from_fn(|r| std::array::from_fn(|c| rows[4 * r + c]));
    Grid { size: volume.size(), affine: Affine::new(rows) }.is_same(volume.grid(), 2e-3)
}

#[test]
fn nibabel_and_simpleitk_read_what_is_written() {
    let keep = std::env::var_os("CONSILIUM_WRITE_VOLUMES").map(PathBuf::from);
    let temp = testkit::temp_dir("written");
    let folder = keep.as_deref().unwrap_or(temp.path());
    std::fs::create_dir_all(folder).unwrap();
    let table = std::fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/written.tsv"),
    )
    .unwrap_or_default();
    let mut both = 0;
    for (name, volume, forms) in all() {
        let path = write(folder, name, &volume, forms.as_ref(), 1);
        if keep.is_some() {
            continue;
        }
        let mut raw = std::fs::read(&path).unwrap();
        if raw.starts_with(&[0x1f, 0x8b]) {
            let packed = std::mem::take(&mut raw);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut raw).unwrap();
        }
        let line = table.lines().find(|line| line.starts_with(&format!("{name}\t")));
        let cells: Vec<&str> =
            line.unwrap_or_else(|| panic!("{name} is not in the table")).split('\t').collect();
        assert_eq!(cells[1], hex(&raw), "{name}: other bytes than those the references read");
        let [i, j, k] = volume.size();
        let shape = format!("{i},{j},{k},{}", volume.frames());
        let kind = volume.voxels().voxel_type().name();
        let digest = hex(&volume.voxels().to_le_bytes());
        if cells[2] != "-" {
            assert_eq!((cells[2], cells[3]), (&*shape, kind), "{name}");
            let scale = volume.scale.map_or([1.0, 0.0], |s| [s.slope, s.intercept]);
            assert_eq!(numbers(cells[4]), scale, "{name}");
            assert!(same_place(&volume, cells[5]), "{name}: {}", cells[5]);
            assert_eq!(cells[7], digest, "{name}: voxels");
            if forms.is_none() {
                let codes = if name.starts_with("tilted") { "0,1" } else { "1,1" };
                assert_eq!(cells[6], codes, "{name}");
            }
        }
        if cells[8] != "-" {
            assert_eq!(cells[8], shape, "{name}");
            // Where the two forms differ, or neither is set, ITK takes another place: for the result
            // as for the original.
            let elsewhere = matches!(name, "forms-differ.nii.gz" | "no-form.nii.gz");
            assert!(same_place(&volume, cells[10]) || elsewhere, "{name}: {}", cells[10]);
            if volume.scale.is_none() {
                assert_eq!((cells[9], cells[11]), (kind, &*digest), "{name}");
            }
            both += 1;
        }
    }
    // ITK refuses the tilted one, which it cannot express, and NIfTI-2, which it does not know.
    assert!(keep.is_some() || both == all().len() - 2, "{both}");
}

#[test]
fn what_is_written_is_read_again_and_threads_do_not_show() {
    let folder = testkit::temp_dir("again");
    for (name, volume, forms) in all() {
        let path = write(folder.path(), name, &volume, forms.as_ref(), 1);
        let bytes = std::fs::read(&path).unwrap();
        let scan = volumes::read(&path, &Limits::default()).unwrap();
        assert_eq!(scan.volume.voxels(), volume.voxels(), "{name}");
        assert_eq!(scan.volume.scale, volume.scale, "{name}");
        assert!(scan.volume.grid().is_same(volume.grid(), 1e-5), "{name}");
        assert_eq!(scan.volume.frames(), volume.frames(), "{name}");
        if let (FrameAxis::Time { .. }, true) = (volume.frame_axis, name.ends_with(".gz")) {
            assert_eq!(scan.volume.frame_axis, volume.frame_axis, "{name}");
        }
        write(folder.path(), name, &volume, forms.as_ref(), 2);
        assert!(bytes == std::fs::read(&path).unwrap(), "{name}");
    }
    let parts = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(parts, all().len(), "nothing half-written stays");
}

#[test]
fn a_compressed_nrrd_is_read_again() {
    let folder = testkit::temp_dir("nrrd");
    let path = folder.join("x.nrrd");
    let mut volume = volume(oblique(), Voxels::I16(ramp!(i16, 1, 120.0)));
    volume.scale = Some(Scale { slope: 0.5, intercept: 3.0 });
    volumes::write_nrrd(&path, &volume, true, &Pool::new(2)).unwrap();
    let again = volumes::read(&path, &Limits::default()).unwrap().volume;
    assert_eq!(again.voxels(), &Voxels::F32(volume.frame_f32(0)));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_an_error_and_leaves_nothing() {
    let folder = testkit::temp_dir("nowhere");
    let path = folder.join("missing/x.nii.gz");
    let volume = volume(oblique(), Voxels::U8(vec![0; 60]));
    let error = nifti::write(&path, &volume, None, Level::Fast, &Pool::new(1)).unwrap_err();
    assert_eq!((error.kind(), error.path()), (base::Kind::Io, Some(&*path)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
