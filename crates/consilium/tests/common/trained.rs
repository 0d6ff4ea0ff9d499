//! A trained nnU-Net model with made-up weights, and a volume for it.

use base::{Affine, Grid, Volume, Voxels};
use engine::graph::Builder;
use engine::weights::{Plain, Scope, write_pytorch_beside};
use imaging::volumes::nifti::{self, Level};
use std::fs;
use std::path::Path;
use zoo::nnunet::{Configuration, Dataset};

/// Plans of a small network.
const PLANS: &str = r#"{
 "dataset_name": "Dataset001_Test", "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
 "original_median_spacing_after_transp": [2.0, 1.5, 1.5], "original_median_shape_after_transp": [20, 24, 24],
 "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
 "configurations": {"3d_fullres": {
  "data_identifier": "nnUNetPlans", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
  "patch_size": [8, 16, 16], "median_image_size_in_voxels": [20, 24, 24], "spacing": [2.0, 2.0, 2.0],
  "normalization_schemes": ["ZScoreNormalization"], "use_mask_for_norm": [false],
  "resampling_fn_data": "resample_data_or_seg_to_shape", "resampling_fn_seg": "resample_data_or_seg_to_shape",
  "resampling_fn_data_kwargs": {"is_seg": false, "order": 3, "order_z": 0, "force_separate_z": null},
  "resampling_fn_seg_kwargs": {"is_seg": true, "order": 1, "order_z": 0, "force_separate_z": null},
  "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
  "resampling_fn_probabilities_kwargs": {"is_seg": false, "order": 1, "order_z": 0, "force_separate_z": null},
  "batch_dice": false, "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 4, "unet_max_num_features": 8,
  "n_conv_per_stage_encoder": [1, 1], "n_conv_per_stage_decoder": [1], "num_pool_per_axis": [1, 1, 1],
  "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2]], "conv_kernel_sizes": [[3, 3, 3], [3, 3, 3]]}},
 "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
 "foreground_intensity_properties_per_channel": {"0": {"max": 1000.0, "mean": 1.0, "median": 1.0, "min": -1000.0,
  "percentile_00_5": -900.0, "percentile_99_5": 900.0, "std": 100.0}}
}"#;
const DATASET: &str = r#"{"channel_names": {"0": "T1"}, "numTraining": 1, "file_ending": ".nii.gz",
 "labels": {"background": 0, "left part": 1, "right part": 2}}"#;

/// A trained model as nnU-Net leaves it, with made-up weights: of one channel `T1`.
pub fn model(root: &Path) {
    model_of(root, "T1", "left part", "right part");
}

/// The same with names of the channel (or of several, with `+` between them) and of both structures.
pub fn model_of(root: &Path, channel: &str, one: &str, two: &str) {
    let names: Vec<String> =
        (0..).zip(channel.split('+')).map(|(n, c)| format!("\"{n}\": \"{c}\"")).collect();
    let dataset = DATASET
        .replace("\"0\": \"T1\"", &names.join(", "))
        .replace("left part", one)
        .replace("right part", two);
    let channels = names.len();
    let each = |entry: &str| vec![entry; channels].join(", ");
    let (start, facts) = PLANS.split_once("\"0\": {\"max\"").unwrap();
    let facts = facts.split_once('}').unwrap().0;
    let facts: Vec<String> =
        (0..channels).map(|n| format!("\"{n}\": {{\"max\"{facts}}}")).collect();
    let plans = start
        .replace("[\"ZScoreNormalization\"]", &format!("[{}]", each("\"ZScoreNormalization\"")))
        .replace(
            "\"use_mask_for_norm\": [false]",
            &format!("\"use_mask_for_norm\": [{}]", each("false")),
        );
    let plans = format!("{plans}{}}}}}", facts.join(", "));
    let target = root.join("nnUNetTrainer__nnUNetPlans__3d_fullres");
    fs::create_dir_all(target.join("fold_0")).unwrap();
    fs::write(target.join("plans.json"), &plans).unwrap();
    fs::write(target.join("dataset.json"), &dataset).unwrap();
    let json = |text: &str| Plain::from_json(text.as_bytes()).unwrap();
    let dataset = Dataset::read(Path::new("dataset.json"), &json(&dataset)).unwrap();
    let planned = Configuration::read(
        Path::new("plans.json"),
        &json(&plans),
        "3d_fullres",
        channels,
        dataset.heads(),
    )
    .unwrap();
    let scope = Scope::recording();
    let mut b = Builder::new();
    let image = b.input("image", &[1, channels, 8, 16, 16]);
    planned.architecture.logits(&mut b, &scope, image).unwrap();
    let text = |text: &str| Plain::Text(text.to_owned());
    let beside = [
        ("current_epoch".to_owned(), Plain::Int(1000)),
        (
            "init_args".to_owned(),
            Plain::Table(vec![("configuration".to_owned(), text("3d_fullres"))]),
        ),
        ("trainer_name".to_owned(), text("nnUNetTrainer")),
        ("inference_allowed_mirroring_axes".to_owned(), Plain::None),
    ];
    let file = target.join("fold_0/checkpoint_final.pth");
    write_pytorch_beside(&file, "network_weights", &scope.recorded(), &beside).unwrap();
}

/// A volume with axes that are neither RAS nor in order.
pub fn volume(path: &Path, seed: usize) {
    let size = [18, 22, 14];
    let affine =
        Affine::from_lps([[0.0, 0.0, 2.5, -10.0], [1.5, 0.0, 0.0, 20.0], [0.0, -1.25, 0.0, 30.0]]);
    let values = (0..size.iter().product()).map(|i: usize| {
        let (x, y, z) = (i % 18, i / 18 % 22, i / (18 * 22));
        (x * 31 + y * 17 + z * 13 + (i * (7919 + seed)) % 97) as i16
    });
    let volume = Volume::new(Grid { size, affine }, Voxels::I16(values.collect())).unwrap();
    nifti::write(path, &volume, None, Level::Fast, &kernels::Pool::new(1)).unwrap();
}
