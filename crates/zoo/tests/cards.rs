//! What holds for every card.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use base::Text;
use engine::cpu::Pool;
use std::collections::BTreeSet;
use std::path::Path;
use zoo::volume_system::VolumeOptions;
use zoo::{Compute, SYSTEMS, Task, VOLUME_SYSTEMS, find, find_volume_system};

fn bilingual(text: &Text) -> bool {
    !text.en().trim().is_empty()
        && text.zh().chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn every_name_belongs_to_one_system() {
    let mut seen = BTreeSet::new();
    for card in SYSTEMS.iter().map(|system| system.card()) {
        for name in std::iter::once(&card.id).chain(card.aliases) {
            assert!(seen.insert(name.to_ascii_lowercase()), "{name} twice");
            assert_eq!(find(name).unwrap().card().id, card.id);
        }
        assert!(card.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    }
    assert_eq!(SYSTEMS.len(), 11);
    assert!(find("no-such-model").is_none());
    assert_eq!(find("DenseNet121-res224-ALL").unwrap().card().id, "xrv-densenet121-res224-all");
}

#[test]
fn every_text_speaks_both_languages() {
    for card in SYSTEMS.iter().map(|system| system.card()) {
        assert!(!card.name.en().is_empty() && !card.name.zh().is_empty(), "{}", card.id);
        for text in [&card.weights_licence, &card.intended_use, &card.limits] {
            assert!(bilingual(text), "{}: {text}", card.id);
        }
    }
}

#[test]
fn labels_thresholds_and_points_belong_together() {
    for card in SYSTEMS.iter().map(|system| system.card()) {
        let ids: Vec<_> = card.labels.iter().flatten().map(|code| code.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{}", card.id);
        for points in [card.thresholds, card.ppv80] {
            assert!(points.is_empty() || points.len() == card.labels.len(), "{}", card.id);
            assert!(points.iter().flatten().all(|t| 0.0 < *t && *t < 1.0), "{}", card.id);
        }
        if card.task == Task::Classification {
            for (label, threshold) in card.labels.iter().zip(card.thresholds) {
                assert_eq!(label.is_some(), threshold.is_some(), "{}", card.id);
            }
        }
    }
    let trained = |id: &str| find(id).unwrap().card().labels.iter().flatten().count();
    let counts = ["all", "nih", "pc", "chex", "rsna", "mimic-nb", "mimic-ch"]
        .map(|name| trained(&format!("xrv-densenet121-res224-{name}")));
    assert_eq!(counts, [18, 14, 15, 11, 2, 11, 11]);
    assert_eq!(trained("xrv-resnet50-res512-all"), 16);
    assert_eq!(trained("xrv-pspnet-anatomy"), 14);
}

#[test]
fn every_file_has_a_published_place_and_a_way_to_know_it() {
    let mut names = BTreeSet::new();
    for system in SYSTEMS {
        let card = system.card();
        // What is part of the program is published with it.
        if system.own_weights().is_none() {
            assert!(card.weights.url.starts_with("https://"), "{}", card.id);
            assert!(card.weights.url.ends_with(card.weights.file_names[0]), "{}", card.id);
        }
        assert!(!card.weights.signature.is_empty(), "{}", card.id);
        for name in card.weights.file_names {
            assert!(names.insert(name), "{name} twice");
        }
    }
}

#[test]
fn every_published_number_is_possible_and_says_whose_it_is() {
    for card in SYSTEMS.iter().map(|system| system.card()) {
        for evidence in card.evidence {
            assert!((0.5..1.0).contains(&evidence.value), "{}: {evidence:?}", card.id);
            assert!(!evidence.source.is_empty() && !evidence.data_set.is_empty());
            let known = card.labels.iter().flatten().any(|code| Some(*code) == evidence.finding);
            assert!(known || evidence.finding.is_none(), "{}: {evidence:?}", card.id);
        }
    }
}

#[test]
fn every_system_has_a_parity_fixture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for system in SYSTEMS {
        // Weights that are part of the program are compared as they are (own_weights.rs).
        let kind = if system.own_weights().is_some() { "own" } else { "networks" };
        let path = folder.join(kind).join(format!("{}.json", system.card().id));
        assert!(path.is_file(), "{} is missing", path.display());
    }
}

#[test]
fn a_head_names_a_tensor_of_its_network() {
    for system in SYSTEMS {
        let Some(head) = system.head() else { continue };
        let signature = system.card().weights.signature;
        let found = signature.iter().find(|(name, _)| *name == head.weight).unwrap();
        assert_eq!(found.1, [head.labels, head.channels]);
    }
}

#[test]
fn systems_for_volumes_have_names_of_their_own_and_speak_both_languages() {
    let mut seen = BTreeSet::new();
    for system in VOLUME_SYSTEMS {
        let card = system.card();
        for name in std::iter::once(&card.id).chain(card.aliases) {
            assert!(seen.insert(name.to_ascii_lowercase()), "{name} twice");
            assert_eq!(find_volume_system(name).unwrap().card().id, card.id);
            assert!(find(name).is_none(), "{name} is a system for pictures, too");
        }
        assert!(card.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        for text in [&card.name, &card.weights_licence, &card.intended_use, &card.limits] {
            assert!(bilingual(text), "{}: {text}", card.id);
        }
        for choice in card.choices {
            assert!(bilingual(&choice.about), "{}: {}", card.id, choice.name);
            assert!(!choice.name.contains([':', '+', ',', '=']), "{}", choice.name);
        }
        assert!(
            !card.weights.is_empty() && !card.paper.is_empty() && !card.code_licence.is_empty()
        );
        let options = VolumeOptions::new(Compute::new(Pool::new(1)));
        let published = card.weights.iter().all(|file| file.url.starts_with("https://"));
        assert!(published || system.open_own(&options).is_some(), "{}", card.id);
    }
    assert!(find_volume_system("no-such-system").is_none());
}
