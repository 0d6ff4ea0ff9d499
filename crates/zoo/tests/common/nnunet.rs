//! Made-up nnU-Net models, small enough to be run in a test.

use engine::graph::Builder;
use engine::weights::{Plain, Scope, synth, write_pytorch_beside};
use serde_json::{Value, json};
use std::path::Path;
use zoo::nnunet::{Configuration, Dataset};

/// Where a system's made-up model lies below its folder.
pub const INSIDE: &str = "nnUNetTrainer__nnUNetPlans__3d_fullres";

/// A model of the configuration `3d_fullres` with one fold.
pub struct Small<'a> {
    pub dataset: &'a Value,
    pub plans: &'a Value,
    /// `0`, `all`.
    pub fold: &'a str,
    /// What weights of heads are multiplied by.
    pub head: f32,
    /// Axes of the network along which it was trained with mirrored images.
    pub mirror: &'a [usize],
}

impl Small<'_> {
    /// Writes it below `root`, every tensor filled by its name.
    pub fn write(&self, root: &Path) {
        let to = root.join(INSIDE);
        let place = to.join(format!("fold_{}", self.fold));
        std::fs::create_dir_all(&place).unwrap();
        let [dataset, plans] =
            [("dataset.json", self.dataset), ("plans.json", self.plans)].map(|(name, json)| {
                let text = json.to_string();
                std::fs::write(to.join(name), &text).unwrap();
                Plain::from_json(text.as_bytes()).unwrap()
            });
        let file = Path::new("plans.json");
        let dataset = Dataset::read(file, &dataset).unwrap();
        let (channels, heads) = (dataset.channels.len(), dataset.heads());
        let planned = Configuration::read(file, &plans, "3d_fullres", channels, heads).unwrap();
        let head = self.head;
        let scope = Scope::recording_with(move |name, shape| {
            let mut values = synth::fill_as(name, name, shape);
            if name.starts_with("decoder.seg_layers.") && name.ends_with("weight") {
                values.iter_mut().for_each(|value| *value *= head);
            }
            values
        });
        let mut b = Builder::new();
        let mut shape = vec![1, channels];
        shape.extend(&planned.patch);
        let image = b.input("image", &shape);
        planned.architecture.logits(&mut b, &scope, image).unwrap();
        let text = |text: &str| Plain::Text(text.to_owned());
        let settings = vec![("configuration".to_owned(), text("3d_fullres"))];
        let mirror = self.mirror.iter().map(|axis| Plain::Int(*axis as i64)).collect();
        let beside = [
            ("init_args".to_owned(), Plain::Table(settings)),
            ("trainer_name".to_owned(), text("nnUNetTrainer")),
            ("inference_allowed_mirroring_axes".to_owned(), Plain::List(mirror)),
        ];
        let file = place.join("checkpoint_final.pth");
        write_pytorch_beside(&file, "network_weights", &scope.recorded(), &beside).unwrap();
    }
}

/// Writes below `to` the model that lies below `from` with three stages of few features and tiles of 32 voxels.
pub fn shrink(from: &Path, to: &Path) {
    let from = from.join(INSIDE);
    let dataset = json_file(&from.join("dataset.json"));
    let mut plans = json_file(&from.join("plans.json"));
    let small = &mut plans["configurations"]["3d_fullres"];
    small["patch_size"] = json!([32, 32, 32]);
    small["UNet_base_num_features"] = json!(4);
    for key in ["pool_op_kernel_sizes", "conv_kernel_sizes"] {
        small[key] = json!(small[key].as_array().unwrap()[..3]);
    }
    small["n_conv_per_stage_encoder"] = json!([1, 1, 1]);
    small["n_conv_per_stage_decoder"] = json!([1, 1]);
    Small { dataset: &dataset, plans: &plans, fold: "0", head: 1.0, mirror: &[] }.write(to);
}

/// A file of settings.
pub fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
