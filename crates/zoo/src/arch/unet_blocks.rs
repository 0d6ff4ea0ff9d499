//! The blocks that MONAI's networks of nnU-Net's kind are made of (`monai/networks/blocks/dynunet_block.py`):
//! `UnetBasicBlock` and `UnetResBlock`.

use super::layers::{Act, Norm};
use engine::Result;
use engine::graph::{Builder, Conv, Value};
use engine::weights::Scope;

/// What follows the convolutions of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blocks {
    /// After each convolution.
    pub norm: Norm,
    /// After each norm.
    pub act: Act,
}

/// A block's convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Output channels.
    pub channels: usize,
    /// Kernel extents, odd.
    pub kernel: [usize; 3],
    /// Of the first convolution.
    pub stride: [usize; 3],
}

impl Blocks {
    /// Two convolutions.
    pub fn plain(&self, b: &mut Builder, s: &Scope, x: Value, shape: Shape) -> Result<Value> {
        let x = self.layer(b, s, x, 1, shape)?;
        let x = self.act.apply(b, &s.at("lrelu"), x);
        let x = self.layer(b, s, x, 2, Shape { stride: [1; 3], ..shape })?;
        Ok(self.act.apply(b, &s.at("lrelu"), x))
    }

    /// Two convolutions and the way past them, which has its own where extents or channels change.
    pub fn residual(&self, b: &mut Builder, s: &Scope, x: Value, shape: Shape) -> Result<Value> {
        let from = b.shape(x).get(1).copied().unwrap_or(0);
        let mut main = self.layer(b, s, x, 1, shape)?;
        main = self.act.apply(b, &s.at("lrelu"), main);
        main = self.layer(b, s, main, 2, Shape { stride: [1; 3], ..shape })?;
        let shortcut = match from != shape.channels || shape.stride != [1; 3] {
            true => self.layer(b, s, x, 3, Shape { kernel: [1; 3], ..shape })?,
            false => x,
        };
        let sum = b.add(main, shortcut)?;
        Ok(self.act.apply(b, &s.at("lrelu"), sum))
    }

    /// Convolution and norm `number` of a block.
    fn layer(
        &self,
        b: &mut Builder,
        s: &Scope,
        x: Value,
        number: usize,
        Shape { channels, kernel, stride }: Shape,
    ) -> Result<Value> {
        // `get_padding`: half of what the kernel is longer than the stride, rounded down.
        let pads = [0, 1, 2].map(|axis| (kernel[axis] + 1).saturating_sub(stride[axis]) / 2);
        let conv = Conv::of(channels, &kernel).strides(&stride).pads(&pads).no_bias();
        let x = b.conv(x, &s.at(&format!("conv{number}.conv")), conv)?;
        self.norm.apply(b, &s.at(&format!("norm{number}")), x)
    }
}
