//! The U-Net of OAI_analysis_2 (`oai_analysis/segmentation/networks.py`, `UNet`): three poolings, no norm,
//! and on the way up transposed convolutions throughout, those of stride 1 too.

use engine::Result;
use engine::graph::{Builder, Conv, ConvTranspose, Value, Window};
use engine::weights::Scope;

/// Extents of what it sees are multiples of it.
pub const MULTIPLE: usize = 8;
/// Femoral and tibial cartilage.
pub const CLASSES: usize = 2;

/// The logits of the classes `[1, 2, …]` of an image `[1, 1, …]`.
pub fn logits(b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
    let encode = |b: &mut Builder, x: Value, number: usize, features: usize| -> Result<Value> {
        let x = b.conv(x, &s.at(&format!("ec{number}.0")), Conv::new(features, [3; 3]).pad(1))?;
        Ok(b.relu(x))
    };
    let mut x = image;
    let mut skips = Vec::new();
    for (level, features) in [32, 64, 128, 256].into_iter().enumerate() {
        x = encode(b, x, 2 * level, features)?;
        x = encode(b, x, 2 * level + 1, 2 * features)?;
        if level < 3 {
            skips.push(x);
            x = b.max_pool(x, Window::new([2; 3]))?;
        }
    }
    for (number, skip) in [9, 6, 3].into_iter().zip(skips.into_iter().rev()) {
        let (above, own) = (b.shape(x)[1], b.shape(skip)[1]);
        let up = ConvTranspose::new(above, [2; 3]).stride(2);
        x = b.conv_transpose(x, &s.at(&format!("dc{number}.0")), up)?;
        x = b.relu(x);
        x = b.concat(&[x, skip], 1)?;
        for number in [number - 1, number - 2] {
            x = mirrored_conv(b, x, &s.at(&format!("dc{number}.0")), own)?;
            x = b.relu(x);
        }
    }
    b.conv(x, &s.at("dc0"), Conv::new(CLASSES, [1; 3]))
}

/// A transposed convolution of stride 1 with a border of 1: the convolution with the kernel turned around
/// and its channels exchanged, for which there are faster ways.
fn mirrored_conv(b: &mut Builder, x: Value, s: &Scope, features: usize) -> Result<Value> {
    const TAPS: usize = 27;
    let channels = b.shape(x)[1];
    let stored = s.tensor("weight", &[channels, features, 3, 3, 3]);
    let mut weight = vec![0.0; stored.data().len()];
    for (number, kernel) in stored.data().chunks_exact(TAPS).enumerate() {
        let (from, to) = (number / features, number % features);
        let place = (to * channels + from) * TAPS;
        for (tap, value) in kernel.iter().rev().enumerate() {
            weight[place + tap] = *value;
        }
    }
    let bias = s.tensor("bias", &[features]).data().to_vec();
    let held = Scope::recording_with(move |name, _| match name {
        "bias" => bias.clone(),
        _ => weight.clone(),
    });
    b.conv(x, &held, Conv::new(features, [3; 3]).pad(1))
}
