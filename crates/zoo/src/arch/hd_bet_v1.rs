//! HD-BET 1's U-Net (`HD_BET/network_architecture.py` of NeuroAI-HD/HD-BET): pre-activated residual
//! blocks, instance norms by the image's own statistics, linear upsampling with aligned corners.

use engine::Result;
use engine::graph::{Activation, Builder, Conv, Value};
use engine::weights::Scope;

/// Features of the finest level, doubled at each next (`config.py`: `net_base_num_layers`).
const FEATURES: usize = 21;
/// PyTorch's default.
const EPSILON: f32 = super::EPSILON;
/// Slope below zero within the modules.
const INNER: f32 = 1e-2;
/// Slope below zero at the bottom and at the end (`config.py`: `net_leaky_relu_slope`).
const OUTER: f32 = 1e-1;

/// Tensors of the published files that inference does not read: the statistics that were gathered in
/// training, and the answers of coarser levels.
pub const LEFT_OVER: &[&str] = &[
    "*.running_mean",
    "*.running_var",
    "*.num_batches_tracked",
    "loc2_seg.weight",
    "loc3_seg.weight",
];

/// The logits of background and brain, `[1, 2, …]`, of an image `[1, 1, …]`; extents are multiples of 16.
pub fn logits(b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
    let norm = |b: &mut Builder, x: Value, scope: &Scope, slope: f32| -> Result<Value> {
        let x = b.instance_norm(x, Some(scope), EPSILON)?;
        Ok(b.activation(x, Activation::LeakyRelu(slope)))
    };
    let conv = |b: &mut Builder, x: Value, scope: &Scope, features: usize| {
        b.conv(x, scope, Conv::new(features, [3; 3]).pad(1))
    };
    let mut x = conv(b, image, &s.at("init_conv"), FEATURES)?;
    let mut skips = Vec::new();
    for level in 1..=5 {
        let own = FEATURES << (level - 1);
        let scope = s.at(&format!("context{level}"));
        let before = x;
        for number in 1..=2 {
            x = norm(b, x, &scope.at(&format!("bn_{number}")), INNER)?;
            x = conv(b, x, &scope.at(&format!("conv{number}")), own)?;
        }
        x = b.add(x, before)?;
        if level < 5 {
            let scope = s.at(&format!("down{level}"));
            x = norm(b, x, &scope.at("bn"), INNER)?;
            skips.push(x);
            let down = Conv::new(2 * own, [3; 3]).stride(2).pad(1);
            x = b.conv(x, &scope.at("downsample"), down)?;
        }
    }
    x = norm(b, x, &s.at("bn_after_context5"), OUTER)?;
    for level in 1..=4 {
        let own = FEATURES << (4 - level);
        let scope = s.at(&format!("up{level}"));
        let to: Vec<usize> = b.shape(x)[2..].iter().map(|extent| extent * 2).collect();
        x = b.resize_linear(x, &to, true)?;
        x = conv(b, x, &scope.at("upsample_conv"), own)?;
        x = norm(b, x, &scope.at("bn"), INNER)?;
        x = b.concat(&[skips[4 - level], x], 1)?;
        if level < 4 {
            let scope = s.at(&format!("loc{level}"));
            x = conv(b, x, &scope.at("conv1"), 2 * own)?;
            x = norm(b, x, &scope.at("bn_1"), INNER)?;
            x = b.conv(x, &scope.at("conv2"), Conv::new(own, [1; 3]))?;
            x = norm(b, x, &scope.at("bn_2"), INNER)?;
        }
    }
    for number in 1..=2 {
        x = conv(b, x, &s.at(&format!("end_conv_{number}")), 2 * FEATURES)?;
        x = norm(b, x, &s.at(&format!("end_conv_{number}_bn")), OUTER)?;
    }
    b.conv(x, &s.at("seg_layer"), Conv::new(2, [1; 3]).no_bias())
}
