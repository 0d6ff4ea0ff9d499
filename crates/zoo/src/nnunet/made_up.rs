//! A model folder with made-up weights, of the network that nnU-Net plans for most volumes: for timing
//! systems whose own plans come with their weights.

use super::dataset::Dataset;
use super::plans::Configuration;
use crate::error::translate;
use base::words::nnunet as words;
use base::{Error, Kind, Result};
use engine::graph::Builder;
use engine::weights::{Plain, Scope, write_pytorch_beside};
use std::fmt::Display;
use std::path::Path;

/// Extent of a tile: what nnU-Net plans for isotropic volumes on a GPU of 8 GB.
const TILE: usize = 128;

/// What the model reads and gives.
pub struct MadeUp<'a> {
    /// `3d_fullres`, …
    pub configuration: &'a str,
    /// Its fold: `0`, `all`.
    pub fold: &'a str,
    /// Names of its images.
    pub channels: &'a [&'a str],
    /// Spacing of the network's grid.
    pub spacing_mm: f64,
    /// What it tells apart.
    pub labels: Labels<'a>,
}

/// What a made-up model tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels<'a> {
    /// So many structures without a name.
    Count(usize),
    /// These entries of `dataset.json`: labels, and the order of regions.
    Text(&'a str),
}

impl MadeUp<'_> {
    /// Writes the model's folder below `root`.
    pub fn write(&self, root: &Path) -> Result<()> {
        let failed = |error: &dyn Display| {
            Error::new(Kind::Io, words::unreadable(&error.to_string())).at(root)
        };
        let MadeUp { configuration, fold, .. } = self;
        let folder = root.join(format!("nnUNetTrainer__nnUNetPlans__{configuration}"));
        let place = folder.join(format!("fold_{fold}"));
        std::fs::create_dir_all(&place).map_err(|error| failed(&error))?;
        let (plans, dataset) = (self.plans(), self.dataset());
        for (name, text) in [("plans.json", &plans), ("dataset.json", &dataset)] {
            std::fs::write(folder.join(name), text).map_err(|error| failed(&error))?;
        }
        let json = |text: &str| Plain::from_json(text.as_bytes()).map_err(translate);
        let dataset = Dataset::read(Path::new("dataset.json"), &json(&dataset)?)?;
        let path = Path::new("plans.json");
        let heads = dataset.heads();
        let channels = self.channels.len();
        let planned = Configuration::read(path, &json(&plans)?, configuration, channels, heads)?;
        let (scope, mut b) = (Scope::recording(), Builder::new());
        let image = b.input("image", &[1, channels, TILE, TILE, TILE]);
        planned.architecture.logits(&mut b, &scope, image).map_err(translate)?;
        let text = |text: &str| Plain::Text(text.to_owned());
        let settings = vec![("configuration".to_owned(), text(configuration))];
        let beside = [
            ("init_args".to_owned(), Plain::Table(settings)),
            ("trainer_name".to_owned(), text("nnUNetTrainer")),
            ("inference_allowed_mirroring_axes".to_owned(), Plain::None),
        ];
        let file = place.join("checkpoint_final.pth");
        write_pytorch_beside(&file, "network_weights", &scope.recorded(), &beside)
            .map_err(translate)
    }

    fn dataset(&self) -> String {
        let labels = match self.labels {
            Labels::Count(structures) => {
                let labels =
                    (1..=structures).map(|label| format!(", \"structure {label}\": {label}"));
                format!(r#""labels": {{"background": 0{}}}"#, labels.collect::<String>())
            }
            Labels::Text(text) => text.to_owned(),
        };
        let channels = self.channels.iter().enumerate();
        let channels = channels.map(|(number, name)| format!("\"{number}\": \"{name}\""));
        let channels = channels.collect::<Vec<_>>().join(", ");
        format!(
            r#"{{"channel_names": {{{channels}}}, {labels}, "numTraining": 1, "file_ending": ".nii.gz"}}"#
        )
    }

    fn plans(&self) -> String {
        let MadeUp { configuration, spacing_mm, .. } = self;
        let scheme = |channel: &&str| match *channel {
            "CT" => "\"CTNormalization\"",
            "noNorm" => "\"NoNormalization\"",
            _ => "\"ZScoreNormalization\"",
        };
        let schemes = self.channels.iter().map(scheme).collect::<Vec<_>>().join(", ");
        let masks = vec!["false"; self.channels.len()].join(", ");
        let facts = r#"{"max": 1000.0, "mean": 0.0, "median": 0.0, "min": -1000.0, "percentile_00_5": -900.0, "percentile_99_5": 900.0, "std": 300.0}"#;
        let facts = (0..self.channels.len()).map(|number| format!("\"{number}\": {facts}"));
        let facts = facts.collect::<Vec<_>>().join(", ");
        let resampling = |name: &str, order: usize, is_seg: bool| {
            format!(
                r#""{name}": "resample_data_or_seg_to_shape", "{name}_kwargs": {{"is_seg": {is_seg}, "order": {order}, "order_z": 0, "force_separate_z": null}}"#
            )
        };
        let (data, seg) =
            (resampling("resampling_fn_data", 3, false), resampling("resampling_fn_seg", 1, true));
        let answer = resampling("resampling_fn_probabilities", 1, false);
        let strides = format!("[[1, 1, 1]{}]", ", [2, 2, 2]".repeat(5));
        let kernels = format!("[[3, 3, 3]{}]", ", [3, 3, 3]".repeat(5));
        format!(
            r#"{{"dataset_name": "Dataset000_MadeUp", "plans_name": "nnUNetPlans",
"transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
"configurations": {{"{configuration}": {{
 "patch_size": [{TILE}, {TILE}, {TILE}], "spacing": [{spacing_mm:?}, {spacing_mm:?}, {spacing_mm:?}],
 "normalization_schemes": [{schemes}], "use_mask_for_norm": [{masks}],
 {data}, {seg}, {answer},
 "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 32, "unet_max_num_features": 320,
 "n_conv_per_stage_encoder": [2, 2, 2, 2, 2, 2], "n_conv_per_stage_decoder": [2, 2, 2, 2, 2],
 "pool_op_kernel_sizes": {strides}, "conv_kernel_sizes": {kernels}}}}},
"foreground_intensity_properties_per_channel": {{{facts}}}}}"#
        )
    }
}
