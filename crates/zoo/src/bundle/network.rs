//! Which network a configuration names, with its arguments and their defaults.

use super::folder::Problem;
use crate::arch::dyn_unet::{self, DynUNet};
use crate::arch::layers::{Act, Norm};
use crate::arch::residual_unet::{self, ResidualUNet};
use crate::arch::seg_res_net::{self, SegResNet};
use crate::arch::swin_unetr::{self, LEVELS, Merging, SwinUnetr};
use crate::arch::vista3d::{self, Vista3d};
use base::words::bundle as words;
use engine::graph::{Activation, Builder, Value};
use engine::weights::{Plain, Scope};

/// Levels of a network: 2^16 voxels halved 16 times are one.
const MOST_LEVELS: usize = 16;
/// Blocks of a level, units of a block.
const MOST_BLOCKS: usize = 64;
/// Channels of a layer.
const MOST_CHANNELS: usize = 1 << 14;

/// A network of a bundle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    /// Input channels.
    pub channels: usize,
    /// Output channels; of a network that answers to prompts the features of a voxel.
    pub classes: usize,
    family: Family,
}

#[derive(Clone, Debug, PartialEq)]
enum Family {
    Residual(ResidualUNet),
    Seg(SegResNet),
    Dyn(DynUNet),
    Swin(SwinUnetr),
    Vista(Vista3d),
}

type Found<T> = std::result::Result<T, Problem>;

impl Network {
    /// From the resolved `network_def` of a bundle that was made with this version of MONAI, where it is known.
    /// Problems name the argument.
    pub fn read(table: &Plain, monai: Option<(u32, u32)>) -> Found<Network> {
        let target = target(table);
        let name = target.rsplit('.').next().unwrap_or_default();
        let args = Args { table, name };
        match name {
            "UNet" => unet(&args),
            "SegResNet" => seg_res_net(&args),
            "DynUNet" | "DynUnet" => dyn_unet(&args),
            "SwinUNETR" => swin_unetr(&args, monai),
            "vista3d132" => vista(&args),
            "" => Err(Problem::missing("network_def")),
            other => Err(Problem(words::network_unknown(other))),
        }
    }

    /// The network, where it answers to prompts: what [`Network::logits`] gives are then features.
    pub fn prompted(&self) -> Option<Vista3d> {
        match &self.family {
            Family::Vista(net) => Some(*net),
            _ => None,
        }
    }

    /// Logits `[1, classes, i, j, k]`.
    pub fn logits(&self, b: &mut Builder, s: &Scope, image: Value) -> engine::Result<Value> {
        match &self.family {
            Family::Residual(unet) => unet.logits(b, s, image),
            Family::Seg(net) => net.logits(b, s, image),
            Family::Dyn(net) => net.logits(b, s, image),
            Family::Swin(net) => net.logits(b, s, image),
            Family::Vista(net) => net.image(b, s, image),
        }
    }

