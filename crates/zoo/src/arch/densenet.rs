//! DenseNet (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017), the
//! BN-ReLU-conv bottleneck variant with compression 0.5, with torchvision's names.

use super::EPSILON;
use engine::Result;
use engine::graph::{Builder, Conv, Value, Window};
use engine::weights::Scope;

/// The sizes that tell one DenseNet from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseNet {
    /// Channels each layer adds.
    pub growth: usize,
    /// Layers of each dense block.
    pub blocks: &'static [usize],
    /// Channels after the first convolution.
    pub stem: usize,
    /// The 1×1 convolution of a layer gives this many times `growth` channels.
    pub bottleneck: usize,
}

/// DenseNet-121.
pub const DENSENET121: DenseNet =
    DenseNet { growth: 32, blocks: &[6, 12, 24, 16], stem: 64, bottleneck: 4 };

/// The feature map after the last ReLU: `[1, C, H, W]` to `[1, 1024, H/32, W/32]` for DenseNet-121.
/// `s` is the scope of `features`.
pub fn features(b: &mut Builder, s: &Scope, x: Value, net: &DenseNet) -> Result<Value> {
    let x = b.conv(x, &s.at("conv0"), Conv::new(net.stem, [7, 7]).stride(2).pad(3).no_bias())?;
    let x = batch_norm_relu(b, &s.at("norm0"), x)?; // H/2
    let mut x = b.max_pool(x, Window::new([3, 3]).stride(2).pad(1))?; // H/4
    let mut channels = net.stem;
    for (index, &layers) in net.blocks.iter().enumerate() {
        let block = s.at(&format!("denseblock{}", index + 1));
        for layer in 1..=layers {
            x = dense_layer(b, &block.at(&format!("denselayer{layer}")), x, net)?;
        }
        channels += layers * net.growth;
        if index + 1 < net.blocks.len() {
            channels /= 2;
            x = transition(b, &s.at(&format!("transition{}", index + 1)), x, channels)?;
        }
    }
    batch_norm_relu(b, &s.at("norm5"), x)
}

/// A classifier: features, global average, linear layer. Gives (logits `[1, labels]`, the feature
/// map that was averaged).
pub fn classifier(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    net: &DenseNet,
    labels: usize,
) -> Result<(Value, Value)> {
    let map = features(b, &s.at("features"), x, net)?;
    let pooled = b.global_avg_pool(map)?;
    Ok((b.linear(pooled, &s.at("classifier"), labels)?, map))
}

/// `[1, C, H, W]` to `[1, C + growth, H, W]`.
fn dense_layer(b: &mut Builder, s: &Scope, x: Value, net: &DenseNet) -> Result<Value> {
    let y = batch_norm_relu(b, &s.at("norm1"), x)?;
    let wide = net.bottleneck * net.growth;
    let y = b.conv(y, &s.at("conv1"), Conv::new(wide, [1, 1]).no_bias())?;
    let y = batch_norm_relu(b, &s.at("norm2"), y)?;
    let y = b.conv(y, &s.at("conv2"), Conv::new(net.growth, [3, 3]).pad(1).no_bias())?;
    b.concat(&[x, y], 1)
}

/// `[1, C, H, W]` to `[1, channels, H/2, W/2]`.
fn transition(b: &mut Builder, s: &Scope, x: Value, channels: usize) -> Result<Value> {
    let x = batch_norm_relu(b, &s.at("norm"), x)?;
    let x = b.conv(x, &s.at("conv"), Conv::new(channels, [1, 1]).no_bias())?;
    b.avg_pool(x, Window::new([2, 2]).stride(2))
}

fn batch_norm_relu(b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
    let x = b.batch_norm(x, s, EPSILON)?;
    Ok(b.relu(x))
}
