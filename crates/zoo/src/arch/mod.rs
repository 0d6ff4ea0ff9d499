//! Network families as functions that read like their papers. A scope's path is the checkpoint's
//! key.

pub mod brain_unet;
pub mod cartilage_unet;
pub mod densenet;
pub mod dyn_unet;
pub mod efficientnet_lite;
pub mod hd_bet_v1;
pub mod layers;
pub mod lung_unet;
pub mod neuron_unet;
pub mod pspnet;
pub mod residual_unet;
pub mod resnet;
pub mod resnet_autoencoder;
pub mod retina_net;
pub mod seg_res_net;
pub mod spine_unet;
pub mod swin_unetr;
pub mod unet;
pub mod unet_blocks;
pub mod unet_v1;
pub mod vertebra_classifier;
pub mod vista3d;

/// Epsilon of every batch normalisation here: PyTorch's default.
pub(crate) const EPSILON: f32 = 1e-5;
