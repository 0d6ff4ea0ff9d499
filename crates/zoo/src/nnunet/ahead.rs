//! Preparing a case apart from the model that reads it.

use super::dataset::Dataset;
use super::folder::Trained;
use super::grid::permuted;
use super::plans::{Configuration, Plans};
use super::prepare::{foresee, prepare, preparing_bytes};
use super::volumes::{first_of, images, placed};
use crate::ahead::{PreparedCase, Preparer};
use crate::volume_system::VolumeCase;
use base::{Result, Volume};
use engine::cpu::Pool;

/// What the first stage of a model needs to prepare a case.
pub(super) struct FirstStage {
    plans: Plans,
    configuration: Configuration,
    dataset: Dataset,
}

impl FirstStage {
    /// Of the stage of a cascade that takes no labels of one before.
    pub fn of(trained: &Trained) -> FirstStage {
        FirstStage {
            plans: trained.plans.clone(),
            configuration: trained.configuration.clone(),
            dataset: trained.dataset.clone(),
        }
    }
}

impl Preparer for FirstStage {
    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let placed = placed(volume, &self.plans);
        let shape = permuted(placed.shape(), self.plans.forward);
        let foreseen = foresee(&self.plans, &self.configuration, shape, placed.spacing())?;
        let channels = self.dataset.channels.len();
        Ok(preparing_bytes(channels, 0, placed.shape(), foreseen.shape))
    }

    fn prepare(&self, case: &VolumeCase<'_>, pool: &Pool) -> Result<PreparedCase> {
        let FirstStage { plans, configuration, dataset } = self;
        first_of(case.volumes, dataset)?;
        let images = images(case.volumes, plans);
        prepare(pool, plans, configuration, dataset, images, None).map(PreparedCase::new)
    }
}
