//! `plans.json`: how a case is prepared, which network reads it, how its answer is resampled
//! (`nnunetv2/utilities/plans_handling/plans_handler.py`), in the format with `architecture` blocks
//! and in the one before it.

use super::architecture::{self, Architecture};
use super::fields::Field;
use base::Result;
use base::words::nnunet as words;
use engine::weights::Plain;
use std::path::Path;

/// How one channel's values are normalised
/// (`nnunetv2/preprocessing/normalization/default_normalization_schemes.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Clipped to the plan's percentiles, then by its mean and standard deviation.
    Ct,
    /// By the image's own mean and standard deviation.
    ZScore,
    /// From the image's smallest value to its largest.
    RescaleTo01,
    /// Divided by 255.
    RgbTo01,
    /// As they are.
    None,
}

/// Statistics of one channel's foreground in the training data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Percentile 0.5.
    pub low: f64,
    /// Percentile 99.5.
    pub high: f64,
}

/// Which function resamples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResamplingFunction {
    /// `resample_data_or_seg_to_shape`: splines as scikit-image and SciPy compute them.
    Splines,
    /// `resample_torch_fornnunet`: PyTorch's linear interpolation.
    Torch,
    /// `no_resampling_hack`.
    Nothing,
}

/// How something is resampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// With what.
    pub function: ResamplingFunction,
    /// Order of the spline; the torch function is linear.
    pub order: usize,
    /// Order along the axis of low resolution where that is treated apart.
    pub order_z: usize,
    /// Whether the axis of low resolution is treated apart; decided by the spacing when `None`.
    pub separate_z: Option<bool>,
    /// From which ratio of spacings on it is treated apart.
    pub threshold: f64,
}

/// nnU-Net's `ANISO_THRESHOLD`.
const ANISOTROPY: f64 = 3.0;

impl Resampling {
    /// The default function with an order in plane.
    pub fn splines(order: usize) -> Resampling {
        let function = ResamplingFunction::Splines;
        Resampling { function, order, order_z: 0, separate_z: None, threshold: ANISOTROPY }
    }
}

/// One configuration, inheritance resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// `2d`, `3d_fullres`, …
    pub name: String,
    /// Target spacing in millimetres, three or (in plane) two.
    pub spacing: Vec<f64>,
    /// Extents of a tile, as many as `spacing`.
    pub patch: Vec<usize>,
    /// By channel.
    pub schemes: Vec<Scheme>,
    /// By channel: statistics of the voxels that are not zero only.
    pub masked: Vec<bool>,
    /// Of images.
    pub data: Resampling,
    /// Of the segmentation of the stage before.
    pub segmentation: Resampling,
    /// Of the network's answer.
    pub probabilities: Resampling,
    /// The network.
    pub architecture: Architecture,
    /// The stage before in a cascade.
    pub previous: Option<String>,
}

/// What is the same for all configurations.
#[derive(Clone, Debug, PartialEq)]
pub struct Plans {
    /// Axis `i` of the prepared case is axis `forward[i]` of the image.
    pub forward: [usize; 3],
    /// By channel; `None` where the plans give none.
    pub statistics: Vec<Option<Statistics>>,
    /// `SimpleITKIO`, …
    pub reader: Option<String>,
    /// Images are resampled before they are normalised, and answers averaged as probabilities:
    /// nnU-Net 1.
    pub version_one: bool,
}

impl Plans {
    /// From the content of `plans.json`, for a model of `channels` images.
    pub fn read(file: &Path, json: &Plain, channels: usize) -> Result<Plans> {
        let root = Field::root(file, json);
        let forward = axes(&root.need("transpose_forward")?)?;
        let statistics = root
            .get("foreground_intensity_properties_per_channel")
            .or_else(|| root.get("foreground_intensity_properties_by_modality"));
        let statistics = (0..channels)
            .map(|channel| match statistics.as_ref().and_then(|s| s.get(&channel.to_string())) {
                Some(field) => self::statistics(&field).map(Some),
                None => Ok(None),
            })
            .collect::<Result<_>>()?;
        let reader = root.get("image_reader_writer").and_then(|field| field.value().text());
        let reader = reader.map(str::to_owned);
        Ok(Plans { forward, statistics, reader, version_one: false })
    }
}

/// Statistics of a channel.
pub(super) fn statistics(field: &Field<'_>) -> Result<Statistics> {
    let number = |key: &str| field.need(key)?.number();
    Ok(Statistics {
        mean: number("mean")?,
        std: number(if field.get("std").is_some() { "std" } else { "sd" })?,
        low: number("percentile_00_5")?,
        high: number("percentile_99_5")?,
    })
}

/// `[0, 1, 2]` in some order; of two-dimensional data `[0, 1]`.
pub(super) fn axes(field: &Field<'_>) -> Result<[usize; 3]> {
    let all: Option<Vec<usize>> = field.list()?.iter().map(|item| item.value().size()).collect();
    let mut sorted = all.clone().unwrap_or_default();
    sorted.sort_unstable();
    match (all.as_deref(), sorted.as_slice()) {
        (Some(&[a, b, c]), [0, 1, 2]) => Ok([a, b, c]),
        (Some(&[a, b]), [0, 1]) => Ok([0, a + 1, b + 1]),
        _ => Err(field.wrong(&words::AXES)),
    }
}

