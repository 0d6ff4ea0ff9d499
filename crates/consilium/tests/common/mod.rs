//! The binary, weights and films for the tests of the command line.
#![allow(dead_code)]

pub mod judge;
pub mod trained;

use engine::graph::Builder;
use engine::weights::{Scope, write_pytorch};
use imaging::dicom::{Radiograph, write_radiograph};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub const ALL: &str = "xrv-densenet121-res224-all";

pub fn command(folder: &Path, line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consilium"));
    command.args(line).current_dir(folder).env("CONSILIUM_LANG", "en");
    command
}

pub fn consilium(folder: &Path, line: &[&str]) -> Output {
    command(folder, line).output().unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Standard output.
pub fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Weights made on the spot under the published name of [`ALL`], written once for all tests into
/// the build's own folder.
pub fn weights() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let system = zoo::find(ALL).unwrap();
        let scope = Scope::recording();
        system.network(&mut Builder::new(), &scope).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(system.card().weights.file_names[0]);
        let aside = folder.join(format!("weights-{}", std::process::id()));
        write_pytorch(&aside, &scope.recorded()).unwrap();
        fs::rename(&aside, &path).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

/// The command line that evaluates a model on a data set; [`ALL`] brings its weights.
pub fn evaluation<'a>(set: &'a str, model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let own: &[&str] = if model == ALL { &["--weights", weights()] } else { &[] };
    [&["evaluate", "--dataset", set, "--model", model], own, more].concat()
}

/// What an evaluation that must succeed prints of its only model.
pub fn evaluated(folder: &Path, set: &str, model: &str, more: &[&str]) -> Value {
    let output = consilium(folder, &[evaluation(set, model, more), vec!["--json"]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
    told["models"][0].take()
}

pub fn film(path: &Path, change: impl FnOnce(&mut Radiograph)) {
    let samples = (0..300 * 260).map(|i| ((i * 37 + i / 300 * 11) % 4096) as u16).collect();
    let mut film = Radiograph::chest(260, 300, samples);
    change(&mut film);
    write_radiograph(path, &film).unwrap();
}

pub fn result(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(&path).unwrap()).unwrap()
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A folder as an archive without compression (PKWARE APPNOTE, sections 4.3.7, 4.3.12, 4.3.16).
pub fn zip(root: &Path, folder: &str, to: &Path) {
    fn files(root: &Path, inside: &str, found: &mut Vec<String>) {
        for name in names(&root.join(inside)) {
            let inside = format!("{inside}/{name}");
            match root.join(&inside).is_dir() {
                true => files(root, &inside, found),
                false => found.push(inside),
            }
        }
    }
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        };
        !bytes.iter().fold(!0, step)
    }
    let mut found = Vec::new();
    files(root, folder, &mut found);
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for name in &found {
        let bytes = fs::read(root.join(name)).unwrap();
        let (at, size) = (out.len() as u32, bytes.len() as u32);
        // Version 20, no flags, stored, no time; check sum, both sizes, lengths of the names.
        let mut middle = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [crc32(&bytes), size, size] {
            middle.extend(number.to_le_bytes());
        }
        middle.extend((name.len() as u16).to_le_bytes());
        middle.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&middle);
        out.extend(name.as_bytes());
        out.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&middle);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, size) = (out.len() as u32, directory.len() as u32);
    let count = (found.len() as u16).to_le_bytes();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.repeat(2));
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    fs::write(to, out).unwrap();
}
