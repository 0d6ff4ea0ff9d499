//! What a bundle's configuration says of a detector.

use super::boxes::{Anchors, Selector};
use crate::arch::resnet::RESNET50;
use crate::arch::retina_net::RetinaNet;
use crate::bundle::before::{self, base_name, list};
use crate::bundle::config::Config;
use crate::bundle::folder::Problem;
use crate::bundle::metadata::Metadata;
use crate::bundle::network::{short, target, triple};
use crate::bundle::window::Inferer;
use base::words::bundle as words;
use engine::weights::Plain;

/// What makes a detector, as configurations name it.
const DETECTORS: [&str; 2] =
    ["RetinaNetDetector", "monai.apps.detection.networks.retinanet_detector.RetinaNetDetector"];
/// What runs it.
const EVALUATORS: [&str; 2] = ["scripts.evaluator.DetectionEvaluator", "SupervisedEvaluator"];
/// What goes over an image with it.
const INFERERS: [&str; 1] = ["scripts.detection_inferer.RetinaNetInferer"];
/// Where the published bundle asks whether its images are as scanners make them. Cases here are.
const AS_SCANNED: &str = "whether_raw_luna16";
/// Boxes that a configuration may ask for: each is a label of the map.
const MOST: usize = 1 << 15;

type Found<T> = std::result::Result<T, Problem>;

/// What is done to a case.
pub(in crate::bundle) struct Plan {
    pub network: RetinaNet,
    pub before: Vec<before::Step>,
    pub anchors: Anchors,
    pub selector: Selector,
    /// Extents are padded to multiples of these.
    pub divisors: [usize; 3],
    /// Tiles for images of at least as many voxels as a tile has, or for all.
    pub tiles: Option<Inferer>,
    pub always_tiles: bool,
}

/// Whether a configuration is one of a detector.
pub(in crate::bundle) fn is_asked(config: &Config) -> bool {
    DETECTORS.iter().any(|name| config.find(name).is_some())
}

impl Plan {
    /// Problems name the first part that is needed and not known.
    pub fn of(config: Config, metadata: &Metadata) -> Found<(Config, Plan)> {
        let config = config.with(AS_SCANNED, Plain::Bool(true));
        let found = DETECTORS.iter().find_map(|name| config.find(name));
        let detector = found.ok_or_else(|| Problem::missing("detector"))?;
        let detector = Args { table: &detector, name: "RetinaNetDetector" };
        let evaluator = EVALUATORS.iter().find_map(|name| config.find(name));
        let network = network(detector.need("network")?)?;
        let anchors = anchors(detector.need("anchor_generator")?, &network)?;
        let least = network.divisors();
        let divisors = detector.sizes("size_divisible", Some([1; 3]))?;
        if (0..3).any(|axis| !divisors[axis].is_multiple_of(least[axis])) {
            return Err(Problem(words::divisors(divisors, least)));
        }
        if detector.get("num_classes").map(Plain::size) != Some(Some(network.classes)) {
            return Err(detector.wrong("num_classes"));
        }
        let asked = evaluator.as_ref().and_then(|evaluator| evaluator.get("_requires_")).cloned();
        let asked = asked.filter(|asked| asked.items().is_some());
        let asked = asked.or_else(|| config.get("detector_ops")).unwrap_or(Plain::None);
        let (mut selector, mut tiles) = (Selector::default(), None);
        for one in asked.items().unwrap_or_default() {
            let args = Args { table: one, name: target(one).trim_start_matches('.') };
            match args.name {
                "set_box_selector_parameters" => select(&args, &mut selector)?,
                "set_sliding_window_inferer" => tiles = Some(tiled(&args, divisors)?),
                "set_box_coder_weights" => {
                    let weights = args.numbers("weights", 6)?;
                    selector.weights = <[f32; 6]>::try_from(weights).unwrap_or([1.0; 6]);
                }
                // For training, or names of what is handed on.
                "set_target_keys"
                | "set_regular_matcher"
                | "set_atss_matcher"
                | "set_hard_negative_sampler"
                | "set_balanced_sampler"
                | "set_cls_loss"
                | "set_box_regression_loss" => {}
                "" => {
                    return Err(Problem(words::argument(
                        "RetinaNetDetector",
                        "detector_ops",
                        &short(one),
                    )));
                }
                other => return Err(Problem(words::transform_unknown(other))),
            }
        }
        let inferer = evaluator.as_ref().and_then(|evaluator| evaluator.get("inferer")).cloned();
        let inferer = inferer.or_else(|| config.get("inferer")).unwrap_or(Plain::None);
        let always_tiles = match target(&inferer) {
            name if INFERERS.contains(&name) => Args { table: &inferer, name: "RetinaNetInferer" }
                .flag("force_sliding_window", false)?,
            "" => return Err(Problem::missing("inferer")),
            other => return Err(Problem(words::inferer_unknown(other))),
        };
        if always_tiles && tiles.is_none() {
            return Err(Problem(words::argument(
                "RetinaNetInferer",
                "set_sliding_window_inferer",
                "",
            )));
        }
        let data = ["val_data_loader", "dataset", "transform"];
        let of_evaluator = evaluator.as_ref().and_then(|evaluator| {
            data.iter().try_fold(evaluator, |value, key| value.get(key)).cloned()
        });
        let steps = of_evaluator.filter(|steps| list(steps).is_some());
        let steps = steps.or_else(|| config.get("preprocessing")).unwrap_or(Plain::None);
        let before = before::read(&steps, metadata.allows_smaller())?;
        after(&config.get("postprocessing").unwrap_or(Plain::None))?;
        let plan = Plan { network, before, anchors, selector, divisors, tiles, always_tiles };
        Ok((config, plan))
    }
}

