//! DenseNet121 of TorchXRayVision trained on seven data sets (NIH, PadChest, CheXpert, MIMIC-CXR, Google, OpenI, RSNA); 18 of its 18 heads are trained.

use super::xrv::{ALL, Classifier, Family, SCORES, auc, densenet_file, grey, grey_steps, points};
use crate::card::{Accepts, Card, Evidence, Task};
use base::words::findings::{
    ATELECTASIS, CARDIOMEGALY, CONSOLIDATION, EDEMA, EFFUSION, EMPHYSEMA, FIBROSIS, HERNIA,
    INFILTRATION, LUNG_OPACITY, MASS, NODULE, PLEURAL_THICKENING, PNEUMONIA, PNEUMOTHORAX,
};
use base::words::zoo as words;

/// The system.
pub static SYSTEM: Classifier = Classifier { card: &CARD, family: Family::DenseNet121 };

static CARD: Card = Card {
    id: "xrv-densenet121-res224-all",
    aliases: &["densenet121-res224-all"],
    name: words::densenet_name(words::Trained::All),
    survey_row: "torchxrayvision",
    task: Task::Classification,
    accepts: Accepts::FRONTAL_CHEST,
    input: grey(224),
    before: &grey_steps(224),
    after: SCORES,
    labels: &ALL,
    thresholds: &THRESHOLDS,
    ppv80: &PPV80,
    weights: densenet_file(
        &[
            "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
        ],
        "https://github.com/mlmed/torchxrayvision/releases/download/v1/nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    ),
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: EVIDENCE,
    intended_use: words::CLASSIFIER_USE,
    limits: words::CLASSIFIER_LIMITS,
    paper: "Cohen et al., On the limits of cross-domain generalization in automated X-ray prediction, \
            MIDL 2020, arXiv:2002.02497",
};

/// `torchxrayvision.models.model_urls["all"]["op_threshs"]`.
#[rustfmt::skip]
static THRESHOLDS: [Option<f32>; 18] = points([
    0.07422872, 0.038290843, 0.09814756, 0.0098118475, 0.023601074, 0.0022490358, 0.010060724,
    0.103246614, 0.056810737, 0.026791653, 0.050318155, 0.023985857, 0.01939503, 0.042889766,
    0.053369623, 0.035975814, 0.20204692, 0.05015312,
]);

/// `torchxrayvision.models.model_urls["all"]["ppv80_thres"]`.
#[rustfmt::skip]
static PPV80: [Option<f32>; 18] = points([
    0.72715247, 0.8885005, 0.92493945, 0.6527224, 0.68707734, 0.46127197, 0.7272054, 0.6127343,
    0.9878492, 0.61979693, 0.66309816, 0.7853459, 0.930661, 0.93645346, 0.6788558, 0.6547198,
    0.61614525, 0.8489876,
]);

#[rustfmt::skip]
static EVIDENCE: &[Evidence] = &[
    auc("NIH ChestX-ray14", &ATELECTASIS, 0.76),
    auc("NIH ChestX-ray14", &CARDIOMEGALY, 0.88),
    auc("NIH ChestX-ray14", &CONSOLIDATION, 0.77),
    auc("NIH ChestX-ray14", &EDEMA, 0.85),
    auc("NIH ChestX-ray14", &EFFUSION, 0.85),
    auc("NIH ChestX-ray14", &EMPHYSEMA, 0.73),
    auc("NIH ChestX-ray14", &FIBROSIS, 0.72),
    auc("NIH ChestX-ray14", &HERNIA, 0.91),
    auc("NIH ChestX-ray14", &INFILTRATION, 0.68),
    auc("NIH ChestX-ray14", &MASS, 0.80),
    auc("NIH ChestX-ray14", &NODULE, 0.69),
    auc("NIH ChestX-ray14", &PLEURAL_THICKENING, 0.74),
    auc("NIH ChestX-ray14", &PNEUMONIA, 0.71),
    auc("NIH ChestX-ray14", &PNEUMOTHORAX, 0.75),
    auc("CheXpert", &ATELECTASIS, 0.91),
    auc("CheXpert", &CARDIOMEGALY, 0.91),
    auc("CheXpert", &CONSOLIDATION, 0.90),
    auc("CheXpert", &EDEMA, 0.92),
    auc("CheXpert", &EFFUSION, 0.94),
    auc("RSNA", &LUNG_OPACITY, 0.88),
    auc("RSNA", &PNEUMONIA, 0.86),
    auc("MIMIC-CXR (CheXpert labels)", &ATELECTASIS, 0.88),
    auc("MIMIC-CXR (CheXpert labels)", &CARDIOMEGALY, 0.88),
    auc("MIMIC-CXR (CheXpert labels)", &CONSOLIDATION, 0.91),
    auc("MIMIC-CXR (CheXpert labels)", &EDEMA, 0.92),
    auc("MIMIC-CXR (CheXpert labels)", &EFFUSION, 0.92),
];
