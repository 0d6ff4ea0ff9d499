//! Weights that a file stores as eight-bit levels stay such in memory, and give the bits of the floats they make.

#![allow(clippy::unwrap_used, clippy::panic)]

use engine::array::Array;
use engine::onnx::{Model, PlanSummary, Session, SessionOptions};
use engine::weights::synth;
use kernels::Pool;
use std::io::Read;
use std::path::Path;
use testkit::onnx::{FLOAT, INT8, Onnx, UINT8};

/// A layer on `x`, and its weights.
struct Layer {
    op: &'static str,
    x: &'static [u64],
    y: &'static [u64],
    weight: &'static [u64],
    /// Of the out channels.
    axis: usize,
    attributes: &'static [(&'static str, u64)],
}

const LAYERS: [Layer; 8] = [
    Layer {
        op: "Conv",
        x: &[1, 64, 12, 12],
        y: &[1, 128, 12, 12],
        weight: &[128, 64, 1, 1],
        axis: 0,
        attributes: &[],
    },
    Layer {
        op: "Conv",
        x: &[1, 24, 12, 9],
        y: &[1, 37, 8, 5],
        weight: &[37, 24, 5, 5],
        axis: 0,
        attributes: &[],
    },
    Layer {
        op: "Conv",
        x: &[1, 32, 6, 7],
        y: &[1, 40, 2, 3],
        weight: &[40, 8, 5, 5],
        axis: 0,
        attributes: &[("group", 4)],
    },
    // One output position, as in squeeze-and-excitation.
    Layer {
        op: "Conv",
        x: &[1, 96, 1, 1],
        y: &[1, 70, 1, 1],
        weight: &[70, 96, 1, 1],
        axis: 0,
        attributes: &[],
    },
    Layer {
        op: "ConvTranspose",
        x: &[1, 50, 6, 5],
        y: &[1, 44, 7, 6],
        weight: &[50, 44, 2, 2],
        axis: 1,
        attributes: &[],
    },
    // A few rows, and many.
    Layer {
        op: "Gemm",
        x: &[2, 128],
        y: &[2, 96],
        weight: &[96, 128],
        axis: 0,
        attributes: &[("transB", 1)],
    },
    Layer { op: "Gemm", x: &[9, 128], y: &[9, 96], weight: &[128, 96], axis: 1, attributes: &[] },
    Layer {
        op: "MatMul",
        x: &[1, 30, 96],
        y: &[1, 30, 100],
        weight: &[96, 100],
        axis: 1,
        attributes: &[],
    },
];

/// How scales change: one for all, one for each out channel, one for each block along the sum.
#[derive(Clone, Copy, Debug)]
enum Scales {
    One,
    Channels,
    Blocks(usize),
}

/// The layer on levels, and on the floats they make.
fn pair(layer: &Layer, scales: Scales, signed: bool) -> Option<[Vec<u8>; 2]> {
    let shape = layer.weight;
    let count = shape.iter().product::<u64>() as usize;
    let bytes: Vec<u8> =
        synth::noise("levels", count).iter().map(|v| ((v + 1.0) * 127.9) as u8).collect();
    let (outs, along) = (shape[layer.axis] as usize, 1 - layer.axis);
    let (axis, table): (usize, Vec<u64>) = match scales {
        Scales::One => (0, vec![]),
        Scales::Channels => (layer.axis, vec![outs as u64]),
        Scales::Blocks(_) if shape.len() != 2 => return None,
        Scales::Blocks(block) => {
            let mut table = shape.to_vec();
            table[along] = shape[along].div_ceil(block as u64);
            (along, table)
        }
    };
    let steps = table.iter().product::<u64>() as usize;
    let scale: Vec<f32> = synth::noise("scales", steps).iter().map(|v| 0.02 + 0.01 * v).collect();
    let zero: Vec<i8> = synth::noise("zeros", steps).iter().map(|v| (v * 20.0) as i8).collect();
    let level = |i: usize| if signed { f32::from(bytes[i] as i8) } else { f32::from(bytes[i]) };
    // Unsigned zero points lie in the middle.
    let zero_bytes: Vec<u8> =
        zero.iter().map(|z| if signed { *z as u8 } else { (*z as u8).wrapping_add(128) }).collect();
    let zero = |i: usize| {
        if signed { f32::from(zero_bytes[i] as i8) } else { f32::from(zero_bytes[i]) }
    };
    let inner: usize = shape[layer.axis + 1..].iter().product::<u64>() as usize;
    let step = |i: usize| match scales {
        Scales::One => 0,
        Scales::Channels => i / inner % outs,
        Scales::Blocks(block) => {
            let columns = shape[1] as usize;
            let (row, column) = (i / columns, i % columns);
            if layer.axis == 0 {
                row * table[1] as usize + column / block
            } else {
                row / block * columns + column
            }
        }
    };
    let floats: Vec<f32> =
        (0..count).map(|i| (level(i) - zero(step(i))) * scale[step(i)]).collect();
    let start = || Onnx::new().input("x", FLOAT, layer.x).output("y", layer.y);
    let mut attributes = vec![("axis", axis as u64)];
    if let Scales::Blocks(block) = scales {
        attributes.push(("block_size", block as u64));
    }
    let dtype = if signed { INT8 } else { UINT8 };
    let kept = start()
        .stored("levels", dtype, shape, &bytes)
        .floats("scale", &table, &scale)
        .stored("zero", dtype, &table, &zero_bytes)
        .node("DequantizeLinear", &["levels", "scale", "zero"], "w", &attributes)
        .node(layer.op, &["x", "w"], "y", layer.attributes);
    let wide =
        start().floats("w", shape, &floats).node(layer.op, &["x", "w"], "y", layer.attributes);
    Some([kept.finish_as(21), wide.finish_as(21)])
}

