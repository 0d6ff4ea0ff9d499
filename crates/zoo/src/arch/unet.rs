//! The U-Nets that nnU-Net plans: `PlainConvUNet`, `ResidualEncoderUNet` and `ResidualUNet` of
//! dynamic-network-architectures 0.4 (`architectures/unet.py`, `building_blocks/`), in two or three
//! dimensions, with the names of their checkpoints.
//!
//! An encoder stage is a run of convolutions or residual blocks, the first of which strides; a
//! decoder stage is a transposed convolution, joined with the encoder's answer of that size
//! (upsampled first, then the skip), and convolutions. Only the full-resolution head is built; the
//! heads of deep supervision are for training.

use engine::Result;
use engine::graph::{Activation, Builder, Conv, ConvTranspose, Value, Window};
use engine::weights::Scope;

/// Names of a checkpoint that inference does not need: the second name of every layer
/// (`all_modules`), the encoder inside the decoder, the heads of deep supervision.
pub const LEFT_OVER: &[&str] =
    &["*.all_modules.*", "decoder.encoder.*", "decoder.seg_layers.*", "*.num_batches_tracked"];

/// What an encoder stage is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Convolution, norm, activation, `blocks` times.
    Plain,
    /// `BasicBlockD`: two convolutions and a shortcut.
    Residual,
    /// `BottleneckD`: 1, k, 1 with so many channels inside, for each stage, and a shortcut.
    Bottleneck(Vec<usize>),
}

/// The norm after each convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// None.
    None,
    /// Each channel by its own mean and variance.
    Instance {
        /// Added to the variance.
        eps: f32,
        /// Has a weight and a bias.
        affine: bool,
    },
    /// By stored means and variances.
    Batch {
        /// Added to the variance.
        eps: f32,
    },
}

/// A planned U-Net. Stages run from full resolution down; every list has one entry for each stage
/// (`decoder_convs`: one fewer, from the deepest up).
#[derive(Clone, Debug, PartialEq)]
pub struct UNet {
    /// What the encoder's stages are made of.
    pub blocks: Blocks,
    /// Decoder stages of basic residual blocks instead of convolutions (`ResidualUNet`).
    pub residual_decoder: bool,
    /// Channels.
    pub features: Vec<usize>,
    /// Kernel extents by axis.
    pub kernels: Vec<Vec<usize>>,
    /// Strides by axis.
    pub strides: Vec<Vec<usize>>,
    /// Convolutions or blocks.
    pub repeats: Vec<usize>,
    /// Convolutions or blocks of the decoder's stages.
    pub decoder_repeats: Vec<usize>,
    /// Convolutions have a bias.
    pub conv_bias: bool,
    /// After each convolution.
    pub norm: Norm,
    /// After each norm.
    pub activation: Activation,
    /// Activation before norm.
    pub activation_first: bool,
    /// Channels of the stem of residual encoders; `features[0]` when `None`.
    pub stem: Option<usize>,
    /// Output channels.
    pub classes: usize,
}

/// A run of convolutions or blocks, the first of which strides.
struct Stage<'a> {
    repeats: usize,
    channels: usize,
    kernel: &'a [usize],
    stride: &'a [usize],
    /// Channels inside a bottleneck.
    inside: Option<usize>,
}

/// One convolution.
#[derive(Clone, Copy)]
struct Layer<'a> {
    channels: usize,
    kernel: &'a [usize],
    stride: &'a [usize],
    bias: bool,
}

