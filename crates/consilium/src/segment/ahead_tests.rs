//! Cases prepared ahead, with a model that says what it was given and when.

use super::models::Loaded;
use super::{VolumeOptions, read_all};
use crate::Disk;
use crate::read::{Common, Request};
use base::{Affine, Error, Grid, Kind, Lang, Note, Result, Text, Volume, Voxels};
use imaging::volumes::nifti::{self, Level};
use kernels::Pool;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zoo::volume_system::{Told, VolumeAnswer, VolumeCase, VolumeReader};
use zoo::{PreparedCase, Preparer};

/// Bytes that preparing takes, as the model says.
const PREPARING: u64 = 1 << 20;
/// The case that cannot be prepared.
const BAD: f64 = 66.0;

/// Cases by the value of their voxels, and what came with each.
type Log = Arc<Mutex<Vec<(f64, Option<f64>)>>>;

/// Prepares a case: the value of its voxels.
struct ItsValue(Sender<f64>);

impl Preparer for ItsValue {
    fn need_bytes(&self, _volume: &Volume) -> Result<u64> {
        Ok(PREPARING)
    }

    fn prepare(&self, case: &VolumeCase<'_>, _pool: &Pool) -> Result<PreparedCase> {
        let value = case.volumes[0].value(0).unwrap();
        self.0.send(value).unwrap();
        match value {
            BAD => Err(Error::new(Kind::Refused, Text::same("cannot be prepared"))),
            value => Ok(PreparedCase::new(value)),
        }
    }
}

/// A model whose network is done with a case only when the next one is prepared.
struct Waiting {
    log: Log,
    sender: Sender<f64>,
    prepared: Receiver<f64>,
    /// What is waited for while a case is read.
    next: Vec<(f64, f64)>,
}

impl VolumeReader for Waiting {
    fn images(&self) -> Vec<String> {
        vec!["image".into()]
    }

    fn sha256(&self) -> Option<String> {
        None
    }

    fn container(&self) -> String {
        String::new()
    }

    fn need_bytes(&self, _volume: &Volume) -> Result<u64> {
        Ok(1000)
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        Some(Box::new(ItsValue(self.sender.clone())))
    }

    fn read(&mut self, case: &VolumeCase<'_>, _told: Told<'_>) -> Result<VolumeAnswer> {
        let volume = case.volumes[0];
        let own = volume.value(0).unwrap();
        self.log.lock().unwrap().push((own, case.take_prepared()));
        if let Some((_, next)) = self.next.iter().find(|(before, _)| *before == own) {
            let seen = self.prepared.recv_timeout(Duration::from_secs(60));
            assert_eq!(seen, Ok(*next), "prepared while this case is read");
        }
        Ok(VolumeAnswer {
            map: volume.on_same_grid(Voxels::U8(vec![0; volume.frame_len()])).unwrap(),
            structures: Vec::new(),
            boxes: Vec::new(),
            values: Vec::new(),
            tables: Vec::new(),
            pictures: Vec::new(),
            notes: vec![Note::info("read", Text::same(own.to_string()))],
        })
    }
}

/// Reads cases with these values, `next` prepared while others are read; what came with each, and the exit code.
fn read(
    folder: &Path,
    values: &[f64],
    next: &[(f64, f64)],
    memory_limit: Option<u64>,
) -> (Vec<(f64, Option<f64>)>, u8) {
    std::fs::create_dir_all(folder.join("in")).unwrap();
    for (number, &value) in values.iter().enumerate() {
        let grid = Grid { size: [4, 5, 6], affine: Affine::scaling([1.0; 3]) };
        let volume = Volume::new(grid, Voxels::F32(vec![value as f32; 120])).unwrap();
        let path = folder.join(format!("in/case{number}.nii.gz"));
        nifti::write(&path, &volume, None, Level::Fast, &Pool::new(1)).unwrap();
    }
    let (sender, prepared) = channel();
    let log = Log::default();
    let reader = Waiting { log: log.clone(), sender, prepared, next: next.to_vec() };
    let name = Text::same("waiting");
    let model = Loaded { id: "waiting".into(), name, reader: Box::new(reader), seconds: 0.0 };
    let request = Request {
        inputs: vec![folder.join("in")],
        models: Vec::new(),
        weights: Vec::new(),
        mirror: false,
        volume: VolumeOptions { memory_limit, ..VolumeOptions::default() },
        common: Common {
            lang: Lang::En,
            threads: 1,
            out: folder.join("out"),
            progress: false,
            verbose: false,
            json: false,
            explain: 0,
            quiet: true,
            despite_header: false,
            exact: false,
        },
    };
    let exit = read_all(&Disk, &request, &Pool::new(1), vec![model], &mut Vec::new()).unwrap();
    let found = log.lock().unwrap().clone();
    (found, exit)
}

#[test]
fn the_next_case_is_prepared_while_the_network_reads_one() {
    let dir = testkit::temp_dir("ahead");
    let found = read(dir.path(), &[1.0, 2.0, 3.0], &[(1.0, 2.0), (2.0, 3.0)], None);
    assert_eq!(found, (vec![(1.0, None), (2.0, Some(2.0)), (3.0, Some(3.0))], 0));
}

#[test]
fn a_case_that_cannot_be_prepared_fails_by_its_own_name_and_no_other() {
    let dir = testkit::temp_dir("ahead-bad");
    let found = read(dir.path(), &[1.0, BAD, 3.0], &[(1.0, BAD)], None);
    // Whether the third found another being read is a matter of time; it has its own voxels in any case.
    assert!(found.0[0] == (1.0, None) && found.0[1].0 == 3.0, "{found:?}");
    assert!(found.0.len() == 2 && found.0[1].1.is_none_or(|own| own == 3.0) && found.1 == 0);
    let index = std::fs::read_to_string(dir.join("out/index.html")).unwrap();
    assert_eq!(index.matches("cannot be prepared").count(), 1, "{index}");
    for (name, is_there) in [("case0", true), ("case1", false), ("case2", true)] {
        assert_eq!(dir.join("out").join(name).join("result.json").is_file(), is_there, "{name}");
    }
}

#[test]
fn nothing_is_prepared_ahead_where_two_cases_do_not_fit() {
    let dir = testkit::temp_dir("ahead-memory");
    // Both cases, one being read and one being prepared.
    let limit = PREPARING + 1000 + 2 * 4 * 120;
    let found = read(dir.path(), &[1.0, 2.0], &[], Some(limit - 1));
    assert_eq!(found, (vec![(1.0, None), (2.0, None)], 0));
    let found = read(dir.path(), &[1.0, 2.0], &[(1.0, 2.0)], Some(limit));
    assert_eq!(found, (vec![(1.0, None), (2.0, Some(2.0))], 0));
}
