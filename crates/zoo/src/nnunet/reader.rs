//! A trained nnU-Net as a reader of volumes.

use super::{Model, Prepared, Segmentation};
use crate::ahead::Preparer;
use crate::volume_system::{Shares, Structure, Told, VolumeAnswer, VolumeCase, VolumeReader};
use base::{Result, Volume};
use std::time::Duration;

impl VolumeReader for Model {
    fn images(&self) -> Vec<String> {
        self.trained().dataset.channels.clone()
    }

    fn flat(&self) -> bool {
        self.trained().configuration.rank() == 2
    }

    fn sha256(&self) -> Option<String> {
        Model::sha256(self).first().cloned()
    }

    fn container(&self) -> String {
        "nnU-Net".into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let [ni, nj, nk] = volume.size();
        let [si, sj, sk] = volume.spacing_mm();
        Ok(self.need([nk, nj, ni], [sk, sj, si])?.bytes)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(Model::network_time(self))
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        Some(Box::new(self.first_stage()))
    }

    fn rest(&mut self) {
        self.release_buffers();
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        let progress = &mut |at: super::Progress| told(at.done, at.total);
        let prepared = case.take_prepared::<Prepared>();
        let (segmentation, map) = self.predict_case(case.volumes, prepared, progress, None)?;
        Ok(answer(segmentation, map))
    }

    fn read_shares(
        &mut self,
        case: &VolumeCase<'_>,
        told: Told<'_>,
        into: &mut dyn Shares,
    ) -> Result<VolumeAnswer> {
        let progress = &mut |at: super::Progress| told(at.done, at.total);
        let prepared = case.take_prepared::<Prepared>();
        let found = self.predict_case(case.volumes, prepared, progress, Some(into))?;
        Ok(answer(found.0, found.1))
    }
}

fn answer(segmentation: Segmentation, map: Volume) -> VolumeAnswer {
    let structures = segmentation.structures.into_iter();
    let structures =
        structures.map(|structure| Structure::new(&structure.name, structure.labels)).collect();
    let notes = segmentation.notes;
    let (values, tables) = (Vec::new(), Vec::new());
    VolumeAnswer { map, structures, boxes: Vec::new(), values, tables, pictures: Vec::new(), notes }
}
