//! A model card: what a user declares in `model.toml`.

use super::labels::{Labels, labels};
use super::problem::Problem;
use super::reader::{Reader, Table, one_of, shorten};
use super::steps;
use crate::card::{Accepts, Task};
use crate::steps::{After, Placement, Step};
use base::words::own as words;
use base::{BodyPart, Modality, Rect, Text, View};
use std::path::{Component, Path};
use toml::de::DeValue;

/// Largest card that is read, in bytes.
pub const MOST_BYTES: usize = 256 << 10;

/// A card that holds together. What only the network can tell is not known yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Identifier, kebab-case.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// What it does.
    pub task: Task,
    /// What it is for.
    pub intended_use: Text,
    /// What it cannot do.
    pub limits: Text,
    /// Licence of the weights.
    pub licence: String,
    /// Who made it, where it is described.
    pub source: String,
    /// Its file and what is in it.
    pub network: Network,
    /// Modalities it reads.
    pub modalities: Vec<Modality>,
    /// Body parts it reads; empty for any.
    pub body_parts: Vec<BodyPart>,
    /// Projections it reads; empty for any.
    pub views: Vec<View>,
    /// What the network is fed.
    pub input: Input,
    /// From a study to that input.
    pub before: Vec<Step>,
    /// From the output to an answer.
    pub after: Vec<After>,
    /// What the outputs mean.
    pub labels: Labels,
}

/// The network's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Relative to the folder.
    pub file: String,
    /// `None` for an ONNX file, which is its own architecture.
    pub architecture: Option<Architecture>,
    /// Which output; the first when `None`.
    pub output: Option<String>,
}

/// Families of networks whose checkpoints can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// torchvision's DenseNet-121.
    DenseNet121,
    /// torchvision's ResNet-50.
    ResNet50,
    /// The PSPNet on ResNet-101 of ChestX-Det.
    PspNet,
}

const ARCHITECTURES: [(&str, Architecture); 3] = [
    ("densenet121", Architecture::DenseNet121),
    ("resnet50", Architecture::ResNet50),
    ("pspnet-resnet101", Architecture::PspNet),
];

/// What the network is fed.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Rows, columns.
    pub size: (usize, usize),
    /// 1 or 3.
    pub channels: usize,
    /// Channels come last.
    pub channels_last: bool,
    /// Type of the numbers.
    pub dtype: Dtype,
    /// Lowest and highest value the steps may give.
    pub range: Option<(f32, f32)>,
    /// What the values are, UCUM; `1` for none.
    pub unit: String,
    /// Distance between pixels as the network sees them.
    pub spacing_mm: Option<f32>,
    /// The network sees left and right exchanged, top and bottom exchanged.
    pub turned: (bool, bool),
}

/// Types of numbers a network can be fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit floats.
    Float32,
    /// 16-bit floats.
    Float16,
    /// 64-bit floats.
    Float64,
    /// Whole numbers 0..=255.
    Uint8,
}

/// As a card writes them.
pub(super) const DTYPES: [(&str, Dtype); 4] = [
    ("float32", Dtype::Float32),
    ("float16", Dtype::Float16),
    ("float64", Dtype::Float64),
    ("uint8", Dtype::Uint8),
];

/// Reads a card. Everything that is wrong with it is named; without a [`Declared`] something must
/// be mended, with one there are warnings at most.
pub fn parse(text: &str) -> (Option<Declared>, Vec<Problem>) {
    if text.len() > MOST_BYTES {
        return (None, vec![Problem::new(None, words::card_too_large(text.len(), MOST_BYTES))]);
    }
    let (mut r, document) = Reader::open(text);
    // A broken line takes keys with it: what it left would be called missing.
    if r.problems.iter().any(|problem| !problem.warning) {
        return (None, r.finish());
    }
    let declared = declared(&mut r, Table::new(document.get_ref(), "", 0));
    let broken = r.problems.iter().any(|problem| !problem.warning);
    (declared.filter(|_| !broken), r.finish())
}

