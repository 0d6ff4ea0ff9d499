//! `infer` on ONNX files, through the binary.
#![allow(clippy::unwrap_used)]

use crate::common::{code, consilium, said};
use consilium::npy;
use engine::Array;
use std::fs;
use std::path::Path;
use testkit::onnx::{FLOAT, INT64, Onnx};

/// `sum = a + relu(conv(image))`, `shape` of it, with a stored `a` that may be given.
fn network() -> Vec<u8> {
    Onnx::new()
        .input("image", FLOAT, &[0, 1, 0, 0])
        .input("a", FLOAT, &[1])
        .floats("a", &[1], &[0.5])
        .floats("w", &[2, 1, 1, 1], &[1.0, -1.0])
        .node("Conv", &["image", "w"], "c", &[])
        .node("Relu", &["c"], "r", &[])
        .node("Add", &["r", "a"], "sum", &[])
        .node("ReduceSum", &["sum"], "total", &[("keepdims", 0)])
        .output("sum", &[0, 2, 0, 0])
        .output("total", &[])
        .finish()
}

fn write(path: &Path, array: &Array) {
    fs::write(path, npy::encode(array)).unwrap();
}

fn read(path: &Path) -> Array {
    npy::parse(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_graph_runs_on_arrays_and_is_timed_and_profiled() {
    let dir = testkit::temp_dir("infer-onnx");
    fs::write(dir.join("net.onnx"), network()).unwrap();
    write(&dir.join("x.npy"), &Array::of(&[1, 1, 1, 3], vec![-1.0f64, 0.0, 2.0]).unwrap());
    let line = ["infer", "net.onnx", "-i", "x.npy", "-o", "y.npy", "-o", "total=t.npy"];
    let output =
        consilium(dir.path(), &[&line[..], &["--repeat", "2", "--profile", "-v"]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let y = read(&dir.join("y.npy"));
    assert_eq!(y.shape(), [1, 2, 1, 3]);
    assert_eq!(y.to_f32(), [0.5, 0.5, 2.5, 1.5, 0.5, 0.5]);
    assert_eq!(read(&dir.join("t.npy")).to_f32(), [6.0]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.starts_with("median "), "{printed}");
    for word in ["GFLOP/s", "conv", "ReduceSum", "slowest"] {
        assert!(printed.contains(word), "`{word}`: {printed}");
    }
    assert!(said(&output).contains("4 nodes: 0 folded before the run, 3 compiled in 1 pieces"));
}

#[test]
fn a_stored_value_may_be_given_instead() {
    let dir = testkit::temp_dir("infer-stored");
    fs::write(dir.join("net.onnx"), network()).unwrap();
    write(&dir.join("x.npy"), &Array::f32(&[1, 1, 1, 1], vec![1.0]).unwrap());
    write(&dir.join("a.npy"), &Array::vector(vec![3i64]));
    let line = ["infer", "net.onnx", "-i", "a=a.npy", "-i", "x.npy", "-o", "y.npy"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(read(&dir.join("y.npy")).to_f32(), [4.0, 3.0]);
}

#[test]
fn what_does_not_fit_is_said_by_name() {
    let dir = testkit::temp_dir("infer-wrong");
    fs::write(dir.join("net.onnx"), network()).unwrap();
    let odd = Onnx::new().input("x", FLOAT, &[1]).node("Frobnicate", &["x"], "y", &[]);
    fs::write(dir.join("odd.onnx"), odd.output("y", &[1]).finish()).unwrap();
    let ints = Onnx::new().input("n", INT64, &[1]).node("Identity", &["n"], "y", &[]);
    fs::write(dir.join("ints.onnx"), ints.output("y", &[1]).finish()).unwrap();
    write(&dir.join("flat.npy"), &Array::f32(&[3], vec![0.0; 3]).unwrap());
    write(&dir.join("half.npy"), &Array::f32(&[1], vec![0.5]).unwrap());
    let cases: [(&[&str], u8, &[&str]); 7] = [
        (&["net.onnx", "-i", "flat.npy"], 1, &["net.onnx", "`image`", "[3]", "[N, 1, N, N]"]),
        (&["net.onnx"], 1, &["`image` is not given"]),
        (&["net.onnx", "-i", "b=flat.npy"], 2, &["'b'", "image, a"]),
        (&["odd.onnx", "-i", "half.npy"], 1, &["odd.onnx", "Frobnicate"]),
        (&["ints.onnx", "-i", "half.npy"], 1, &["half.npy", "'n'", "int64"]),
        (&["half.npy", "-i", "half.npy"], 1, &["half.npy", "ONNX"]),
        (&["net.onnx", "odd.onnx"], 2, &["odd.onnx"]),
    ];
    for (line, wanted, words) in cases {
        let output = consilium(dir.path(), &[&["infer"], line, &["-o", "y.npy"]].concat());
        assert_eq!(code(&output), i32::from(wanted), "{line:?}: {}", said(&output));
        for word in words {
            assert!(said(&output).contains(word), "`{word}`: {}", said(&output));
        }
        assert!(!dir.join("y.npy").exists(), "{line:?}");
    }
}

#[test]
fn inspect_says_what_a_graph_takes_and_gives() {
    let dir = testkit::temp_dir("inspect-onnx");
    fs::write(dir.join("net.onnx"), network()).unwrap();
    let output = consilium(dir.path(), &["inspect", "net.onnx"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in ["operator set: 17", "nodes: 4", "image: float32 [N, 1, N, N]", "total: float32"] {
        assert!(text.contains(word), "`{word}`: {text}");
    }
    fs::write(dir.join("cut.onnx"), &network()[..90]).unwrap();
    let output = consilium(dir.path(), &["inspect", "cut.onnx"]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("cut.onnx"), "{}", said(&output));
}

#[test]
fn the_operations_are_listed_for_people_and_machines() {
    let dir = testkit::temp_dir("infer-ops");
    let output = consilium(dir.path(), &["infer", "--ops"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0);
    for op in ["Conv", "GridSample", "NonMaxSuppression", "LSTM", "com.microsoft"] {
        assert!(text.contains(op), "{op}");
    }
    let output = consilium(dir.path(), &["infer", "--ops", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(list.as_array().unwrap().len() > 200);
}
