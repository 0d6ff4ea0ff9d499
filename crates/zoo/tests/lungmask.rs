//! lungmask's preparation, networks, cleaning and fusion, as lungmask itself takes them
//! (`tools/reference/lungmask_steps.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{
    compute, fixture, floats, image, integers, packed_labels, pool, relative_error,
};
use base::{Grid, Volume, Voxels};
use engine::Tensor;
use engine::cpu::{Network, Options};
use engine::graph::Builder;
use engine::weights::{Checkpoint, Limits, Scope, synth, write_pytorch};
use imaging::volumes::Scan;
use std::path::Path;
use zoo::arch::lung_unet;
use zoo::systems::lungmask::{LUNG_LOBES_FUSED, LUNGS, clean, fuse, prepare};
use zoo::volume_system::{VolumeCase, VolumeOptions, labels_of};
use zoo::{VolumeReader, VolumeSystem};

const FOLDER: &str = "volumes/totalsegmentator";

fn scan(name: &str) -> Option<Scan> {
    crate::common::scan(&format!("{FOLDER}/{name}"))
}

/// A label map of the fixtures, a byte for each voxel.
fn expected(name: &str) -> Vec<u16> {
    packed_labels(&format!("systems/lungmask-{name}.gz"))
}

/// A checkpoint as published, with made-up weights.
fn write_weights(path: &Path, classes: usize) {
    let scope = Scope::recording();
    lung_unet::logits(&mut Builder::new(), &scope, 256, classes).unwrap();
    let mut tensors = scope.recorded();
    // What the published file holds beside.
    tensors.push(("up_path.0.residual_input_conv.bias".into(), Tensor::zeros(&[512])));
    tensors.push(("down_path.0.block.2.num_batches_tracked".into(), Tensor::zeros(&[])));
    write_pytorch(path, &tensors).unwrap();
}

#[test]
fn the_networks_give_what_the_reference_gives() {
    let fixture = fixture("systems/lungmask.json");
    let folder = testkit::temp_dir("lungmask-networks");
    let values: Vec<f32> = image(256).iter().map(|value| (value + 1024.0) / 2048.0).collect();
    let input = Tensor::new(&[1, 1, 256, 256], values).unwrap();
    for classes in [3, 6] {
        let path = folder.join("unet.pth");
        write_weights(&path, classes);
        let scope = Checkpoint::open(&path, &Limits::default()).unwrap().scope();
        let mut b = Builder::new();
        let logits = lung_unet::logits(&mut b, &scope, 256, classes).unwrap();
        scope.finish(lung_unet::LEFT_OVER).unwrap();
        let graph = b.finish(&[("logits", logits)]);
        let out = Network::compile(graph, &Options::new(pool())).unwrap().run(&[&input]).unwrap();
        let wanted = &fixture[format!("network{classes}")];
        let error = relative_error(out[0].data(), out[0].shape(), wanted);
        println!("{classes} classes: relative error {error:.1e}");
        assert!(error < 1e-4, "{classes} classes: {error:.1e}");
    }
}

#[test]
fn every_slice_of_a_real_ct_is_cropped_and_scaled_as_the_reference_does() {
    let Some(scan) = scan("example_ct.nii.gz") else { return };
    let fixture = fixture("systems/lungmask.json");
    let turned = scan.volume.reoriented(base::Orientation::LPS);
    let [ni, nj, nk] = turned.size();
    let slices = prepare(&pool(), &turned.frame_f32(0), [nk, nj, ni], true).unwrap();
    let boxes = fixture["prepare"]["boxes"].as_array().unwrap();
    assert_eq!(slices.len(), boxes.len());
    let mut cropped = 0;
    for (number, (slice, expected)) in slices.iter().zip(boxes).enumerate() {
        let found = [slice.rows[0], slice.columns[0], slice.rows[1], slice.columns[1]];
        assert_eq!(found.to_vec(), integers(expected), "slice {number}");
        cropped += usize::from(found != [0, 0, nj, ni]);
    }
    assert!(cropped > 50, "the body was looked for in vain: {cropped} slices cropped");
    let values: Vec<f32> = slices.into_iter().flat_map(|slice| slice.values).collect();
    let expected = floats(&fixture["prepare"]["slices"]["value"]);
    let count = values.len();
    let mut off = 0;
    for (k, expected) in expected.iter().enumerate() {
        let found = values[k * (count - 1) / 2999];
        // A value half-way between two whole HU may go either way.
        assert!((found - expected).abs() < 1.01 / 1624.0, "{found} against {expected}");
        off += usize::from((found - expected).abs() > 1e-6);
    }
    println!("{off} of 3000 values are one HU off");
    assert!(off < 10);
}

