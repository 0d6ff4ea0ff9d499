//! The one list of systems; everything that goes over all of them starts here.

use crate::system::System;
use crate::systems;
use crate::volume_system::VolumeSystem;

/// Every system this build can run, in the order in which lists show them.
pub static SYSTEMS: &[&dyn System] = &[
    &systems::xrv_densenet121_res224_all::SYSTEM,
    &systems::xrv_densenet121_res224_nih::SYSTEM,
    &systems::xrv_densenet121_res224_pc::SYSTEM,
    &systems::xrv_densenet121_res224_chex::SYSTEM,
    &systems::xrv_densenet121_res224_rsna::SYSTEM,
    &systems::xrv_densenet121_res224_mimic_nb::SYSTEM,
    &systems::xrv_densenet121_res224_mimic_ch::SYSTEM,
    &systems::xrv_resnet50_res512_all::SYSTEM,
    &systems::xrv_pspnet_anatomy::SYSTEM,
    &systems::xrv_resnet101_autoencoder::SYSTEM,
    &systems::consilium_knee::SYSTEM,
];

/// A system by its identifier or one of its published names, regardless of case.
pub fn find(name: &str) -> Option<&'static dyn System> {
    SYSTEMS.iter().copied().find(|system| {
        let card = system.card();
        std::iter::once(&card.id).chain(card.aliases).any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// Every system for volumes that this build can run.
pub static VOLUME_SYSTEMS: &[&dyn VolumeSystem] = &[
    &systems::consilium_brain::SYSTEM,
    &systems::deepbrain::SYSTEM,
    &systems::hd_bet::SYSTEM,
    &systems::hd_bet_v1::SYSTEM,
    &systems::meshnet::SYSTEM,
    &systems::synthseg::SYSTEM,
    &systems::totalsegmentator::SYSTEM,
    &systems::totalspineseg::SYSTEM,
    &systems::spineps::SYSTEM,
    &systems::bone_density::SYSTEM,
    &systems::oai_analysis::SYSTEM,
    &systems::lungmask::LUNGS,
    &systems::lungmask::LUNGS_COVID,
    &systems::lungmask::LUNG_LOBES,
    &systems::lungmask::LUNG_LOBES_FUSED,
];

/// A system for volumes by its identifier or one of its published names, regardless of case.
pub fn find_volume_system(name: &str) -> Option<&'static dyn VolumeSystem> {
    VOLUME_SYSTEMS.iter().copied().find(|system| {
        let card = system.card();
        std::iter::once(&card.id).chain(card.aliases).any(|known| known.eq_ignore_ascii_case(name))
    })
}
