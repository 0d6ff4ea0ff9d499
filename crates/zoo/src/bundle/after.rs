//! What stands after a bundle's network: from its logits to labels on the case's own grid.
//!
//! Source: `monai/transforms/post/array.py`, `post/dictionary.py` (`Invertd`).

use super::before::{Args, base_name, keys, list};
use super::folder::Problem;
use super::invert::Moves;
use super::network::short;
use crate::channels::softmax;
use crate::morphology::{Components, Neighbours};
use base::words::bundle as words;
use engine::cpu::Pool;
use engine::weights::Plain;

/// Channels that may overlap: each combination of them is a label.
const MOST_OVERLAPPING: usize = 16;

/// One transform.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Softmax,
    Sigmoid,
    Argmax,
    Threshold(f32),
    Invert {
        nearest: bool,
    },
    Largest {
        labels: Option<Vec<usize>>,
        onehot: Option<bool>,
        apart: bool,
        through: Neighbours,
    },
    /// The first channel above zero gives its label, else 0.
    Where(Vec<(usize, u16)>),
    /// Of the classes that were asked for the one with the largest logit above zero, else 0
    /// (`VistaPostTransformd`); decided plane by plane ([`asked`]).
    Asked,
}

type Found<T> = std::result::Result<T, Problem>;

/// The steps of a list of transforms for the prediction of a network with so many classes; `None` for one
/// that answers to prompts. Problems name the first that is not known.
pub(super) fn read(transforms: &Plain, classes: Option<usize>) -> Found<Vec<Step>> {
    let list = list(transforms).ok_or_else(|| Problem::missing("postprocessing"))?;
    let mut steps = Vec::new();
    let mut channels = classes.unwrap_or(1);
    for item in list {
        let keys = keys(item);
        let place = keys.iter().position(|key| key == "pred");
        if !keys.is_empty() && place.is_none() {
            continue;
        }
        let args = Args { table: item, name: base_name(item), place: place.unwrap_or(0) };
        match args.name {
            "EnsureType" | "ToTensor" | "SaveImage" | "DeleteItems" | "SelectItems"
            | "Identity" | "CastToType" | "ToDevice" => {}
            "VistaPostTransform" if classes.is_none() => steps.push(Step::Asked),
            "Activations" => {
                args.only(&["other"])?;
                if args.flag("sigmoid", false)? {
                    steps.push(Step::Sigmoid);
                }
                if args.flag("softmax", false)? {
                    steps.push(Step::Softmax);
                }
            }
            "AsDiscrete" => {
                args.only(&["to_onehot", "rounding"])?;
                if args.flag("argmax", false)? {
                    if channels < 2 {
                        return Err(args.wrong("argmax"));
                    }
                    channels = 1;
                    steps.push(Step::Argmax);
                }
                match args.of_key("threshold") {
                    None => {}
                    Some(value) => {
                        let number = value.number().ok_or_else(|| args.wrong("threshold"))?;
                        steps.push(Step::Threshold(number as f32));
                    }
                }
            }
            "Invert" => {
                let nearest = args.flag("nearest_interp", true)?;
                // Labels have nothing between them.
                if !nearest && channels == 1 && steps.contains(&Step::Argmax) {
                    return Err(args.wrong("nearest_interp"));
                }
                steps.push(Step::Invert { nearest });
            }
            "KeepLargestConnectedComponent" => {
                args.only(&["num_components"])?;
                steps.push(largest(&args)?);
            }
            "Lambda" => {
                let wrong = || args.wrong("func");
                let text = args.of_key("func").map(short_whole).ok_or_else(wrong)?;
                if replaces_nan(&text) {
                    continue;
                }
                let rules = choices(&text).ok_or_else(wrong)?;
                if rules.iter().any(|(channel, _)| *channel >= channels) {
                    return Err(wrong());
                }
                channels = 1;
                steps.push(Step::Where(rules));
            }
            "" => return Err(Problem::missing("_target_")),
            other => return Err(Problem(words::transform_unknown(other))),
        }
    }
    let decided = |step: &Step| matches!(step, Step::Argmax | Step::Threshold(_) | Step::Where(_));
    let sound = match classes {
        Some(_) => steps.iter().any(decided),
        None => steps.first() == Some(&Step::Asked) && !steps.iter().any(decided),
    };
    if !sound {
        return Err(Problem(words::NO_LABELS));
    }
    if channels > MOST_OVERLAPPING {
        return Err(Problem(words::too_many_overlapping(channels, MOST_OVERLAPPING)));
    }
    Ok(steps)
}

/// An expression's whole text.
fn short_whole(value: &Plain) -> String {
    match value {
        Plain::Other(text) | Plain::Text(text) => text.clone(),
        other => short(other),
    }
}

