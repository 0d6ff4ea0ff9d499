//! The catalogue holds what it promises: every row of the survey, every text in both languages,
//! every file sound.
#![allow(clippy::unwrap_used)]

use base::{Lang, Text};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use zoo::catalogue::{self, Ability, Entry, FILES, LICENCES, catalogue};

/// The rows of the survey of January 2025, in its order, and its five parts.
const SURVEY: [(&str, &[&str]); 5] = [
    (
        "ready",
        &[
            "gpt-4v-medical",
            "med-gemini",
            "radimagenet",
            "maira-2",
            "inference-io-cxr",
            "lunit-insight-cxr",
            "qure-qxr",
            "aidoc",
        ],
    ),
    (
        "open",
        &[
            "medsam",
            "sam-med2d",
            "medclip",
            "biomedclip",
            "llava-med",
            "chexnet",
            "chexpert",
            "mimic-cxr-baseline",
            "torchxrayvision",
            "nnunet",
            "monai",
            "lungct-diagnosis",
            "deepbrain",
            "hd-bet",
            "synthseg",
        ],
    ),
    (
        "orthopaedics",
        &[
            "grazpedwri-dx",
            "fracatlas",
            "boneview",
            "imagen-osteodetect",
            "rsna-bone-age",
            "16bit-bone-age",
            "baa-net",
            "kl-grading",
            "oai-analysis",
            "spineai",
            "boneminer",
            "virtualdxa",
        ],
    ),
    (
        "text",
        &[
            "r2gen",
            "r2gencmn",
            "chexbert",
            "radbert",
            "med-flamingo",
            "radialog",
            "clinicalbert",
            "biobert",
            "radgraph",
        ],
    ),
    ("paper", &["med-gemini-ultra", "gpt-4v-medical-eval", "retfound", "remedis", "med-palm-m"]),
];

fn entries() -> &'static [Entry] {
    &catalogue().entries
}

#[test]
fn every_file_is_sound() {
    let mut problems = Vec::new();
    for (name, text) in FILES {
        for problem in catalogue::entry(text, name).err().unwrap_or_default() {
            let line = problem.line.map_or(String::new(), |line| format!(":{line}"));
            problems.push(format!("catalog/{name}.toml{line}: {}", problem.text.en()));
        }
    }
    let log = fs::read_to_string(testkit::project_root().join("catalog/log.toml")).unwrap();
    for problem in catalogue::log(&log).err().unwrap_or_default() {
        problems.push(format!("catalog/log.toml: {:?} {}", problem.line, problem.text.en()));
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert_eq!(entries().len(), FILES.len());
}

#[test]
fn every_file_of_the_folder_is_part_of_the_program() {
    let folder = fs::read_dir(testkit::project_root().join("catalog")).unwrap();
    let mut there: BTreeSet<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(there.remove("log.toml"));
    let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| format!("{name}.toml")).collect();
    assert_eq!(there, listed);
    assert_eq!(listed.len(), FILES.len(), "a name stands twice in files.rs");
}

#[test]
fn all_rows_of_the_survey_are_there_in_its_order() {
    let expected: Vec<(&str, &str)> =
        SURVEY.iter().flat_map(|(part, rows)| rows.iter().map(|row| (*part, *row))).collect();
    assert_eq!(expected.len(), 49);
    let there: Vec<(&str, &str)> = entries()
        .iter()
        .filter(|entry| entry.in_survey())
        .map(|entry| (entry.section.id, entry.id.as_str()))
        .collect();
    assert_eq!(there, expected);
    for entry in entries() {
        assert_eq!(entry.claim.is_some(), entry.in_survey(), "{}: the survey's claim", entry.id);
    }
}

#[test]
fn names_are_unique_and_successors_exist() {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for entry in entries() {
        for name in std::iter::once(&entry.id).chain(&entry.aliases) {
            let other = names.insert(name.to_lowercase(), &entry.id);
            assert!(other.is_none(), "{name}: {} and {other:?}", entry.id);
        }
    }
    for entry in entries() {
        for successor in &entry.successors {
            assert!(entries().iter().any(|other| other.id == *successor), "{successor}");
            assert_ne!(*successor, entry.id);
        }
    }
}

#[test]
fn every_system_of_this_build_has_a_row() {
    for system in zoo::VOLUME_SYSTEMS {
        let card = system.card();
        let row = entries().iter().find(|entry| entry.id == card.survey_row);
        let row = row.unwrap_or_else(|| panic!("{}: no row {}", card.id, card.survey_row));
        assert!(matches!(Ability::of(row), Ability::RunsVolumes(_)), "{}", card.id);
    }
    for system in zoo::SYSTEMS {
        let card = system.card();
        let row = entries().iter().find(|entry| entry.id == card.survey_row);
        let row = row.unwrap_or_else(|| panic!("{}: no row {}", card.id, card.survey_row));
        assert!(matches!(Ability::of(row), Ability::Runs(_)), "{}", card.id);
        assert_eq!(catalogue::find(card.id).unwrap().id, card.survey_row);
        // What the card and the row both say of the code agrees.
        assert!(LICENCES.iter().any(|licence| licence.id == card.code_licence), "{}", card.id);
    }
}

