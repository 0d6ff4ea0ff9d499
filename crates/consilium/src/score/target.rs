//! Boxes to be judged: the truth of a COCO file or of a data set, and predictions in COCO's form.

use super::box_pictures::Images;
use super::patients;
use super::settings::Settings;
use super::table;
use crate::datasets::{self, Opened};
use base::words::{datasets as sets, score as words};
use base::{Error, Kind, Note, Result, Text};
use metrics::compare::Units;
use metrics::detection::{Detections, FoundBox, TrueBox};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The truth of boxes.
pub(super) struct Target {
    path: PathBuf,
    images: usize,
    image_of: BTreeMap<Id, usize>,
    category_of: BTreeMap<Id, usize>,
    truth: Vec<TrueBox>,
    /// Names of the categories.
    pub categories: Vec<String>,
    /// What the images are called.
    pub names: Vec<String>,
    /// The patients of the images.
    pub units: Units,
    /// Subgroups: column, and each image's value.
    pub subgroups: Vec<(String, Vec<String>)>,
    /// Patients are known: of a data set always, otherwise by `--group`.
    by_patient: bool,
    /// What should be known.
    pub notes: Vec<Note>,
    /// The images themselves, where a data set has them.
    pub pictures: Option<Images>,
}

impl Target {
    /// Reads the truth: a COCO file, `KIND:PATH`, or a folder in YOLO's, Pascal VOC's or COCO's layout.
    ///
    /// Errors name entries by their place from 1.
    pub fn open(truth: &Path, settings: &Settings) -> Result<Target> {
        match datasets::place_of(truth) {
            Some(place) => {
                let mut opened = datasets::open(&place)?;
                opened.only(settings.split.as_deref())?;
                Target::of_dataset(opened, settings)
            }
            // A COCO file has no splits of its own.
            None if settings.split.is_some() => {
                let text = words::flag_not_for("--split", "detection TRUTH.json");
                Err(Error::new(Kind::Usage, text))
            }
            None => Target::of_file(truth, settings),
        }
    }

    /// The settings, with the patients that a data set knows.
    pub fn settings(&self, settings: &Settings) -> Settings {
        let known = self.by_patient.then(|| "patient".to_owned());
        Settings { group: settings.group.clone().or(known), ..settings.clone() }
    }

    fn of_dataset(opened: Opened, settings: &Settings) -> Result<Target> {
        let mut target = Target {
            path: opened.root,
            images: 0,
            image_of: BTreeMap::new(),
            category_of: BTreeMap::new(),
            truth: Vec::new(),
            categories: Vec::new(),
            names: Vec::new(),
            units: Units::single(0),
            subgroups: Vec::new(),
            by_patient: true,
            notes: opened.set.notes,
            pictures: None,
        };
        let mut paths = Vec::new();
        let (mut patients, mut ids, mut left_out) = (Vec::new(), Vec::new(), 0);
        let mut names: Vec<[Option<String>; 2]> = Vec::new();
        let mut strata: Vec<(String, Vec<String>)> =
            opened.set.strata.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        for case in &opened.set.cases {
            let boxes = case.boxes.as_ref();
            let boxes = boxes.and_then(|boxes| settings.readers.choose(boxes, &case.readers));
            let Some(boxes) = boxes else {
                left_out += 1;
                continue;
            };
            let image = target.images;
            target.images += 1;
            if let Ok(number) = case.id.parse() {
                target.image_of.insert(Id::Number(number), image);
            }
            target.image_of.insert(Id::Text(case.id.clone()), image);
            names.push(file_names(case.files.first().map(PathBuf::as_path)));
            paths.push(case.files.first().cloned());
            patients.push(case.patient.clone());
            ids.push(case.id.clone());
            for ((_, values), value) in strata.iter_mut().zip(&case.strata) {
                values.push(value.clone());
            }
            target.truth.extend(boxes.into_iter().map(|mark| {
                let [.., width, height] = mark.corner_size;
                TrueBox {
                    image,
                    category: mark.label,
                    bbox: mark.corner_size,
                    area: mark.area.unwrap_or(width * height),
                    crowd: mark.ignored,
                }
            }));
        }
        target.pictures = Some(Images { files: opened.files, paths });
        if target.images == 0 {
            return Err(target.bad(sets::NO_BOXES.clone()));
        }
        if left_out > 0 {
            target.notes.push(Note::info("no-boxes", words::without_boxes(left_out)));
        }
        target.also_by(&names);
        for (place, label) in opened.set.box_labels.into_iter().enumerate() {
            target.category_of.insert(Id::Number(label.number), place);
            target.category_of.insert(Id::Text(label.name.clone()), place);
            target.categories.push(label.name);
        }
        target.describe(Some(patients), &strata, ids, &names, settings)?;
        Ok(target)
    }

