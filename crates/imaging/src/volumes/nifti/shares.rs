//! Shares of classes as one 4-D file, written plane by plane.
//!
//! A NIfTI file holds one class after the other, a network gives all classes of one plane after the other:
//! each class is compressed into a file of its own as it comes, a member of gzip; the members one after the
//! other are the file (RFC 1952, 2.2). Nothing but a plane and the compressors' windows is in memory.

use super::write::shares_header;
use crate::volumes::aside;
use base::words::imaging as words;
use base::{Error, Grid, Kind, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use kernels::Pool;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes that wait for the disk, of each class.
const WAITING: usize = 1 << 14;

type Part = GzEncoder<BufWriter<File>>;

/// A file of shares that is being written.
pub struct SharesWriter {
    folder: PathBuf,
    grid: Grid,
    parts: Vec<Mutex<Part>>,
    planes: usize,
}

impl SharesWriter {
    /// Begins a file of `classes` frames on the grid. `folder` is made and holds what is unfinished; it goes
    /// with the writer. Errors: `Io`.
    pub fn new(folder: &Path, grid: &Grid, classes: usize) -> Result<SharesWriter> {
        let failed = |error| failed(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut writer = SharesWriter {
            folder: folder.to_path_buf(),
            grid: *grid,
            parts: Vec::new(),
            planes: 0,
        };
        for class in 0..classes {
            let file = File::create(writer.part(class)).map_err(failed)?;
            let file = BufWriter::with_capacity(WAITING, file);
            writer.parts.push(Mutex::new(GzEncoder::new(file, Compression::fast())));
        }
        Ok(writer)
    }

    /// Takes the next plane, `[class][j][i]`, values from 0 to 1. Errors: `Io`; `Bug` for another size.
    pub fn plane(&mut self, shares: &[f32], pool: &Pool) -> Result<()> {
        let voxels = self.grid.size[0] * self.grid.size[1];
        if shares.len() != voxels * self.parts.len() || self.planes >= self.grid.size[2] {
            return Err(Error::new(Kind::Bug, base::words::volume_systems::OTHER_GRID));
        }
        let results: Vec<Mutex<io::Result<()>>> =
            self.parts.iter().map(|_| Mutex::new(Ok(()))).collect();
        let parts = &self.parts;
        pool.run(parts.len(), |class| {
            let own = &shares[class * voxels..(class + 1) * voxels];
            let stored = |share: &f32| (share.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16;
            let bytes: Vec<u8> = own.iter().flat_map(|share| stored(share).to_le_bytes()).collect();
            let mut part = parts[class].lock().unwrap_or_else(PoisonError::into_inner);
            let done = part.write_all(&bytes);
            *results[class].lock().unwrap_or_else(PoisonError::into_inner) = done;
        });
        self.planes += 1;
        for result in results {
            let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
            result.map_err(|error| failed(&self.folder, &error))?;
        }
        Ok(())
    }

    /// Puts the file together at `path`, aside first, then moved into place. Errors: `Io`; `Bug` when planes
    /// are missing.
    pub fn finish(mut self, path: &Path) -> Result<()> {
        if self.planes != self.grid.size[2] {
            return Err(Error::new(Kind::Bug, base::words::volume_systems::OTHER_GRID));
        }
        let classes = self.parts.len();
        for part in std::mem::take(&mut self.parts) {
            let part = part.into_inner().unwrap_or_else(PoisonError::into_inner);
            let done = part.finish().and_then(|mut file| file.flush());
            done.map_err(|error| failed(&self.folder, &error))?;
        }
        let header = shares_header(&self.grid, classes).map_err(|error| error.at(path))?;
        aside::write(path, |out| {
            let mut first = GzEncoder::new(&mut *out, Compression::fast());
            first.write_all(&header)?;
            first.finish()?;
            for class in 0..classes {
                let mut part = File::open(self.part(class))?;
                io::copy(&mut part, out)?;
                fs::remove_file(self.part(class))?;
            }
            Ok(())
        })
    }

    fn part(&self, class: usize) -> PathBuf {
        self.folder.join(format!("{class}.part"))
    }
}

impl Drop for SharesWriter {
    fn drop(&mut self) {
        self.parts.clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(Kind::Io, words::cannot_write(&error.to_string())).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Affine;

    #[test]
    fn shares_are_read_back_class_by_class() {
        let dir = testkit::temp_dir("shares");
        let affine =
            Affine::new([[0.0, -2.0, 0.0, 4.0], [1.5, 0.0, 0.0, 5.0], [0.0, 0.0, 3.0, 6.0]]);
        let grid = Grid { size: [3, 2, 4], affine };
        let folder = dir.join(".part-1-shares");
        let mut writer = SharesWriter::new(&folder, &grid, 2).unwrap();
        let share = |class: usize, voxel: usize| {
            let first = voxel as f32 / 23.0;
            if class == 0 { first } else { 1.0 - first }
        };
        for k in 0..4 {
            let plane: Vec<f32> = (0..12).map(|n| share(n / 6, k * 6 + n % 6)).collect();
            writer.plane(&plane, &Pool::new(2)).unwrap();
        }
        assert!(writer.plane(&[0.0; 12], &Pool::new(1)).is_err());
        let path = dir.join("shares.nii.gz");
        writer.finish(&path).unwrap();
        assert!(!folder.exists());
        let scan = crate::volumes::read(&path, &crate::Limits::default()).unwrap();
        assert!(scan.volume.grid().is_same(&grid, 1e-4));
        assert_eq!(scan.volume.frames(), 2);
        for class in 0..2 {
            for (voxel, value) in scan.volume.frame_f32(class).into_iter().enumerate() {
                assert!((value - share(class, voxel)).abs() < 1e-5, "{class}, {voxel}: {value}");
            }
        }
        // Too few planes make no file.
        let short = SharesWriter::new(&folder, &grid, 2).unwrap();
        assert!(short.finish(&dir.join("none.nii.gz")).is_err() && !folder.exists());
    }
}
