//! MONAI's `VISTA3D` asked for classes (`monai/networks/nets/vista3d.py`, `segresnet_ds.py`; He et al. 2024): the
//! image becomes features at every voxel, a class a vector as long, and a class's logit is their product. The
//! branch for points is not here.

use super::layers::{Act, Norm};
use super::unet_blocks::{Blocks, Shape};
use super::{EPSILON, dyn_unet};
use engine::Result;
use engine::graph::{Activation, Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Names of a checkpoint that classes do not need: the branch for points.
pub const LEFT_OVER: &[&str] =
    &["point_head.*", "image_encoder.up_layers.*", "*num_batches_tracked"];

/// Classes that have a vector (`n_classes` of `vista3d132`).
pub const EMBEDDED: usize = 512;

/// Residual blocks of each level down (`blocks_down` of `vista3d132`); up there is one a level.
const DOWN: [usize; 5] = [1, 2, 2, 4, 4];

/// Levels below full resolution.
pub const LEVELS: usize = DOWN.len() - 1;

/// Norms of the encoder have weights, those of the class head none.
const NORM: Norm = Norm::Instance { affine: true };

/// The network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vista3d {
    /// Features of a voxel, and channels at full resolution (`encoder_embed_dim`).
    pub features: usize,
}

impl Vista3d {
    /// Features `[1, features, D, H, W]` of an image `[1, C, D, H, W]` whose extents are multiples of 16.
    pub fn image(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let encoder = s.at("image_encoder");
        let mut x = self.up(b, &encoder, image)?;
        let last = encoder.at(&format!("up_layers_auto.{}.head", LEVELS - 1));
        x = b.conv(x, &last, Conv::new(self.features, [1; 3]))?;
        let blocks = Blocks { norm: Norm::Instance { affine: false }, act: dyn_unet::ACT };
        let shape = Shape { channels: self.features, kernel: [3; 3], stride: [1; 3] };
        for block in 0..2 {
            let place = s.at(&format!("class_head.image_post_mapping.{block}.layer"));
            x = blocks.residual(b, &place, x, shape)?;
        }
        Ok(x)
    }

    /// The stored vectors `[classes, features]` of `classes`, each below [`EMBEDDED`].
    pub fn stored(&self, s: &Scope, classes: &[u16]) -> Vec<f32> {
        let all = s.tensor("class_head.class_embeddings.weight", &[EMBEDDED, self.features]);
        let row = |class: &u16| {
            let start = usize::from(*class) * self.features;
            all.data().get(start..start + self.features).unwrap_or_default()
        };
        classes.iter().flat_map(row).copied().collect()
    }

    /// The vectors that features are multiplied with, of stored ones.
    pub fn vectors(&self, b: &mut Builder, s: &Scope, stored: Value) -> Result<Value> {
        let mlp = s.at("class_head.mlp");
        let count = b.shape(stored).first().copied().unwrap_or(0);
        let mut x = b.linear(stored, &mlp.at("0"), self.features)?;
        // `InstanceNorm1d(1)`: each vector by itself.
        x = b.reshape(x, &[count, 1, self.features])?;
        x = b.instance_norm(x, None, EPSILON)?;
        x = b.reshape(x, &[count, self.features])?;
        x = b.activation(x, Activation::Gelu);
        b.linear(x, &mlp.at("3"), self.features)
    }

    /// `SegResNetDS2` up to its head, the branch for classes.
    fn up(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let mut x = conv3(b, &s.at("encoder.conv_init"), image, self.features, 1)?;
        let mut skips = Vec::new();
        for (level, &blocks) in DOWN.iter().enumerate() {
            let s = s.at(&format!("encoder.layers.{level}"));
            for number in 0..blocks {
                x = block(b, &s.at(&format!("blocks.{number}")), x)?;
            }
            if level < LEVELS {
                skips.push(x);
                x = conv3(b, &s.at("downsample"), x, self.features << (level + 1), 2)?;
            }
        }
        for (step, skip) in skips.into_iter().rev().enumerate() {
            let s = s.at(&format!("up_layers_auto.{step}"));
            let channels = self.features << (LEVELS - 1 - step);
            let up = ConvTranspose::new(channels, [3; 3]).stride(2).pad(1).output_padding(1);
            x = b.conv_transpose(x, &s.at("upsample.deconv"), up.no_bias())?;
            x = b.add(x, skip)?;
            x = block(b, &s.at("blocks.0"), x)?;
        }
        Ok(x)
    }
}

/// `SegResBlock`.
fn block(b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
    let channels = b.shape(x).get(1).copied().unwrap_or(0);
    let mut main = x;
    for number in ["1", "2"] {
        main = NORM.apply(b, &s.at(&format!("norm{number}")), main)?;
        main = Act::Fixed(Activation::Relu).apply(b, s, main);
        main = conv3(b, &s.at(&format!("conv{number}")), main, channels, 1)?;
    }
    b.add(main, x)
}

fn conv3(b: &mut Builder, s: &Scope, x: Value, channels: usize, stride: usize) -> Result<Value> {
    b.conv(x, s, Conv::new(channels, [3; 3]).stride(stride).pad(1).no_bias())
}
