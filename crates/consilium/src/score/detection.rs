//! Boxes: average precision and free-response ROC, images (or patients) resampled.

use super::outcome::{Block, Outcome, Row, WorstCase};
use super::patients;
use super::plots::{Mark, Plot};
use super::settings::Settings;
use super::slices::{MOST, most};
use super::target::Target;
use base::words::score as words;
use base::{Note, Text};
use metrics::Value;
use metrics::compare::Units;
use metrics::detection::{CPM_RATES, CocoSummary, Detections, FoundBox, TrueBox, froc, overlap};
use serde_json::{Map, Value as Json, json};

/// Overlap at which a box counts as a hit on the free-response curve.
pub(super) const FROC_IOU: f64 = 0.5;

/// Judges boxes against the truth of a COCO file, or of a data set.
pub(super) fn judge(target: Target, all: &Detections, settings: &Settings) -> Outcome {
    let units = &target.units;
    let settings = &target.settings(settings);
    let mut blocks: Vec<Block> = target
        .categories
        .iter()
        .enumerate()
        .map(|(category, name)| {
            let own = of_category(all, category);
            let worst = worst(&own, &target, settings);
            Block { worst, ..block(name, &own, units, settings) }
        })
        .collect();
    let mut subgroups = Vec::new();
    for (column, value, members) in patients::groups(&target.subgroups) {
        let units = units.only(&members);
        let own = of_images(all, &members);
        let few = || patients::few(units.len()).into_iter().collect();
        let whole = Block { notes: few(), ..self::block(&value, &own, &units, settings) };
        for (category, block) in blocks.iter_mut().enumerate() {
            let own = of_category(&own, category);
            let own = Block { notes: few(), ..self::block(&value, &own, &units, settings) };
            block.subgroups.push((column.clone(), own));
        }
        subgroups.push((column.clone(), whole));
    }
    let curve = froc(all, FROC_IOU, None);
    let mut more = Map::new();
    let sensitivity: Map<String, Json> = CPM_RATES
        .iter()
        .zip(curve.sensitivity)
        .map(|(rate, value)| (rate.to_string(), json!(value.ok())))
        .collect();
    more.insert(
        "froc".into(),
        json!({ "iou": FROC_IOU, "sensitivity_at_fp_per_image": sensitivity }),
    );
    let patients = settings.group.is_some();
    let how = words::how(settings.resamples, settings.seed, units.len(), patients);
    Outcome {
        settings: settings.clone(),
        cases: all.images,
        units: units.len(),
        overall: rows(all, units, settings),
        blocks,
        subgroups,
        more,
        notes: [Note::info("bootstrap", how)].into_iter().chain(target.notes).collect(),
        plots: vec![free_response(&curve.points)],
    }
}

/// Sensitivity over false positives an image, up to eight.
fn free_response(points: &[(f64, f64)]) -> Plot {
    let mut plot =
        Plot::unit(&words::PLOT_FROC, &words::AXIS_FALSE_POSITIVES, &words::AXIS_SENSITIVITY);
    plot.x = [0.0, points.last().map_or(1.0, |last| last.0.clamp(1.0, 8.0))];
    let shown = points.iter().copied().filter(|point| point.0 <= 8.0).collect();
    plot.with(Mark::Line(shown))
}

fn block(name: &str, own: &Detections, units: &Units, settings: &Settings) -> Block {
    Block {
        name: name.into(),
        counts: vec![
            ("n", own.images as u64),
            ("targets", own.truth.len() as u64),
            ("boxes", own.found.len() as u64),
        ],
        rows: rows(own, units, settings),
        ..Block::default()
    }
}

