//! DenseNet121 of TorchXRayVision trained on PadChest; 15 of its 18 heads are trained.

use super::xrv::{
    Classifier, Family, PADCHEST_LABELS, SCORES, densenet_file, grey, grey_steps, points,
};
use crate::card::{Accepts, Card, Task};
use base::words::zoo as words;

/// The system.
pub static SYSTEM: Classifier = Classifier { card: &CARD, family: Family::DenseNet121 };

static CARD: Card = Card {
    id: "xrv-densenet121-res224-pc",
    aliases: &["densenet121-res224-pc"],
    name: words::densenet_name(words::Trained::PadChest),
    survey_row: "torchxrayvision",
    task: Task::Classification,
    accepts: Accepts::FRONTAL_CHEST,
    input: grey(224),
    before: &grey_steps(224),
    after: SCORES,
    labels: &PADCHEST_LABELS,
    thresholds: &THRESHOLDS,
    ppv80: &[],
    weights: densenet_file(
        &["pc-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"],
        "https://github.com/mlmed/torchxrayvision/releases/download/v1/pc-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
    ),
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: &[],
    intended_use: words::CLASSIFIER_USE,
    limits: words::CLASSIFIER_LIMITS,
    paper: "Cohen et al., On the limits of cross-domain generalization in automated X-ray prediction, \
            MIDL 2020, arXiv:2002.02497",
};

/// `torchxrayvision.models.model_urls["pc"]["op_threshs"]`.
#[rustfmt::skip]
static THRESHOLDS: [Option<f32>; 18] = points([
    0.031012505, 0.013347598, 0.081435576, 0.001262615, 0.002587246, 0.0035944257, 0.0023071,
    0.055412333, 0.044385884, 0.042766232, 0.043258056, 0.037629247, 0.005658899, 0.0091741895,
    f32::NAN, 0.026507627, f32::NAN, f32::NAN,
]);