fn declared(r: &mut Reader, mut top: Table<'_, '_>) -> Option<Declared> {
    let id = id(r, &mut top);
    let name = top.both(r, "name");
    let task = task(r, &mut top);
    let (intended_use, limits) = (top.both(r, "intended_use"), top.both(r, "limits"));
    let licence = top.needed(r, "licence");
    let source = top.text(r, "source").map_or("", |(text, _)| text);
    let network = needed_table(r, &mut top, "network").and_then(|table| {
        let at = table.at;
        Some((network(r, table)?, at))
    });
    let accepts = needed_table(r, &mut top, "accepts").map(|table| accepts(r, table));
    let input = needed_table(r, &mut top, "input").and_then(|table| input(r, table));
    let size = input.as_ref().map(|input| input.size);
    let steps = needed_table(r, &mut top, "steps").and_then(|mut table| {
        let lists = (table.list(r, "before"), table.list(r, "after"));
        for (list, key) in [(&lists.0, "before"), (&lists.1, "after")] {
            if list.is_none() && !table.has(key) {
                r.missing(&table, key);
            }
        }
        let faults = r.problems.len();
        let before_at = lists.0.and_then(|list| Some(list.first()?.span().start));
        let before = steps::before(r, lists.0?, size);
        let whole = r.problems.len() == faults;
        let after = steps::after(r, lists.1?, task);
        let at = before_at.unwrap_or(table.at);
        table.close(r);
        Some((before, after, at, whole))
    });
    let labels = labels(r, &mut top, task);
    if let (Some(input), Some((before, after, at, whole))) = (&input, &steps) {
        // A step that could not be read would make the rest look wrong.
        if *whole {
            fits(r, input, before, *at);
        }
        points(r, after, labels.as_ref(), *at);
    }
    if let (Some((network, at)), Some(input)) = (&network, &input) {
        of_architecture(r, network, input, task, *at);
    }
    top.close(r);
    let (modalities, body_parts, views) = accepts?;
    let (before, after, ..) = steps?;
    Some(Declared {
        id: id?,
        name: name?,
        task: task?,
        intended_use: intended_use?,
        limits: limits?,
        licence: licence?.0.to_owned(),
        source: source.to_owned(),
        network: network?.0,
        modalities,
        body_parts,
        views,
        input: input?,
        before,
        after,
        labels: labels?,
    })
}

fn needed_table<'a, 't>(
    r: &mut Reader,
    top: &mut Table<'a, 't>,
    key: &'static str,
) -> Option<Table<'a, 't>> {
    if !top.has(key) {
        r.wrong_card(words::missing_table(key));
    }
    top.table(r, key)
}

fn id(r: &mut Reader, top: &mut Table<'_, '_>) -> Option<String> {
    let (id, at) = top.needed(r, "id")?;
    let plain = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !plain || id.len() > 64 || id.starts_with('-') || id.ends_with('-') {
        r.wrong(at, words::id_form(&shorten(id)));
        return None;
    }
    if crate::find(id).is_some() {
        r.wrong(at, words::id_taken(id));
        return None;
    }
    Some(id.to_owned())
}

fn task(r: &mut Reader, top: &mut Table<'_, '_>) -> Option<Task> {
    let all = [
        ("classification", Some(Task::Classification)),
        ("segmentation", Some(Task::Segmentation)),
        ("regression", Some(Task::Regression)),
        ("detection", None),
    ];
    let (text, at) = top.needed(r, "task")?;
    let found = one_of(r, "task", text, at, &all)?;
    if found.is_none() {
        r.wrong(at, words::DETECTION.clone());
    }
    found
}