    fn of_file(truth: &Path, settings: &Settings) -> Result<Target> {
        Target::of_coco(truth, &table::bytes(truth)?, settings)
    }

    /// The truth of a COCO file's bytes; `truth` is what errors name.
    pub fn of_coco(truth: &Path, bytes: &[u8], settings: &Settings) -> Result<Target> {
        let t = parse_json(truth, bytes)?;
        let bad = |text| Error::new(Kind::BrokenInput, text).at(truth);
        let list = |key: &str| -> Result<Vec<Json>> {
            t[key].as_array().cloned().ok_or_else(|| bad(words::coco_lacks(key)))
        };
        let (images, categories) = (list("images")?, list("categories")?);
        let annotations = list("annotations")?;
        if images.is_empty() {
            return Err(bad(words::EMPTY_SPLIT.clone()));
        }
        let image_of = places(&images).map_err(|ids| bad(words::ids_twice(&ids)))?;
        let category_of = places(&categories).map_err(|ids| bad(words::ids_twice(&ids)))?;
        let mut names = vec![String::new(); categories.len()];
        for category in &categories {
            if let Some(place) = category_of.get(&Id::of(&category["id"])) {
                let name = category["name"].as_str().map(str::to_owned);
                names[*place] = name.unwrap_or_else(|| category["id"].to_string());
            }
        }
        let mut target = Target {
            path: truth.to_path_buf(),
            images: images.len(),
            image_of,
            category_of,
            truth: Vec::new(),
            categories: names,
            names: Vec::new(),
            units: Units::single(images.len()),
            subgroups: Vec::new(),
            by_patient: false,
            notes: Vec::new(),
            pictures: None,
        };
        // A category may also be called by its name.
        for (place, name) in target.categories.iter().enumerate() {
            target.category_of.entry(Id::Text(name.clone())).or_insert(place);
        }
        let entry = |entry: &Json| -> Option<TrueBox> {
            let (image, category, bbox) = target.place(entry)?;
            let area = entry["area"].as_f64().unwrap_or(bbox[2] * bbox[3]);
            let crowd = entry["iscrowd"].as_i64() == Some(1) || entry["iscrowd"] == json!(true);
            Some(TrueBox { image, category, bbox, area, crowd })
        };
        target.truth = all(&annotations, entry).map_err(|rows| bad(words::bad_boxes(&rows)))?;
        let mut files = vec![[None, None]; images.len()];
        let mut ids = vec![String::new(); images.len()];
        let own = |name: &&String| patients::beside(name).is_none();
        let typed = settings.group.iter().chain(&settings.by).filter(own);
        let mut strata: Vec<(String, Vec<String>)> =
            typed.map(|name| (name.clone(), vec![String::new(); images.len()])).collect();
        for image in &images {
            let Some(place) = target.image_of.get(&Id::of(&image["id"])) else { continue };
            files[*place] = file_names(image["file_name"].as_str().map(Path::new));
            ids[*place] = plain(&image["id"]);
            for (name, values) in &mut strata {
                values[*place] = plain(&image[name.as_str()]);
            }
        }
        // An unknown sex is a subgroup; a key that no image has is none, nor is a patient without name.
        let group = settings.group.as_ref();
        strata.retain(|(name, values)| match group == Some(name) {
            true => values.iter().all(|value| !value.is_empty()),
            false => values.iter().any(|value| !value.is_empty()),
        });
        target.also_by(&files);
        target.describe(None, &strata, ids, &files, settings)?;
        Ok(target)
    }

