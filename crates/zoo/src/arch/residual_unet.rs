//! MONAI's `UNet` (`monai/networks/nets/unet.py`, blocks `Convolution` and `ResidualUnit`): convolutions
//! stride down, transposed ones lead up, both optionally in residual units.
//!
//! Levels are nested in the checkpoint: `model.0` leads down, `model.1.submodule` is the next level,
//! `model.2` leads up.

use super::layers::{Act, Norm};
use engine::Result;
use engine::graph::{Builder, Conv, ConvTranspose, Value};
use engine::weights::Scope;

/// Names of a checkpoint that inference does not need.
pub const LEFT_OVER: &[&str] = &["*num_batches_tracked"];

/// The network.
#[derive(Clone, Debug, PartialEq)]
pub struct ResidualUNet {
    /// Output channels.
    pub classes: usize,
    /// Channels of each level, from full resolution down; two at least.
    pub channels: Vec<usize>,
    /// Stride from each level to the next; one fewer than levels.
    pub strides: Vec<usize>,
    /// Extent of kernels leading down, odd.
    pub kernel: usize,
    /// Extent of kernels leading up, odd.
    pub up_kernel: usize,
    /// Convolutions of a residual unit; none at all when 0.
    pub units: usize,
    /// After each convolution.
    pub norm: Norm,
    /// After each norm.
    pub act: Act,
    /// Activation before norm (`adn_ordering` "AN…" instead of "NA…").
    pub act_first: bool,
    /// Convolutions have a bias.
    pub bias: bool,
}

impl ResidualUNet {
    /// Logits `[1, classes, D, H, W]` of an image `[1, C, D, H, W]` whose extents the strides divide.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Value> {
        self.level(b, &s.at("model"), image, 0, self.classes)
    }

    fn level(&self, b: &mut Builder, s: &Scope, x: Value, at: usize, out: usize) -> Result<Value> {
        let top = at == 0;
        let (channels, stride) = (self.channels[at], self.strides[at]);
        let skip = self.down(b, &s.at("0"), x, channels, stride)?;
        let inner = s.at("1.submodule");
        let below = match at + 2 == self.channels.len() {
            true => self.down(b, &inner, skip, self.channels[at + 1], 1)?,
            false => self.level(b, &inner, skip, at + 1, channels)?,
        };
        let x = b.concat(&[skip, below], 1)?;
        let up = s.at("2");
        if self.units == 0 {
            return self.up(b, &up, x, out, stride, top);
        }
        let x = self.up(b, &up.at("0"), x, out, stride, false)?;
        self.unit(b, &up.at("1"), x, out, 1, (1, self.kernel), top)
    }

    /// A convolution, or a residual unit.
    fn down(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        channels: usize,
        stride: usize,
    ) -> Result<Value> {
        match self.units {
            0 => self.conv(b, s, x, channels, (stride, self.kernel), false),
            units => self.unit(b, s, x, channels, stride, (units, self.kernel), false),
        }
    }

    /// Convolutions and a shortcut; the last one `bare`, without norm and activation.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call each, as the reference's class has them"
    )]
    fn unit(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        channels: usize,
        stride: usize,
        (units, kernel): (usize, usize),
        bare: bool,
    ) -> Result<Value> {
        let mut main = x;
        for unit in 0..units {
            let place = s.at(&format!("conv.unit{unit}"));
            let stride = if unit == 0 { stride } else { 1 };
            let bare = bare && unit + 1 == units;
            main = self.conv(b, &place, main, channels, (stride, kernel), bare)?;
        }
        let from = b.shape(x).get(1).copied().unwrap_or(0);
        let shortcut = match (stride, from == channels) {
            (1, true) => x,
            (1, false) => self.plain(b, &s.at("residual"), x, channels, (1, 1))?,
            _ => self.plain(b, &s.at("residual"), x, channels, (stride, kernel))?,
        };
        b.add(main, shortcut)
    }

    fn plain(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        channels: usize,
        (stride, kernel): (usize, usize),
    ) -> Result<Value> {
        let conv = Conv::new(channels, [kernel; 3]).stride(stride).pad((kernel - 1) / 2);
        b.conv(x, s, if self.bias { conv } else { conv.no_bias() })
    }

    fn conv(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        channels: usize,
        size: (usize, usize),
        bare: bool,
    ) -> Result<Value> {
        let x = self.plain(b, &s.at("conv"), x, channels, size)?;
        if bare { Ok(x) } else { self.after(b, &s.at("adn"), x) }
    }

    fn up(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        channels: usize,
        stride: usize,
        bare: bool,
    ) -> Result<Value> {
        let up = ConvTranspose::new(channels, [self.up_kernel; 3])
            .stride(stride)
            .pad((self.up_kernel - 1) / 2)
            .output_padding(stride - 1);
        let x = b.conv_transpose(x, &s.at("conv"), if self.bias { up } else { up.no_bias() })?;
        if bare { Ok(x) } else { self.after(b, &s.at("adn"), x) }
    }

    fn after(&self, b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
        let (norm, act) = (s.at("N"), s.at("A"));
        if self.act_first {
            let x = self.act.apply(b, &act, x);
            return self.norm.apply(b, &norm, x);
        }
        let x = self.norm.apply(b, &norm, x)?;
        Ok(self.act.apply(b, &act, x))
    }
}
