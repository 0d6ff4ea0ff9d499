//! The lists of steps of a card, each step a word or a table with parameters.

use super::reader::{Reader, Table, Value, one_of, shorten, span};
use crate::card::{Resampling, Task};
use crate::steps::{About, After, Back, Extent, Fill, Side, Source, Span, Step};
use base::nearest;
use base::words::own as words;
use toml::de::{DeTable, DeValue};

/// Most steps of a list.
const MOST: usize = 64;

/// What a step may be called before the network.
const BEFORE: &[&str] = &[
    "stored-values",
    "modality-values",
    "displayed-values",
    "window",
    "invert-monochrome1",
    "scale",
    "clip",
    "normalize",
    "normalize-image",
    "truncate",
    "first-channel",
    "grey",
    "rgb",
    "bgr",
    "centre-square",
    "centre-crop",
    "pad-square",
    "resize",
    "resample",
    "mirror",
    "upside-down",
];

/// What a step may be called after it.
const AFTER: &[&str] = &[
    "sigmoid",
    "softmax",
    "operating-points",
    "resize-back",
    "threshold",
    "argmax",
    "linear",
    "clip",
];

const METHODS: [(&str, Resampling); 4] = [
    ("skimage", Resampling::Skimage),
    ("torch-antialiased", Resampling::TorchAntialiased),
    ("torch-bilinear", Resampling::TorchBilinear),
    ("pil-bilinear", Resampling::PilBilinear),
];

