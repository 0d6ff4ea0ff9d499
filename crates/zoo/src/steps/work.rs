//! Carries the steps out, one after the other.

use super::placement::{Known, Placement};
use super::step::{Source, Step};
use super::{geometry, intensity, layout};
use crate::error::translate;
use crate::system::Prepared;
use base::words::zoo as words;
use base::{Error, Image, Kind, Note, Result};
use engine::Tensor;
use imaging::Study;

/// An image on its way to the network.
#[derive(Clone, Debug)]
pub struct Work {
    /// Values, planar.
    pub image: Image,
    /// Where they lie on the original.
    pub placement: Placement,
    /// Lowest and highest value they can have, where the steps so far say so.
    pub range: Option<(f32, f32)>,
    /// What happened on the way.
    pub notes: Vec<Note>,
}

/// All steps: a tensor `[1, channels, rows, columns]`.
///
/// Errors: the frame cannot be decoded, the case lacks what a step needs, the result is too large.
pub fn prepare(steps: &[Step], study: &Study) -> Result<Prepared> {
    let work = run(steps, study)?;
    let shape = [1, work.image.channels(), work.image.height(), work.image.width()];
    let tensor = Tensor::new(&shape, work.image.into_data()).map_err(translate)?;
    Ok(Prepared { tensors: vec![tensor], covers: work.placement.covers, notes: work.notes })
}

/// The steps, and the image after the last of them. Without a first [`Step::Values`] the stored
/// values are meant.
pub fn run(steps: &[Step], study: &Study) -> Result<Work> {
    let (source, rest) = match steps.split_first() {
        Some((Step::Values(source), rest)) => (*source, rest),
        _ => (Source::Stored, steps),
    };
    let mut work = read(source, study)?;
    for step in rest {
        work = work.take(step, study)?;
    }
    Ok(work)
}

/// A step of the list cannot be carried out without the spacing of the pixels.
pub fn needs_spacing(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Resample { .. }))
}

fn read(source: Source, study: &Study) -> Result<Work> {
    let mut notes = Vec::new();
    let facts = &study.facts;
    if facts.size_px.2 > 1 {
        notes.push(Note::warning("first-frame", words::first_frame(facts.size_px.2)));
    }
    let (image, range) = match source {
        Source::Stored => {
            if facts.file.format != "DICOM" && facts.file.bits.1 > 8 {
                notes.push(Note::info("deep-picture", words::deep_picture(facts.file.bits.1)));
            }
            (study.frame(0)?.to_image(), Some((0.0, study.stored_max() as f32)))
        }
        Source::Modality => (study.modality_values(0)?, None),
        Source::Displayed => (layout::planar(&study.picture(0)?)?, Some((0.0, 255.0))),
    };
    Ok(Work { image, placement: Placement::whole(facts), range, notes })
}

impl Work {
    fn take(mut self, step: &Step, study: &Study) -> Result<Work> {
        let known = Known::of(&study.facts);
        let placement = geometry::place(step, &self.placement, &known);
        match step {
            Step::Values(_) => return Err(too_late()),
            Step::Window { .. }
            | Step::InvertMonochrome1(_)
            | Step::Scale { .. }
            | Step::Clip { .. }
            | Step::Normalize { .. }
            | Step::NormalizeImage
            | Step::Truncate => intensity::take(step, &mut self, study),
            Step::FirstChannel | Step::Grey | Step::Rgb | Step::Bgr => {
                layout::take(step, &mut self)?;
            }
            Step::CentreSquare
            | Step::CentreCrop { .. }
            | Step::PadSquare { .. }
            | Step::Resize { .. }
            | Step::Resample { .. }
            | Step::Mirror { .. }
            | Step::UpsideDown => geometry::take(step, &mut self, &placement, &known)?,
        }
        self.placement = placement;
        Ok(self)
    }
}

/// A card is checked before it runs: this cannot be reached from one.
fn too_late() -> Error {
    Error::new(Kind::Bug, words::VALUES_COME_FIRST)
}
