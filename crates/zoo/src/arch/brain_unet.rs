//! The U-Net of the project's own brain reader (`training/brain/network.py`): it takes a head of 1 mm
//! voxels and answers at 1 mm, but computes at 2 mm and coarser.
//!
//! The first layer folds 2³ voxels into features, the head mixes what is known of a place and unfolds it again
//! (transposed convolution, kernel and stride 2). The head is a network of its own, so that the answer of a whole head, 20
//! numbers a voxel, never has to be in memory at once.

use engine::graph::{Activation, Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Features at 2, 4, 8, 16 and 32 mm.
const WIDTHS: [usize; 5] = [16, 32, 64, 96, 128];
/// Features of the decoder's last layer.
const DEEP: usize = 32;
/// Features that the head takes: the decoder's, the folded input's and the first layer's.
pub const FEATURES: usize = DEEP + 2 * WIDTHS[0];
/// Features that the head makes of them.
const MIXED: usize = 128;
/// Extents of the input are multiples of it.
pub const MULTIPLE: usize = 32;
/// PyTorch's default of an instance norm.
const EPS: f32 = 1e-5;
const LEAKY: Activation = Activation::LeakyRelu(0.01);

/// The features `[1, 64, D/2, H/2, W/2]` of a head `[1, 1, D, H, W]`, extents multiples of 32, and of what
/// is known of it beforehand, `[1, known, D/2, H/2, W/2]`.
pub fn trunk(b: &mut Builder, s: &Scope, size: [usize; 3], known: usize) -> engine::Result<Value> {
    let head = b.input("head", &[1, 1, size[0], size[1], size[2]]);
    let half = size.map(|extent| extent / 2);
    let known = b.input("prior", &[1, known, half[0], half[1], half[2]]);
    let folded = b.conv(head, &s.at("fold"), Conv::new(WIDTHS[0], [2; 3]).stride(2))?;
    let entering = b.concat(&[folded, known], 1)?;
    let mut kept = vec![layer(b, &s.at("enter"), entering, WIDTHS[0], 1)?];
    for (level, &width) in WIDTHS[1..].iter().enumerate() {
        let s = s.at(&format!("down.{level}"));
        let x = layer(b, &s.at("0"), kept[level], width, 2)?;
        kept.push(layer(b, &s.at("1"), x, width, 1)?);
    }
    let mut x = kept[WIDTHS.len() - 1];
    for level in (0..WIDTHS.len() - 1).rev() {
        let s = s.at(&format!("up.{level}"));
        let to = b.shape(kept[level])[2..].to_vec();
        let up = b.resize_nearest(x, &to)?;
        x = b.concat(&[up, kept[level]], 1)?;
        x = layer(b, &s.at("0"), x, WIDTHS[level], 1)?;
        x = layer(b, &s.at("1"), x, if level == 0 { DEEP } else { WIDTHS[level] }, 1)?;
    }
    let folded = b.activation(folded, LEAKY);
    b.concat(&[x, folded, kept[0]], 1)
}

/// The answer `[1, outputs, 2 D, 2 H, 2 W]` from features `[1, 64, D, H, W]`.
pub fn head(b: &mut Builder, s: &Scope, size: [usize; 3], outputs: usize) -> engine::Result<Value> {
    let features = b.input("features", &[1, FEATURES, size[0], size[1], size[2]]);
    let mixed = b.conv(features, &s.at("mix"), Conv::new(MIXED, [1; 3]))?;
    let mixed = b.activation(mixed, LEAKY);
    let features = b.concat(&[features, mixed], 1)?;
    let unfold = ConvTranspose::new(outputs, [2; 3]).stride(2);
    b.conv_transpose(features, &s.at("unfold"), unfold)
}

/// Convolution 3³, instance norm, leaky ReLU.
fn layer(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    width: usize,
    stride: usize,
) -> engine::Result<Value> {
    let conv = Conv::new(width, [3; 3]).stride(stride).pad(1).no_bias();
    let x = b.conv(x, &s.at("conv"), conv)?;
    let x = b.instance_norm(x, Some(&s.at("norm")), EPS)?;
    Ok(b.activation(x, LEAKY))
}
