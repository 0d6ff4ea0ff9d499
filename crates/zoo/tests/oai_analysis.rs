//! OAI_analysis_2's network, tiles and thickness as its own code gives them, on deterministic weights and made-up
//! cartilages (`tools/reference/oai_analysis.py` made the fixture), and thickness that is known beforehand.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

use crate::common::{compute, facts, fixture, floats, integers, relative_error};
use base::{
    Affine, FrameAxis, Grid, Kind, Laterality, Modality, Orientation, Volume, VolumeFacts, Voxels,
};
use engine::Tensor;
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::{Scope, write_pytorch};
use imaging::mesh::{Values, isosurface};
use serde_json::Value;
use std::path::Path;
use zoo::arch::cartilage_unet;
use zoo::systems::oai_analysis::thickness::measure;
use zoo::systems::oai_analysis::tiles::Tiles;
use zoo::systems::oai_analysis::{Cartilage, OaiAnalysis, SYSTEM, unrolled, window};
use zoo::volume_system::{VolumeCase, VolumeOptions, VolumeSystem, labels_of};

/// The image of `pattern` in the script, from -1 to 1.
fn pattern([z, y, x]: [usize; 3]) -> Vec<f32> {
    let value = |i: usize| ((i * 7919 + i / x * 104_729) % 2049) as f32 / 1024.0 - 1.0;
    (0..z * y * x).map(value).collect()
}

/// A scope with the made-up weights; the last layer's as many times larger.
fn weights(times: f32) -> Scope {
    Scope::recording_with(move |name, shape| {
        let larger = if name.starts_with("dc0") { times } else { 1.0 };
        engine::weights::synth::fill(name, shape).into_iter().map(|v| v * larger).collect()
    })
}

fn network(scope: &Scope, [z, y, x]: [usize; 3]) -> Network {
    let mut b = Builder::new();
    let image = b.input("image", &[1, 1, z, y, x]);
    let logits = cartilage_unet::logits(&mut b, scope, image).unwrap();
    Network::compile(b.finish(&[("logits", logits)]), &compute().options()).unwrap()
}

fn shape_of(value: &Value) -> [usize; 3] {
    integers(value).try_into().unwrap()
}

/// Turned from x, y, z.
fn turned(value: &Value) -> [usize; 3] {
    let [x, y, z] = shape_of(value);
    [z, y, x]
}

#[test]
fn the_network_gives_what_the_original_gives() {
    let expected = &fixture("systems/oai-analysis.json")["network"];
    let shape = shape_of(&expected["input"]);
    let [z, y, x] = shape;
    let mut network = network(&weights(1.0), shape);
    let input = Tensor::new(&[1, 1, z, y, x], pattern(shape)).unwrap();
    let logits = network.run(&[&input]).unwrap().remove(0).into_data();
    let error = relative_error(&logits, &[2, z, y, x], &expected["logits"]);
    println!("network: {error:.1e}");
    assert!(error < 1e-4, "{error:.1e}");
}

#[test]
fn a_volume_is_read_in_tiles_as_the_original_reads_it() {
    let expected = &fixture("systems/oai-analysis.json")["tiles"];
    let shape = shape_of(&expected["shape"]);
    let tiles = Tiles { tile: turned(&expected["patch"]), overlap: turned(&expected["overlap"]) };
    let mut image: Vec<f32> = pattern(shape).iter().map(|value| (value + 1.0) * 512.0).collect();
    window(&mut image).unwrap();
    let error = relative_error(&image, &shape, &expected["window"]);
    println!("window: {error:.1e}");
    assert!(error < 1e-6, "{error:.1e}");
    let mut network = network(&weights(10.0), tiles.tile);
    let [z, y, x] = tiles.tile;
    let mut run = |values: Vec<f32>| {
        let input = Tensor::new(&[1, 1, z, y, x], values).unwrap();
        Ok(network.run(&[&input]).unwrap().remove(0).into_data())
    };
    let [femoral, tibial] = tiles.shares(&image, shape, &mut run).unwrap();
    for (name, shares) in [("femoral", femoral), ("tibial", tibial)] {
        let error = relative_error(&shares, &shape, &expected[name]);
        println!("{name}: {error:.1e}");
        assert!(error < 1e-4, "{name}: {error:.1e}");
        assert!(shares.iter().any(|share| *share > 0.6) && shares.iter().any(|s| *s < 0.4));
    }
}

