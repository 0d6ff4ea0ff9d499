//! Every file of the DICOM test data reads as pydicom with pylibjpeg reads it, or is refused.

use imaging::{Limits, Samples, read};
use sha2::{Digest, Sha256};

const TABLE: &str = include_str!("fixtures/pixels.tsv");

/// Lossy codings may differ from the reference: each decoder has its own inverse DCT or wavelet in
/// its own precision, and its own colour upsampling.
fn tolerance(syntax: &str) -> f64 {
    match syntax {
        "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.51" => 2.0,
        "1.2.840.10008.1.2.4.91" => 1.0,
        _ => 0.0,
    }
}

/// Decoded here although the reference gives up: its library reports an error in these extended
/// JPEG streams. WG-04's MR and XA images are held to their lossless codings below; RG2, RG3 and
/// JPEG-lossy have no lossless twin here, of them only shape and type are known to be right.
const BEYOND: &[&str] =
    &["pydicom/JPEG-lossy.dcm", "pylibjpeg-data/JPEGExtended/RG2_JPLY.dcm", "wg04/JPLY/"];

fn digest(samples: &Samples) -> String {
    Sha256::digest(samples.to_le_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn every_file_reads_as_the_reference_reads_it() {
    let Some(root) = testkit::data("dicom") else { return };
    let mut faults = Vec::new();
    let (mut decoded, mut refused) = (0, 0);
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let study = read(&root.join(cells[0]), &Limits::default());
        let beyond = BEYOND.iter().any(|path| cells[0].starts_with(path));
        if cells[1] == "error" {
            let first = study.and_then(|study| study.frame(0));
            match (&first, beyond) {
                (Ok(_), true) => decoded += 1,
                (Err(error), false) => {
                    assert!(!error.what().zh().is_empty());
                    refused += 1;
                }
                (Ok(_), false) => {
                    faults.push(format!("{}: read, reference: {}", cells[0], cells[2]))
                }
                (Err(error), true) => faults.push(format!("{}: {error}", cells[0])),
            }
            continue;
        }
        let fault = study.and_then(|study| {
            let number = |i: usize| cells[i].parse::<usize>().unwrap();
            let (frames, rows, columns, channels) = (number(1), number(2), number(3), number(4));
            let first = study.frame(0)?;
            let last = study.frame(frames - 1)?;
            let shape = (study.frames(), first.height(), first.width(), first.channels());
            let mut why = String::new();
            if shape != (frames, rows, columns, channels) || first.samples().dtype() != cells[5] {
                why = format!("shape {shape:?} {}", first.samples().dtype());
            } else if digest(first.samples()) != cells[6] || digest(last.samples()) != cells[7] {
                let syntax = study.facts.file.transfer_syntax.clone().unwrap_or_default().0;
                let worst = cells[9]
                    .split(',')
                    .enumerate()
                    .map(|(i, v)| {
                        let ours = first.samples().get(i * number(8)).unwrap();
                        (ours - v.parse::<f64>().unwrap()).abs()
                    })
                    .fold(0.0, f64::max);
                if worst > tolerance(&syntax) || tolerance(&syntax) == 0.0 {
                    why = format!("{syntax} differs by {worst}");
                }
            }
            Ok(why)
        });
        match fault {
            Ok(why) if why.is_empty() => decoded += 1,
            Ok(why) => faults.push(format!("{}: {why}", cells[0])),
            Err(error) => faults.push(error.to_string()),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    println!("{decoded} files decoded, {refused} refused as the reference refuses them");
    assert_eq!(decoded + refused, TABLE.lines().count() - 1);
}

#[test]
fn the_same_image_in_several_codings_decodes_alike() {
    let Some(root) = testkit::data("dicom/wg04") else { return };
    let frame = |folder: &str, name: &str| {
        let path = root.join(folder).join(format!("{name}_{folder}"));
        path.exists().then(|| read(&path, &Limits::default()).unwrap().frame(0).unwrap())
    };
    let names =
        ["CT1", "CT2", "MR1", "MR2", "MR3", "MR4", "NM1", "RG3", "XA1", "VL1", "VL2", "VL3"];
    let (mut exact, mut near) = (0, 0);
    for name in names {
        let lossless: Vec<_> = ["RLE", "JLSL", "JPLL", "J2KR"]
            .iter()
            .filter_map(|folder| frame(folder, name))
            .collect();
        for pair in lossless.windows(2) {
            assert_eq!(pair[0], pair[1], "{name}");
            exact += 1;
        }
        let Some(truth) = lossless.first() else { continue };
        let truth = truth.to_image();
        for folder in ["JPLY", "JLSN"] {
            let Some(lossy) = frame(folder, name) else { continue };
            let lossy = lossy.to_image();
            let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
            let error = truth.data().iter().zip(lossy.data()).map(square).sum::<f64>();
            let mean =
                truth.data().iter().map(|&v| f64::from(v)).sum::<f64>() / truth.data().len() as f64;
            let spread = truth.data().iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
            let relative = (error / spread).sqrt();
            assert!(relative < 0.15, "{name} {folder}: {relative}");
            near += 1;
        }
    }
    assert!(exact >= 10 && near >= 8, "{exact} {near}");
}
