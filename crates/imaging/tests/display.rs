//! Modality LUT, VOI LUT and window give pydicom's values.

use imaging::{Limits, read};

const TABLE: &str = include_str!("fixtures/display.tsv");

#[test]
fn values_and_pictures_agree_with_the_reference() {
    let Some(root) = testkit::data("dicom") else { return };
    let mut faults = Vec::new();
    let mut shown = 0;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let study = read(&root.join(cells[0]), &Limits::default()).unwrap();
        let stride: usize = cells[1].parse().unwrap();
        let numbers =
            |text: &str| -> Vec<f64> { text.split(',').map(|v| v.parse().unwrap()).collect() };
        let values = study.modality_values(0).unwrap();
        // One unit of a lossy coding, times the slope.
        let lossy =
            study.facts.file.transfer_syntax.as_ref().is_some_and(|(uid, _)| {
                ["4.50", "4.51", "4.91"].iter().any(|end| uid.ends_with(end))
            });
        for (i, expected) in numbers(cells[2]).into_iter().enumerate() {
            let found = f64::from(values.data()[i * stride]);
            let near = if lossy { 2.0 } else { 1e-5 * expected.abs().max(1.0) };
            if (found - expected).abs() > near {
                faults.push(format!("{}: value {i}: {found}, expected {expected}", cells[0]));
                break;
            }
        }
        if cells[3] == "-" {
            continue;
        }
        shown += 1;
        let picture = study.picture(0).unwrap();
        let inverted = study.is_monochrome1();
        for (i, expected) in numbers(cells[3]).into_iter().enumerate() {
            let expected = if inverted { 1.0 - expected } else { expected } * 255.0;
            let found = f64::from(picture.data()[i * stride]);
            // Half a grey level, a little for the fixture's digits, more for lossy codings.
            if (found - expected).abs() > if lossy { 3.0 } else { 0.51 } {
                faults.push(format!("{}: grey {i}: {found}, expected {expected}", cells[0]));
                break;
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(shown > 20, "{shown}");
}
