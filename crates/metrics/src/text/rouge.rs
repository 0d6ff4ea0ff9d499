//! ROUGE-L (Lin 2004) as coco-caption computes it: the longest common subsequence of words, β 1.2.

use super::Corpus;
use crate::parallel;

/// Weight of recall over precision.
const BETA: f64 = 1.2;

/// ROUGE-L of every case; precision and recall each take the best reference. 0 where one side has no
/// word.
pub fn rouge_l(corpus: &Corpus, threads: usize) -> Vec<f64> {
    parallel::map(corpus.len(), threads, |case| {
        let own = &corpus.predicted[case];
        let (mut precision, mut recall) = (0.0f64, 0.0f64);
        for reference in &corpus.references[case] {
            let common = longest_common(own, reference) as f64;
            if common > 0.0 {
                precision = precision.max(common / own.len() as f64);
                recall = recall.max(common / reference.len() as f64);
            }
        }
        if precision == 0.0 || recall == 0.0 {
            return 0.0;
        }
        (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision)
    })
}

fn longest_common(a: &[u32], b: &[u32]) -> usize {
    let mut row = vec![0usize; b.len() + 1];
    for x in a {
        let mut before = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { before + 1 } else { above.max(row[at]) };
            before = above;
        }
    }
    row[b.len()]
}
