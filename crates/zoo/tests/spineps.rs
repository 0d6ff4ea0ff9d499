//! SPINEPS: its network on deterministic weights, and everything between its networks on answers made of real masks
//! with errors in them, as its own code does it (`tools/reference/spineps.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

use crate::common::{
    compute, fixture, floats, integers, nnunet, packed_labels, pool, relative_error, scan,
};
use base::{Affine, Grid, Kind, Modality, Volume, Voxels};
use engine::Tensor;
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::{Checkpoint, Limits, Plain, Scope, write_pytorch};
use imaging::n4::N4;
use imaging::volumes::Scan;
use serde_json::{Value, json};
use std::path::Path;
use zoo::arch::spine_unet::SpineUnet;
use zoo::arch::vertebra_classifier::{Classifier, LEFT_OVER};
use zoo::find_volume_system;
use zoo::nnunet::Images;
use zoo::systems::spineps::config::Config;
use zoo::systems::spineps::labels::Labels;
use zoo::systems::spineps::path::{Heads, Known, names};
use zoo::systems::spineps::{Networks, Outcome, Settings, segment};
use zoo::volume_system::{VolumeCase, VolumeOptions, labels_of};

#[test]
fn the_network_of_phase_two_gives_what_the_original_gives() {
    for case in fixture("systems/spineps.json")["networks"].as_array().unwrap() {
        let size = |key: &str| case[key].as_u64().unwrap() as usize;
        let (stem, channels) = (size("stem"), size("channels"));
        let shape: [usize; 3] = integers(&case["input"]).try_into().unwrap();
        let [z, y, x] = shape;
        let mut b = Builder::new();
        let image = b.input("parts", &[1, channels, z, y, x]);
        let network = SpineUnet { stem, classes: 4 };
        let logits = network.logits(&mut b, &Scope::recording().at("network"), image).unwrap();
        let graph = b.finish(&[("logits", logits)]);
        let mut network = Network::compile(graph, &compute().options()).unwrap();
        let mut input = vec![0.0; channels * z * y * x];
        for at in 0..z * y * x {
            let label = (at * 7919 + at / x * 104_729) % 2049 % channels;
            input[label * z * y * x + at] = 1.0;
        }
        let input = Tensor::new(&[1, channels, z, y, x], input).unwrap();
        let logits = network.run(&[&input]).unwrap().remove(0);
        let error = relative_error(logits.data(), &[4, z, y, x], &case["logits"]);
        println!("{stem} {channels}: {error:.1e}");
        assert!(error < 1e-4, "{error:.1e}");
    }
}

/// The image of `image` in `tools/reference/n4.py`, `[k][j][i]`.
fn uneven([ni, nj, nk]: [usize; 3]) -> Vec<f32> {
    let value = |at: usize| {
        let (k, j, i) = (at / (ni * nj), at / ni % nj, at % ni);
        let n = (i * nj + j) * nk + k;
        let [x, y, z] = [i, j, k].map(|place| place as f64);
        let tissue = 400.0 + 300.0 * (x / 5.0).sin() * (y / 7.0).cos() + 120.0 * (z / 3.0).cos();
        let far = 0.6 * x / ni as f64 - 0.5 * (y / nj as f64).powi(2) + 0.1 * z / nk as f64;
        if i < 4 { 0.0 } else { (tissue * far.exp() + (n * 7919 % 101) as f64) as f32 }
    };
    (0..ni * nj * nk).map(value).collect()
}

