//! ResNet with bottleneck blocks (He et al., "Deep Residual Learning", CVPR 2016), stride on the
//! 3×3 convolution ("v1.5"), with torchvision's names.

use super::EPSILON;
use engine::Result;
use engine::graph::{Builder, Conv, Value, Window};
use engine::weights::Scope;

/// One stage: how many blocks, of what width, with what stride and dilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Blocks.
    pub blocks: usize,
    /// Channels of the 3×3 convolutions; the stage gives four times as many.
    pub width: usize,
    /// Stride of the first block.
    pub stride: usize,
    /// Dilation of the 3×3 convolutions.
    pub dilation: usize,
}

const fn stage(blocks: usize, width: usize, stride: usize) -> Stage {
    Stage { blocks, width, stride, dilation: 1 }
}

/// ResNet-50.
pub const RESNET50: [Stage; 4] =
    [stage(3, 64, 1), stage(4, 128, 2), stage(6, 256, 2), stage(3, 512, 2)];

/// The encoder of TorchXRayVision's autoencoder: depth 101, the last stage narrow and far strided.
pub const AUTOENCODER101: [Stage; 4] =
    [stage(3, 64, 1), stage(4, 128, 2), stage(23, 256, 2), stage(2, 128, 6)];

/// Where a block has its rectifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// The paper's: sum, then ReLU.
    Standard,
    /// The autoencoder's: ReLU also before the sum.
    RectifiedBranch,
}

/// The feature map: `[1, C, H, W]` to `[1, 4 · width, H / 4 / strides, …]`.
pub fn features(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    stages: &[Stage],
    residual: Residual,
) -> Result<Value> {
    let x = b.conv(x, &s.at("conv1"), Conv::new(64, [7, 7]).stride(2).pad(3).no_bias())?; // H/2
    let x = b.batch_norm(x, &s.at("bn1"), EPSILON)?;
    let x = b.relu(x);
    let mut x = b.max_pool(x, Window::new([3, 3]).stride(2).pad(1))?; // H/4
    for (index, stage) in stages.iter().enumerate() {
        let layer = s.at(&format!("layer{}", index + 1));
        for block in 0..stage.blocks {
            let stage = Stage { stride: if block == 0 { stage.stride } else { 1 }, ..*stage };
            x = bottleneck(b, &layer.at(&block.to_string()), x, &stage, residual, false)?;
        }
    }
    Ok(x)
}

/// A classifier: features, global average, linear layer. Gives (logits `[1, labels]`, the feature
/// map that was averaged).
pub fn classifier(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    stages: &[Stage],
    labels: usize,
) -> Result<(Value, Value)> {
    let map = features(b, s, x, stages, Residual::Standard)?;
    let pooled = b.global_avg_pool(map)?;
    Ok((b.linear(pooled, &s.at("fc"), labels)?, map))
}

/// 1×1, 3×3, 1×1 and the shortcut, whose convolution has a bias on request: `[1, C, …]` to
/// `[1, 4 · width, … / stride]`, of pictures and volumes.
pub(super) fn bottleneck(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    stage: &Stage,
    residual: Residual,
    shortcut_bias: bool,
) -> Result<Value> {
    let outputs = 4 * stage.width;
    let axes = b.shape(x).len().saturating_sub(2);
    let (point, three) = (vec![1; axes], vec![3; axes]);
    let shortcut = if stage.stride != 1 || b.shape(x)[1] != outputs {
        let conv = Conv::of(outputs, &point).stride(stage.stride);
        let conv = if shortcut_bias { conv } else { conv.no_bias() };
        let y = b.conv(x, &s.at("downsample.0"), conv)?;
        b.batch_norm(y, &s.at("downsample.1"), EPSILON)?
    } else {
        x
    };
    let y = b.conv(x, &s.at("conv1"), Conv::of(stage.width, &point).no_bias())?;
    let y = b.batch_norm(y, &s.at("bn1"), EPSILON)?;
    let y = b.relu(y);
    let conv = Conv::of(stage.width, &three)
        .stride(stage.stride)
        .pad(stage.dilation)
        .dilation(stage.dilation)
        .no_bias();
    let y = b.conv(y, &s.at("conv2"), conv)?;
    let y = b.batch_norm(y, &s.at("bn2"), EPSILON)?;
    let y = b.relu(y);
    let y = b.conv(y, &s.at("conv3"), Conv::of(outputs, &point).no_bias())?;
    let mut y = b.batch_norm(y, &s.at("bn3"), EPSILON)?;
    if residual == Residual::RectifiedBranch {
        y = b.relu(y);
    }
    let y = b.add(y, shortcut)?;
    Ok(b.relu(y))
}
