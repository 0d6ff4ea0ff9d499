//! SynthSeg's steps, networks and whole readings as its own code takes them, on deterministic weights
//! (`tools/reference/synthseg.py` made the fixtures with Keras 2 and TensorFlow).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, integers, packed, pool, relative_error, scan};
use base::{Modality, Volume};
use engine::Tensor;
use engine::cpu::Network;
use engine::weights::{Scope, synth, write_safetensors};
use imaging::volumes::Scan;
use serde_json::Value;
use std::path::Path;
use zoo::channels::softmax;
use zoo::systems::synthseg::labels::{labels, parcels};
use zoo::systems::synthseg::networks::{Kind, PARCELS, ROBUST, whole};
use zoo::systems::synthseg::posteriors::{parcellate, segment};
use zoo::systems::synthseg::prepare::{Prepared, prepare};
use zoo::systems::synthseg::{SynthSeg, quality};
use zoo::volume_system::{VolumeAnswer, VolumeCase, VolumeOptions, labels_of};
use zoo::{VolumeReader, VolumeSystem, find_volume_system};

fn all() -> Value {
    fixture("systems/synthseg.json")
}

/// A label map of the fixtures, two bytes for each voxel.
fn stored(of: &Value) -> Vec<u16> {
    let bytes = packed(&format!("systems/{}", of["file"].as_str().unwrap()));
    bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect()
}

fn flag(case: &Value, name: &str) -> bool {
    case[name].as_bool().unwrap()
}

fn triple(value: &Value) -> [usize; 3] {
    integers(value).try_into().unwrap()
}

