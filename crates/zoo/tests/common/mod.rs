//! Fixtures and the numbers of a comparison, shared by the tests of the zoo.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

pub mod nnunet;

use base::{GeometrySource, PatientFacts, VolumeFacts, VoxelType};
use engine::Tensor;
use engine::cpu::Pool;
use engine::graph::Builder;
use engine::weights::{Scope, write_pytorch};
use imaging::volumes::{self, Scan};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use zoo::volume_system::{VolumeAnswer, VolumeCase};
use zoo::{Compute, System, VolumeReader};

pub fn compute() -> Compute {
    Compute::new(pool())
}

pub fn pool() -> Pool {
    Pool::new(2)
}

/// What a file of this name says about itself.
pub fn facts(name: &str) -> VolumeFacts {
    VolumeFacts {
        name: name.into(),
        format: "NIfTI-1",
        bytes: 0,
        sha256: String::new(),
        compressed: false,
        big_endian: false,
        stored: VoxelType::F32,
        geometry: GeometrySource::Sform,
        codes: None,
        modality: None,
        laterality: None,
        device: None,
        patient: PatientFacts::default(),
        images: None,
        segments: Vec::new(),
        notes: Vec::new(),
    }
}

/// The case prepared on one thread by what may be sent to it gives the same answer, and is not prepared again.
pub fn same_when_prepared(
    reader: &mut dyn VolumeReader,
    case: VolumeCase<'_>,
    plain: &VolumeAnswer,
) {
    let preparer = reader.preparer().unwrap();
    assert!(preparer.need_bytes(case.volumes[0]).unwrap() > 4 * case.volumes[0].frame_len() as u64);
    let prepared = std::thread::scope(|scope| {
        scope.spawn(|| preparer.prepare(&case, &Pool::new(1)).unwrap()).join().unwrap()
    });
    let case = VolumeCase { prepared: Some(&prepared), ..case };
    assert_eq!(&reader.read(&case, &mut |_, _| {}).unwrap(), plain);
    assert!(prepared.is_taken());
}

/// `tests/fixtures/<name>`.
pub fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The bytes packed in `tests/fixtures/<name>`.
pub fn packed(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The same as labels, a byte each.
pub fn packed_labels(name: &str) -> Vec<u16> {
    packed(name).into_iter().map(u16::from).collect()
}

/// A volume of the shared data; `None` where there is none.
pub fn scan(name: &str) -> Option<Scan> {
    Some(volumes::read(&testkit::data(name)?, &imaging::Limits::default()).unwrap())
}

pub fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

pub fn integers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

/// The deterministic image of `tools/reference/networks.py`.
pub fn image(side: usize) -> Vec<f32> {
    let value = |i: usize| ((i * 7919 + (i / side) * 104_729) % 2049) as f32 - 1024.0;
    (0..side * side).map(value).collect()
}

/// ‖got − expected‖ / ‖expected‖ over the samples the fixture keeps, after checking the shape.
pub fn relative_error(got: &[f32], shape: &[usize], expected: &Value) -> f64 {
    const KEEP: usize = 3000;
    assert_eq!(shape, integers(&expected["shape"]));
    let expected = floats(&expected["value"]);
    let count = got.len();
    let sample = |k: usize| if count > KEEP { got[k * (count - 1) / (KEEP - 1)] } else { got[k] };
    let (mut difference, mut norm) = (0.0, 0.0);
    for (k, &reference) in expected.iter().enumerate() {
        assert!(sample(k).is_finite());
        difference += (f64::from(sample(k)) - f64::from(reference)).powi(2);
        norm += f64::from(reference).powi(2);
    }
    (difference / norm.max(1e-300)).sqrt()
}

/// Writes a checkpoint with a system's made-up weights, every name with `prefix` before it.
pub fn write_checkpoint(system: &dyn System, path: &Path, prefix: &str) -> PathBuf {
    let scope = Scope::recording();
    system.network(&mut Builder::new(), &scope).unwrap();
    let tensors: Vec<(String, Tensor)> = scope
        .recorded()
        .into_iter()
        .map(|(name, tensor)| (format!("{prefix}{name}"), tensor))
        .collect();
    write_pytorch(path, &tensors).unwrap();
    path.to_path_buf()
}