#[test]
fn a_bias_field_is_taken_out_as_ants_takes_it_out() {
    for case in fixture("systems/n4.json").as_array().unwrap() {
        let size: [usize; 3] = integers(&case["size"]).try_into().unwrap();
        let [ni, nj, nk] = size;
        let spacing: Vec<f64> =
            case["spacing"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let bounds: Vec<Vec<usize>> =
            case["box"].as_array().unwrap().iter().map(integers).collect();
        let image = uneven(size);
        let inside = |at: usize| {
            let place = [at % ni, at / ni % nj, at / (ni * nj)];
            (0..3).all(|axis| (bounds[axis][0]..bounds[axis][1]).contains(&place[axis]))
        };
        let mask: Vec<bool> = (0..image.len()).map(inside).collect();
        let n4 = N4 { distance_mm: 100.0, ..N4::default() };
        let even = n4.correct(&image, &mask, size, [spacing[0], spacing[1], spacing[2]]).unwrap();
        let expected = floats(&case["value"]);
        let (mut difference, mut norm, mut changed) = (0.0, 0.0, 0.0);
        for (n, &expected) in expected.iter().enumerate() {
            let at = n * (image.len() - 1) / (expected_count(case) - 1);
            let (i, j, k) = (at / (nj * nk), at / nk % nj, at % nk);
            let at = (k * nj + j) * ni + i;
            difference += f64::from(even[at] - expected).powi(2);
            changed += f64::from(image[at] - expected).powi(2);
            norm += f64::from(expected).powi(2);
        }
        let (error, changed) = ((difference / norm).sqrt(), (changed / norm).sqrt());
        println!("{size:?}: {error:.1e}, changed by {changed:.2}");
        assert!(error < 5e-3 && changed > 0.2, "{error:.1e} {changed:.2}");
    }
    // Too thin to look for a field, and nothing marked.
    assert_eq!(N4::default().correct(&[1.0; 4], &[true; 4], [2, 2, 1], [200.0; 3]), None);
    assert_eq!(N4::default().correct(&[1.0; 8], &[false; 8], [2; 3], [1.0; 3]), None);
}

fn expected_count(case: &Value) -> usize {
    case["value"].as_array().unwrap().len()
}

/// The heads of the script.
const HEADS: [(&str, usize); 5] =
    [("VERT", 24), ("VERTREL", 6), ("VERTGRP", 12), ("REGION", 3), ("FULLYVISIBLE", 2)];

#[test]
fn the_classifiers_of_phase_three_give_what_the_originals_give() {
    let folder = testkit::temp_dir("spineps-classifier");
    for case in fixture("systems/spineps.json")["classifiers"].as_array().unwrap() {
        let name = case["backbone"].as_str().unwrap();
        let made = match name {
            "DENSENET121" => Classifier::dense121(&HEADS),
            _ => Classifier::residual(name == "RESNET50", &HEADS),
        };
        let shape: [usize; 3] = integers(&case["input"]).try_into().unwrap();
        let [z, y, x] = shape;
        let scope = Scope::recording();
        let mut b = Builder::new();
        let image = b.input("patch", &[1, 1, z, y, x]);
        made.logits(&mut b, &scope, image).unwrap();
        let file = folder.join(name);
        write_pytorch(&file, &scope.recorded()).unwrap();
        // How the network is made is read from the names of its weights.
        let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
        let classifier = Classifier::of(&checkpoint).unwrap();
        let (scope, mut b) = (checkpoint.scope(), Builder::new());
        let image = b.input("patch", &[1, 1, z, y, x]);
        let logits = classifier.logits(&mut b, &scope, image).unwrap();
        scope.finish(LEFT_OVER).unwrap();
        let outputs: Vec<_> =
            classifier.heads.iter().map(|head| head.name.as_str()).zip(logits).collect();
        let mut network = Network::compile(b.finish(&outputs), &compute().options()).unwrap();
        let value = |i: usize| ((i * 7919 + i / x * 104_729) % 2049) as f32 / 1024.0 - 1.0;
        let input = Tensor::new(&[1, 1, z, y, x], (0..z * y * x).map(value).collect()).unwrap();
        let answers = network.run(&[&input]).unwrap();
        for (head, answer) in classifier.heads.iter().zip(&answers) {
            let expected = &case["logits"][&head.name];
            let error = relative_error(answer.data(), answer.shape(), expected);
            println!("{name} {}: {error:.1e}", head.name);
            assert!(error < 1e-4, "{name} {}: {error:.1e}", head.name);
        }
    }
}

#[test]
fn settings_are_read_from_a_checkpoint_as_lightning_writes_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/systems/spineps-classifier.ckpt");
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    assert!(checkpoint.entry("net.conv1.weight").is_some());
    let opt = checkpoint.beside("hyper_parameters").unwrap().get("opt").unwrap();
    let size = opt.get("final_size").unwrap().items().unwrap();
    assert_eq!(size.iter().map(|one| one.size().unwrap()).collect::<Vec<_>>(), [32, 48, 16]);
    assert_eq!(opt.get("backbone").unwrap().text(), Some("RESNET50"));
}