/// Steps before the network; `size` is what a `resize` without one means.
pub(super) fn before(
    r: &mut Reader,
    list: &[Value<'_>],
    size: Option<(usize, usize)>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut source: Option<Source> = None;
    each(r, list, "steps.before", BEFORE, |r, name, step, at| {
        let made = one_before(r, name, step, size);
        match (made, source) {
            (Some(Step::Values(first)), None) => source = Some(first),
            (Some(Step::Values(_)), Some(_)) => r.wrong(at, words::values_twice(name)),
            (Some(_), None) if steps.is_empty() => {
                r.wrong(at, words::VALUES_FIRST.clone());
                // Said once.
                source = Some(Source::Stored);
            }
            (Some(Step::InvertMonochrome1(_)), Some(Source::Displayed)) => {
                r.wrong(at, words::INVERTED_ALREADY.clone());
            }
            _ => {}
        }
        steps.extend(made);
    });
    steps
}

fn one_before(
    r: &mut Reader,
    name: &str,
    step: &mut Table<'_, '_>,
    size: Option<(usize, usize)>,
) -> Option<Step> {
    Some(match name {
        "stored-values" => Step::Values(Source::Stored),
        "modality-values" => Step::Values(Source::Modality),
        "displayed-values" => Step::Values(Source::Displayed),
        "window" => {
            let shapes = [("linear", false), ("linear-exact", true)];
            let (centre, width) = (step.needed_number(r, "centre"), step.needed_number(r, "width"));
            let exact = step.word(r, "shape", &shapes, Some(false))?;
            let (centre, width) = (centre?, width?);
            if width < if exact { f32::MIN_POSITIVE } else { 1.0 } {
                r.wrong(step.at, words::NARROW_WINDOW.clone());
                return None;
            }
            Step::Window { centre, width, exact }
        }
        "invert-monochrome1" => {
            let all = [("range", About::Range), ("maximum", About::Maximum)];
            Step::InvertMonochrome1(step.word(r, "about", &all, Some(About::Range))?)
        }
        "scale" => {
            let from = scaled_from(r, step);
            let to = match step.has("to") {
                true => step.span(r, "to"),
                false => {
                    r.missing(step, "to");
                    None
                }
            };
            let clip = step.flag(r, "clip");
            Step::Scale { from: from?, to: to?, clip }
        }
        "clip" => {
            let (low, high) = clip(r, step)?;
            Step::Clip { low, high }
        }
        "normalize" => {
            let (mean, deviation) = (channels(r, step, "mean"), channels(r, step, "deviation"));
            let deviation = deviation?;
            if deviation.iter().any(|value| *value <= 0.0) {
                r.wrong(step.at, words::above_zero(&step.path("deviation")));
                return None;
            }
            let mean = mean?;
            Step::Normalize { mean, deviation }
        }
        "normalize-image" => Step::NormalizeImage,
        "truncate" => Step::Truncate,
        "first-channel" => Step::FirstChannel,
        "grey" => Step::Grey,
        "rgb" => Step::Rgb,
        "bgr" => Step::Bgr,
        "centre-square" => Step::CentreSquare,
        "centre-crop" => {
            let (rows, columns) = if step.has("size") { step.size(r, "size")? } else { size? };
            Step::CentreCrop { rows, columns }
        }
        "pad-square" => {
            let places = [("centre", false), ("corner", true)];
            let fill = match step.get("fill").map(Value::get_ref) {
                None => Some(Fill::Value(0.0)),
                Some(DeValue::String(_)) => {
                    step.word(r, "fill", &[("minimum", Fill::Minimum)], None)
                }
                Some(_) => step.number(r, "fill").map(Fill::Value),
            };
            let corner = step.word(r, "place", &places, Some(false));
            Step::PadSquare { fill: fill?, corner: corner? }
        }
        "resize" => {
            let method = step.word(r, "method", &METHODS, None);
            let size_given = step.has("size");
            let exact = if size_given { step.size(r, "size") } else { None };
            let shorter = step.count(r, "shorter", 1..=8192);
            let longer = step.count(r, "longer", 1..=8192);
            let given = [size_given, shorter.is_some(), longer.is_some()];
            if given.iter().filter(|one| **one).count() > 1 {
                r.wrong(step.at, words::ONE_EXTENT.clone());
            }
            let to = match (exact, shorter, longer) {
                (_, Some(side), _) => Extent::Shorter(side),
                (_, _, Some(side)) => Extent::Longer(side),
                (Some((rows, columns)), _, _) => Extent::Exact(rows, columns),
                _ if size_given => return None,
                _ => size.map(|(rows, columns)| Extent::Exact(rows, columns))?,
            };
            Step::Resize { to, resampling: method? }
        }
        "resample" => {
            let method = step.word(r, "method", &METHODS, None);
            let spacing_mm = step.needed_number(r, "spacing_mm")?;
            if !(0.001..=100.0).contains(&spacing_mm) {
                r.wrong(step.at, words::above_zero(&step.path("spacing_mm")));
                return None;
            }
            Step::Resample { spacing_mm, resampling: method? }
        }
        "mirror" => {
            let sides =
                [("left", Some(Side::Left)), ("right", Some(Side::Right)), ("always", None)];
            Step::Mirror { only: step.word(r, "only", &sides, Some(None))? }
        }
        "upside-down" => Step::UpsideDown,
        _ => return None,
    })
}

fn scaled_from(r: &mut Reader, step: &mut Table<'_, '_>) -> Option<Span> {
    let Some(value) = step.get("from") else {
        r.missing(step, "from");
        return None;
    };
    let percentiles = step.has("percentiles");
    let path = step.path("from");
    match value.get_ref() {
        DeValue::String(text) => {
            let all = [("stored-range", 0), ("image", 1), ("percentiles", 2)];
            match one_of(r, &path, text, value.span().start, &all)? {
                0 => Some(Span::Stored),
                1 => Some(Span::Image),
                _ if !percentiles => {
                    r.missing(step, "percentiles");
                    None
                }
                _ => {
                    let (low, high) = step.span(r, "percentiles")?;
                    if low < 0.0 || high > 100.0 {
                        r.wrong(step.at, words::percentiles(&step.path("percentiles")));
                        return None;
                    }
                    Some(Span::Percentiles(low, high))
                }
            }
        }
        _ => span(r, &path, value).map(|(low, high)| Span::Fixed(low, high)),
    }
}

fn clip(r: &mut Reader, step: &mut Table<'_, '_>) -> Option<(f32, f32)> {
    let (low, high) = (step.needed_number(r, "low"), step.needed_number(r, "high"));
    let (low, high) = (low?, high?);
    if low >= high {
        r.wrong(step.at, words::LOW_BELOW_HIGH.clone());
        return None;
    }
    Some((low, high))
}

/// One number for all channels, or three.
fn channels(r: &mut Reader, step: &mut Table<'_, '_>, key: &'static str) -> Option<[f32; 3]> {
    match step.get(key).map(|value| (value.get_ref(), value.span().start)) {
        Some((DeValue::Array(list), at)) => {
            let path = step.path(key);
            let found: Vec<f32> =
                list.iter().filter_map(|value| super::reader::number(r, &path, value)).collect();
            match (found[..].try_into(), list.len()) {
                (Ok(three), 3) => Some(three),
                _ => {
                    r.wrong(at, words::expected(&path, &words::ONE_OR_THREE));
                    None
                }
            }
        }
        Some(_) => step.number(r, key).map(|value| [value; 3]),
        None => {
            r.missing(step, key);
            None
        }
    }
}

/// Steps after the network.
pub(super) fn after(r: &mut Reader, list: &[Value<'_>], task: Option<Task>) -> Vec<After> {
    let mut steps: Vec<After> = Vec::new();
    let mut last = None;
    each(r, list, "steps.after", AFTER, |r, name, step, at| {
        last = Some(at);
        let Some(made) = one_after(r, name, step) else { return };
        if let Some(task) = task
            && !suits(&made, task)
        {
            let all = AFTER.iter().filter(|name| suits_name(name, task)).copied();
            let all: Vec<&str> = all.collect();
            r.wrong(at, words::not_for_task(name, task_name(task), &all.join(", ")));
        }
        if steps.iter().any(|other| std::mem::discriminant(other) == std::mem::discriminant(&made))
        {
            r.wrong(at, words::step_twice(name));
        }
        steps.push(made);
    });
    if task == Some(Task::Segmentation) {
        segmentation(r, &steps, last.unwrap_or(0));
    }
    steps
}

/// Maps come back once, then each pixel is decided.
fn segmentation(r: &mut Reader, steps: &[After], at: usize) {
    let place = |wanted: fn(&After) -> bool| steps.iter().position(wanted);
    let back = place(|step| matches!(step, After::ResizeBack(_)));
    let softmax = place(|step| matches!(step, After::Softmax));
    let largest = place(|step| matches!(step, After::Largest));
    let above = place(|step| matches!(step, After::Above(_)));
    let decided = largest.or(above);
    if back.is_none()
        || decided.is_none()
        || back > decided
        || decided != steps.len().checked_sub(1)
    {
        r.wrong(at, words::MAPS_COME_BACK.clone());
    }
    if softmax > back && back.is_some() && above.is_some() {
        r.wrong(at, words::SOFTMAX_FIRST.clone());
    }
}

fn one_after(r: &mut Reader, name: &str, step: &mut Table<'_, '_>) -> Option<After> {
    Some(match name {
        "sigmoid" => After::Sigmoid,
        "softmax" => After::Softmax,
        "operating-points" => After::OperatingPoints,
        "resize-back" => {
            let all = [("torch-bilinear", Back::TorchBilinear), ("nearest", Back::Nearest)];
            After::ResizeBack(step.word(r, "method", &all, None)?)
        }
        "threshold" => After::Above(step.needed_number(r, "value")?),
        "argmax" => After::Largest,
        "linear" => {
            let (factor, offset) = (step.number(r, "factor"), step.number(r, "offset"));
            After::Linear { factor: factor.unwrap_or(1.0), offset: offset.unwrap_or(0.0) }
        }
        "clip" => {
            let (low, high) = clip(r, step)?;
            After::Clip { low, high }
        }
        _ => return None,
    })
}

fn suits(step: &After, task: Task) -> bool {
    let name = match step {
        After::Sigmoid => "sigmoid",
        After::Softmax => "softmax",
        After::OperatingPoints => "operating-points",
        After::ResizeBack(_) => "resize-back",
        After::Above(_) => "threshold",
        After::Largest => "argmax",
        After::Linear { .. } => "linear",
        After::Clip { .. } => "clip",
    };
    suits_name(name, task)
}

fn suits_name(name: &str, task: Task) -> bool {
    let all: &[&str] = match task {
        Task::Classification => &["sigmoid", "softmax", "operating-points"],
        Task::Segmentation => &["sigmoid", "softmax", "resize-back", "threshold", "argmax"],
        Task::Regression => &["sigmoid", "linear", "clip"],
        Task::Reconstruction => &[],
    };
    all.contains(&name)
}

/// As a card writes it.
pub(super) fn task_name(task: Task) -> &'static str {
    match task {
        Task::Classification => "classification",
        Task::Segmentation => "segmentation",
        Task::Regression => "regression",
        Task::Reconstruction => "reconstruction",
    }
}

/// Goes through a list of steps: a word, or a table whose `step` is the word.
fn each(
    r: &mut Reader,
    list: &[Value<'_>],
    path: &str,
    names: &[&str],
    mut take: impl FnMut(&mut Reader, &str, &mut Table<'_, '_>, usize),
) {
    if let Some(value) = list.get(MOST) {
        r.wrong(value.span().start, words::too_many(path, MOST));
    }
    let nothing = DeTable::new();
    for (index, value) in list.iter().take(MOST).enumerate() {
        let at = value.span().start;
        let here = format!("{path}[{}]", index + 1);
        let (name, mut table) = match value.get_ref() {
            DeValue::String(name) => (name.to_string(), Table::new(&nothing, here.clone(), at)),
            DeValue::Table(table) => {
                let mut table = Table::new(table, here.clone(), at);
                let Some((name, _)) = table.needed(r, "step") else { continue };
                (name.to_owned(), table)
            }
            _ => {
                r.wrong(at, words::expected(&here, &words::A_STEP));
                continue;
            }
        };
        if names.contains(&&*name) {
            take(r, &name, &mut table, at);
            table.close(r);
        } else {
            let near = nearest(&name, names.iter().copied());
            r.wrong(at, words::unknown_word(&here, &shorten(&name), &names.join(", "), near));
        }
    }
}
