//! Which network a configuration names: an `architecture` block, or the entries of older plans.

use super::fields::Field;
use crate::arch::unet::{self, Blocks, Norm, UNet};
use crate::arch::unet_v1::{self, GenericUNet};
use base::Result;
use base::words::nnunet as words;
use engine::graph::{Activation, Builder, Value};
use engine::weights::{Plain, Scope};

/// Stages of a network; nnU-Net plans up to 9. An image of 2^16 pixels halved 16 times is one pixel.
pub(super) const MOST_STAGES: usize = 16;

/// A network as planned.
#[derive(Clone, Debug, PartialEq)]
pub enum Architecture {
    /// Of nnU-Net 2.
    UNet(UNet),
    /// Of nnU-Net 1.
    Generic(GenericUNet),
}

impl Architecture {
    /// Logits `[1, heads, (D,) H, W]`.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> engine::Result<Value> {
        match self {
            Architecture::UNet(unet) => unet.logits(b, s, image),
            Architecture::Generic(unet) => unet.logits(b, s, image),
        }
    }

    /// The network where its last layer gives more channels than it reads: see `head.rs`.
    pub(super) fn wide_head(&self) -> Option<&UNet> {
        match self {
            Architecture::UNet(unet) if unet.classes > *unet.features.first()? => Some(unet),
            _ => None,
        }
    }

    /// Names of a checkpoint that inference does not need.
    pub fn left_over(&self) -> &'static [&'static str] {
        match self {
            Architecture::UNet(_) => unet::LEFT_OVER,
            Architecture::Generic(_) => unet_v1::LEFT_OVER,
        }
    }

    /// Values that the weights of the encoder have at least; for refusing plans that have nothing to
    /// do with a checkpoint before anything of their size is made.
    pub fn least_values(&self) -> u64 {
        let products =
            |kernel: &[usize]| kernel.iter().fold(1u64, |n, &k| n.saturating_mul(k as u64));
        match self {
            Architecture::UNet(unet) => (0..unet.features.len())
                .map(|stage| {
                    let inside = match &unet.blocks {
                        Blocks::Bottleneck(inside) => inside[stage],
                        _ => unet.features[stage],
                    } as u64;
                    let repeats = unet.repeats[stage].saturating_sub(1) as u64;
                    let square = inside.saturating_mul(inside).saturating_mul(repeats);
                    square.saturating_mul(products(&unet.kernels[stage]))
                })
                .fold(0, u64::saturating_add),
            Architecture::Generic(unet) => (0..unet.strides.len())
                .map(|stage| {
                    let features = unet.features(stage) as u64;
                    let repeats = unet.convs.saturating_sub(1) as u64;
                    let square = features.saturating_mul(features).saturating_mul(repeats);
                    square.saturating_mul(products(&unet.kernels[stage]))
                })
                .fold(0, u64::saturating_add),
        }
    }

    /// By axis, what the extents of an image must be multiples of.
    pub fn divisors(&self) -> Vec<usize> {
        let strides = match self {
            Architecture::UNet(unet) => &unet.strides,
            Architecture::Generic(unet) => &unet.strides,
        };
        let rank = strides.first().map_or(0, Vec::len);
        (0..rank)
            .map(|axis| strides.iter().fold(1usize, |n, stride| n.saturating_mul(stride[axis])))
            .collect()
    }
}

/// The network of a configuration with `rank` spatial axes and `heads` output channels.
pub(super) fn read(configuration: &Field<'_>, rank: usize, heads: usize) -> Result<Architecture> {
    let unet = match configuration.get("architecture") {
        Some(block) => from_block(&block, rank, heads)?,
        None => from_older_plans(configuration, rank, heads)?,
    };
    Ok(Architecture::UNet(unet))
}

