//! `demo`: a case that needs no download, read all the way to the report: a made-up head with the brain
//! reader that is part of the program, or a made-up film with made-up weights.

mod atlas;
pub(crate) mod head;
mod noise;
mod phantom;

use crate::World;
use crate::cli::print;
use crate::read::{Common, Panel, Request, io_error, read_with, write_file};
use crate::segment;
use base::words::demo as words;
use base::{Error, Kind, Result, Volume};
use imaging::Limits;
use imaging::volumes;
use imaging::volumes::nifti::{self, Level};
use kernels::Pool;
use metrics::segmentation::Overlap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};
use zoo::VolumeSystem;
use zoo::systems::consilium_brain::{CLASSES, Class, SYSTEM};
use zoo::volume_system::{Structure, labels_of};

/// The two classifiers that read the made-up film.
const MODELS: [&str; 2] = ["xrv-densenet121-res224-all", "xrv-densenet121-res224-nih"];

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A head drawn from this seed; from the clock when `None`.
    Head(Option<u64>),
    /// A film.
    Film,
}

/// A head's number as it was typed. Errors of kind `Usage`.
pub fn seed(text: &str) -> Result<u64> {
    let wrong = |_| Error::new(Kind::Usage, words::seed_wrong(text));
    text.parse().map_err(wrong)
}

/// Makes a case in the output folder and reads it.
pub fn run(world: &dyn World, common: &Common, show: Show, out: &mut dyn Write) -> Result<u8> {
    world.make_folder(&common.out).map_err(|error| io_error(&error, &common.out))?;
    match show {
        Show::Film => film(world, common, out),
        Show::Head(seed) => {
            let clock =
                || world.now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64);
            head(world, common, seed.unwrap_or_else(clock), out)
        }
    }
}

/// `made-up-film.dcm`, with placeholder weights.
fn film(world: &dyn World, common: &Common, out: &mut dyn Write) -> Result<u8> {
    let film = common.out.join("made-up-film.dcm");
    write_file(world, &film, &phantom::film()?)?;
    let mut panel = Panel::placeholder(&MODELS, &common.compute())?;
    let common = Common { progress: !common.json, ..common.clone() };
    read_with(world, &common, &[film], &mut panel, out)
}

/// `made-up-head.nii.gz` and its truth, and how well they agree afterwards: `made-up-head-dice.csv`.
fn head(world: &dyn World, common: &Common, seed: u64, out: &mut dyn Write) -> Result<u8> {
    let pool = Pool::new(common.threads);
    let drawn = head::draw(seed, &pool)?;
    let image = common.out.join("made-up-head.nii.gz");
    let write = |path: &Path, volume: &Volume| nifti::write(path, volume, None, Level::Fast, &pool);
    write(&image, &drawn.image)?;
    write(&common.out.join("made-up-head-truth.nii.gz"), &drawn.truth)?;
    if !common.json {
        print(out, &format!("{}\n", words::drawn(&image, seed).get(common.lang)))?;
    }
    let request = Request {
        inputs: vec![image],
        models: vec![SYSTEM.card().id.to_owned()],
        weights: Vec::new(),
        mirror: false,
        volume: segment::VolumeOptions::default(),
        common: common.clone(),
    };
    let started = Instant::now();
    let code = segment::run(world, &request, out)?;
    if code != 0 {
        return Ok(code);
    }
    let seconds = started.elapsed().as_secs_f64();
    let found = volumes::read(&common.out.join("segmentation.nii.gz"), &Limits::default())?;
    let rows = agreement(&labels_of(&found.volume), &labels_of(&drawn.truth));
    let csv = common.out.join("made-up-head-dice.csv");
    let mut text = String::from("structure,dice\r\n");
    for (structure, dice) in &rows {
        let _ = write!(text, "{},{}\r\n", structure.id, number(*dice));
    }
    write_file(world, &csv, text.as_bytes())?;
    if common.json {
        return Ok(code);
    }
    let mut text = format!("{}\n", words::AGREEMENT.get(common.lang));
    for (structure, dice) in &rows {
        let _ = writeln!(text, "  {:<32} {:>6}", structure.name.get(common.lang), number(*dice));
    }
    let known: Vec<f64> = rows.iter().filter_map(|(_, dice)| *dice).collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let _ = writeln!(text, "{}", words::summary(mean, known.len(), seconds).get(common.lang));
    print(out, &text)?;
    Ok(code)
}

/// Dice of every structure, left and right apart; `None` where neither has it.
fn agreement(found: &[u16], truth: &[u16]) -> Vec<(Structure, Option<f64>)> {
    let mut rows = Vec::new();
    for (id, label) in CLASSES[1..].iter().flat_map(Class::structures) {
        let mask = |labels: &[u16]| labels.iter().map(|l| *l == label).collect::<Vec<bool>>();
        let dice = Overlap::of(&mask(found), &mask(truth)).dice().ok();
        rows.push((Structure::new(&id, vec![label]), dice));
    }
    rows
}

fn number(dice: Option<f64>) -> String {
    dice.map_or("–".to_owned(), |dice| format!("{dice:.3}"))
}