    /// Names of a checkpoint that inference does not need.
    pub fn left_over(&self) -> &'static [&'static str] {
        match &self.family {
            Family::Residual(_) => residual_unet::LEFT_OVER,
            Family::Seg(_) => seg_res_net::LEFT_OVER,
            Family::Dyn(_) => dyn_unet::LEFT_OVER,
            Family::Swin(_) => swin_unetr::LEFT_OVER,
            Family::Vista(_) => vista3d::LEFT_OVER,
        }
    }

    /// Values that the weights have at least; for refusing configurations that have nothing to do with a
    /// checkpoint before anything of their size is made.
    pub fn least_values(&self) -> u64 {
        let square = |n: usize| (n as u64).saturating_mul(n as u64);
        match &self.family {
            Family::Residual(unet) => {
                let kernel = (unet.kernel as u64).pow(3);
                let pairs = unet.channels.windows(2);
                let values = pairs.map(|pair| (pair[0] as u64).saturating_mul(pair[1] as u64));
                values.fold(0, u64::saturating_add).saturating_mul(kernel)
            }
            Family::Seg(net) => (1..net.down.len())
                .map(|level| square(net.filters << level).saturating_mul(13))
                .fold(0, u64::saturating_add),
            Family::Dyn(net) => (0..net.filters.len())
                .map(|level| {
                    let kernel: usize = net.kernels[level].iter().product();
                    square(net.filters[level]).saturating_mul(kernel as u64)
                })
                .fold(0, u64::saturating_add),
            // The widest block of the way up alone.
            Family::Swin(net) => square(net.features << LEVELS).saturating_mul(27),
            // Eight convolutions of the deepest level.
            Family::Vista(net) => square(net.features << vista3d::LEVELS).saturating_mul(8 * 27),
        }
    }

    /// By axis, what the extents of a tile must be multiples of.
    pub fn divisors(&self) -> [usize; 3] {
        match &self.family {
            Family::Residual(unet) => [unet.strides.iter().product(); 3],
            Family::Seg(net) => [1 << net.up.len(); 3],
            Family::Dyn(net) => {
                [0, 1, 2].map(|axis| net.strides.iter().map(|stride| stride[axis]).product())
            }
            Family::Swin(_) => [2 << LEVELS; 3],
            Family::Vista(_) => [1 << vista3d::LEVELS; 3],
        }
    }
}

/// `_target_` of a table.
pub(super) fn target(table: &Plain) -> &str {
    table.get("_target_").and_then(Plain::text).unwrap_or_default()
}

/// The arguments of one network.
struct Args<'a> {
    table: &'a Plain,
    name: &'a str,
}

impl Args<'_> {
    fn get(&self, key: &str) -> Option<&Plain> {
        self.table.get(key).filter(|value| !matches!(value, Plain::None))
    }

    fn wrong(&self, key: &str) -> Problem {
        let value = self.table.get(key).map(short).unwrap_or_default();
        Problem(words::argument(self.name, key, &value))
    }

    fn size(&self, key: &str, default: Option<usize>, most: usize) -> Found<usize> {
        let value = match self.get(key) {
            Some(value) => value.size(),
            None => default,
        };
        value.filter(|value| (1..=most).contains(value)).ok_or_else(|| self.wrong(key))
    }

    fn flag(&self, key: &str, default: bool) -> Found<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Plain::Bool(value)) => Ok(*value),
            Some(_) => Err(self.wrong(key)),
        }
    }

    fn sizes(&self, key: &str, default: Option<&[usize]>, most: usize) -> Found<Vec<usize>> {
        let sizes = match (self.get(key), default) {
            (Some(value), _) => value
                .items()
                .map(|items| items.iter().map(Plain::size).collect::<Option<Vec<usize>>>())
                .unwrap_or_default(),
            (None, default) => default.map(<[usize]>::to_vec),
        };
        let sound = |sizes: &Vec<usize>| {
            (1..=MOST_LEVELS).contains(&sizes.len())
                && sizes.iter().all(|size| (1..=most).contains(size))
        };
        sizes.filter(sound).ok_or_else(|| self.wrong(key))
    }

    /// A list of extents, one number or one for each axis.
    fn triples(&self, key: &str, most: usize) -> Found<Vec<[usize; 3]>> {
        let items = self.get(key).and_then(Plain::items).unwrap_or_default();
        let all = items.iter().map(triple).collect::<Option<Vec<_>>>();
        let sound = |all: &Vec<[usize; 3]>| {
            (1..=MOST_LEVELS).contains(&all.len())
                && all.iter().flatten().all(|size| (1..=most).contains(size))
        };
        all.filter(sound).ok_or_else(|| self.wrong(key))
    }

    /// `"batch"`, `["group", {"num_groups": 8}]`.
    fn norm(&self, key: &str, default: Norm) -> Found<Norm> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let (name, settings) = named(value).ok_or_else(|| self.wrong(key))?;
        let unusual = ["eps", "track_running_stats"];
        if unusual.iter().any(|one| settings.and_then(|s| s.get(one)).is_some()) {
            return Err(self.wrong(key));
        }
        match name.to_ascii_lowercase().as_str() {
            "batch" => Ok(Norm::Batch),
            "instance" => {
                let affine = matches!(
                    settings.and_then(|settings| settings.get("affine")),
                    Some(Plain::Bool(true))
                );
                Ok(Norm::Instance { affine })
            }
            "group" => {
                let groups = settings.and_then(|s| s.get("num_groups")).and_then(Plain::size);
                groups.filter(|n| *n > 0).map(Norm::Group).ok_or_else(|| self.wrong(key))
            }
            _ => Err(self.wrong(key)),
        }
    }

    fn act(&self, key: &str, default: Act) -> Found<Act> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let (name, settings) = named(value).ok_or_else(|| self.wrong(key))?;
        let number = |key: &str| settings.and_then(|s| s.get(key)).and_then(Plain::number);
        let fixed = match name.to_ascii_lowercase().as_str() {
            // One slope for all channels, unless said otherwise.
            "prelu" if number("num_parameters").is_none_or(|n| n == 1.0) => return Ok(Act::Prelu),
            "relu" => Activation::Relu,
            "leakyrelu" => Activation::LeakyRelu(number("negative_slope").unwrap_or(0.01) as f32),
            "elu" => Activation::Elu(number("alpha").unwrap_or(1.0) as f32),
            "gelu" => Activation::Gelu,
            "swish" | "memswish" => Activation::Silu,
            "mish" => Activation::Mish,
            "relu6" => Activation::Clamp(0.0, 6.0),
            _ => return Err(self.wrong(key)),
        };
        Ok(Act::Fixed(fixed))
    }

    fn volumes_only(&self, default: usize) -> Found<()> {
        let dimensions = self.get("spatial_dims").or_else(|| self.get("dimensions"));
        match dimensions.map_or(Some(default), Plain::size) {
            Some(3) => Ok(()),
            _ => Err(Problem(words::volumes_only(self.name))),
        }
    }
}

