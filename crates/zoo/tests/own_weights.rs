//! The weights that are part of the program answer as PyTorch answers with them
//! (`training/brain/parity.py` and `training/knee/parity.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, floats, integers, scan};
use engine::Tensor;
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::{Checkpoint, Limits};
use std::path::{Path, PathBuf};
use zoo::systems::{consilium_brain, consilium_knee};
use zoo::volume_system::{VolumeCase, VolumeOptions, VolumeSystem};
use zoo::{Loaded, System, arch};

fn weights(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("weights").join(name)
}

#[test]
fn the_brain_networks_logits_are_pytorchs() {
    let expected = fixture("own/consilium-brain.json");
    let size = integers(&expected["size_xyz"]);
    let [nx, ny, nz] = size[..] else { unreachable!() };
    let mut image = Vec::with_capacity(nx * ny * nz);
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                let sum = (0.05 * x as f64).sin()
                    + (0.07 * y as f64 + 1.0).sin()
                    + (0.11 * z as f64 + 2.0).sin();
                image.push(((sum + 3.0) / 6.0) as f32);
            }
        }
    }
    let checkpoint =
        Checkpoint::open(&weights("consilium-brain.safetensors"), &Limits::default()).unwrap();
    let scope = checkpoint.scope();
    let mut b = Builder::new();
    let known = consilium_brain::CHANNELS;
    let features = arch::brain_unet::trunk(&mut b, &scope, [nz, ny, nx], known).unwrap();
    let trunk = b.finish(&[("features", features)]);
    let mut b = Builder::new();
    let half = [nz / 2, ny / 2, nx / 2];
    let logits = arch::brain_unet::head(&mut b, &scope, half, consilium_brain::OUTPUTS).unwrap();
    let head = b.finish(&[("logits", logits)]);
    scope.finish(&[]).unwrap();
    let run = |graph, inputs: &[&Tensor]| {
        let mut network = Network::compile(graph, &compute().options()).unwrap();
        network.run(inputs).unwrap().remove(0)
    };
    let mut prior = Vec::new();
    for n in 0..known * half.iter().product::<usize>() {
        let (x, y, z) = (n % half[2], n / half[2] % half[1], n / half[2] / half[1] % half[0]);
        let channel = (n / half.iter().product::<usize>()) as f64;
        let sum = (0.3 * channel + 0.11 * x as f64).sin()
            + (0.2 * y as f64).sin()
            + (0.17 * z as f64).sin();
        prior.push(((sum + 3.0) / 6.0) as f32);
    }
    let prior = Tensor::new(&[1, known, half[0], half[1], half[2]], prior).unwrap();
    let features = run(trunk, &[&Tensor::new(&[1, 1, nz, ny, nx], image).unwrap(), &prior]);
    let logits = run(head, &[&features]);
    let step = expected["step"].as_u64().unwrap() as usize;
    let found = logits.data().iter().step_by(step);
    let (mut off, mut norm) = (0.0f64, 0.0f64);
    for (a, b) in found.zip(floats(&expected["logits"])) {
        off += (f64::from(*a) - f64::from(b)).powi(2);
        norm += f64::from(b).powi(2);
    }
    let error = (off / norm).sqrt();
    println!("brain: relative error {error:.1e}");
    assert!(error < 1e-4, "{error:.1e}");
}

#[test]
fn a_head_prepared_ahead_is_the_same_head() {
    let Some(scan) = scan("volumes/brain/t1_crop.nii.gz") else { return };
    let options = VolumeOptions::new(compute());
    let file = weights("consilium-brain.safetensors");
    let mut reader = consilium_brain::SYSTEM.open(&file, &options).unwrap();
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let answer = reader.read(&case, &mut |_, _| {}).unwrap();
    crate::common::same_when_prepared(&mut *reader, case, &answer);
}

