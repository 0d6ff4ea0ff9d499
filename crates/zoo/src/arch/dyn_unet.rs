//! MONAI's `DynUNet` (`monai/networks/nets/dynunet.py`, `blocks/dynunet_block.py`), its form of nnU-Net's
//! networks: kernels and strides by level and axis, two convolutions a level, residual on request.

use super::layers::{Act, Norm};
use super::unet_blocks::{Blocks, Shape};
use engine::Result;
use engine::graph::{Activation, Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Names of a checkpoint that inference does not need: the second names of all blocks, and the heads of
/// deep supervision.
pub const LEFT_OVER: &[&str] =
    &["skip_layers.*", "deep_supervision_heads.*", "*num_batches_tracked"];

/// The network. Lists run from full resolution down.
#[derive(Clone, Debug, PartialEq)]
pub struct DynUNet {
    /// Output channels.
    pub classes: usize,
    /// Channels.
    pub filters: Vec<usize>,
    /// Kernel extents by axis, odd.
    pub kernels: Vec<[usize; 3]>,
    /// Strides by axis; those of the first level stand before everything.
    pub strides: Vec<[usize; 3]>,
    /// Kernel extents of the transposed convolutions, which stride as much; one fewer.
    pub up_kernels: Vec<[usize; 3]>,
    /// After each convolution.
    pub norm: Norm,
    /// After each norm.
    pub act: Act,
    /// Levels down are residual.
    pub residual: bool,
    /// Transposed convolutions have a bias.
    pub up_bias: bool,
}

impl DynUNet {
    /// Logits `[1, classes, D, H, W]` of an image `[1, C, D, H, W]` whose extents the strides divide.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let last = self.filters.len() - 1;
        let blocks = Blocks { norm: self.norm, act: self.act };
        let mut x = image;
        let mut skips = Vec::new();
        for level in 0..=last {
            let place = match level {
                0 => s.at("input_block"),
                n if n == last => s.at("bottleneck"),
                n => s.at(&format!("downsamples.{}", n - 1)),
            };
            let shape = Shape {
                channels: self.filters[level],
                kernel: self.kernels[level],
                stride: self.strides[level],
            };
            x = match self.residual {
                true => blocks.residual(b, &place, x, shape)?,
                false => blocks.plain(b, &place, x, shape)?,
            };
            skips.push(x);
        }
        skips.pop();
        for (step, skip) in skips.into_iter().rev().enumerate() {
            let level = last - 1 - step;
            let s = s.at(&format!("upsamples.{step}"));
            let (channels, stride) = (self.filters[level], self.up_kernels[level]);
            let up = ConvTranspose::of(channels, &stride).strides(&stride);
            let up = if self.up_bias { up } else { up.no_bias() };
            x = b.conv_transpose(x, &s.at("transp_conv.conv"), up)?;
            x = b.concat(&[x, skip], 1)?;
            // The kernel of a level up is that of the level below it.
            let shape = Shape { channels, kernel: self.kernels[level + 1], stride: [1; 3] };
            x = blocks.plain(b, &s.at("conv_block"), x, shape)?;
        }
        b.conv(x, &s.at("output_block.conv.conv"), Conv::new(self.classes, [1; 3]))
    }
}

/// The activation of the original: leaky, with this slope.
pub const ACT: Act = Act::Fixed(Activation::LeakyRelu(0.01));
