//! Pascal VOC: an XML file an image with its objects' corners in pixels.

use super::{BoxLabel, Mark, from_corners, no_box};
use crate::datasets::{Case, Dataset, Files};
use base::words::{datasets as words, score};
use base::{Error, Kind, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What one file says.
struct Picture {
    file: String,
    objects: Vec<(String, [f64; 4], bool)>,
}

/// `Annotations/` with `JPEGImages/` and the lists of `ImageSets/Main/`, or XML files beside their
/// images.
pub(in crate::datasets) fn voc(files: &Files, root: &Path) -> Result<Dataset> {
    let usual = root.join("Annotations");
    let folder = if files.is_folder(&usual) { usual } else { root.to_path_buf() };
    let pictures = read(files, &folder)?;
    let names: BTreeSet<&String> =
        pictures.values().flat_map(|picture| &picture.objects).map(|object| &object.0).collect();
    let labels: Vec<BoxLabel> = names
        .iter()
        .zip(0..)
        .map(|(name, number)| BoxLabel { number, name: (*name).clone() })
        .collect();
    let splits = splits(files, root)?;
    let images = ["JPEGImages", "images"].map(|name| root.join(name));
    let images = images.into_iter().find(|path| files.is_folder(path)).unwrap_or(folder);
    let cases = pictures.iter().map(|(id, picture)| Case {
        id: id.clone(),
        patient: id.clone(),
        split: splits.get(id).cloned(),
        files: vec![images.join(&picture.file)],
        boxes: Some(marks(picture, &labels)),
        ..Case::default()
    });
    Ok(Dataset { cases: cases.collect(), box_labels: labels, ..Dataset::default() })
}

/// The boxes of a set's own folder of XML files, by the file's name without ending; names that
/// `labels` does not have are refused.
pub(in crate::datasets) fn marks_of_folder(
    files: &Files,
    folder: &Path,
    labels: &[BoxLabel],
) -> Result<BTreeMap<String, Vec<Mark>>> {
    let pictures = read(files, folder)?;
    for (name, picture) in &pictures {
        let known = |name: &str| labels.iter().any(|label| label.name == name);
        if let Some(strange) = picture.objects.iter().find(|object| !known(&object.0)) {
            let path = folder.join(format!("{name}.xml"));
            let text = words::strange_label("name", &strange.0, 1);
            return Err(Error::new(Kind::BrokenInput, text).at(path));
        }
    }
    let own = |(name, picture): (&String, &Picture)| (name.clone(), marks(picture, labels));
    Ok(pictures.iter().map(own).collect())
}

fn marks(picture: &Picture, labels: &[BoxLabel]) -> Vec<Mark> {
    let objects = picture.objects.iter().filter_map(|(name, corner_size, difficult)| {
        let label = labels.iter().position(|label| label.name == *name)?;
        Some(Mark { ignored: *difficult, ..Mark::new(label, *corner_size) })
    });
    objects.collect()
}

/// The lists `train.txt`, `val.txt`, `test.txt` of names.
fn splits(files: &Files, root: &Path) -> Result<BTreeMap<String, String>> {
    let mut splits = BTreeMap::new();
    for split in ["train", "val", "test"] {
        let path = root.join("ImageSets/Main").join(format!("{split}.txt"));
        if files.is_file(&path) {
            let text = String::from_utf8_lossy(&files.bytes(&path)?).into_owned();
            let names = text.lines().filter_map(|line| line.split_whitespace().next());
            splits.extend(names.map(|name| (name.to_owned(), split.to_owned())));
        }
    }
    Ok(splits)
}

fn read(files: &Files, folder: &Path) -> Result<BTreeMap<String, Picture>> {
    let mut pictures = BTreeMap::new();
    for entry in files.list(folder) {
        let Some(name) = entry.name.strip_suffix(".xml").filter(|_| !entry.folder) else {
            continue;
        };
        let path = folder.join(&entry.name);
        let bytes = files.bytes(&path)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::new(Kind::BrokenInput, score::NOT_UTF8.clone()).at(&path))?;
        pictures.insert(name.to_owned(), parse(text, name).map_err(|error| error.at(&path))?);
    }
    if pictures.is_empty() {
        return Err(Error::new(Kind::BrokenInput, words::lacks("Annotations/*.xml")).at(folder));
    }
    Ok(pictures)
}

/// The boxes of one file, of whatever names it has.
pub(in crate::datasets) fn voc_marks(text: &str) -> Result<Vec<Mark>> {
    let picture = parse(text, "")?;
    let objects = picture.objects.into_iter();
    Ok(objects.map(|(_, corner_size, _)| Mark::new(0, corner_size)).collect())
}

/// One file. Corners are taken as they stand, as torchvision and the annotation tools do: a box from
/// 10 to 20 is 10 pixels wide.
fn parse(text: &str, name: &str) -> Result<Picture> {
    let document = roxmltree::Document::parse(text.trim_start_matches('\u{feff}'))
        .map_err(|error| Error::new(Kind::BrokenInput, words::not_xml(error.pos().row as usize)))?;
    let root = document.root_element();
    let child = |node: roxmltree::Node, name: &str| -> Option<String> {
        let found = node.children().find(|child| child.has_tag_name(name))?;
        Some(found.text().unwrap_or("").trim().to_owned())
    };
    let file = child(root, "filename").filter(|name| !name.is_empty());
    // Only the name: some tools write the whole path of the machine they ran on.
    let file = file.map(|file| file.rsplit(['/', '\\']).next().unwrap_or(&file).to_owned());
    let mut objects = Vec::new();
    for object in root.children().filter(|child| child.has_tag_name("object")) {
        let line = document.text_pos_at(object.range().start).row as usize;
        let bad = || no_box("object", line);
        let label = child(object, "name").filter(|name| !name.is_empty()).ok_or_else(bad)?;
        let bounds =
            object.children().find(|child| child.has_tag_name("bndbox")).ok_or_else(bad)?;
        let side = |name: &str| child(bounds, name).and_then(|side| side.parse::<f64>().ok());
        let corners = [side("xmin"), side("ymin"), side("xmax"), side("ymax")];
        let [Some(left), Some(top), Some(right), Some(bottom)] = corners else { return Err(bad()) };
        let corner_size = from_corners([left, top, right, bottom]).ok_or_else(bad)?;
        let difficult = child(object, "difficult").is_some_and(|text| text == "1");
        objects.push((label, corner_size, difficult));
    }
    Ok(Picture { file: file.unwrap_or_else(|| format!("{name}.jpg")), objects })
}