fn heads(value: &Value) -> Heads {
    let row = |(name, values): (&String, &Value)| {
        let values = values.as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
        (name.clone(), values.collect())
    };
    value.as_object().unwrap().iter().map(row).collect()
}

#[test]
fn vertebrae_are_named_as_the_original_names_them() {
    let mut others = [0; 2];
    for (number, case) in
        fixture("systems/spineps.json")["paths"].as_array().unwrap().iter().enumerate()
    {
        let said: Vec<Heads> = case["vertebrae"].as_array().unwrap().iter().map(heads).collect();
        let place = |key: &str| case[key].as_u64().map(|at| at as usize);
        let known = Known {
            from_c1: case["from_c1"] == true,
            twelve: case["twelve"] == true,
            c1: place("c1"),
            c2: place("c2"),
        };
        let expected: Vec<u16> =
            integers(&case["names"]).into_iter().map(|name| name as u16).collect();
        assert_eq!(names(&said, &known).unwrap(), expected, "{number}");
        // Thirteen thoracic vertebrae, and eleven.
        let pair = |a: u16, b: u16| expected.windows(2).any(|pair| pair == [a, b]);
        for (count, found) in others.iter_mut().zip([expected.contains(&28), pair(18, 20)]) {
            *count += usize::from(found);
        }
    }
    assert!(others.iter().all(|count| *count > 0), "{others:?}");
    // Six lumbar vertebrae.
    let sure = |name: usize| {
        let share = |at: usize| if at == name { 1.0 } else { 0.0 };
        Heads::from([("VERT".to_owned(), (0..24).map(share).collect())])
    };
    let lumbar: Vec<Heads> = [21, 22, 23, 23].into_iter().map(sure).collect();
    assert_eq!(names(&lumbar, &Known::default()).unwrap(), [22, 23, 24, 25]);
    // More vertebrae than there are names.
    assert_eq!(names(&vec![Heads::new(); 30], &Known::default()), None);
}

fn config(value: &Value) -> Config {
    let json = Plain::from_json(value.to_string().as_bytes()).unwrap();
    Config::read(Path::new("inference_config.json"), &json).unwrap()
}

/// The image of `pattern` in the script, on the grid of the case.
fn volume(case: &Value) -> Option<Volume> {
    if let Some(image) = case["image"].as_str() {
        return scan(image).map(|scan| scan.volume);
    }
    let size: [usize; 3] = integers(&case["size"]).try_into().unwrap();
    let rows = case["affine"].as_array().unwrap().iter().map(|row| {
        let row: Vec<f64> = row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        [row[0], row[1], row[2], row[3]]
    });
    let rows: Vec<[f64; 4]> = rows.collect();
    let affine = Affine::new([rows[0], rows[1], rows[2]]);
    let [ni, nj, nk] = size;
    let floor: i16 = if case["ct"] == true { -1024 } else { 0 };
    let value = |at: usize| {
        let (k, j, i) = (at / (ni * nj), at / ni % nj, at % ni);
        let n = (i * nj + j) * nk + k;
        match (5..ni - 3).contains(&i) {
            true => ((n * 7919 + n / nk * 104_729) % 2049) as i16 + floor,
            false => floor,
        }
    };
    let values = (0..ni * nj * nk).map(value);
    let voxels = match case["real"] == true {
        true => Voxels::F32(values.map(f32::from).collect()),
        false => Voxels::I16(values.collect()),
    };
    Volume::new(Grid { size, affine }, voxels)
}

/// Gives the answers of a case, and holds what it is asked against what the original's networks were.
struct Given<'c> {
    case: &'c Value,
    cutouts: Vec<u16>,
    asked: usize,
}

