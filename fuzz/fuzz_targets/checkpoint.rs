//! Any bytes given as a checkpoint end in an error or in tensors that can be read, never a crash.
#![no_main]

use engine::weights::{Checkpoint, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::from_bytes(bytes.to_vec(), &Limits::default()) {
        for name in checkpoint.names() {
            let _ = checkpoint.entry(name);
        }
    }
});
