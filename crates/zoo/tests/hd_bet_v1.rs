//! HD-BET 1's network, preparation and whole reading as its own code takes them, on deterministic weights
//! (`tools/reference/hd_bet_v1.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, integers, packed, pool, relative_error};
use engine::Tensor;
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::{Checkpoint, Limits, Scope, synth, write_pytorch};
use imaging::volumes;
use std::path::Path;
use zoo::arch::hd_bet_v1;
use zoo::find_volume_system;
use zoo::systems::hd_bet_v1::{HdBetOne, prepare};
use zoo::volume_system::{VolumeCase, VolumeOptions, labels_of};

/// A published file with made-up weights: the statistics and coarse answers of training included.
fn write_weights(path: &Path, number: usize) {
    let scope = Scope::recording();
    let mut b = Builder::new();
    let image = b.input("image", &[1, 1, 16, 16, 16]);
    hd_bet_v1::logits(&mut b, &scope, image).unwrap();
    let made = |(name, shape): (String, Vec<usize>)| {
        let mut values = synth::fill(&format!("net{number}.{name}"), &shape);
        if number == 1 && name == "seg_layer.weight" {
            let half = values.len() / 2;
            values.rotate_left(half);
        }
        (name, Tensor::new(&shape, values).unwrap())
    };
    let mut tensors: Vec<(String, Tensor)> = scope.asked().into_iter().map(made).collect();
    tensors.push(("loc2_seg.weight".into(), Tensor::zeros(&[2, 84, 1, 1, 1])));
    tensors.push(("context1.bn_1.running_mean".into(), Tensor::zeros(&[21])));
    write_pytorch(path, &tensors).unwrap();
}

#[test]
fn the_network_gives_what_the_original_gives() {
    let expected = &fixture("systems/hd-bet-1.json")["network"];
    let folder = testkit::temp_dir("hd-bet-1-network");
    let path = folder.join("0.model");
    write_weights(&path, 0);
    let scope = Checkpoint::open(&path, &Limits::default()).unwrap().scope();
    let shape: [usize; 3] = integers(&expected["input"]).try_into().unwrap();
    let [z, y, x] = shape;
    let mut b = Builder::new();
    let image = b.input("image", &[1, 1, z, y, x]);
    let logits = hd_bet_v1::logits(&mut b, &scope, image).unwrap();
    scope.finish(hd_bet_v1::LEFT_OVER).unwrap();
    let graph = b.finish(&[("logits", logits)]);
    let mut network = Network::compile(graph, &compute().options()).unwrap();
    let count = z * y * x;
    let value = |i: usize| ((i * 7919 + i / x * 104_729) % 2049) as f32 / 1024.0 - 1.0;
    let input = Tensor::new(&[1, 1, z, y, x], (0..count).map(value).collect()).unwrap();
    let logits = network.run(&[&input]).unwrap().remove(0).into_data();
    let share = |i: usize| 1.0 / (1.0 + (logits[i] - logits[count + i]).exp());
    let shares: Vec<f32> = (0..count).map(share).collect();
    let error = relative_error(&shares, &shape, &expected["share"]);
    println!("network: {error:.1e}");
    assert!(error < 1e-4, "{error:.1e}");
}

#[test]
fn a_real_head_is_read_as_the_original_reads_it() {
    let expected = &fixture("systems/hd-bet-1.json")["whole"];
    let Some(path) = testkit::data(expected["image"].as_str().unwrap()) else { return };
    let scan = volumes::read(&path, &imaging::Limits::default()).unwrap();
    let volume = &scan.volume;
    let ([ni, nj, nk], [si, sj, sk]) = (volume.size(), volume.spacing_mm());
    let least = expected["least"].as_u64().unwrap() as usize;
    let image = volume.frame_f32(0);
    let (values, size, shape) = prepare(&pool(), image, [nk, nj, ni], [sk, sj, si], least).unwrap();
    assert_eq!(size.to_vec(), integers(&expected["size"]));
    let error = relative_error(&values, &shape, &expected["prepared"]);
    println!("prepared: {error:.1e}");
    assert!(error < 1e-5, "{error:.1e}");

    let folder = testkit::temp_dir("hd-bet-1");
    for number in 0..2 {
        write_weights(&folder.join(format!("{number}.model")), number);
    }
    let mut options = VolumeOptions::new(compute());
    options.mirror = true;
    let case = VolumeCase { volumes: &[volume], facts: &scan.facts, prepared: None };
    let system = HdBetOne { least };
    let mut reader =
        system.open_files(&[folder.join("0.model"), folder.join("1.model")], &options).unwrap();
    let answer = reader.read(&case, &mut |_, _| {}).unwrap();
    crate::common::same_when_prepared(&mut *reader, case, &answer);
    let labels = labels_of(&answer.map);
    let bits = packed("systems/hd-bet-1.gz");
    let theirs = |n: usize| u16::from(bits[n / 8] >> (7 - n % 8) & 1);
    let other = labels.iter().enumerate().filter(|(n, label)| **label != theirs(*n)).count();
    let voxels = expected["voxels"].as_u64().unwrap();
    println!("{other} of {} voxels differ, {voxels} of brain", labels.len());
    assert!(voxels > 1000 && other * 1000 < labels.len(), "{other} voxels differ");
}

#[test]
fn files_that_are_missing_are_named() {
    let system = find_volume_system("hd-bet-1").unwrap();
    let folder = testkit::temp_dir("hd-bet-1-absent");
    let mut options = VolumeOptions::new(compute());
    write_weights(&folder.join("0.model"), 0);
    let error = system.open(folder.path(), &options).err().unwrap();
    assert!(error.to_string().contains("1.model"), "{error}");
    options.chosen = vec!["fast".into()];
    assert!(system.open(&folder.join("0.model"), &options).is_ok());
    assert!(system.open(folder.path(), &options).is_ok());
}