/// `"batch"`, `["batch", {…}]` or `("batch",)`.
fn named(value: &Plain) -> Option<(&str, Option<&Plain>)> {
    match value {
        Plain::Text(name) => Some((name, None)),
        Plain::List(items) => Some((items.first()?.text()?, items.get(1))),
        _ => None,
    }
}

/// One number for all axes, or three.
pub(super) fn triple(value: &Plain) -> Option<[usize; 3]> {
    if let Some(size) = value.size() {
        return Some([size; 3]);
    }
    let items = value.items()?.iter().map(Plain::size).collect::<Option<Vec<usize>>>()?;
    items.try_into().ok()
}

/// A value in few words, for errors.
pub(super) fn short(value: &Plain) -> String {
    match value {
        Plain::None => "null".into(),
        Plain::Bool(value) => value.to_string(),
        Plain::Int(value) => value.to_string(),
        Plain::Float(value) => value.to_string(),
        Plain::Text(text) | Plain::Other(text) => text.chars().take(80).collect(),
        Plain::List(items) => {
            let items: Vec<String> = items.iter().take(8).map(short).collect();
            format!("[{}]", items.join(", "))
        }
        Plain::Table(rows) => {
            let keys: Vec<&str> = rows.iter().take(8).map(|(key, _)| key.as_str()).collect();
            format!("{{{}}}", keys.join(", "))
        }
    }
}

