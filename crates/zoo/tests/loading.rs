//! Which file is whose, what happens with files that do not fit, and what a loaded model says
//! about a film.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, write_checkpoint};
use base::{ExplanationMethod, Kind, Lang, Modality, Reading};
use engine::Tensor;
use engine::graph::Builder;
use engine::weights::{Scope, write_pytorch};
use imaging::{Limits, Study};
use std::path::Path;
use zoo::{Explain, Loaded, ReadOptions, SYSTEMS, System, find, find_weights, identify};

const ALL: &str = "xrv-densenet121-res224-all";
const NIH_FILE: &str = "nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt";

fn all() -> &'static dyn System {
    find(ALL).unwrap()
}

fn ids(path: &Path) -> Vec<&'static str> {
    identify(path).iter().map(|system| system.card().id).collect()
}

fn film() -> Option<Study> {
    let path = testkit::data("cxr/nih/00000150_002.png")?;
    Some(imaging::read(&path, &Limits::default()).unwrap())
}

fn codes(reading: &Reading) -> Vec<&'static str> {
    reading.notes.iter().map(|note| note.code).collect()
}

#[test]
fn a_file_is_known_by_its_published_name() {
    for system in SYSTEMS {
        for name in system.card().weights.file_names {
            assert_eq!(ids(Path::new(name)), [system.card().id]);
        }
    }
    assert!(ids(Path::new("no-such-file.pt")).is_empty());
}

#[test]
fn a_renamed_file_is_known_by_its_tensors() {
    let folder = testkit::temp_dir("renamed");
    let file = write_checkpoint(all(), &folder.join("mine.pt"), "module.");
    let found = ids(&file);
    assert_eq!(found.len(), 7, "{found:?}");
    assert!(found.iter().all(|id| id.starts_with("xrv-densenet121-res224-")));
    // The only file that fits is taken.
    assert_eq!(find_weights(all(), folder.path()).unwrap(), file);
    assert_eq!(find_weights(all(), &file).unwrap(), file);
    // Another model's published file is not.
    std::fs::rename(&file, folder.join(NIH_FILE)).unwrap();
    assert_eq!(find_weights(all(), folder.path()).unwrap_err().kind(), Kind::Io);
    // Of two that fit, the user says which.
    std::fs::copy(folder.join(NIH_FILE), folder.join("a.pt")).unwrap();
    std::fs::copy(folder.join(NIH_FILE), folder.join("b.pt")).unwrap();
    let error = find_weights(all(), folder.path()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.render(Lang::En).contains("a.pt, b.pt"));
}

