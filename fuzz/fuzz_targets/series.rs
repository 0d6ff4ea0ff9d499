//! Any bytes given as the two files of a DICOM series end in an error or in a volume, never a crash.
#![no_main]

use consilium_fuzz::small_limits;
use imaging::series;
use kernels::Pool;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("consilium-fuzz-series-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    // The length of the first file comes first.
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return };
    let cut = (u32::from_le_bytes(*length) as usize).min(rest.len());
    for (name, part) in [("a.dcm", &rest[..cut]), ("b.dcm", &rest[cut..])] {
        std::fs::write(folder.join(name), part).expect("a file to read from");
    }
    match series::read(&folder, &small_limits(), &Pool::new(1)) {
        Ok(scan) => assert!(scan.volume.affine().inverse().is_some()),
        Err(error) => assert!(!error.what().en().is_empty() && !error.what().zh().is_empty()),
    }
});
