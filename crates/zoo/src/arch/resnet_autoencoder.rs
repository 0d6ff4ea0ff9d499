//! TorchXRayVision's autoencoder "101-elastic" (`torchxrayvision.autoencoders.ResNetAE101`): a
//! narrow ResNet-101 down to `[512, 3, 3]` and its mirror image of transposed convolutions.

use super::EPSILON;
use super::resnet::{AUTOENCODER101, Residual, features};
use engine::Result;
use engine::graph::{Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Blocks, width and stride of the four decoder stages; each gives 2 · width channels.
const UP: [(usize, usize, usize); 4] = [(2, 128, 6), (23, 64, 2), (4, 32, 2), (3, 16, 2)];

/// `[1, 1, 224, 224]` to (the code `[1, 512, 3, 3]`, the reconstruction `[1, 1, 224, 224]`).
pub fn resnet_autoencoder(b: &mut Builder, s: &Scope, x: Value) -> Result<(Value, Value)> {
    let code = features(b, s, x, &AUTOENCODER101, Residual::RectifiedBranch)?;
    let mut x = code;
    for (index, (blocks, width, stride)) in UP.into_iter().enumerate() {
        let layer = s.at(&format!("uplayer{}", index + 1));
        for block in 0..blocks - 1 {
            x = block_up(b, &layer.at(&block.to_string()), x, width, 4, 1)?;
        }
        x = block_up(b, &layer.at(&(blocks - 1).to_string()), x, width, 2, stride)?;
    } // 14, 28, 56, 112 pixels
    let x = block_up(b, &s.at("uplayer_top"), x, 64, 1, 2)?; // [1, 64, 224, 224]
    let x = b.conv_transpose(x, &s.at("conv1_1"), ConvTranspose::new(1, [1, 1]).no_bias())?;
    Ok((code, x))
}

/// A bottleneck whose middle convolution enlarges by `stride`: `[1, C, h, w]` to
/// `[1, expansion · width, stride · h, stride · w]`. The branch is rectified before the sum.
fn block_up(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    width: usize,
    expansion: usize,
    stride: usize,
) -> Result<Value> {
    let outputs = expansion * width;
    let y = b.conv(x, &s.at("conv1"), Conv::new(width, [1, 1]).no_bias())?;
    let y = b.batch_norm(y, &s.at("bn1"), EPSILON)?;
    let y = b.relu(y);
    let y = if stride == 1 {
        b.conv(y, &s.at("conv2"), Conv::new(width, [3, 3]).pad(1).no_bias())?
    } else {
        let up = ConvTranspose::new(width, [3, 3]).stride(stride).pad(1).output_padding(1);
        b.conv_transpose(y, &s.at("conv2"), up.no_bias())?
    };
    let y = b.batch_norm(y, &s.at("bn2"), EPSILON)?;
    let y = b.relu(y);
    let y = b.conv(y, &s.at("conv3"), Conv::new(outputs, [1, 1]).no_bias())?;
    let y = b.batch_norm(y, &s.at("bn3"), EPSILON)?;
    let y = b.relu(y);
    let shortcut = if stride == 1 {
        x
    } else {
        let up = ConvTranspose::new(outputs, [1, 1]).stride(stride).output_padding(1).no_bias();
        let y = b.conv_transpose(x, &s.at("upsample.0"), up)?;
        b.batch_norm(y, &s.at("upsample.1"), EPSILON)?
    };
    let y = b.add(y, shortcut)?;
    Ok(b.relu(y))
}