impl Networks for Given<'_> {
    fn classes(&mut self, images: Images) -> base::Result<Vec<u16>> {
        let [z, y, x] = images.shape;
        let seen = &images.channels[0];
        let at = |n: usize| (n % z * y + n / z % y) * x + n / (y * z);
        let values: Vec<f32> = (0..seen.len()).map(|n| seen[at(n)]).collect();
        let error = relative_error(&values, &[x, y, z], &self.case["seen"]);
        println!("{} image: {error:.1e}", self.case["name"]);
        // Of whole numbers a few lie half-way to the next one.
        assert!(error < 3e-4, "{error:.1e}");
        let labels = stored(&self.case["classes"]);
        let back = |n: usize| (n % x * y + n / x % y) * z + n / (x * y);
        Ok((0..labels.len()).map(|n| labels[back(n)]).collect())
    }

    fn vertebrae(
        &mut self,
        cutout: &Labels,
        _spacing_mm: [f64; 3],
        [number, count]: [usize; 2],
    ) -> base::Result<Labels> {
        let asked = integers(&self.case["asked"]);
        assert_eq!(count, asked.len(), "{}", self.case["name"]);
        let sum: usize = cutout.values.iter().map(|label| usize::from(*label)).sum();
        assert_eq!(sum, asked[number], "{} cut-out {number}", self.case["name"]);
        let length = cutout.values.len();
        let values = self.cutouts[number * length..][..length].to_vec();
        Ok(Labels { values, shape: cutout.shape })
    }

    fn names(&mut self, patch: &[f32], [number, count]: [usize; 2]) -> base::Result<Heads> {
        let said = self.case["said"].as_array().unwrap();
        assert_eq!(count, said.len(), "{}", self.case["name"]);
        let expected = floats(&self.case["patches"][number]);
        let spot = |k: usize| patch[k * (patch.len() - 1) / 299];
        let far = (0..300).map(|k| (spot(k) - expected[k]).abs()).fold(0.0, f32::max);
        // Of whole numbers a few lie half-way to the next one.
        assert!(far < 4e-3, "{} patch {number}: {far}", self.case["name"]);
        self.asked += 1;
        Ok(heads(&said[number]))
    }
}

fn stored(file: &Value) -> Vec<u16> {
    packed_labels(&format!("systems/{}", file.as_str().unwrap()))
}

fn differ(a: &[u16], b: &[u16]) -> usize {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).filter(|(a, b)| a != b).count()
}

#[test]
fn cases_go_between_the_networks_as_the_originals_do() {
    for case in fixture("systems/spineps.json")["cases"].as_array().unwrap() {
        let name = &case["name"];
        let Some(volume) = volume(case) else { continue };
        let (semantic, instance) = (config(&case["semantic"]), config(&case["instance"]));
        let mut given = Given { case, cutouts: stored(&case["cutouts"]), asked: 0 };
        let settings = Settings {
            semantic: &semantic,
            instance: &instance,
            labelling: None,
            twelve: false,
            correct: false,
            within: None,
        };
        let found = segment(&pool(), &volume, settings, &mut given).unwrap();
        let Outcome::Found(maps, false) = found else { panic!("{name}: nothing found") };
        // The original's last step makes endplates 1, and deletes those that were given to two vertebrae.
        let expected = stored(&case["parts"]);
        let pairs = || maps.parts.values.iter().zip(&expected);
        let parts = pairs().filter(|(ours, theirs)| ours != theirs && **ours != 62).count();
        let lost = pairs().filter(|(ours, theirs)| **ours == 62 && **theirs != 1).count();
        assert!(pairs().all(|(ours, theirs)| *ours != 62 || *theirs < 2), "{name}");
        let vertebrae = differ(&maps.vertebrae.values, &stored(&case["vertebrae"]));
        println!("{name}: {parts} parts and {vertebrae} vertebrae differ, {lost} endplates");
        assert_eq!((parts, vertebrae), (0, 0), "{name}");
        // The same with names.
        let patch: [usize; 3] = integers(&case["patch"]).try_into().unwrap();
        let labelling = config(&case["labelling"]);
        let settings = Settings { labelling: Some((&labelling, patch)), ..settings };
        let found = segment(&pool(), &volume, settings, &mut given).unwrap();
        let Outcome::Found(maps, true) = found else { panic!("{name}: no names") };
        assert_eq!(given.asked, case["said"].as_array().unwrap().len(), "{name}");
        let named = differ(&maps.vertebrae.values, &stored(&case["named"]));
        assert_eq!(named, 0, "{name}");
    }
}

