//! DenseNet121 of TorchXRayVision trained on NIH ChestX-ray14; 14 of its 18 heads are trained.

use super::xrv::{Classifier, Family, NIH_LABELS, SCORES, densenet_file, grey, grey_steps, points};
use crate::card::{Accepts, Card, Task};
use base::words::zoo as words;

/// The system.
pub static SYSTEM: Classifier = Classifier { card: &CARD, family: Family::DenseNet121 };

static CARD: Card = Card {
    id: "xrv-densenet121-res224-nih",
    aliases: &["densenet121-res224-nih"],
    name: words::densenet_name(words::Trained::Nih),
    survey_row: "torchxrayvision",
    task: Task::Classification,
    accepts: Accepts::FRONTAL_CHEST,
    input: grey(224),
    before: &grey_steps(224),
    after: SCORES,
    labels: &NIH_LABELS,
    thresholds: &THRESHOLDS,
    ppv80: &[],
    weights: densenet_file(
        &["nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"],
        "https://github.com/mlmed/torchxrayvision/releases/download/v1/nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    ),
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: &[],
    intended_use: words::CLASSIFIER_USE,
    limits: words::CLASSIFIER_LIMITS,
    paper: "Cohen et al., On the limits of cross-domain generalization in automated X-ray prediction, \
            MIDL 2020, arXiv:2002.02497",
};

/// `torchxrayvision.models.model_urls["nih"]["op_threshs"]`.
#[rustfmt::skip]
static THRESHOLDS: [Option<f32>; 18] = points([
    0.039117552, 0.0034529066, 0.11396341, 0.0057298196, 0.00045666535, 0.0018880932,
    0.012037827, 0.038744126, 0.0037213727, 0.014730946, 0.016149804, 0.054241467, 0.037198864,
    0.0004403434, f32::NAN, f32::NAN, f32::NAN, f32::NAN,
]);