#[test]
fn the_knee_graders_logits_and_distances_are_pytorchs() {
    let expected = fixture("own/consilium-knee.json");
    let mut knee = Loaded::built_in(&consilium_knee::SYSTEM, &compute()).unwrap().unwrap();
    for film in expected["films"].as_array().unwrap() {
        let name = format!("bone/knee-kl/{}", film["film"].as_str().unwrap());
        let Some(path) = testkit::data(&name) else { return };
        let study = imaging::read(&path, &imaging::Limits::default()).unwrap();
        let prepared = consilium_knee::SYSTEM.prepare(&study).unwrap();
        let outputs = knee.run(&prepared).unwrap();
        let wanted = floats(&film["logits"]);
        let off = outputs[0].data().iter().zip(&wanted).map(|(a, b)| (a - b).abs());
        let off = off.fold(0.0f32, f32::max);
        assert!(
            off < 1e-4 * wanted.iter().fold(1.0f32, |m, v| m.max(v.abs())),
            "{name}: {off:.1e}"
        );
        let reading = knee.read(&study, &zoo::ReadOptions::default()).unwrap();
        let found = reading.trust.out_of_domain[0].score;
        let distance = film["distance"].as_f64().unwrap() as f32;
        assert!((found - distance).abs() < 1e-3 * distance, "{name}: {found} {distance}");
        // What is said rests on the mean of the answers for the film and its mirror image.
        let mean: Vec<f32> = (0..5).map(|k| (wanted[k] + wanted[5 + k]) / 2.0).collect();
        let sum: f32 = mean.iter().map(|v| v.exp()).sum();
        let least_one = 1.0 - mean[0].exp() / sum;
        assert!((reading.findings[0].score - least_one).abs() < 1e-4, "{name}");
    }
}

/// The films of the test split that lie beside the tests were not used in training.
#[test]
fn the_knee_grader_grades_real_films() {
    let mut knee = Loaded::built_in(&consilium_knee::SYSTEM, &compute()).unwrap().unwrap();
    let (mut films, mut near, mut known) = (0, 0, 0);
    for path in testkit::data_files("bone/knee-kl") {
        if path.extension().is_none_or(|ending| ending != "png") {
            continue;
        }
        let grade: f64 =
            path.parent().unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap();
        let study = imaging::read(&path, &imaging::Limits::default()).unwrap();
        let reading = knee.read(&study, &zoo::ReadOptions::default()).unwrap();
        assert!(reading.findings.iter().all(|finding| finding.calibrated));
        // At least grade 2 is never likelier than at least grade 1.
        assert!(reading.findings.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let said = &reading.values[0];
        let (low, high) = said.interval.unwrap();
        assert!(low <= said.value && said.value <= high);
        films += 1;
        near += usize::from((said.value - grade).abs() <= 1.0);
        known += usize::from(reading.trust.out_of_domain[0].score < 1.0);
    }
    if films == 0 {
        return;
    }
    println!("knee: {near} of {films} within one grade, {known} like the training films");
    assert!(near as f64 >= 0.85 * films as f64, "{near} of {films} within one grade");
    assert!(known as f64 >= 0.9 * films as f64, "{known} of {films} known");
}

#[test]
fn other_films_are_strange_to_the_knee_grader() {
    let mut knee = Loaded::built_in(&consilium_knee::SYSTEM, &compute()).unwrap().unwrap();
    let options = zoo::ReadOptions { refuse_strange: true, ..Default::default() };
    let folders = ["cxr/nih", "ultrasound/busi"];
    let (mut pictures, mut refused) = (0, 0);
    for path in folders.iter().flat_map(|folder| testkit::data_files(folder)) {
        if path.extension().is_none_or(|ending| ending != "png") || pictures >= 40 {
            continue;
        }
        let study = imaging::read(&path, &imaging::Limits::default()).unwrap();
        pictures += 1;
        refused += usize::from(knee.read(&study, &options).unwrap().refused.is_some());
    }
    println!("knee: {refused} of {pictures} other pictures refused");
    assert!(refused as f64 >= 0.95 * pictures as f64, "{refused} of {pictures}");
}
