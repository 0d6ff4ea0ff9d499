//! Weights made on the spot, for trying the program without a download.

use crate::system::System;
use engine::weights::{Scope, synth};

/// How much the head listens to the features: little enough that no score runs into 0 or 1, much
/// enough that another film gives other scores.
const HEARING: f32 = 0.01;
/// Scores lie up to this far from the operating point at 0.5.
const REACH: f32 = 0.42;

/// Deterministic weights for a system. The last layer is quietened and its bias puts the scores
/// here and there around the operating points, elsewhere for each system: raw random weights would
/// drive every sigmoid to its end, and a report of zeros and ones shows nothing of a report.
pub(crate) fn scope(system: &dyn System) -> Scope {
    let Some(head) = system.head() else { return Scope::recording() };
    let card = system.card();
    let (id, thresholds) = (card.id.to_owned(), card.thresholds.to_vec());
    let bias = head.weight.replace(".weight", ".bias");
    Scope::recording_with(move |name, shape| {
        if name != head.weight && name != bias {
            return synth::fill(name, shape);
        }
        let mut values = synth::fill(&format!("{id}.{name}"), shape);
        if name == head.weight {
            values.iter_mut().for_each(|value| *value *= HEARING);
        } else {
            for (at, value) in values.iter_mut().enumerate() {
                let point = thresholds.get(at).copied().flatten().unwrap_or(0.5);
                // The generator's biases are uniform in ±0.1.
                let p = before_scaling(0.5 + *value * 10.0 * REACH, point);
                *value = (p / (1.0 - p)).ln();
            }
        }
        values
    })
}

/// The sigmoid's output that [`crate::steps::op_norm`] takes to `score`.
fn before_scaling(score: f32, point: f32) -> f32 {
    if score < 0.5 { score * 2.0 * point } else { 1.0 - (1.0 - score) * 2.0 * (1.0 - point) }
}
