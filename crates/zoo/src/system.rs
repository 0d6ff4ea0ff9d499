//! What a system has to say about itself to be run.

use crate::card::Card;
use crate::steps;
use base::{Finding, Measurement, Note, OutOfDomain, Rect, Result, Segment};
use engine::Tensor;
use engine::graph::{Builder, Value};
use engine::weights::Scope;
use imaging::Study;

/// A study as a network takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The network's inputs, in the order of its `input` calls.
    pub tensors: Vec<Tensor>,
    /// The part of the original image that the network sees.
    pub covers: Rect,
    /// What happened on the way.
    pub notes: Vec<Note>,
}

/// What a system makes of its network's outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Findings in the model's order.
    pub findings: Vec<Finding>,
    /// For each finding the row of the output it came from.
    pub rows: Vec<usize>,
    /// Structures.
    pub segments: Vec<Segment>,
    /// Numbers.
    pub values: Vec<Measurement>,
    /// Signs that the case is unlike the training data.
    pub out_of_domain: Vec<OutOfDomain>,
    /// Remarks.
    pub notes: Vec<Note>,
}

/// A linear layer on globally averaged features: what Grad-CAM needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Name of the layer's weight `[labels][channels]` in the checkpoint.
    pub weight: &'static str,
    /// Rows: outputs.
    pub labels: usize,
    /// Columns: channels of the feature map.
    pub channels: usize,
    /// Index among the outputs of [`System::network`] of the feature map that is averaged,
    /// `[1][channels][rows][columns]`.
    pub features: usize,
}

/// One system. Implemented by the static of each file in `systems/`, and by a user's own folder
/// ([`crate::folder::Folder`]).
pub trait System: Send + Sync {
    /// Its card.
    fn card(&self) -> Card<'_>;

    /// Builds the network; the outputs by name, in the order in which `interpret` gets them.
    fn network(&self, b: &mut Builder, s: &Scope) -> engine::Result<Vec<(&'static str, Value)>>;

    /// Tensors that the published file holds and the network does not use, as globs.
    fn left_over(&self) -> &'static [&'static str] {
        &["*num_batches_tracked"]
    }

    /// The linear head, for networks that end in one.
    fn head(&self) -> Option<Head> {
        None
    }

    /// The ordinal grade among its values (0, 1, 2, …), by its identifier.
    fn grade(&self) -> Option<&'static str> {
        None
    }

    /// Weights that are part of the program, the bytes of a safetensors file.
    fn own_weights(&self) -> Option<&'static [u8]> {
        None
    }

    /// The network's input from a study: the card's steps, in order. Errors when the study has no
    /// image or it cannot be decoded.
    fn prepare(&self, study: &Study) -> Result<Prepared> {
        steps::prepare(self.card().before, study)
    }

    /// The network's inputs, where they are more than what was prepared: made of it at every run, so
    /// that what is hidden in an explanation is hidden in them, too.
    fn inputs(&self, _prepared: &[Tensor]) -> Option<Vec<Tensor>> {
        None
    }

    /// What the outputs mean.
    fn interpret(&self, outputs: &[Tensor], prepared: &Prepared, study: &Study) -> Result<Answer>;
}
