//! What stands before a bundle's network: its list of transforms, and carrying them out.
//!
//! Source of every formula: `monai/transforms` (`intensity/array.py`, `croppad/array.py`,
//! `spatial/array.py`).

use super::folder::Problem;
use super::invert::{Move, Moves};
use super::network::{short, target, triple};
use super::spacing::{Between, Line, extents, resample, shifts};
use crate::volume_system::count_voxels;
use base::words::bundle as words;
use base::{Affine, Error, Grid, Kind, Orientation, Result, Volume, Voxels};
use engine::cpu::Pool;
use engine::weights::Plain;

/// MONAI's `AFFINE_TOL`: grids that differ less are the same.
const TOLERANCE: f64 = 1e-3;
/// Voxels of a prepared image; beyond it a header's spacing is more likely wrong.
const MOST_VOXELS: u64 = 1 << 32;

/// One transform.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Turn(Orientation),
    /// By axis; a spacing that is not positive stays as it is.
    Space([f64; 3], Between),
    Range {
        from: [f32; 2],
        to: Option<[f32; 2]>,
        clip: bool,
    },
    Normalise {
        nonzero: bool,
        by_channel: bool,
        mean: Vec<f32>,
        deviation: Vec<f32>,
    },
    Scale {
        to: [f32; 2],
        by_channel: bool,
    },
    Foreground {
        above: f32,
        margin: [usize; 3],
        inside: bool,
        multiple: [usize; 3],
    },
    /// At least so many voxels.
    PadTo([usize; 3]),
    /// To multiples.
    PadMultiple([usize; 3]),
}

type Found<T> = std::result::Result<T, Problem>;

/// The steps of a list of transforms for the image. `allows_smaller` is what `CropForeground` does where
/// nothing is said. Problems name the first transform or argument that is not known.
pub(super) fn read(transforms: &Plain, allows_smaller: bool) -> Found<Vec<Step>> {
    let list = list(transforms).ok_or_else(|| Problem::missing("preprocessing"))?;
    let loads = |item: &&Plain| matches!(base_name(item), "LoadImage");
    let image = list.iter().find(loads).and_then(|item| keys(item).first().cloned());
    let image = image.unwrap_or_else(|| "image".to_owned());
    let mut steps = Vec::new();
    for item in list {
        let keys = keys(item);
        let place = keys.iter().position(|key| *key == image);
        if !keys.is_empty() && place.is_none() {
            continue;
        }
        let args = Args { table: item, name: base_name(item), place: place.unwrap_or(0) };
        steps.extend(step(&args, allows_smaller)?);
    }
    Ok(steps)
}

/// `Compose`'s list, or a list itself.
pub(super) fn list(transforms: &Plain) -> Option<&[Plain]> {
    transforms.items().or_else(|| transforms.get("transforms")?.items())
}

/// The transform's name without its dictionary's `d`.
pub(super) fn base_name(item: &Plain) -> &str {
    let name = target(item).rsplit('.').next().unwrap_or_default();
    ["Dict", "d", "D"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// `keys` of a transform.
pub(super) fn keys(item: &Plain) -> Vec<String> {
    match item.get("keys") {
        Some(Plain::Text(key)) => vec![key.clone()],
        Some(Plain::List(keys)) => keys.iter().filter_map(Plain::text).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The arguments of one transform.
pub(super) struct Args<'a> {
    pub table: &'a Plain,
    pub name: &'a str,
    /// The image's place among the keys: some arguments have a value for each.
    pub place: usize,
}

impl Args<'_> {
    pub fn get(&self, key: &str) -> Option<&Plain> {
        self.table.get(key).filter(|value| !matches!(value, Plain::None))
    }

    /// A value that may stand once for each key.
    pub fn of_key(&self, key: &str) -> Option<&Plain> {
        match self.get(key) {
            Some(Plain::List(items)) => items.get(self.place),
            other => other,
        }
    }

    pub fn wrong(&self, key: &str) -> Problem {
        let value = self.table.get(key).map(short).unwrap_or_default();
        Problem(words::argument(self.name, key, &value))
    }

    pub fn number(&self, key: &str) -> Found<Option<f32>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => {
                value.number().map(|number| Some(number as f32)).ok_or_else(|| self.wrong(key))
            }
        }
    }

    pub fn flag(&self, key: &str, default: bool) -> Found<bool> {
        match self.of_key(key) {
            None => Ok(default),
            Some(Plain::Bool(value)) => Ok(*value),
            Some(_) => Err(self.wrong(key)),
        }
    }

    /// Refuses arguments that are given and change what is done.
    pub fn only(&self, unknown: &[&str]) -> Found<()> {
        let given =
            unknown.iter().find(|key| !matches!(self.get(key), None | Some(Plain::Bool(false))));
        given.map_or(Ok(()), |key| Err(self.wrong(key)))
    }

    fn triple(&self, key: &str, default: usize) -> Found<[usize; 3]> {
        match self.get(key) {
            None => Ok([default; 3]),
            Some(value) => triple(value)
                .filter(|all| all.iter().all(|n| *n <= 1 << 16))
                .ok_or_else(|| self.wrong(key)),
        }
    }

    fn pad_mode(&self) -> Found<()> {
        match self.of_key("mode").map(|mode| mode.text().unwrap_or_default()) {
            None => Ok(()),
            Some(mode) if mode.eq_ignore_ascii_case("constant") => Ok(()),
            Some(_) => Err(self.wrong("mode")),
        }
    }
}