/// Says of everything the same.
struct Same(u16);

impl Networks for Same {
    fn classes(&mut self, images: Images) -> base::Result<Vec<u16>> {
        Ok(vec![self.0; images.shape.iter().product()])
    }

    fn vertebrae(&mut self, cutout: &Labels, _: [f64; 3], _: [usize; 2]) -> base::Result<Labels> {
        Ok(Labels { values: vec![0; cutout.values.len()], shape: cutout.shape })
    }

    fn names(&mut self, _: &[f32], _: [usize; 2]) -> base::Result<Heads> {
        Ok(Heads::new())
    }
}

#[test]
fn where_nothing_is_it_is_said() {
    let file = fixture("systems/spineps.json");
    let case = &file["cases"][2];
    let (volume, semantic) = (volume(case).unwrap(), config(&case["semantic"]));
    let instance = config(&case["instance"]);
    let settings = Settings {
        semantic: &semantic,
        instance: &instance,
        labelling: None,
        twelve: false,
        correct: false,
        within: None,
    };
    // Background; discs without a body; bodies of which no vertebra is made.
    let mut told = Vec::new();
    for class in [0, 13, 9] {
        let found = segment(&pool(), &volume, settings, &mut Same(class)).unwrap();
        let Outcome::Nothing(why) = found else { panic!("{class}: something found") };
        told.push(why.get(base::Lang::En).to_owned());
    }
    told.dedup();
    assert_eq!(told.len(), 3, "{told:?}");
    let flat = volume.on_same_grid(Voxels::I16(vec![7; volume.frame_len()])).unwrap();
    let error = segment(&pool(), &flat, settings, &mut Same(0)).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused);
}

#[test]
fn a_configuration_says_what_is_wrong_with_it() {
    let good = fixture("systems/spineps.json")["cases"][0]["semantic"].clone();
    let read = |json: &Value| {
        let json = Plain::from_json(json.to_string().as_bytes()).unwrap();
        Config::read(Path::new("t2w/inference_config.json"), &json)
    };
    assert!(read(&good).is_ok());
    for key in ["modality", "modeltype", "model_expected_orientation", "resolution_range", "labels"]
    {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(key);
        let error = read(&bad).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("inference_config.json"), "{error}");
    }
    for (key, value) in [
        ("modeltype", json!("transformer")),
        ("model_expected_orientation", json!(["P", "P", "R"])),
        ("resolution_range", json!([1.0, 0.0, 1.0])),
        ("labels", json!({"1": "No_Such_Part"})),
        ("expected_inputs", json!(["ip", "oop"])),
        ("cutout_size", json!([8, 8])),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        let error = read(&bad).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}

/// Small models below a folder, of whose made-up ones the settings are taken.
fn write_models(root: &Path, full: &Path) {
    nnunet::shrink(&full.join("t2w"), &root.join("t2w"));
    for (model, key, value) in [
        ("t2w", "resolution_range", json!([1.5, 1.5, 1.5])),
        ("instance", "cutout_size", json!([32, 24, 16])),
    ] {
        let file = Path::new(model).join("inference_config.json");
        let mut config = nnunet::json_file(&full.join(&file));
        config[key] = value;
        std::fs::create_dir_all(root.join(model)).unwrap();
        std::fs::write(root.join(file), config.to_string()).unwrap();
    }
    let weights = "instance/made-up-weights.ckpt";
    std::fs::copy(full.join(weights), root.join(weights)).unwrap();
}

