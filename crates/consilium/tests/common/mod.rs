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
