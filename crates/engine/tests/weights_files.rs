//! Checkpoints written by PyTorch and safetensors read as their writers say
//! (`tools/reference/checkpoints.py`), and our own writers are read back.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use engine::weights::{Checkpoint, Limits, Scope, synth, write_pytorch, write_safetensors};
use engine::{ErrorKind, Tensor};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    testkit::project_root().join("crates/engine/tests/fixtures/weights").join(name)
}

fn open(name: &str) -> Checkpoint {
    Checkpoint::open(&fixture(name), &Limits::default()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

#[test]
fn every_fixture_reads_as_its_writer_says() {
    let text = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let files = expected.as_object().unwrap();
    assert!(files.len() >= 30);
    for (file, facts) in files {
        let checkpoint = open(file);
        assert_eq!(checkpoint.container(), facts["container"], "{file}");
        assert_eq!(checkpoint.sha256(), facts["sha256"], "{file}");
        let entries = facts["entries"].as_object().unwrap();
        let mut names: Vec<&str> = entries.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(checkpoint.names().collect::<Vec<_>>(), names, "{file}");
        for (name, row) in entries {
            let entry = checkpoint.entry(name).unwrap();
            let shape: Vec<usize> = numbers(&row["shape"]).iter().map(|n| *n as usize).collect();
            assert_eq!(entry.shape(), shape, "{file}: {name}");
            let values = match facts["synth"].as_bool() {
                Some(true) => synth::fill(name, &shape),
                _ => {
                    assert_eq!(format!("{:?}", entry.dtype()), row["dtype"], "{file}: {name}");
                    numbers(&row["values"]).iter().map(|n| *n as f32).collect()
                }
            };
            assert_eq!(checkpoint.tensor(name).unwrap().data(), values, "{file}: {name}");
        }
    }
}

#[test]
fn what_was_unwrapped_and_stripped_is_said() {
    let notes = open("wrapped-model_state.pt").notes().join("\n");
    assert!(notes.contains("`model_state`"), "{notes}");
    assert!(notes.contains("`module.`") && notes.contains("`_orig_mod.`"), "{notes}");
    let notes = open("xrv-legacy.pt").notes().join("\n");
    assert!(notes.contains("torchxrayvision.models.DenseNet"), "{notes}");
}

#[test]
fn a_prefix_is_stripped_only_when_every_name_has_it() {
    let mut checkpoint = open("xrv-zip.pt");
    assert!(!checkpoint.strip_prefix("features."), "the classifier lacks it");
    assert!(checkpoint.entry("features.conv0.weight").is_some());
    let mut checkpoint = open("torch10-module.pt");
    assert!(checkpoint.strip_prefix("0."));
    assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["bias", "weight"]);
    assert!(!checkpoint.strip_prefix("bias"));
}

#[test]
fn the_scope_reports_everything_that_does_not_fit_at_once() {
    let checkpoint = open("zip-protocol2.pt"); // weight [3, 4], bias [2]
    let scope = checkpoint.scope();
    assert!(scope.has("weight") && !scope.has("gone"));
    assert_eq!(scope.tensor("weight", &[4, 3]).data(), [0.0; 12], "zeros stand in");
    assert_eq!(scope.at("a").at("b").tensor("gone", &[2]).shape(), [2]);
    let error = scope.finish(&[]).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::WeightsMismatch);
    let text = error.to_string();
    for part in
        ["1 missing: a.b.gone [2]", "weight: expected [4, 3], found [3, 4]", "left over: bias"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains("zip-protocol2.pt"), "{text}");

    let scope = checkpoint.scope();
    scope.tensor("weight", &[3, 4]);
    assert!(scope.finish(&["b*s"]).is_ok(), "allowed to be left over");
    assert!(scope.finish(&[]).is_err());
}

#[test]
fn long_lists_of_names_are_cut_short_with_their_number() {
    let scope = open("zip-protocol2.pt").scope();
    for index in 0..40 {
        scope.at("x").tensor(&format!("t{index:02}"), &[1]);
    }
    let text = scope.finish(&["*"]).unwrap_err().to_string();
    assert!(text.contains("40 missing: x.t00 [1]") && text.contains("and 28 more"), "{text}");
    assert!(!text.contains("x.t39"), "{text}");
}

#[test]
fn a_recorded_network_is_written_and_read_back() {
    let network = |scope: &Scope| {
        let first = scope.at("features.conv0").tensor("weight", &[4, 1, 3, 3]);
        let second = scope.at("features.norm0").tensor("running_var", &[4]);
        scope.tensor("scalar", &[]);
        scope.at("名").tensor("empty", &[0, 2]);
        (first, second)
    };
    let recording = Scope::recording();
    let made = network(&recording);
    let folder = testkit::temp_dir("weights");
    for (name, container) in [("a.pt", "pytorch-zip"), ("a.safetensors", "safetensors")] {
        let path = folder.join(name);
        match container {
            "safetensors" => write_safetensors(&path, &recording.recorded()).unwrap(),
            _ => write_pytorch(&path, &recording.recorded()).unwrap(),
        }
        let checkpoint = Checkpoint::open(&path, &Limits::default()).unwrap();
        assert_eq!(checkpoint.container(), container);
        let scope = checkpoint.scope();
        assert_eq!(network(&scope), made);
        scope.finish(&[]).unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left aside");
}

#[test]
fn writers_refuse_names_given_twice_and_places_that_are_not_there() {
    let folder = testkit::temp_dir("weights-twice");
    let one = || ("a".to_string(), Tensor::zeros(&[1]));
    let error = write_pytorch(&folder.join("x.pt"), &[one(), one()]).unwrap_err();
    assert!(error.to_string().contains("two tensors are called a"), "{error}");
    let error = write_safetensors(&folder.join("no/x.safetensors"), &[one()]).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Io);
}