fn from_block(block: &Field<'_>, rank: usize, heads: usize) -> Result<UNet> {
    let class = block.need("network_class_name")?;
    let name = class.text()?.rsplit('.').next().unwrap_or_default();
    let (residual, residual_decoder) = match name {
        "PlainConvUNet" => (false, false),
        "ResidualEncoderUNet" => (true, false),
        "ResidualUNet" => (true, true),
        _ => return Err(class.not_built(class.text()?)),
    };
    let kwargs = block.need("arch_kwargs")?;
    let stages = kwargs.need("n_stages")?.count()?;
    if stages > MOST_STAGES {
        return Err(kwargs.need("n_stages")?.wrong(&words::at_most(MOST_STAGES)));
    }
    let wanted = format!("Conv{rank}d");
    let conv = kwargs.need("conv_op")?;
    if last(conv.text()?) != wanted {
        return Err(conv.wrong(&words::one_of(&wanted)));
    }
    let repeats = if residual { "n_blocks_per_stage" } else { "n_conv_per_stage" };
    let blocks = match (residual, kwargs.get("block")) {
        (false, _) => Blocks::Plain,
        (true, None) => Blocks::Residual,
        (true, Some(block)) => match last(block.text()?) {
            "BasicBlockD" => Blocks::Residual,
            "BottleneckD" => {
                Blocks::Bottleneck(kwargs.need("bottleneck_channels")?.counts(stages)?)
            }
            other => return Err(block.not_built(other)),
        },
    };
    let optional_flag = |key: &str| kwargs.get(key).map_or(Ok(false), |field| field.flag());
    Ok(UNet {
        blocks,
        residual_decoder,
        features: kwargs.need("features_per_stage")?.counts(stages)?,
        kernels: kwargs.need("kernel_sizes")?.extents(stages, rank)?,
        strides: kwargs.need("strides")?.extents(stages, rank)?,
        repeats: kwargs.need(repeats)?.counts(stages)?,
        decoder_repeats: kwargs.need("n_conv_per_stage_decoder")?.counts(stages - 1)?,
        conv_bias: optional_flag("conv_bias")?,
        norm: norm(&kwargs, rank)?,
        activation: activation(&kwargs)?,
        activation_first: optional_flag("nonlin_first")?,
        stem: kwargs.get("stem_channels").map(|field| field.count()).transpose()?,
        classes: heads,
    })
}

/// The last part of a dotted name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// PyTorch's defaults: epsilon 1e-5, instance norm without weights, batch norm with.
fn norm(kwargs: &Field<'_>, rank: usize) -> Result<Norm> {
    let Some(op) = kwargs.get("norm_op") else { return Ok(Norm::None) };
    let options = kwargs.get("norm_op_kwargs");
    let option = |key: &str| options.as_ref().and_then(|options| options.get(key));
    let eps = option("eps").map_or(Ok(1e-5), |field| field.positive())? as f32;
    let affine = option("affine").map(|field| field.flag()).transpose()?;
    match last(op.text()?) {
        name if name == format!("InstanceNorm{rank}d") => {
            Ok(Norm::Instance { eps, affine: affine.unwrap_or(false) })
        }
        name if name == format!("BatchNorm{rank}d") && affine != Some(false) => {
            Ok(Norm::Batch { eps })
        }
        other => Err(op.not_built(other)),
    }
}

fn activation(kwargs: &Field<'_>) -> Result<Activation> {
    let Some(op) = kwargs.get("nonlin") else { return Ok(Activation::Identity) };
    let options = kwargs.get("nonlin_kwargs");
    let option = |key: &str| options.as_ref().and_then(|options| options.get(key));
    let number = |key: &str, usual: f64| option(key).map_or(Ok(usual), |field| field.number());
    Ok(match last(op.text()?) {
        "LeakyReLU" => Activation::LeakyRelu(number("negative_slope", 0.01)? as f32),
        "ReLU" => Activation::Relu,
        "ELU" => Activation::Elu(number("alpha", 1.0)? as f32),
        "SiLU" => Activation::Silu,
        "GELU" => match option("approximate").map(|field| field.value().clone()) {
            Some(Plain::Text(text)) if text == "tanh" => Activation::GeluTanh,
            _ => Activation::Gelu,
        },
        other => return Err(op.not_built(other)),
    })
}

/// What `ConfigurationManager` makes of plans without an `architecture` block.
fn from_older_plans(configuration: &Field<'_>, rank: usize, heads: usize) -> Result<UNet> {
    let class = configuration.need("UNet_class_name")?;
    let blocks = match class.text()? {
        "PlainConvUNet" => Blocks::Plain,
        "ResidualEncoderUNet" => Blocks::Residual,
        other => return Err(class.not_built(other)),
    };
    let repeats = configuration.need("n_conv_per_stage_encoder")?;
    let stages = repeats.list()?.len();
    if stages == 0 || stages > MOST_STAGES {
        return Err(repeats.wrong(&words::at_most(MOST_STAGES)));
    }
    let base = configuration.need("UNet_base_num_features")?.count()?;
    let most = configuration.need("unet_max_num_features")?.count()?;
    let doubled = |stage: usize| {
        let factor = 1usize.checked_shl(stage as u32);
        factor.and_then(|factor| factor.checked_mul(base)).map_or(most, |f| f.min(most))
    };
    Ok(UNet {
        blocks,
        residual_decoder: false,
        features: (0..stages).map(doubled).collect(),
        kernels: configuration.need("conv_kernel_sizes")?.extents(stages, rank)?,
        strides: configuration.need("pool_op_kernel_sizes")?.extents(stages, rank)?,
        repeats: repeats.counts(stages)?,
        decoder_repeats: configuration.need("n_conv_per_stage_decoder")?.counts(stages - 1)?,
        conv_bias: true,
        norm: Norm::Instance { eps: 1e-5, affine: true },
        activation: Activation::LeakyRelu(0.01),
        activation_first: false,
        stem: None,
        classes: heads,
    })
}
