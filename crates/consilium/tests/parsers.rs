//! Files of boxes and of predictions, broken in every way that a few thousand random changes find: an answer or an error, never a crash.
#![allow(clippy::unwrap_used)]

use base::Lang;
use consilium::datasets::parsers;
use consilium::score;
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

/// Puts other digits for some of its digits, where it has any.
fn nudged(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
    for _ in (0..=random.below(3)).filter(|_| !digits.is_empty()) {
        bytes[digits[random.below(digits.len())]] = b'0' + random.below(10) as u8;
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
            let _ = (parsers::names(&text), parsers::yaml(&bytes));
        }
    }
    assert!(sound > 100 && refused > 100, "{sound} {refused}");
}

/// Everything that is said is a number, or says why there is none.
fn is_sound(outcome: &score::Outcome) {
    let groups = outcome.blocks.iter().flat_map(|block| &block.subgroups).chain(&outcome.subgroups);
    let blocks = outcome.blocks.iter().chain(groups.map(|(_, block)| block));
    for row in outcome.overall.iter().chain(blocks.flat_map(|block| &block.rows)) {
        assert!(row.value.is_err() || row.value.is_ok_and(f64::is_finite), "{row:?}");
        if let Some(Ok(ends)) = row.interval {
            assert!(ends.low <= ends.high && ends.high.is_finite(), "{row:?}");
        }
    }
    assert!(!outcome.to_csv().contains("NaN") && !outcome.to_text(Lang::Zh).contains("NaN"));
}

#[test]
fn broken_predictions_are_judged_soundly_or_refused() {
    let folder = testkit::project_root().join("fuzz/seeds/predictions");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 7);
    let (mut sound, mut refused) = (0, 0);
    for (number, path) in files.iter().enumerate() {
        let seed = fs::read(path).unwrap();
        for draw in 0..400 {
            let mut random = Random::new(100 + number as u64, draw);
            let bytes = match draw {
                0 => seed.clone(),
                odd if odd % 2 == 1 => nudged(&seed, &mut random),
                _ => broken(&seed, &mut random),
            };
            match score::parsers::case(&String::from_utf8_lossy(&bytes)) {
                Some(Ok(outcome)) => {
                    sound += 1;
                    is_sound(&outcome);
                }
                Some(Err(error)) => {
                    assert!(draw > 0, "{}: {}", path.display(), error.render(Lang::En));
                    refused += 1;
                    assert!(!error.what().en().is_empty() && !error.what().zh().is_empty());
                }
                None => {}
            }
        }
    }
    assert!(sound > 300 && refused > 300, "{sound} {refused}");
}

/// `bad_predictions/messages.*.txt` holds what is said of each of the cases beside it.
#[test]
fn every_bad_case_gets_its_message_in_both_languages() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_predictions");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".case"))
        .collect();
    names.sort();
    assert!(names.len() >= 30, "{}", names.len());
    let (mut en, mut zh) = (String::new(), String::new());
    for name in names {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        let error = score::parsers::case(&text).expect(&name).expect_err(&name);
        let chinese = error.render(Lang::Zh);
        assert!(chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}");
        en += &format!("{name}\n  {}\n", error.render(Lang::En).replace('\n', "\n  "));
        zh += &format!("{name}\n  {}\n", chinese.replace('\n', "\n  "));
    }
    testkit::golden("crates/consilium/tests/bad_predictions/messages.en.txt", &en);
    testkit::golden("crates/consilium/tests/bad_predictions/messages.zh.txt", &zh);
}
