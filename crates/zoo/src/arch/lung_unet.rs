//! The 2-D U-Net of lungmask (`resunet.py` with `depth=5, up_mode='upsample', batch_norm=True`):
//! batch norm after the activation, mean pooling, bilinear enlargement.

use super::EPSILON;
use engine::graph::{Builder, Conv, Value, Window};
use engine::weights::Scope;

/// Levels.
const DEPTH: usize = 5;
/// Features of the first level; each next has twice as many.
const FEATURES: usize = 64;

/// Names of a checkpoint that inference does not need: the residual form is not used.
pub const LEFT_OVER: &[&str] =
    &["*num_batches_tracked", "*residual_input_conv*", "*residual_batchnorm*"];

/// Logits `[1, classes, side, side]` of a slice `[1, 1, side, side]`; `side` is a multiple of 16.
pub fn logits(b: &mut Builder, s: &Scope, side: usize, classes: usize) -> engine::Result<Value> {
    let mut x = b.input("slice", &[1, 1, side, side]);
    let mut bridges = Vec::new();
    for level in 0..DEPTH {
        x = block(b, &s.at(&format!("down_path.{level}.block")), x, FEATURES << level)?;
        if level + 1 < DEPTH {
            bridges.push(x);
            x = b.avg_pool(x, Window::new([2; 2]))?;
        }
    }
    for (step, level) in (0..DEPTH - 1).rev().enumerate() {
        let s = s.at(&format!("up_path.{step}"));
        let extent = side >> level;
        let up = b.resize_linear(x, &[extent, extent], false)?;
        let up = b.conv(up, &s.at("up.1"), Conv::new(FEATURES << level, [1; 2]))?;
        x = b.concat(&[up, bridges[level]], 1)?;
        x = block(b, &s.at("conv_block.block"), x, FEATURES << level)?;
    }
    b.conv(x, &s.at("last"), Conv::new(classes, [1; 2]))
}

/// Twice convolution, activation, norm.
fn block(b: &mut Builder, s: &Scope, mut x: Value, features: usize) -> engine::Result<Value> {
    for (conv, norm) in [("0", "2"), ("3", "5")] {
        x = b.conv(x, &s.at(conv), Conv::new(features, [3; 2]).pad(1))?;
        x = b.relu(x);
        x = b.batch_norm(x, &s.at(norm), EPSILON)?;
    }
    Ok(x)
}
