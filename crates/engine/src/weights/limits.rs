//! What a checkpoint may cost before it is refused.

/// Limits on a checkpoint. The defaults admit every published file this project knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes that deflated entries may unfold to, all together.
    pub unfolded_bytes: u64,
    /// Bytes of a safetensors header.
    pub header_bytes: u64,
    /// Bytes of a pickle (without tensor data).
    pub pickle_bytes: u64,
    /// Instructions of a pickle.
    pub pickle_ops: u64,
    /// Tensors, and entries of a zip archive.
    pub tensors: usize,
    /// Values of all tensors together (a small storage can be expanded to many values).
    pub values: u64,
    /// How deep modules and wrapper dictionaries may nest.
    pub depth: usize,
    /// Bytes of a tensor's name.
    pub name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes: 16 << 30,
            unfolded_bytes: 16 << 30,
            header_bytes: 100 << 20,
            pickle_bytes: 64 << 20,
            pickle_ops: 2_000_000,
            tensors: 100_000,
            values: 8 << 30,
            depth: 64,
            name_bytes: 4096,
        }
    }
}