/// Millimetres of a voxel `[z][y][x]`: x, y, z.
fn place(n: usize, [_, ny, nx]: [usize; 3], spacing: [f64; 3]) -> [f64; 3] {
    let at = [n % nx, n / nx % ny, n / (nx * ny)];
    std::array::from_fn(|axis| at[axis] as f64 * spacing[axis])
}

/// Shares from how deep voxels lie inside, in millimetres; nothing at the border.
fn shares(shape: [usize; 3], spacing: [f64; 3], depth: impl Fn([f64; 3]) -> f64) -> Vec<f32> {
    let [nz, ny, nx] = shape;
    let value = |n: usize| {
        let at = [n / (nx * ny), n / nx % ny, n % nx];
        match (0..3).all(|axis| (2..shape[axis] - 2).contains(&at[axis])) {
            true => (1.0 / (1.0 + (-depth(place(n, shape, spacing)) / 0.3).exp())) as f32,
            false => 0.0,
        }
    };
    (0..nz * ny * nx).map(value).collect()
}

fn crumb([x, y, z]: [f64; 3], [a, b, c]: [f64; 3]) -> f64 {
    2.0 - ((x - a).powi(2) + (y - b).powi(2) + (z - c).powi(2)).sqrt()
}

/// `femoral` of the script.
fn femoral([x, y, z]: [f64; 3]) -> f64 {
    let (dx, dy, dz) = (x - 32.0, y - 20.0, z - 26.0);
    let (r, angle) = (dx.hypot(dy), dx.atan2(dy));
    let thick = 2.2 + 0.5 * (2.0 * angle).sin() + 0.02 * dz;
    let inner = 22.0 - 0.006 * dz * dz;
    let across = thick / 2.0 - (r - inner - thick / 2.0).abs();
    let depth = across.min(22.0 * (1.8 - angle.abs())).min(20.0 - dz.abs());
    depth.max(crumb([x, y, z], [32.0, 20.0, 26.0]))
}

