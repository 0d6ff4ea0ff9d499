//! Small files of kinds that no real data at hand have (`tools/reference/small_files.py`): pictures
//! of 8 and 16 bit, floating pixel data, offset tables, functional groups.
#![allow(clippy::unwrap_used)]

use base::{Kind, SpacingSource};
use imaging::{Limits, read, read_bytes};
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small")
}

#[test]
fn small_files_read_as_the_references_read_them() {
    let table = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let mut seen = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let name = cells[0];
        let study = read(&folder().join(name), &Limits::default()).unwrap();
        let number = |i: usize| cells[i].parse::<f64>().unwrap();
        let shape = [1, 2, 3, 4].map(|i| number(i) as usize);
        let expected: Vec<f64> = cells[9].split(',').map(|v| v.parse().unwrap()).collect();
        let per_frame = shape[1] * shape[2] * shape[3];
        for index in 0..shape[0] {
            let frame = study.frame(index).unwrap();
            let found = [study.frames(), frame.height(), frame.width(), frame.channels()];
            assert_eq!((found, frame.samples().dtype()), (shape, cells[5]), "{name}");
            for at in 0..per_frame {
                let (ours, theirs) =
                    (frame.samples().get(at).unwrap(), expected[index * per_frame + at]);
                let tolerance = number(6).max(theirs.abs() * 1e-8);
                assert!((ours - theirs).abs() <= tolerance, "{name} {at}: {ours}, not {theirs}");
            }
            assert!(study.picture(index).is_ok(), "{name}");
        }
        match study.facts.spacing {
            None => assert_eq!(cells[7], "-", "{name}"),
            Some(spacing) => {
                for (ours, theirs) in [(spacing.row.0, number(7)), (spacing.column.0, number(8))] {
                    assert!((ours - theirs).abs() < 1e-3 * theirs, "{name}: {ours}");
                }
                let expected = match name.ends_with(".dcm") {
                    true => SpacingSource::PixelSpacing,
                    false => SpacingSource::PictureResolution,
                };
                assert_eq!(spacing.source, expected, "{name}");
            }
        }
        seen += 1;
    }
    let files = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(seen + 1, files, "every file of the folder is in the table");
}

#[test]
fn small_files_cut_short_are_errors_or_say_so() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "tsv") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            let study = read_bytes(bytes[..length].to_vec(), "x", &Limits::default());
            match study.and_then(|study| study.frame(study.frames() - 1)) {
                // What may be missing is the end of the container, never a sample.
                Ok(_) => assert!(length + 9 > bytes.len(), "{}: {length} bytes", path.display()),
                Err(error) => assert!(!error.what().zh().is_empty()),
            }
        }
    }
}

/// A TIFF of one strip with the given tags beside size and strip.
fn tiff(columns: u32, rows: u32, tags: &[(u16, u16)], strip: &[u8]) -> Vec<u8> {
    let mut entries: Vec<(u16, u16, u32)> =
        vec![(256, 4, columns), (257, 4, rows), (273, 4, 8), (278, 4, rows), (277, 3, 1)];
    entries.push((279, 4, strip.len() as u32));
    entries.extend(tags.iter().map(|&(tag, value)| (tag, 3, value.into())));
    entries.sort();
    let mut out = b"II*\0".to_vec();
    out.extend((8 + strip.len() as u32).to_le_bytes());
    out.extend(strip);
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    out.extend([0; 4]);
    out
}

const BLACK_IS_ZERO: (u16, u16) = (262, 1);
const UNCOMPRESSED: (u16, u16) = (259, 1);

fn kind(bytes: Vec<u8>) -> Option<Kind> {
    let study = read_bytes(bytes, "x", &Limits::default());
    study.and_then(|study| study.frame(0)).err().map(|error| error.kind())
}

#[test]
fn pictures_that_lie_are_errors() {
    let plain = [BLACK_IS_ZERO, UNCOMPRESSED, (258, 8)];
    assert_eq!(kind(tiff(4, 4, &plain, &[7; 16])), None);
    let refused = |bytes, why: &str| assert!(kind(bytes).is_some(), "{why}");
    refused(tiff(4, 5, &plain, &[7; 16]), "a row more than there is");
    refused(tiff(0, 4, &plain, &[7; 16]), "no columns");
    refused(tiff(4, 0, &plain, &[7; 16]), "no rows");
    refused(tiff(60_000, 60_000, &plain, &[7; 16]), "beyond the limit");
    let float = [BLACK_IS_ZERO, UNCOMPRESSED, (258, 32), (339, 3)];
    assert_eq!(kind(tiff(2, 2, &float, &[0; 16])), Some(Kind::Unsupported), "floats");
    // Zero rows and columns as PNG, JPEG and WebP write them.
    for name in ["grey8.png", "grey8.jpg", "rgb8-lossy.webp"] {
        let good = std::fs::read(folder().join(name)).unwrap();
        let at = match name {
            "grey8.png" => 16..24,
            "grey8.jpg" => {
                let start = good.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
                start + 5..start + 9
            }
            _ => 26..30,
        };
        let mut zero = good.clone();
        zero[at.clone()].fill(0);
        refused(zero, name);
        let mut vast = good;
        vast[at].fill(0x7f);
        refused(vast, name);
    }
}
