//! The patterns of transformers are found in exported files: attention without scores, linear layers with what follows them.
//! That their results are right, the golden outputs of `onnx_networks.rs` hold.

#![allow(clippy::unwrap_used, clippy::panic)]

use engine::array::{Array, DType};
use engine::onnx::{Model, PlanSummary, Session, SessionOptions};
use engine::weights::synth;
use kernels::Pool;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use testkit::onnx::{FLOAT, Onnx};

/// How often each operation runs in a network of the fixtures, and what its plan does.
fn operations(name: &str) -> (BTreeMap<&'static str, usize>, PlanSummary) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx/networks");
    let packed = std::fs::read(folder.join(format!("{name}.onnx.gz"))).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    let model = Model::with_external(&bytes, &made_up).unwrap();
    let said = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    let said: Json = serde_json::from_slice(&said).unwrap();
    let input = |port: &engine::onnx::Port| {
        let all = said["inputs"].as_array().unwrap();
        let own = all.iter().find(|input| input["name"] == port.name.as_str()).unwrap();
        let shape = own["shape"].as_array().unwrap().iter();
        let shape: Vec<usize> = shape.map(|n| n.as_u64().unwrap() as usize).collect();
        let count = shape.iter().product();
        let values = match port.dtype {
            Some(DType::I64) => Array::of(&shape, vec![1i64; count]),
            _ => Array::f32(&shape, synth::noise("x", count)),
        };
        (port.name.clone(), values.unwrap())
    };
    let inputs: Vec<(String, Array)> = model.inputs().iter().map(input).collect();
    let given: Vec<(&str, Array)> = inputs.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
    let mut session = Session::new(model, SessionOptions::new(Pool::new(2)));
    let (_, times) = session.run_timed(&given).unwrap();
    let mut count = BTreeMap::new();
    times.iter().for_each(|time| *count.entry(time.op).or_default() += 1);
    (count, session.summary().unwrap())
}

fn made_up(location: &str, _: DType, shape: &[usize]) -> Option<Vec<u8>> {
    let (name, scale) = location.strip_prefix("synth:")?.rsplit_once('*')?;
    let scale: f32 = scale.parse().ok()?;
    Some(synth::fill(name, shape).iter().flat_map(|v| (v * scale).to_le_bytes()).collect())
}

#[test]
fn the_attentions_of_exported_transformers_run_without_their_scores() {
    for name in
        ["vit_small", "vit_hf", "bert", "swin", "swin_unetr", "unetr", "deit_tiny", "mvitv2"]
    {
        let (count, _) = operations(name);
        assert!(count.contains_key("attention"), "{name}: {count:?}");
        assert!(!count.contains_key("Softmax"), "{name}: {count:?}");
        assert!(count.contains_key("linear"), "{name}: {count:?}");
    }
}

#[test]
fn shifted_windows_are_put_together_in_one_step() {
    for name in ["swin", "swin_unetr"] {
        let (count, _) = operations(name);
        assert!(count.contains_key("rows + add"), "{name}: {count:?}");
        assert!(count.contains_key("layer norm"), "{name}: {count:?}");
        assert!(!count.contains_key("LayerNormalization"), "{name}: {count:?}");
        assert!(!count.contains_key("Concat"), "{name}: {count:?}");
    }
}

/// Windows of shifted pictures and, in MViTv2, what is added to the scores belong to one sample each. A step that is cut wrongly would show in the
/// golden outputs.
#[test]
fn a_batch_goes_through_patterns_a_few_samples_at_a_time() {
    for name in ["swin_batch", "mvitv2_batch"] {
        let (count, summary) = operations(name);
        assert!(summary.chained > count["attention"], "{name}: {summary:?}, {count:?}");
    }
    assert_eq!(operations("swin").1.chained, 0, "one sample");
}

#[test]
fn a_concatenation_of_one_value_is_that_value_and_ends_no_piece() {
    let axis = &[("axis", 1)];
    let weights: Vec<f32> = (0..6).map(|i| i as f32 - 2.0).collect();
    let file = Onnx::new()
        .input("x", FLOAT, &[1, 3, 4, 4])
        .floats("v", &[2, 3, 1, 1], &weights)
        .floats("w", &[2, 2, 1, 1], &weights[..4])
        .node("Concat", &["x"], "same", axis)
        .node("Conv", &["same", "v"], "first", &[])
        .node("Concat", &["first"], "alone", axis)
        .node("Conv", &["alone", "w"], "second", &[])
        .node("Concat", &["first", "second"], "y", axis)
        .output("y", &[1, 4, 4, 4])
        .output("same", &[1, 3, 4, 4])
        .output("first", &[1, 2, 4, 4])
        .output("alone", &[1, 2, 4, 4])
        .finish();
    let x = synth::noise("x", 48);
    let given = Array::f32(&[1, 3, 4, 4], x.clone()).unwrap();
    let mut session =
        Session::new(Model::from_bytes(&file).unwrap(), SessionOptions::new(Pool::new(2)));
    for _ in 0..2 {
        let outputs = session.run(&[("x", given.clone())]).unwrap();
        let [y, same, first, alone] =
            [0, 1, 2, 3].map(|i| outputs[i].1.slice::<f32>().unwrap().to_vec());
        assert_eq!((same, &first), (x.clone(), &alone));
        assert_eq!(y[..32], first);
        for (i, y) in y[32..].iter().enumerate() {
            let sum = |j: usize| weights[i / 16 * 2 + j] * first[j * 16 + i % 16];
            assert!((y - sum(0) - sum(1)).abs() < 1e-5);
        }
    }
    assert_eq!(session.summary().unwrap().pieces, 1);
}
