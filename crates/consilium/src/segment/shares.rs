//! The shares of a model's classes, written while it reads.

use base::{Grid, Result};
use imaging::volumes::nifti::SharesWriter;
use kernels::Pool;
use std::path::{Path, PathBuf};
use zoo::volume_system::Shares;

/// Begins a file when the model does.
pub(super) struct Sink {
    folder: PathBuf,
    pool: Pool,
    /// What was written so far.
    pub writer: Option<SharesWriter>,
}

impl Sink {
    /// What is unfinished lies below the case's `folder`, where the next run sweeps it away.
    pub fn new(folder: &Path, model: &str, threads: usize) -> Sink {
        let name = format!(".part-{}-{model}", std::process::id());
        Sink { folder: folder.join(name), pool: Pool::new(threads), writer: None }
    }
}

impl Shares for Sink {
    fn begin(&mut self, grid: &Grid, classes: usize) -> Result<()> {
        self.writer = Some(SharesWriter::new(&self.folder, grid, classes)?);
        Ok(())
    }

    fn plane(&mut self, shares: &[f32]) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.plane(shares, &self.pool),
            None => Ok(()),
        }
    }
}
