//! Files of boxes, broken in every way that a few thousand random changes find: boxes or an error, never a crash.
#![allow(clippy::unwrap_used)]

use consilium::datasets::parsers;
use metrics::random::Random;
use std::fs;

/// Changes some bytes, cuts some out, doubles some.
fn broken(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len().max(1));
        match random.below(4) {
            0 if !bytes.is_empty() => bytes[at] = random.below(256) as u8,
            1 => bytes.truncate(at),
            2 if !bytes.is_empty() => {
                _ = bytes.drain(at..bytes.len().min(at + 1 + random.below(9)))
            }
            _ => {
                let piece = bytes[at.min(bytes.len())..bytes.len().min(at + 9)].to_vec();
                let end = bytes.len().min(at);
                bytes.splice(end..end, piece);
            }
        }
    }
    bytes
}

#[test]
fn broken_files_of_boxes_are_boxes_or_errors() {
    let folder = testkit::project_root().join("fuzz/seeds/boxes");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6);
    let (mut sound, mut refused) = (0, 0);
    for (number, path) in files.iter().enumerate() {
        let seed = fs::read(path).unwrap();
        for draw in 0..2000 {
            let mut random = Random::new(number as u64, draw);
            let bytes = if draw == 0 { seed.clone() } else { broken(&seed, &mut random) };
            for parse in [parsers::yolo, parsers::voc, parsers::coco] {
                match parse(&bytes) {
                    Ok(marks) => {
                        sound += 1;
                        let mut sides = marks.iter().flat_map(|mark| mark.corner_size);
                        assert!(sides.all(f64::is_finite));
                    }
                    Err(error) => {
                        refused += 1;
                        assert!(!error.what().en().is_empty() && !error.what().zh().is_empty());
                    }
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Some(runs) = parsers::runs(&text) {
                assert!(runs.windows(2).all(|pair| pair[0][0] + pair[0][1] <= pair[1][0]));
            }
            let _ = (parsers::names(&text), parsers::yaml(&text));
        }
    }
    assert!(sound > 100 && refused > 100, "{sound} {refused}");
}
