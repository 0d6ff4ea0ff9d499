//! Any bytes given as a volume's file end in an error or in voxels, never a crash; what was read is
//! written and read again alike.
#![no_main]

use consilium_fuzz::small_limits;
use imaging::volumes::{self, nifti};
use kernels::Pool;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("consilium-fuzz-{}", std::process::id()));
    let (path, again) = (folder.join("x.nii"), folder.join("again.nii"));
    if std::fs::write(&path, bytes).is_err() {
        std::fs::create_dir_all(&folder).expect("a folder to write to");
        std::fs::write(&path, bytes).expect("a file to read from");
    }
    let limits = small_limits();
    let Ok(scan) = volumes::read(&path, &limits) else { return };
    let volume = &scan.volume;
    let _ = volumes::three_planes(volume, 32);
    let turned = volume.reoriented(base::Orientation::RAS);
    let bytes_of = |volume: &base::Volume| volume.voxels().to_le_bytes();
    // Bytes, for NaN is not equal to itself.
    assert_eq!(bytes_of(&turned.reoriented(volume.orientation())), bytes_of(volume));
    let level = nifti::Level::None;
    if nifti::write(&again, volume, scan.forms.as_ref(), level, &Pool::new(1)).is_ok()
        && let Ok(back) = volumes::read(&again, &limits)
    {
        assert_eq!(bytes_of(&back.volume), bytes_of(volume));
    }
});
