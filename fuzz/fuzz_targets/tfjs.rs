//! Any model.json of TensorFlow.js with any bytes for its files ends in an error or in tensors that can be
//! read, and its layers in a chain or a refusal; never a crash.
#![no_main]

use engine::weights::{Checkpoint, Limits};
use libfuzzer_sys::fuzz_target;

// The two parts are divided by the first zero.
fuzz_target!(|bytes: &[u8]| {
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (json, data) = bytes.split_at(cut);
    let data = data.get(1..).unwrap_or_default().to_vec();
    let Ok(checkpoint) = Checkpoint::from_manifest(json, data, &Limits::default()) else { return };
    for name in checkpoint.names() {
        let _ = checkpoint.tensor(name);
    }
    if let Some(topology) = checkpoint.beside("modelTopology") {
        let _ = zoo::systems::meshnet::layers::layers(topology);
    }
});