#[test]
fn made_up_networks_read_a_scan_one_after_the_other() {
    let Some(mut scan) = scan("volumes/spine/sub-mri_label-6_T2w.nii.gz") else { return };
    let (folder, full) = (testkit::temp_dir("spineps"), testkit::temp_dir("spineps-full"));
    let system = find_volume_system("spineps").unwrap();
    let mut options = VolumeOptions::new(compute());
    let error = system.open(folder.path(), &options).err().unwrap().to_string();
    assert!(error.contains("t2w.zip") && error.contains("releases/download/v1.0.9"), "{error}");
    assert!(system.made_up(full.path(), &[]).unwrap());
    write_models(folder.path(), full.path());
    let read = |reader: &mut dyn zoo::VolumeReader, scan: &Scan| {
        let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
        reader.read(&case, &mut |done, total| assert!(done <= total))
    };
    for choice in [None, Some("parts")] {
        options.chosen = choice.into_iter().map(str::to_owned).collect();
        let mut reader = system.open(folder.path(), &options).unwrap();
        assert!(reader.need_bytes(&scan.volume).unwrap() > 1 << 20);
        let answer = read(&mut *reader, &scan).unwrap();
        assert_eq!(answer.map.size(), scan.volume.size());
        // What is marked has a name, and where nothing is it is said.
        let named: Vec<u16> = answer.structures.iter().flat_map(|one| one.labels.clone()).collect();
        let labels = labels_of(&answer.map);
        assert!(labels.iter().all(|label| *label == 0 || named.contains(label)));
        let empty = labels.iter().all(|label| *label == 0);
        assert_eq!(empty, answer.notes.iter().any(|note| note.code == "nothing-found"));
        println!("{choice:?}: {named:?}");
    }
    options.chosen = vec!["t1w".into(), "ct".into()];
    assert_eq!(system.open(folder.path(), &options).err().unwrap().kind(), Kind::Usage);
    options.chosen.clear();
    let mut reader = system.open(folder.path(), &options).unwrap();
    scan.facts.modality = Some(Modality::Us);
    assert_eq!(read(&mut *reader, &scan).unwrap_err().kind(), Kind::Refused);
    // What is missing or broken is named.
    std::fs::write(folder.join("t2w/inference_config.json"), "{}").unwrap();
    let error = system.open(folder.path(), &options).err().unwrap().to_string();
    assert!(error.contains("t2w/inference_config.json") && error.contains("modeltype"), "{error}");
    std::fs::remove_file(folder.join("t2w/inference_config.json")).unwrap();
    std::fs::remove_file(folder.join("instance/made-up-weights.ckpt")).unwrap();
    options.chosen = vec!["ct".into()];
    let error = system.open(folder.path(), &options).err().unwrap().to_string();
    assert!(error.contains("ct.zip"), "{error}");
}