fn largest(args: &Args) -> Found<Step> {
    let labels = match args.of_key("applied_labels") {
        None => None,
        Some(value) => {
            let items = match args.get("applied_labels").and_then(Plain::items) {
                Some(items) => items.iter().map(Plain::size).collect::<Option<Vec<_>>>(),
                None => value.size().map(|one| vec![one]),
            };
            Some(items.ok_or_else(|| args.wrong("applied_labels"))?)
        }
    };
    let onehot = match args.of_key("is_onehot") {
        None => None,
        Some(Plain::Bool(value)) => Some(*value),
        Some(_) => return Err(args.wrong("is_onehot")),
    };
    let through = match args.of_key("connectivity").map(Plain::size) {
        None | Some(Some(3)) => Neighbours::All,
        Some(Some(1)) => Neighbours::Faces,
        Some(_) => return Err(args.wrong("connectivity")),
    };
    Ok(Step::Largest { labels, onehot, apart: args.flag("independent", true)?, through })
}

/// `lambda x: torch.nan_to_num(x, nan=255)`: there are none where the whole image was read.
fn replaces_nan(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let value = plain
        .strip_prefix("$lambdax:torch.nan_to_num(x,nan=")
        .and_then(|rest| rest.strip_suffix(')'));
    value.is_some_and(|value| value.parse::<f64>().is_ok())
}

/// `lambda x: torch.where(x[[2]] > 0, 4, torch.where(…, 0))` as channels and labels.
fn choices(text: &str) -> Option<Vec<(usize, u16)>> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut rest = plain.strip_prefix("$lambdax:")?;
    let mut rules = Vec::new();
    while let Some(inner) = rest.strip_prefix("torch.where(x[[") {
        let (channel, inner) = inner.split_once("]]>0,")?;
        let (label, inner) = inner.split_once(',')?;
        rules.push((channel.parse().ok()?, label.parse().ok()?));
        rest = inner;
        (rules.len() <= MOST_OVERLAPPING).then_some(())?;
    }
    let ends = format!("0{}", ")".repeat(rules.len()));
    (!rules.is_empty() && rest == ends).then_some(rules)
}

/// For each voxel of logits `[class][voxel]` the label of the class with the largest one above zero, the first
/// of equals, else 0.
pub(super) fn asked(logits: &[f32], labels: &[u16]) -> Vec<u16> {
    let voxels = logits.len() / labels.len().max(1);
    let (mut best, mut found) = (vec![0.0f32; voxels], vec![0u16; voxels]);
    for (class, &label) in logits.chunks_exact(voxels.max(1)).zip(labels) {
        for ((best, found), &value) in best.iter_mut().zip(&mut found).zip(class) {
            if value > *best {
                (*best, *found) = (value, label);
            }
        }
    }
    found
}

/// What a network's answer has become.
pub(super) enum State {
    /// `[channel][k][j][i]`, and how many channels.
    Values(Vec<f32>, usize),
    /// `[k][j][i]`.
    Labels(Vec<u16>),
}

/// Labels on the case's own grid, and for each channel of a network whose channels may overlap the labels
/// it is part of.
pub(super) struct Labels {
    pub labels: Vec<u16>,
    /// Empty where labels are the network's own.
    pub of_channel: Vec<Vec<u16>>,
}

/// Carries the steps out on logits `[channel][k][j][i]`, or on labels where they were decided on plane by
/// plane; their grid has extents `size` (i, j, k), `own` is the case's.
pub(super) fn finish(
    pool: &Pool,
    steps: &[Step],
    mut state: State,
    moves: &Moves,
    [mut size, own]: [[usize; 3]; 2],
) -> Labels {
    let mut inverted = false;
    let mut of_channel = Vec::new();
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        state = match (step, state) {
            (Step::Softmax, State::Values(mut values, channels)) => {
                softmax(pool, &mut values, channels);
                State::Values(values, channels)
            }
            (Step::Sigmoid, State::Values(mut values, channels)) => {
                values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()));
                State::Values(values, channels)
            }
            (Step::Argmax, State::Values(values, channels)) => {
                let voxels = values.len() / channels.max(1);
                let mut best = Best::new(voxels);
                values.chunks_exact(voxels.max(1)).for_each(|channel| best.take(channel));
                State::Labels(best.labels)
            }
            (Step::Threshold(bound), State::Values(mut values, channels)) => {
                let over = |value: f32| f32::from(u8::from(value >= *bound));
                values.iter_mut().for_each(|value| *value = over(*value));
                State::Values(values, channels)
            }
            (Step::Invert { nearest }, state) if !inverted => {
                inverted = true;
                size = own;
                // Channels go back one by one, and are not kept where only the largest counts.
                let argmax = steps.next_if(|next| **next == Step::Argmax).is_some();
                back(pool, state, moves, *nearest, argmax)
            }
            (Step::Largest { labels, onehot, apart, through }, state) => {
                let wanted = labels.as_deref();
                keep(state, wanted, *onehot, *apart, *through, [size[2], size[1], size[0]])
            }
            (Step::Where(rules), State::Values(values, channels)) => {
                let voxels = values.len() / channels.max(1);
                let above = |channel: usize, at: usize| values[channel * voxels + at] > 0.0;
                let label = |at: usize| {
                    let rule = rules.iter().find(|(channel, _)| above(*channel, at));
                    rule.map_or(0, |(_, label)| *label)
                };
                let labels: Vec<u16> = (0..voxels).map(label).collect();
                of_channel = shares(&values, &labels, channels);
                State::Labels(labels)
            }
            (_, state) => state,
        };
    }
    if !inverted {
        // `SaveImage` writes on the case's grid by the nearest voxel.
        state = back(pool, state, moves, true, false);
    }
    match state {
        State::Labels(labels) => Labels { labels, of_channel },
        State::Values(values, 1) => {
            let labels = values.into_iter().map(|value| u16::from(value > 0.0)).collect();
            Labels { labels, of_channel: vec![vec![1]] }
        }
        State::Values(values, channels) => combine(&values, channels),
    }
}

