//! Boxes of COCO files: average precision and free-response ROC, images (or patients) resampled.

use super::outcome::{Block, Outcome, Row};
use super::plots::{Mark, Plot};
use super::settings::Settings;
use super::table;
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use metrics::Value;
use metrics::compare::Units;
use metrics::detection::{CPM_RATES, CocoSummary, Detections, FoundBox, TrueBox, froc};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Overlap at which a box counts as a hit on the free-response curve.
const FROC_IOU: f64 = 0.5;

/// What two COCO files hold.
pub(super) struct Scene {
    /// The boxes.
    pub detections: Detections,
    /// Names of the categories.
    pub categories: Vec<String>,
    /// The patients of the images.
    pub units: Units,
}

/// Judges COCO files.
pub(super) fn judge(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    let scene = read(predicted, truth, settings)?;
    let all = &scene.detections;
    let overall = rows(all, &scene.units, settings);
    let blocks = scene
        .categories
        .iter()
        .enumerate()
        .map(|(category, name)| {
            let own = of_category(all, category);
            Block {
                name: name.clone(),
                counts: vec![
                    ("n", own.images as u64),
                    ("targets", own.truth.len() as u64),
                    ("boxes", own.found.len() as u64),
                ],
                rows: rows(&own, &scene.units, settings),
                ..Block::default()
            }
        })
        .collect();
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
    let how = words::how(settings.resamples, settings.seed, scene.units.len(), patients);
    Ok(Outcome {
        settings: settings.clone(),
        cases: all.images,
        units: scene.units.len(),
        overall,
        blocks,
        more,
        notes: vec![Note::info("bootstrap", how)],
        plots: vec![free_response(&curve.points)],
    })
}