/// What stands behind the detector: boxes are clipped, and become centres and lengths in the patient, which
/// they do here anyhow.
fn after(steps: &Plain) -> Found<()> {
    for step in list(steps).ok_or_else(|| Problem::missing("postprocessing"))? {
        let args = Args { table: step, name: base_name(step) };
        match args.name {
            "ClipBoxToImage"
            | "AffineBoxToWorldCoordinate"
            | "DeleteItems"
            | "SelectItems"
            | "EnsureType"
            | "ToTensor"
            | "ToDevice" => {}
            "ConvertBoxMode" => {
                if args.get("src_mode").and_then(Plain::text) != Some("xyzxyz") {
                    return Err(args.wrong("src_mode"));
                }
            }
            "" => return Err(Problem::missing("_target_")),
            other => return Err(Problem(words::transform_unknown(other))),
        }
    }
    Ok(())
}

fn network(table: &Plain) -> Found<RetinaNet> {
    let name = target(table).rsplit('.').next().unwrap_or_default();
    let args = Args { table, name };
    match name {
        "RetinaNet" => {}
        "" => return Err(Problem::missing("network")),
        other => return Err(Problem(words::network_unknown(other))),
    }
    if args.get("spatial_dims").map(Plain::size) != Some(Some(3)) {
        return Err(Problem(words::volumes_only(name)));
    }
    let extractor = args.need("feature_extractor")?;
    let extractor_name = "resnet_fpn_feature_extractor";
    if target(extractor).rsplit('.').next() != Some(extractor_name) {
        return Err(args.wrong("feature_extractor"));
    }
    let inner = Args { table: extractor, name: extractor_name };
    // Positions of the function's arguments.
    let backbone = inner.either("0", "backbone").ok_or_else(|| inner.wrong("backbone"))?;
    let stages = match inner.either("3", "returned_layers") {
        None => vec![1, 2, 3],
        Some(value) => {
            let items = value.items().unwrap_or_default();
            let stages: Vec<usize> = items.iter().filter_map(Plain::size).collect();
            let sound = stages.len() == items.len()
                && stages.iter().all(|stage| (1..=4).contains(stage))
                && stages.windows(2).all(|pair| pair[0] < pair[1]);
            if !sound || stages.is_empty() {
                return Err(inner.wrong("returned_layers"));
            }
            stages
        }
    };
    let blocks = match target(backbone).rsplit('.').next().unwrap_or_default() {
        "resnet50" => RESNET50.map(|stage| stage.blocks),
        "resnet101" => [3, 4, 23, 3],
        "resnet152" => [3, 8, 36, 3],
        other => return Err(Problem(words::network_unknown(other))),
    };
    let args_of = Args { table: backbone, name: target(backbone) };
    for unknown in ["no_max_pool", "widen_factor", "bias_downsample", "act", "norm", "0", "1"] {
        if !matches!(args_of.get(unknown), None | Some(Plain::Bool(false))) {
            return Err(args_of.wrong(unknown));
        }
    }
    if args_of.get("n_input_channels").map(Plain::size) != Some(Some(1)) {
        return Err(args_of.wrong("n_input_channels"));
    }
    let stem = args_of.sizes("conv1_t_size", Some([7; 3]))?;
    let stem_stride = args_of.sizes("conv1_t_stride", Some([1; 3]))?;
    if stem.iter().any(|extent| *extent > 15 || extent % 2 == 0) {
        return Err(args_of.wrong("conv1_t_size"));
    }
    if stem_stride.iter().any(|stride| *stride > 8) {
        return Err(args_of.wrong("conv1_t_stride"));
    }
    let anchors = args.size("num_anchors", 64)?;
    let classes = args.size("num_classes", 256)?;
    Ok(RetinaNet { stem, stem_stride, blocks, stages, anchors, classes })
}