fn unet(args: &Args) -> Found<Network> {
    args.volumes_only(0)?;
    let channels = args.sizes("channels", None, MOST_CHANNELS)?;
    let strides = args.sizes("strides", None, 8)?;
    // The reference, too, leaves strides beyond the levels unused.
    if channels.len() < 2 || strides.len() + 1 < channels.len() {
        return Err(args.wrong("strides"));
    }
    let odd = |key: &str| -> Found<usize> {
        let kernel = args.size(key, Some(3), 15)?;
        if kernel % 2 == 1 { Ok(kernel) } else { Err(args.wrong(key)) }
    };
    let ordering = match args.get("adn_ordering") {
        None => "NDA",
        Some(value) => value.text().ok_or_else(|| args.wrong("adn_ordering"))?,
    };
    let (norm, act) = (ordering.find('N'), ordering.find('A'));
    let units = match args.get("num_res_units") {
        None => 0,
        Some(value) => {
            value.size().filter(|n| *n <= MOST_BLOCKS).ok_or_else(|| args.wrong("num_res_units"))?
        }
    };
    let classes = args.size("out_channels", None, MOST_CHANNELS)?;
    let network = ResidualUNet {
        classes,
        strides: strides[..channels.len() - 1].to_vec(),
        channels,
        kernel: odd("kernel_size")?,
        up_kernel: odd("up_kernel_size")?,
        units,
        norm: match norm {
            Some(_) => args.norm("norm", Norm::Instance { affine: false })?,
            None => Norm::None,
        },
        act: match act {
            Some(_) => args.act("act", Act::Prelu)?,
            None => Act::Fixed(Activation::Identity),
        },
        act_first: act < norm && act.is_some(),
        bias: args.flag("bias", true)?,
    };
    let channels = args.size("in_channels", None, MOST_CHANNELS)?;
    Ok(Network { channels, classes, family: Family::Residual(network) })
}

fn seg_res_net(args: &Args) -> Found<Network> {
    args.volumes_only(3)?;
    let down = args.sizes("blocks_down", Some(&[1, 2, 2, 4]), MOST_BLOCKS)?;
    let up = args.sizes("blocks_up", Some(&[1, 1, 1]), MOST_BLOCKS)?;
    if up.len() + 1 != down.len() {
        return Err(args.wrong("blocks_up"));
    }
    let filters = args.size("init_filters", Some(8), MOST_CHANNELS >> down.len().min(8))?;
    let groups = args.size("num_groups", Some(8), MOST_CHANNELS)?;
    let deconv = match args.get("upsample_mode").map(|value| value.text().unwrap_or_default()) {
        None => false,
        Some(mode) if mode.eq_ignore_ascii_case("nontrainable") => false,
        Some(mode) if mode.eq_ignore_ascii_case("deconv") => true,
        Some(_) => return Err(args.wrong("upsample_mode")),
    };
    if !args.flag("use_conv_final", true)? {
        return Err(args.wrong("use_conv_final"));
    }
    let classes = args.size("out_channels", Some(2), MOST_CHANNELS)?;
    let network = SegResNet {
        classes,
        filters,
        down,
        up,
        norm: args.norm("norm", Norm::Group(groups))?,
        act: args.act("act", Act::Fixed(Activation::Relu))?,
        deconv,
    };
    let channels = args.size("in_channels", Some(1), MOST_CHANNELS)?;
    Ok(Network { channels, classes, family: Family::Seg(network) })
}

fn dyn_unet(args: &Args) -> Found<Network> {
    args.volumes_only(0)?;
    let kernels = args.triples("kernel_size", 15)?;
    let strides = args.triples("strides", 8)?;
    let up_kernels = args.triples("upsample_kernel_size", 8)?;
    let levels = kernels.len();
    if levels < 3 || strides.len() != levels || kernels.iter().flatten().any(|k| k % 2 == 0) {
        return Err(args.wrong("strides"));
    }
    // The reference's blocks only meet where what strides down is what leads up.
    if up_kernels.len() + 1 != levels || up_kernels[..] != strides[1..] {
        return Err(args.wrong("upsample_kernel_size"));
    }
    // `min(2 ** (5 + i), 320)`.
    let usual: Vec<usize> = (0..levels).map(|level| (32usize << level).min(320)).collect();
    let mut filters = args.sizes("filters", Some(&usual), MOST_CHANNELS)?;
    if filters.len() < levels {
        return Err(args.wrong("filters"));
    }
    filters.truncate(levels);
    let classes = args.size("out_channels", None, MOST_CHANNELS)?;
    let network = DynUNet {
        classes,
        filters,
        kernels,
        strides,
        up_kernels,
        norm: args.norm("norm_name", Norm::Instance { affine: true })?,
        act: args.act("act_name", dyn_unet::ACT)?,
        residual: args.flag("res_block", false)?,
        up_bias: args.flag("trans_bias", false)?,
    };
    let channels = args.size("in_channels", None, MOST_CHANNELS)?;
    Ok(Network { channels, classes, family: Family::Dyn(network) })
}