fn network(r: &mut Reader, mut table: Table<'_, '_>) -> Option<Network> {
    let architecture = match table.text(r, "architecture") {
        Some((text, at)) => Some(one_of(r, "network.architecture", text, at, &ARCHITECTURES)),
        None => None,
    };
    let given = match architecture {
        None if !table.has("file") => {
            table.get("file");
            Some(("model.onnx", table.at))
        }
        _ => table.needed(r, "file"),
    };
    let output = table.text(r, "output").map(|(text, _)| text.to_owned());
    table.close(r);
    let (file, at) = given?;
    let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || file.contains('\\') {
        r.wrong(at, words::outside(&shorten(file)));
        return None;
    }
    if architecture.is_none() && !file.to_ascii_lowercase().ends_with(".onnx") {
        let names = ARCHITECTURES.map(|(name, _)| name).join(", ");
        r.wrong(at, words::architecture_needed(&shorten(file), &names));
        return None;
    }
    let architecture = match architecture {
        Some(None) => return None,
        Some(found) => found,
        None => None,
    };
    Some(Network { file: file.to_owned(), architecture, output })
}

type Fits = (Vec<Modality>, Vec<BodyPart>, Vec<View>);

fn accepts(r: &mut Reader, mut table: Table<'_, '_>) -> Fits {
    let modalities = words_of(r, &mut table, "modality", |word| match word {
        "CR" => Modality::Cr,
        "DX" => Modality::Dx,
        "RG" => Modality::Rg,
        "CT" => Modality::Ct,
        "MR" => Modality::Mr,
        "US" => Modality::Us,
        "MG" => Modality::Mg,
        "OT" => Modality::Ot,
        other => Modality::Other(other.to_owned()),
    });
    if modalities.as_ref().is_none_or(Vec::is_empty) {
        r.wrong(table.at, words::no_modality(&table.path("modality")));
    }
    let body_parts = words_of(r, &mut table, "body_part", |word| match word {
        "CHEST" => BodyPart::Chest,
        "KNEE" => BodyPart::Knee,
        other => BodyPart::Other(other.to_owned()),
    });
    let views = words_of(r, &mut table, "view", |word| match word {
        "PA" => View::Pa,
        "AP" => View::Ap,
        "LATERAL" => View::Lateral,
        other => View::Other(other.to_owned()),
    });
    table.close(r);
    (modalities.unwrap_or_default(), body_parts.unwrap_or_default(), views.unwrap_or_default())
}

/// DICOM code strings: capitals, digits, blanks and underscores (PS3.5 6.2, CS).
fn words_of<T>(
    r: &mut Reader,
    table: &mut Table<'_, '_>,
    key: &'static str,
    meaning: impl Fn(&str) -> T,
) -> Option<Vec<T>> {
    let list = table.list(r, key)?;
    let mut found = Vec::new();
    for value in list.iter().take(64) {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(word) if is_code_string(word) => found.push(meaning(word)),
            _ => r.wrong(at, words::expected(&table.path(key), &words::A_CODE_STRING)),
        }
    }
    Some(found)
}

fn is_code_string(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ' || c == '_';
    !word.trim().is_empty() && word.len() <= 16 && word.chars().all(allowed)
}

fn input(r: &mut Reader, mut table: Table<'_, '_>) -> Option<Input> {
    if !table.has("size") {
        r.missing(&table, "size");
    }
    let size = table.size(r, "size");
    let channels = match table.has("channels") {
        true => table.count(r, "channels", 1..=3),
        false => {
            r.missing(&table, "channels");
            None
        }
    };
    let channels = channels.filter(|&channels| {
        if channels == 2 {
            r.wrong(table.at, words::ONE_OR_THREE_CHANNELS.clone());
        }
        channels != 2
    });
    let layouts = [("NCHW", Some(false)), ("NHWC", Some(true)), ("NCDHW", None), ("NDHWC", None)];
    let layout = table.word(r, "layout", &layouts, Some(Some(false)));
    if layout == Some(None) {
        r.wrong(table.at, words::VOLUMES.clone());
    }
    let dtype = table.word(r, "dtype", &DTYPES, Some(Dtype::Float32));
    let range = table.span(r, "range");
    let unit = table.text(r, "unit").map_or("1", |(text, _)| text);
    let spacing_mm = table.number(r, "spacing_mm");
    let orientations = [
        ("upright", (false, false)),
        ("mirrored", (true, false)),
        ("upside-down", (false, true)),
        ("rotated-180", (true, true)),
    ];
    let turned = table.word(r, "orientation", &orientations, Some((false, false)));
    table.close(r);
    Some(Input {
        size: size?,
        channels: channels?,
        channels_last: layout??,
        dtype: dtype?,
        range,
        unit: unit.to_owned(),
        spacing_mm,
        turned: turned?,
    })
}