fn back(pool: &Pool, state: State, moves: &Moves, nearest: bool, argmax: bool) -> State {
    match state {
        State::Labels(labels) => {
            let values = labels.into_iter().map(f32::from).collect();
            let back = moves.undo(pool, values, true);
            State::Labels(back.into_iter().map(|value| value as u16).collect())
        }
        State::Values(values, channels) => {
            let voxels = (values.len() / channels.max(1)).max(1);
            let back = values.chunks_exact(voxels).map(|c| moves.undo(pool, c.to_vec(), nearest));
            if !argmax {
                return State::Values(back.flatten().collect(), channels);
            }
            let mut best = Best::new(0);
            for channel in back {
                if best.labels.is_empty() {
                    best = Best::new(channel.len());
                }
                best.take(&channel);
            }
            State::Labels(best.labels)
        }
    }
}

/// The channel with the largest value, the first of equals.
struct Best {
    labels: Vec<u16>,
    values: Vec<f32>,
    taken: u16,
}

impl Best {
    fn new(voxels: usize) -> Best {
        Best { labels: vec![0; voxels], values: vec![f32::NEG_INFINITY; voxels], taken: 0 }
    }

    fn take(&mut self, channel: &[f32]) {
        let both = self.labels.iter_mut().zip(&mut self.values);
        for ((label, best), &value) in both.zip(channel) {
            if value > *best {
                (*label, *best) = (self.taken, value);
            }
        }
        self.taken += 1;
    }
}

/// Sets to 0 what does not belong to the largest component.
fn keep(
    state: State,
    wanted: Option<&[usize]>,
    onehot: Option<bool>,
    apart: bool,
    through: Neighbours,
    shape: [usize; 3],
) -> State {
    let largest = |mask: &[bool]| {
        let found = Components::of_mask(mask, shape, through);
        let largest = found.largest();
        found.mask(mask.len(), |component| Some(component) == largest)
    };
    match state {
        State::Labels(mut labels) => {
            let mut present: Vec<u16> = labels.iter().copied().filter(|label| *label > 0).collect();
            present.sort_unstable();
            present.dedup();
            if let Some(wanted) = wanted {
                present.retain(|label| wanted.contains(&usize::from(*label)));
            }
            let groups: Vec<Vec<u16>> = if apart {
                present.into_iter().map(|one| vec![one]).collect()
            } else {
                vec![present]
            };
            for group in groups {
                let mask: Vec<bool> = labels.iter().map(|label| group.contains(label)).collect();
                let kept = largest(&mask);
                for ((label, inside), kept) in labels.iter_mut().zip(mask).zip(kept) {
                    if inside && !kept {
                        *label = 0;
                    }
                }
            }
            State::Labels(labels)
        }
        State::Values(mut values, channels) => {
            // Several channels are a mask each; the first of them is background unless named.
            let first = usize::from(onehot.unwrap_or(channels > 1) && channels > 1);
            let all: Vec<usize> = match wanted {
                Some(wanted) => wanted.iter().copied().filter(|one| *one < channels).collect(),
                None => (first..channels).collect(),
            };
            let voxels = (values.len() / channels.max(1)).max(1);
            let groups: Vec<Vec<usize>> =
                if apart { all.into_iter().map(|one| vec![one]).collect() } else { vec![all] };
            for group in groups {
                let any = |at: usize| group.iter().any(|one| values[one * voxels + at] > 0.0);
                let mask: Vec<bool> = (0..voxels).map(any).collect();
                let kept = largest(&mask);
                for one in &group {
                    let channel = &mut values[one * voxels..][..voxels];
                    channel
                        .iter_mut()
                        .zip(&kept)
                        .for_each(|(v, kept)| *v *= f32::from(u8::from(*kept)));
                }
            }
            State::Values(values, channels)
        }
    }
}

