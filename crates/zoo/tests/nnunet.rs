//! nnU-Net models give what nnunetv2 gives: the prepared image, the logits, the label map, on real
//! volumes with made-up weights (`tools/reference/nnunet_models.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

use crate::common::{fixture, floats, integers, pool, relative_error};
use base::{Affine, Grid, Orientation, Volume, Voxels};
use engine::Tensor;
use engine::graph::Builder;
use engine::weights::{Plain, Scope, synth, write_pytorch_beside};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use zoo::VolumeReader;
use zoo::nnunet::{
    Configuration, Dataset, Images, Model, Options, Plans, Postprocessing, Progress, Step, Trained,
    prepare,
};
use zoo::volume_system::VolumeCase;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nnunet").join(name)
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A stored `.nii.gz` as z, y, x.
fn volume(path: &Path) -> (Vec<f32>, [usize; 3]) {
    let bytes = unpacked(path);
    let short = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let shape = [46, 44, 42].map(|at| short(at) as usize);
    let data = &bytes[float(108) as usize..];
    let (slope, shift) = match float(112) {
        0.0 => (1.0, 0.0),
        slope => (slope, float(116)),
    };
    let values: Vec<f32> = match short(70) {
        2 => data.iter().map(|&byte| f32::from(byte)).collect(),
        4 => data.chunks_exact(2).map(|c| f32::from(i16::from_le_bytes([c[0], c[1]]))).collect(),
        512 => data.chunks_exact(2).map(|c| f32::from(u16::from_le_bytes([c[0], c[1]]))).collect(),
        8 => {
            data.chunks_exact(4).map(|c| i32::from_le_bytes(c.try_into().unwrap()) as f32).collect()
        }
        16 => data.chunks_exact(4).map(|c| f32::from_le_bytes(c.try_into().unwrap())).collect(),
        64 => {
            data.chunks_exact(8).map(|c| f64::from_le_bytes(c.try_into().unwrap()) as f32).collect()
        }
        other => panic!("data type {other}"),
    };
    let values = values.into_iter().take(shape.iter().product());
    (values.map(|value| value * slope + shift).collect(), shape)
}

