//! The classifier of VERIDAH (`spineps/architectures/pl_densenet.py`): MONAI's DenseNet or ResNet for volumes, and
//! heads of one or two linear layers. How many layers there are stands in the names of the weights.

use super::EPSILON;
use super::resnet::{Residual, Stage, bottleneck};
use engine::graph::{Builder, Conv, Value, Window};
use engine::weights::{Checkpoint, Scope};
use engine::{Error, ErrorKind, Result};

/// Names of a checkpoint that inference does not need.
pub const LEFT_OVER: &[&str] = &["*num_batches_tracked"];
/// Where the heads stand.
const HEADS: &str = "classification_heads";
/// Most layers of a block that are looked for.
const MOST: usize = 64;

/// A head: its name, its layers as they are numbered, its classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// `VERT`, `REGION`, ….
    pub name: String,
    /// Classes.
    pub classes: usize,
    /// Width and number of each layer, the last with the classes.
    layers: Vec<(usize, usize)>,
}

/// What the weights are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classifier {
    backbone: Backbone,
    /// All heads, in the order of their names.
    pub heads: Vec<Head>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Backbone {
    /// Layers of each block, channels that each layer adds, channels of the stem.
    Dense { blocks: Vec<usize>, growth: usize, stem: usize },
    /// Blocks of each stage, with three convolutions or two, and whether shortcuts have a bias.
    Residual { stages: Vec<usize>, bottleneck: bool, bias: bool },
}

impl Classifier {
    /// DenseNet-169 with heads of two layers.
    pub fn dense169(heads: &[(&str, usize)]) -> Classifier {
        Classifier::made(
            Backbone::Dense { blocks: vec![6, 12, 32, 32], growth: 32, stem: 64 },
            heads,
        )
    }

    /// DenseNet-121 with heads of two layers.
    pub fn dense121(heads: &[(&str, usize)]) -> Classifier {
        Classifier::made(
            Backbone::Dense { blocks: vec![6, 12, 24, 16], growth: 32, stem: 64 },
            heads,
        )
    }

    /// ResNet-18, or ResNet-50 if blocks have three convolutions, with heads of two layers.
    pub fn residual(bottleneck: bool, heads: &[(&str, usize)]) -> Classifier {
        let stages = if bottleneck { vec![3, 4, 6, 3] } else { vec![2; 4] };
        Classifier::made(Backbone::Residual { stages, bottleneck, bias: true }, heads)
    }

    fn made(backbone: Backbone, heads: &[(&str, usize)]) -> Classifier {
        let features = match &backbone {
            Backbone::Dense { blocks, growth, stem } => {
                let grown = |channels, layers: &usize| (channels + layers * growth) / 2;
                2 * blocks.iter().fold(*stem, grown)
            }
            Backbone::Residual { bottleneck, .. } => {
                if *bottleneck {
                    2048
                } else {
                    512
                }
            }
        };
        let head = |&(name, classes): &(&str, usize)| Head {
            name: name.to_owned(),
            classes,
            layers: vec![(features / 2, 0), (classes, 2)],
        };
        Classifier { backbone, heads: heads.iter().map(head).collect() }
    }

    /// What a checkpoint holds. Errors: neither network, or no head.
    pub fn of(checkpoint: &Checkpoint) -> Result<Classifier> {
        let has = |name: &str| checkpoint.entry(name).is_some();
        let first =
            |name: &str| checkpoint.entry(name).and_then(|entry| entry.shape().first().copied());
        let counted = |name: &dyn Fn(usize, usize) -> String, from: usize| -> Vec<usize> {
            let layers =
                |block: usize| (from..MOST).take_while(|&at| has(&name(block, at))).count();
            (1..=8).map(layers).take_while(|count| *count > 0).collect()
        };
        let dense = |block: usize, layer: usize| {
            format!("net.features.denseblock{block}.denselayer{layer}.layers.conv2.weight")
        };
        let residual =
            |stage: usize, block: usize| format!("net.layer{stage}.{block}.conv2.weight");
        let (blocks, stages) = (counted(&dense, 1), counted(&residual, 0));
        let unknown = || {
            Error::new(
                ErrorKind::WeightsMismatch,
                "neither a DenseNet nor a ResNet of MONAI with heads",
            )
        };
        let backbone = match (blocks.is_empty(), stages.is_empty()) {
            (false, _) => {
                let growth = first(&dense(1, 1)).ok_or_else(unknown)?;
                let stem = first("net.features.conv0.weight").ok_or_else(unknown)?;
                Backbone::Dense { blocks, growth, stem }
            }
            (true, false) => Backbone::Residual {
                stages,
                bottleneck: has("net.layer1.0.conv3.weight"),
                bias: has("net.layer2.0.downsample.0.bias"),
            },
            _ => return Err(unknown()),
        };
        let mut heads: Vec<Head> = Vec::new();
        for name in checkpoint.names() {
            let Some((head, layer)) = name
                .strip_prefix(HEADS)
                .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".weight")?.rsplit_once('.'))
            else {
                continue;
            };
            let layer = layer.parse().map_err(|_| unknown())?;
            let classes = match checkpoint.entry(name).map(|entry| entry.shape()) {
                Some(&[classes, _]) => classes,
                _ => return Err(unknown()),
            };
            match heads.iter_mut().find(|known| known.name == head) {
                Some(known) => known.layers.push((classes, layer)),
                None => {
                    let layers = vec![(classes, layer)];
                    heads.push(Head { name: head.to_owned(), classes, layers });
                }
            }
        }
        for head in &mut heads {
            head.layers.sort_by_key(|(_, layer)| *layer);
            head.classes = head.layers.last().map_or(0, |(classes, _)| *classes);
        }
        match heads.is_empty() {
            true => Err(unknown()),
            false => Ok(Classifier { backbone, heads }),
        }
    }

    /// Logits `[1, classes]` of every head, of an image `[1, 1, D, H, W]`.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> Result<Vec<Value>> {
        let net = s.at("net");
        let map = match &self.backbone {
            Backbone::Dense { blocks, growth, stem } => {
                dense(b, &net.at("features"), image, blocks, *growth, *stem)?
            }
            Backbone::Residual { stages, bottleneck, bias } => {
                residual(b, &net, image, stages, *bottleneck, *bias)?
            }
        };
        let features = b.global_avg_pool(map)?;
        let head = |head: &Head| -> Result<Value> {
            let s = s.at(HEADS).at(&head.name);
            let mut x = features;
            for (place, (width, layer)) in head.layers.iter().enumerate() {
                if place > 0 {
                    x = b.relu(x);
                }
                x = b.linear(x, &s.at(&layer.to_string()), *width)?;
            }
            Ok(x)
        };
        self.heads.iter().map(head).collect()
    }
}

