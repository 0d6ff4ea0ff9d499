//! HD-BET 2: the brain on MRI of any contrast, by one nnU-Net.
//!
//! Reference: MIC-DKFZ/HD-BET 2.0.1, `hd_bet_prediction.py`: nnU-Net's own way with the fold `all`, half
//! steps, mirrored copies on request; every label but 0 is brain. Version 1 (`0.model` … `4.model`) is
//! another system, `hd_bet_v1`.

use crate::ahead::Preparer;
use crate::nnunet::{Labels, MadeUp, Model, Options, holds_model};
use crate::stripped::stripped;
use crate::volume_system::{
    Published, Shares, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, fits_modality, labels_of, map_on,
};
use base::words::hd_bet as words;
use base::words::volume_systems as common;
use base::{Error, Kind, Measurement, Modality, Note, Result, Volume};
use std::path::Path;
use std::time::Duration;

/// The system.
pub static SYSTEM: HdBet = HdBet;

/// See the module.
pub struct HdBet;

static CARD: VolumeCard = VolumeCard {
    id: "hd-bet",
    aliases: &["hd-bet-2", "hdbet"],
    name: words::NAME,
    survey_row: "hd-bet",
    modalities: &[Modality::Mr],
    choices: &[],
    weights: &[Published {
        name: "release_v1.5.0.zip",
        url: "https://zenodo.org/records/14445620/files/release_v1.5.0.zip",
        sha256: None,
    }],
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Isensee et al., Human Brain Mapping 40(17):4952-4964 (2019)",
};

impl VolumeSystem for HdBet {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path` is the archive as published, or the folder it unpacks to.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        if path.exists() && !holds_model(path) {
            let file = &CARD.weights[0];
            let text = common::weights_absent(file.name, file.url);
            return Err(Error::new(Kind::BrokenInput, text).at(path));
        }
        let own = Options {
            folds: Some(vec!["all".into()]),
            step: 0.5,
            mirror: options.mirror,
            exact: options.compute.exact,
            ..Options::default()
        };
        Ok(Box::new(Reader { model: Model::open(path, &options.compute.pool, &own)? }))
    }

    fn made_up(&self, folder: &Path, _chosen: &[String]) -> Result<bool> {
        let model = MadeUp {
            configuration: "3d_fullres",
            fold: "all",
            channels: &["MR"],
            spacing_mm: 1.0,
            labels: Labels::Count(1),
        };
        model.write(folder)?;
        Ok(true)
    }
}

struct Reader {
    model: Model,
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        self.model.images()
    }

    fn sha256(&self) -> Option<String> {
        VolumeReader::sha256(&self.model)
    }

    fn container(&self) -> String {
        self.model.container()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        self.model.need_bytes(volume)
    }

    fn network_time(&self) -> Option<Duration> {
        VolumeReader::network_time(&self.model)
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        self.model.preparer()
    }

    fn strip(&self, volume: &Volume, labels: &[u16]) -> Option<Volume> {
        Some(stripped(volume, labels))
    }

    fn rest(&mut self) {
        self.model.rest();
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        brain(self.model.read(case, told)?)
    }

    fn read_shares(
        &mut self,
        case: &VolumeCase<'_>,
        told: Told<'_>,
        into: &mut dyn Shares,
    ) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        brain(self.model.read_shares(case, told, into)?)
    }
}

/// Every label but 0 is brain.
fn brain(answer: VolumeAnswer) -> Result<VolumeAnswer> {
    let labels: Vec<u16> =
        labels_of(&answer.map).into_iter().map(|label| u16::from(label != 0)).collect();
    let voxels = labels.iter().filter(|&&label| label == 1).count();
    let mut notes = answer.notes;
    if voxels == 0 {
        notes.push(Note::warning("nothing-found", base::words::deepbrain::NOTHING));
    }
    let brain = Measurement {
        id: "brain-volume",
        name: base::words::deepbrain::BRAIN_VOLUME,
        value: voxels as f64 * answer.map.affine().determinant().abs() / 1000.0,
        unit: "mL",
        interval: None,
    };
    Ok(VolumeAnswer {
        map: map_on(&answer.map, labels)?,
        boxes: Vec::new(),
        structures: vec![Structure::new("brain", vec![1])],
        values: vec![brain],
        tables: Vec::new(),
        pictures: Vec::new(),
        notes,
    })
}
