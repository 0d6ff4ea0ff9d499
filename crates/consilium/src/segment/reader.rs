//! One model for volumes, asked case by case by another use case than `read`.

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

    /// Reads one case. Errors of kind `Refused` say why it does not fit.
    pub fn read(&mut self, ready: &Ready) -> Result<Segmented> {
        let (request, pool) = (&self.request, &self.pool);
        let said = self.loaded.read(request, pool, &ready.case, &ready.decoded, true, None)?;
        let structures = said.reading.structures.into_iter();
        Ok(Segmented {
            map: said.map,
            forms: ready.decoded.scans[0].forms,
            structures: structures.map(|own| (own.id, own.name, own.labels)).collect(),
        })
    }
}

impl Ready {
    /// Decodes the images of a case, in the order of the channels.
    pub fn decode(name: &str, files: &[PathBuf]) -> Result<Ready> {
        if files.is_empty() {
            return Err(Error::new(Kind::BrokenInput, words::NO_FILE.clone()));
        }
        let case = Case { name: name.to_owned(), files: files.to_vec() };
        let decoded = cases::decode(&case)?;
        Ok(Ready { case, decoded })
    }
}
