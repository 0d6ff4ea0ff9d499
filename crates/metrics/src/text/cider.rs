//! CIDEr-D (Vedantam et al. 2015) as coco-caption computes it: document frequencies of the references
//! under test, clipped counts, a Gaussian penalty on length, times ten.

use super::Corpus;
use super::ngrams::{Counted, LONGEST, Runs};
use crate::parallel;

/// Width of the penalty on differing lengths.
const SIGMA: f64 = 6.0;

/// CIDEr-D of every case.
///
/// Numbers of two test sets cannot be compared: rare runs of words weigh by how rare they are in this
/// set's references. With a single case every weight is 0, and so is the score.
pub fn cider_d(corpus: &Corpus, threads: usize) -> Vec<f64> {
    let mut runs = Runs::default();
    let predicted: Vec<_> = corpus.predicted.iter().map(|words| runs.of(words)).collect();
    let references: Vec<Vec<[Counted; LONGEST]>> = corpus
        .references
        .iter()
        .map(|references| references.iter().map(|words| runs.of(words)).collect())
        .collect();
    // In how many cases each run occurs in a reference.
    let mut frequency = vec![0u32; runs.len()];
    let mut last = vec![u32::MAX; runs.len()];
    for (case, references) in references.iter().enumerate() {
        for (run, _) in references.iter().flatten().flatten() {
            if last[*run as usize] != case as u32 {
                last[*run as usize] = case as u32;
                frequency[*run as usize] += 1;
            }
        }
    }
    let cases = (corpus.len() as f64).ln();
    let rarity: Vec<f64> =
        frequency.iter().map(|count| cases - f64::from((*count).max(1)).ln()).collect();
    parallel::map(corpus.len(), threads, |case| {
        let own = Weighted::new(&predicted[case], &rarity);
        let of = references[case].iter().map(|reference| {
            let theirs = Weighted::new(reference, &rarity);
            own.likeness(&theirs)
        });
        let sum: f64 = of.sum();
        10.0 * sum / (LONGEST * references[case].len().max(1)) as f64
    })
}

/// Runs of a text weighted by rarity.
struct Weighted {
    runs: [Vec<(u32, f64)>; LONGEST],
    norms: [f64; LONGEST],
    /// The reference takes the number of word pairs for the length.
    pairs: f64,
}

impl Weighted {
    fn new(counted: &[Counted; LONGEST], rarity: &[f64]) -> Weighted {
        let weigh = |(run, times): &(u32, u32)| (*run, f64::from(*times) * rarity[*run as usize]);
        let runs: [Vec<(u32, f64)>; LONGEST] =
            std::array::from_fn(|n| counted[n].iter().map(weigh).collect());
        let norms = std::array::from_fn(|n| {
            runs[n].iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt()
        });
        let pairs = counted[1].iter().map(|(_, times)| f64::from(*times)).sum();
        Weighted { runs, norms, pairs }
    }

    fn likeness(&self, other: &Weighted) -> f64 {
        let apart = self.pairs - other.pairs;
        let penalty = (-(apart * apart) / (2.0 * SIGMA * SIGMA)).exp();
        (0..LONGEST)
            .map(|n| {
                let (mut sum, mut at) = (0.0, 0);
                let theirs = &other.runs[n];
                for (run, weight) in &self.runs[n] {
                    while theirs.get(at).is_some_and(|(other, _)| other < run) {
                        at += 1;
                    }
                    if let Some((_, other)) = theirs.get(at).filter(|(other, _)| other == run) {
                        sum += weight.min(*other) * other;
                    }
                }
                let norm = self.norms[n] * other.norms[n];
                if norm != 0.0 { sum / norm * penalty } else { sum * penalty }
            })
            .sum()
    }
}
