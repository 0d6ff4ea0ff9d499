//! Volume files that lie, are cut short or contradict themselves are errors with a reason, or are read
//! with a remark; nothing panics and nothing large is allocated on a header's word.
#![allow(clippy::unwrap_used)]

use base::{Error, Kind};
use imaging::{Limits, volumes};
use std::io::Write as _;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/volumes")
}

/// A plain little-endian NIfTI of 5 × 4 × 3 voxels of 16 bits: sform 2, qform 0.
fn good() -> Vec<u8> {
    std::fs::read(fixtures().join("nifti1-int16-le.nii")).unwrap()
}

fn put(mut bytes: Vec<u8>, at: usize, new: &[u8]) -> Vec<u8> {
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Reads bytes as a file of this name: the remarks, or the error.
fn read(name: &str, bytes: &[u8]) -> Result<Vec<&'static str>, Error> {
    let folder = testkit::temp_dir("bad-volume");
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    let scan = volumes::read(&path, &Limits::default());
    if let Err(error) = &scan {
        assert!(error.path().is_some(), "{error}");
        assert!(!error.what().zh().is_empty(), "{error}");
        assert!(error.kind() == Kind::Limit || error.hint_text().is_some(), "{error}");
    }
    scan.map(|scan| scan.facts.notes.iter().map(|note| note.code).collect())
}

fn kind(name: &str, bytes: &[u8]) -> Option<Kind> {
    read(name, bytes).err().map(|error| error.kind())
}

#[test]
fn a_header_that_lies_about_size_is_an_error_before_anything_is_allocated() {
    let dim = |n: usize, size: i16| put(good(), 40 + 2 * n, &size.to_le_bytes());
    for (what, bytes) in [
        ("one slice more than there is", dim(3, 4)),
        ("a volume as large as can be said", put(dim(1, 32767), 44, &[0xff, 0x7f, 0xff, 0x7f])),
        ("no voxels along an axis", dim(2, 0)),
        ("a negative size", dim(2, -4)),
        ("no axes", dim(0, 0)),
        ("eight axes", dim(0, 8)),
    ] {
        let found = kind("x.nii", &bytes);
        assert!(
            matches!(found, Some(Kind::BrokenInput | Kind::Limit | Kind::Unsupported)),
            "{what}: {found:?}"
        );
        assert!(kind("x.nii.gz", &gzip(&bytes)).is_some(), "{what}, compressed");
    }
    // The limit is asked before the file is.
    let vast = put(dim(1, 32767), 44, &[0xff, 0x7f, 0xff, 0x7f]);
    assert_eq!(kind("x.nii", &vast), Some(Kind::Limit));
    let small = Limits { max_volume_bytes: 100, ..Limits::default() };
    let error = volumes::read(&fixtures().join("nifti1-int16-le.nii"), &small).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit);
}

#[test]
fn every_way_to_cut_a_file_short_is_an_error() {
    for name in [
        "nifti1-int16-le.nii",
        "nifti2-be.nii.gz",
        "itk-int16.nrrd",
        "hand-gzip.nrrd",
        "hand-text.nrrd",
        "itk-int16.mha",
        "vector.mha",
        "mgh-int16.mgz",
        "mgh-frames.mgh",
    ] {
        let whole = std::fs::read(fixtures().join(name)).unwrap();
        assert_eq!(kind(name, &whole), None, "{name}");
        for length in 0..whole.len() {
            match read(name, &whole[..length]) {
                Err(error) => assert_ne!(error.kind(), Kind::Bug),
                // All voxels are there; a footer, a checksum or the last line end is not.
                Ok(_) => assert!(length + 100 > whole.len(), "{name}: {length} bytes"),
            }
        }
    }
}

#[test]
fn a_cut_or_damaged_gzip_is_noticed() {
    let packed = gzip(&good());
    let without_end = &packed[..packed.len() - 8];
    assert!(read("x.nii.gz", without_end).unwrap().contains(&"gzip-end-missing"));
    let padded = [&packed[..], &[0; 512]].concat();
    assert_eq!(read("x.nii.gz", &padded).unwrap(), ["bytes-behind-voxels"]);
    let mut wrong_sum = packed.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 0xff;
    assert_eq!(kind("x.nii.gz", &wrong_sum), Some(Kind::BrokenInput));
    let mut noise = packed.clone();
    noise[40..60].fill(0xa5);
    assert_eq!(kind("x.nii.gz", &noise), Some(Kind::BrokenInput));
    assert_eq!(kind("x.nii.gz", &[0x1f, 0x8b]), Some(Kind::BrokenInput));
}

