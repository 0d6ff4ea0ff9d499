//! Layers of the [`Builder`] beyond the classic convolutional network: norms by the input's own
//! statistics, nearest neighbours, other shapes.

use super::builder::{Builder, shape_error};
use super::op::{Op, Value};
use crate::error::Result;
use crate::weights::Scope;
use kernels::{Activation, WindowShape};
use std::sync::Arc;

impl Builder {
    /// Norm over groups of channels, with `weight` and `bias` `[C]` of the scope.
    pub fn group_norm(&mut self, x: Value, s: &Scope, groups: usize, eps: f32) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        let divides = |c: usize| groups > 0 && c.is_multiple_of(groups);
        match shape.get(1) {
            Some(&channels) if shape.len() > 2 && divides(channels) => {
                let of = |name| Arc::new(s.tensor(name, &[channels]).data().to_vec());
                let (weight, bias) = (Some(of("weight")), Some(of("bias")));
                let activation = Activation::Identity;
                let op = Op::GroupNorm { groups, weight, bias, eps, activation };
                Ok(self.push(s.path().to_string(), op, &[x], shape))
            }
            _ => Err(shape_error(s.path(), format!("{groups} groups do not fit {shape:?}"))),
        }
    }

    /// Norm of each channel by itself; with a scope, `weight` and `bias` `[C]` of it.
    pub fn instance_norm(&mut self, x: Value, s: Option<&Scope>, eps: f32) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        let groups = shape.get(1).copied().unwrap_or(0);
        if let Some(s) = s {
            return self.group_norm(x, s, groups, eps);
        }
        let name = self.numbered("instance_norm");
        if shape.len() < 3 || groups == 0 {
            return Err(shape_error(&name, format!("no channels in {shape:?}")));
        }
        let activation = Activation::Identity;
        let op = Op::GroupNorm { groups, weight: None, bias: None, eps, activation };
        Ok(self.push(name, op, &[x], shape))
    }

    /// Norm over the last axis, with `weight` and `bias` of its extent from the scope.
    pub fn layer_norm(&mut self, x: Value, s: &Scope, eps: f32) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        match shape.last() {
            Some(&columns) if columns > 0 && shape.len() > 1 => {
                let of = |name| Some(Arc::new(s.tensor(name, &[columns]).data().to_vec()));
                let (weight, bias, activation) = (of("weight"), of("bias"), Activation::Identity);
                let op = Op::LayerNorm { weight, bias, eps, activation };
                Ok(self.push(s.path().to_string(), op, &[x], shape))
            }
            _ => Err(shape_error(s.path(), format!("no last axis to norm in {shape:?}"))),
        }
    }

    /// Norm over the channels at each position; with a scope, `weight` and `bias` `[C]` of it.
    pub fn channel_norm(&mut self, x: Value, s: Option<&Scope>, eps: f32) -> Result<Value> {
        let shape = self.shape(x).to_vec();
        let name = s.map_or_else(|| self.numbered("channel_norm"), |s| s.path().to_string());
        let Some(&channels) = shape.get(1).filter(|channels| **channels > 0) else {
            return Err(shape_error(&name, format!("no channels in {shape:?}")));
        };
        let of = |name| s.map(|s| Arc::new(s.tensor(name, &[channels]).data().to_vec()));
        let (weight, bias) = (of("weight"), of("bias"));
        let op = Op::ChannelNorm { weight, bias, eps, activation: Activation::Identity };
        Ok(self.push(name, op, &[x], shape))
    }

    /// Attention inside the windows of a volume, as [`kernels::window_attention`]: `[N, 3·C, D, H, W]` to
    /// `[N, C, D, H, W]`. `bias` is `[heads][n][n]` for windows of n places, `pad` `[3·C]`.
    pub fn window_attention(
        &mut self,
        x: Value,
        heads: usize,
        [window, shift]: [[usize; 3]; 2],
        bias: Vec<f32>,
        pad: Vec<f32>,
    ) -> Result<Value> {
        let name = self.numbered("window_attention");
        let (batch, all, spatial) = self.image(x, 3, &name)?;
        let channels = all / 3;
        let size = super::builder::axes(&spatial, 1);
        let shape = WindowShape { channels, heads, size, window, shift };
        let sides = (0..3)
            .all(|axis| (1..=size[axis]).contains(&window[axis]) && shift[axis] < window[axis]);
        let places = window.iter().try_fold(heads, |n, &extent| n.checked_mul(extent));
        let scores = places.and_then(|n| n.checked_mul(window.iter().product()));
        let fits =
            all.is_multiple_of(3) && channels > 0 && heads > 0 && channels.is_multiple_of(heads);
        if !sides || !fits || scores != Some(bias.len()) || pad.len() != all {
            let (n, m) = (bias.len(), pad.len());
            let message =
                format!("{shape:?} with {n} values of a bias and {m} of a padding does not fit");
            return Err(shape_error(&name, message));
        }
        let out = vec![batch, channels, size[0], size[1], size[2]];
        let op = Op::WindowAttention { shape, bias: Arc::new(bias), pad: Arc::new(pad) };
        Ok(self.push(name, op, &[x], out))
    }

    /// The nearest neighbour along all spatial axes, as PyTorch's `nearest`: `floor(i · from / to)`.
    pub fn resize_nearest(&mut self, x: Value, to: &[usize]) -> Result<Value> {
        let name = self.numbered("resize_nearest");
        let (batch, channels, from) = self.image(x, to.len(), &name)?;
        if to.contains(&0) || from.contains(&0) {
            return Err(shape_error(&name, format!("cannot resize {from:?} to {to:?}")));
        }
        let mut shape = vec![batch, channels];
        shape.extend(to);
        Ok(self.push(name, Op::ResizeNearest, &[x], shape))
    }

    /// The same numbers in another shape; the batch, the first axis, stays.
    pub fn reshape(&mut self, x: Value, to: &[usize]) -> Result<Value> {
        let name = self.numbered("reshape");
        let from = self.shape(x);
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &e| n.checked_mul(e));
        let both = from.len() > 1 && to.len() > 1;
        if !both || from[0] != to[0] || count(from).is_none() || count(from) != count(to) {
            return Err(shape_error(&name, format!("{from:?} does not become {to:?}")));
        }
        Ok(self.push(name, Op::Reshape, &[x], to.to_vec()))
    }

    /// `[N, …]` to `[N, C]`, all axes after the first in one.
    pub fn flatten(&mut self, x: Value) -> Result<Value> {
        let shape = self.shape(x);
        let rest = shape.iter().skip(1).try_fold(1usize, |n, &extent| n.checked_mul(extent));
        let (batch, rest) = (shape.first().copied().unwrap_or(0), rest.unwrap_or(0));
        self.reshape(x, &[batch, rest])
    }
}
