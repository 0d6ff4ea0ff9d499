//! Whole tasks of TotalSegmentator with made-up models on real images: what TotalSegmentator itself
//! gives with the same (`tools/reference/totalsegmentator_tasks.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, packed_labels};
use base::{Kind, Modality};
use engine::graph::Builder;
use engine::weights::{Plain, Scope, synth, write_pytorch_beside};
use imaging::volumes;
use serde_json::Value;
use std::path::Path;
use zoo::nnunet::{Configuration, Dataset};
use zoo::systems::totalsegmentator::{SYSTEM, bounds_of};
use zoo::volume_system::{VolumeCase, VolumeOptions, labels_of};
use zoo::{VolumeReader, VolumeSystem};

/// Writes the models of a case below `root`, as TotalSegmentator keeps them.
fn write_models(root: &Path, models: &Value) {
    for (dataset, model) in models.as_object().unwrap() {
        let target = root.join(model["folder"].as_str().unwrap());
        std::fs::create_dir_all(target.join("fold_0")).unwrap();
        let texts = ["plans", "dataset"].map(|key| model[key].to_string());
        for (name, text) in ["plans.json", "dataset.json"].iter().zip(&texts) {
            std::fs::write(target.join(name), text).unwrap();
        }
        let [plans, described] = texts.map(|text| Plain::from_json(text.as_bytes()).unwrap());
        let described = Dataset::read(Path::new("dataset.json"), &described).unwrap();
        let (file, heads) = (Path::new("plans.json"), described.heads());
        let planned = Configuration::read(file, &plans, "3d_fullres", 1, heads).unwrap();
        let dataset = dataset.clone();
        let scope = Scope::recording_with(move |name, shape| {
            synth::fill_as(name, &format!("{dataset}.{name}"), shape)
        });
        let mut b = Builder::new();
        let mut shape = vec![1, 1];
        shape.extend(&planned.patch);
        let image = b.input("image", &shape);
        planned.architecture.logits(&mut b, &scope, image).unwrap();
        let text = |text: &str| Plain::Text(text.to_owned());
        let settings = vec![("configuration".to_owned(), text("3d_fullres"))];
        let beside = [
            ("init_args".to_owned(), Plain::Table(settings)),
            ("trainer_name".to_owned(), text("nnUNetTrainer")),
            ("inference_allowed_mirroring_axes".to_owned(), Plain::None),
        ];
        let file = target.join("fold_0/checkpoint_final.pth");
        write_pytorch_beside(&file, "network_weights", &scope.recorded(), &beside).unwrap();
    }
}

fn expected(name: &str) -> Vec<u16> {
    packed_labels(&format!("systems/totalsegmentator-{name}.gz"))
}

/// Opens a task and reads its image; the share of voxels with the reference's label.
fn agreement(name: &str, chosen: &[&str]) -> Option<f64> {
    let cases = fixture("systems/totalsegmentator.json");
    let case = &cases[name];
    let image = format!("volumes/totalsegmentator/{}", case["image"].as_str().unwrap());
    let scan = volumes::read(&testkit::data(&image)?, &imaging::Limits::default()).unwrap();
    let root = testkit::temp_dir(name);
    write_models(root.path(), &case["models"]);
    let mut options = VolumeOptions::new(compute());
    options.chosen = chosen.iter().map(|&name| name.to_owned()).collect();
    let mut reader: Box<dyn VolumeReader> = SYSTEM.open(root.path(), &options).unwrap();
    assert!(reader.need_bytes(&scan.volume).unwrap() > 4 * scan.volume.frame_len() as u64);
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let mut last = (0, 0);
    let answer = reader.read(&case, &mut |done, total| last = (done, total)).unwrap();
    assert!(last.0 > 0 && last.0 == last.1, "{last:?}");
    crate::common::same_when_prepared(&mut *reader, case, &answer);
    assert!(answer.map.grid().is_same(scan.volume.grid(), 1e-6));
    let (found, expected) = (labels_of(&answer.map), expected(name));
    assert!(expected.iter().any(|&label| label == 0) || name.contains("total"));
    let same = found.iter().zip(&expected).filter(|(a, b)| a == b).count();
    let share = same as f64 / expected.len() as f64;
    println!("{name}: {:.4} % of {} voxels agree", 100.0 * share, expected.len());
    Some(share)
}

#[test]
fn the_whole_body_at_six_millimetres_is_the_original_s() {
    let Some(share) = agreement("total-fastest", &["fastest"]) else { return };
    assert!(share > 0.999, "{share}");
}

#[test]
fn a_task_that_crops_to_what_a_coarse_model_finds_is_the_original_s() {
    let Some(share) = agreement("hip_implant", &["hip_implant"]) else { return };
    assert!(share > 0.999, "{share}");
}

#[test]
fn the_body_s_parts_are_cleaned_as_the_original_does() {
    let Some(share) = agreement("body-fast", &["body", "fast"]) else { return };
    assert!(share > 0.999, "{share}");
}

#[test]
fn two_models_on_an_image_that_is_not_ras_are_laid_over_each_other_as_the_original_does() {
    let Some(share) = agreement("total_mr", &["total_mr"]) else { return };
    assert!(share > 0.999, "{share}");
}

#[test]
fn what_is_missing_or_does_not_fit_is_said() {
    let root = testkit::temp_dir("totalsegmentator-missing");
    let mut options = VolumeOptions::new(compute());
    let error = SYSTEM.open(root.path(), &options).err().unwrap();
    assert!(error.to_string().contains("Dataset291_TotalSegmentator_part1"), "{error}");
    options.chosen = vec!["hip_implant".into(), "body".into()];
    let error = SYSTEM.open(root.path(), &options).err().unwrap();
    assert_eq!(error.kind(), Kind::Usage);

    let cases = fixture("systems/totalsegmentator.json");
    write_models(root.path(), &cases["body-fast"]["models"]);
    options.chosen = vec!["body".into(), "fast".into()];
    let mut reader = SYSTEM.open(root.path(), &options).unwrap();
    let image = "volumes/totalsegmentator/example_mr_sm.nii.gz";
    let Some(path) = testkit::data(image) else { return };
    let mut scan = volumes::read(&path, &imaging::Limits::default()).unwrap();
    scan.facts.modality = Some(Modality::Mr);
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let error = reader.read(&case, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("CT"), "{error}");
}

#[test]
fn a_box_is_that_of_the_mask_and_its_margin_within_the_volume() {
    let size = [5, 4, 3];
    let mut mask = vec![false; 60];
    assert_eq!(bounds_of(&mask, size, [0; 3]), None);
    let place = |i: usize, j: usize, k: usize| (k * 4 + j) * 5 + i;
    mask[place(3, 2, 1)] = true;
    assert_eq!(bounds_of(&mask, size, [0; 3]), Some([[3, 4], [2, 3], [1, 2]]));
    mask[place(1, 1, 2)] = true;
    assert_eq!(bounds_of(&mask, size, [1, 0, 7]), Some([[0, 5], [1, 3], [0, 3]]));
}
