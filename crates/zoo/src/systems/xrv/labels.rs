//! The 18 outputs and which of them each set of weights was trained on
//! (`torchxrayvision.models.model_urls[…]["labels"]`; empty strings there are `None` here).

use base::Code;
use base::words::findings::{
    ATELECTASIS, CARDIOMEGALY, CONSOLIDATION, EDEMA, EFFUSION, EMPHYSEMA,
    ENLARGED_CARDIOMEDIASTINUM, FIBROSIS, FRACTURE, HERNIA, INFILTRATION, LUNG_LESION,
    LUNG_OPACITY, MASS, NODULE, PLEURAL_THICKENING, PNEUMONIA, PNEUMOTHORAX,
};

type Labels = [Option<&'static Code>; 18];

/// All outputs.
pub static ALL: Labels = only(u32::MAX);
/// NIH ChestX-ray14: the first fourteen.
pub static NIH_LABELS: Labels = only(0x3fff);
/// PadChest: NIH's and fracture.
pub static PADCHEST_LABELS: Labels = only(0x3fff | 1 << 15);
/// CheXpert and both MIMIC-CXR label sets.
pub static CHEXPERT_LABELS: Labels = only(
    1 | 1 << 1
        | 1 << 3
        | 1 << 4
        | 1 << 7
        | 1 << 8
        | 1 << 10
        | 1 << 14
        | 1 << 15
        | 1 << 16
        | 1 << 17,
);
/// RSNA Pneumonia Challenge.
pub static RSNA_LABELS: Labels = only(1 << 8 | 1 << 16);
/// ResNet50: all but lung lesion and enlarged cardiomediastinum, which have no operating point
/// (the library answers a constant 0.5 for them).
pub static RESNET_LABELS: Labels = only(!(1 << 14 | 1 << 17));

const ORDER: [&Code; 18] = [
    &ATELECTASIS,
    &CONSOLIDATION,
    &INFILTRATION,
    &PNEUMOTHORAX,
    &EDEMA,
    &EMPHYSEMA,
    &FIBROSIS,
    &EFFUSION,
    &PNEUMONIA,
    &PLEURAL_THICKENING,
    &CARDIOMEGALY,
    &NODULE,
    &MASS,
    &HERNIA,
    &LUNG_LESION,
    &FRACTURE,
    &LUNG_OPACITY,
    &ENLARGED_CARDIOMEDIASTINUM,
];

const fn only(mask: u32) -> Labels {
    let mut labels = [None; 18];
    let mut index = 0;
    while index < 18 {
        if mask >> index & 1 == 1 {
            labels[index] = Some(ORDER[index]);
        }
        index += 1;
    }
    labels
}