/// `speckled` of the script: five structures as labels 1 to 5, every thirtieth voxel another label.
fn speckled(labels: &[u16], name: &str) -> Vec<u16> {
    let noise = synth::noise(name, labels.len());
    let of = |label: u16| match label {
        5 => 1,
        20 | 6 => 2,
        1..=3 => 3,
        10 | 14 => 4,
        11 | 18 | 19 => 5,
        _ => 0,
    };
    let mixed = labels.iter().zip(noise).enumerate().map(|(n, (&label, noise))| match noise {
        n if n < -0.97 => 0,
        more if more > 0.97 => 1 + (n % 5) as u16,
        _ => of(label),
    });
    mixed.collect()
}

#[test]
fn labels_are_cleaned_and_fused_as_the_reference_does() {
    let Some(scan) = scan("example_seg.nii.gz") else { return };
    let [ni, nj, nk] = scan.volume.size();
    let given = labels_of(&scan.volume);
    let labels = speckled(&given, "lungmask-specks");
    let differ = |found: &[u16], name: &str| {
        let expected = expected(name);
        assert_eq!(found.len(), expected.len());
        found.iter().zip(&expected).filter(|(a, b)| a != b).count()
    };
    let cleaned = clean(&labels, [nk, nj, ni], &[]);
    assert!(cleaned != labels);
    assert_eq!(differ(&cleaned, "clean"), 0);
    let plane = clean(&labels[15 * nj * ni..16 * nj * ni], [1, nj, ni], &[]);
    assert_eq!(differ(&plane, "plane"), 0);
    let lungs: Vec<u16> =
        speckled(&given, "lungmask-lungs").iter().map(|&label| u16::from(label > 0)).collect();
    let fused = fuse(labels, &lungs, [nk, nj, ni]);
    assert!(fused != cleaned);
    assert_eq!(differ(&fused, "fuse"), 0);
}

/// Planes `from..to` along k.
fn planes(volume: &Volume, from: usize, to: usize) -> Volume {
    let [ni, nj, _] = volume.size();
    let values = volume.frame_f32(0)[from * ni * nj..to * ni * nj].to_vec();
    let mut rows = *volume.affine().rows();
    let origin = volume.affine().apply([0.0, 0.0, from as f64]);
    (0..3).for_each(|axis| rows[axis][3] = origin[axis]);
    let grid = Grid { size: [ni, nj, to - from], affine: base::Affine::new(rows) };
    Volume::new(grid, Voxels::I16(values.iter().map(|&value| value as i16).collect())).unwrap()
}

#[test]
fn whole_runs_on_a_real_ct_give_the_reference_s_labels() {
    let Some(scan) = scan("example_ct_sm.nii.gz") else { return };
    let folder = testkit::temp_dir("lungmask");
    write_weights(&folder.join("unet_ltrclobes-3a07043d.pth"), 6);
    write_weights(&folder.join("unet_r231-d5d2fc3d.pth"), 3);
    let volume = planes(&scan.volume, 12, 18);
    let options = VolumeOptions::new(compute());
    let systems: [(&str, &dyn VolumeSystem); 2] = [("whole", &LUNG_LOBES_FUSED), ("lungs", &LUNGS)];
    for (name, system) in systems {
        let mut reader: Box<dyn VolumeReader> = system.open(folder.path(), &options).unwrap();
        let case = VolumeCase { volumes: &[&volume], facts: &scan.facts, prepared: None };
        let mut last = (0, 0);
        let answer = reader.read(&case, &mut |done, total| last = (done, total)).unwrap();
        assert!(last.0 == last.1 && last.0 >= 6, "{last:?}");
        if name == "lungs" {
            crate::common::same_when_prepared(&mut *reader, case, &answer);
        }
        assert!(answer.map.grid().is_same(volume.grid(), 1e-9));
        let (found, expected) = (labels_of(&answer.map), expected(name));
        let other = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        println!("{name}: {other} of {} voxels differ", found.len());
        assert!(expected.iter().any(|&label| label > 1));
        assert!(other * 1000 < found.len(), "{name}: {other} voxels differ");
    }
}

#[test]
fn a_missing_file_is_named_with_its_address() {
    let folder = testkit::temp_dir("lungmask-missing");
    write_weights(&folder.join("unet_ltrclobes-3a07043d.pth"), 6);
    let options = VolumeOptions::new(compute());
    let error = LUNG_LOBES_FUSED.open(folder.path(), &options).err().unwrap();
    assert!(error.to_string().contains("unet_r231-d5d2fc3d.pth"), "{error}");
    // The lobes' file for the lungs: three classes expected, six found.
    let error = LUNGS.open(&folder.join("unet_ltrclobes-3a07043d.pth"), &options).err().unwrap();
    assert!(error.to_string().contains("last.bias"), "{error}");
}