/// The result, and what the plan says.
fn run(bytes: &[u8], shape: &[u64], exact: bool) -> (Vec<u32>, PlanSummary) {
    let model = Model::from_bytes(bytes).unwrap();
    let shape: Vec<usize> = shape.iter().map(|n| *n as usize).collect();
    let x = Array::f32(&shape, synth::noise("x", shape.iter().product())).unwrap();
    let options = SessionOptions { exact, ..SessionOptions::new(Pool::new(2)) };
    let mut session = Session::new(model, options);
    let results = session.run(&[("x", x)]).unwrap();
    let bits = results[0].1.slice::<f32>().unwrap().iter().map(|v| v.to_bits()).collect();
    (bits, session.summary().unwrap())
}

/// Relative rms of what lies between two results.
fn distance(a: &[u32], b: &[u32]) -> f64 {
    let of = |bits: &u32| f64::from(f32::from_bits(*bits));
    let between: f64 = a.iter().zip(b).map(|(a, b)| (of(a) - of(b)).powi(2)).sum();
    let size: f64 = b.iter().map(|b| of(b).powi(2)).sum();
    (between / size).sqrt()
}

#[test]
fn layers_on_levels_give_the_bits_of_layers_on_floats_in_less_memory() {
    let mut tried = 0;
    for layer in &LAYERS {
        for scales in [Scales::One, Scales::Channels, Scales::Blocks(32), Scales::Blocks(20)] {
            for signed in [true, false] {
                let Some([kept, wide]) = pair(layer, scales, signed) else { continue };
                let what = format!("{} {:?} {scales:?} {signed}", layer.op, layer.weight);
                let run = |bytes: &[u8], exact| run(bytes, layer.x, exact);
                // Floats may become digits where the processor multiplies these: then they round otherwise.
                let (own, other) = (run(&kept, false).0, run(&wide, false).0);
                match kernels::cpu_name() {
                    "amx" => assert!(distance(&own, &other) < 5e-6, "{what}"),
                    _ => assert_eq!(own, other, "{what}"),
                }
                let ((kept, small), (wide, full)) = (run(&kept, true), run(&wide, true));
                assert_eq!(kept, wide, "{what}");
                // A byte each; and a table of scales and zero points, an eighth at most with blocks of 32 or 20.
                let (small, full) = (small.weight_bytes, full.weight_bytes);
                assert!(full > 0 && small * 2 < full, "{what}: {small} of {full} bytes");
                if !matches!(scales, Scales::Blocks(_)) {
                    assert!(small * 3 < full, "{what}: {small} of {full} bytes");
                }
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 44);
}

#[test]
fn levels_that_something_else_reads_become_floats() {
    let layer = &LAYERS[7];
    let bytes: Vec<u8> = (0..96 * 100).map(|i| (i * 37 % 251) as u8).collect();
    let zeros: Vec<u8> = vec![3; 96];
    let scale: Vec<f32> = (0..96).map(|i| 0.01 + i as f32 * 1e-3).collect();
    // Scales along the sum, a second reader, and a reader that is no layer.
    let file = |y: &[u64]| {
        Onnx::new()
            .input("x", FLOAT, layer.x)
            .output("y", y)
            .stored("levels", UINT8, layer.weight, &bytes)
            .floats("scale", &[96], &scale)
            .stored("zero", UINT8, &[96], &zeros)
            .node("DequantizeLinear", &["levels", "scale", "zero"], "w", &[("axis", 0)])
    };
    let floats: Vec<f32> = bytes
        .iter()
        .enumerate()
        .map(|(i, level)| (f32::from(*level) - 3.0) * scale[i / 100])
        .collect();
    let plain = Onnx::new()
        .input("x", FLOAT, layer.x)
        .output("y", layer.y)
        .floats("w", layer.weight, &floats)
        .node("MatMul", &["x", "w"], "y", &[]);
    let along = file(layer.y).node("MatMul", &["x", "w"], "y", &[]);
    let (wanted, _) = run(&plain.finish_as(21), layer.x, false);
    assert_eq!(run(&along.finish_as(21), layer.x, false).0, wanted);
    let second = |graph: Onnx| graph.node("MatMul", &["x", "w"], "z", &[]);
    let plain = Onnx::new().input("x", FLOAT, layer.x).output("y", &[96, 100]).floats(
        "w",
        layer.weight,
        &floats,
    );
    let add = |graph: Onnx| second(graph).node("Add", &["w", "w"], "y", &[]).finish_as(21);
    assert_eq!(run(&add(file(&[96, 100])), layer.x, false).0, run(&add(plain), layer.x, false).0);
}

#[test]
fn a_graph_of_fixed_shapes_holds_its_weights_once() {
    let weights = synth::fill("w.weight", &[128, 64, 5, 5]);
    let count = weights.len() as u64;
    let held = |batch: u64| {
        let bytes = Onnx::new()
            .input("x", FLOAT, &[batch, 64, 9, 9])
            .output("y", &[batch, 128, 5, 5])
            .floats("w", &[128, 64, 5, 5], &weights)
            .node("Conv", &["x", "w"], "y", &[])
            .finish();
        let x = || Array::f32(&[1, 64, 9, 9], synth::noise("x", 64 * 81)).unwrap();
        // Four bytes each on every processor: digits would take three.
        let options = SessionOptions { exact: true, ..SessionOptions::new(Pool::new(1)) };
        let mut session = Session::new(Model::from_bytes(&bytes).unwrap(), options);
        let [first, again] = [session.run(&[("x", x())]), session.run(&[("x", x())])];
        assert_eq!(first.unwrap(), again.unwrap());
        session.held_bytes()
    };
    // Packed; and where other batches may come, as the file has them. Buffers take a few kilobytes.
    let (fixed, open) = (held(1), held(0));
    assert!((4 * count..5 * count).contains(&fixed), "{fixed} bytes for {count} weights");
    assert!((8 * count..9 * count).contains(&open), "{open} bytes for {count} weights");
}

/// ONNX Runtime's quantiser wrote it (`tools/reference/onnx_quantized.py`); that its results are right, `onnx_networks.rs` holds.
#[test]
fn the_weights_of_a_quantised_network_stay_a_byte_each() {
    for (name, layers) in [("qdq_wide", 101_888.0), ("qdq_wide_mlp", 92_160.0)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx/quantized");
        let packed = std::fs::read(folder.join(format!("{name}.onnx.gz"))).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        let model = Model::from_bytes(&bytes).unwrap();
        let port = &model.inputs()[0];
        let shape: Vec<u64> = port.shape.as_ref().unwrap().iter().map(extent).collect();
        let name_of_input = port.name.clone();
        let count: usize = shape.iter().product::<u64>() as usize;
        let extents: Vec<usize> = shape.iter().map(|n| *n as usize).collect();
        let x = Array::f32(&extents, synth::noise("x", count)).unwrap();
        let mut session = Session::new(model, SessionOptions::new(Pool::new(1)));
        session.run(&[(name_of_input.as_str(), x)]).unwrap();
        let planned = session.summary().unwrap().weight_bytes as f64;
        // A byte each, panels filled up, tables of scales.
        assert!((layers..1.35 * layers).contains(&planned), "{name}: {planned} bytes");
    }
}

fn extent(dim: &engine::onnx::Dim) -> u64 {
    match dim {
        engine::onnx::Dim::Fixed(extent) => *extent as u64,
        other => panic!("{other:?}"),
    }
}
