//! YOLO: `data.yaml`, folders of images, and for each image a text with one line a box:
//! class, centre and size as shares of the image; or class and the corners of an outline.

use super::{BoxLabel, Mark, no_box};
use crate::datasets::{Case, Dataset, Files};
use base::words::datasets as words;
use base::{Error, Kind, Note, Result};
use engine::weights::Plain;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Images are told by these endings.
const IMAGES: [&str; 7] = [".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"];
/// So far may a box reach out of the image, as a share of it: what rounding does.
const SLACK: f64 = 0.01;
/// The size of an image stands in its first bytes; a JPEG's may follow its remarks.
const HEAD: u64 = 1 << 18;

/// `data.yaml` with what it points to; or `images/`, `labels/` and `classes.txt`.
pub(in crate::datasets) fn yolo(files: &Files, root: &Path) -> Result<Dataset> {
    let (folder, yaml) = match settings_of(files, root) {
        Some(path) => (path.parent().unwrap_or(root).to_path_buf(), Some(path)),
        None => (root.to_path_buf(), None),
    };
    let mut notes = Vec::new();
    let (labels, splits) = match &yaml {
        Some(path) => Settings::read(files, path, &folder, &mut notes)?,
        None => plain(files, &folder)?,
    };
    let mut cases = Vec::new();
    for (split, images) in splits {
        for image in images {
            let boxes = boxes_of(files, &image, &labels, &mut notes)?;
            let id = stem(&image);
            cases.push(Case {
                // Roboflow's copies of one image are called NAME.rf.HASH; they belong together.
                patient: id.split(".rf.").next().unwrap_or(&id).to_owned(),
                split: (!split.is_empty()).then(|| split.clone()),
                files: vec![image],
                boxes,
                id,
                ..Case::default()
            });
        }
    }
    super::coco::tell_apart(&mut cases);
    Ok(Dataset { box_labels: labels, cases, notes, ..Dataset::default() })
}

/// `data.yaml`, or the only YAML file there.
fn settings_of(files: &Files, root: &Path) -> Option<PathBuf> {
    let yaml = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
    if files.is_file(root) && yaml(&root.to_string_lossy()) {
        return Some(root.to_path_buf());
    }
    let usual = root.join("data.yaml");
    if files.is_file(&usual) {
        return Some(usual);
    }
    let all: Vec<_> = files.list(root).into_iter().filter(|entry| yaml(&entry.name)).collect();
    match all.as_slice() {
        [only] => Some(root.join(&only.name)),
        _ => None,
    }
}

/// Classes, and the images of each split.
type Found = (Vec<BoxLabel>, Vec<(String, Vec<PathBuf>)>);

struct Settings;

impl Settings {
    fn read(files: &Files, path: &Path, folder: &Path, notes: &mut Vec<Note>) -> Result<Found> {
        let bad = |text| Error::new(Kind::BrokenInput, text).at(path);
        let bytes = files.bytes(path)?;
        let yaml = zoo::bundle::yaml(&bytes).map_err(bad)?;
        let labels = entry(&yaml, "names").and_then(names_of);
        let labels = labels.ok_or_else(|| bad(words::lacks("names")))?;
        let base = entry(&yaml, "path").and_then(text);
        let mut splits = Vec::new();
        for split in ["train", "val", "test"] {
            let places: Vec<String> = match entry(&yaml, split) {
                Some(Plain::List(places)) => places.iter().filter_map(text).collect(),
                Some(place) => text(place).into_iter().collect(),
                None => continue,
            };
            let mut images = Vec::new();
            for place in &places {
                match resolve(files, folder, base.as_deref(), place) {
                    Some(there) => images.extend(images_of(files, &there)?),
                    None => {
                        notes.push(Note::warning("split", words::split_not_there(split, place)));
                    }
                }
            }
            splits.push((split.to_owned(), images));
        }
        Ok((labels, splits))
    }
}

/// The names that the bytes of a `data.yaml` have; `None` where they have none.
pub(in crate::datasets) fn yaml_names(bytes: &[u8]) -> Option<Vec<BoxLabel>> {
    names_of(entry(&zoo::bundle::yaml(bytes).ok()?, "names")?)
}

fn entry<'a>(yaml: &'a Plain, key: &str) -> Option<&'a Plain> {
    let Plain::Table(entries) = yaml else { return None };
    entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// A name as written, also where it looks like a number; `None` of what is no single value.
