//! MONAI's `SegResNet` (`monai/networks/nets/segresnet.py`, Myronenko 2018 without the variational part):
//! pre-activated residual blocks, strided convolutions down, linear enlargement up, skips added.

use super::layers::{Act, Norm};
use engine::Result;
use engine::graph::{Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Names of a checkpoint that inference does not need.
pub const LEFT_OVER: &[&str] = &["*num_batches_tracked"];

/// The network.
#[derive(Clone, Debug, PartialEq)]
pub struct SegResNet {
    /// Output channels.
    pub classes: usize,
    /// Channels at full resolution; each next level has twice as many.
    pub filters: usize,
    /// Residual blocks of each level down.
    pub down: Vec<usize>,
    /// Residual blocks of each level up; one fewer than `down`.
    pub up: Vec<usize>,
    /// Before each convolution.
    pub norm: Norm,
    /// After each norm.
    pub act: Act,
    /// Transposed convolutions lead up (`upsample_mode="deconv"`) instead of linear enlargement.
    pub deconv: bool,
}

impl SegResNet {
    /// Logits `[1, classes, D, H, W]` of an image `[1, C, D, H, W]` whose extents are multiples of two
    /// to the number of levels less one.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let mut x = conv3(b, &s.at("convInit.conv"), image, self.filters, 1)?;
        let mut skips = Vec::new();
        for (level, &blocks) in self.down.iter().enumerate() {
            let s = s.at(&format!("down_layers.{level}"));
            if level > 0 {
                skips.push(x);
                x = conv3(b, &s.at("0.conv"), x, self.filters << level, 2)?;
            }
            for block in 0..blocks {
                x = self.block(b, &s.at(&(block + 1).to_string()), x)?;
            }
        }
        for (step, &blocks) in self.up.iter().enumerate() {
            let Some(skip) = skips.pop() else { break };
            let channels = self.filters << skips.len();
            let up = s.at(&format!("up_samples.{step}"));
            let one = Conv::new(channels, [1; 3]).no_bias();
            x = b.conv(x, &up.at("0.conv"), one)?;
            x = if self.deconv {
                let twice = ConvTranspose::new(channels, [2; 3]).stride(2);
                b.conv_transpose(x, &up.at("1.deconv"), twice)?
            } else {
                let to: Vec<usize> = b.shape(x)[2..].iter().map(|extent| extent * 2).collect();
                b.resize_linear(x, &to, false)?
            };
            x = b.add(x, skip)?;
            let s = s.at(&format!("up_layers.{step}"));
            for block in 0..blocks {
                x = self.block(b, &s.at(&block.to_string()), x)?;
            }
        }
        let end = s.at("conv_final");
        x = self.norm.apply(b, &end.at("0"), x)?;
        x = self.act.apply(b, &end.at("1"), x);
        b.conv(x, &end.at("2.conv"), Conv::new(self.classes, [1; 3]))
    }

    fn block(&self, b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
        let channels = b.shape(x).get(1).copied().unwrap_or(0);
        let mut main = x;
        for (norm, conv) in [("norm1", "conv1.conv"), ("norm2", "conv2.conv")] {
            main = self.norm.apply(b, &s.at(norm), main)?;
            main = self.act.apply(b, &s.at("act"), main);
            main = conv3(b, &s.at(conv), main, channels, 1)?;
        }
        b.add(main, x)
    }
}

fn conv3(b: &mut Builder, s: &Scope, x: Value, channels: usize, stride: usize) -> Result<Value> {
    b.conv(x, s, Conv::new(channels, [3; 3]).stride(stride).pad(1).no_bias())
}
