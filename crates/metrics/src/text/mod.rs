//! Reports against reports: words in common, and labels read from them.
//!
//! The measures of image captioning as coco-caption defines them. They say how alike two texts are,
//! not whether the findings are right.

mod bleu;
mod cider;
mod labels;
mod meteor;
mod ngrams;
mod porter;
mod ptb;
mod rouge;
mod tokens;

pub use bleu::{Bleu, BleuCounts, bleu_counts};
pub use cider::cider_d;
pub use labels::{LabelF1, LabelPolicy, Mention, label_f1};
pub use meteor::{Synonyms, meteor};
pub use porter::stem;
pub use rouge::rouge_l;
pub use tokens::{Tokens, is_mostly_chinese, tokens};

use ngrams::Vocabulary;

/// Tokenised reports, words as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// One prediction a case.
    predicted: Vec<Vec<u32>>,
    /// The references of each case, at least one.
    references: Vec<Vec<Vec<u32>>>,
}

impl Corpus {
    /// Takes a prediction and its references for every case.
    pub fn new<'a>(
        cases: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>,
        how: Tokens,
    ) -> Corpus {
        let mut words = Vocabulary::default();
        let mut number = |text: &str| -> Vec<u32> {
            tokens(text, how).iter().map(|token| words.number(token)).collect()
        };
        let (mut predicted, mut references) = (Vec::new(), Vec::new());
        for (prediction, refs) in cases {
            predicted.push(number(prediction));
            references.push(refs.into_iter().map(&mut number).collect());
        }
        Corpus { predicted, references }
    }

    /// Number of cases.
    pub fn len(&self) -> usize {
        self.predicted.len()
    }

    /// Without any case.
    pub fn is_empty(&self) -> bool {
        self.predicted.is_empty()
    }
}