fn text(plain: &Plain) -> Option<String> {
    match plain {
        Plain::Text(text) => Some(text.clone()),
        Plain::Int(number) => Some(number.to_string()),
        Plain::Float(number) => Some(number.to_string()),
        Plain::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Names as a list, or by number.
fn names_of(names: &Plain) -> Option<Vec<BoxLabel>> {
    let label = |number: i64, name: &Plain| Some(BoxLabel { number, name: text(name)? });
    match names {
        Plain::List(names) => (0..).zip(names).map(|(number, name)| label(number, name)).collect(),
        Plain::Table(names) => {
            let labels = names.iter().map(|(number, name)| label(number.parse().ok()?, name));
            let mut labels = labels.collect::<Option<Vec<BoxLabel>>>()?;
            labels.sort_by_key(|label| label.number);
            Some(labels)
        }
        _ => None,
    }
}

/// A place of `data.yaml`: below `path`, or below its own folder. Roboflow's `../train/images` lies
/// beside the file all the same.
fn resolve(files: &Files, folder: &Path, base: Option<&str>, place: &str) -> Option<PathBuf> {
    let below = place.trim_start_matches("../").trim_start_matches("./");
    let based = base.map(|base| folder.join(base).join(place));
    let places = [based, Some(folder.join(place)), Some(folder.join(below))];
    places.into_iter().flatten().find(|path| files.is_folder(path) || files.is_file(path))
}

/// The images of a folder, or those a list names.
fn images_of(files: &Files, place: &Path) -> Result<Vec<PathBuf>> {
    let image = |name: &str| {
        let lower = name.to_ascii_lowercase();
        IMAGES.iter().any(|ending| lower.ends_with(ending))
    };
    if files.is_folder(place) {
        let all = files.list(place).into_iter().filter(|entry| !entry.folder && image(&entry.name));
        return Ok(all.map(|entry| place.join(entry.name)).collect());
    }
    let folder = place.parent().unwrap_or(place);
    let text = String::from_utf8_lossy(&files.bytes(place)?).into_owned();
    let names = text.lines().map(str::trim).filter(|name| image(name));
    Ok(names.map(|name| folder.join(name.trim_start_matches("./"))).collect())
}

/// `images/`, `labels/` and the names in `classes.txt`.
fn plain(files: &Files, folder: &Path) -> Result<Found> {
    let images = images_of(files, &folder.join("images"));
    let images = images.ok().filter(|images| !images.is_empty());
    let images = images.ok_or_else(|| {
        Error::new(Kind::BrokenInput, words::lacks("data.yaml | images/")).at(folder)
    })?;
    let names = ["classes.txt", "labels/classes.txt"].map(|name| folder.join(name));
    let names = names.iter().find(|path| files.is_file(path)).ok_or_else(|| {
        Error::new(Kind::BrokenInput, words::lacks("data.yaml | classes.txt")).at(folder)
    })?;
    let text = String::from_utf8_lossy(&files.bytes(names)?).into_owned();
    let labels = text.lines().map(str::trim).filter(|name| !name.is_empty()).zip(0..);
    let labels = labels.map(|(name, number)| BoxLabel { number, name: name.into() }).collect();
    Ok((labels, vec![(String::new(), images)]))
}

/// The boxes of an image. Without a text file it has none; without image nobody knows its size, and
/// the boxes stay unknown.
fn boxes_of(
    files: &Files,
    image: &Path,
    labels: &[BoxLabel],
    notes: &mut Vec<Note>,
) -> Result<Option<Vec<Mark>>> {
    let text = text_of(image);
    if !files.is_file(&text) {
        return Ok(files.is_file(image).then(Vec::new));
    }
    let Some(size) = size_of(files, image) else {
        notes.push(Note::warning("size", words::size_unknown(&stem(image))));
        return Ok(None);
    };
    let bytes = files.bytes(&text)?;
    parse(&String::from_utf8_lossy(&bytes), size, labels).map(Some).map_err(|error| error.at(text))
}

/// `images` becomes `labels` in the last folder of that name; beside the image otherwise.
fn text_of(image: &Path) -> PathBuf {
    let mut parts: Vec<_> = image.components().map(|part| part.as_os_str().to_owned()).collect();
    if let Some(at) = parts.iter().rposition(|part| part == "images") {
        parts[at] = "labels".into();
    }
    parts.iter().collect::<PathBuf>().with_extension("txt")
}

/// Width and height in pixels, from the file's header.
pub(super) fn size_of(files: &Files, image: &Path) -> Option<[f64; 2]> {
    let head = files.head(image, HEAD).ok()?;
    let size = imagesize::blob_size(&head)
        .or_else(|_| imagesize::blob_size(&files.bytes(image).unwrap_or_default()))
        .ok()?;
    Some([size.width as f64, size.height as f64])
}

/// Reads the lines of one image. Errors name the line.
pub(in crate::datasets) fn parse(
    text: &str,
    [width, height]: [f64; 2],
    labels: &[BoxLabel],
) -> Result<Vec<Mark>> {
    let mut marks = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = || no_box(line, at + 1);
        let mut numbers = line.split_whitespace().map(str::parse::<f64>);
        let class = numbers.next().and_then(|class| class.ok()).ok_or_else(bad)?;
        let label = labels.iter().position(|label| label.number as f64 == class).ok_or_else(bad)?;
        let sides = numbers.collect::<std::result::Result<Vec<f64>, _>>().map_err(|_| bad())?;
        if !sides.iter().all(|side| (-SLACK..=1.0 + SLACK).contains(side)) {
            return Err(bad());
        }
        let [left, top, w, h] = match sides.as_slice() {
            [x, y, w, h] => [x - w / 2.0, y - h / 2.0, *w, *h],
            corners if corners.len() >= 6 && corners.len().is_multiple_of(2) => {
                let ends = |first: usize| {
                    let own = || corners.iter().skip(first).step_by(2).copied();
                    (own().fold(f64::MAX, f64::min), own().fold(f64::MIN, f64::max))
                };
                let ((left, right), (top, bottom)) = (ends(0), ends(1));
                [left, top, right - left, bottom - top]
            }
            _ => return Err(bad()),
        };
        marks.push(Mark::new(label, [left * width, top * height, w * width, h * height]));
    }
    Ok(marks)
}

/// The boxes of a set's own folder of label texts, by the name of the image without ending.
pub(in crate::datasets) fn labels_of_folder(
    files: &Files,
    folder: &Path,
    images: &BTreeMap<String, PathBuf>,
    labels: &[BoxLabel],
    notes: &mut Vec<Note>,
) -> Result<BTreeMap<String, Vec<Mark>>> {
    let mut found = BTreeMap::new();
    for (name, image) in images {
        let name = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let path = folder.join(format!("{name}.txt"));
        if !files.is_file(&path) {
            continue;
        }
        let Some(size) = size_of(files, image) else {
            notes.push(Note::warning("size", words::size_unknown(name)));
            continue;
        };
        let text = String::from_utf8_lossy(&files.bytes(&path)?).into_owned();
        found.insert(name.to_owned(), parse(&text, size, labels).map_err(|error| error.at(&path))?);
    }
    Ok(found)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_ultralytics_and_roboflow_write_them() {
        let names = |text: &str| -> Option<Vec<(i64, String)>> {
            let labels = yaml_names(text.as_bytes())?;
            Some(labels.into_iter().map(|label| (label.number, label.name)).collect())
        };
        let both = |first: i64| {
            Some(vec![(first, "angle".to_owned()), (first + 1, "messed up: angle".to_owned())])
        };
        let below = "# by hand\ntrain: ../train/images  # here\nnames:\n  0: angle\n  1: 'messed up: angle'\n\
                     download: |\n  from x import y\n  y(z)\n";
        assert_eq!(names(below), both(0));
        assert_eq!(names("nc: 2\nnames: [angle,\n  \"messed up: angle\"]\n"), both(0));
        assert_eq!(names("names: {3: angle, 4: 'messed up: angle'}\n"), both(3));
        assert_eq!(names("names:\n- angle\n- 'messed up: angle'\nval: [a, b]\n"), both(0));
        assert_eq!(names("names: [1, 2.5]"), Some(vec![(0, "1".into()), (1, "2.5".into())]));
        for bad in ["no key", "names: [a", "names: [[a]]", "names: x", "names:\n  a: b", "val: x"] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }

    #[test]
    fn lines_are_boxes_or_outlines() {
        let labels = super::super::numbered(&["a", "b"], 0);
        let marks =
            parse("1 0.5 0.5 0.2 0.4\n\n0 0.1 0.1 0.3 0.1 0.2 0.4\n", [100.0, 50.0], &labels);
        let marks = marks.unwrap();
        let sides: Vec<[f64; 4]> = marks
            .iter()
            .map(|mark| mark.corner_size.map(|side| (side * 1e6).round() / 1e6))
            .collect();
        assert_eq!(sides, [[40.0, 15.0, 20.0, 20.0], [10.0, 5.0, 20.0, 15.0]]);
        assert_eq!((marks[0].label, marks[1].label), (1, 0));
        for bad in
            ["2 0.5 0.5 0.2 0.4", "0 0.5 0.5 0.2", "0 50 50 20 40", "x 0 0 0 0", "0 0 0 0 0 0"]
        {
            assert!(parse(bad, [1.0, 1.0], &labels).is_err(), "{bad}");
        }
    }
}