#[test]
fn an_empty_folder_says_which_file_is_wanted_and_where_it_is() {
    let folder = testkit::temp_dir("empty");
    for system in SYSTEMS {
        let error = find_weights(*system, folder.path()).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        for lang in [Lang::En, Lang::Zh] {
            let said = error.render(lang);
            assert!(said.contains(system.card().weights.file_names[0]), "{said}");
            assert!(said.contains(system.card().weights.url), "{said}");
        }
    }
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let folder = testkit::temp_dir("misfit");
    let file = folder.join("mine.pt");
    let scope = Scope::recording();
    all().network(&mut Builder::new(), &scope).unwrap();
    let mut tensors = scope.recorded();
    tensors.retain(|(name, _)| name != "features.norm5.weight");
    tensors.push(("extra.weight".to_owned(), Tensor::new(&[1], vec![0.0]).unwrap()));
    for (name, tensor) in &mut tensors {
        if name == "classifier.bias" {
            *tensor = Tensor::new(&[5], vec![0.0; 5]).unwrap();
        }
    }
    write_pytorch(&file, &tensors).unwrap();
    let error = Loaded::load(all(), &file, &compute()).err().unwrap();
    assert_eq!(error.kind(), Kind::BrokenInput);
    let said = error.render(Lang::Zh);
    for part in ["features.norm5.weight", "extra.weight", "classifier.bias", "densenet121-d121"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_file_that_is_no_checkpoint_is_an_error_with_advice() {
    let folder = testkit::temp_dir("broken");
    for (name, bytes) in
        [("a.pt", &b""[..]), ("b.pt", b"<html>404</html>"), ("c.pt", b"PK\x03\x04")]
    {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let error = Loaded::load(all(), &file, &compute()).err().unwrap();
        assert!(matches!(error.kind(), Kind::BrokenInput | Kind::Unsupported), "{error}");
        assert_eq!(error.path(), Some(file.as_path()));
        assert!(error.hint_text().unwrap().zh().contains("https://"));
        assert!(identify(&file).is_empty());
    }
    let error = Loaded::load(all(), &folder.join("none.pt"), &compute()).err().unwrap();
    assert_eq!(error.kind(), Kind::Io);
}

#[test]
fn a_classifier_reads_a_film() {
    let Some(mut study) = film() else { return };
    let mut loaded = Loaded::placeholder(all(), &compute()).unwrap();
    let options = ReadOptions { explain: 2, method: Explain::Auto, ..ReadOptions::default() };
    let reading = loaded.read(&study, &options).unwrap();
    assert!(reading.model.placeholder_weights);
    assert_eq!(reading.findings.len(), 18);
    for finding in &reading.findings {
        assert!((0.0..=1.0).contains(&finding.score) && !finding.calibrated);
        assert_eq!(finding.threshold, Some(0.5));
    }
    assert_eq!(reading.maps.len(), 2);
    let best = reading.findings.iter().map(|f| f.score).fold(0.0, f32::max);
    let led = reading.findings.iter().find(|f| f.code == reading.maps[0].code).unwrap();
    assert_eq!(led.score, best);
    for map in &reading.maps {
        assert_eq!(map.method, ExplanationMethod::GradCam);
        assert_eq!((map.map.width(), map.map.height()), (7, 7));
        assert_eq!((map.covers.width, map.covers.height), (1024.0, 1024.0));
    }
    // The same again, and by occlusion.
    let again = loaded.read(&study, &options).unwrap();
    assert_eq!(reading.findings, again.findings);
    assert_eq!(reading.maps, again.maps);
    let options = ReadOptions { explain: 1, method: Explain::Occlusion, ..ReadOptions::default() };
    let reading = loaded.read(&study, &options).unwrap();
    assert_eq!(reading.maps[0].method, ExplanationMethod::Occlusion);
    assert_eq!((reading.maps[0].map.width(), reading.maps[0].map.height()), (8, 8));

    study.facts.modality = Some(Modality::Mr);
    let refused = loaded.read(&study, &options).unwrap();
    assert!(refused.refused.is_some() && refused.findings.is_empty());
    let overruled = loaded.read(&study, &ReadOptions { despite_header: true, ..options }).unwrap();
    assert!(overruled.refused.is_none());
    assert_eq!(overruled.findings, reading.findings);
    let note = &overruled.notes[0];
    assert_eq!((note.code, note.severity), ("wrong-modality", base::Severity::Serious));
}

#[test]
fn made_up_weights_spread_the_scores_and_still_look_at_the_film() {
    let Some(study) = film() else { return };
    let mut loaded = Loaded::placeholder(all(), &compute()).unwrap();
    let scores = |reading: &base::Reading| -> Vec<f32> {
        reading.findings.iter().map(|finding| finding.score).collect()
    };
    let one = scores(&loaded.read(&study, &ReadOptions::default()).unwrap());
    assert!(one.iter().all(|score| (0.02..0.98).contains(score)), "{one:?}");
    let above = one.iter().filter(|score| **score >= 0.5).count();
    assert!((3..=15).contains(&above), "{one:?}");
    let Some(other) = testkit::data_files("cxr/nih").into_iter().nth(7) else { return };
    let other = imaging::read(&other, &imaging::Limits::default()).unwrap();
    let two = scores(&loaded.read(&other, &ReadOptions::default()).unwrap());
    assert!(one.iter().zip(&two).any(|(a, b)| (a - b).abs() > 0.005), "{one:?} {two:?}");
}

#[test]
fn the_autoencoder_gives_a_sign_without_a_threshold() {
    let Some(study) = film() else { return };
    let mut loaded =
        Loaded::placeholder(find("xrv-resnet101-autoencoder").unwrap(), &compute()).unwrap();
    let reading = loaded
        .read(&study, &ReadOptions { explain: 3, method: Explain::Auto, ..ReadOptions::default() })
        .unwrap();
    assert!(reading.findings.is_empty() && reading.maps.is_empty());
    let sign = &reading.trust.out_of_domain[0];
    assert!(sign.score > 0.0 && sign.threshold.is_none());
    assert_eq!(reading.values[0].id, "reconstruction-error");
}

#[test]
fn outlines_lie_on_the_grid_of_the_film() {
    let Some(study) = film() else { return };
    let mut loaded = Loaded::placeholder(find("xrv-pspnet-anatomy").unwrap(), &compute()).unwrap();
    let reading = loaded.read(&study, &ReadOptions::default()).unwrap();
    let missing = codes(&reading).iter().filter(|code| **code == "nothing-outlined").count();
    assert_eq!(reading.segments.len() + missing, 14);
    assert!(!reading.segments.is_empty());
    for segment in &reading.segments {
        let size = (segment.mask.width(), segment.mask.height());
        assert_eq!(size, (study.facts.size_px.0, study.facts.size_px.1));
        assert!(segment.mean_score.unwrap() > 0.5 && segment.label >= 1);
        assert_eq!(segment.area_mm2.is_some(), study.facts.spacing.is_some());
    }
}