#[test]
fn weights_in_one_zip_or_in_zips_are_those_of_the_folders() {
    let Some(scan) = scan("volumes/spine/sub-mri_label-6_T2w.nii.gz") else { return };
    let (folder, full) = (testkit::temp_dir("spineps-zip"), testkit::temp_dir("spineps-full"));
    let system = find_volume_system("spineps").unwrap();
    assert!(system.made_up(full.path(), &[]).unwrap());
    let root = folder.join("models");
    write_models(&root, full.path());
    std::fs::create_dir(folder.join("zips")).unwrap();
    for name in ["t2w", "instance"] {
        testkit::zip(&root, name, &folder.join(format!("zips/{name}.zip")));
    }
    // A second model of phase 1, with another network.
    nnunet::shrink(&full.join("t2w"), &root.join("t1w"));
    let settings = root.join("t1w/inference_config.json");
    let mut config = nnunet::json_file(&root.join("t2w/inference_config.json"));
    config["modality"] = json!("T1w");
    std::fs::write(settings, config.to_string()).unwrap();
    let weights = "nnUNetTrainer__nnUNetPlans__3d_fullres/fold_0/checkpoint_final.pth";
    let mut other = std::fs::read(root.join("t1w").join(weights)).unwrap();
    // Behind the end of the archive, where no reader looks.
    let end = other.len() - 2;
    other[end] = 1;
    other.push(b' ');
    std::fs::write(root.join("t1w").join(weights), other).unwrap();
    testkit::zip(folder.path(), "models", &folder.join("spineps.zip"));
    let mut options = VolumeOptions::new(compute());
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let mut answers = Vec::new();
    for place in ["models", "zips", "spineps.zip"] {
        options.chosen.clear();
        let mut reader = system.open(&folder.join(place), &options).unwrap();
        let answer = reader.read(&case, &mut |_, _| {}).unwrap();
        answers.push((reader.sha256(), answer));
        if place != "zips" {
            options.chosen = vec!["t1w".into()];
            let reader = system.open(&folder.join(place), &options).unwrap();
            assert_ne!(reader.sha256(), answers[0].0, "{place}");
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    // What is missing or broken in an archive is named.
    std::fs::remove_dir_all(root.join("instance")).unwrap();
    testkit::zip(folder.path(), "models", &folder.join("half.zip"));
    options.chosen.clear();
    let error = system.open(&folder.join("half.zip"), &options).err().unwrap().to_string();
    assert!(error.contains("half.zip") && error.contains("instance.zip"), "{error}");
    let whole = std::fs::read(folder.join("spineps.zip")).unwrap();
    std::fs::write(folder.join("cut.zip"), &whole[..whole.len() / 2]).unwrap();
    let error = system.open(&folder.join("cut.zip"), &options).err().unwrap();
    assert!(error.kind() == Kind::BrokenInput && error.to_string().contains("cut.zip"), "{error}");
}

#[test]
fn large_scans_are_cropped_for_fine_models_where_the_weights_for_it_are_there() {
    let Some(scan) = scan("volumes/spine/sub-ct_label-22_ct.nii.gz") else { return };
    let (folder, full) = (testkit::temp_dir("spineps-region"), testkit::temp_dir("spineps-full"));
    let system = find_volume_system("spineps").unwrap();
    assert!(system.made_up(full.path(), &[]).unwrap());
    write_models(folder.path(), full.path());
    let settings = folder.join("t2w/inference_config.json");
    let mut config = nnunet::json_file(&settings);
    config["needs_corp"] = json!(true);
    std::fs::write(&settings, config.to_string()).unwrap();
    let options = VolumeOptions::new(compute());
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let codes = |place: &Path| {
        let mut reader = system.open(place, &options).unwrap();
        assert!(reader.need_bytes(&scan.volume).unwrap() > 1 << 20);
        let mut last = 0;
        let answer = reader.read(&case, &mut |done, total| {
            assert!(done <= total && total >= last);
            last = total;
        });
        answer.unwrap().notes.into_iter().map(|note| note.code).collect::<Vec<_>>()
    };
    assert!(codes(folder.path()).contains(&"not-cropped"));
    // The archive as it is published, and what it unpacks to.
    let own = testkit::temp_dir("vibeseg");
    nnunet::shrink(&full.join("t2w"), &own.join("Dataset100"));
    let dataset = own.join("Dataset100").join(nnunet::INSIDE).join("dataset.json");
    let mut json = nnunet::json_file(&dataset);
    (json["orientation"], json["spacing"]) = (json!(["L", "A", "S"]), json!([3.0, 2.0, 2.0]));
    std::fs::write(&dataset, json.to_string()).unwrap();
    testkit::zip(own.path(), "Dataset100", &folder.join("100.zip"));
    let zipped = codes(folder.path());
    assert!(!zipped.contains(&"not-cropped"));
    std::fs::remove_file(folder.join("100.zip")).unwrap();
    testkit::zip(own.path(), "Dataset100", &own.join("100.zip"));
    std::fs::rename(own.join("Dataset100"), folder.join("Dataset100")).unwrap();
    assert_eq!(codes(folder.path()), zipped);
    let needed = system.needed(&["ct".into()]).unwrap().unwrap();
    assert!(
        needed.iter().any(|file| file.file == "100.zip" && file.url.contains("VibeSegmentator"))
    );
    let usual = system.needed(&[]).unwrap().unwrap();
    assert!(usual.iter().all(|file| file.file != "100.zip"));
}
