//! Tries a folder: the card alone, the card against the network, both on a made-up image.

use super::network::output_problem;
use super::problem::Problem;
use super::{Folder, parse, read_card};
use crate::Compute;
use crate::loaded::Loaded;
use crate::system::System;
use base::words::own as words;
use base::{Error, Laterality, Mm, Picture, PixelSpacing, Result, SpacingSource, Text};
use imaging::Study;
use std::path::Path;
use std::time::Instant;

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What is wrong or doubtful; the card's in the order of its lines.
    pub problems: Vec<Problem>,
    /// What the network is, how long it took, how much memory it plans: as far as the check came.
    pub facts: Vec<Text>,
}

impl Checked {
    /// Nothing must be mended.
    pub fn passed(&self) -> bool {
        self.problems.iter().all(|problem| problem.warning)
    }

    fn wrong(&mut self, text: Text) {
        self.problems.push(Problem::new(None, text));
    }
}

/// Everything that is wrong with a folder. Errors only when there is no card that could be read.
pub fn check(path: &Path, compute: &Compute) -> Result<Checked> {
    let text = read_card(path)?;
    let (card, problems) = parse(&text);
    let mut checked = Checked { problems, facts: Vec::new() };
    let Some(card) = card else { return Ok(checked) };
    let folder = Folder { path: path.to_path_buf(), card };
    match Loaded::try_own(folder.clone(), compute) {
        Ok(mut loaded) => run(&folder, &mut loaded, &mut checked),
        Err(problems) => checked.problems.extend(problems),
    }
    Ok(checked)
}

/// One made-up image all the way.
fn run(folder: &Folder, loaded: &mut Loaded, checked: &mut Checked) {
    let what = loaded.container().unwrap_or("").to_owned();
    let sha256 = loaded.model().weights_sha256.clone().unwrap_or_default();
    checked.facts.push(words::network_is(&folder.declared().network.file, &what, &sha256));
    let tried = made_up().and_then(|study| try_on(folder, loaded, &study, checked));
    if let Err(error) = tried {
        checked.wrong(words::run_failed(error.what()));
    }
}

fn try_on(
    folder: &Folder,
    loaded: &mut Loaded,
    study: &Study,
    checked: &mut Checked,
) -> Result<()> {
    let started = Instant::now();
    let prepared = folder.prepare(study)?;
    if let (Some(range), Some(tensor)) = (folder.declared().input.range, prepared.tensors.first()) {
        let (low, high) = tensor
            .data()
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
        let room = (range.1 - range.0) * 1e-3;
        if low < range.0 - room || high > range.1 + room {
            checked.wrong(words::beyond_range(low, high, range));
        }
    }
    let outputs = loaded.run(&prepared)?;
    if let Some(output) = outputs.first() {
        // The runner has put the axes in order already.
        let mut card = folder.declared().clone();
        card.input.channels_last = false;
        if let Some(text) = output_problem(output.shape(), &card) {
            checked.wrong(text);
            return Ok(());
        }
        if output.data().iter().any(|value| !value.is_finite()) {
            checked.wrong(words::CHECK_NOT_FINITE.clone());
            return Ok(());
        }
    }
    if let Err(error) = folder.interpret(&outputs, &prepared, study) {
        checked.wrong(error.what().clone());
    }
    let mib = loaded.planned_bytes() as f64 / f64::from(1 << 20);
    let seconds = started.elapsed().as_secs_f64();
    checked.facts.push(words::ran(loaded.load_seconds(), seconds, mib));
    Ok(())
}

/// 480 columns, 600 rows, 8 bits: brightness that falls off to the sides with a texture on it, from
/// 0 to 255, half a millimetre a pixel, a right side. It stands for no body part.
fn made_up() -> Result<Study> {
    const COLUMNS: usize = 480;
    const ROWS: usize = 600;
    let pixel = |at: usize| {
        let (x, y) = (at % COLUMNS, at / COLUMNS);
        let across = 1.0 - (2.0 * x as f64 / (COLUMNS - 1) as f64 - 1.0).abs();
        let texture = ((x * 7919 + y * 104_729) % 61) as f64 / 60.0;
        ((across * 0.8 + texture * 0.2) * 255.0).round() as u8
    };
    let data = (0..COLUMNS * ROWS).map(pixel).collect();
    let picture = Picture::new(COLUMNS, ROWS, 1, data)
        .ok_or_else(|| Error::new(base::Kind::Bug, words::CHECK_IMAGE.clone()))?;
    let mut study = Study::from_picture(&picture, "made-up");
    let source = SpacingSource::PictureResolution;
    study.facts.spacing = Some(PixelSpacing { row: Mm(0.5), column: Mm(0.5), source });
    study.facts.laterality = Some(Laterality::Right);
    Ok(study)
}