#[test]
fn a_geometry_that_is_none_is_an_error_or_a_serious_remark() {
    let single = |bytes: Vec<u8>, at: usize, value: f32| put(bytes, at, &value.to_le_bytes());
    // Two axes of the sform along the same line; the voxel size is left, and that is said.
    let mut flat = good();
    let (x, y) = (flat[280..284].to_vec(), flat[296..300].to_vec());
    let z = flat[312..316].to_vec();
    for (row, value) in [(280, x), (296, y), (312, z)] {
        flat = put(flat, row + 4, &value);
    }
    assert!(read("x.nii", &flat).unwrap().contains(&"sform-broken"));
    let nan = single(good(), 280, f32::NAN);
    assert!(read("x.nii", &nan).unwrap().contains(&"sform-broken"));
    // No forms: zero and NaN voxel sizes leave nothing.
    let bare = put(good(), 254, &0i16.to_le_bytes());
    assert!(read("x.nii", &bare).unwrap().contains(&"no-orientation"));
    for size in [0.0, f32::NAN, f32::INFINITY] {
        assert_eq!(kind("x.nii", &single(bare.clone(), 84, size)), Some(Kind::BrokenInput));
    }
    assert!(read("x.nii", &single(bare, 84, -1.25)).unwrap().contains(&"spacing-negative"));
    let mha = |line: &str| {
        let head = format!(
            "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\n{line}\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
        );
        [head.as_bytes(), &[1; 8]].concat()
    };
    assert_eq!(kind("x.mha", &mha("ElementSpacing = 1 1 1")), None);
    for line in [
        "ElementSpacing = 1 0 1",
        "ElementSpacing = 1 nan 1",
        "ElementSpacing = 1 1",
        "TransformMatrix = 1 0 0 1 0 0 0 0 1",
        "TransformMatrix = 1 0 0",
        "Offset = a b c",
    ] {
        assert_eq!(kind("x.mha", &mha(line)), Some(Kind::BrokenInput), "{line}");
    }
    let nrrd = |line: &str| {
        let head = format!(
            "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nspace: RAS\n{line}\nencoding: raw\n\n"
        );
        [head.as_bytes(), &[1; 8]].concat()
    };
    assert_eq!(kind("x.nrrd", &nrrd("space directions: (1,0,0) (0,1,0) (0,0,1)")), None);
    for line in [
        "space directions: (1,0,0) (1,0,0) (0,0,1)",
        "space directions: (1,0,0) (0,1,0)",
        "space directions: (0,0,0) (0,1,0) (0,0,1)",
        "space directions: 1 0 0",
        "spacings: 1 0 1",
        "space directions: (nan,0,0) (0,1,0) (0,0,1)",
        "space origin: 3",
    ] {
        assert_eq!(kind("x.nrrd", &nrrd(line)), Some(Kind::BrokenInput), "{line}");
    }
}

#[test]
fn types_and_codings_out_of_reach_are_refused_by_name() {
    for (code, name) in [
        (1i16, "binary"),
        (32, "complex64"),
        (1536, "float128"),
        (1792, "complex128"),
        (2048, "complex256"),
    ] {
        let error = read("x.nii", &put(good(), 70, &code.to_le_bytes())).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.what().en().contains(name), "{error}");
    }
    let unknown = read("x.nii", &put(good(), 70, &77i16.to_le_bytes())).unwrap_err();
    assert_eq!(unknown.kind(), Kind::BrokenInput);
    let nrrd = |encoding: &str, kind: &str| {
        format!("NRRD0004\ntype: {kind}\ndimension: 3\nsizes: 1 1 1\nendian: little\nencoding: {encoding}\n\n0").into_bytes()
    };
    assert_eq!(kind("x.nrrd", &nrrd("raw", "uchar")), None);
    assert_eq!(kind("x.nrrd", &nrrd("bzip2", "uchar")), Some(Kind::Unsupported));
    assert_eq!(kind("x.nrrd", &nrrd("hex", "uchar")), Some(Kind::Unsupported));
    assert_eq!(kind("x.nrrd", &nrrd("raw", "block")), Some(Kind::Unsupported));
    assert_eq!(kind("x.nrrd", &nrrd("raw", "quad")), Some(Kind::BrokenInput));
    assert_eq!(
        kind("x.nrrd", &nrrd("raw", "uchar\ndata file: ../../secret.raw")),
        Some(Kind::BrokenInput)
    );
    for head in [&b"CDF\x01 MINC"[..], b"\x89HDF\r\n\x1a\n", b"# === DATA DESCRIPTION FILE ==="] {
        assert_eq!(kind("x", head), Some(Kind::Unsupported));
    }
    assert_eq!(kind("x.nii", b"no volume at all"), Some(Kind::Unsupported));
    assert_eq!(kind("x.nii", b""), Some(Kind::BrokenInput));
}

#[test]
fn a_header_without_its_voxels_names_the_missing_file() {
    let folder = testkit::temp_dir("lonely-header");
    for name in ["pair.hdr", "detached.mhd", "detached.nhdr"] {
        let path = folder.join(name);
        std::fs::copy(fixtures().join(name), &path).unwrap();
        let error = volumes::read(&path, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::BrokenInput);
        let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
        assert!(error.what().en().contains(stem), "{error}");
    }
}

#[test]
fn voxels_that_are_no_numbers_are_remarked_upon() {
    let good = std::fs::read(fixtures().join("nifti1-float32-le.nii")).unwrap();
    let nan = put(good.clone(), 352 + 40, &f32::NAN.to_le_bytes());
    assert!(read("x.nii", &nan).unwrap().contains(&"voxels-not-finite"));
    assert!(!read("x.nii", &good).unwrap().contains(&"voxels-not-finite"));
}

#[test]
fn the_other_file_of_a_pair_finds_its_header() {
    let one = volumes::read(&fixtures().join("pair.hdr"), &Limits::default()).unwrap();
    let other = volumes::read(&fixtures().join("pair.img"), &Limits::default()).unwrap();
    assert_eq!(one, other);
}