/// Sensitivity over false positives an image, up to eight.
fn free_response(points: &[(f64, f64)]) -> Plot {
    let mut plot =
        Plot::unit(&words::PLOT_FROC, &words::AXIS_FALSE_POSITIVES, &words::AXIS_SENSITIVITY);
    plot.x = [0.0, points.last().map_or(1.0, |last| last.0.clamp(1.0, 8.0))];
    let shown = points.iter().copied().filter(|point| point.0 <= 8.0).collect();
    plot.with(Mark::Line(shown))
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

fn rows(detections: &Detections, units: &Units, settings: &Settings) -> Vec<Row> {
    let CocoSummary { ap, ap50, ap75, ap_by_size, ar, ar_by_size } = detections.coco();
    let matches = detections.matches();
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let drawn =
        units.bootstrap_many(seed, resamples, threads, 4, |weights, out: &mut Vec<Value>| {
            let images: Vec<u32> =
                units.of_case().iter().map(|unit| weights[*unit as usize]).collect();
            out.push(matches.average_precision(0..10, Some(&images)));
            out.push(matches.average_precision(0..1, Some(&images)));
            out.push(matches.average_precision(5..6, Some(&images)));
            out.push(froc(detections, FROC_IOU, Some(&images)).cpm);
        });
    let with = |name: &str, value: Value, at: usize| {
        Row::new(name, value, drawn[at].interval(settings.level), "bootstrap percentile")
    };
    let cpm = froc(detections, FROC_IOU, None).cpm;
    let mut rows = vec![with("AP", ap, 0), with("AP50", ap50, 1), with("AP75", ap75, 2)];
    rows.push(with("CPM", cpm, 3));
    for (name, value) in ["APs", "APm", "APl"].iter().zip(ap_by_size) {
        rows.push(Row::plain(name, value));
    }
    for (name, value) in ["AR1", "AR10", "AR100"].iter().zip(ar) {
        rows.push(Row::plain(name, value));
    }
    for (name, value) in ["ARs", "ARm", "ARl"].iter().zip(ar_by_size) {
        rows.push(Row::plain(name, value));
    }
    rows
}

/// Reads both files.
///
/// Errors name entries by their place from 1: boxes without number, on images or of categories that
/// the truth does not have, boxes twice.
pub(super) fn read(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Scene> {
    let json = |path: &Path| -> Result<Json> {
        serde_json::from_slice(&table::bytes(path)?).map_err(|error| {
            Error::new(Kind::BrokenInput, words::not_json(error.line(), error.column())).at(path)
        })
    };
    let (p, t) = (json(predicted)?, json(truth)?);
    let bad = |path: &Path, text| Error::new(Kind::BrokenInput, text).at(path);
    let list = |value: &Json, key: &str| value[key].as_array().cloned();
    let missing = |key: &str| bad(truth, words::coco_lacks(key));
    let images = list(&t, "images").ok_or_else(|| missing("images"))?;
    let categories = list(&t, "categories").ok_or_else(|| missing("categories"))?;
    let annotations = list(&t, "annotations").ok_or_else(|| missing("annotations"))?;
    if images.is_empty() {
        return Err(bad(truth, words::EMPTY_SPLIT.clone()));
    }
    let image_of = places(&images).map_err(|ids| bad(truth, words::ids_twice(&ids)))?;
    let category_of = places(&categories).map_err(|ids| bad(truth, words::ids_twice(&ids)))?;
    let found = match &p {
        Json::Array(found) => found.clone(),
        _ => list(&p, "annotations")
            .ok_or_else(|| bad(predicted, words::coco_lacks("annotations")))?,
    };
    let mut detections =
        Detections { images: images.len(), categories: categories.len(), ..Detections::default() };
    let places = Places { image_of: &image_of, category_of: &category_of };
    let entry = |entry: &Json| -> Option<TrueBox> {
        let (image, category, bbox) = places.of(entry)?;
        let area = entry["area"].as_f64().unwrap_or(bbox[2] * bbox[3]);
        let crowd = entry["iscrowd"].as_i64() == Some(1) || entry["iscrowd"] == json!(true);
        Some(TrueBox { image, category, bbox, area, crowd })
    };
    detections.truth =
        all(&annotations, entry).map_err(|rows| bad(truth, words::bad_boxes(&rows)))?;
    let entry = |entry: &Json| -> Option<FoundBox> {
        let (image, category, bbox) = places.of(entry)?;
        let score = entry["score"].as_f64().filter(|score| score.is_finite())?;
        Some(FoundBox { image, category, bbox, score })
    };
    detections.found =
        all(&found, entry).map_err(|rows| bad(predicted, words::bad_boxes(&rows)))?;
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = detections
        .found
        .iter()
        .enumerate()
        .filter(|(_, one)| {
            let numbers = one.bbox.map(f64::to_bits);
            !seen.insert((one.image, one.category, numbers, one.score.to_bits()))
        })
        .map(|(at, _)| (at + 1).to_string())
        .collect();
    if !twice.is_empty() {
        return Err(bad(predicted, words::boxes_twice(&twice)));
    }
    let units = match &settings.group {
        None => Units::single(images.len()),
        Some(key) => {
            // In the order of the places.
            let mut patients = vec![String::new(); images.len()];
            for image in &images {
                let patient = &image[key.as_str()];
                if patient.is_null() {
                    let text = words::no_column("--group", key);
                    return Err(Error::new(Kind::Usage, text).at(truth));
                }
                if let Some(place) = image_of.get(&Id::of(&image["id"])) {
                    patients[*place] = patient.to_string();
                }
            }
            Units::grouped(&patients)
        }
    };
    let mut names = vec![String::new(); categories.len()];
    for category in &categories {
        if let Some(place) = category_of.get(&Id::of(&category["id"])) {
            let name = category["name"].as_str().map(str::to_owned);
            names[*place] = name.unwrap_or_else(|| category["id"].to_string());
        }
    }
    Ok(Scene { detections, categories: names, units })
}

/// An id: numbers sort before texts, as numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Number(i64),
    Text(String),
}

impl Id {
    fn of(json: &Json) -> Id {
        match json.as_i64() {
            Some(number) => Id::Number(number),
            None => Id::Text(json.as_str().map_or_else(|| json.to_string(), str::to_owned)),
        }
    }
}

/// Places of images or categories by id, in the order of the ids; ids that occur twice otherwise.
fn places(entries: &[Json]) -> std::result::Result<BTreeMap<Id, usize>, Vec<String>> {
    let mut places = BTreeMap::new();
    let mut twice = Vec::new();
    for entry in entries {
        if places.insert(Id::of(&entry["id"]), 0).is_some() {
            twice.push(entry["id"].to_string());
        }
    }
    places.values_mut().enumerate().for_each(|(at, place)| *place = at);
    if twice.is_empty() { Ok(places) } else { Err(twice) }
}

struct Places<'a> {
    image_of: &'a BTreeMap<Id, usize>,
    category_of: &'a BTreeMap<Id, usize>,
}

impl Places<'_> {
    /// Image, category and box of an entry.
    fn of(&self, entry: &Json) -> Option<(usize, usize, [f64; 4])> {
        let image = *self.image_of.get(&Id::of(&entry["image_id"]))?;
        let category = *self.category_of.get(&Id::of(&entry["category_id"]))?;
        let sides = entry["bbox"].as_array().filter(|sides| sides.len() == 4)?;
        let mut bbox = [0.0; 4];
        for (side, json) in bbox.iter_mut().zip(sides) {
            *side = json.as_f64().filter(|side| side.is_finite())?;
        }
        (bbox[2] >= 0.0 && bbox[3] >= 0.0).then_some((image, category, bbox))
    }
}

/// Reads every entry, or names those that cannot be read by their place from 1.
fn all<T>(
    entries: &[Json],
    read: impl Fn(&Json) -> Option<T>,
) -> std::result::Result<Vec<T>, Vec<String>> {
    let (mut values, mut bad) = (Vec::with_capacity(entries.len()), Vec::new());
    for (at, entry) in entries.iter().enumerate() {
        match read(entry) {
            Some(value) => values.push(value),
            None => bad.push((at + 1).to_string()),
        }
    }
    if bad.is_empty() { Ok(values) } else { Err(bad) }
}
