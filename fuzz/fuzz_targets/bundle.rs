//! Any text given as a bundle's configuration, JSON or YAML, ends in an error or in a plan, never a crash,
//! and never takes long: references may form circles and multiply each other.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The settings come first, up to the first zero byte.
    let cut = bytes.iter().position(|byte| *byte == 0);
    let (metadata, inference) = match cut {
        Some(cut) => (&bytes[..cut], &bytes[cut + 1..]),
        None => (&b"{}"[..], bytes),
    };
    if let Err(error) = zoo::bundle::understand(metadata, inference) {
        assert!(!error.what().en().is_empty() && !error.what().zh().is_empty());
    }
});
