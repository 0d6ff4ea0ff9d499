//! One file per published system. To add one: write its file, add a line to [`crate::SYSTEMS`],
//! a fixture to `tests/fixtures/networks/`.

pub mod bone_density;
pub mod consilium_brain;
pub mod consilium_knee;
pub mod deepbrain;
pub mod hd_bet;
pub mod hd_bet_v1;
pub mod lungmask;
pub mod meshnet;
pub mod oai_analysis;
pub mod spineps;
pub mod synthseg;
pub mod totalsegmentator;
pub mod totalspineseg;
pub mod xrv;
pub mod xrv_densenet121_res224_all;
pub mod xrv_densenet121_res224_chex;
pub mod xrv_densenet121_res224_mimic_ch;
pub mod xrv_densenet121_res224_mimic_nb;
pub mod xrv_densenet121_res224_nih;
pub mod xrv_densenet121_res224_pc;
pub mod xrv_densenet121_res224_rsna;
pub mod xrv_pspnet_anatomy;
pub mod xrv_resnet101_autoencoder;
pub mod xrv_resnet50_res512_all;
