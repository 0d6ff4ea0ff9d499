//! PSPNet (Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017) as in
//! `torchxrayvision.baseline_models.chestx_det`: a dilated ResNet-101 with a stem of three 3×3
//! convolutions, and a pyramid pooled by fixed windows instead of adaptive ones.

use super::EPSILON;
use engine::Result;
use engine::graph::{Builder, Conv, Value, Window};
use engine::weights::Scope;

/// Bins per side of the pyramid's levels, in the order in which they are concatenated.
const PYRAMID: [usize; 4] = [6, 3, 2, 1];

/// Logits `[1, classes, H, W]` from `[1, 3, H, W]`, and the last feature map
/// `[1, 2048, H/8, W/8]`. The auxiliary branch of the training is left out.
pub fn pspnet(b: &mut Builder, s: &Scope, x: Value, classes: usize) -> Result<(Value, Value)> {
    let size = b.shape(x)[2..].to_vec();
    let x = unit(b, &s.at("convbnrelu1_1"), x, Conv::new(64, [3, 3]).stride(2).pad(1))?; // H/2
    let x = unit(b, &s.at("convbnrelu1_2"), x, Conv::new(64, [3, 3]).pad(1))?;
    let x = unit(b, &s.at("convbnrelu1_3"), x, Conv::new(128, [3, 3]).pad(1))?;
    let x = b.max_pool(x, Window::new([3, 3]).stride(2).pad(1))?; // H/4
    let x = residual_stage(b, &s.at("res_block2"), x, 3, 64, 1, 1)?; // 256
    let x = residual_stage(b, &s.at("res_block3"), x, 4, 128, 2, 1)?; // 512, H/8
    let x = residual_stage(b, &s.at("res_block4"), x, 23, 256, 1, 2)?; // 1024
    let features = residual_stage(b, &s.at("res_block5"), x, 3, 512, 1, 4)?; // 2048
    let x = pyramid(b, &s.at("pyramid_pooling"), features)?; // 4096
    let x = unit(b, &s.at("cbr_final"), x, Conv::new(512, [3, 3]).pad(1))?;
    let x = b.conv(x, &s.at("classification"), Conv::new(classes, [1, 1]))?;
    Ok((b.resize_linear(x, &size, false)?, features))
}

/// Averages over windows of `floor(size / bins)`, reduces each level to a quarter of the channels,
/// brings it back to size and appends it: `[1, C, h, w]` to `[1, 2C, h, w]`.
fn pyramid(b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
    let [channels, height, width] = [1, 2, 3].map(|axis| b.shape(x)[axis]);
    let mut parts = vec![x];
    for (index, bins) in PYRAMID.into_iter().enumerate() {
        let window = [(height / bins).max(1), (width / bins).max(1)];
        let y = b.avg_pool(x, Window::new(window).strides(window))?;
        let path = s.at(&format!("path_module_list.{index}"));
        let y = unit(b, &path, y, Conv::new(channels / PYRAMID.len(), [1, 1]))?;
        parts.push(b.resize_linear(y, &[height, width], false)?);
    }
    b.concat(&parts, 1)
}

/// `blocks` bottlenecks of `width`, the first with a projection and the stride: gives 4 · `width`
/// channels.
fn residual_stage(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    blocks: usize,
    width: usize,
    stride: usize,
    dilation: usize,
) -> Result<Value> {
    let mut x = x;
    for index in 0..blocks {
        let block = s.at(&format!("layers.{index}"));
        let stride = if index == 0 { stride } else { 1 };
        let y = unit(b, &block.at("cbr1"), x, Conv::new(width, [1, 1]))?;
        let conv = Conv::new(width, [3, 3]).stride(stride).pad(dilation).dilation(dilation);
        let y = unit(b, &block.at("cbr2"), y, conv)?;
        let y = conv_norm(b, &block.at("cb3.cb_unit"), y, Conv::new(4 * width, [1, 1]))?;
        let shortcut = if index == 0 {
            let conv = Conv::new(4 * width, [1, 1]).stride(stride);
            conv_norm(b, &block.at("cb4.cb_unit"), x, conv)?
        } else {
            x
        };
        let y = b.add(y, shortcut)?;
        x = b.relu(y);
    }
    Ok(x)
}

/// Convolution, normalisation, ReLU.
fn unit(b: &mut Builder, s: &Scope, x: Value, conv: Conv) -> Result<Value> {
    let x = conv_norm(b, &s.at("cbr_unit"), x, conv)?;
    Ok(b.relu(x))
}

fn conv_norm(b: &mut Builder, s: &Scope, x: Value, conv: Conv) -> Result<Value> {
    let x = b.conv(x, &s.at("0"), conv.no_bias())?;
    b.batch_norm(x, &s.at("1"), EPSILON)
}