fn anchors(table: &Plain, network: &RetinaNet) -> Found<Anchors> {
    let name = target(table).rsplit('.').next().unwrap_or_default();
    let args = Args { table, name };
    if name != "AnchorGeneratorWithAnchorShape" {
        return Err(Problem(words::argument("RetinaNetDetector", "anchor_generator", name)));
    }
    if !matches!(args.get("indexing").map(Plain::text), None | Some(Some("ij"))) {
        return Err(args.wrong("indexing"));
    }
    let scales = args.numbers("feature_map_scales", network.levels())?;
    let shapes = args.need("base_anchor_shapes")?.items().unwrap_or_default();
    let shape = |shape: &Plain| -> Option<[f32; 3]> {
        let numbers = shape.items()?.iter().map(Plain::number).collect::<Option<Vec<f64>>>()?;
        let numbers = <[f64; 3]>::try_from(numbers).ok()?.map(|number| number as f32);
        numbers.iter().all(|number| (0.0..1e4).contains(number)).then_some(numbers)
    };
    let shapes = shapes.iter().map(shape).collect::<Option<Vec<_>>>();
    let shapes = shapes.filter(|shapes| shapes.len() == network.anchors);
    Ok(Anchors { scales, shapes: shapes.ok_or_else(|| args.wrong("base_anchor_shapes"))? })
}

fn select(args: &Args, selector: &mut Selector) -> Found<()> {
    let number = |key: &str, default: f32| match args.get(key) {
        None => Ok(default),
        Some(value) => {
            let number = value.number().filter(|number| (0.0..=1.0).contains(number));
            number.map(|number| number as f32).ok_or_else(|| args.wrong(key))
        }
    };
    selector.threshold = number("score_thresh", selector.threshold)?;
    selector.overlap = number("nms_thresh", selector.overlap)?;
    let size = |key: &str, default: usize| match args.get(key) {
        None => Ok(default),
        Some(_) => args.size(key, MOST),
    };
    selector.best_of_level = size("topk_candidates_per_level", selector.best_of_level)?;
    selector.most = size("detections_per_img", selector.most)?;
    if !args.flag("apply_sigmoid", true)? {
        return Err(args.wrong("apply_sigmoid"));
    }
    Ok(())
}

/// The sliding window, whose tiles end where those of every level do.
fn tiled(args: &Args, divisors: [usize; 3]) -> Found<Inferer> {
    let rows = args.table.rows().unwrap_or_default().iter();
    let rows = rows.filter(|(key, _)| !matches!(key.as_str(), "_target_" | "device" | "sw_device"));
    let target = ("_target_".to_owned(), Plain::Text("SlidingWindowInferer".to_owned()));
    let mut rows: Vec<(String, Plain)> = std::iter::once(target).chain(rows.cloned()).collect();
    if args.get("overlap").is_none() {
        // Not the default of `SlidingWindowInferer`.
        rows.push(("overlap".to_owned(), Plain::Float(0.5)));
    }
    if !matches!(args.get("mode").map(Plain::text), None | Some(Some("constant"))) {
        return Err(args.wrong("mode"));
    }
    let inferer = Inferer::read(&Plain::Table(rows))?;
    let fits =
        |axis: usize| inferer.roi[axis].is_some_and(|extent| extent.is_multiple_of(divisors[axis]));
    match (0..3).all(fits) {
        true => Ok(inferer),
        false => Err(args.wrong("roi_size")),
    }
}

/// The arguments of a part.
struct Args<'a> {
    table: &'a Plain,
    name: &'a str,
}

impl<'a> Args<'a> {
    fn get(&self, key: &str) -> Option<&'a Plain> {
        self.table.get(key).filter(|value| !matches!(value, Plain::None))
    }

    fn either(&self, place: &str, key: &str) -> Option<&'a Plain> {
        self.get(place).or_else(|| self.get(key))
    }

    fn wrong(&self, key: &str) -> Problem {
        Problem(words::argument(self.name, key, &self.get(key).map(short).unwrap_or_default()))
    }

    fn need(&self, key: &str) -> Found<&'a Plain> {
        self.get(key).ok_or_else(|| self.wrong(key))
    }

    fn size(&self, key: &str, most: usize) -> Found<usize> {
        let size = self.get(key).and_then(Plain::size).filter(|size| (1..=most).contains(size));
        size.ok_or_else(|| self.wrong(key))
    }

    fn flag(&self, key: &str, default: bool) -> Found<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Plain::Bool(value)) => Ok(*value),
            Some(_) => Err(self.wrong(key)),
        }
    }

    /// One number for all axes, or three.
    fn sizes(&self, key: &str, default: Option<[usize; 3]>) -> Found<[usize; 3]> {
        let sizes = match self.get(key) {
            None => default,
            Some(value) => triple(value),
        };
        let sound = |sizes: &[usize; 3]| sizes.iter().all(|size| (1..=1 << 12).contains(size));
        sizes.filter(sound).ok_or_else(|| self.wrong(key))
    }

    /// So many numbers above zero.
    fn numbers(&self, key: &str, count: usize) -> Found<Vec<f32>> {
        let items = self.get(key).and_then(Plain::items).unwrap_or_default();
        let numbers = items.iter().filter_map(Plain::number);
        let numbers: Vec<f32> =
            numbers.filter(|n| *n > 0.0 && *n < 1e4).map(|n| n as f32).collect();
        match numbers.len() == items.len() && numbers.len() == count {
            true => Ok(numbers),
            false => Err(self.wrong(key)),
        }
    }
}