/// For each channel the labels that its voxels have.
fn shares(values: &[f32], labels: &[u16], channels: usize) -> Vec<Vec<u16>> {
    let voxels = labels.len().max(1);
    let of = |channel: &[f32]| {
        let inside =
            channel.iter().zip(labels).filter(|(value, label)| **value > 0.0 && **label > 0);
        let mut found: Vec<u16> = Vec::new();
        for (_, label) in inside {
            if !found.contains(label) {
                found.push(*label);
            }
        }
        found.sort_unstable();
        found
    };
    let mut all: Vec<Vec<u16>> = values.chunks_exact(voxels).map(of).collect();
    all.resize(channels, Vec::new());
    all
}

/// Masks that may overlap as one map: each combination of channels is a label of its own.
fn combine(values: &[f32], channels: usize) -> Labels {
    let voxels = values.len() / channels.max(1);
    let bits = |at: usize| {
        let set = (0..channels).filter(|channel| values[channel * voxels + at] > 0.0);
        set.fold(0u16, |bits, channel| bits | 1 << channel)
    };
    let labels: Vec<u16> = (0..voxels).map(bits).collect();
    let mut present = labels.clone();
    present.sort_unstable();
    present.dedup();
    let of = |channel: usize| {
        // A structure without voxels has the label it would have alone.
        let mut own: Vec<u16> =
            present.iter().copied().filter(|bits| bits >> channel & 1 == 1).collect();
        if own.is_empty() {
            own.push(1 << channel);
        }
        own
    };
    Labels { labels, of_channel: (0..channels).map(of).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str, classes: usize) -> Found<Vec<Step>> {
        read(&Plain::from_json(text.as_bytes()).unwrap(), Some(classes))
    }

    #[test]
    fn regions_of_the_brain_become_the_labels_that_their_authors_give() {
        let text = "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))";
        assert_eq!(choices(text), Some(vec![(2, 4), (0, 1), (1, 2)]));
        for other in
            ["$lambda x: x", "$lambda x: torch.where(x[[0]] > 0, 1, 2)", "", "$lambda x: 0"]
        {
            assert_eq!(choices(other), None, "{other}");
        }
    }

    #[test]
    fn masks_that_overlap_become_labels_of_their_combinations() {
        let values = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let done = combine(&values, 2);
        assert_eq!(done.labels, [1, 3, 2, 0]);
        assert_eq!(done.of_channel, [vec![1, 3], vec![2, 3]]);
    }

    #[test]
    fn a_list_that_gives_no_labels_or_asks_for_more_is_named() {
        let softmax = r#"[{"_target_": "Activationsd", "keys": "pred", "softmax": true}]"#;
        assert!(steps(softmax, 2).is_err());
        let odd = r#"[{"_target_": "scripts.my.Oddd", "keys": "pred"}]"#;
        assert!(steps(odd, 2).unwrap_err().0.en().contains("Odd"));
        let linear = r#"[{"_target_": "AsDiscreted", "keys": "pred", "argmax": true},
            {"_target_": "Invertd", "keys": "pred", "nearest_interp": false}]"#;
        assert!(steps(linear, 2).is_err());
    }

    #[test]
    fn of_classes_asked_for_the_largest_above_zero_counts_and_equals_go_to_the_first() {
        let logits = [1.0, -1.0, 0.0, 2.0, 1.0, -2.0, 0.0, 3.0];
        assert_eq!(asked(&logits, &[7, 4]), [7, 0, 0, 4]);
        let post = r#"[{"_target_": "monai.apps.vista3d.transforms.VistaPostTransformd", "keys": "pred"},
            {"_target_": "Lambdad", "keys": "pred", "func": "$lambda x: torch.nan_to_num(x, nan=255)"}]"#;
        let post = Plain::from_json(post.as_bytes()).unwrap();
        assert_eq!(read(&post, None).unwrap(), [Step::Asked]);
        assert!(read(&post, Some(3)).is_err());
        let other = r#"[{"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5}]"#;
        assert!(read(&Plain::from_json(other.as_bytes()).unwrap(), None).is_err());
    }

    #[test]
    fn of_each_label_the_largest_piece_stays() {
        let labels = vec![1, 0, 1, 1, 0, 2, 2, 0, 2];
        let state = keep(State::Labels(labels), None, None, true, Neighbours::Faces, [1, 1, 9]);
        let State::Labels(labels) = state else { panic!("labels stay labels") };
        assert_eq!(labels, [0, 0, 1, 1, 0, 2, 2, 0, 0]);
    }
}
