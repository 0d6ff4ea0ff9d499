//! Whole networks as PyTorch's exporters write them agree with ONNX Runtime.
//!
//! `tools/reference/onnx_networks.py` writes the fixtures: graphs without weights, whose values
//! `weights::synth` makes here as the script made them there, and samples of ONNX Runtime's outputs.
//! `CONSILIUM_ONNX_FILTER=text` runs only the networks whose name contains the text.

use engine::array::{Array, DType, Data};
use engine::cpu::Pool;
use engine::onnx::{Model, Session, SessionOptions};
use engine::weights::synth;
use serde_json::Value as Json;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Relative error ‖out − ref‖ / ‖ref‖ allowed in float outputs.
const TOLERANCE: f64 = 1e-4;
/// Most bytes of an unpacked graph.
const MOST_BYTES: u64 = 64 << 20;

#[test]
fn thirty_networks_agree_with_onnx_runtime() {
    let filter = std::env::var("CONSILIUM_ONNX_FILTER").unwrap_or_default();
    let all = fixtures("networks");
    assert!(all.len() >= 30, "{} networks", all.len());
    check(all.into_iter().filter(|path| name(path).contains(&filter)).collect());
}

#[test]
fn int8_graphs_agree_with_onnx_runtime() {
    let all = fixtures("quantized");
    assert!(!all.is_empty(), "no quantised graphs");
    check(all);
}

fn check(fixtures: Vec<PathBuf>) {
    let mut failures = String::new();
    for path in fixtures {
        match compare(&path) {
            Ok(said) => println!("{:<28} {said}", name(&path)),
            Err(why) => {
                let _ = writeln!(failures, "{}: {why}", name(&path));
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// The descriptions in a folder of fixtures, sorted.
fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx").join(folder);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn compare(path: &Path) -> Result<String, String> {
    let json: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let model = Model::with_external(&graph(path), &made_up).map_err(|e| e.to_string())?;
    let mut inputs = Vec::new();
    for input in json["inputs"].as_array().unwrap() {
        inputs.push((input["name"].as_str().unwrap(), array(input)));
    }
    let options =
        SessionOptions { memory_limit_bytes: Some(4 << 30), ..SessionOptions::new(Pool::new(2)) };
    let mut session = Session::new(model, options);
    let results = session.run(&inputs).map_err(|e| e.to_string())?;
    let again = session.run(&inputs).map_err(|e| e.to_string())?;
    if !same_bits(&results, &again) {
        return Err("two runs of one session differ".into());
    }
    let mut worst = 0f64;
    for output in json["outputs"].as_array().unwrap() {
        let wanted = output["name"].as_str().unwrap();
        let (_, result) =
            results.iter().find(|(name, _)| name == wanted).ok_or(format!("no `{wanted}`"))?;
        worst = worst.max(distance(result, output).map_err(|why| format!("`{wanted}`: {why}"))?);
    }
    let plan = session.summary().unwrap();
    if worst > TOLERANCE {
        return Err(format!("relative error {worst:.1e}, {plan:?}"));
    }
    let general = plan.nodes - plan.folded - plan.compiled;
    Ok(format!(
        "error {worst:.1e}; {} nodes: {} folded, {} compiled in {} pieces, {general} general",
        plan.nodes, plan.folded, plan.compiled, plan.pieces
    ))
}

/// The graph beside its description, packed or plain.
fn graph(path: &Path) -> Vec<u8> {
    let plain = path.with_extension("onnx");
    if plain.exists() {
        return std::fs::read(plain).unwrap();
    }
    let packed = std::fs::read(path.with_extension("onnx.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).take(MOST_BYTES).read_to_end(&mut bytes).unwrap();
    bytes
}

/// `synth:NAME*SCALE`: the made-up tensor NAME, each value times SCALE.
fn made_up(location: &str, dtype: DType, shape: &[usize]) -> Option<Vec<u8>> {
    let (name, scale) = location.strip_prefix("synth:")?.rsplit_once('*')?;
    let scale: f32 = scale.parse().ok()?;
    assert_eq!(dtype, DType::F32);
    Some(synth::fill(name, shape).iter().flat_map(|v| (v * scale).to_le_bytes()).collect())
}

fn shape_of(json: &Json) -> Vec<usize> {
    json["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn array(json: &Json) -> Array {
    let shape = shape_of(json);
    let count = shape.iter().product();
    if let Some(generator) = json["generator"].as_str() {
        return Array::f32(&shape, synth::noise(generator, count)).unwrap();
    }
    let values = json["values"].as_array().unwrap();
    let ints =
        || values.iter().map(|v| v.as_i64().unwrap_or_else(|| i64::from(v.as_bool().unwrap())));
    match json["dtype"].as_str().unwrap() {
        "int64" => Array::of(&shape, ints().collect::<Vec<i64>>()),
        "int32" => Array::of(&shape, ints().map(|v| v as i32).collect::<Vec<i32>>()),
        "uint8" => Array::of(&shape, ints().map(|v| v as u8).collect::<Vec<u8>>()),
        "bool" => Array::of(&shape, ints().map(|v| v != 0).collect::<Vec<bool>>()),
        "float32" => {
            Array::f32(&shape, values.iter().map(|v| v.as_f64().unwrap() as f32).collect())
        }
        other => panic!("inputs of type {other}"),
    }
    .unwrap()
}

fn same_bits(a: &[(String, Array)], b: &[(String, Array)]) -> bool {
    a.iter().zip(b).all(|((_, a), (_, b))| match (a.data(), b.data()) {
        (Data::F32(x), Data::F32(y)) => {
            x.iter().map(|v| v.to_bits()).eq(y.iter().map(|v| v.to_bits()))
        }
        (x, y) => x == y,
    })
}

/// Relative error over the stored samples; integers must be equal.
fn distance(result: &Array, json: &Json) -> Result<f64, String> {
    let (shape, dtype) = (shape_of(json), json["dtype"].as_str().unwrap());
    if result.shape() != shape || result.dtype().to_string() != dtype {
        return Err(format!("{} {:?}, not {dtype} {shape:?}", result.dtype(), result.shape()));
    }
    let stride = json["stride"].as_u64().unwrap() as usize;
    let samples = json["values"].as_array().unwrap();
    let picked: Vec<usize> = (0..result.len()).step_by(stride).take(samples.len()).collect();
    if picked.len() != samples.len() {
        return Err(format!("{} samples stored, {} found", samples.len(), picked.len()));
    }
    if let Some(ints) = result.to_i64() {
        let equal = picked
            .iter()
            .zip(samples)
            .all(|(i, v)| v.as_i64().or(v.as_bool().map(i64::from)) == Some(ints[*i]));
        return if equal { Ok(0.0) } else { Err("integers differ".into()) };
    }
    let values = result.to_f32();
    if values.iter().any(|value| value.is_nan()) {
        return Err("not a number".into());
    }
    let (mut off, mut whole) = (0f64, 0f64);
    for (i, sample) in picked.iter().zip(samples) {
        let wanted = sample.as_f64().unwrap();
        off += (f64::from(values[*i]) - wanted).powi(2);
        whole += wanted * wanted;
    }
    // The norm over all values catches what lies between the samples.
    let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    let stored = json["norm"].as_f64().unwrap();
    let norms = (norm - stored).abs() / stored.max(1e-30);
    Ok((off / whole.max(1e-30)).sqrt().max(if norms > 10.0 * TOLERANCE { norms } else { 0.0 }))
}