/// The case of a fixture; `None` where there are no test data.
fn case(expected: &Value) -> Option<Images> {
    let mut channels = Vec::new();
    let mut shape = [0; 3];
    for path in expected["stored"].as_array().unwrap() {
        let (values, extents) = volume(&testkit::data(path.as_str().unwrap())?);
        channels.push(values);
        shape = extents;
    }
    assert_eq!(shape.to_vec(), integers(&expected["shape"])[1..]);
    let spacing: Vec<f64> =
        expected["spacing"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    Some(Images { shape, spacing: [spacing[0], spacing[1], spacing[2]], channels })
}

/// Writes the results folder of a trained model with made-up weights.
fn write_model(root: &Path, name: &str, configuration: &str, expected: &Value, cascaded: bool) {
    let target = root.join(format!("nnUNetTrainer__nnUNetPlans__{configuration}"));
    let from = folder(name);
    std::fs::create_dir_all(&target).unwrap();
    for file in ["plans.json", "dataset.json"] {
        std::fs::copy(from.join(file), target.join(file)).unwrap();
    }
    let (dataset, planned) = settings(name, configuration);
    let extra = if cascaded { dataset.foreground().len() } else { 0 };
    let mut shape = vec![1, dataset.channels.len() + extra];
    shape.extend(&planned.patch);
    let head = expected["head"].as_f64().unwrap() as f32;
    for fold in 0..expected["folds"].as_u64().unwrap() {
        let scope = Scope::recording_with(move |name, shape| {
            let seed = if fold == 0 { name.to_owned() } else { format!("fold{fold}.{name}") };
            let mut values = synth::fill_as(name, &seed, shape);
            if name.starts_with("decoder.seg_layers.") && name.ends_with("weight") {
                values.iter_mut().for_each(|value| *value *= head);
            }
            values
        });
        let mut b = Builder::new();
        let image = b.input("image", &shape);
        planned.architecture.logits(&mut b, &scope, image).unwrap();
        let text = |text: &str| Plain::Text(text.to_owned());
        let mirror = match &expected["mirror"] {
            Value::Null => Plain::None,
            axes => Plain::List(integers(axes).iter().map(|&a| Plain::Int(a as i64)).collect()),
        };
        let beside = [
            ("current_epoch".to_owned(), Plain::Int(1000)),
            (
                "init_args".to_owned(),
                Plain::Table(vec![("configuration".to_owned(), text(configuration))]),
            ),
            ("trainer_name".to_owned(), text("nnUNetTrainer")),
            ("inference_allowed_mirroring_axes".to_owned(), mirror),
        ];
        let place = target.join(format!("fold_{fold}"));
        std::fs::create_dir_all(&place).unwrap();
        let file = place.join("checkpoint_final.pth");
        write_pytorch_beside(&file, "network_weights", &scope.recorded(), &beside).unwrap();
    }
}

fn settings(name: &str, configuration: &str) -> (Dataset, Configuration) {
    let json = |file: &str| {
        let path = folder(name).join(file);
        (Plain::from_json(&std::fs::read(&path).unwrap()).unwrap(), path)
    };
    let (dataset, path) = json("dataset.json");
    let dataset = Dataset::read(&path, &dataset).unwrap();
    let (plans, path) = json("plans.json");
    let (channels, heads) = (dataset.channels.len(), dataset.heads());
    let planned = Configuration::read(&path, &plans, configuration, channels, heads).unwrap();
    (dataset, planned)
}

fn plans(name: &str, channels: usize) -> Plans {
    let path = folder(name).join("plans.json");
    let json = Plain::from_json(&std::fs::read(&path).unwrap()).unwrap();
    Plans::read(&path, &json, channels).unwrap()
}

/// The share of voxels with the same label as (sums in single precision, the predictor's own).
fn agreement(name: &str, labels: &[u16]) -> (f64, f64) {
    let stored = unpacked(&folder(name).join("labels.gz"));
    let (first, difference) = stored.split_at(stored.len() / 2);
    assert_eq!(first.len(), labels.len());
    let (mut single, mut half) = (0, 0);
    for ((&label, &first), &difference) in labels.iter().zip(first).zip(difference) {
        single += usize::from(label == u16::from(first));
        half += usize::from(label == u16::from(first ^ difference));
    }
    let share = |count: usize| count as f64 / labels.len() as f64;
    (share(single), share(half))
}

fn agrees(name: &str) {
    let expected = fixture(&format!("nnunet/{name}/expected.json"));
    let Some(images) = case(&expected) else { return };
    let root = testkit::temp_dir(&format!("nnunet-{name}"));
    let configuration = expected["configuration"].as_str().unwrap();
    let cascaded = name == "cascade";
    if cascaded {
        write_model(root.path(), name, "3d_lowres", &expected, false);
    }
    write_model(root.path(), name, configuration, &expected, cascaded);
    let options = Options { mirror: !expected["mirror"].is_null(), ..Options::default() };
    let mut model = Model::open(root.path(), &pool(), &options).unwrap();
    assert_eq!(model.stages(), if cascaded { 2 } else { 1 });
    let need = model.need(images.shape, images.spacing).unwrap();

    let (mut runs, mut last) = (0, None);
    let mut hear = |progress| {
        runs += 1;
        last = Some(progress);
    };
    let segmentation = model.predict(images.clone(), &mut hear).unwrap();
    assert!(runs <= need.runs, "{runs} runs, {} foreseen", need.runs);
    assert!(last.is_some_and(|last: Progress| last.done == last.total));
    let (single, half) = agreement(name, &segmentation.labels);

    if !cascaded {
        let (dataset, planned) = settings(name, configuration);
        let plans = plans(name, dataset.channels.len());
        let prepared = prepare(&pool(), &plans, &planned, &dataset, images.clone(), None).unwrap();
        let samples = &expected["tensors"]["prepared"];
        let mut shape = vec![prepared.channels.len()];
        shape.extend(prepared.shape);
        let difference = relative_error(&prepared.channels.concat(), &shape, samples);
        let logits = model.logits(&prepared.channels, prepared.shape).unwrap();
        shape[0] = logits.len() / prepared.channels[0].len();
        let error = relative_error(&logits, &shape, &expected["tensors"]["logits"]);
        println!("{name}: prepared {difference:.1e}, logits {error:.1e}");
        assert!(difference < 1e-4, "{name}: prepared {difference:.1e}");
        assert!(error < 1e-3, "{name}: logits {error:.1e}");
    }
    // The same as volumes, along other axes: prepared apart or not.
    let [planes, rows, columns] = images.shape;
    let affine = Affine::scaling([2, 1, 0].map(|axis| images.spacing[axis]));
    let grid = Grid { size: [columns, rows, planes], affine };
    let volumes = images.channels.iter().map(|channel| {
        let volume = Volume::new(grid, Voxels::F32(channel.clone())).unwrap();
        volume.reoriented(Orientation::LPS)
    });
    let volumes: Vec<Volume> = volumes.collect();
    let volumes: Vec<&Volume> = volumes.iter().collect();
    let case =
        VolumeCase { volumes: &volumes, facts: &crate::common::facts("case"), prepared: None };
    let answer = model.read(&case, &mut |_, _| {}).unwrap();
    crate::common::same_when_prepared(&mut model, case, &answer);
    println!("{name}: same labels {single:.5}, as summed in half precision {half:.5}");
    assert!(single >= 0.9995 && half >= 0.999, "{name}: {single} {half}");
    let counts = integers(&expected["counts"]);
    assert!(counts.iter().filter(|count| **count > 1000).count() > 1, "one label only");
}

#[test]
fn a_model_of_slices_gives_the_reference_s_labels() {
    agrees("2d");
}

#[test]
fn two_folds_of_older_plans_with_mirroring_and_turned_axes_give_the_reference_s_labels() {
    agrees("3d_fullres");
}

#[test]
fn a_residual_encoder_on_two_channels_gives_the_reference_s_labels() {
    agrees("residual");
}

#[test]
fn a_cascade_gives_the_reference_s_labels() {
    agrees("cascade");
}

#[test]
fn more_classes_than_features_give_the_reference_s_labels() {
    agrees("many");
}

#[test]
fn regions_on_thick_slices_give_the_reference_s_labels() {
    agrees("regions");
}

#[test]
fn every_network_family_gives_what_the_reference_gives() {
    for name in [
        "plain-2d",
        "plain-3d",
        "residual-3d",
        "anisotropic-3d",
        "residual-unet-2d",
        "activation-first-2d",
    ] {
        let expected = fixture(&format!("networks/nnunet-{name}.json"));
        let shape = integers(&expected["input"]);
        let rank = shape.len() - 2;
        // The architecture through the reader of plans.
        let block = Plain::from_json(expected["architecture"].to_string().as_bytes()).unwrap();
        let plain = |json: &str| Plain::from_json(json.as_bytes()).unwrap();
        let row = |key: &str, value: Plain| (key.to_owned(), value);
        let configuration = Plain::Table(vec![
            row("patch_size", plain(&format!("{:?}", &shape[2..]))),
            row("spacing", plain(&format!("{:?}", vec![1.0; rank]))),
            row("normalization_schemes", plain("[]")),
            row("use_mask_for_norm", plain("[]")),
            row("architecture", block),
        ]);
        let plans =
            Plain::Table(vec![row("configurations", Plain::Table(vec![row("c", configuration)]))]);
        let classes = expected["classes"].as_u64().unwrap() as usize;
        let planned =
            Configuration::read(Path::new("plans.json"), &plans, "c", 0, classes).unwrap();

        let scope = Scope::recording();
        let mut b = Builder::new();
        let image = b.input("image", &shape);
        let logits = planned.architecture.logits(&mut b, &scope, image).unwrap();
        let mut asked: Vec<String> = scope.asked().into_iter().map(|(name, _)| name).collect();
        asked.sort();
        // Heads of deep supervision are the only names that inference leaves.
        let heads = format!("decoder.seg_layers.{}.", asked_heads(&asked));
        let published: Vec<String> = expected["names"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .filter(|name| !name.starts_with("decoder.seg_layers.") || name.starts_with(&heads))
            .filter(|name| !name.ends_with("num_batches_tracked"))
            .collect();
        assert_eq!(asked, published, "{name}");

        let options = engine::cpu::Options::new(pool());
        let graph = b.finish(&[("logits", logits)]);
        let mut network = engine::cpu::Network::compile(graph, &options).unwrap();
        let count = shape.iter().product();
        let x = Tensor::new(&shape, synth::noise(&format!("nnunet-{name}"), count)).unwrap();
        let out = network.run(&[&x]).unwrap();
        let samples = &expected["tensors"]["logits"];
        let error = relative_error(out[0].data(), out[0].shape(), samples);
        println!("{name}: {error:.1e}");
        assert!(error < 1e-4, "{name}: relative error {error:.1e}");
        assert!(floats(&samples["value"]).iter().any(|value| value.abs() > 0.1));
    }
}

fn asked_heads(asked: &[String]) -> String {
    let head = asked.iter().find_map(|name| name.strip_prefix("decoder.seg_layers.")).unwrap();
    head.split('.').next().unwrap().to_owned()
}

/// The zip that nnU-Net's own export made, with checkpoints by `torch.save`.
#[test]
fn an_exported_zip_is_a_model() {
    let trained = Trained::open(&folder("export.zip"), None, None).unwrap();
    assert_eq!(trained.configuration.name, "2d");
    assert_eq!(trained.mirror, [0, 1]);
    assert_eq!(trained.trainer.as_deref(), Some("nnUNetTrainer"));
    let folds: Vec<&str> = trained.folds.iter().map(|fold| fold.name.as_str()).collect();
    assert_eq!(folds, ["0", "1"]);
    assert_eq!(trained.postprocessing, Postprocessing(vec![Step::KeepLargest(vec![1])]));

    let mut model = Model::open(&folder("export.zip"), &pool(), &Options::default()).unwrap();
    let values = synth::noise("case", 3 * 20 * 30);
    let images = Images { shape: [3, 20, 30], spacing: [2.0, 1.0, 1.0], channels: vec![values] };
    let first = model.predict(images.clone(), &mut |_| {}).unwrap();
    assert!(first.labels.iter().all(|label| *label <= 1));
    assert_eq!(first.structures[0].name, "thing");
    let voxels = first.labels.iter().filter(|label| **label == 1).count();
    assert_eq!(first.structures[0].voxels, voxels as u64);
    assert!((first.structures[0].volume_ml - voxels as f64 * 0.002).abs() < 1e-9);
    // The same again: nothing is left over from the first case.
    assert_eq!(model.predict(images, &mut |_| {}).unwrap(), first);
}

/// A model of version 1: pickled plans, its own names, probabilities averaged instead of logits.
#[test]
fn a_model_of_version_one_gives_its_reference_s_labels() {
    let expected = fixture("nnunet/v1/expected.json");
    let Some(images) = case(&expected) else { return };
    let root = testkit::temp_dir("nnunet-v1");
    let fold = root.join("fold_0");
    std::fs::create_dir_all(&fold).unwrap();
    std::fs::copy(folder("v1").join("plans.pkl"), root.join("plans.pkl")).unwrap();
    let beside = "model_final_checkpoint.model.pkl";
    std::fs::copy(folder("v1").join(beside), fold.join(beside)).unwrap();
    let head = expected["head"].as_f64().unwrap() as f32;
    let scope = Scope::recording_with(move |name, shape| {
        let mut values = synth::fill(name, shape);
        let scale = if name.starts_with("seg_outputs.") { head } else { 1.0 };
        values.iter_mut().for_each(|value| *value *= scale);
        values
    });
    // Which tensors: a first look at the plans, with a checkpoint of nothing.
    let file = fold.join("model_final_checkpoint.model");
    let one = [("none".to_owned(), Tensor::zeros(&[1]))];
    write_pytorch_beside(&file, "state_dict", &one, &[]).unwrap();
    let trained = Trained::open(root.path(), None, None).unwrap();
    assert_eq!(trained.trainer.as_deref(), Some("nnUNetTrainerV2"));
    assert_eq!(trained.dataset.channels, ["MRI", "CT"]);
    let mut b = Builder::new();
    let mut shape = vec![1, 2];
    shape.extend(&trained.configuration.patch);
    let image = b.input("image", &shape);
    trained.configuration.architecture.logits(&mut b, &scope, image).unwrap();
    write_pytorch_beside(&file, "state_dict", &scope.recorded(), &[]).unwrap();

    let mut model = Model::open(root.path(), &pool(), &Options::default()).unwrap();
    let segmentation = model.predict(images.clone(), &mut |_| {}).unwrap();
    let (same, _) = agreement("v1", &segmentation.labels);
    let Trained { plans, configuration, dataset, .. } = &trained;
    let prepared = prepare(&pool(), plans, configuration, dataset, images, None).unwrap();
    let mut shape = vec![prepared.channels.len()];
    shape.extend(prepared.shape);
    let samples = &expected["tensors"]["prepared"];
    let difference = relative_error(&prepared.channels.concat(), &shape, samples);
    let probabilities = model.logits(&prepared.channels, prepared.shape).unwrap();
    shape[0] = 3;
    let samples = &expected["tensors"]["probabilities"];
    let error = relative_error(&probabilities, &shape, samples);
    println!("v1: prepared {difference:.1e}, probabilities {error:.1e}, same labels {same:.5}");
    assert!(difference < 1e-4 && error < 1e-3 && same >= 0.999);
    assert!(segmentation.notes.iter().any(|note| note.code == "nnunet-version-one"));
}

/// A folder with one file changed, and what opening it says.
fn opened_with(file: &str, change: impl Fn(&str) -> String) -> String {
    let root = testkit::temp_dir("nnunet-bad");
    let expected = fixture("nnunet/2d/expected.json");
    write_model(root.path(), "2d", "2d", &expected, false);
    let path = root.join("nnUNetTrainer__nnUNetPlans__2d").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(&text)).unwrap();
    match Model::open(root.path(), &pool(), &Options::default()) {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_wrong_with_a_model_is_said_with_file_and_entry() {
    type Case = (&'static str, &'static str, &'static str, &'static str);
    let cases: [Case; 13] = [
        ("plans.json", "\"kernel_sizes\":[[3,3]", "\"kernel_sizes\":[[2,2]", "do not fit together"),
        ("plans.json", "\"patch_size\":[64,56]", "\"patch_size\":[64]", "patch_size"),
        ("plans.json", "\"patch_size\":[64,56]", "\"patch_size\":[64,57]", "multiples of [8, 8]"),
        ("plans.json", "\"spacing\":[2.5,2.75]", "\"spacing\":[2.5,-1]", "spacing[1]"),
        ("plans.json", "ZScoreNormalization", "MyNormalization", "normalization_schemes[0]"),
        ("plans.json", "\"n_stages\":4", "\"n_stages\":400000", "n_stages"),
        ("plans.json", "\"n_stages\":4", "\"n_stages\":5", "features_per_stage"),
        ("plans.json", "PlainConvUNet", "Primus", "network_class_name"),
        ("plans.json", "[8,16,24,24]", "[8,16,24,60000]", "do not fit"),
        ("plans.json", "\"transpose_forward\":[0,1,2]", "\"transpose_forward\":[0,1,1]", "0, 1, 2"),
        ("dataset.json", "\"spleen\":2", "\"spleen\":-2", "labels.spleen"),
        ("dataset.json", "\"spleen\":2", "\"spleen\":[1,2]", "regions_class_order"),
        ("dataset.json", "{", "{{", "dataset.json"),
    ];
    for (file, from, to, said) in cases {
        let message = opened_with(file, |text| {
            let changed = text.replacen(&from.replace(',', ", "), &to.replace(',', ", "), 1);
            let changed = if changed == text { text.replacen(from, to, 1) } else { changed };
            assert_ne!(changed, text, "{from}");
            changed
        });
        println!("{message}");
        assert!(message.contains(said), "{to}: {message}");
    }
}

#[test]
fn a_case_that_does_not_fit_is_refused_with_the_reason() {
    let path = folder("export.zip");
    let mut model = Model::open(&path, &pool(), &Options::default()).unwrap();
    let images = |spacing: [f64; 3], channels: usize, values: usize| Images {
        shape: [3, 20, 30],
        spacing,
        channels: vec![vec![1.0; values]; channels],
    };
    let mut said = |images: Images| model.predict(images, &mut |_| {}).unwrap_err().to_string();
    assert!(said(images([1.0; 3], 2, 1800)).contains("takes 1 image(s) (MRI), 2 given"));
    assert!(said(images([1.0; 3], 1, 1799)).contains("different sizes"));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(said(images([1.0, bad, 1.0], 1, 1800)).contains("positive"));
    }
    assert!(said(images([1.0, 1e9, 1e9], 1, 1800)).contains("voxels"));
    let limited = Options { memory_limit: Some(1000), ..Options::default() };
    let mut model = Model::open(&path, &pool(), &limited).unwrap();
    let error = model.predict(images([1.0; 3], 1, 1800), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
    // What is no number is read as 0, and said.
    let mut odd = images([1.0; 3], 1, 1800);
    odd.channels[0][7] = f32::NAN;
    let mut model = Model::open(&path, &pool(), &Options::default()).unwrap();
    let segmentation = model.predict(odd, &mut |_| {}).unwrap();
    assert!(segmentation.notes.iter().any(|note| note.code == "voxels-not-numbers"));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let values = synth::noise("threads", 5 * 33 * 47);
    let images = Images { shape: [5, 33, 47], spacing: [2.0, 0.7, 0.9], channels: vec![values] };
    let of = |threads: usize| {
        let pool = engine::cpu::Pool::new(threads);
        let options = Options { mirror: true, ..Options::default() };
        let mut model = Model::open(&folder("export.zip"), &pool, &options).unwrap();
        model.predict(images.clone(), &mut |_| {}).unwrap()
    };
    assert_eq!(of(1), of(3));
}

/// A model whose plans name the reader that turns images to RAS+ answers alike however the image
/// is turned, and its label map lies on the image's own grid.
#[test]
fn a_model_of_turned_images_answers_on_the_grid_of_the_image() {
    let root = testkit::temp_dir("nnunet-turned");
    let expected = fixture("nnunet/2d/expected.json");
    write_model(root.path(), "2d", "2d", &expected, false);
    let path = root.join("nnUNetTrainer__nnUNetPlans__2d/plans.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let turned = text.replace("SimpleITKIO", "NibabelIOWithReorient");
    assert_ne!(turned, text);
    std::fs::write(&path, turned).unwrap();
    let mut model = Model::open(root.path(), &pool(), &Options::default()).unwrap();

    let grid = Grid { size: [24, 20, 3], affine: Affine::scaling([2.0, 2.5, 4.0]) };
    let values = synth::noise("turned", 24 * 20 * 3);
    let straight = Volume::new(grid, Voxels::F32(values)).unwrap();
    let (first, map) = model.predict_volumes(&[&straight], &mut |_| {}).unwrap();
    assert!(map.grid().is_same(straight.grid(), 1e-9));
    let lain = straight.reoriented(Orientation::parse("ALS").unwrap());
    let (second, other) = model.predict_volumes(&[&lain], &mut |_| {}).unwrap();
    assert!(other.grid().is_same(lain.grid(), 1e-9));
    assert_eq!(other.reoriented(straight.orientation()).voxels(), map.voxels());
    assert_eq!(first.structures, second.structures);
    assert_eq!(second.labels.len(), 24 * 20 * 3);
}
