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

/// Decoded here although the reference fails, with the reason.
const BEYOND: &[(&str, &str)] = &[
    ("pydicom/JPEG-lossy.dcm", "the stream says 12 bits the way only the standard does"),
    ("pydicom/JPEG2000-embedded-sequence-delimiter.dcm", "fragments are walked by their lengths"),
    ("pydicom/meta_missing_tsyntax.dcm", "the transfer syntax is recognised from the content"),
    ("pylibjpeg-data/JPEGExtended/RG2_JPLY.dcm", "same fault of the stream as WG-04's JPLY"),
    ("wg04/JPLY/", "same"),
];

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
        let beyond = BEYOND.iter().any(|(path, _)| cells[0].starts_with(path));
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
