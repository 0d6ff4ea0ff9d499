//! What several fuzz targets share.

use imaging::Limits;

/// Limits under which images and volumes are read: the fuzzer looks for crashes, not for large volumes.
pub fn small_limits() -> Limits {
    Limits {
        max_volume_bytes: 1 << 20,
        max_pixels: 1 << 18,
        max_total_bytes: 1 << 22,
        max_frames: 1 << 10,
        ..Limits::default()
    }
}
