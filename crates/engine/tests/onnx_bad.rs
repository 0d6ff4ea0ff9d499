//! Graphs that are broken, lie, or ask for the impossible end in an error that says so.

use engine::array::Array;
use engine::cpu::Pool;
use engine::onnx::{Model, Named, Session, SessionOptions};
use engine::{Error, ErrorKind};
use std::path::Path;
use testkit::onnx::{FLOAT, INT64, Onnx};

const LIMIT: u64 = 64 << 20;

/// `y = relu(x)` with a stored tensor nobody needs.
fn sound() -> Onnx {
    Onnx::new().input("x", FLOAT, &[1, 4]).output("y", &[1, 4]).floats("w", &[2], &[1.0, 2.0]).node(
        "Relu",
        &["x"],
        "y",
        &[],
    )
}

fn options() -> SessionOptions {
    SessionOptions { memory_limit_bytes: Some(LIMIT), ..SessionOptions::new(Pool::new(2)) }
}

fn run(model: Onnx, inputs: &[(&str, Array)]) -> Result<Named, Error> {
    Session::new(Model::from_bytes(&model.finish())?, options()).run(inputs)
}

#[track_caller]
fn refused(error: Error, kind: ErrorKind, words: &[&str]) {
    let said = error.to_string();
    assert_eq!(*error.kind(), kind, "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing: {said}");
    }
}

fn ones(shape: &[usize]) -> Array {
    Array::f32(shape, vec![1.0; shape.iter().product()]).unwrap()
}

#[test]
fn every_truncation_is_an_error_or_a_smaller_sound_file() {
    let bytes = sound().finish();
    for cut in 0..bytes.len() {
        // Cut between two fields a file can be sound; it must still not run as if it were whole.
        if let Ok(model) = Model::from_bytes(&bytes[..cut]) {
            let _ = Session::new(model, options()).run(&[("x", ones(&[1, 4]))]);
        }
    }
    assert!(Model::from_bytes(&bytes[..bytes.len() / 2]).is_err());
    refused(Model::from_bytes(b"").unwrap_err(), ErrorKind::BrokenFile, &["no graph"]);
    refused(Model::from_bytes(b"no network at all").unwrap_err(), ErrorKind::BrokenFile, &[]);
}

#[test]
fn every_changed_byte_is_an_error_or_a_result_never_a_panic() {
    let sound = sound()
        .integers("shape", &[2, 2])
        .node("Reshape", &["y", "shape"], "z", &[])
        .node("ReduceSum", &["z"], "s", &[("keepdims", 0)])
        .output("s", &[]);
    let bytes = sound.finish();
    for at in 0..bytes.len() {
        for change in [0x01, 0x08, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= change;
            if let Ok(model) = Model::from_bytes(&bytes) {
                let _ = Session::new(model, options()).run(&[("x", ones(&[1, 4]))]);
            }
        }
    }
}

#[test]
fn a_cycle_is_named() {
    let model = Onnx::new()
        .input("x", FLOAT, &[1, 4])
        .output("a", &[1, 4])
        .node("Add", &["x", "b"], "a", &[])
        .node("Relu", &["a"], "b", &[]);
    refused(run(model, &[]).unwrap_err(), ErrorKind::BrokenFile, &["cycle", "Add_a"]);
}

#[test]
fn what_nobody_makes_is_named_with_its_node() {
    let model = sound().node("Add", &["y", "gone"], "z", &[]).output("z", &[1, 4]);
    let words = ["gone", "Add_z", "neither given, stored nor made"];
    refused(run(model, &[]).unwrap_err(), ErrorKind::BrokenFile, &words);
    let model = sound().output("nowhere", &[1]);
    refused(run(model, &[]).unwrap_err(), ErrorKind::BrokenFile, &["nowhere"]);
    let model = sound().node("Neg", &["x"], "y", &[]);
    refused(run(model, &[]).unwrap_err(), ErrorKind::BrokenFile, &["`y` is made twice"]);
}

#[test]
fn all_missing_operations_are_named_at_once() {
    let model = sound().node("Frobnicate", &["y"], "z", &[]).node("Transmogrify", &["z"], "q", &[]);
    let words = ["Frobnicate", "Frobnicate_z", "Transmogrify", "infer --ops"];
    refused(run(model, &[]).unwrap_err(), ErrorKind::Unsupported, &words);
}

#[test]
fn inputs_that_do_not_fit_are_refused_by_name() {
    let words = ["`x`", "[1, 5]", "[1, 4]"];
    refused(run(sound(), &[("x", ones(&[1, 5]))]).unwrap_err(), ErrorKind::Shape, &words);
    let ints = Array::of(&[1, 4], vec![1i64; 4]).unwrap();
    refused(run(sound(), &[("x", ints)]).unwrap_err(), ErrorKind::Shape, &["int64", "float32"]);
    refused(run(sound(), &[]).unwrap_err(), ErrorKind::Shape, &["`x` is not given"]);
    let error = run(sound(), &[("z", ones(&[1, 4]))]).unwrap_err();
    refused(error, ErrorKind::Shape, &["no input `z`", "there is x"]);
    let model = Onnx::new()
        .input("x", FLOAT, &[0, 3])
        .floats("w", &[4, 2], &[0.5; 8])
        .node("MatMul", &["x", "w"], "y", &[])
        .output("y", &[0, 2]);
    refused(run(model, &[("x", ones(&[5, 3]))]).unwrap_err(), ErrorKind::Shape, &["MatMul_y"]);
}

