//! COCO's JSON: images, categories, annotations; read, and written for `score`.

use super::{BoxLabel, Mark, Readers};
use crate::datasets::{Case, Dataset, Files, Opened};
use base::words::{datasets as words, score};
use base::{Error, Kind, Result};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One file, `annotations/*.json`, or Roboflow's `_annotations.coco.json` in a folder a split.
pub(in crate::datasets) fn coco(files: &Files, root: &Path) -> Result<Dataset> {
    let mut set = Dataset::default();
    for (split, path) in parts(files, root)? {
        let part = read(files, &path)?;
        if set.box_labels.is_empty() {
            set.box_labels = part.labels.clone();
        } else if set.box_labels != part.labels {
            let text = words::CATEGORIES_DIFFER.clone();
            return Err(Error::new(Kind::BrokenInput, text).at(path));
        }
        let folder = path.parent().unwrap_or(root);
        set.cases.extend(part.images.into_iter().map(|image| Case {
            patient: image.patient.unwrap_or_else(|| image.id.clone()),
            split: split.clone(),
            files: vec![place(files, root, folder, split.as_deref(), &image.file)],
            boxes: Some(image.marks),
            id: image.id,
            ..Case::default()
        }));
    }
    tell_apart(&mut set.cases);
    Ok(set)
}

/// The files and the splits they are of.
fn parts(files: &Files, root: &Path) -> Result<Vec<(Option<String>, PathBuf)>> {
    if files.is_file(root) && !files.is_folder(root) {
        return Ok(vec![(None, root.to_path_buf())]);
    }
    let folder = root.join("annotations");
    let mut parts = Vec::new();
    for entry in files.list(&folder) {
        if let Some(name) = entry.name.strip_suffix(".json") {
            let split = name.strip_prefix("instances_").unwrap_or(name).to_owned();
            parts.push((Some(split), folder.join(&entry.name)));
        }
    }
    for entry in files.list(root) {
        let path = root.join(&entry.name).join("_annotations.coco.json");
        if entry.folder && files.is_file(&path) {
            parts.push((Some(entry.name), path));
        }
    }
    if parts.is_empty() {
        let lacks = words::lacks("annotations/*.json | */_annotations.coco.json");
        return Err(Error::new(Kind::BrokenInput, lacks).at(root));
    }
    Ok(parts)
}

/// Where an image lies: `images/`, the split's folder, or beside the annotations.
fn place(files: &Files, root: &Path, beside: &Path, split: Option<&str>, file: &str) -> PathBuf {
    let mut folders = vec![root.join("images"), beside.to_path_buf(), root.to_path_buf()];
    folders.extend(split.map(|split| root.join(split)));
    let found = folders.iter().map(|folder| folder.join(file)).find(|path| files.is_file(path));
    found.unwrap_or_else(|| root.join("images").join(file))
}

/// Ids that occur in several splits get the split's name in front.
pub(super) fn tell_apart(cases: &mut [Case]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    cases.iter().for_each(|case| *counts.entry(case.id.clone()).or_default() += 1);
    for case in cases.iter_mut().filter(|case| counts[&case.id] > 1) {
        let same = case.patient == case.id;
        case.id = format!("{}/{}", case.split.as_deref().unwrap_or(""), case.id);
        if same {
            case.patient = case.id.clone();
        }
    }
}

/// An image with its boxes.
struct Image {
    id: String,
    file: String,
    patient: Option<String>,
    marks: Vec<Mark>,
}

struct Part {
    labels: Vec<BoxLabel>,
    images: Vec<Image>,
}

/// The boxes of one COCO file, by the image's file name without ending.
pub(in crate::datasets) fn marks_of_file(
    files: &Files,
    path: &Path,
) -> Result<BTreeMap<String, Vec<Mark>>> {
    let named = read(files, path)?.images.into_iter().map(|image| {
        let stem = image.file.rsplit_once('.').map_or(image.file.as_str(), |(stem, _)| stem);
        (stem.to_owned(), image.marks)
    });
    Ok(named.collect())
}

fn text_of(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned).or_else(|| json.as_i64().map(|number| number.to_string()))
}

fn read(files: &Files, path: &Path) -> Result<Part> {
    parse(&files.bytes(path)?).map_err(|error| error.at(path))
}