/// `bilinear` or `nearest`.
fn between(args: &Args) -> Found<Between> {
    match args.of_key("mode") {
        None | Some(Plain::Int(1)) => Ok(Between::Linear),
        Some(Plain::Text(mode)) if mode.eq_ignore_ascii_case("bilinear") => Ok(Between::Linear),
        Some(Plain::Text(mode)) if mode.eq_ignore_ascii_case("nearest") => Ok(Between::Nearest),
        Some(_) => Err(args.wrong("mode")),
    }
}

fn step(args: &Args, allows_smaller: bool) -> Found<Option<Step>> {
    let step = match args.name {
        // The case is read, its channels are first, its values are single precision.
        "LoadImage" | "EnsureChannelFirst" | "EnsureType" | "ToTensor" | "Identity"
        | "AddChannel" | "AsChannelFirst" | "SelectItems" | "DeleteItems" | "CopyItems"
        | "ToDevice"
        // Changes prompts only, which `prompts.rs` reads.
        | "VistaPreTransform" => {
            return Ok(None);
        }
        "CastToType" => match args.get("dtype") {
            None => return Ok(None),
            Some(dtype) if short(dtype).ends_with("float32") => return Ok(None),
            Some(_) => return Err(args.wrong("dtype")),
        },
        "Orientation" => {
            let text = match args.get("axcodes") {
                Some(Plain::Text(text)) => text.clone(),
                Some(Plain::List(items)) => items.iter().filter_map(Plain::text).collect(),
                _ => return Err(args.wrong("axcodes")),
            };
            Step::Turn(Orientation::parse(&text).ok_or_else(|| args.wrong("axcodes"))?)
        }
        "Spacing" => {
            args.only(&[
                "diagonal",
                "scale_extent",
                "recompute_affine",
                "min_pixdim",
                "max_pixdim",
            ])?;
            let padding = args.of_key("padding_mode").and_then(Plain::text).unwrap_or("border");
            if !padding.eq_ignore_ascii_case("border") {
                return Err(args.wrong("padding_mode"));
            }
            let wrong = || args.wrong("pixdim");
            let pixdim = args.get("pixdim").ok_or_else(wrong)?;
            let pixdim: Vec<f64> = match pixdim.items() {
                Some(items) => items.iter().filter_map(Plain::number).collect(),
                None => pixdim.number().into_iter().collect(),
            };
            // A shorter list goes on with its last value.
            let last = *pixdim.last().ok_or_else(wrong)?;
            let all = [0, 1, 2].map(|axis| pixdim.get(axis).copied().unwrap_or(last));
            if pixdim.len() > 3 || all.iter().any(|mm| !mm.is_finite() || *mm > 1000.0) {
                return Err(wrong());
            }
            Step::Space(all, between(args)?)
        }
        "ScaleIntensityRange" => {
            let need = |key: &'static str| args.number(key)?.ok_or_else(|| args.wrong(key));
            let from = [need("a_min")?, need("a_max")?];
            let to = match (args.number("b_min")?, args.number("b_max")?) {
                (Some(low), Some(high)) => Some([low, high]),
                _ => None,
            };
            if from[0] == from[1] {
                return Err(args.wrong("a_max"));
            }
            Step::Range { from, to, clip: args.flag("clip", false)? }
        }
        "NormalizeIntensity" => {
            let numbers = |key: &str| -> Found<Vec<f32>> {
                let wrong = || args.wrong(key);
                match args.get(key) {
                    None => Ok(Vec::new()),
                    Some(value) => {
                        let items = match value.items() {
                            Some(items) => items.iter().map(Plain::number).collect(),
                            None => Some(value.number().into_iter().collect::<Vec<f64>>()),
                        };
                        let items = items.filter(|items| !items.is_empty()).ok_or_else(wrong)?;
                        Ok(items.into_iter().map(|number| number as f32).collect())
                    }
                }
            };
            Step::Normalise {
                nonzero: args.flag("nonzero", false)?,
                by_channel: args.flag("channel_wise", false)?,
                mean: numbers("subtrahend")?,
                deviation: numbers("divisor")?,
            }
        }
        "ScaleIntensity" => {
            args.only(&["factor"])?;
            let to = [args.number("minv")?.unwrap_or(0.0), args.number("maxv")?.unwrap_or(1.0)];
            Step::Scale { to, by_channel: args.flag("channel_wise", false)? }
        }
        "CropForeground" => {
            args.only(&["channel_indices"])?;
            args.pad_mode()?;
            Step::Foreground {
                above: above(args)?,
                margin: args.triple("margin", 0)?,
                inside: args.flag("allow_smaller", allows_smaller)?,
                multiple: args.triple("k_divisible", 1)?.map(|n| n.max(1)),
            }
        }
        "SpatialPad" => {
            args.only(&["constant_values", "value"])?;
            args.pad_mode()?;
            let method = args.get("method").and_then(Plain::text).unwrap_or("symmetric");
            if method != "symmetric" {
                return Err(args.wrong("method"));
            }
            Step::PadTo(args.triple("spatial_size", 1)?)
        }
        "DivisiblePad" => {
            args.pad_mode()?;
            Step::PadMultiple(args.triple("k", 1)?.map(|n| n.max(1)))
        }
        "" => return Err(Problem::missing("_target_")),
        other => return Err(Problem(words::transform_unknown(other))),
    };
    Ok(Some(step))
}