/// Chinese texts are in Chinese, English ones are not.
#[test]
fn texts_are_in_their_language() {
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let check = |id: &str, text: &Text| {
        assert!(!chinese(text.en()), "{id}: {}", text.en());
        assert!(chinese(text.zh()), "{id}: {}", text.zh());
        for bad in ["TODO", "  "] {
            assert!(!text.en().contains(bad) && !text.zh().contains(bad), "{id}: {}", text.en());
        }
    };
    for entry in entries() {
        let id = &entry.id;
        let texts = [Some(&entry.about), Some(&entry.working), entry.correction.as_ref()];
        texts.into_iter().flatten().for_each(|text| check(id, text));
        entry.facts.iter().for_each(|fact| check(id, &fact.text));
        entry.clearances.iter().for_each(|clearance| check(id, &clearance.scope));
        entry.hardware.note.iter().chain(&entry.licence_note).for_each(|text| check(id, text));
        // "AUC 0.88" is the same in both; a sentence is not.
        let claim = entry.claim.as_ref();
        claim.into_iter().filter(|claim| claim.en().contains("of ")).for_each(|c| check(id, c));
        assert_ne!(entry.name.get(Lang::En), "", "{id}");
    }
    catalogue().log.iter().for_each(|line| check(&line.date, &line.text));
}

#[test]
fn what_can_be_had_says_where_and_what_cannot_says_so() {
    for entry in entries() {
        let has_files = !entry.weights.is_empty()
            || entry.links.iter().any(|link| link.kind.id == "weights")
            || matches!(Ability::of(entry), Ability::Runs(_) | Ability::RunsVolumes(_));
        match entry.access.id {
            "gated-weights" => assert!(has_files, "{}", entry.id),
            "none" | "product" | "api" => assert!(entry.weights.is_empty(), "{}", entry.id),
            _ => {}
        }
        if entry.weights_licence.id == "no-weights" {
            assert!(entry.weights.is_empty(), "{}: files without weights", entry.id);
            let had = ["weights", "gated-weights"].contains(&entry.access.id);
            assert!(!had, "{}: weights to be had, and none published", entry.id);
        }
        let mut files = BTreeSet::new();
        assert!(entry.weights.iter().all(|file| files.insert(&file.file)), "{}", entry.id);
        // A vendor's product is known by its maker's word alone where no authority was read.
        if entry.connection.id == "vendor" {
            assert!(!entry.clearances.is_empty() || !entry.facts.is_empty(), "{}", entry.id);
        }
        for clearance in entry.clearances.iter().filter(|c| c.authority.id == "FDA") {
            let digits = clearance.number.trim_start_matches(char::is_alphabetic);
            assert!(digits.len() == 6 && digits.chars().all(|c| c.is_ascii_digit()));
        }
    }
}

#[test]
fn unknown_names_suggest_the_nearest() {
    let hint = |name: &str| {
        let error = catalogue::find(name).unwrap_err();
        error.hint_text().map(|hint| hint.en().to_owned()).unwrap_or_default()
    };
    assert!(hint("medsan").contains("medsam"), "{}", hint("medsan"));
    assert!(hint("HD-BED").contains("hd-bet"));
    assert_eq!(hint("something entirely different"), "");
    assert_eq!(catalogue::find("NNUNETV2").unwrap().id, "nnunet");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let good = FILES.iter().find(|(name, _)| *name == "deepbrain").unwrap().1;
    let wrong = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        let problems = catalogue::entry(&text, "deepbrain").unwrap_err();
        let line = 1 + text[..text.find(to).unwrap()].matches('\n').count();
        let found = problems.iter().find(|problem| problem.line == Some(line));
        found.unwrap_or_else(|| panic!("{to}: line {line}, {problems:?}")).text.en().to_owned()
    };
    assert!(wrong("section = \"open\"", "section = \"opne\"").contains("open"));
    assert!(wrong("weights = \"MIT\"", "weights = \"MIR\"").contains("MIT"));
    assert!(
        wrong("\"https://github.com/iitzco/deepbrain\"", "\"github deepbrain\"").contains("https")
    );
    assert!(wrong("sha256 = \"f2cd", "sha256 = \"F2cd").contains("64"));
    assert!(wrong("effort = 2", "effort = 4").contains("3"));
    assert!(wrong("bytes = 3193476", "bytes = \"3 MB\"").contains("number"));
    assert!(wrong("chinese = \"no\"", "chinesisch = \"no\"").contains("no known entry"));
    assert!(wrong("id = \"deepbrain\"", "id = \"Deep Brain\"").contains("lower-case"));
    assert!(wrong("id = \"deepbrain\"", "id = \"deep-brain\"").contains("file"));
    assert!(wrong("modalities = [\"mri\"]", "modalities = [\"mrt\"]").contains("mri"));
    assert!(wrong("about = {", "about = \"only English\" #{").contains("both languages"));
    // Cut anywhere, broken anyhow: problems, never a panic.
    for end in (0..good.len()).step_by(7).filter(|end| good.is_char_boundary(*end)) {
        let _ = catalogue::entry(&good[..end], "deepbrain");
    }
}
