//! A TorchXRayVision classifier: network, then sigmoid, then the scaling by operating points.

use super::prepare;
use crate::arch::{densenet, resnet};
use crate::card::Card;
use crate::system::{Answer, Head, Prepared, System};
use base::words::zoo as words;
use base::{Code, Error, Finding, Kind, Note, Result};
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
    pub card: &'static Card,
    /// Its network.
    pub family: Family,
}

impl System for Classifier {
    fn card(&self) -> &'static Card {
        self.card
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

    fn prepare(&self, study: &Study) -> Result<Prepared> {
        prepare::grey(study, &self.card.input)
    }

    fn interpret(&self, outputs: &[Tensor], _: &Prepared, _: &Study) -> Result<Answer> {
        let mut answer = Answer::default();
        let logits = outputs.first().map_or(&[][..], Tensor::data);
        for (row, code, score) in self.scores(logits) {
            if !score.is_finite() {
                return Err(Error::new(Kind::BrokenInput, words::not_a_number(self.card.id)));
            }
            answer.rows.push(row);
            answer.findings.push(Finding {
                code,
                score,
                calibrated: false,
                interval: None,
                threshold: Some(0.5),
                side: None,
                site: None,
            });
        }
        answer.notes.push(Note::info("score-meaning", words::SCORE_MEANING));
        Ok(answer)
    }
}

impl Classifier {
    /// Row, finding and score of each head that was trained and has an operating point; the score
    /// is scaled so that the operating point lies at 0.5.
    pub fn scores(&self, logits: &[f32]) -> Vec<(usize, &'static Code, f32)> {
        let points = self.card.labels.iter().zip(self.card.thresholds);
        let rows = logits.iter().zip(points).enumerate();
        rows.filter_map(|(row, (&logit, (&label, &threshold)))| {
            Some((row, label?, op_norm(sigmoid(logit), threshold?)))
        })
        .collect()
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Scales a sigmoid's output so that `threshold` becomes 0.5: two straight lines through (0, 0),
/// (threshold, 0.5) and (1, 1). `torchxrayvision.models.op_norm`.
pub fn op_norm(p: f32, threshold: f32) -> f32 {
    if p < threshold { p / (threshold * 2.0) } else { 1.0 - (1.0 - p) / ((1.0 - threshold) * 2.0) }
}