/// What the steps give is what the card promises the network: size, channels, spacing, orientation.
fn fits(r: &mut Reader, input: &Input, before: &[Step], at: usize) {
    // A landscape and a portrait film: only steps that fix the size give the same for both.
    for (columns, rows) in [(701, 500), (500, 701)] {
        let end = walked(before, columns, rows);
        if (end.rows, end.columns) != input.size {
            let (found, wanted) = ((end.rows, end.columns), input.size);
            r.wrong(at, words::steps_give_size(found, wanted, (rows, columns)));
            break;
        }
    }
    for channels in [1, 3] {
        let end = before.iter().fold(channels, |channels, step| match step {
            Step::FirstChannel | Step::Grey => 1,
            Step::Rgb => 3,
            _ => channels,
        });
        if end != input.channels {
            r.wrong(at, words::steps_give_channels(end, input.channels, channels));
            break;
        }
    }
    let spacing = before.iter().rev().find_map(|step| match step {
        Step::Resample { spacing_mm, .. } => Some(*spacing_mm),
        _ => None,
    });
    if let Some(wanted) = input.spacing_mm
        && spacing.is_none_or(|spacing| (spacing - wanted).abs() > 1e-3 * wanted)
    {
        r.wrong(at, words::steps_give_spacing(spacing, wanted));
    }
    if let Some(resample) = before.iter().position(|step| matches!(step, Step::Resample { .. }))
        && before[resample..].iter().any(|step| matches!(step, Step::Resize { .. }))
    {
        r.doubt(at, words::RESIZED_AFTER_RESAMPLED.clone());
    }
    let always = before.iter().fold((false, false), |(left, top), step| match step {
        Step::Mirror { only: None } => (!left, top),
        Step::UpsideDown => (left, !top),
        _ => (left, top),
    });
    if always != input.turned {
        r.wrong(at, words::ORIENTATION.clone());
    }
}

/// The grid after the steps, for a made-up extent. `Resample` is walked at a spacing that changes
/// the extent, as a real case's would.
fn walked(before: &[Step], columns: usize, rows: usize) -> Placement {
    let covers = Rect { x: 0.0, y: 0.0, width: columns as f32, height: rows as f32 };
    let start = Placement { covers, rows, columns, mirrored: false, upside_down: false };
    crate::steps::walk(before, start)
}

fn points(r: &mut Reader, after: &[After], labels: Option<&Labels>, at: usize) {
    let Some(labels) = labels else { return };
    if after.contains(&After::OperatingPoints) && labels.thresholds.iter().all(Option::is_none) {
        r.wrong(at, words::POINTS_NEED_THRESHOLDS.clone());
    }
}

/// What a known architecture cannot do.
fn of_architecture(
    r: &mut Reader,
    network: &Network,
    input: &Input,
    task: Option<Task>,
    at: usize,
) {
    let Some(architecture) = network.architecture else { return };
    if input.channels_last || input.dtype != Dtype::Float32 {
        r.wrong(at, words::ARCHITECTURE_INPUT.clone());
    }
    let maps = architecture == Architecture::PspNet;
    if task.is_some_and(|task| (task == Task::Segmentation) != maps) {
        r.wrong(at, words::ARCHITECTURE_TASK.clone());
    }
    if network.output.is_some() {
        r.wrong(at, words::ARCHITECTURE_OUTPUT.clone());
    }
}

impl Declared {
    /// Which cases it may be asked about.
    pub fn accepts(&self) -> Accepts<'_> {
        Accepts { modalities: &self.modalities, body_parts: &self.body_parts, views: &self.views }
    }
}
