//! The last layer of a network of many classes, apart from it.
//!
//! Such a layer is a matrix W and a bias b at every voxel, without an activation behind it, and a voxel's
//! answer is the mean of the tiles over it by their weights w: sum(w (W x + b)) / sum(w) is
//! W (sum(w x) / sum(w)) + b. So tiles are summed before the layer where it reads fewer channels
//! than it gives: of 118 classes from 32 features the sums take a quarter of the memory, no tile's
//! logits are held, and the layer works once for each voxel instead of once for each tile over it.

use crate::error::translate;
use base::Result;
use engine::Tensor;
use engine::cpu::{Network, Options};
use engine::graph::{Builder, Value};

/// Voxels that go through the layer at a time: features and logits of some hundred classes stay in
/// a second-level cache of a megabyte or little more.
const VOXELS: usize = 2048;

/// A layer without activation that works voxel by voxel, for any number of voxels.
pub(crate) struct Head {
    network: Network,
    /// `[1, channels, …, VOXELS]`.
    input: Tensor,
    heads: usize,
    logits: Vec<f32>,
}

impl Head {
    /// `layer` on values `[1, channels, (1,) 1, voxels]`, with two or three spatial axes by `rank`.
    pub fn new(
        options: &Options,
        rank: usize,
        channels: usize,
        layer: impl FnOnce(&mut Builder, Value) -> engine::Result<Value>,
    ) -> engine::Result<Head> {
        let mut shape = vec![1, channels];
        shape.resize(rank + 1, 1);
        shape.push(VOXELS);
        let mut b = Builder::new();
        let features = b.input("features", &shape);
        let logits = layer(&mut b, features)?;
        let heads = b.shape(logits)[1];
        let network = Network::compile(b.finish(&[("logits", logits)]), options)?;
        Ok(Head { network, input: Tensor::zeros(&shape), heads, logits: Vec::new() })
    }

    /// Number of channels that the layer gives.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Bytes that it holds beside the logits of a plane.
    pub fn bytes(&self) -> u64 {
        self.network.planned_bytes() + self.input.data().len() as u64 * 4
    }

    /// Logits `[head][voxel]` of features `[channel][voxel]`.
    pub fn logits(&mut self, features: &[f32]) -> Result<&[f32]> {
        let voxels = features.len() / (self.input.data().len() / VOXELS).max(1);
        self.logits.resize(self.heads * voxels, 0.0);
        for start in (0..voxels).step_by(VOXELS) {
            let count = VOXELS.min(voxels - start);
            let strips = self.input.data_mut().chunks_exact_mut(VOXELS);
            for (strip, features) in strips.zip(features.chunks_exact(voxels)) {
                strip[..count].copy_from_slice(&features[start..][..count]);
            }
            let out = &mut self.logits;
            let put = |answer: &mut [f32]| {
                for (row, strip) in out.chunks_exact_mut(voxels).zip(answer.chunks_exact(VOXELS)) {
                    row[start..][..count].copy_from_slice(&strip[..count]);
                }
            };
            self.network.run_lent(&[&self.input], put).map_err(translate)?;
        }
        Ok(&self.logits)
    }
}

/// Logits of a plane that left the slab.
pub(crate) fn made<'l>(head: &'l mut Option<Head>, answer: &'l [f32]) -> Result<&'l [f32]> {
    match head {
        Some(head) => head.logits(answer),
        None => Ok(answer),
    }
}
