//! MONAI's `SwinUNETR` (`monai/networks/nets/swin_unetr.py`, Hatamizadeh et al. 2022): a transformer with
//! attention in shifted windows leads down, residual convolutions lead up.
//!
//! Channels stand first throughout, so that a layer on tokens is a convolution of one voxel. Where a level is
//! smaller than the window, the original takes the first rows and columns of the whole window's table of
//! relative places; so does this.

use super::EPSILON;
use super::layers::{Act, Norm};
use super::unet_blocks::{Blocks, Shape};
use engine::Result;
use engine::graph::{Activation, Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Names of a checkpoint that inference does not need: the table of relative places follows from the window.
pub const LEFT_OVER: &[&str] = &["*relative_position_index", "*num_batches_tracked"];

/// Levels of the transformer.
pub const LEVELS: usize = 4;

/// The order in which eight neighbours become channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merging {
    /// `merging` until MONAI 1.4: two neighbours twice and two never. Published weights learned with it.
    Twice,
    /// `merging` since 1.5.
    Once,
    /// `mergingv2`: the last axis fastest.
    InOrder,
}

impl Merging {
    fn offsets(self) -> [[usize; 3]; 8] {
        let [first, second] = [[1, 1, 0], [0, 1, 1]];
        match self {
            Merging::InOrder => std::array::from_fn(|n| [n >> 2 & 1, n >> 1 & 1, n & 1]),
            Merging::Once => {
                [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], first, [1, 0, 1], second, [1, 1, 1]]
            }
            Merging::Twice => [
                [0, 0, 0],
                [1, 0, 0],
                [0, 1, 0],
                [0, 0, 1],
                [1, 0, 1],
                [0, 1, 0],
                [0, 0, 1],
                [1, 1, 1],
            ],
        }
    }
}

/// The network.
#[derive(Clone, Debug, PartialEq)]
pub struct SwinUnetr {
    /// Output channels.
    pub classes: usize,
    /// Channels of the first level; each next has twice as many.
    pub features: usize,
    /// Transformer blocks of each level.
    pub depths: [usize; LEVELS],
    /// Heads of each level.
    pub heads: [usize; LEVELS],
    /// Places of a window.
    pub window: [usize; 3],
    /// Queries, keys and values have a bias.
    pub qkv_bias: bool,
    /// Features between the two layers of a block, of its channels.
    pub mlp_ratio: f64,
    /// After each convolution of the way up.
    pub norm: Norm,
    /// What the levels hand on is normed.
    pub normalize: bool,
    /// See [`Merging`].
    pub merging: Merging,
}

