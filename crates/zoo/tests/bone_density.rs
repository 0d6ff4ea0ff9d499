//! The trabecular region of a real vertebra is Comp2Comp's (`tools/reference/bone_density.py` made the
//! fixture), and what follows from attenuation is what its equations say.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::fixture;
use base::{Kind, Orientation};
use imaging::volumes;
use zoo::find_volume_system;
use zoo::systems::bone_density::{
    Calibration, areal_density, fat_and_air, measure, t_score, trabecular, z_score,
};
use zoo::volume_system::{VolumeCase, VolumeOptions, labels_of};

#[test]
fn the_region_in_a_real_vertebra_is_the_reference_s() {
    let expected = fixture("systems/bone_density.json");
    let read = |key: &str| {
        let path = testkit::data(&format!("volumes/spine/{}", expected[key].as_str().unwrap()))?;
        let scan = volumes::read(&path, &imaging::Limits::default()).unwrap();
        Some(scan.volume.reoriented(Orientation::RAS))
    };
    let (Some(image), Some(labels)) = (read("image"), read("mask")) else { return };
    let (size, spacing) = (image.size(), image.spacing_mm());
    let values = image.frame_f32(0);
    let mask: Vec<bool> = labels.frame_f32(0).iter().map(|&label| label == 22.0).collect();
    let region = trabecular(&mask, size, spacing).unwrap();
    let number = |key: &str| expected[key].as_u64().unwrap() as usize;
    let slices = expected["slices"].as_object().unwrap();
    for (k, count) in slices {
        let plane = size[0] * size[1];
        let here = region.iter().filter(|&&n| n / plane == k.parse::<usize>().unwrap()).count();
        assert_eq!(here as u64, count.as_u64().unwrap(), "slice {k}");
    }
    assert_eq!(region.len(), number("voxels"));
    assert_eq!(region.iter().sum::<usize>(), number("sum_of_places"));
    assert_eq!((region[0], *region.last().unwrap()), (number("first"), number("last")));
    let mean = region.iter().map(|&n| f64::from(values[n])).sum::<f64>() / region.len() as f64;
    assert!((mean - expected["trabecular_hu"].as_f64().unwrap()).abs() < 1e-3, "{mean}");

    // The same by labels.
    let part: Vec<u16> = mask.iter().map(|&inside| if inside { 5 } else { 0 }).collect();
    let measured = measure(&values, &part, [9, 8, 5, 4, 3], size, spacing);
    let (inside, whole) = measured.levels[2].unwrap();
    assert!((inside - mean).abs() < 1e-9);
    assert!((whole - expected["whole_hu"].as_f64().unwrap()).abs() < 1e-3, "{whole}");
    assert!(measured.levels.iter().flatten().count() == 1);
    assert_eq!(measured.regions.iter().filter(|&&label| label == 3).count(), region.len());
}

