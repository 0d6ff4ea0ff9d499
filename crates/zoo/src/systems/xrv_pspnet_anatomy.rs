//! The PSPNet of TorchXRayVision's `baseline_models.chestx_det`: outlines of 14 structures.

use super::xrv::{SQUARE, resize};
use crate::arch::pspnet::pspnet;
use crate::card::{Accepts, Card, InputSpec, Task, WeightsFile};
use crate::steps::{After, Back, Span, Step, normalized};
use crate::system::{Answer, Prepared, System};
use base::words::findings::{
    AORTA, DIAPHRAGM, ESOPHAGUS, HEART, LEFT_CLAVICLE, LEFT_HILUM, LEFT_LUNG, LEFT_SCAPULA,
    MEDIASTINUM, RIGHT_CLAVICLE, RIGHT_HILUM, RIGHT_LUNG, RIGHT_SCAPULA, SPINE,
};
use base::words::zoo as words;
use base::{Code, Result};
use engine::Tensor;
use engine::graph::{Builder, Value};
use engine::weights::Scope;
use imaging::Study;

mod outlines;

const SIDE: usize = 512;

/// The system.
pub static SYSTEM: PspnetAnatomy = PspnetAnatomy;

/// See the module.
pub struct PspnetAnatomy;

static CARD: Card = Card {
    id: "xrv-pspnet-anatomy",
    aliases: &["chestx-det-pspnet"],
    name: words::PSPNET_NAME,
    survey_row: "torchxrayvision",
    task: Task::Segmentation,
    accepts: Accepts::FRONTAL_CHEST,
    input: InputSpec { shape: [1, 3, SIDE, SIDE], range: None },
    before: &BEFORE,
    after: &[After::ResizeBack(Back::TorchBilinear), After::Sigmoid, After::Above(0.5)],
    labels: &LABELS,
    thresholds: &[],
    ppv80: &[],
    weights: WeightsFile {
        file_names: &["pspnet_chestxray_best_model_4.pth"],
        url: "https://github.com/mlmed/torchxrayvision/releases/download/v1/pspnet_chestxray_best_model_4.pth",
        bytes: None,
        sha256: None,
        container: "pytorch-state-dict",
        signature: &[
            ("convbnrelu1_1.cbr_unit.0.weight", &[64, 3, 3, 3]),
            ("cbr_final.cbr_unit.0.weight", &[512, 4096, 3, 3]),
            ("classification.weight", &[14, 512, 1, 1]),
        ],
    },
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: &[],
    intended_use: words::ANATOMY_USE,
    limits: words::ANATOMY_LIMITS,
    paper: "Lian et al., A Structure-Aware Relation Network for Thoracic Diseases Detection and \
            Segmentation, IEEE TMI 2021, arXiv:2104.10326",
};

/// ImageNet's, of red, green, blue (`torchvision.transforms.Normalize` in the original).
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// The library's square at 512 pixels; -1024..=1024 to 0..=1, three times, normalised.
static BEFORE: [Step; 9] = {
    let [values, channel, invert, scale, square] = SQUARE;
    let unit = Step::Scale { from: Span::Fixed(-1024.0, 1024.0), to: (0.0, 1.0), clip: false };
    let normalize = Step::Normalize { mean: MEAN, deviation: DEVIATION };
    [values, channel, invert, scale, square, resize(SIDE), unit, Step::Rgb, normalize]
};

/// `PSPNet.targets`; "Facies Diaphragmatica" and "Weasand" there are the diaphragm and the
/// oesophagus.
static LABELS: [Option<&Code>; 14] = [
    Some(&LEFT_CLAVICLE),
    Some(&RIGHT_CLAVICLE),
    Some(&LEFT_SCAPULA),
    Some(&RIGHT_SCAPULA),
    Some(&LEFT_LUNG),
    Some(&RIGHT_LUNG),
    Some(&LEFT_HILUM),
    Some(&RIGHT_HILUM),
    Some(&HEART),
    Some(&AORTA),
    Some(&DIAPHRAGM),
    Some(&MEDIASTINUM),
    Some(&ESOPHAGUS),
    Some(&SPINE),
];

impl System for PspnetAnatomy {
    fn card(&self) -> Card<'_> {
        CARD.clone()
    }

    fn network(&self, b: &mut Builder, s: &Scope) -> engine::Result<Vec<(&'static str, Value)>> {
        let x = b.input("image", &CARD.input.shape);
        let (logits, _) = pspnet(b, s, x, LABELS.len())?;
        Ok(vec![("logits", logits)])
    }

    fn left_over(&self) -> &'static [&'static str] {
        // The auxiliary branch serves the training only; `paths` repeats `path_module_list`.
        &["*num_batches_tracked", "convbnrelu4_aux.*", "aux_cls.*", "pyramid_pooling.paths.*"]
    }

    fn interpret(&self, outputs: &[Tensor], prepared: &Prepared, study: &Study) -> Result<Answer> {
        let logits = outputs.first().map_or(&[][..], Tensor::data);
        outlines::interpret(&CARD, logits, SIDE, prepared, study)
    }
}

/// The three channels from a plane in -1024..=1024: the last steps of the card.
pub fn three_channels(grey: &[f32]) -> Vec<f32> {
    let scaled: Vec<f32> = grey.iter().map(|&value| (value + 1024.0) / 2048.0).collect();
    normalized(scaled.repeat(3), grey.len(), MEAN, DEVIATION)
}
