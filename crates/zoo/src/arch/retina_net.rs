//! MONAI's `RetinaNet` for volumes (`monai/apps/detection/networks/retinanet_network.py`; Lin et al. 2017): a ResNet,
//! a pyramid of its feature maps (`blocks/feature_pyramid_network.py`, `backbone_fpn_utils.py`), and on each
//! level of it the same two heads.

use super::EPSILON;
use super::resnet::{RESNET50, Residual, Stage, bottleneck};
use engine::Result;
use engine::graph::{Builder, Conv, Value, Window};
use engine::weights::Scope;

/// Names of a checkpoint that inference does not need.
pub const LEFT_OVER: &[&str] = &["*num_batches_tracked"];

/// Channels of the pyramid (`_resnet_fpn_extractor`).
const PYRAMID: usize = 256;
/// Convolutions of a head before its last, each with a norm of so many groups.
const HEAD: usize = 4;
const GROUPS: usize = 8;

/// The network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetinaNet {
    /// Kernel extents of the first convolution, odd.
    pub stem: [usize; 3],
    /// Its strides.
    pub stem_stride: [usize; 3],
    /// Blocks of each of the ResNet's stages.
    pub blocks: [usize; 4],
    /// Stages that the pyramid is made of, from 1, ascending.
    pub stages: Vec<usize>,
    /// Anchors at each place.
    pub anchors: usize,
    /// Classes.
    pub classes: usize,
}

/// What the heads say on one level of the pyramid.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Logits `[1, anchors · classes, i, j, k]`.
    pub classes: Value,
    /// Codes of boxes `[1, anchors · 6, i, j, k]`.
    pub boxes: Value,
}

impl RetinaNet {
    /// Levels of the pyramid: one more than stages.
    pub fn levels(&self) -> usize {
        self.stages.len() + 1
    }

    /// By axis, what the extents of an image must be multiples of.
    pub fn divisors(&self) -> [usize; 3] {
        let last = self.stages.last().copied().unwrap_or(1);
        self.stem_stride.map(|stride| stride << (last + 1))
    }

    /// All levels, the finest first, for an image `[1, C, D, H, W]`.
    pub fn levels_of(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Vec<Level>> {
        let maps = self.stage_maps(b, &s.at("feature_extractor.body"), image)?;
        let pyramid = pyramid(b, &s.at("feature_extractor.fpn"), &maps)?;
        let classes = s.at("classification_head");
        let boxes = s.at("regression_head");
        let level = |b: &mut Builder, map: Value| {
            let x = head(b, &classes, map)?;
            let wide = Conv::new(self.anchors * self.classes, [3; 3]).pad(1);
            let classes = b.conv(x, &classes.at("cls_logits"), wide)?;
            let x = head(b, &boxes, map)?;
            let wide = Conv::new(self.anchors * 6, [3; 3]).pad(1);
            let boxes = b.conv(x, &boxes.at("bbox_reg"), wide)?;
            Ok(Level { classes, boxes })
        };
        pyramid.into_iter().map(|map| level(b, map)).collect()
    }

    /// The feature maps of the stages that are wanted.
    fn stage_maps(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Vec<Value>> {
        let pads = self.stem.map(|extent| extent / 2);
        let stem = Conv::of(RESNET50[0].width, &self.stem).strides(&self.stem_stride).pads(&pads);
        let x = b.conv(image, &s.at("conv1"), stem.no_bias())?;
        let x = b.batch_norm(x, &s.at("bn1"), EPSILON)?;
        let x = b.relu(x);
        let mut x = b.max_pool(x, Window::new([3; 3]).stride(2).pad(1))?;
        let last = self.stages.last().copied().unwrap_or(0).min(RESNET50.len());
        let mut maps = Vec::new();
        for (index, stage) in RESNET50[..last].iter().enumerate() {
            let layer = s.at(&format!("layer{}", index + 1));
            for block in 0..self.blocks[index] {
                let stage = Stage { stride: if block == 0 { stage.stride } else { 1 }, ..*stage };
                let place = layer.at(&block.to_string());
                // MONAI's own blocks have a bias in their shortcut.
                x = bottleneck(b, &place, x, &stage, Residual::Standard, true)?;
            }
            if self.stages.contains(&(index + 1)) {
                maps.push(x);
            }
        }
        Ok(maps)
    }
}

/// From the coarsest map up, and one coarser still by leaving every other place out.
fn pyramid(b: &mut Builder, s: &Scope, maps: &[Value]) -> Result<Vec<Value>> {
    let mut levels = Vec::new();
    let mut above: Option<Value> = None;
    for (number, &map) in maps.iter().enumerate().rev() {
        let inner = s.at(&format!("inner_blocks.{number}"));
        let mut x = b.conv(map, &inner, Conv::new(PYRAMID, [1; 3]))?;
        if let Some(above) = above {
            let to = b.shape(x)[2..].to_vec();
            let above = b.resize_nearest(above, &to)?;
            x = b.add(x, above)?;
        }
        above = Some(x);
        let layer = s.at(&format!("layer_blocks.{number}"));
        levels.insert(0, b.conv(x, &layer, Conv::new(PYRAMID, [3; 3]).pad(1))?);
    }
    if let Some(&last) = levels.last() {
        levels.push(b.max_pool(last, Window::new([1; 3]).stride(2))?);
    }
    Ok(levels)
}

/// A head before its last convolution.
fn head(b: &mut Builder, s: &Scope, mut x: Value) -> Result<Value> {
    for number in 0..HEAD {
        let conv = s.at(&format!("conv.{}", 3 * number));
        x = b.conv(x, &conv, Conv::new(PYRAMID, [3; 3]).pad(1))?;
        x = b.group_norm(x, &s.at(&format!("conv.{}", 3 * number + 1)), GROUPS, EPSILON)?;
        x = b.relu(x);
    }
    Ok(x)
}
