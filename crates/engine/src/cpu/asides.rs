//! What a convolution tells the norm after it: mean and variance of the channels it has just stored, so that the norm need not read them
//! all again.
//!
//! ```text
//! conv ──▶ value in the arena ──▶ norm
//!   └──▶ moments of each sample ────┘
//! ```

use super::Planned;
use super::step::Step;
use kernels::{Activation, Moments};
use std::sync::{Mutex, PoisonError};

/// A place for each node whose moments a norm asks for.
pub(super) struct Asides {
    places: Vec<Option<Mutex<Vec<Option<Moments>>>>>,
}

impl Asides {
    /// Places for the convolutions without activation that an instance or group norm reads.
    pub fn new(nodes: &[Planned]) -> Asides {
        let mut places: Vec<_> = nodes.iter().map(|_| None).collect();
        for node in nodes {
            let (Step::GroupNorm { .. } | Step::NormScale { .. }) = node.step else { continue };
            let Some(&source) = node.inputs.first() else { continue };
            if let Step::Conv { activation: Activation::Identity, .. } = nodes[source].step {
                places[source] = Some(Mutex::new(Vec::new()));
            }
        }
        Asides { places }
    }

    /// Runs a convolution for a sample, which is told whether its moments are wanted, and keeps them.
    pub fn tell(&self, node: usize, sample: usize, run: impl FnOnce(bool) -> Option<Moments>) {
        let Some(place) = &self.places[node] else {
            run(false);
            return;
        };
        let moments = run(true);
        let mut samples = place.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() <= sample {
            samples.resize(sample + 1, None);
        }
        samples[sample] = moments;
    }

    /// The moments of a sample of a node's first input, if they are known.
    pub fn hear(&self, inputs: &[usize], sample: usize) -> Option<Moments> {
        let place = self.places[*inputs.first()?].as_ref()?;
        let samples = place.lock().unwrap_or_else(PoisonError::into_inner);
        samples.get(sample)?.clone()
    }
}
