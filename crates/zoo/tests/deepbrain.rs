//! DeepBrain with its published weights on real T1 images: every step as TensorFlow and scikit-image
//! take it (`tools/reference/deepbrain.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, floats, integers, pool, scan};
use base::VolumeFacts;
use engine::Tensor;
use engine::weights::{Checkpoint, Limits};
use imaging::volumes::Scan;
use std::io::Read;
use std::path::Path;
use zoo::systems::deepbrain;
use zoo::volume_system::{VolumeAnswer, VolumeCase, VolumeOptions, labels_of};
use zoo::{VolumeReader, VolumeSystem, find_volume_system};

/// The samples of an array `[i][j][k]` that the fixture keeps, against values in that order.
fn worst(got: impl Fn(usize) -> f32, count: usize, expected: &serde_json::Value) -> f64 {
    const KEEP: usize = 800;
    assert_eq!(integers(&expected["shape"]).iter().product::<usize>(), count);
    let expected = floats(&expected["value"]);
    assert_eq!(expected.len(), KEEP);
    let at = |k: usize| got(k * (count - 1) / (KEEP - 1));
    let off = expected.iter().enumerate().map(|(k, &e)| (f64::from(at(k)) - f64::from(e)).abs());
    off.fold(0.0, f64::max)
}

/// Where voxel number `n` of `[i][j][k]` lies in `[k][j][i]`.
fn turned(n: usize, [ni, nj, nk]: [usize; 3]) -> usize {
    let (i, j, k) = (n / (nj * nk), n / nk % nj, n % nk);
    (k * nj + j) * ni + i
}

fn open(weights: &Path) -> Box<dyn VolumeReader> {
    deepbrain::SYSTEM.open(weights, &VolumeOptions::new(compute())).unwrap()
}

fn read(reader: &mut dyn VolumeReader, scan: &Scan) -> VolumeAnswer {
    let facts: &VolumeFacts = &scan.facts;
    reader
        .read(&VolumeCase { volumes: &[&scan.volume], facts, prepared: None }, &mut |_, _| {})
        .unwrap()
}

#[test]
fn each_step_on_a_real_t1_is_the_originals() {
    let cases = fixture("systems/deepbrain.json");
    for case in cases["cases"].as_array().unwrap() {
        let Some(scan) = scan(case["image"].as_str().unwrap()) else { return };
        let Some(weights) = testkit::data(case["weights"].as_str().unwrap()) else { return };
        let (size, image) = (scan.volume.size(), scan.volume.frame_f32(0));
        let cube = deepbrain::prepare(&pool(), &image, size).unwrap();
        let scaled = worst(|n| cube[n], cube.len(), &case["scaled"]);
        assert!(scaled < 1e-5, "scaled: {scaled:.1e}");

        let mut checkpoint = Checkpoint::open(&weights, &Limits::default()).unwrap();
        checkpoint.channels_first();
        let options = VolumeOptions::new(compute());
        let mut network = deepbrain::network(&checkpoint, 128, &options).unwrap();
        let input = Tensor::new(&[1, 1, 128, 128, 128], cube).unwrap();
        let prob = network.run(&[&input]).unwrap().remove(0).into_data();
        let inside = worst(|n| prob[n], prob.len(), &case["cube"]);
        assert!(inside < 1e-4, "probability: {inside:.1e}");

        let full = deepbrain::restore(&pool(), &prob, size).unwrap();
        let outside = worst(|n| full[turned(n, size)], full.len(), &case["full"]);
        println!("{}: scaled {scaled:.1e}, cube {inside:.1e}, full {outside:.1e}", case["image"]);
        assert!(outside < 1e-4, "on the image's grid: {outside:.1e}");
    }
}

#[test]
fn the_mask_and_the_brain_volume_are_the_originals() {
    let cases = fixture("systems/deepbrain.json");
    let mut readers = Vec::new();
    for (number, case) in cases["cases"].as_array().unwrap().iter().enumerate() {
        let name = case["weights"].as_str().unwrap();
        let Some(scan) = scan(case["image"].as_str().unwrap()) else { return };
        let Some(weights) = testkit::data(name) else { return };
        if readers.last().is_none_or(|(known, _)| *known != name) {
            readers.push((name, open(&weights)));
        }
        let reader = &mut *readers.last_mut().unwrap().1;
        let answer = read(reader, &scan);
        let prepared = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
        crate::common::same_when_prepared(reader, prepared, &answer);
        assert!(answer.map.grid().is_same(scan.volume.grid(), 1e-9));
        let labels = labels_of(&answer.map);
        let expected_ml = case["volume_ml"].as_f64().unwrap();
        let found_ml = answer.values[0].value;
        println!("{}: {found_ml:.3} mL against {expected_ml:.3} mL", case["image"]);
        assert!((found_ml / expected_ml - 1.0).abs() < 1e-4, "{found_ml} mL, {expected_ml} mL");

        let plane = labels.len() / scan.volume.size()[2];
        for (k, &expected) in integers(&case["planes"]).iter().enumerate() {
            let found: usize =
                labels[k * plane..(k + 1) * plane].iter().map(|&l| usize::from(l)).sum();
            assert!(found.abs_diff(expected) <= 12, "plane {k}: {found} against {expected}");
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/fixtures/systems/deepbrain-{number}.bits.gz"));
        let Ok(packed) = std::fs::read(file) else { continue };
        let mut bits = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bits).unwrap();
        let expected = |n: usize| u16::from(bits[n / 8] >> (7 - n % 8) & 1);
        let other = labels.iter().enumerate().filter(|(n, l)| **l != expected(*n)).count();
        println!("{other} of {} voxels differ", labels.len());
        assert!(other * 100_000 < labels.len(), "{other} voxels differ");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let system = find_volume_system("DeepBrain").unwrap();
    let folder = testkit::temp_dir("deepbrain");
    let options = VolumeOptions::new(compute());
    let error = system.open(folder.path(), &options).err().unwrap();
    assert!(error.to_string().contains("graph_v2.pb"), "{error}");
    let Some(weights) = testkit::data("weights/deepbrain") else { return };
    let Some(mut scan) = scan("volumes/brain/hippodeep_example_brain_t1.nii.gz") else { return };
    let mut reader = open(&weights);
    let two = [&scan.volume, &scan.volume];
    let case = VolumeCase { volumes: &two, facts: &scan.facts, prepared: None };
    let error = reader.read(&case, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), base::Kind::Refused);
    scan.facts.modality = Some(base::Modality::Ct);
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let error = reader.read(&case, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), base::Kind::Refused);
    assert!(error.to_string().contains("CT"), "{error}");
}
