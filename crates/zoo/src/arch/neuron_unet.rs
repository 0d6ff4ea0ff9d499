//! The networks of the `neuron` library as SynthSeg builds them, with Keras' names
//! (`ext/neuron/models.py` of BBillot/SynthSeg: `unet`, `conv_enc`).
//!
//! Five levels of two convolutions with ELU, a batch norm at the end of each; on the way up the nearest
//! neighbour, the encoder's last convolution (before its norm) joined in front, two convolutions, a norm.

use engine::Result;
use engine::graph::{Activation, Builder, Conv, Value, Window};
use engine::weights::Scope;

/// Levels of a U-Net: extents are multiples of `1 << (LEVELS - 1)`.
const LEVELS: usize = 5;
/// Levels of the encoder that scores; one pooling follows.
const QUALITY_LEVELS: usize = 4;
/// Keras' default.
const EPSILON: f32 = 1e-3;

/// One U-Net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeuronUnet {
    /// Before every layer's name: `unet`.
    pub prefix: &'static str,
    /// Input channels.
    pub channels: usize,
    /// Features of the finest level, doubled at each next.
    pub features: usize,
    /// Extent of the kernels.
    pub kernel: usize,
    /// Output channels.
    pub classes: usize,
    /// Levels, from the finest, that the encoder is not joined to.
    pub unjoined: usize,
}

/// The logits `[1, classes, …]` of an image `[1, channels, …]`.
pub fn logits(b: &mut Builder, s: &Scope, image: Value, net: &NeuronUnet) -> Result<Value> {
    let p = net.prefix;
    let conv = |b: &mut Builder, x: Value, name: String, features: usize| -> Result<Value> {
        let x =
            b.conv(x, &s.at(&name), Conv::new(features, [net.kernel; 3]).pad(net.kernel / 2))?;
        Ok(b.activation(x, Activation::Elu(1.0)))
    };
    let mut x = image;
    let mut skips = Vec::new();
    for level in 0..LEVELS {
        for number in 0..2 {
            x = conv(b, x, format!("{p}_conv_downarm_{level}_{number}"), net.features << level)?;
        }
        skips.push(x);
        x = b.batch_norm(x, &s.at(&format!("{p}_bn_down_{level}")), EPSILON)?;
        if level + 1 < LEVELS {
            x = b.max_pool(x, Window::new([2; 3]))?;
        }
    }
    for step in 0..LEVELS - 1 {
        let level = LEVELS - 2 - step;
        let to: Vec<usize> = b.shape(x)[2..].iter().map(|extent| extent * 2).collect();
        x = b.resize_nearest(x, &to)?;
        if level >= net.unjoined {
            x = b.concat(&[skips[level], x], 1)?;
        }
        for number in 0..2 {
            let name = format!("{p}_conv_uparm_{}_{number}", LEVELS + step);
            x = conv(b, x, name, net.features << level)?;
        }
        x = b.batch_norm(x, &s.at(&format!("{p}_bn_up_{step}")), EPSILON)?;
    }
    b.conv(x, &s.at(&format!("{p}_likelihood")), Conv::new(net.classes, [1; 3]))
}

/// The scores `[1, groups]` of a label map as one-hot `[1, groups, …]`: a residual encoder with kernels of
/// 5³ from 24 features, its answer the mean over space. Extents are multiples of 16.
pub fn quality(b: &mut Builder, s: &Scope, map: Value, groups: usize) -> Result<Value> {
    let conv = |b: &mut Builder, x: Value, name: String, features: usize| {
        b.conv(x, &s.at(&name), Conv::new(features, [5; 3]).pad(2))
    };
    let mut x = map;
    for level in 0..QUALITY_LEVELS {
        let features = 24 << level;
        let first = x;
        x = conv(b, x, format!("qc_conv_downarm_{level}_0"), features)?;
        x = b.relu(x);
        x = conv(b, x, format!("qc_conv_downarm_{level}_1"), features)?;
        let merged = conv(b, first, format!("qc_expand_down_merge_{level}"), features)?;
        let merged = b.relu(merged);
        x = b.add(merged, x)?;
        x = b.relu(x);
        x = b.batch_norm(x, &s.at(&format!("qc_bn_down_{level}")), EPSILON)?;
        x = b.max_pool(x, Window::new([2; 3]))?;
    }
    for number in 0..2 {
        x = conv(b, x, format!("qc_final_conv_{number}"), groups)?;
        x = b.relu(x);
    }
    b.global_avg_pool(x)
}
