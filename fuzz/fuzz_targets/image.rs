//! Any bytes given as an image file end in an error or in pictures, never a crash.
#![no_main]

use imaging::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Small limits: the fuzzer looks for crashes, not for large pictures.
    let limits = Limits { max_pixels: 1 << 20, max_total_bytes: 1 << 24, ..Limits::default() };
    if let Ok(study) = imaging::read_bytes(bytes.to_vec(), "fuzz", &limits) {
        let _ = study.picture(0);
    }
});
