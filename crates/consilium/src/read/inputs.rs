//! Files and folders to a sorted list of cases with names of their own.

use base::words::cli as words;
use base::{Error, Kind, Result};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders deeper than this are not followed: a loop of links ends here.
const DEEPEST: usize = 32;
/// Endings of images: such a file in a folder is a case whatever its content, so that a broken one
/// is reported and not passed over.
const IMAGES: [&str; 8] = ["dcm", "dicom", "png", "jpg", "jpeg", "tif", "tiff", "webp"];
/// Bytes that tell an image from another file.
const HEAD_BYTES: u64 = 4096;

/// One case to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// The file's stem, made unique with a number; safe as a folder's name.
    pub name: String,
}

/// Files as given, folders searched in the order of their names. Gives the inputs and how many
/// files of folders were passed over: hidden ones, `DICOMDIR`, and files that are images neither
/// by their ending nor by their content. The folder `out`, where results go, is not searched.
pub fn expand(paths: &[PathBuf], out: &Path) -> Result<(Vec<Input>, usize)> {
    let mut files = Vec::new();
    let mut skipped = 0;
    let out = std::fs::canonicalize(out).ok();
    for path in paths {
        let kind = std::fs::metadata(path)
            .map_err(|error| Error::new(Kind::Io, words::cannot_read(&error)).at(path))?;
        if kind.is_dir() {
            search(path, 0, out.as_deref(), &mut files, &mut skipped)?;
        } else {
            files.push(path.clone());
        }
    }
    let mut taken = BTreeSet::new();
    let inputs = files.into_iter().map(|path| {
        let name = unique(&stem(&path), &mut taken);
        Input { path, name }
    });
    Ok((inputs.collect(), skipped))
}

fn search(
    folder: &Path,
    depth: usize,
    out: Option<&Path>,
    files: &mut Vec<PathBuf>,
    skipped: &mut usize,
) -> Result<()> {
    let failed = |error| Error::new(Kind::Io, words::cannot_read(&error)).at(folder);
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(failed)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if path.is_dir() {
            let own = out.is_some() && std::fs::canonicalize(&path).ok().as_deref() == out;
            if depth < DEEPEST && !name.starts_with('.') && !own {
                search(&path, depth + 1, out, files, skipped)?;
            }
        } else if name.starts_with('.') || name == "DICOMDIR" || !may_be_image(&path) {
            *skipped += 1;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// A file that cannot be opened stays: its error is for the user to see.
fn may_be_image(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
    if IMAGES.contains(&&*ending) {
        return true;
    }
    let mut head = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head)) {
        Ok(_) => imaging::looks_like_image(&head),
        Err(_) => true,
    }
}

fn stem(path: &Path) -> String {
    safe(path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(""))
}

/// A name as a folder may bear it.
pub(crate) fn safe(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c })
        .take(100)
        .collect();
    match safe.trim_matches(['.', ' ']) {
        "" => "case".into(),
        name => name.into(),
    }
}

/// The name, with a number where it is taken.
pub(crate) fn unique(stem: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = stem.to_owned();
    let mut number = 2;
    // Some file systems do not tell capitals from small letters.
    while !taken.insert(name.to_lowercase()) {
        name = format!("{stem}-{number}");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_order_and_names_are_unique() {
        let dir = testkit::temp_dir("inputs");
        let names = [
            "b/film.dcm",
            "a/film.png",
            "a/FILM.dcm",
            "a/notes.txt",
            "a/.hidden",
            "DICOMDIR",
            "LICENSE",
            "results/image.png",
        ];
        for name in names {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"neither this nor that").unwrap();
        }
        let mut dicom = vec![0; 128];
        dicom.extend(b"DICM");
        std::fs::write(dir.join("b/IM000001"), dicom).unwrap();
        let (inputs, skipped) = expand(&[dir.path().to_path_buf()], &dir.join("results")).unwrap();
        let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(names, ["FILM", "film-2", "IM000001", "film-3"]);
        assert_eq!(skipped, 4);
    }

    #[test]
    fn names_are_safe_as_folders() {
        assert_eq!(stem(Path::new("x/..")), "case");
        assert_eq!(stem(Path::new("a:b?.dcm")), "a_b_");
        assert!(expand(&["/nowhere/at/all".into()], Path::new("out")).is_err());
    }
}
