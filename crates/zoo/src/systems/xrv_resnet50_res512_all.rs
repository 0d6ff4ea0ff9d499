//! ResNet50 of TorchXRayVision at 512 pixels, trained on PadChest, NIH, RSNA, SIIM and VinDr; 16 of
//! its 18 heads have an operating point.

use super::xrv::{Classifier, Family, PAPER, RESNET_LABELS, SCORES, auc, grey, grey_steps, points};
use crate::card::{Accepts, Card, Evidence, Task, WeightsFile};
use base::words::findings::{
    ATELECTASIS, CARDIOMEGALY, CONSOLIDATION, EDEMA, EFFUSION, EMPHYSEMA, FIBROSIS, HERNIA,
    INFILTRATION, LUNG_OPACITY, MASS, NODULE, PLEURAL_THICKENING, PNEUMONIA, PNEUMOTHORAX,
};
use base::words::zoo as words;

/// The system.
pub static SYSTEM: Classifier = Classifier { card: &CARD, family: Family::ResNet50 };

static CARD: Card = Card {
    id: "xrv-resnet50-res512-all",
    aliases: &["resnet50-res512-all"],
    name: words::RESNET50_NAME,
    survey_row: "torchxrayvision",
    task: Task::Classification,
    accepts: Accepts::FRONTAL_CHEST,
    input: grey(512),
    before: &grey_steps(512),
    after: SCORES,
    labels: &RESNET_LABELS,
    thresholds: &THRESHOLDS,
    ppv80: &PPV80,
    weights: WeightsFile {
        file_names: &["pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt"],
        url: "https://github.com/mlmed/torchxrayvision/releases/download/v1/pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
        bytes: None,
        sha256: None,
        container: "pytorch-state-dict",
        signature: &[
            ("conv1.weight", &[64, 1, 7, 7]),
            ("layer3.5.conv2.weight", &[256, 256, 3, 3]),
            ("fc.weight", &[18, 2048]),
        ],
    },
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: EVIDENCE,
    intended_use: words::CLASSIFIER_USE,
    limits: words::CLASSIFIER_LIMITS,
    paper: PAPER,
};

/// `torchxrayvision.models.model_urls["resnet50-res512-all"]["op_threshs"]`.
#[rustfmt::skip]
static THRESHOLDS: [Option<f32>; 18] = points([
    0.51570356, 0.50444704, 0.53787947, 0.50723547, 0.5025118, 0.5035252, 0.5038076, 0.51862943,
    0.5078151, 0.50724894, 0.5056339, 0.510706, 0.5053923, 0.5020846, f32::NAN, 0.5080557,
    0.5138526, f32::NAN,
]);

/// `torchxrayvision.models.model_urls["resnet50-res512-all"]["ppv80_thres"]`.
#[rustfmt::skip]
static PPV80: [Option<f32>; 18] = points([
    0.690908, 0.720028, 0.7303882, 0.7235838, 0.6787441, 0.7304924, 0.73105824, 0.6839408,
    0.7241559, 0.7219969, 0.6346738, 0.72764945, 0.7285066, 0.5735704, f32::NAN, 0.69684714,
    0.7135549, f32::NAN,
]);

#[rustfmt::skip]
static EVIDENCE: &[Evidence] = &[
    auc("NIH ChestX-ray14", &ATELECTASIS, 0.78),
    auc("NIH ChestX-ray14", &CARDIOMEGALY, 0.90),
    auc("NIH ChestX-ray14", &CONSOLIDATION, 0.78),
    auc("NIH ChestX-ray14", &EDEMA, 0.89),
    auc("NIH ChestX-ray14", &EFFUSION, 0.86),
    auc("NIH ChestX-ray14", &EMPHYSEMA, 0.88),
    auc("NIH ChestX-ray14", &FIBROSIS, 0.76),
    auc("NIH ChestX-ray14", &HERNIA, 0.92),
    auc("NIH ChestX-ray14", &INFILTRATION, 0.69),
    auc("NIH ChestX-ray14", &MASS, 0.82),
    auc("NIH ChestX-ray14", &NODULE, 0.76),
    auc("NIH ChestX-ray14", &PLEURAL_THICKENING, 0.76),
    auc("NIH ChestX-ray14", &PNEUMONIA, 0.71),
    auc("NIH ChestX-ray14", &PNEUMOTHORAX, 0.84),
    auc("CheXpert", &ATELECTASIS, 0.63),
    auc("CheXpert", &CARDIOMEGALY, 0.84),
    auc("CheXpert", &CONSOLIDATION, 0.74),
    auc("CheXpert", &EDEMA, 0.79),
    auc("CheXpert", &EFFUSION, 0.81),
    auc("RSNA", &LUNG_OPACITY, 0.85),
    auc("RSNA", &PNEUMONIA, 0.87),
];
