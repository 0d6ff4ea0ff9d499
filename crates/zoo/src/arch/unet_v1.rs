//! nnU-Net 1's `Generic_UNet` (`network_architecture/generic_UNet.py`), as its trainers build it:
//! strided convolutions down, transposed convolutions up, instance norm, leaky ReLU, heads without
//! bias, with the names of its checkpoints.
//!
//! It differs from its successor in names, in the kernels of the decoder (those of the stage below)
//! and in the transposed convolutions, which have no bias.

use super::EPSILON;
use engine::Result;
use engine::graph::{Activation, Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Names of a checkpoint that inference does not need: the heads of deep supervision.
pub const LEFT_OVER: &[&str] = &["seg_outputs.*"];

/// A planned network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenericUNet {
    /// Channels of the first stage; they double from stage to stage.
    pub base_features: usize,
    /// And stop here (320 in three dimensions, 480 in two).
    pub most_features: usize,
    /// Convolutions of a stage (`conv_per_stage`).
    pub convs: usize,
    /// Strides by axis between one stage and the next (`pool_op_kernel_sizes`).
    pub strides: Vec<Vec<usize>>,
    /// Kernel extents by axis, one entry more than `strides` (`conv_kernel_sizes`).
    pub kernels: Vec<Vec<usize>>,
    /// Output channels.
    pub classes: usize,
}

impl GenericUNet {
    /// Logits `[1, classes, (D,) H, W]` of an image `[1, C, (D,) H, W]` whose extents the strides
    /// divide.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let depth = self.strides.len();
        let rank = self.kernels.first().map_or(0, Vec::len);
        let (ones, mut x) = (vec![1; rank], image);
        let mut skips = Vec::with_capacity(depth);
        for stage in 0..depth {
            let stride = if stage == 0 { &ones } else { &self.strides[stage - 1] };
            let place = s.at(&format!("conv_blocks_context.{stage}"));
            let kernel = &self.kernels[stage];
            x = run(b, &place, x, self.convs, self.features(stage), kernel, stride)?;
            skips.push(x);
        }
        // The deepest stage is two runs.
        let place = s.at(&format!("conv_blocks_context.{depth}"));
        let (channels, kernel) = (self.features(depth), &self.kernels[depth]);
        let stride = self.strides.last().unwrap_or(&ones);
        x = run(b, &place.at("0"), x, self.convs.saturating_sub(1), channels, kernel, stride)?;
        x = run(b, &place.at("1"), x, 1, channels, kernel, &ones)?;
        for (index, skip) in skips.into_iter().rev().enumerate() {
            let stage = depth - 1 - index;
            let (channels, stride) = (self.features(stage), &self.strides[stage]);
            let up = ConvTranspose::of(channels, stride).strides(stride).no_bias();
            x = b.conv_transpose(x, &s.at(&format!("tu.{index}")), up)?;
            x = b.concat(&[x, skip], 1)?;
            let place = s.at(&format!("conv_blocks_localization.{index}"));
            let kernel = &self.kernels[stage + 1];
            let convs = self.convs.saturating_sub(1);
            x = run(b, &place.at("0"), x, convs, channels, kernel, &ones)?;
            x = run(b, &place.at("1"), x, 1, channels, kernel, &ones)?;
        }
        let head = Conv::of(self.classes, &ones).no_bias();
        b.conv(x, &s.at(&format!("seg_outputs.{}", depth.saturating_sub(1))), head)
    }

    /// Channels of a stage.
    pub fn features(&self, stage: usize) -> usize {
        let doubled =
            1usize.checked_shl(stage as u32).and_then(|f| f.checked_mul(self.base_features));
        doubled.map_or(self.most_features, |features| features.min(self.most_features))
    }
}

/// `StackedConvLayers`: convolution, instance norm, leaky ReLU. Only the first strides.
fn run(
    b: &mut Builder,
    s: &Scope,
    mut x: Value,
    convs: usize,
    channels: usize,
    kernel: &[usize],
    stride: &[usize],
) -> Result<Value> {
    let ones = vec![1; kernel.len()];
    // `conv_pad_sizes`: 1 for a kernel of 3, else none.
    let pads: Vec<usize> = kernel.iter().map(|&extent| usize::from(extent == 3)).collect();
    for index in 0..convs {
        let place = s.at(&format!("blocks.{index}"));
        let stride = if index == 0 { stride } else { &ones };
        let conv = Conv::of(channels, kernel).strides(stride).pads(&pads);
        x = b.conv(x, &place.at("conv"), conv)?;
        x = b.instance_norm(x, Some(&place.at("instnorm")), EPSILON)?;
        x = b.activation(x, Activation::LeakyRelu(0.01));
    }
    Ok(x)
}
