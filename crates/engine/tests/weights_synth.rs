//! Synthetic weights are the same in Rust and Python, bit for bit.

use engine::weights::synth;

#[test]
fn rust_and_python_make_the_same_bits() {
    let path = testkit::project_root().join("crates/engine/tests/fixtures/weights/synth.json");
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 10);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let numbers = |key: &str| -> Vec<u64> {
            case[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
        };
        let shape: Vec<usize> = numbers("shape").into_iter().map(|n| n as usize).collect();
        let bits: Vec<u64> =
            synth::fill(name, &shape).into_iter().map(|v| u64::from(v.to_bits())).collect();
        assert_eq!(bits, numbers("bits"), "{name}");
    }
}

#[test]
fn variances_are_positive_and_kernels_keep_the_scale() {
    let variances = synth::fill("n.running_var", &[4096]);
    assert!(variances.iter().all(|v| (0.5..1.5).contains(v)));
    let kernel = synth::fill("c.weight", &[64, 16, 3, 3]);
    let power: f64 = kernel.iter().map(|v| f64::from(v * v)).sum::<f64>() / kernel.len() as f64;
    assert!((power * 144.0 - 1.5).abs() < 0.05, "{power}");
}