fn doubles(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The made-up image of the reference, `[channel][x][y][z]`.
fn made_up(channels: usize, shape: [usize; 3]) -> Vec<f32> {
    let count = channels * shape.iter().product::<usize>();
    let value = |i: usize| ((i * 7919 + i / shape[2] * 104_729) % 2049) as f32 / 2048.0;
    (0..count).map(value).collect()
}

#[test]
fn every_network_gives_what_keras_gives() {
    let fixture = all();
    let kinds = [
        ("whole", whole(33)),
        ("tissues", ROBUST[0]),
        ("denoiser", ROBUST[1]),
        ("second", ROBUST[2]),
        ("parcels", PARCELS),
        ("quality", Kind::Quality),
    ];
    for (name, kind) in kinds {
        let expected = &fixture["networks"][name];
        let shape = triple(&expected["input"]);
        let graph = kind.graph(&Scope::recording(), shape).unwrap();
        let mut network = Network::compile(graph, &compute().options()).unwrap();
        let [x, y, z] = shape;
        let channels = kind.channels();
        let input = Tensor::new(&[1, channels, x, y, z], made_up(channels, shape)).unwrap();
        let answer = network.run(&[&input]).unwrap().remove(0);
        let error = relative_error(answer.data(), &answer.shape()[1..], &expected["answer"]);
        println!("{name}: {error:.1e}");
        assert!(error < 1e-4, "{name}: {error:.1e}");
    }
}

#[test]
fn a_head_is_prepared_as_the_original_does() {
    for case in all()["prepared"].as_array().unwrap() {
        let name = case["image"].as_str().unwrap();
        let Some(scan) = scan(name) else { return };
        let least = case["least"].as_u64().unwrap() as usize;
        let made = prepare(&pool(), &scan.volume, flag(case, "ct"), least).unwrap();
        assert_eq!(made.start, triple(&case["start"]), "{name}");
        assert_eq!(made.size, triple(&case["size"]), "{name}");
        let voxel = case["voxel_mm3"].as_f64().unwrap();
        assert!((made.voxel_mm3 / voxel - 1.0).abs() < 1e-6, "{name}: {}", made.voxel_mm3);
        let error = relative_error(&made.values, &made.shape, &case["values"]);
        println!("{name}: {:?} {error:.1e}", made.shape);
        assert!(error < 1e-5, "{name}: {error:.1e}");
        // The original's affine has the image's own axes.
        let rows = case["affine"].as_array().unwrap();
        let rows: Vec<Vec<f64>> = rows.iter().map(doubles).collect();
        let affine = base::Affine::new(std::array::from_fn(|row| {
            std::array::from_fn(|column| rows[row][column])
        }));
        let ours = Volume::new(made.grid, base::Voxels::U8(vec![0; made.size.iter().product()]));
        let ours = ours.unwrap().reoriented(scan.volume.orientation());
        for (ours, theirs) in ours.affine().rows().iter().zip(affine.rows()) {
            for (a, b) in ours.iter().zip(theirs) {
                assert!((a - b).abs() < 1e-3, "{name}: {ours:?} for {theirs:?}");
            }
        }
    }
}

/// Smooth enough to have pieces: blocks of four voxels with one value, softmax over the channels.
fn posteriors(name: &str, classes: usize, shape: [usize; 3]) -> Vec<f32> {
    let blocks = shape.map(|extent| extent.div_ceil(4));
    let count: usize = blocks.iter().product();
    let coarse = synth::fill(&format!("{name}.weight"), &[classes * count, 1]);
    let mut out = Vec::with_capacity(classes * shape.iter().product::<usize>());
    for channel in coarse.chunks_exact(count) {
        for x in 0..shape[0] {
            for y in 0..shape[1] {
                let row = ((x / 4) * blocks[1] + y / 4) * blocks[2];
                out.extend((0..shape[2]).map(|z| 2.0 * channel[row + z / 4]));
            }
        }
    }
    softmax(&pool(), &mut out, classes);
    out
}

#[test]
fn posteriors_become_the_originals_labels_and_volumes() {
    for case in all()["segmented"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let labels = labels(flag(case, "v1"));
        let (shape, size) = (triple(&case["padded"]), triple(&case["size"]));
        let grid = base::Grid {
            size: [size[2], size[1], size[0]],
            affine: base::Affine::scaling([1.0; 3]),
        };
        let prepared = Prepared {
            values: vec![0.0; shape.iter().product()],
            shape,
            start: triple(&case["start"]),
            size,
            grid,
            voxel_mm3: 1.0 * 1.1 * 0.9,
            resampled: false,
        };
        let made = posteriors(&format!("seg-{name}"), labels.len(), shape);
        let found = segment(made, &prepared, &labels, !flag(case, "fast"));
        let number = |channel: &u8| labels[usize::from(*channel)].label;
        let mut map: Vec<u16> = found.channels.iter().map(number).collect();
        let mut volumes: Vec<f64> = Vec::new();
        let own = found.soft[1..].iter().map(|voxels| voxels * prepared.voxel_mm3);
        if !flag(case, "v1") {
            volumes.push(own.clone().sum());
        }
        volumes.extend(own);
        if flag(case, "parc") {
            let made = posteriors(&format!("parc-{name}"), 69, shape);
            let (parcel, soft) = parcellate(&made, &prepared, &map);
            let parcels = parcels();
            for (label, &parcel) in map.iter_mut().zip(&parcel) {
                if parcel > 0 {
                    *label = parcels[usize::from(parcel) - 1].0;
                }
            }
            // The fixture is the original's: its slip takes the white matter, rows 1 and 19.
            let total =
                volumes[1] + volumes[1 + labels.iter().position(|l| l.label == 41).unwrap() - 1];
            let sum: f64 = soft.iter().sum();
            volumes.extend(soft.iter().map(|voxels| voxels / sum * total));
        }
        let expected = stored(&case["labels"]);
        assert_eq!(map.len(), expected.len());
        let other = map.iter().zip(&expected).filter(|(a, b)| a != b).count();
        println!("{name}: {other} of {} voxels differ", map.len());
        assert!(other * 2000 < map.len(), "{name}: {other} voxels differ");
        let expected = doubles(&case["volumes"]);
        assert_eq!(volumes.len(), expected.len(), "{name}");
        for (row, (ours, theirs)) in volumes.iter().zip(&expected).enumerate() {
            assert!(
                (ours - theirs).abs() < 0.02 + 1e-4 * theirs,
                "{name}, {row}: {ours}, {theirs}"
            );
        }
    }
}

#[test]
fn the_cube_of_quality_scores_is_the_originals() {
    let labels = labels(false);
    for case in all()["cubes"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let shape = triple(&case["shape"]);
        let bounds = integers(&case["box"]);
        let (side, mut number) = (case["side"].as_u64().unwrap() as usize, 0);
        let mut channels = vec![0u8; shape.iter().product()];
        let inside = bounds[0]..bounds[1];
        for (at, channel) in channels.iter_mut().enumerate() {
            let (x, y, z) = (at / (shape[1] * shape[2]), at / shape[2] % shape[1], at % shape[2]);
            if inside.contains(&x) && inside.contains(&y) && inside.contains(&z) {
                *channel = (number * 31 / 7 % 33) as u8;
                number += 1;
            }
        }
        let cube = quality::one_hot(&channels, shape, &labels, side);
        let voxels = side * side * side;
        let group = |at: usize| (0..9).find(|group| cube[group * voxels + at] == 1.0).unwrap();
        let found: Vec<u16> = (0..voxels).map(|at| group(at) as u16).collect();
        assert_eq!(found, stored(&case["groups"]), "{name}");
        assert_eq!(cube.iter().sum::<f32>(), voxels as f32);
    }
}

/// The published files with made-up weights, in another container.
fn write_weights(folder: &Path) {
    for (file, kinds) in [
        ("synthseg_2.0.h5", &[whole(33)][..]),
        ("synthseg_1.0.h5", &[whole(32)]),
        ("synthseg_robust_2.0.h5", &ROBUST),
        ("synthseg_parc_2.0.h5", &[PARCELS]),
    ] {
        let scope = Scope::recording();
        for kind in kinds {
            kind.graph(&scope, [32; 3]).unwrap();
        }
        write_safetensors(&folder.join(file), &scope.recorded()).unwrap();
    }
}

fn read(reader: &mut dyn VolumeReader, scan: &Scan) -> VolumeAnswer {
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    reader.read(&case, &mut |_, _| {}).unwrap()
}

/// The numbers of a table's only row, and their names.
fn row(text: &str) -> Vec<(&str, f64)> {
    let mut lines = text.lines();
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let values = values.split(',').skip(1).map(|value| value.parse().unwrap());
    names.split(',').skip(1).zip(values).collect()
}

#[test]
fn a_real_volume_is_read_as_the_original_reads_it() {
    let folder = testkit::temp_dir("synthseg");
    write_weights(folder.path());
    for case in all()["whole"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let Some(scan) = scan(case["image"].as_str().unwrap()) else { return };
        let asked = [("v1", "v1"), ("fast", "fast"), ("robust", "robust"), ("parc", "parc")];
        let mut options = VolumeOptions::new(compute());
        let chosen = asked.iter().filter(|(key, _)| flag(case, key)).map(|(_, name)| name);
        options.chosen = chosen.map(|name| (*name).to_owned()).collect();
        options.chosen.push("original-tables".into());
        let mut reader = SynthSeg { least: 32 }.open(folder.path(), &options).unwrap();
        let answer = read(&mut *reader, &scan);
        let prepared = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
        crate::common::same_when_prepared(&mut *reader, prepared, &answer);
        let labels = labels_of(&answer.map);
        // The original's map is [i][j][k].
        let [ni, nj, nk] = scan.volume.size();
        let expected = stored(&case["labels"]);
        let theirs = |at: usize| expected[(at % ni * nj + at / ni % nj) * nk + at / (ni * nj)];
        let other = labels.iter().enumerate().filter(|(at, label)| **label != theirs(*at)).count();
        println!("{name}: {other} of {} voxels differ", labels.len());
        assert!(other * 1000 < labels.len(), "{name}: {other} voxels differ");
        let volumes = row(&answer.tables[0].text);
        let expected = doubles(&case["volumes"]);
        assert_eq!(volumes.len(), expected.len(), "{name}");
        for ((structure, ours), theirs) in volumes.iter().zip(&expected) {
            let off = (ours - theirs).abs();
            // A tissue that falls the other way at a tie goes through two more networks.
            let share = if flag(case, "robust") { 2e-2 } else { 1e-3 };
            assert!(off < 2.0 + share * theirs, "{name}, {structure}: {ours}, {theirs}");
        }
        let known: Vec<u16> = answer.structures.iter().flat_map(|s| s.labels.clone()).collect();
        assert!(labels.iter().all(|label| *label == 0 || known.contains(label)), "{name}");
        assert_eq!(answer.values.len(), usize::from(!flag(case, "v1")), "{name}");
        assert!(reader.network_time().unwrap().as_nanos() > 0);
    }
}

#[test]
fn what_cannot_be_is_said() {
    let system = find_volume_system("synthseg").unwrap();
    let folder = testkit::temp_dir("synthseg-absent");
    let mut options = VolumeOptions::new(compute());
    let error = system.open(folder.path(), &options).err().unwrap();
    assert!(error.to_string().contains("synthseg_2.0.h5"), "{error}");
    options.chosen = vec!["v1".into(), "robust".into()];
    assert_eq!(system.open(folder.path(), &options).err().unwrap().kind(), base::Kind::Usage);
    write_weights(folder.path());
    options.chosen = vec!["fast".into()];
    let mut reader = system.open(folder.path(), &options).unwrap();
    let Some(mut scan) = scan("volumes/spinalcord/t1/t1w.nii.gz") else { return };
    assert!(reader.need_bytes(&scan.volume).unwrap() > 1 << 30);
    scan.facts.modality = Some(Modality::Us);
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let error = reader.read(&case, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.kind(), base::Kind::Refused);
    // Robust weights in place of others: the tensors that do not fit are named.
    std::fs::copy(folder.join("synthseg_robust_2.0.h5"), folder.join("synthseg_2.0.h5")).unwrap();
    let error = system.open(folder.path(), &options).err().unwrap();
    assert!(error.to_string().contains("unet_likelihood"), "{error}");
}