/// The threshold of `lambda x: x > 0`, the only kind of foreground that is known.
fn above(args: &Args) -> Found<f32> {
    let Some(select) = args.get("select_fn") else { return Ok(0.0) };
    let text: String = short(select).chars().filter(|c| !c.is_whitespace()).collect();
    let bound = text.strip_prefix("$lambda").and_then(|rest| {
        let (name, rule) = rest.split_once(':')?;
        rule.strip_prefix(name)?.strip_prefix('>')?.parse().ok()
    });
    match bound {
        Some(bound) => Ok(bound),
        None if text.ends_with("is_positive") => Ok(0.0),
        None => Err(args.wrong("select_fn")),
    }
}

/// Carries the steps out on a volume whose frames are the channels. Errors of kind `Refused`.
pub(super) fn prepare(pool: &Pool, steps: &[Step], volume: Volume) -> Result<(Volume, Moves)> {
    let (mut volume, mut moves) = (volume, Moves::default());
    for step in steps {
        volume = match step {
            Step::Turn(to) => {
                let turned = volume.reoriented(*to);
                moves.push(Move::Turn { before: *volume.grid(), after: *turned.grid() });
                turned
            }
            Step::Space(mm, between) => space(pool, volume, *mm, *between, &mut moves)?,
            Step::Foreground { above, margin, inside, multiple } => {
                let bounds = foreground(&volume, *above, *margin, *inside, *multiple)?;
                boxed(volume, bounds, &mut moves)?
            }
            Step::PadTo(least) => {
                let size = volume.size();
                let to = [0, 1, 2].map(|axis| size[axis].max(least[axis]));
                boxed(volume, centred(size, to), &mut moves)?
            }
            Step::PadMultiple(of) => {
                let size = volume.size();
                let to = [0, 1, 2].map(|axis| size[axis].next_multiple_of(of[axis]));
                boxed(volume, centred(size, to), &mut moves)?
            }
            values => intensity(values, volume)?,
        };
    }
    Ok((volume, moves))
}

