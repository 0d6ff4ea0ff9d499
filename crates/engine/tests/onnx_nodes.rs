//! The ONNX project's own node tests: every case whose operations are in the table must pass, except
//! those that `onnx_nodes.tsv` explains one by one.
//!
//! `tools/reference/onnx_nodes.py` writes the cases into a folder; `CONSILIUM_ONNX_NODES` names it, otherwise it is the one that
//! `.ci/run` fills. Without it the test says that it is skipped, or fails where test data are required.
//! `CONSILIUM_ONNX_FILTER=text` runs only the cases whose name contains the text.

use engine::ErrorKind;
use engine::array::{Array, Data};
use engine::cpu::Pool;
use engine::onnx::{Model, Session, SessionOptions, Value, read_value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// At least so many pass.
const WANTED: usize = 1300;

enum Outcome {
    Passed,
    /// An operation is not in the table.
    Unknown(String),
    Failed(String),
}

struct Case {
    name: String,
    folder: PathBuf,
    rtol: f64,
    atol: f64,
}

#[test]
fn the_node_tests_of_the_onnx_project_pass() {
    let Some(root) = folder() else { return };
    let filter = std::env::var("CONSILIUM_ONNX_FILTER").unwrap_or_default();
    let cases = cases(&root);
    assert!(!cases.is_empty(), "no cases in {}", root.display());
    let excused = excused();
    let (mut passed, mut failures, mut unknown) = (BTreeSet::new(), String::new(), BTreeMap::new());
    let mut unexcused = 0;
    let total = cases.len();
    for case in cases.iter().filter(|case| case.name.contains(&filter)) {
        let ran = catch_unwind(AssertUnwindSafe(|| run(case)));
        match ran.unwrap_or_else(|_| Outcome::Failed("PANIC".into())) {
            Outcome::Passed => {
                passed.insert(case.name.clone());
            }
            Outcome::Unknown(op) => *unknown.entry(op).or_insert(0) += 1,
            Outcome::Failed(why) if !excused.contains_key(&case.name) => {
                unexcused += 1;
                let _ = writeln!(failures, "{}: {why}", case.name);
            }
            Outcome::Failed(_) => {}
        }
    }
    println!("{} of {total} cases pass", passed.len());
    for (op, count) in &unknown {
        println!("  without {op}: {count}");
    }
    assert!(unexcused == 0, "{unexcused} fail without an explanation:\n{failures}");
    if filter.is_empty() {
        let stale: Vec<&String> = excused.keys().filter(|name| passed.contains(*name)).collect();
        assert!(stale.is_empty(), "explained as failing, but passing: {stale:?}");
        assert!(passed.len() >= WANTED, "{} pass, {WANTED} wanted", passed.len());
    }
}

/// The folder with the cases: the one that is named, or where `.ci/run` makes them; `None` after saying that the test is skipped. Panics
/// instead when the cases, or all test data, are required.
fn folder() -> Option<PathBuf> {
    let root = match std::env::var_os("CONSILIUM_ONNX_NODES") {
        Some(root) => PathBuf::from(root),
        None => testkit::project_root().join("target/onnx-nodes/cases"),
    };
    if root.join("cases.tsv").exists() {
        return Some(root);
    }
    let required = ["CONSILIUM_REQUIRE_ONNX_NODES", "CONSILIUM_REQUIRE_TEST_DATA"];
    assert!(
        required.iter().all(|name| std::env::var_os(name).is_none()),
        "the node tests of the ONNX project are required but missing: no cases.tsv in {}; `python tools/reference/onnx_nodes.py \
         FOLDER` writes them, CONSILIUM_ONNX_NODES=FOLDER names them",
        root.display()
    );
    println!("skipped: no node tests of the ONNX project at {}", root.display());
    None
}

/// `cases.tsv`: kind, name, relative and absolute tolerance, operations.
fn cases(root: &Path) -> Vec<Case> {
    let path = root.join("cases.tsv");
    let table =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rows = table.lines().filter(|line| !line.starts_with("kind\t") && !line.is_empty());
    rows.map(|line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let number = |i: usize| parts[i].parse().unwrap();
        let folder = root.join(parts[0]).join(parts[1]);
        Case { name: parts[1].to_string(), folder, rtol: number(2), atol: number(3) }
    })
    .collect()
}

/// Cases of supported operations that fail, each with its reason.
fn excused() -> BTreeMap<String, String> {
    let table = include_str!("onnx_nodes.tsv");
    let rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|line| {
        let (name, reason) = line.split_once('\t').expect("name, tab, reason");
        assert!(reason.len() > 10, "{name} is not explained");
        (name.to_string(), reason.to_string())
    })
    .collect()
}

