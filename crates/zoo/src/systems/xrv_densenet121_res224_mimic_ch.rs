//! DenseNet121 of TorchXRayVision trained on MIMIC-CXR with CheXpert labels; 11 of its 18 heads are trained.

use super::xrv::{
    CHEXPERT_LABELS, Classifier, Family, SCORES, densenet_file, grey, grey_steps, points,
};
use crate::card::{Accepts, Card, Task};
use base::words::zoo as words;

/// The system.
pub static SYSTEM: Classifier = Classifier { card: &CARD, family: Family::DenseNet121 };

static CARD: Card = Card {
    id: "xrv-densenet121-res224-mimic-ch",
    aliases: &["densenet121-res224-mimic_ch"],
    name: words::densenet_name(words::Trained::MimicCheXpert),
    survey_row: "mimic-cxr-baseline",
    task: Task::Classification,
    accepts: Accepts::FRONTAL_CHEST,
    input: grey(224),
    before: &grey_steps(224),
    after: SCORES,
    labels: &CHEXPERT_LABELS,
    thresholds: &THRESHOLDS,
    ppv80: &[],
    weights: densenet_file(
        &["mimic_ch-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"],
        "https://github.com/mlmed/torchxrayvision/releases/download/v1/mimic_ch-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    ),
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: &[],
    intended_use: words::CLASSIFIER_USE,
    limits: words::CLASSIFIER_LIMITS,
    paper: "Cohen et al., On the limits of cross-domain generalization in automated X-ray prediction, \
            MIDL 2020, arXiv:2002.02497",
};

/// `torchxrayvision.models.model_urls["mimic_ch"]["op_threshs"]`.
#[rustfmt::skip]
static THRESHOLDS: [Option<f32>; 18] = points([
    0.09121389, 0.010573786, f32::NAN, 0.005023008, 0.003698257, f32::NAN, f32::NAN, 0.08001232,
    0.037242252, f32::NAN, 0.05006329, f32::NAN, f32::NAN, f32::NAN, 0.019866971, 0.03823637,
    0.11303808, 0.0069147074,
]);
