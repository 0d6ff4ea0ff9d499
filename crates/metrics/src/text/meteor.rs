//! METEOR as Lavie and Agarwal define it (2007, "METEOR: An Automatic Metric for MT Evaluation with High
//! Levels of Correlation with Human Judgments"), in the way NLTK's `meteor_score` computes it: words
//! are aligned by form, then by stem, then by synonym; of several places the last one free.
//!
//! It is not the METEOR 1.5 of coco-caption, whose numbers need its own tables of paraphrases and
//! function words and other weights; the two cannot be compared.

use super::porter::stem;
use crate::parallel;
use std::collections::{BTreeMap, BTreeSet};

/// Weight of recall: α, section 2 of the paper.
const ALPHA: f64 = 0.9;
/// Steepness of the penalty for pieces: β.
const BETA: f64 = 3.0;
/// Most that pieces cost: γ.
const GAMMA: f64 = 0.5;

/// Words that may stand for others.
pub trait Synonyms: Sync {
    /// Those of a word, in which the word itself need not be.
    fn of(&self, word: &str) -> BTreeSet<String>;
}

/// METEOR of every case: a prediction and its references, cut into words. The best reference counts; 0
/// where no word is matched. Without `synonyms` words are matched by form and stem alone.
pub fn meteor(
    cases: &[(Vec<String>, Vec<Vec<String>>)],
    synonyms: Option<&dyn Synonyms>,
    threads: usize,
) -> Vec<f64> {
    parallel::map(cases.len(), threads, |case| {
        let (predicted, references) = &cases[case];
        let one = |reference: &Vec<String>| single(predicted, reference, synonyms);
        references.iter().map(one).fold(0.0, f64::max)
    })
}

/// A word with its place in the text.
type Placed = (usize, String);

fn single(predicted: &[String], reference: &[String], synonyms: Option<&dyn Synonyms>) -> f64 {
    let placed = |words: &[String]| -> Vec<Placed> {
        words.iter().map(|word| word.to_lowercase()).enumerate().collect()
    };
    let (mut own, mut theirs) = (placed(predicted), placed(reference));
    let mut matches = aligned(&mut own, &mut theirs, |word| BTreeSet::from([word.to_owned()]));
    for (_, word) in own.iter_mut().chain(&mut theirs) {
        *word = stem(word);
    }
    matches.extend(aligned(&mut own, &mut theirs, |word| BTreeSet::from([word.to_owned()])));
    if let Some(synonyms) = synonyms {
        matches.extend(aligned(&mut own, &mut theirs, |word| {
            let mut words = synonyms.of(word);
            words.insert(word.to_owned());
            words
        }));
    }
    if matches.is_empty() {
        return 0.0;
    }
    matches.sort_unstable();
    let count = matches.len() as f64;
    let (precision, recall) = (count / predicted.len() as f64, count / reference.len() as f64);
    let mean = precision * recall / (ALPHA * precision + (1.0 - ALPHA) * recall);
    let breaks =
        matches.windows(2).filter(|pair| (pair[1].0, pair[1].1) != (pair[0].0 + 1, pair[0].1 + 1));
    let pieces = 1 + breaks.count();
    (1.0 - GAMMA * (pieces as f64 / count).powf(BETA)) * mean
}

/// Matches from the end of the prediction, each word with the last free one of the reference that is
/// among its forms; what was matched leaves both lists.
fn aligned(
    own: &mut Vec<Placed>,
    theirs: &mut Vec<Placed>,
    forms: impl Fn(&str) -> BTreeSet<String>,
) -> Vec<(usize, usize)> {
    let mut free: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, word) in theirs.iter() {
        free.entry(word).or_default().push(*place);
    }
    let mut matches = Vec::new();
    for (place, word) in own.iter().rev() {
        let forms = forms(word);
        let last =
            |form: &String| free.get(form.as_str())?.last().map(|place| (*place, form.clone()));
        if let Some((best, form)) = forms.iter().filter_map(last).max() {
            if let Some(places) = free.get_mut(form.as_str()) {
                places.pop();
            }
            matches.push((*place, best));
        }
    }
    own.retain(|(place, _)| matches.iter().all(|(own, _)| own != place));
    let matched: BTreeSet<usize> = matches.iter().map(|(_, theirs)| *theirs).collect();
    theirs.retain(|(place, _)| !matched.contains(place));
    matches
}