impl Configuration {
    /// The configuration `name` of the content of `plans.json`, for a model of `channels` images
    /// and `heads` output channels.
    pub fn read(
        file: &Path,
        json: &Plain,
        name: &str,
        channels: usize,
        heads: usize,
    ) -> Result<Configuration> {
        let resolved = resolve(file, json, name)?;
        let field = Field::root(file, &resolved);
        let patch = field.need("patch_size")?;
        let rank = patch.list()?.len();
        if !(2..=3).contains(&rank) {
            return Err(patch.wrong(&words::list_of(3)));
        }
        let named = patch;
        let patch = named.counts(rank)?;
        let architecture = architecture::read(&field, rank, heads)?;
        let divisors = architecture.divisors();
        if patch.iter().zip(&divisors).any(|(extent, divisor)| !extent.is_multiple_of(*divisor)) {
            return Err(named.wrong(&words::multiples_of(&format!("{divisors:?}"))));
        }
        let spacing = field.need("spacing")?.list_of(rank)?;
        let spacing = spacing.iter().map(Field::positive).collect::<Result<_>>()?;
        let schemes = field.need("normalization_schemes")?.list_of(channels)?;
        let schemes = schemes.iter().map(scheme).collect::<Result<_>>()?;
        let masked = field.need("use_mask_for_norm")?.list_of(channels)?;
        let masked = masked.iter().map(Field::flag).collect::<Result<_>>()?;
        Ok(Configuration {
            name: name.to_owned(),
            spacing,
            patch,
            schemes,
            masked,
            data: resampling(&field, "resampling_fn_data", 3)?,
            segmentation: resampling(&field, "resampling_fn_seg", 1)?,
            probabilities: resampling(&field, "resampling_fn_probabilities", 1)?,
            architecture,
            previous: field.get("previous_stage").map(|p| p.text()).transpose()?.map(str::to_owned),
        })
    }

    /// Spatial axes of the network.
    pub fn rank(&self) -> usize {
        self.patch.len()
    }
}

/// The configuration with everything it inherits; nearer entries win.
fn resolve(file: &Path, json: &Plain, name: &str) -> Result<Plain> {
    let root = Field::root(file, json);
    let all = root.need("configurations")?;
    let mut merged: Vec<(String, Plain)> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next {
        if seen.contains(&name) {
            return Err(all.fail(words::circular(&name)));
        }
        let there = all.rows()?;
        let Some((_, field)) = there.iter().find(|(key, _)| *key == name) else {
            let names: Vec<&str> = there.iter().map(|(key, _)| *key).collect();
            return Err(all.fail(words::no_configuration(&name, &names.join(", "))));
        };
        for (key, field) in field.rows()? {
            if !merged.iter().any(|(have, _)| have == key) {
                merged.push((key.to_owned(), field.value().clone()));
            }
        }
        next = field.get("inherits_from").map(|f| f.text()).transpose()?.map(str::to_owned);
        seen.push(name);
    }
    Ok(Plain::Table(merged))
}

/// A scheme by the name of its class.
fn scheme(field: &Field<'_>) -> Result<Scheme> {
    Ok(match field.text()? {
        "CTNormalization" => Scheme::Ct,
        "ZScoreNormalization" => Scheme::ZScore,
        "RescaleTo01Normalization" => Scheme::RescaleTo01,
        "RGBTo01Normalization" => Scheme::RgbTo01,
        "NoNormalization" => Scheme::None,
        other => return Err(field.not_built(other)),
    })
}

/// A resampling function by its name and `<name>_kwargs`.
fn resampling(configuration: &Field<'_>, key: &str, order: usize) -> Result<Resampling> {
    let mut made = Resampling::splines(order);
    if let Some(field) = configuration.get(key) {
        made.function = match field.text()? {
            "resample_data_or_seg_to_shape" => ResamplingFunction::Splines,
            "resample_torch_fornnunet" => ResamplingFunction::Torch,
            "no_resampling_hack" => ResamplingFunction::Nothing,
            other => return Err(field.not_built(other)),
        };
    }
    let kwargs = configuration.get(&format!("{key}_kwargs"));
    let entry = |key: &str| kwargs.as_ref().and_then(|kwargs| kwargs.get(key));
    let whole = |field: Field<'_>, least: usize| -> Result<usize> {
        let number = field.value().size().filter(|order| (least..=5).contains(order));
        number.ok_or_else(|| field.wrong(&words::one_of("0, 1, 2, 3, 4, 5")))
    };
    if let Some(field) = entry("order") {
        made.order = whole(field, 0)?;
    }
    if let Some(field) = entry("order_z") {
        made.order_z = whole(field, 0)?;
    }
    if let Some(field) = entry("force_separate_z") {
        made.separate_z = Some(field.flag()?);
    }
    if let Some(field) = entry("separate_z_anisotropy_threshold") {
        made.threshold = field.positive()?;
    }
    if made.function == ResamplingFunction::Torch {
        made.order = 1;
        for (key, usual) in [("mode", "linear"), ("aniso_axis_mode", "nearest-exact")] {
            match entry(key) {
                Some(field) if field.text()? != usual => return Err(field.not_built(field.text()?)),
                _ => {}
            }
        }
    }
    Ok(made)
}
