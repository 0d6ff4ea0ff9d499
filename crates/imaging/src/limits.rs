//! What a file may ask of the machine.

/// Upper bounds while reading; reaching one is an error of kind `Limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file on disk.
    pub max_file_bytes: u64,
    /// Pixels (rows × columns) of one frame.
    pub max_pixels: u64,
    /// Bytes one decoded frame or one inflated data set may take.
    pub max_total_bytes: u64,
    /// Bytes the voxels of one volume may take as stored, all frames together.
    pub max_volume_bytes: u64,
    /// Frames of one file.
    pub max_frames: usize,
    /// Sequences inside sequences of a DICOM header.
    pub max_depth: usize,
    /// Elements of a DICOM header, nested ones included.
    pub max_elements: usize,
}

impl Default for Limits {
    /// 2 GiB on disk, 120 megapixels and 1 GiB a frame: four times the largest radiographs; 8 GiB of
    /// voxels: a whole-body CT in 64 bits, or an hour of functional MR.
    fn default() -> Limits {
        Limits {
            max_file_bytes: 2 << 30,
            max_pixels: 120_000_000,
            max_total_bytes: 1 << 30,
            max_volume_bytes: 8 << 30,
            max_frames: 100_000,
            max_depth: 32,
            max_elements: 1_000_000,
        }
    }
}