/// The images with most missed targets of one category, then with most boxes on nothing. Boxes take the
/// free target they overlap most, the surest first; those on a crowd are neither right nor wrong.
fn worst(own: &Detections, target: &Target, settings: &Settings) -> Vec<WorstCase> {
    let mut images: Vec<(Vec<&TrueBox>, Vec<&FoundBox>)> = vec![Default::default(); own.images];
    own.truth.iter().for_each(|one| images[one.image].0.push(one));
    own.found.iter().for_each(|one| images[one.image].1.push(one));
    let mut order: Vec<(usize, usize, usize, usize)> = Vec::new();
    for (image, (truth, mut found)) in images.into_iter().enumerate() {
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let (crowds, targets): (Vec<_>, Vec<_>) = truth.into_iter().partition(|one| one.crowd);
        let mut free: Vec<&TrueBox> = targets.clone();
        let mut alarms = 0;
        for one in found {
            let best = free
                .iter()
                .enumerate()
                .map(|(at, target)| (at, overlap(&one.bbox, &target.bbox)))
                .filter(|(_, iou)| *iou >= FROC_IOU)
                .max_by(|a, b| a.1.total_cmp(&b.1));
            match best {
                Some((at, _)) => _ = free.remove(at),
                None if crowds.iter().any(|c| overlap(&one.bbox, &c.bbox) > 0.0) => {}
                None => alarms += 1,
            }
        }
        if !free.is_empty() || alarms > 0 {
            order.push((free.len(), alarms, image, targets.len()));
        }
    }
    order.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then(a.2.cmp(&b.2)));
    let drawn = match settings.pictures {
        true => most(target.categories.len()),
        false => 0,
    };
    let one = |(at, (missed, alarms, image, targets)): (usize, (usize, usize, usize, usize))| {
        let picture = target.pictures.as_ref().filter(|_| at < drawn).and_then(|images| {
            let truth: Vec<[f64; 4]> =
                own.truth.iter().filter(|one| one.image == image).map(|one| one.bbox).collect();
            let mut found: Vec<&FoundBox> =
                own.found.iter().filter(|one| one.image == image).collect();
            found.sort_by(|a, b| b.score.total_cmp(&a.score));
            let found: Vec<[f64; 4]> = found.into_iter().map(|one| one.bbox).collect();
            images.picture(image, &truth, &found)
        });
        WorstCase {
            id: target.names.get(image).cloned().unwrap_or_else(|| (image + 1).to_string()),
            what: words::boxes_wrong(missed, targets, alarms),
            picture: picture.map(|picture| (picture, Text::same(""))),
        }
    };
    order.into_iter().take(2 * MOST).enumerate().map(one).collect()
}

/// Some of the images alone, numbered anew.
pub(super) fn of_images(all: &Detections, members: &[usize]) -> Detections {
    let mut place = vec![None; all.images];
    members.iter().enumerate().for_each(|(new, old)| place[*old] = Some(new));
    let truth =
        all.truth.iter().filter_map(|one| Some(TrueBox { image: place[one.image]?, ..*one }));
    let found =
        all.found.iter().filter_map(|one| Some(FoundBox { image: place[one.image]?, ..*one }));
    Detections {
        images: members.len(),
        categories: all.categories,
        truth: truth.collect(),
        found: found.collect(),
    }
}

/// The boxes of one category alone.
pub(super) fn of_category(all: &Detections, category: usize) -> Detections {
    let truth = all.truth.iter().filter(|one| one.category == category);
    let found = all.found.iter().filter(|one| one.category == category);
    Detections {
        images: all.images,
        categories: 1,
        truth: truth.map(|one| TrueBox { category: 0, ..*one }).collect(),
        found: found.map(|one| FoundBox { category: 0, ..*one }).collect(),
    }
}

/// COCO's names, in the order of [`listed`].
const NAMES: [&str; 12] =
    ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];

fn listed(found: &CocoSummary) -> Vec<Value> {
    let CocoSummary { ap, ap50, ap75, ap_by_size, ar, ar_by_size } = found;
    [&[*ap, *ap50, *ap75][..], ap_by_size, ar, ar_by_size].concat()
}

fn rows(detections: &Detections, units: &Units, settings: &Settings) -> Vec<Row> {
    let matches = detections.matches_by_size();
    let values = |images: Option<&[u32]>| -> Vec<Value> {
        let mut values = listed(&matches.summary(images));
        values.push(froc(detections, FROC_IOU, images).cpm);
        values
    };
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let count = NAMES.len() + 1;
    let drawn = units.bootstrap_many(seed, resamples, threads, count, |weights, out| {
        let images: Vec<u32> = units.of_case().iter().map(|unit| weights[*unit as usize]).collect();
        out.extend(values(Some(&images)));
    });
    let names = NAMES.iter().chain(&["CPM"]);
    let mut rows: Vec<Row> = names
        .zip(values(None))
        .zip(&drawn)
        .map(|((name, value), drawn)| {
            Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        })
        .collect();
    // Beside the first three.
    rows[3..].rotate_right(1);
    rows
}