impl SwinUnetr {
    /// Logits `[1, classes, D, H, W]` of an image `[1, C, D, H, W]` whose extents are multiples of 32.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        let vit = s.at("swinViT");
        let embed = Conv::new(self.features, [2; 3]).stride(2);
        let mut x = b.conv(image, &vit.at("patch_embed.proj"), embed)?;
        let mut states = vec![self.handed_on(b, x)?];
        for level in 0..LEVELS {
            x = self.level(b, &vit.at(&format!("layers{}.0", level + 1)), x, level)?;
            states.push(self.handed_on(b, x)?);
        }
        let act = Act::Fixed(Activation::LeakyRelu(0.01));
        let blocks = Blocks { norm: self.norm, act };
        let block = |b: &mut Builder, name: &str, x: Value, channels: usize| {
            let shape = Shape { channels, kernel: [3; 3], stride: [1; 3] };
            blocks.residual(b, &s.at(name), x, shape)
        };
        let f = self.features;
        let mut skips = vec![block(b, "encoder1.layer", image, f)?];
        for level in 0..3 {
            let name = format!("encoder{}.layer", level + 2);
            skips.push(block(b, &name, states[level], f << level)?);
        }
        skips.push(states[3]);
        let mut x = block(b, "encoder10.layer", states[4], f << LEVELS)?;
        for level in (0..=LEVELS).rev() {
            let channels = f << level.saturating_sub(1);
            let name = format!("decoder{}", level + 1);
            let up = ConvTranspose::new(channels, [2; 3]).stride(2).no_bias();
            x = b.conv_transpose(x, &s.at(&name).at("transp_conv.conv"), up)?;
            x = b.concat(&[x, skips[level]], 1)?;
            x = block(b, &format!("{name}.conv_block"), x, channels)?;
        }
        b.conv(x, &s.at("out.conv.conv"), Conv::new(self.classes, [1; 3]))
    }

    fn handed_on(&self, b: &mut Builder, x: Value) -> Result<Value> {
        if self.normalize { b.channel_norm(x, None, EPSILON) } else { Ok(x) }
    }

    /// The blocks of a level and the step to the next.
    fn level(&self, b: &mut Builder, s: &Scope, mut x: Value, level: usize) -> Result<Value> {
        for number in 0..self.depths[level] {
            let shifted = number % 2 == 1;
            x = self.block(b, &s.at(&format!("blocks.{number}")), x, self.heads[level], shifted)?;
        }
        let channels = self.features << level;
        let x = merged(b, x, channels, self.merging)?;
        let x = b.channel_norm(x, Some(&s.at("downsample.norm")), EPSILON)?;
        b.pointwise(x, &s.at("downsample.reduction"), 2 * channels, false)
    }

    fn block(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        heads: usize,
        shifted: bool,
    ) -> Result<Value> {
        let shape = b.shape(x).to_vec();
        let channels = shape.get(1).copied().unwrap_or(0);
        let attn = s.at("attn");
        let normed = b.channel_norm(x, Some(&s.at("norm1")), EPSILON)?;
        let qkv = b.pointwise(normed, &attn.at("qkv"), 3 * channels, self.qkv_bias)?;
        // A level within one window along an axis is neither cut nor shifted there.
        let (mut window, mut shift) = (self.window, self.window.map(|extent| extent / 2));
        for axis in 0..3 {
            let extent = shape.get(axis + 2).copied().unwrap_or(1);
            if extent <= window[axis] {
                (window[axis], shift[axis]) = (extent, 0);
            }
        }
        let shift = if shifted { shift } else { [0; 3] };
        let bias = self.bias(&attn, heads, window.iter().product());
        let pad = match self.qkv_bias {
            true => attn.at("qkv").tensor("bias", &[3 * channels]).data().to_vec(),
            false => vec![0.0; 3 * channels],
        };
        let seen = b.window_attention(qkv, heads, [window, shift], bias, pad)?;
        let seen = b.pointwise(seen, &attn.at("proj"), channels, true)?;
        let x = b.add(x, seen)?;
        let normed = b.channel_norm(x, Some(&s.at("norm2")), EPSILON)?;
        let hidden = (channels as f64 * self.mlp_ratio) as usize;
        let more = b.pointwise(normed, &s.at("mlp.linear1"), hidden, true)?;
        let more = b.activation(more, Activation::Gelu);
        let more = b.pointwise(more, &s.at("mlp.linear2"), channels, true)?;
        b.add(x, more)
    }

    /// What the scores of a window of `n` places are given for how its places lie, `[heads][n][n]`.
    fn bias(&self, attn: &Scope, heads: usize, n: usize) -> Vec<f32> {
        let [depth, height, width] = self.window;
        let rows = (2 * depth - 1) * (2 * height - 1) * (2 * width - 1);
        let table = attn.tensor("relative_position_bias_table", &[rows, heads]);
        let table = table.data();
        // Places by number, as in the whole window.
        let place = |t: usize| [t / (height * width), t / width % height, t % width];
        let mut bias = vec![0.0; heads * n * n];
        for query in 0..n {
            let [z, y, x] = place(query);
            for key in 0..n {
                let [kz, ky, kx] = place(key);
                let [dz, dy, dx] = [z + depth - 1 - kz, y + height - 1 - ky, x + width - 1 - kx];
                let row = (dz * (2 * height - 1) + dy) * (2 * width - 1) + dx;
                for head in 0..heads {
                    bias[(head * n + query) * n + key] = table[row * heads + head];
                }
            }
        }
        bias
    }
}

/// Two by two by two neighbours as channels: a convolution that picks.
fn merged(b: &mut Builder, x: Value, channels: usize, merging: Merging) -> Result<Value> {
    let picks = Scope::recording_with(move |_, shape| {
        let mut weight = vec![0.0; shape.iter().product()];
        for (number, [z, y, x]) in merging.offsets().into_iter().enumerate() {
            for channel in 0..channels {
                let row = (number * channels + channel) * channels + channel;
                weight[row * 8 + (z * 2 + y) * 2 + x] = 1.0;
            }
        }
        weight
    });
    b.conv(x, &picks, Conv::new(8 * channels, [2; 3]).stride(2).no_bias())
}
