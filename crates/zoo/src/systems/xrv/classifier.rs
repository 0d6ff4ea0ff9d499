//! A TorchXRayVision classifier: network, then sigmoid, then the scaling by operating points.

use crate::arch::{densenet, resnet};
use crate::card::Card;
use crate::steps;
use crate::system::{Answer, Head, Prepared, System};
use base::words::zoo as words;
use base::{Code, Note, Result};
use engine::Tensor;
use engine::graph::{Builder, Value};
use engine::weights::Scope;
use imaging::Study;

const LABELS: usize = 18;

/// Which network a classifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// DenseNet-121 of one channel.
    DenseNet121,
    /// torchvision's ResNet-50 with one input channel.
    ResNet50,
}

/// A classifier of TorchXRayVision; the card holds labels and operating points.
pub struct Classifier {
    /// Its card.
    pub card: &'static Card<'static>,
    /// Its network.
    pub family: Family,
}

impl System for Classifier {
    fn card(&self) -> Card<'_> {
        self.card.clone()
    }

    fn network(&self, b: &mut Builder, s: &Scope) -> engine::Result<Vec<(&'static str, Value)>> {
        let x = b.input("image", &self.card.input.shape);
        let (logits, features) = match self.family {
            Family::DenseNet121 => densenet::classifier(b, s, x, &densenet::DENSENET121, LABELS)?,
            Family::ResNet50 => resnet::classifier(b, s, x, &resnet::RESNET50, LABELS)?,
        };
        Ok(vec![("logits", logits), ("features", features)])
    }

    fn left_over(&self) -> &'static [&'static str] {
        // The operating points are in the card; some files carry a copy.
        &["*num_batches_tracked", "op_threshs"]
    }

    fn head(&self) -> Option<Head> {
        let (weight, channels) = match self.family {
            Family::DenseNet121 => ("classifier.weight", 1024),
            Family::ResNet50 => ("fc.weight", 2048),
        };
        Some(Head { weight, labels: LABELS, channels, features: 1 })
    }

    fn interpret(&self, outputs: &[Tensor], _: &Prepared, _: &Study) -> Result<Answer> {
        let logits = outputs.first().map_or(&[][..], Tensor::data);
        let mut answer = steps::findings(self.card, logits)?;
        answer.notes.push(Note::info("score-meaning", words::SCORE_MEANING));
        Ok(answer)
    }
}

impl Classifier {
    /// Row, finding and score of each head that was trained and has an operating point; the score
    /// is scaled so that the operating point lies at 0.5.
    pub fn scores(&self, logits: &[f32]) -> Vec<(usize, &'static Code, f32)> {
        let card = self.card;
        let found = steps::scores(card.after, card.labels, card.thresholds, logits);
        found.into_iter().map(|found| (found.row, found.code, found.score)).collect()
    }
}
