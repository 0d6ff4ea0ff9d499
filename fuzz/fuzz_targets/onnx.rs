//! Any bytes given as an ONNX file end in an error or in results, never a crash.
#![no_main]

use engine::DType;
use engine::array::Array;
use engine::cpu::Pool;
use engine::onnx::{Dim, Model, Session, SessionOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // External values are zeros, as many as the graph claims, up to a limit.
    let zeros = |_: &str, dtype: DType, shape: &[usize]| {
        let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent))?;
        (count <= 1 << 20).then(|| vec![0; count * dtype.size()])
    };
    let Ok(model) = Model::with_external(bytes, &zeros) else { return };
    let mut inputs = Vec::new();
    for port in model.inputs().to_vec() {
        let dims = port.shape.unwrap_or_default();
        let extent = |dim: &Dim| match dim {
            Dim::Fixed(extent) if *extent <= 64 => *extent,
            _ => 2,
        };
        let shape: Vec<usize> = dims.iter().map(extent).collect();
        let count: usize = shape.iter().product();
        if count > 1 << 16 {
            return;
        }
        let array = match port.dtype {
            Some(DType::I64) => Array::of(&shape, vec![1i64; count]),
            Some(DType::Bool) => Array::of(&shape, vec![true; count]),
            _ => Array::f32(&shape, (0..count).map(|i| i as f32 - 2.0).collect()),
        };
        let Ok(array) = array else { return };
        inputs.push((port.name, array));
    }
    let options = SessionOptions {
        memory_limit_bytes: Some(16 << 20),
        ..SessionOptions::new(Pool::new(1))
    };
    let named: Vec<(&str, Array)> = inputs.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
    let _ = Session::new(model, options).run(&named);
});