    /// Finds patients and subgroups of the images: in the set, or in a table beside it that has the images
    /// by id or by file name.
    fn describe(
        &mut self,
        patients: Option<Vec<String>>,
        strata: &[(String, Vec<String>)],
        ids: Vec<String>,
        files: &[[Option<String>; 2]],
        settings: &Settings,
    ) -> Result<()> {
        let by_file = |at: usize| -> Option<Vec<String>> {
            files.iter().map(|names| names[at].clone()).collect()
        };
        self.names = by_file(0).unwrap_or_else(|| ids.clone());
        let namings = [Some(ids), by_file(0), by_file(1)];
        let namings: Vec<&[String]> = namings.iter().flatten().map(Vec::as_slice).collect();
        let path = self.path.clone();
        let at = |error: Error| error.at(&path);
        self.units = match (settings.group.as_deref(), patients) {
            (None | Some("patient"), Some(patients)) => Units::grouped(&patients),
            (Some(typed), _) => {
                let found = patients::of_cases("--group", typed, strata, &namings);
                Units::grouped(&found.map_err(at)?)
            }
            (None, None) => Units::single(self.images),
        };
        self.subgroups = patients::strata_of(&settings.by, strata, &namings).map_err(at)?;
        Ok(())
    }

    /// Images are also known by their file's name, with and without ending, where only one has it.
    fn also_by(&mut self, names: &[[Option<String>; 2]]) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names.iter().flatten().flatten() {
            *counts.entry(name).or_default() += 1;
        }
        for (image, names) in names.iter().enumerate() {
            for name in names.iter().flatten().filter(|name| counts[name.as_str()] == 1) {
                self.image_of.entry(Id::Text(name.clone())).or_insert(image);
            }
        }
    }

    /// Reads predictions: a list of boxes with scores, or a whole COCO file.
    ///
    /// Errors name entries by their place from 1: boxes without number, on images or of categories
    /// that the truth does not have, boxes twice.
    pub fn with(&self, predicted: &Path) -> Result<Detections> {
        self.with_bytes(predicted, &table::bytes(predicted)?)
    }

    /// The same of a file's bytes; `predicted` is what errors name.
    pub fn with_bytes(&self, predicted: &Path, bytes: &[u8]) -> Result<Detections> {
        let bad = |text| Error::new(Kind::BrokenInput, text).at(predicted);
        let json = parse_json(predicted, bytes)?;
        let lacks = || bad(words::coco_lacks("annotations"));
        let list = json.as_array().or(json["annotations"].as_array()).ok_or_else(lacks)?;
        let entry = |entry: &Json| -> Option<FoundBox> {
            let (image, category, bbox) = self.place(entry)?;
            let score = entry["score"].as_f64().filter(|score| score.is_finite())?;
            Some(FoundBox { image, category, bbox, score })
        };
        let found = all(list, entry).map_err(|rows| bad(words::bad_boxes(&rows)))?;
        let mut seen = BTreeSet::new();
        let twice: Vec<String> = found
            .iter()
            .enumerate()
            .filter(|(_, one)| {
                let numbers = one.bbox.map(f64::to_bits);
                !seen.insert((one.image, one.category, numbers, one.score.to_bits()))
            })
            .map(|(at, _)| (at + 1).to_string())
            .collect();
        if !twice.is_empty() {
            return Err(bad(words::boxes_twice(&twice)));
        }
        Ok(Detections {
            images: self.images,
            categories: self.categories.len(),
            truth: self.truth.clone(),
            found,
        })
    }

    /// Image, category and box of an entry.
    fn place(&self, entry: &Json) -> Option<(usize, usize, [f64; 4])> {
        let image = *self.image_of.get(&Id::of(&entry["image_id"]))?;
        let category = *self.category_of.get(&Id::of(&entry["category_id"]))?;
        let sides = entry["bbox"].as_array().filter(|sides| sides.len() == 4)?;
        let mut bbox = [0.0; 4];
        for (side, json) in bbox.iter_mut().zip(sides) {
            *side = json.as_f64().filter(|side| side.is_finite())?;
        }
        (bbox[2] >= 0.0 && bbox[3] >= 0.0).then_some((image, category, bbox))
    }

    fn bad(&self, text: Text) -> Error {
        Error::new(Kind::BrokenInput, text).at(&self.path)
    }
}

fn parse_json(path: &Path, bytes: &[u8]) -> Result<Json> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::new(Kind::BrokenInput, words::not_json(error.line(), error.column())).at(path)
    })
}

/// A value as a table would have it; nothing of none.
fn plain(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A file's name with and without ending.
fn file_names(path: Option<&Path>) -> [Option<String>; 2] {
    let text =
        |name: Option<&std::ffi::OsStr>| name.map(|name| name.to_string_lossy().into_owned());
    [text(path.and_then(Path::file_name)), text(path.and_then(Path::file_stem))]
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
