//! DenseNet121 of TorchXRayVision trained on the RSNA Pneumonia Challenge; 2 of its 18 heads are trained.

use super::xrv::{
    Classifier, Family, RSNA_LABELS, SCORES, densenet_file, grey, grey_steps, points,
};
use crate::card::{Accepts, Card, Task};
use base::words::zoo as words;

/// The system.
pub static SYSTEM: Classifier = Classifier { card: &CARD, family: Family::DenseNet121 };

static CARD: Card = Card {
    id: "xrv-densenet121-res224-rsna",
    aliases: &["densenet121-res224-rsna"],
    name: words::densenet_name(words::Trained::Rsna),
    survey_row: "torchxrayvision",
    task: Task::Classification,
    accepts: Accepts::FRONTAL_CHEST,
    input: grey(224),
    before: &grey_steps(224),
    after: SCORES,
    labels: &RSNA_LABELS,
    thresholds: &THRESHOLDS,
    ppv80: &[],
    weights: densenet_file(
        &["kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"],
        "https://github.com/mlmed/torchxrayvision/releases/download/v1/kaggle-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    ),
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: &[],
    intended_use: words::CLASSIFIER_USE,
    limits: words::CLASSIFIER_LIMITS,
    paper: "Cohen et al., On the limits of cross-domain generalization in automated X-ray prediction, \
            MIDL 2020, arXiv:2002.02497",
};

/// `torchxrayvision.models.model_urls["rsna"]["op_threshs"]`.
#[rustfmt::skip]
static THRESHOLDS: [Option<f32>; 18] = points([
    f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, 0.13486601,
    f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, f32::NAN, 0.13511065, f32::NAN,
]);