/// Extents of a prepared case, as far as its header tells.
pub(super) fn foresee(steps: &[Step], size: [usize; 3], spacing: [f64; 3]) -> [usize; 3] {
    let (mut size, mut spacing) = (size, spacing);
    for step in steps {
        match step {
            Step::Space(wanted, _) => {
                let to = [0, 1, 2].map(|axis| match wanted[axis] > 0.0 {
                    true => wanted[axis],
                    false => spacing[axis],
                });
                (size, spacing) = (extents(size, spacing, to), to);
            }
            Step::PadTo(least) => size = [0, 1, 2].map(|axis| size[axis].max(least[axis])),
            Step::PadMultiple(of) => {
                size = [0, 1, 2].map(|axis| size[axis].next_multiple_of(of[axis]));
            }
            _ => {}
        }
    }
    size
}

fn lost() -> Error {
    Error::new(Kind::Bug, base::words::volume_systems::OTHER_GRID)
}

fn like(volume: &Volume, grid: Grid, values: Vec<f32>) -> Result<Volume> {
    Volume::with_frames(grid, volume.frames(), base::FrameAxis::Channels, Voxels::F32(values))
        .ok_or_else(lost)
}

fn too_large(to: [usize; 3]) -> Result<()> {
    match count_voxels(to) > MOST_VOXELS {
        true => Err(Error::new(Kind::Refused, words::too_large(to))),
        false => Ok(()),
    }
}

fn space(
    pool: &Pool,
    volume: Volume,
    wanted: [f64; 3],
    between: Between,
    moves: &mut Moves,
) -> Result<Volume> {
    let (size, from) = (volume.size(), volume.spacing_mm());
    // A spacing within the tolerance of the wanted one counts as it.
    let wanted = [0, 1, 2].map(|axis| match wanted[axis] > 0.0 {
        true if (wanted[axis] - from[axis]).abs() > TOLERANCE => wanted[axis],
        _ => from[axis],
    });
    let to = extents(size, from, wanted);
    too_large(to)?;
    let step = [0, 1, 2].map(|axis| wanted[axis] / from[axis]);
    if to == size && step.iter().all(|step| (step - 1.0).abs() <= TOLERANCE) {
        return Ok(volume);
    }
    let shift = shifts(volume.affine(), size, to, step);
    let lines = [0, 1, 2].map(|axis| Line { step: step[axis], shift: shift[axis] });
    let mut values = Vec::with_capacity(to.iter().product::<usize>() * volume.frames());
    for frame in 0..volume.frames() {
        values.extend(resample(pool, &volume.frame_f32(frame), size, to, lines, between));
    }
    let scaled = volume.affine().after(&Affine::scaling(step));
    let grid = Grid { size: to, affine: begun_at(&scaled, volume.affine().apply(shift)) };
    moves.push(Move::Space { before: size, after: to, lines, between });
    like(&volume, grid, values)
}

/// First voxel, which may lie outside, and extents.
type Bounds = ([i64; 3], [usize; 3]);

fn centred(size: [usize; 3], to: [usize; 3]) -> Bounds {
    ([0, 1, 2].map(|axis| -((to[axis].saturating_sub(size[axis]) / 2) as i64)), to)
}

/// `CropForeground.compute_bounding_box`.
fn foreground(
    volume: &Volume,
    above: f32,
    margin: [usize; 3],
    inside: bool,
    multiple: [usize; 3],
) -> Result<Bounds> {
    let size = volume.size();
    let (mut low, mut high) = (size, [0; 3]);
    for frame in 0..volume.frames() {
        for (index, value) in volume.frame_f32(frame).into_iter().enumerate() {
            if value > above {
                let at = [index % size[0], index / size[0] % size[1], index / (size[0] * size[1])];
                for axis in 0..3 {
                    low[axis] = low[axis].min(at[axis]);
                    high[axis] = high[axis].max(at[axis] + 1);
                }
            }
        }
    }
    if high[0] == 0 {
        return Err(Error::new(Kind::Refused, words::NO_FOREGROUND));
    }
    let (mut start, mut extent) = ([0i64; 3], [0usize; 3]);
    for axis in 0..3 {
        let mut first = low[axis] as i64 - margin[axis] as i64;
        let mut end = (high[axis] + margin[axis]) as i64;
        if inside {
            first = first.max(0);
            end = end.min(size[axis] as i64);
        }
        let own = (end - first) as usize;
        extent[axis] = own.next_multiple_of(multiple[axis]);
        start[axis] = first - ((extent[axis] - own) / 2) as i64;
    }
    Ok((start, extent))
}

