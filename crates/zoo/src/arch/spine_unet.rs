//! The residual U-Net of SPINEPS (`spineps/architectures/unet3D.py`): a stem that sees 7 voxels, four levels of
//! two residual blocks, skips averaged on the way up, the stem's answer beside the last.

use super::EPSILON;
use engine::Result;
use engine::graph::{Activation, Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// What extents are multiples of.
pub const MULTIPLE: usize = 8;
/// Channels of the levels, in times those of the stem.
const WIDTHS: [usize; 4] = [1, 2, 4, 8];
/// Groups of each norm.
const GROUPS: usize = 8;
/// Slope of the activation below zero.
const SLOPE: f32 = 0.01;

/// The sizes that tell one of these networks from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpineUnet {
    /// Channels of the stem; a multiple of 8.
    pub stem: usize,
    /// Output channels.
    pub classes: usize,
}

impl SpineUnet {
    /// Logits `[1, classes, D, H, W]` of an image `[1, C, D, H, W]` whose extents are multiples of 8.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let first = b.conv(image, &s.at("init_conv"), Conv::new(self.stem, [7; 3]).pad(3))?;
        let (mut x, mut skips) = (first, Vec::new());
        let last = WIDTHS.len() - 1;
        for (level, width) in WIDTHS.iter().enumerate() {
            let (s, channels) = (s.at(&format!("downs.{level}")), self.stem * width);
            for block in ["0", "1"] {
                x = residual(b, &s.at(block), x, channels)?;
            }
            skips.push(x);
            if level < last {
                x = b.conv(x, &s.at("2"), Conv::new(channels, [4; 3]).stride(2).pad(1))?;
            }
        }
        for block in ["mid_block1", "mid_block2"] {
            x = residual(b, &s.at(block), x, self.stem * WIDTHS[last])?;
        }
        for step in 0..=last {
            let s = s.at(&format!("ups.{step}"));
            let channels = self.stem * WIDTHS[(last - step).saturating_sub(1)];
            let Some(skip) = skips.pop() else { break };
            x = mean(b, x, skip)?;
            for block in ["0", "1"] {
                x = residual(b, &s.at(block), x, channels)?;
            }
            if step < last {
                let up = ConvTranspose::new(channels, [4; 3]).stride(2).pad(1);
                x = b.conv_transpose(x, &s.at("2"), up)?;
            }
        }
        let x = b.concat(&[x, first], 1)?;
        let x = residual(b, &s.at("final_res_block"), x, self.stem)?;
        b.conv(x, &s.at("final_conv"), Conv::new(self.classes, [1; 3]))
    }
}

/// Half of the sum.
fn mean(b: &mut Builder, x: Value, y: Value) -> Result<Value> {
    let sum = b.add(x, y)?;
    let channels = b.shape(sum).get(1).copied().unwrap_or(0);
    b.affine(sum, vec![0.5; channels], vec![0.0; channels])
}

/// Two convolutions with norms and activations, and the input beside them.
fn residual(b: &mut Builder, s: &Scope, x: Value, channels: usize) -> Result<Value> {
    let mut main = x;
    for block in ["block1", "block2"] {
        let s = s.at(block);
        main = b.conv(main, &s.at("proj"), Conv::new(channels, [3; 3]).pad(1))?;
        main = b.group_norm(main, &s.at("norm"), GROUPS, EPSILON)?;
        main = b.activation(main, Activation::LeakyRelu(SLOPE));
    }
    let beside = match b.shape(x).get(1) == Some(&channels) {
        true => x,
        false => b.conv(x, &s.at("res_conv"), Conv::new(channels, [1; 3]))?,
    };
    b.add(main, beside)
}