/// `tibial` of the script.
fn tibial([x, y, z]: [f64; 3]) -> f64 {
    let mut depth = -9.0f64;
    for (middle, wide, thick) in [(14.0, 9.0, 2.4), (38.0, 10.0, 1.8)] {
        let (dx, dz) = (x - 30.0, z - middle);
        let bowl = 14.0 + 0.01 * dx * dx + 0.008 * dz * dz;
        let high = thick + 0.02 * dx;
        let rim = (1.0 - ((dx / 16.0_f64).powi(2) + (dz / wide).powi(2)).sqrt()) * wide;
        depth = depth.max((high / 2.0 - (y - bowl - high / 2.0).abs()).min(rim));
    }
    depth.max(crumb([x, y, z], [30.0, 30.0, 26.0]))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Largest difference of two rows.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn surfaces_sides_and_distances_are_the_originals() {
    let fixture = fixture("systems/oai-analysis.json");
    type Depth = fn([f64; 3]) -> f64;
    let both: [(&str, Depth, Cartilage); 2] =
        [("femoral", femoral, Cartilage::Femoral), ("tibial", tibial, Cartilage::Tibial)];
    for (name, depth, cartilage) in both {
        let expected = &fixture[name];
        let shape = shape_of(&expected["shape"]);
        let spacing: [f64; 3] = numbers(&expected["spacing"]).try_into().unwrap();
        let map = shares(shape, spacing, depth);
        let error = relative_error(&map, &shape, &expected["share"]);
        assert!(error < 1e-6, "{name}: {error:.1e}");

        // The surface before anything is left out, point for point.
        let [nz, ny, nx] = shape;
        let mut values = Vec::new();
        for x in 0..nx {
            for y in 0..ny {
                values.extend((0..nz).map(|z| map[(z * ny + y) * nx + x]));
            }
        }
        let part =
            Values { values: &values, size: [nx, ny, nz], start: [0; 3], spacing_mm: spacing };
        let mesh = isosurface(&part, 0.5);
        let points: Vec<f32> = mesh.points.iter().flatten().map(|v| *v as f32).collect();
        let error = relative_error(&points, &[mesh.points.len(), 3], &expected["points"]);
        assert!(error < 1e-6, "{name}: {error:.1e}");
        let faces: Vec<f32> = mesh.triangles.iter().flatten().map(|v| *v as f32).collect();
        assert_eq!(relative_error(&faces, &[mesh.triangles.len(), 3], &expected["faces"]), 0.0);

        let mut large = mesh.without_small_pieces(3000);
        let counts = [large.points.len(), large.triangles.len()];
        assert!(large.points.len() < mesh.points.len(), "the crumb goes");
        assert_eq!(counts.to_vec(), integers(&expected["large"]), "{name}");
        large.smooth(150);
        let count = large.points.len() as f64;
        let mean: Vec<f64> =
            (0..3).map(|n| large.points.iter().map(|p| p[n]).sum::<f64>() / count).collect();
        let smoothed = &expected["smoothed"];
        let off = difference(&mean, &numbers(&smoothed["mean"]));
        let [low, high] = large.bounds().unwrap();
        let bounds = &smoothed["bounds"];
        let off = off.max(difference(&low, &numbers(&bounds[0])));
        let off = off.max(difference(&high, &numbers(&bounds[1])));
        println!("{name}: smoothed, {off:.1e} mm");
        assert!(off < 5e-3, "{name}: {off}");

        let sides = measure(&map, shape, spacing, cartilage).unwrap();
        let both =
            [("inner", &sides.inner, &sides.inner_mm), ("outer", &sides.outer, &sides.outer_mm)];
        for (side, mesh, mm) in both {
            let expected = &expected[side];
            let theirs = expected["triangles"].as_f64().unwrap();
            let other = (mesh.triangles.len() as f64 - theirs).abs() / theirs;
            let count = mm.len() as f64;
            let mean = mm.iter().sum::<f64>() / count;
            let off = (mean / expected["mean"].as_f64().unwrap() - 1.0).abs();
            let mut sorted = mm.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let quantile = |n: usize| {
                let at = n as f64 / 50.0 * (count - 1.0);
                let (low, high) = (at.floor() as usize, at.ceil() as usize);
                sorted[low] + (sorted[high] - sorted[low]) * at.fract()
            };
            let quantiles: Vec<f64> = (0..=50).map(quantile).collect();
            let apart = difference(&quantiles, &numbers(&expected["quantiles"]));
            let centre: Vec<f64> =
                (0..3).map(|n| mesh.points.iter().map(|p| p[n]).sum::<f64>() / count).collect();
            let moved = difference(&centre, &numbers(&expected["centre"]));
            println!(
                "{name} {side}: mean {mean:.4} mm, {off:.1e} off; quantiles {apart:.1e} mm, triangles {other:.1e}, centre {moved:.1e} mm"
            );
            assert!(other < 2e-3 && moved < 0.05, "{name} {side}: {other} {moved}");
            assert!(off < 2e-3 && apart < 0.02, "{name} {side}: {off} {apart}");
        }
        if cartilage == Cartilage::Femoral {
            let ([x, y], r) = unrolled::circle(&sides.inner.points);
            let off = difference(&[x, y, r], &numbers(&expected["circle"]));
            println!("circle {off:.1e} mm");
            assert!(off < 0.02, "{off}");
        } else {
            let [lateral, medial] = sides.plateaus().unwrap();
            assert!(lateral.percentiles[1] > medial.percentiles[1] + 0.3);
        }
        let map = unrolled::picture(Some(&sides), None).unwrap();
        let drawn = map.data().iter().filter(|mm| mm.is_finite()).count() as f64 / 16.0;
        assert!(drawn > 700.0, "{drawn} mm²");
    }
}

#[test]
fn thickness_that_is_known_is_found() {
    let (shape, spacing) = ([60, 150, 170], [0.4, 0.4, 0.7]);
    for wanted in [1.5, 2.5, 3.5] {
        // A cylinder's shell of one thickness, and a plate.
        let shell = |[x, y, z]: [f64; 3]| {
            let (dx, dy) = (x - 34.0, y - 22.0);
            let across = wanted / 2.0 - (dx.hypot(dy) - 24.0 - wanted / 2.0).abs();
            across.min(24.0 * (1.7 - dx.atan2(dy).abs())).min(16.0 - (z - 21.0).abs())
        };
        let plate = |[x, y, z]: [f64; 3]| {
            let across = wanted / 2.0 - (y - 30.0).abs();
            across.min(22.0 - (x - 34.0).abs()).min(16.0 - (z - 21.0).abs())
        };
        let femoral = shares(shape, spacing, shell);
        let tibial = shares(shape, spacing, plate);
        for (map, cartilage) in [(femoral, Cartilage::Femoral), (tibial, Cartilage::Tibial)] {
            let sides = measure(&map, shape, spacing, cartilage).unwrap();
            let summary = sides.whole().unwrap();
            let off = summary.percentiles[1] / wanted - 1.0;
            println!(
                "{cartilage:?} {wanted} mm: {:.3} ({:+.1} %)",
                summary.percentiles[1],
                off * 100.0
            );
            assert!(off.abs() < 0.03, "{cartilage:?}: {summary:?}");
            assert!(summary.min < 0.5 && summary.max < wanted * 1.1, "{summary:?}");
        }
    }
}

/// A sagittal volume in the orientation of OAI's left knees.
fn sagittal(shape: [usize; 3]) -> Volume {
    let [z, y, x] = shape;
    // x to the back, y down, z to the right, in RAS+.
    let affine =
        Affine::new([[0.0, 0.0, 0.7, -9.0], [-0.365, 0.0, 0.0, 20.0], [0.0, -0.365, 0.0, 30.0]]);
    let values = pattern(shape).iter().map(|value| (value + 1.0) * 512.0).collect();
    Volume::new(Grid { size: [x, y, z], affine }, Voxels::F32(values)).unwrap()
}

fn write_weights(path: &Path) {
    let scope = weights(10.0);
    network(&scope, [8; 3]);
    write_pytorch(path, &scope.recorded()).unwrap();
}

#[test]
fn a_left_knee_is_read_as_it_lies_and_a_right_one_mirrored() {
    let expected = &fixture("systems/oai-analysis.json")["tiles"];
    let shape = shape_of(&expected["shape"]);
    let tiles = Tiles { tile: turned(&expected["patch"]), overlap: turned(&expected["overlap"]) };
    let folder = testkit::temp_dir("oai-analysis");
    write_weights(&folder.join("segmentation_model.pth.tar"));
    let system = OaiAnalysis { tiles };
    let left = sagittal(shape);
    let read = |volume: &Volume, facts: &VolumeFacts, chosen: &str| {
        let mut options = VolumeOptions::new(compute());
        options.chosen = chosen.split_whitespace().map(str::to_owned).collect();
        let mut reader = system.open(folder.path(), &options).unwrap();
        assert!(reader.need_bytes(volume).unwrap() > 0);
        let (mut last, mut runs) = (0, 0);
        let answer = reader.read(
            &VolumeCase { volumes: &[volume], facts, prepared: None },
            &mut |done, total| {
                (last, runs) = (done, total);
            },
        )?;
        assert_eq!((last, runs), (tiles.count(shape), tiles.count(shape)));
        Ok::<_, base::Error>(answer)
    };
    let answer = read(&left, &facts("9000099_LEFT"), "").unwrap();
    let labels = labels_of(&answer.map);
    // The labels are those of the original's shares.
    let (f, t) = (floats(&expected["femoral"]["value"]), floats(&expected["tibial"]["value"]));
    let mut other = 0;
    for (k, (f, t)) in f.iter().zip(&t).enumerate() {
        let label = if f.max(*t) > 0.5 { 1 + u16::from(t > f) } else { 0 };
        other += usize::from(labels[k * (labels.len() - 1) / 2999] != label);
    }
    assert!(other * 500 < f.len(), "{other} of {}", f.len());
    assert!(labels.contains(&1) && labels.contains(&2));
    assert_eq!(answer.structures.len(), 2);

    // A right knee that is the mirror image gives the mirrored labels, whatever way it is stored.
    let mirrored = |volume: &Volume| {
        let rows = volume.affine().rows();
        let flipped = [rows[0].map(|v| -v), rows[1], rows[2]];
        let grid = Grid { size: volume.size(), affine: Affine::new(flipped) };
        Volume::new(grid, volume.voxels().clone()).unwrap()
    };
    let right = mirrored(&left);
    let mut header = facts("knee");
    header.laterality = Some(Laterality::Right);
    let stored = right.reoriented(Orientation::LPS);
    let answer = read(&stored, &header, "").unwrap();
    assert_eq!(answer.map.size(), stored.size());
    assert_eq!(labels_of(&answer.map.reoriented(right.orientation())), labels);

    // Which side it is must be known.
    assert_eq!(read(&left, &facts("knee"), "").unwrap_err().kind(), Kind::Refused);
    header.modality = Some(Modality::Ct);
    assert_eq!(read(&left, &header, "left").unwrap_err().kind(), Kind::Refused);
    let mut options = VolumeOptions::new(compute());
    options.chosen = vec!["left".into(), "right".into()];
    let error = system.open(folder.path(), &options).err().unwrap();
    assert_eq!(error.kind(), Kind::Usage);
}

/// Weights that tell brightness apart: femoral cartilage above 0.875, tibial from 0.3 to 0.75.
fn by_brightness(name: &str, shape: &[usize]) -> Vec<f32> {
    const STEEP: f32 = 40.0;
    let mut values = vec![0.0; shape.iter().product()];
    // The middle of a kernel between two channels.
    let mut set = |outer: usize, inner: usize, value: f32| {
        let taps: usize = shape[2..].iter().product();
        values[(outer * shape[1] + inner) * taps + taps / 2] = value;
    };
    match name {
        "ec0.0.weight" => (0..2).for_each(|n| set(n, 0, 1.0)),
        "ec1.0.weight" | "dc1.0.weight" => (0..2).for_each(|n| set(n, n, 1.0)),
        // Behind what comes from below.
        "dc2.0.weight" => (0..2).for_each(|n| set(128 + n, n, 1.0)),
        "dc0.weight" => {
            set(0, 1, STEEP);
            set(1, 0, STEEP);
            set(1, 1, -200.0 * STEEP);
        }
        "ec0.0.bias" => values[1] = -0.75,
        "dc0.bias" => values.copy_from_slice(&[-0.125 * STEEP, -0.3 * STEEP]),
        _ => {}
    }
    values
}

#[test]
fn a_knee_is_measured_whole() {
    let (shape, spacing) = ([36, 80, 72], [0.7, 0.7, 1.0]);
    let (thick, thin) = (2.4, 1.8);
    let [nz, ny, nx] = shape;
    let brightness = |n: usize| {
        // What the window is taken from.
        match n / (nx * ny) {
            0 => return 0.0,
            last if last == nz - 1 => return 1.0,
            _ => {}
        }
        let [x, y, z] = place(n, shape, spacing);
        let (dx, dy, dz) = (x - 25.0, y - 22.0, (z - 18.0).abs());
        let shell = thick / 2.0 - (dx.hypot(dy) - 14.0 - thick / 2.0).abs();
        let femoral = shell.min(14.0 * (1.6 - dx.atan2(dy).abs())).min(13.0 - dz);
        let plate = thin / 2.0 - (y - 42.0).abs();
        let tibial = plate.min(16.0 - dx.abs()).min(13.0 - dz);
        let step = |middle: f64, depth: f64| (middle + 0.12 * depth.min(1.0)) as f32;
        if femoral > -1.0 { step(0.875, femoral) } else { step(0.3, tibial.max(-1.0)) }
    };
    let values: Vec<f32> = (0..nz * ny * nx).map(brightness).collect();
    let affine = Affine::new([
        [0.0, 0.0, spacing[2], 0.0],
        [-spacing[0], 0.0, 0.0, 0.0],
        [0.0, -spacing[1], 0.0, 0.0],
    ]);
    let knee = Volume::new(Grid { size: [nx, ny, nz], affine }, Voxels::F32(values)).unwrap();

    let folder = testkit::temp_dir("oai-analysis-whole");
    let scope = Scope::recording_with(by_brightness);
    network(&scope, [8; 3]);
    let file = folder.join("segmentation_model.pth.tar");
    write_pytorch(&file, &scope.recorded()).unwrap();
    let system = OaiAnalysis { tiles: Tiles { tile: [16, 32, 32], overlap: [2, 4, 4] } };
    let mut reader = system.open(&file, &VolumeOptions::new(compute())).unwrap();
    let facts = facts("knee-left");
    let case = VolumeCase { volumes: &[&knee], facts: &facts, prepared: None };
    let answer = reader.read(&case, &mut |_, _| {}).unwrap();
    assert!(reader.network_time().unwrap().as_secs_f64() > 0.0);
    let of = |id: &str| answer.values.iter().find(|value| value.id == id).map(|value| value.value);
    for (name, wanted) in [("femoral", thick), ("tibial", thin)] {
        let of = |what: &str| of(&format!("{name}-cartilage-thickness-{what}")).unwrap();
        let (mean, min, max) = (of("mean"), of("min"), of("max"));
        println!("{name}: {mean:.3} mm, {min:.3} to {max:.3}, made {wanted}");
        // Rims are thinner, the smoothed middle is not.
        assert!((0.7..1.0).contains(&(mean / wanted)) && min < 0.6, "{name}");
        assert!((1.0..1.2).contains(&(max / wanted)), "{name}");
    }
    assert!(of("tibial-cartilage-medial-thickness-mean").is_none(), "one plate");
    let notes: Vec<&str> = answer.notes.iter().map(|note| note.code).collect();
    assert_eq!(notes, ["side", "other-spacing", "no-plateaus", "thickness"]);
    let [table] = &answer.tables[..] else { panic!("{:?}", answer.tables) };
    let rows: Vec<&str> = table.text.lines().collect();
    assert_eq!((table.name.as_str(), rows.len()), ("cartilage-thickness.csv", 3));
    assert!(rows[1].starts_with("femoral-cartilage,") && rows[2].starts_with("tibial-cartilage,"));
    let [picture] = &answer.pictures[..] else { panic!("no picture") };
    let drawn: Vec<f32> = picture.map.data().iter().copied().filter(|mm| mm.is_finite()).collect();
    assert!(drawn.iter().all(|mm| (0.0..3.0).contains(mm)));
    // 3.2 · 16.4 mm by 26 mm and 32 mm by 26 mm, sixteen pixels a square millimetre.
    assert!((33_000..36_000).contains(&drawn.len()), "{}", drawn.len());
}

#[test]
fn bad_volumes_and_weights_are_named() {
    let folder = testkit::temp_dir("oai-analysis-bad");
    let mut options = VolumeOptions::new(compute());
    let error = SYSTEM.open(folder.path(), &options).err().unwrap().to_string();
    assert!(error.contains("segmentation_model.pth.tar"), "{error}");
    let other = Scope::recording();
    other.tensor("ec0.0.weight", &[32, 1, 3, 3, 3]);
    let file = folder.join("other.pth.tar");
    write_pytorch(&file, &other.recorded()).unwrap();
    let error = SYSTEM.open(&file, &options).err().unwrap().to_string();
    assert!(error.contains("dc0.weight"), "{error}");

    std::fs::create_dir(folder.join("models")).unwrap();
    write_weights(&folder.join("models/segmentation_model.pth.tar"));
    options.chosen = vec!["left".into()];
    let small = OaiAnalysis { tiles: Tiles { tile: [16, 16, 16], overlap: [4, 4, 4] } };
    let mut reader = small.open(folder.path(), &options).unwrap();
    let mut read = |volume: &Volume| {
        let facts = facts("knee");
        let case = VolumeCase { volumes: &[volume], facts: &facts, prepared: None };
        reader.read(&case, &mut |_, _| {})
    };
    let grid = |mm: f64, size| Grid { size, affine: Affine::scaling([mm; 3]) };
    let flat = Volume::new(grid(0.5, [9; 3]), Voxels::F32(vec![2.0; 729])).unwrap();
    assert_eq!(read(&flat).unwrap_err().kind(), Kind::Refused);
    let none = Volume::new(grid(0.5, [9; 3]), Voxels::F32(vec![f32::NAN; 729])).unwrap();
    assert_eq!(read(&none).unwrap_err().kind(), Kind::Refused);
    let (voxels, axis) = (Voxels::U8(vec![1; 54]), FrameAxis::Unknown);
    let frames = Volume::with_frames(grid(0.5, [3; 3]), 2, axis, voxels).unwrap();
    assert_eq!(read(&frames).unwrap_err().kind(), Kind::Refused);
    // Thinner than the border that is never marked: an answer that says so.
    let values = (0..729).map(|n| (n % 7) as f32).collect();
    let tiny = Volume::new(grid(0.5, [9; 3]), Voxels::F32(values)).unwrap();
    let answer = read(&tiny).unwrap();
    assert!(answer.notes.iter().any(|note| note.code == "nothing-measured"));
    assert!(answer.values.is_empty() && answer.tables.is_empty() && answer.pictures.is_empty());
}
