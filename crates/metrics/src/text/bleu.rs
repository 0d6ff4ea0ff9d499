//! BLEU (Papineni et al. 2002) as coco-caption computes it.

use super::Corpus;
use super::ngrams::{LONGEST, Runs};
use crate::{Undefined, Value};

/// What one prediction adds to the corpus's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BleuCounts {
    /// Runs of 1 to 4 words that occur in a reference, each no more often than there.
    pub correct: [u64; LONGEST],
    /// Runs of 1 to 4 words.
    pub runs: [u64; LONGEST],
    /// Words of the prediction.
    pub length: u64,
    /// Words of the reference closest in length, of two the shorter.
    pub reference_length: u64,
}

/// BLEU-1 to BLEU-4.
pub type Bleu = [f64; LONGEST];

impl BleuCounts {
    /// Adds another's counts `times` times.
    pub fn add(&mut self, other: &BleuCounts, times: u64) {
        for n in 0..LONGEST {
            self.correct[n] += times * other.correct[n];
            self.runs[n] += times * other.runs[n];
        }
        self.length += times * other.length;
        self.reference_length += times * other.reference_length;
    }

    /// BLEU-1 to BLEU-4 of these counts. The tiny numbers are the reference's, against division by
    /// zero; they are no smoothing.
    pub fn bleu(&self) -> Bleu {
        let (tiny, small) = (1e-15, 1e-9);
        let mut product = 1.0;
        let ratio = (self.length as f64 + tiny) / (self.reference_length as f64 + small);
        let penalty = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
        std::array::from_fn(|n| {
            product *= (self.correct[n] as f64 + tiny) / (self.runs[n] as f64 + small);
            product.powf(1.0 / (n as f64 + 1.0)) * penalty
        })
    }
}

/// The counts of every case; their sum gives the corpus's BLEU.
pub fn bleu_counts(corpus: &Corpus) -> Vec<BleuCounts> {
    let mut runs = Runs::default();
    let cases = corpus.predicted.iter().zip(&corpus.references);
    cases
        .map(|(predicted, references)| {
            let own = runs.of(predicted);
            let theirs: Vec<_> = references.iter().map(|words| runs.of(words)).collect();
            let length = predicted.len();
            let closest = references
                .iter()
                .map(|words| (words.len().abs_diff(length), words.len()))
                .min()
                .map_or(0, |(_, length)| length);
            let mut counts = BleuCounts {
                length: length as u64,
                reference_length: closest as u64,
                ..BleuCounts::default()
            };
            for n in 0..LONGEST {
                counts.runs[n] = length.saturating_sub(n) as u64;
                for (run, times) in &own[n] {
                    let most = theirs.iter().map(|reference| {
                        let place = reference[n].binary_search_by_key(run, |entry| entry.0);
                        place.map_or(0, |at| reference[n][at].1)
                    });
                    counts.correct[n] += u64::from(most.max().unwrap_or(0).min(*times));
                }
            }
            counts
        })
        .collect()
}

impl Corpus {
    /// BLEU-1 to BLEU-4 of the corpus; undefined without cases.
    pub fn bleu(&self) -> [Value; LONGEST] {
        let mut sum = BleuCounts::default();
        bleu_counts(self).iter().for_each(|counts| sum.add(counts, 1));
        sum.bleu().map(|value| if self.is_empty() { Err(Undefined::NoCases) } else { Ok(value) })
    }
}
