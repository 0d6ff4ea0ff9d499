//! EfficientNet-Lite (Tan & Le 2019, table 1, without squeeze-and-excitation, with ReLU6), in the naming
//! of the project's own knee grader (`training/knee/network.py`): the trunk of Lite0 without its last
//! stage. Paddings are symmetric, unlike TensorFlow's.

use engine::graph::{Activation, Builder, Conv, Value};
use engine::weights::Scope;

/// Features of the first layer.
const STEM: usize = 32;
/// Features of the trunk's answer.
pub const FEATURES: usize = 192;
/// Expansion, features, repeats, stride, kernel of each stage.
const STAGES: [(usize, usize, usize, usize, usize); 6] = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
];
/// Epsilon of its batch norms, TensorFlow's.
const EPS: f32 = 1e-3;
const RELU6: Activation = Activation::Clamp(0.0, 6.0);

/// Features `[1, 192, H/32, W/32]` of an image `[1, 1, H, W]`.
pub fn trunk(b: &mut Builder, s: &Scope, image: Value) -> engine::Result<Value> {
    let stem = Conv::new(STEM, [3; 2]).stride(2).pad(1).no_bias();
    let mut x = b.conv(image, &s.at("stem_conv"), stem)?;
    x = b.batch_norm(x, &s.at("stem_norm"), EPS)?;
    x = b.activation(x, RELU6);
    let mut number = 0;
    for (expansion, features, repeats, stride, kernel) in STAGES {
        for repeat in 0..repeats {
            let s = s.at(&format!("blocks.{number}"));
            let stride = if repeat == 0 { stride } else { 1 };
            x = block(b, &s, x, expansion, features, stride, kernel)?;
            number += 1;
        }
    }
    Ok(x)
}

/// 1×1 up, depthwise, 1×1 down; the input is added where shapes agree.
fn block(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    expansion: usize,
    features: usize,
    stride: usize,
    kernel: usize,
) -> engine::Result<Value> {
    let inputs = b.shape(x)[1];
    let wide = inputs * expansion;
    let mut y = x;
    if expansion > 1 {
        y = b.conv(y, &s.at("expand_conv"), Conv::new(wide, [1; 2]).no_bias())?;
        y = b.batch_norm(y, &s.at("expand_norm"), EPS)?;
        y = b.activation(y, RELU6);
    }
    let depth = Conv::new(wide, [kernel; 2]).stride(stride).pad(kernel / 2).groups(wide).no_bias();
    y = b.conv(y, &s.at("depth_conv"), depth)?;
    y = b.batch_norm(y, &s.at("depth_norm"), EPS)?;
    y = b.activation(y, RELU6);
    y = b.conv(y, &s.at("project_conv"), Conv::new(features, [1; 2]).no_bias())?;
    y = b.batch_norm(y, &s.at("project_norm"), EPS)?;
    if stride == 1 && inputs == features { b.add(x, y) } else { Ok(y) }
}
