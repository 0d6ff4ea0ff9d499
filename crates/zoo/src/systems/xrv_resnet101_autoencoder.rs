//! TorchXRayVision's ResNet101 autoencoder ("101-elastic"): how badly an image is rebuilt is a sign
//! of how unlike the training data it is.

use super::xrv::{grey, grey_steps};
use crate::arch::resnet_autoencoder::resnet_autoencoder;
use crate::card::{Accepts, Card, Task, WeightsFile};
use crate::system::{Answer, Prepared, System};
use base::words::zoo as words;
use base::{Error, Kind, Measurement, OutOfDomain, Result};
use engine::Tensor;
use engine::graph::{Builder, Value};
use engine::weights::Scope;
use imaging::Study;

/// The system.
pub static SYSTEM: Autoencoder = Autoencoder;

/// See the module.
pub struct Autoencoder;

static CARD: Card = Card {
    id: "xrv-resnet101-autoencoder",
    aliases: &["101-elastic"],
    name: words::AUTOENCODER_NAME,
    survey_row: "torchxrayvision",
    task: Task::Reconstruction,
    accepts: Accepts::FRONTAL_CHEST,
    input: grey(224),
    before: &grey_steps(224),
    after: &[],
    labels: &[],
    thresholds: &[],
    ppv80: &[],
    weights: WeightsFile {
        file_names: &["nihpcrsnamimic_ch-resnet101-2-ae-test2-elastic-e250.pt"],
        url: "https://github.com/mlmed/torchxrayvision/releases/download/v1/nihpcrsnamimic_ch-resnet101-2-ae-test2-elastic-e250.pt",
        bytes: None,
        sha256: None,
        container: "pytorch-state-dict",
        signature: &[
            ("conv1.weight", &[64, 1, 7, 7]),
            ("uplayer1.1.conv2.weight", &[128, 128, 3, 3]),
            ("conv1_1.weight", &[64, 1, 1, 1]),
        ],
    },
    code_licence: "Apache-2.0",
    weights_licence: words::XRV_WEIGHTS_LICENCE,
    evidence: &[],
    intended_use: words::AUTOENCODER_USE,
    limits: words::AUTOENCODER_LIMITS,
    paper: "Cohen et al., Gifsplanation via Latent Shift, MIDL 2021, arXiv:2102.09475",
};

impl System for Autoencoder {
    fn card(&self) -> Card<'_> {
        CARD.clone()
    }

    fn network(&self, b: &mut Builder, s: &Scope) -> engine::Result<Vec<(&'static str, Value)>> {
        let x = b.input("image", &CARD.input.shape);
        let (code, image) = resnet_autoencoder(b, s, x)?;
        Ok(vec![("image", image), ("code", code)])
    }

    fn interpret(&self, outputs: &[Tensor], prepared: &Prepared, _: &Study) -> Result<Answer> {
        let values = |tensors: &[Tensor]| tensors.first().map_or(vec![], |t| t.data().to_vec());
        let error = reconstruction_error(&values(&prepared.tensors), &values(outputs));
        if !error.is_finite() {
            return Err(Error::new(Kind::BrokenInput, words::not_a_number(CARD.id)));
        }
        let mut answer = Answer::default();
        answer.values.push(Measurement {
            id: "reconstruction-error",
            name: words::RECONSTRUCTION_NAME,
            value: error,
            unit: "1",
            interval: None,
        });
        answer.out_of_domain.push(OutOfDomain {
            score: error as f32,
            threshold: None,
            method: words::RECONSTRUCTION_METHOD,
        });
        Ok(answer)
    }
}

/// Mean absolute difference as a share of the value range, 2048.
pub fn reconstruction_error(image: &[f32], rebuilt: &[f32]) -> f64 {
    let sum: f64 =
        image.iter().zip(rebuilt).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum();
    sum / image.len().max(1) as f64 / 2048.0
}