fn swin_unetr(args: &Args, monai: Option<(u32, u32)>) -> Found<Network> {
    args.volumes_only(3)?;
    // What older versions were told of the extents of a tile is told by the inferer.
    if args.size("patch_size", Some(2), 16)? != 2 {
        return Err(args.wrong("patch_size"));
    }
    for unknown in ["patch_norm", "use_v2", "use_hyena"] {
        if args.flag(unknown, false)? {
            return Err(args.wrong(unknown));
        }
    }
    let four = |key: &str, default: [usize; LEVELS], most: usize| -> Found<[usize; LEVELS]> {
        args.sizes(key, Some(&default), most)?.try_into().map_err(|_| args.wrong(key))
    };
    let features = args.size("feature_size", Some(24), MOST_CHANNELS >> (LEVELS + 3))?;
    let heads = four("num_heads", [3, 6, 12, 24], MOST_CHANNELS)?;
    if (0..LEVELS).any(|level| !(features << level).is_multiple_of(heads[level])) {
        return Err(args.wrong("num_heads"));
    }
    let window = match args.get("window_size") {
        None => [7; 3],
        Some(value) => triple(value)
            .filter(|window| window.iter().all(|extent| (1..=16).contains(extent)))
            .ok_or_else(|| args.wrong("window_size"))?,
    };
    let ratio = args.get("mlp_ratio").map_or(Some(4.0), Plain::number);
    let ratio = ratio.filter(|ratio| (0.1..=16.0).contains(ratio));
    let merging = match args.get("downsample").map(|value| value.text().unwrap_or_default()) {
        None | Some("merging") if monai.is_some_and(|version| version < (1, 5)) => Merging::Twice,
        None | Some("merging") => Merging::Once,
        Some("mergingv2") => Merging::InOrder,
        Some(_) => return Err(args.wrong("downsample")),
    };
    let classes = args.size("out_channels", None, MOST_CHANNELS)?;
    let network = SwinUnetr {
        classes,
        features,
        depths: four("depths", [2; LEVELS], MOST_BLOCKS)?,
        heads,
        window,
        qkv_bias: args.flag("qkv_bias", true)?,
        mlp_ratio: ratio.ok_or_else(|| args.wrong("mlp_ratio"))?,
        norm: args.norm("norm_name", Norm::Instance { affine: false })?,
        normalize: args.flag("normalize", true)?,
        merging,
    };
    let channels = args.size("in_channels", None, MOST_CHANNELS)?;
    Ok(Network { channels, classes, family: Family::Swin(network) })
}

/// A function, not a class: its arguments may stand without their names.
fn vista(args: &Args) -> Found<Network> {
    let known = ["_target_", "0", "1", "encoder_embed_dim", "in_channels"];
    let rows = args.table.rows().unwrap_or_default();
    if let Some((key, _)) = rows.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        return Err(args.wrong(key));
    }
    let named = |place: &'static str, key: &'static str| match args.get(place) {
        Some(_) => place,
        None => key,
    };
    let most = MOST_CHANNELS >> vista3d::LEVELS;
    let features = args.size(named("0", "encoder_embed_dim"), Some(48), most)?;
    let channels = args.size(named("1", "in_channels"), Some(1), MOST_CHANNELS)?;
    Ok(Network { channels, classes: features, family: Family::Vista(Vista3d { features }) })
}