/// The whole system on a real CT with the masks that come with it (VerSe's numbers; 22 is L3), with no weights at all.
#[test]
fn masks_that_are_given_are_measured_in_whatever_their_grid() {
    let expected = fixture("systems/bone_density.json");
    let read = |key: &str| {
        crate::common::scan(&format!("volumes/spine/{}", expected[key].as_str().unwrap()))
    };
    let (Some(scan), Some(masks)) = (read("image"), read("mask")) else { return };
    let system = find_volume_system("bone-density").unwrap();
    let mut options = VolumeOptions::new(crate::common::compute());
    assert!(system.open_own(&options).is_none());
    options.labelled = true;
    options.chosen = vec!["verse".into()];
    let mut reader = system.open_own(&options).unwrap().unwrap();
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    assert_eq!(reader.read(&case, &mut |_, _| {}).unwrap_err().kind(), Kind::Refused);
    for masks in [masks.volume.clone(), masks.volume.reoriented(Orientation::LPS)] {
        reader.give_labels(Some(masks)).unwrap();
        let answer = reader.read(&case, &mut |_, _| {}).unwrap();
        let value = |id: &str| answer.values.iter().find(|value| value.id == id).unwrap().value;
        let near = |id: &str, key: &str| {
            assert!(
                (value(id) - expected[key].as_f64().unwrap()).abs() < 1e-3,
                "{id}: {}",
                value(id)
            );
        };
        near("l3-trabecular-attenuation", "trabecular_hu");
        near("l3-attenuation", "whole_hu");
        let marked = labels_of(&answer.map).iter().filter(|label| **label == 3).count() as u64;
        assert_eq!(marked, expected["voxels"].as_u64().unwrap());
        let codes: Vec<&str> = answer.notes.iter().map(|note| note.code).collect();
        assert!(codes.contains(&"given-masks") && codes.contains(&"uncalibrated"), "{codes:?}");
    }
    // Numbers of another program find nothing there.
    options.chosen = vec!["totalspineseg".into()];
    let mut reader = system.open_own(&options).unwrap().unwrap();
    reader.give_labels(Some(masks.volume.clone())).unwrap();
    assert!(reader.read(&case, &mut |_, _| {}).unwrap().values.is_empty());
    options.chosen.push("verse".into());
    assert_eq!(system.open_own(&options).unwrap().err().unwrap().kind(), Kind::Usage);
}

#[test]
fn a_vertebra_of_which_too_little_is_shown_has_no_region() {
    let size = [40, 40, 4];
    assert_eq!(trabecular(&[false; 6400], size, [1.0; 3]), None);
    let mask: Vec<bool> = (0..6400).map(|n| n % 40 > 10 && n / 40 % 40 > 20).collect();
    assert_eq!(trabecular(&mask, size, [1.0; 3]), None, "19 × 4 pixels are too few");
}

#[test]
fn calibration_runs_through_fat_and_air_and_refuses_what_is_neither() {
    let calibration = Calibration::new(-105.0, -990.0).unwrap();
    assert!((calibration.apply(-105.0) + 95.0).abs() < 1e-9);
    assert!((calibration.apply(-990.0) + 1000.0).abs() < 1e-9);
    assert!(Calibration::new(-105.0, 20.0).is_none(), "no air");
    assert!(Calibration::new(40.0, -1000.0).is_none(), "no fat");
}

#[test]
fn scores_are_those_of_the_reference_s_tables() {
    // By hand: 0.002533809257151385 · 300 + 0.2298020483820905.
    let density = areal_density(300.0);
    assert!((density - 0.989_944_825_5).abs() < 1e-9, "{density}");
    // (0.9899448255 − 1.07232328) / 0.120665275.
    assert!((t_score(density) + 0.682_702_5).abs() < 1e-6, "{}", t_score(density));
    assert!((z_score(density, 72).unwrap() - 0.075_252_5).abs() < 1e-6);
    assert!((z_score(density, 45).unwrap() + 0.526_796_3).abs() < 1e-6);
    assert_eq!(z_score(density, 19), None);
}

#[test]
fn fat_and_air_are_measured_where_they_belong() {
    // One slice of 2 mm pixels: air at −1000, a body of fat under the skin (label 1) around fat inside (2).
    let (ni, nj) = (120, 100);
    let mut image = vec![-1000.0f32; ni * nj];
    let mut tissues = vec![0u16; ni * nj];
    for j in 10..60 {
        for i in 20..100 {
            let skin = !(14..56).contains(&j);
            image[j * ni + i] = if skin { -110.0 } else { -100.0 };
            tissues[j * ni + i] = if skin { 1 } else { 2 };
        }
    }
    // A table behind the box, which must not count: beyond 40 mm in front.
    image[85 * ni..].fill(50.0);
    let (fat, air) = fat_and_air(&image, &tissues, [ni, nj, 1], [2.0; 3], &[0]).unwrap();
    assert!((fat + 100.0).abs() < 1e-9 && (air + 1000.0).abs() < 1e-9, "{fat} {air}");
    assert_eq!(fat_and_air(&image, &vec![0; ni * nj], [ni, nj, 1], [2.0; 3], &[0]), None);
}