/// What lies in a box; zeros outside the volume.
fn boxed(volume: Volume, (start, to): Bounds, moves: &mut Moves) -> Result<Volume> {
    let size = volume.size();
    if start == [0; 3] && to == size {
        return Ok(volume);
    }
    too_large(to)?;
    let mut values = Vec::with_capacity(to.iter().product::<usize>() * volume.frames());
    for frame in 0..volume.frames() {
        values.extend(super::invert::cut(&volume.frame_f32(frame), size, start, to));
    }
    let origin = volume.affine().apply(start.map(|at| at as f64));
    let affine = begun_at(volume.affine(), origin);
    moves.push(Move::Box { before: size, after: to, start });
    like(&volume, Grid { size: to, affine }, values)
}

/// The same axes from another first voxel, in mm.
fn begun_at(affine: &Affine, origin: [f64; 3]) -> Affine {
    let mut rows = *affine.rows();
    rows.iter_mut().zip(origin).for_each(|(row, at)| row[3] = at);
    Affine::new(rows)
}

/// Steps that change values only.
fn intensity(step: &Step, volume: Volume) -> Result<Volume> {
    let (frames, voxels) = (volume.frames(), volume.frame_len());
    let mut values = Vec::with_capacity(frames * voxels);
    (0..frames).for_each(|frame| values.extend(volume.frame_f32(frame)));
    match step {
        Step::Range { from: [low, high], to, clip } => {
            for value in &mut values {
                *value = (*value - low) / (high - low);
                if let Some([least, most]) = to {
                    *value = *value * (most - least) + least;
                    if *clip {
                        *value = value.max(*least).min(*most);
                    }
                }
            }
        }
        Step::Normalise { nonzero, by_channel, mean, deviation } => {
            let part = if *by_channel { voxels } else { values.len() }.max(1);
            for (channel, values) in values.chunks_exact_mut(part).enumerate() {
                let given = |list: &[f32]| list.get(channel).or(list.last()).copied();
                normalise(values, *nonzero, given(mean), given(deviation));
            }
        }
        Step::Scale { to: [least, most], by_channel } => {
            let part = if *by_channel { voxels } else { values.len() }.max(1);
            for values in values.chunks_exact_mut(part) {
                let low = values.iter().copied().fold(f32::INFINITY, f32::min);
                let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                if low == high {
                    // As the reference does: a flat image times the least value.
                    values.iter_mut().for_each(|value| *value *= least);
                    continue;
                }
                for value in values {
                    *value = (*value - low) / (high - low) * (most - least) + least;
                }
            }
        }
        _ => {}
    }
    let grid = *volume.grid();
    like(&volume, grid, values)
}

fn normalise(values: &mut [f32], nonzero: bool, mean: Option<f32>, deviation: Option<f32>) {
    let counts = |value: &f32| !nonzero || *value != 0.0;
    let (count, sum) = values
        .iter()
        .filter(|value| counts(value))
        .fold((0u64, 0.0f64), |(n, sum), &value| (n + 1, sum + f64::from(value)));
    if count == 0 {
        return;
    }
    let own = sum / count as f64;
    let squares = values.iter().filter(|value| counts(value));
    let squares: f64 = squares.map(|&value| (f64::from(value) - own).powi(2)).sum();
    let mean = mean.unwrap_or(own as f32);
    let deviation = deviation.unwrap_or((squares / count as f64).sqrt() as f32);
    let deviation = if deviation == 0.0 { 1.0 } else { deviation };
    for value in values.iter_mut().filter(|value| counts(value)) {
        *value = (*value - mean) / deviation;
    }
}