/// The boxes of one file.
pub(in crate::datasets) fn coco_marks(bytes: &[u8]) -> Result<Vec<Mark>> {
    Ok(parse(bytes)?.images.into_iter().flat_map(|image| image.marks).collect())
}

fn parse(bytes: &[u8]) -> Result<Part> {
    let bad = |text| Error::new(Kind::BrokenInput, text);
    let json: Json = serde_json::from_slice(bytes)
        .map_err(|error| bad(score::not_json(error.line(), error.column())))?;
    let list = |key: &str| json[key].as_array().ok_or_else(|| bad(score::coco_lacks(key)));
    let mut labels = Vec::new();
    for category in list("categories")? {
        let number =
            category["id"].as_i64().ok_or_else(|| bad(score::coco_lacks("categories.id")))?;
        let name = category["name"].as_str().map_or_else(|| number.to_string(), str::to_owned);
        labels.push(BoxLabel { number, name });
    }
    let mut images = Vec::new();
    let mut places = BTreeMap::new();
    let mut twice = Vec::new();
    for image in list("images")? {
        let id = text_of(&image["id"]).ok_or_else(|| bad(score::coco_lacks("images.id")))?;
        let file = image["file_name"].as_str().unwrap_or(&id);
        let file = file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned();
        if places.insert(id.clone(), images.len()).is_some() {
            twice.push(id.clone());
        }
        images.push(Image { id, file, patient: text_of(&image["patient"]), marks: Vec::new() });
    }
    if !twice.is_empty() {
        return Err(bad(score::ids_twice(&twice)));
    }
    let mut strange = Vec::new();
    for (at, annotation) in list("annotations")?.iter().enumerate() {
        match mark(annotation, &labels) {
            Some((id, mark)) if places.contains_key(&id) => images[places[&id]].marks.push(mark),
            _ => strange.push((at + 1).to_string()),
        }
    }
    if strange.is_empty() {
        Ok(Part { labels, images })
    } else {
        Err(bad(score::bad_boxes(&strange)))
    }
}

/// The image and the box of an annotation.
fn mark(annotation: &Json, labels: &[BoxLabel]) -> Option<(String, Mark)> {
    let number = annotation["category_id"].as_i64()?;
    let label = labels.iter().position(|label| label.number == number)?;
    let sides = annotation["bbox"].as_array().filter(|sides| sides.len() == 4)?;
    let mut corner_size = [0.0; 4];
    for (side, json) in corner_size.iter_mut().zip(sides) {
        *side = json.as_f64().filter(|side| side.is_finite())?;
    }
    let crowd = annotation["iscrowd"].as_i64() == Some(1) || annotation["iscrowd"] == json!(true);
    let sound = corner_size[2] >= 0.0 && corner_size[3] >= 0.0;
    let mark = Mark {
        area: annotation["area"].as_f64().filter(|area| area.is_finite()),
        ignored: crowd,
        ..Mark::new(label, corner_size)
    };
    sound.then_some((text_of(&annotation["image_id"])?, mark))
}

/// A set's boxes as COCO has them. Images that nobody looked at for boxes are left out.
pub(in crate::datasets) fn coco_json(opened: &Opened, readers: &Readers) -> Result<Json> {
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for case in &opened.set.cases {
        let chosen = case.boxes.as_ref().and_then(|boxes| readers.choose(boxes, &case.readers));
        let Some(boxes) = chosen else { continue };
        let number = images.len() + 1;
        let file = case.files.first().and_then(|file| file.file_name());
        images.push(json!({
            "id": number,
            "case": case.id,
            "file_name": file.unwrap_or_default().to_string_lossy(),
            "patient": case.patient,
            "split": case.split,
        }));
        for mark in boxes {
            let [.., width, height] = mark.corner_size;
            annotations.push(json!({
                "id": annotations.len() + 1,
                "image_id": number,
                "category_id": opened.set.box_labels[mark.label].number,
                "bbox": mark.corner_size,
                "area": mark.area.unwrap_or(width * height),
                "iscrowd": u8::from(mark.ignored),
            }));
        }
    }
    if images.is_empty() {
        let error = Error::new(Kind::BrokenInput, words::NO_BOXES.clone());
        return Err(error.at(&opened.root));
    }
    let categories: Vec<Json> = opened
        .set
        .box_labels
        .iter()
        .map(|label| json!({ "id": label.number, "name": label.name }))
        .collect();
    Ok(json!({ "images": images, "categories": categories, "annotations": annotations }))
}
