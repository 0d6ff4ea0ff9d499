//! MeshNet's steps and whole readings as brainchop takes them, on deterministic weights
//! (`tools/reference/meshnet.py` made the fixtures with its worker, TensorFlow.js and niivue).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, integers, packed, pool, scan};
use base::{Affine, Grid, Kind, Modality, Volume, Voxels};
use engine::graph::Activation;
use imaging::volumes::Scan;
use serde_json::Value;
use zoo::VolumeReader;
use zoo::find_volume_system;
use zoo::systems::meshnet::conform::{SIDE, conform, restore};
use zoo::systems::meshnet::layers::Layer;
use zoo::systems::meshnet::made_up;
use zoo::volume_system::{VolumeAnswer, VolumeCase, VolumeOptions, labels_of};

/// A cube of bytes `[k][j][i]` of which a box is stored, with one value around it.
fn cube(of: &Value) -> Vec<u8> {
    let bytes = packed(&format!("systems/{}", of["file"].as_str().unwrap()));
    let (low, high) = (integers(&of["low"]), integers(&of["high"]));
    let mut out = vec![of["around"].as_u64().unwrap() as u8; SIDE.pow(3)];
    for (row, line) in bytes.chunks_exact(high[2] - low[2]).enumerate() {
        let (k, j) = (row / (high[1] - low[1]) + low[0], row % (high[1] - low[1]) + low[1]);
        out[(k * SIDE + j) * SIDE + low[2]..][..line.len()].copy_from_slice(line);
    }
    out
}

#[test]
fn a_head_is_conformed_as_niivue_does() {
    let case = fixture("systems/meshnet.json");
    let Some(scan) = scan(case["image"].as_str().unwrap()) else { return };
    let image = scan.volume.frame_f32(0);
    let made = conform(&pool(), &scan.volume, &image, scan.facts.stored).unwrap();
    let expected = cube(&case["conformed"]);
    let far = made.values.iter().zip(&expected).filter(|(a, b)| a.abs_diff(**b) > 1).count();
    let off = made.values.iter().zip(&expected).filter(|(a, b)| a != b).count();
    println!("{off} voxels differ, {far} by more than one");
    assert!(far == 0 && off < 200, "{off}, {far}");
    for (ours, theirs) in made.grid.affine.rows().iter().zip(case["affine"].as_array().unwrap()) {
        for (ours, theirs) in ours.iter().zip(theirs.as_array().unwrap()) {
            assert!((ours - theirs.as_f64().unwrap()).abs() < 1e-4, "{:?}", made.grid.affine);
        }
    }
}

/// The layers of a model of the fixtures.
fn layers(of: &Value) -> Vec<Layer> {
    let norm = of["norm"].as_bool().unwrap();
    let activation = match of["activation"].as_str().unwrap() {
        "relu" => Activation::Relu,
        "gelu" => Activation::Gelu,
        _ => Activation::Elu(1.0),
    };
    let end = if norm { "_gn" } else { "" };
    let dilations = integers(&of["dilations"]);
    let mut layers: Vec<Layer> = dilations
        .iter()
        .enumerate()
        .map(|(number, &dilation)| Layer {
            name: format!("conv3d_{number}{end}"),
            features: of["features"].as_u64().unwrap() as usize,
            kernel: 3,
            dilation,
            bias: !norm,
            norm,
            activation,
        })
        .collect();
    layers.push(Layer {
        name: "output".into(),
        features: of["classes"].as_u64().unwrap() as usize,
        kernel: 1,
        dilation: 1,
        bias: true,
        norm: false,
        activation: Activation::Identity,
    });
    layers
}

fn read(reader: &mut dyn VolumeReader, scan: &Scan) -> VolumeAnswer {
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    reader.read(&case, &mut |_, _| {}).unwrap()
}

