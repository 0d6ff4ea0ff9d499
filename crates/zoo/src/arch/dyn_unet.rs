//! MONAI's `DynUNet` (`monai/networks/nets/dynunet.py`, `blocks/dynunet_block.py`), its form of nnU-Net's
//! networks: kernels and strides by level and axis, two convolutions a level, residual on request.

use super::layers::{Act, Norm};
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
        let mut x = image;
        let mut skips = Vec::new();
        for level in 0..=last {
            let place = match level {
                0 => s.at("input_block"),
                n if n == last => s.at("bottleneck"),
                n => s.at(&format!("downsamples.{}", n - 1)),
            };
            x = self.block(b, &place, x, level, self.strides[level], self.residual)?;
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
            x = self.plain(b, &s.at("conv_block"), x, channels, self.kernels[level + 1], [1; 3])?;
        }
        b.conv(x, &s.at("output_block.conv.conv"), Conv::new(self.classes, [1; 3]))
    }

    fn block(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        level: usize,
        stride: [usize; 3],
        residual: bool,
    ) -> Result<Value> {
        let (channels, kernel) = (self.filters[level], self.kernels[level]);
        if !residual {
            return self.plain(b, s, x, channels, kernel, stride);
        }
        let from = b.shape(x).get(1).copied().unwrap_or(0);
        let mut main = self.layer(b, s, x, 1, channels, (kernel, stride))?;
        main = self.act.apply(b, &s.at("lrelu"), main);
        main = self.layer(b, s, main, 2, channels, (kernel, [1; 3]))?;
        let shortcut = match from != channels || stride != [1; 3] {
            true => self.layer(b, s, x, 3, channels, ([1; 3], stride))?,
            false => x,
        };
        let sum = b.add(main, shortcut)?;
        Ok(self.act.apply(b, &s.at("lrelu"), sum))
    }

    fn plain(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        channels: usize,
        kernel: [usize; 3],
        stride: [usize; 3],
    ) -> Result<Value> {
        let x = self.layer(b, s, x, 1, channels, (kernel, stride))?;
        let x = self.act.apply(b, &s.at("lrelu"), x);
        let x = self.layer(b, s, x, 2, channels, (kernel, [1; 3]))?;
        Ok(self.act.apply(b, &s.at("lrelu"), x))
    }

    /// Convolution and norm `number` of a block.
    fn layer(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        number: usize,
        channels: usize,
        (kernel, stride): ([usize; 3], [usize; 3]),
    ) -> Result<Value> {
        // `get_padding`: half of what the kernel is longer than the stride, rounded down.
        let pads = [0, 1, 2].map(|axis| (kernel[axis] + 1).saturating_sub(stride[axis]) / 2);
        let conv = Conv::of(channels, &kernel).strides(&stride).pads(&pads).no_bias();
        let x = b.conv(x, &s.at(&format!("conv{number}.conv")), conv)?;
        self.norm.apply(b, &s.at(&format!("norm{number}")), x)
    }
}

/// The activation of the original: leaky, with this slope.
pub const ACT: Act = Act::Fixed(Activation::LeakyRelu(0.01));
