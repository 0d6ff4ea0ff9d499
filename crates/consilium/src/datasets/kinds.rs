//! The kinds of data sets, declared once: list, help and readers come from here.

use super::{
    Dataset, Files, boxes, brats, chexpert, chexpert_plus, folders, iu, mimic, nih, padchest,
    pneumonia, skeleton, vindr,
};
use base::words::datasets as words;
use base::{Result, Text};
use std::path::Path;

/// A kind of data set.
pub struct Kind {
    /// As typed before the colon.
    pub name: &'static str,
    /// What it is and how it must lie.
    pub about: &'static Text,
    /// Only for people who signed its agreement: never to be sent to models outside.
    pub credentialed: bool,
    /// Reads it. Errors name the missing file or column.
    pub read: fn(&Files, &Path) -> Result<Dataset>,
}

/// Every kind.
pub static KINDS: &[Kind] = &[
    kind("table", &words::TABLE, false, folders::table),
    kind("nifti", &words::NIFTI, false, folders::nifti),
    kind("nnunet", &words::NNUNET, false, folders::nnunet),
    kind("msd", &words::MSD, false, folders::msd),
    kind("coco", &words::COCO, false, boxes::coco),
    kind("yolo", &words::YOLO, false, boxes::yolo),
    kind("voc", &words::VOC, false, boxes::voc),
    kind("brats", &words::BRATS, false, brats::read),
    kind("chestxray14-google", &words::CHESTXRAY14_GOOGLE, false, nih::google),
    kind("chestxray14", &words::CHESTXRAY14, false, nih::read),
    kind("chexpert", &words::CHEXPERT, true, chexpert::read),
    kind("chexpert-plus", &words::CHEXPERT_PLUS, true, chexpert_plus::read),
    kind("mimic-cxr-jpg-negbio", &words::MIMIC_NEGBIO, true, mimic::jpg_negbio),
    kind("mimic-cxr-jpg", &words::MIMIC, true, mimic::jpg),
    kind("mimic-cxr", &words::MIMIC_DICOM, true, mimic::dicom),
    kind("padchest", &words::PADCHEST, true, padchest::read),
    kind("rsna-pneumonia", &words::PNEUMONIA, false, pneumonia::rsna),
    kind("siim-pneumothorax", &words::SIIM, false, pneumonia::siim),
    kind("vindr-cxr", &words::VINDR, true, vindr::read),
    kind("iu-xray", &words::IU, false, iu::read),
    kind("rsna-boneage", &words::BONEAGE, false, skeleton::boneage),
    kind("mura", &words::MURA, true, skeleton::mura),
    kind("grazpedwri-dx", &words::GRAZ, false, skeleton::grazpedwri),
    kind("fracatlas", &words::FRACATLAS, false, skeleton::fracatlas),
];

const fn kind(
    name: &'static str,
    about: &'static Text,
    credentialed: bool,
    read: fn(&Files, &Path) -> Result<Dataset>,
) -> Kind {
    Kind { name, about, credentialed, read }
}
