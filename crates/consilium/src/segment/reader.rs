//! One model for volumes, asked case by case by another use case than `read`.

use super::Asked;
use super::ahead::{self, Helper, Preparation, Signals};
use super::cases::{self, Case, Decoded};
use super::models::{self, Loaded};
use crate::read::Request;
use base::words::evaluate as words;
use base::{Error, Kind, Result, Text, Volume};
use imaging::volumes::nifti::Forms;
use kernels::Pool;
use std::path::PathBuf;

/// A model with its weights.
pub(crate) struct VolumeModel {
    request: Request,
    pool: Pool,
    loaded: Loaded,
}

/// A case in memory.
pub(crate) struct Ready {
    case: Case,
    decoded: Decoded,
}

/// What the model says of a case.
pub(crate) struct Segmented {
    /// Labels on the grid of the case's first image.
    pub map: Volume,
    /// The transforms of that image as its file has them.
    pub forms: Option<Forms>,
    /// Structures: identifier, name, labels in the map.
    pub structures: Vec<(String, Text, Vec<u16>)>,
}

impl VolumeModel {
    /// Loads the only model of a request.
    pub fn open(request: Request) -> Result<VolumeModel> {
        let pool = Pool::new(request.common.threads);
        let loaded = models::load(&request, &pool)?.into_iter().next();
        let loaded = loaded.ok_or_else(|| Error::new(Kind::Usage, words::WHICH_MODEL.clone()))?;
        Ok(VolumeModel { request, pool, loaded })
    }

    /// Its identifier.
    pub fn id(&self) -> &str {
        &self.loaded.id
    }

    /// Its name.
    pub fn name(&self) -> &Text {
        &self.loaded.name
    }

    /// SHA-256 of its weights.
    pub fn sha256(&self) -> Option<String> {
        self.loaded.reader.sha256()
    }

    /// What tells a decoding thread of the cases that are read, and what prepares the next there.
    pub fn ahead(&self) -> (Signals, Helper) {
        ahead::pair(std::slice::from_ref(&self.loaded))
    }

    /// Reads one case, telling so. Errors of kind `Refused` say why it does not fit.
    pub fn read(&mut self, ready: Result<Ready>, signals: &Signals) -> Result<Segmented> {
        let decoded = ready.as_ref().ok().map(|ready| &ready.decoded);
        let limit = self.request.volume.memory_limit;
        signals.begin(std::slice::from_ref(&self.loaded), decoded, limit);
        let said = ready.and_then(|ready| self.segment(ready));
        signals.end();
        said
    }

    fn segment(&mut self, mut ready: Ready) -> Result<Segmented> {
        let (request, pool) = (&self.request, &self.pool);
        let prepared = ready.decoded.preparations.first_mut().and_then(Preparation::take);
        let asked = Asked { prepared, only: true, folder: None };
        let said = self.loaded.read(request, pool, &ready.case, &ready.decoded, asked)?;
        let structures = said.reading.structures.into_iter();
        Ok(Segmented {
            map: said.map,
            forms: ready.decoded.scans[0].forms,
            structures: structures.map(|own| (own.id, own.name, own.labels)).collect(),
        })
    }
}

impl Ready {
    /// Decodes the images of a case, in the order of the channels, and has them prepared while another case is read.
    pub fn decode(name: &str, files: Result<Vec<PathBuf>>, helper: &mut Helper) -> Result<Ready> {
        let case = files.and_then(|files| match files.is_empty() {
            true => Err(Error::new(Kind::BrokenInput, words::NO_FILE.clone())),
            false => Ok(Case { name: name.to_owned(), files }),
        });
        let mut decoded = case.as_ref().map_err(Error::clone).and_then(cases::decode);
        helper.prepare(&mut decoded);
        Ok(Ready { decoded: decoded?, case: case? })
    }
}