fn run(case: &Case) -> Outcome {
    let model = match Model::open(&case.folder.join("model.onnx")) {
        Ok(model) => model,
        Err(error) if *error.kind() == ErrorKind::Unsupported => {
            let message = error.message();
            let missing = message.strip_prefix("this build does not have the operation");
            return match missing.and_then(|rest| rest.split_once(": ")) {
                Some((_, ops)) => {
                    Outcome::Unknown(ops.split(" (").next().unwrap_or(ops).to_string())
                }
                None => Outcome::Failed(error.to_string()),
            };
        }
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let options =
        SessionOptions { memory_limit_bytes: Some(1 << 30), ..SessionOptions::new(Pool::new(2)) };
    // Files of IR version 3 list stored values among the inputs; data come for the others.
    let (ins, stored): (Vec<_>, Vec<_>) =
        model.inputs().iter().cloned().partition(|port| !port.optional);
    let ins = [ins, stored].concat();
    let outs = model.outputs().to_vec();
    let mut session = Session::new(model, options);
    let mut set = 0;
    while case.folder.join(format!("test_data_set_{set}")).is_dir() {
        let folder = case.folder.join(format!("test_data_set_{set}"));
        let read = |what: &str, index: usize, kind| {
            let path = folder.join(format!("{what}_{index}.pb"));
            let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            read_value(&bytes, kind).map_err(|e| format!("{what}_{index}: {e}"))
        };
        // Twice: a session gives the same when it runs again.
        for _ in 0..2 {
            let inputs: Result<Vec<(&str, Value)>, String> = ins
                .iter()
                .enumerate()
                .filter(|(i, _)| folder.join(format!("input_{i}.pb")).exists())
                .map(|(i, port)| Ok((port.name.as_str(), read("input", i, port.kind)?)))
                .collect();
            let inputs = match inputs {
                Ok(inputs) => inputs,
                Err(why) => return Outcome::Failed(why),
            };
            let results = match session.run_values(inputs) {
                Ok(results) => results,
                Err(error) => return Outcome::Failed(error.to_string()),
            };
            for (i, (result, port)) in results.iter().zip(&outs).enumerate() {
                let wanted = match read("output", i, port.kind) {
                    Ok(wanted) => wanted,
                    Err(why) => return Outcome::Failed(why),
                };
                if let Err(why) = same(result, &wanted, case) {
                    return Outcome::Failed(format!("output {i} `{}`: {why}", port.name));
                }
            }
        }
        set += 1;
    }
    if set == 0 { Outcome::Failed("no data".into()) } else { Outcome::Passed }
}

fn same(result: &Value, wanted: &Value, case: &Case) -> Result<(), String> {
    match (result, wanted) {
        (Value::Array(a), Value::Array(b)) => same_array(a, b, case),
        (Value::Sequence(a), Value::Sequence(b)) if a.len() == b.len() => {
            a.iter().zip(b).try_for_each(|(a, b)| same_array(a, b, case))
        }
        (Value::Absent, Value::Absent) => Ok(()),
        _ => Err(format!("{result:?} instead of {wanted:?}")),
    }
}

/// As `numpy.testing.assert_allclose`: types and shapes equal, values within both tolerances.
fn same_array(a: &Array, b: &Array, case: &Case) -> Result<(), String> {
    if (a.dtype(), a.shape()) != (b.dtype(), b.shape()) {
        return Err(format!(
            "{} {:?} instead of {} {:?}",
            a.dtype(),
            a.shape(),
            b.dtype(),
            b.shape()
        ));
    }
    let exact = a.data() == b.data();
    let (x, y): (Vec<f64>, Vec<f64>) = match (a.data(), b.data()) {
        (Data::F64(x), Data::F64(y)) => (x.to_vec(), y.to_vec()),
        (Data::Text(_), _) if !exact => return Err(format!("{a:?} instead of {b:?}")),
        (Data::I64(_) | Data::U64(_), _) if !exact => {
            return Err(format!("{a:?} instead of {b:?}"));
        }
        _ => {
            let wide = |v: &Array| v.to_f32().into_iter().map(f64::from).collect();
            (wide(a), wide(b))
        }
    };
    for (i, (x, y)) in x.iter().zip(&y).enumerate() {
        let near = x == y
            || (x.is_nan() && y.is_nan())
            || (x - y).abs() <= case.atol + case.rtol * y.abs();
        if !near && !exact {
            return Err(format!("{x} instead of {y} at {i} of {}", a.len()));
        }
    }
    Ok(())
}