impl UNet {
    /// Logits `[1, classes, (D,) H, W]` of an image `[1, C, (D,) H, W]` whose extents the strides
    /// divide.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let features = self.trunk(b, s, image)?;
        self.head(b, s, features)
    }

    /// What the last layer reads, `[1, features[0], (D,) H, W]`.
    pub fn trunk(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let mut skips = self.encoder(b, &s.at("encoder"), image)?;
        let decoder = s.at("decoder");
        let Some(mut x) = skips.pop() else {
            return Ok(image);
        };
        let last = skips.len().saturating_sub(1);
        for (index, skip) in skips.into_iter().rev().enumerate() {
            let stage = last - index;
            let (channels, stride) = (self.features[stage], &self.strides[stage + 1]);
            let mut up = ConvTranspose::of(channels, stride).strides(stride);
            if !self.conv_bias {
                up = up.no_bias();
            }
            x = b.conv_transpose(x, &decoder.at(&format!("transpconvs.{index}")), up)?;
            x = b.concat(&[x, skip], 1)?;
            let place = decoder.at(&format!("stages.{index}"));
            let ones = self.ones();
            let stage = Stage {
                repeats: self.decoder_repeats[index],
                channels,
                kernel: &self.kernels[stage],
                stride: &ones,
                inside: None,
            };
            x = match self.residual_decoder {
                true => self.residual_stage(b, &place, x, &stage)?,
                false => self.convs(b, &place, x, &stage)?,
            };
        }
        Ok(x)
    }

    /// The last layer: at every position a matrix and a bias.
    pub fn head(&self, b: &mut Builder, s: &Scope, features: Value) -> Result<Value> {
        let last = self.features.len().saturating_sub(2);
        let head = Conv::of(self.classes, &self.ones());
        b.conv(features, &s.at(&format!("decoder.seg_layers.{last}")), head)
    }

    fn ones(&self) -> Vec<usize> {
        vec![1; self.kernels.first().map_or(0, Vec::len)]
    }

    /// What each stage gives, from full resolution down.
    fn encoder(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Vec<Value>> {
        let (mut x, ones) = (image, self.ones());
        if self.blocks != Blocks::Plain {
            let channels = self.stem.unwrap_or(self.features[0]);
            let stem = self.layer(channels, &self.kernels[0], &ones);
            x = self.conv(b, &s.at("stem.convs.0"), x, stem)?;
        }
        let mut skips = Vec::with_capacity(self.features.len());
        for index in 0..self.features.len() {
            let place = s.at(&format!("stages.{index}"));
            let stage = Stage {
                repeats: self.repeats[index],
                channels: self.features[index],
                kernel: &self.kernels[index],
                stride: &self.strides[index],
                inside: match &self.blocks {
                    Blocks::Bottleneck(inside) => inside.get(index).copied(),
                    _ => None,
                },
            };
            x = match self.blocks {
                Blocks::Plain => self.convs(b, &place.at("0"), x, &stage)?,
                _ => self.residual_stage(b, &place, x, &stage)?,
            };
            skips.push(x);
        }
        Ok(skips)
    }

    /// `StackedConvBlocks`.
    fn convs(&self, b: &mut Builder, s: &Scope, x: Value, stage: &Stage<'_>) -> Result<Value> {
        let (mut x, ones) = (x, self.ones());
        for index in 0..stage.repeats {
            let stride = if index == 0 { stage.stride } else { &ones };
            let layer = self.layer(stage.channels, stage.kernel, stride);
            x = self.conv(b, &s.at(&format!("convs.{index}")), x, layer)?;
        }
        Ok(x)
    }

    /// `StackedResidualBlocks`.
    fn residual_stage(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        stage: &Stage<'_>,
    ) -> Result<Value> {
        let (mut x, ones) = (x, self.ones());
        for index in 0..stage.repeats {
            let stride = if index == 0 { stage.stride } else { &ones };
            let block = Stage { stride, ..*stage };
            x = self.residual(b, &s.at(&format!("blocks.{index}")), x, &block)?;
        }
        Ok(x)
    }

    /// `BasicBlockD` or `BottleneckD`: the shortcut is averaged where the block strides and
    /// convolved where the channels change.
    fn residual(&self, b: &mut Builder, s: &Scope, x: Value, block: &Stage<'_>) -> Result<Value> {
        let (channels, ones) = (block.channels, self.ones());
        let y = match block.inside {
            None => {
                let first = self.layer(channels, block.kernel, block.stride);
                let y = self.conv(b, &s.at("conv1"), x, first)?;
                let second = self.layer(channels, block.kernel, &ones);
                self.conv_norm(b, &s.at("conv2"), y, second)?
            }
            Some(inside) => {
                let y = self.conv(b, &s.at("conv1"), x, self.layer(inside, &ones, &ones))?;
                let second = self.layer(inside, block.kernel, block.stride);
                let y = self.conv(b, &s.at("conv2"), y, second)?;
                self.conv_norm(b, &s.at("conv3"), y, self.layer(channels, &ones, &ones))?
            }
        };
        let (mut shortcut, mut place) = (x, 0);
        if block.stride.iter().any(|&step| step != 1) {
            shortcut = b.avg_pool(shortcut, Window::of(block.stride))?;
            place = 1;
        }
        if b.shape(x)[1] != channels {
            let layer = Layer { bias: false, ..self.layer(channels, &ones, &ones) };
            shortcut = self.conv_norm(b, &s.at(&format!("skip.{place}")), shortcut, layer)?;
        }
        let sum = b.add(y, shortcut)?;
        Ok(self.activate(b, sum))
    }

    fn layer<'a>(&self, channels: usize, kernel: &'a [usize], stride: &'a [usize]) -> Layer<'a> {
        Layer { channels, kernel, stride, bias: self.conv_bias }
    }

    /// `ConvDropoutNormReLU`; dropout does nothing at inference.
    fn conv(&self, b: &mut Builder, s: &Scope, x: Value, layer: Layer<'_>) -> Result<Value> {
        if self.activation_first && self.norm != Norm::None {
            let y = plain_conv(b, s, x, layer)?;
            let y = self.activate(b, y);
            return self.normed(b, s, y);
        }
        let y = self.conv_norm(b, s, x, layer)?;
        Ok(self.activate(b, y))
    }

    fn conv_norm(&self, b: &mut Builder, s: &Scope, x: Value, layer: Layer<'_>) -> Result<Value> {
        let y = plain_conv(b, s, x, layer)?;
        self.normed(b, s, y)
    }

    fn normed(&self, b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
        let place = s.at("norm");
        match self.norm {
            Norm::None => Ok(x),
            Norm::Instance { eps, affine } => b.instance_norm(x, affine.then_some(&place), eps),
            Norm::Batch { eps } => b.batch_norm(x, &place, eps),
        }
    }

    fn activate(&self, b: &mut Builder, x: Value) -> Value {
        match self.activation {
            Activation::Identity => x,
            activation => b.activation(x, activation),
        }
    }
}

fn plain_conv(b: &mut Builder, s: &Scope, x: Value, layer: Layer<'_>) -> Result<Value> {
    let pads: Vec<usize> =
        layer.kernel.iter().map(|&extent| extent.saturating_sub(1) / 2).collect();
    let conv = Conv::of(layer.channels, layer.kernel).strides(layer.stride).pads(&pads);
    b.conv(x, &s.at("conv"), if layer.bias { conv } else { conv.no_bias() })
}