/// `monai/networks/nets/densenet.py`: the feature map after the last norm and ReLU.
fn dense(
    b: &mut Builder,
    s: &Scope,
    image: Value,
    blocks: &[usize],
    growth: usize,
    stem: usize,
) -> Result<Value> {
    let conv = Conv::new(stem, [7; 3]).stride(2).pad(3).no_bias();
    let x = b.conv(image, &s.at("conv0"), conv)?;
    let x = norm_relu(b, &s.at("norm0"), x)?;
    let mut x = b.max_pool(x, Window::new([3; 3]).stride(2).pad(1))?;
    let mut channels = stem;
    for (place, &layers) in blocks.iter().enumerate() {
        let block = s.at(&format!("denseblock{}", place + 1));
        for layer in 1..=layers {
            let s = block.at(&format!("denselayer{layer}.layers"));
            let y = norm_relu(b, &s.at("norm1"), x)?;
            let y = b.conv(y, &s.at("conv1"), Conv::new(4 * growth, [1; 3]).no_bias())?;
            let y = norm_relu(b, &s.at("norm2"), y)?;
            let y = b.conv(y, &s.at("conv2"), Conv::new(growth, [3; 3]).pad(1).no_bias())?;
            x = b.concat(&[x, y], 1)?;
        }
        channels += layers * growth;
        if place + 1 < blocks.len() {
            channels /= 2;
            let s = s.at(&format!("transition{}", place + 1));
            x = norm_relu(b, &s.at("norm"), x)?;
            x = b.conv(x, &s.at("conv"), Conv::new(channels, [1; 3]).no_bias())?;
            x = b.avg_pool(x, Window::new([2; 3]).stride(2))?;
        }
    }
    norm_relu(b, &s.at("norm5"), x)
}

/// `monai/networks/nets/resnet.py`: a first convolution without a stride, pooling, stages of blocks.
fn residual(
    b: &mut Builder,
    s: &Scope,
    image: Value,
    stages: &[usize],
    three: bool,
    bias: bool,
) -> Result<Value> {
    let x = b.conv(image, &s.at("conv1"), Conv::new(64, [7; 3]).pad(3).no_bias())?;
    let x = norm_relu(b, &s.at("bn1"), x)?;
    let mut x = b.max_pool(x, Window::new([3; 3]).stride(2).pad(1))?;
    for (place, &blocks) in stages.iter().enumerate() {
        let layer = s.at(&format!("layer{}", place + 1));
        let width = 64 << place;
        for block in 0..blocks {
            let stride = if block == 0 && place > 0 { 2 } else { 1 };
            let s = layer.at(&block.to_string());
            x = match three {
                true => {
                    let stage = Stage { blocks, width, stride, dilation: 1 };
                    bottleneck(b, &s, x, &stage, Residual::Standard, bias)?
                }
                false => basic(b, &s, x, width, stride, bias)?,
            };
        }
    }
    Ok(x)
}

/// Two convolutions and the shortcut.
fn basic(
    b: &mut Builder,
    s: &Scope,
    x: Value,
    width: usize,
    stride: usize,
    bias: bool,
) -> Result<Value> {
    let three = |stride: usize| Conv::new(width, [3; 3]).stride(stride).pad(1).no_bias();
    let y = b.conv(x, &s.at("conv1"), three(stride))?;
    let y = norm_relu(b, &s.at("bn1"), y)?;
    let y = b.conv(y, &s.at("conv2"), three(1))?;
    let y = b.batch_norm(y, &s.at("bn2"), EPSILON)?;
    let beside = match stride == 1 && b.shape(x).get(1) == Some(&width) {
        true => x,
        false => {
            let conv = Conv::new(width, [1; 3]).stride(stride);
            let conv = if bias { conv } else { conv.no_bias() };
            let short = b.conv(x, &s.at("downsample.0"), conv)?;
            b.batch_norm(short, &s.at("downsample.1"), EPSILON)?
        }
    };
    let y = b.add(y, beside)?;
    Ok(b.relu(y))
}

fn norm_relu(b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
    let x = b.batch_norm(x, s, EPSILON)?;
    Ok(b.relu(x))
}
