//! Models of nnU-Net 1: `plans.pkl`, `fold_0/model_final_checkpoint.model` and its `.pkl`.
//!
//! Reference: nnunet 1.7 (`training/network_training/nnUNetTrainerV2.py`,
//! `preprocessing/preprocessing.py`, `network_architecture/neural_network.py`). It resamples before
//! it normalises, sets what lies outside the mask to zero, and averages probabilities, not logits.
//! Trainers that train regions or the second stage of a cascade are named and refused.

use super::architecture::{Architecture, MOST_STAGES};
use super::dataset::{Dataset, Label};
use super::fields::Field;
use super::folder::{Trained, folds, inside};
use super::plans::{Configuration, Plans, Resampling, Scheme, axes, statistics};
use super::postprocess::Postprocessing;
use super::source::Source;
use crate::arch::unet_v1::GenericUNet;
use base::Result;
use base::words::nnunet as words;
use engine::weights::Plain;
use std::rc::Rc;

/// Checkpoints of a fold, the best one first.
const CHECKPOINTS: [&str; 2] = ["model_final_checkpoint.model", "model_best.model"];
/// Most channels of a stage: `MAX_NUM_FILTERS_3D` and `MAX_FILTERS_2D` there.
const MOST_FEATURES: [usize; 2] = [480, 320];
/// Place of the stage among the arguments of a trainer.
const STAGE_ARGUMENT: usize = 5;

/// Opens the model in `folder`.
pub(super) fn open(
    source: Rc<Source>,
    folder: String,
    wanted: Option<&[String]>,
) -> Result<Trained> {
    let found = folds(&source, &folder, &CHECKPOINTS, wanted)?;
    let file = inside(&folder, "plans.pkl");
    let (path, pickle) = (source.full(&file), source.pickle(&file)?);
    let root = Field::root(&path, &pickle);
    let beside = format!("{}.pkl", found[0].file);
    let trainer = match source.has(&beside) {
        true => source.pickle(&beside)?,
        false => Plain::None,
    };
    let name = trainer.get("name").and_then(Plain::text);
    if let Some(name) = name.filter(|name| name.contains("Cascade") || name.contains("Regions")) {
        let path = source.full(&beside);
        return Err(Field::root(&path, &trainer).need("name")?.not_built(name));
    }

    let dataset = dataset(&source, &folder, &root)?;
    let (plans, configuration) = settings(&root, &dataset, stage(&trainer))?;
    let file = inside(&folder, "postprocessing.json");
    let postprocessing = match source.has(&file) {
        true => Postprocessing::from_json(&source.full(&file), &source.json(&file)?)?,
        false => Postprocessing::default(),
    };
    // Every other trainer mirrors along all axes.
    let mirrors = !name.is_some_and(|name| name.to_ascii_lowercase().contains("nomirror"));
    let name = name.map(str::to_owned);
    Ok(Trained::of(source, folder, plans, dataset, configuration, found, postprocessing)
        .trained_by(name, mirrors))
}

/// The stage that a trainer was made for.
fn stage(trainer: &Plain) -> Option<usize> {
    trainer.get("init").and_then(Plain::items).and_then(|init| init.get(STAGE_ARGUMENT)?.size())
}

fn settings(
    root: &Field<'_>,
    dataset: &Dataset,
    stage: Option<usize>,
) -> Result<(Plans, Configuration)> {
    let channels = dataset.channels.len();
    let per_stage = root.need("plans_per_stage")?;
    // The last stage is full resolution.
    let last = per_stage.rows()?.len().saturating_sub(1);
    let stage = per_stage.need(&stage.unwrap_or(last).to_string())?;
    let patch = stage.need("patch_size")?;
    let rank = patch.list()?.len();
    if !(2..=3).contains(&rank) {
        return Err(patch.wrong(&words::list_of(3)));
    }
    let spacing = stage.need("current_spacing")?.list_of(3)?;
    let spacing: Vec<f64> = spacing.iter().map(Field::positive).collect::<Result<_>>()?;
    let pooling = stage.need("pool_op_kernel_sizes")?;
    let stages = pooling.list()?.len();
    if !(1..MOST_STAGES).contains(&stages) {
        return Err(pooling.wrong(&words::at_most(MOST_STAGES - 1)));
    }
    let named = root.need("normalization_schemes")?;
    let masks = root.need("use_mask_for_norm")?;
    let measured = root.get("dataset_properties").and_then(|p| p.get("intensityproperties"));
    let (mut schemes, mut masked, mut measures) = (Vec::new(), Vec::new(), Vec::new());
    for channel in (0..channels).map(|channel| channel.to_string()) {
        let scheme = named.need(&channel)?;
        schemes.push(match scheme.text()? {
            "CT" => Scheme::Ct,
            "CT2" => return Err(scheme.not_built("CT2")),
            "noNorm" => Scheme::None,
            _ => Scheme::ZScore,
        });
        masked.push(masks.need(&channel)?.flag()?);
        let measure = measured.as_ref().and_then(|m| m.get(&channel));
        measures.push(measure.map(|field| statistics(&field)).transpose()?);
    }
    let convs = root.get("conv_per_stage").map_or(Ok(2), |field| field.count())?;
    let forward = root.get("transpose_forward").map_or(Ok([0, 1, 2]), |field| axes(&field))?;
    let configuration = Configuration {
        name: if rank == 2 { "2d" } else { "3d_fullres" }.to_owned(),
        spacing: spacing[3 - rank..].to_vec(),
        patch: patch.counts(rank)?,
        schemes,
        masked,
        data: Resampling::splines(3),
        segmentation: Resampling::splines(1),
        probabilities: Resampling::splines(1),
        architecture: Architecture::Generic(GenericUNet {
            base_features: root.need("base_num_features")?.count()?,
            most_features: MOST_FEATURES[rank - 2],
            convs,
            strides: pooling.extents(stages, rank)?,
            kernels: stage.need("conv_kernel_sizes")?.extents(stages + 1, rank)?,
            classes: dataset.heads(),
        }),
        previous: None,
    };
    let plans = Plans { forward, statistics: measures, reader: None, version_one: true };
    Ok((plans, configuration))
}

/// `dataset.json` where there is one; else what the plans say, structures by their numbers.
fn dataset(source: &Source, folder: &str, root: &Field<'_>) -> Result<Dataset> {
    let file = inside(folder, "dataset.json");
    if source.has(&file) {
        return Dataset::read(&source.full(&file), &source.json(&file)?);
    }
    let modalities = root.need("modalities")?;
    let mut channels = Vec::new();
    for channel in 0..modalities.rows()?.len() {
        channels.push(modalities.need(&channel.to_string())?.text()?.to_owned());
    }
    let classes = root.need("num_classes")?.count()? as u16;
    let labels = (1..=classes).map(|value| Label { name: value.to_string(), values: vec![value] });
    Ok(Dataset {
        channels,
        labels: labels.collect(),
        regions: None,
        all: (0..=classes).collect(),
        file_ending: ".nii.gz".to_owned(),
    })
}
