//! A disk that fills up: the error says where, and nothing half-written stays.

use base::{Kind, Lang};
use consilium::read::{Common, Panel, read_with};
use consilium::{Disk, World};
use imaging::dicom::{Radiograph, write_radiograph};
use kernels::Pool;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use zoo::Compute;

/// The real disk until `left` files are written, then full.
struct Filling {
    left: AtomicUsize,
}

impl World for Filling {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        Disk.make_folder(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if left.is_ok() {
            return Disk.write(path, bytes);
        }
        // What a full disk leaves: a file cut short.
        Disk.write(path, &bytes[..bytes.len() / 2])?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        Disk.remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        Disk.remove_folder(path)
    }

    fn remove_empty_folder(&self, path: &Path) -> io::Result<()> {
        Disk.remove_empty_folder(path)
    }
}

#[test]
fn a_full_disk_ends_the_demonstration_with_nothing_left() {
    let dir = testkit::temp_dir("full-demo");
    let common = common(dir.join("out"));
    let world = Filling { left: AtomicUsize::new(0) };
    let error = consilium::demo::run(&world, &common, consilium::demo::Show::Film, &mut Vec::new())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert_eq!(std::fs::read_dir(dir.join("out")).unwrap().count(), 0);
}

fn common(out: std::path::PathBuf) -> Common {
    Common {
        quiet: false,
        lang: Lang::En,
        threads: 1,
        out,
        progress: false,
        verbose: false,
        json: true,
        explain: 0,
        despite_header: false,
        exact: false,
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let dir = testkit::temp_dir("full");
    let samples = (0..260 * 300).map(|i| ((i * 37) % 4096) as u16).collect();
    let film = dir.join("chest.dcm");
    write_radiograph(&film, &Radiograph::chest(260, 300, samples)).unwrap();
    let mut panel =
        Panel::placeholder(&["xrv-densenet121-res224-rsna"], &Compute::new(Pool::new(1))).unwrap();
    for left in 0..3 {
        let out = dir.join(format!("out-{left}"));
        let common = common(out.clone());
        let world = Filling { left: AtomicUsize::new(left) };
        let mut printed = Vec::new();
        let code =
            read_with(&world, &common, std::slice::from_ref(&film), &mut panel, &mut printed);
        assert_eq!(code.map_err(|error| error.kind()), Ok::<u8, Kind>(1));
        assert!(printed.is_empty(), "nothing was read");
        assert_eq!(std::fs::read_dir(&out).map_or(0, Iterator::count), 0, "{left}");
    }
}