#[test]
fn a_real_volume_is_read_as_brainchop_reads_it() {
    let case = fixture("systems/meshnet.json");
    let folder = testkit::temp_dir("meshnet");
    let Some(scan) = scan(case["image"].as_str().unwrap()) else { return };
    let image = scan.volume.frame_f32(0);
    let head = conform(&pool(), &scan.volume, &image, scan.facts.stored).unwrap();
    // Of an extracted brain the original gives the bytes: those that are 0 say nothing of its mask.
    let silent: Vec<u16> = head.values.iter().map(|value| u16::from(*value == 0)).collect();
    let silent = labels_of(&restore(&pool(), &scan.volume, &head, silent).unwrap());
    for model in case["read"].as_array().unwrap() {
        let extracted = model["norm"].as_bool().unwrap();
        let name = model["folder"].as_str().unwrap();
        made_up::write(&folder.join(name), name, &layers(model)).unwrap();
        let mut options = VolumeOptions::new(compute());
        let choice = model["choice"].as_str().unwrap();
        options.chosen = choice.split_whitespace().map(str::to_owned).collect();
        let system = find_volume_system("brainchop").unwrap();
        let mut reader = system.open(folder.path(), &options).unwrap();
        assert!(reader.need_bytes(&scan.volume).unwrap() > 1 << 24);
        let answer = read(&mut *reader, &scan);
        let prepared = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
        crate::common::same_when_prepared(&mut *reader, prepared, &answer);
        // The original's labels of the conformed head, brought to the image as ours are.
        let expected = cube(model).into_iter().map(u16::from).collect();
        let expected = labels_of(&restore(&pool(), &scan.volume, &head, expected).unwrap());
        let labels = labels_of(&answer.map);
        let known = |at: &usize| !extracted || silent[*at] == 0;
        let other =
            (0..labels.len()).filter(known).filter(|at| labels[*at] != expected[*at]).count();
        let marked = expected.iter().filter(|label| **label > 0).count();
        println!("{name}: {other} differ, {marked} are marked");
        assert!(marked > 1000 && other * 1000 < marked, "{name}: {other} of {marked} differ");
        assert!(reader.network_time().unwrap().as_nanos() > 0);
        let given: Vec<u16> = answer.structures.iter().flat_map(|s| s.labels.clone()).collect();
        assert!(labels.iter().all(|label| *label == 0 || given.contains(label)), "{name}");
    }
}

#[test]
fn a_model_alone_opens_by_its_folder_or_file_and_another_ones_is_refused() {
    let folder = testkit::temp_dir("meshnet-alone");
    let system = find_volume_system("meshnet").unwrap();
    let mut options = VolumeOptions::new(compute());
    options.chosen = vec!["tissue-light".into()];
    assert!(system.made_up(folder.path(), &options.chosen).unwrap());
    let own = folder.join("model5_gw_ae");
    for path in [folder.path(), &own, &own.join("model.json")] {
        assert!(system.open(path, &options).is_ok(), "{}", path.display());
    }
    options.chosen = vec!["aparc-104".into()];
    let error = system.open(folder.path(), &options).err().unwrap();
    assert!(error.to_string().contains("model21_104class/model.json"), "{error}");
    options.chosen = vec!["mindgrab".into()];
    let error = system.open(&own, &options).err().unwrap().to_string();
    assert!(error.contains("mindgrab") && error.contains('2') && error.contains('3'), "{error}");
    options.chosen.push("fast".into());
    assert_eq!(system.open(&own, &options).err().unwrap().kind(), Kind::Usage);
}

#[test]
fn an_image_without_a_head_is_refused() {
    let folder = testkit::temp_dir("meshnet-flat");
    let system = find_volume_system("meshnet").unwrap();
    let mut options = VolumeOptions::new(compute());
    options.chosen = vec!["tissue-light".into()];
    system.made_up(folder.path(), &options.chosen).unwrap();
    let mut reader = system.open(folder.path(), &options).unwrap();
    let Some(mut scan) = scan("volumes/nibabel/anatomical.nii") else { return };
    let grid = Grid { size: [4, 4, 4], affine: Affine::scaling([1.0; 3]) };
    let whole =
        std::mem::replace(&mut scan.volume, Volume::new(grid, Voxels::F32(vec![0.0; 64])).unwrap());
    let mut refused = |scan: &Scan| {
        let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
        reader.read(&case, &mut |_, _| {}).unwrap_err()
    };
    assert_eq!(refused(&scan).kind(), Kind::Refused);
    // A T1 network does not read CT.
    scan.volume = whole;
    scan.facts.modality = Some(Modality::Ct);
    assert!(refused(&scan).to_string().contains("CT"));
}