#[test]
fn a_claim_larger_than_the_file_reserves_nothing() {
    for shape in [&[10 << 30][..], &[1 << 40, 1 << 40], &[u64::MAX], &[3]] {
        let model = sound().claimed("big", shape, &[0; 16]);
        let error = Model::from_bytes(&model.finish()).unwrap_err();
        refused(error, ErrorKind::BrokenFile, &["big"]);
    }
}

#[test]
fn results_larger_than_the_limit_are_refused_before_they_are_made() {
    for (dims, op) in [
        (vec![1 << 20, 1 << 20], "ConstantOfShape"),
        (vec![i64::MAX, i64::MAX], "ConstantOfShape"),
        (vec![1 << 15, 1 << 15, 4], "Expand"),
        (vec![1 << 40, 4], "Tile"),
    ] {
        let model = Onnx::new().input("x", FLOAT, &[1, 4]).output("y", &[0]);
        let model = model.integers("dims", &dims);
        let model = match op {
            "ConstantOfShape" => model.node(op, &["dims"], "y", &[]),
            _ => model.node(op, &["x", "dims"], "y", &[]),
        };
        refused(run(model, &[("x", ones(&[1, 4]))]).unwrap_err(), ErrorKind::Limit, &["MiB"]);
    }
    // Shapes that arrive with the data.
    let model = Onnx::new()
        .input("dims", INT64, &[2])
        .node("ConstantOfShape", &["dims"], "y", &[])
        .output("y", &[0, 0]);
    let dims = Array::vector(vec![1i64 << 40, 1 << 20]);
    refused(run(model, &[("dims", dims)]).unwrap_err(), ErrorKind::Limit, &["ConstantOfShape_y"]);
}

#[test]
fn external_values_are_read_from_the_model_s_folder_and_nowhere_else() {
    let dir = testkit::temp_dir("external");
    let folder = dir.join("model");
    std::fs::create_dir(&folder).unwrap();
    let floats: Vec<u8> = [1.0f32, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(folder.join("w.bin"), &floats).unwrap();
    std::fs::write(dir.join("secret.bin"), &floats).unwrap();
    let open = |entries: &[(&str, &str)]| {
        let model = Onnx::new()
            .external("w", &[2], entries)
            .node("Neg", &["w"], "y", &[])
            .output("y", &[2]);
        std::fs::write(folder.join("model.onnx"), model.finish()).unwrap();
        Model::open(&folder.join("model.onnx"))
    };
    let model = open(&[("location", "w.bin"), ("offset", "4"), ("length", "8")]).unwrap();
    let results = Session::new(model, options()).run(&[]).unwrap();
    assert_eq!(results[0].1.slice::<f32>().unwrap(), [-2.0, -3.0]);

    let absolute = dir.join("secret.bin");
    for location in ["../secret.bin", absolute.to_str().unwrap(), "sub/../../secret.bin", ""] {
        let error = open(&[("location", location), ("length", "8")]).unwrap_err();
        refused(error, ErrorKind::BrokenFile, &["outside the model's folder"]);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&absolute, folder.join("link.bin")).unwrap();
        let error = open(&[("location", "link.bin"), ("length", "8")]).unwrap_err();
        refused(error, ErrorKind::BrokenFile, &["outside the model's folder"]);
    }
    for (offset, length) in [("8", "8"), ("0", "9999999999"), ("18446744073709551615", "8")] {
        let error = open(&[("location", "w.bin"), ("offset", offset), ("length", length)]);
        refused(error.unwrap_err(), ErrorKind::BrokenFile, &["reach beyond"]);
    }
    let error = open(&[("location", "absent.bin")]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Io);
    assert!(error.path().is_some_and(|path| path != Path::new("")));
}

#[test]
fn plans_for_several_shapes_do_not_disturb_each_other() {
    let model = Onnx::new()
        .input("x", FLOAT, &[0, 3, 0, 0])
        .floats("w", &[2, 3, 3, 3], &[0.125; 54])
        .node("Conv", &["x", "w"], "a", &[])
        .node("Relu", &["a"], "y", &[])
        .output("y", &[0, 2, 0, 0]);
    let mut session = Session::new(Model::from_bytes(&model.finish()).unwrap(), options());
    for _ in 0..2 {
        for side in 3..15 {
            let results = session.run(&[("x", ones(&[2, 3, side, side]))]).unwrap();
            let y = &results[0].1;
            assert_eq!(y.shape(), [2, 2, side - 2, side - 2]);
            assert!(y.slice::<f32>().unwrap().iter().all(|v| *v == 27.0 * 0.125));
        }
    }
    assert_eq!(session.summary().unwrap().pieces, 1);
}
