//! Report metrics against pycocoevalcap, labels against scikit-learn.
#![allow(clippy::unwrap_used)]

mod common;

use common::{fixture, floats, near, same};
use metrics::Undefined;
use metrics::text::{
    BleuCounts, Corpus, LabelPolicy, Mention, Synonyms, Tokens, bleu_counts, cider_d, label_f1,
    meteor, rouge_l, stem, tokens,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

fn corpus(set: &Json, how: Tokens) -> Corpus {
    let pairs = set["pairs"].as_array().unwrap();
    let text = |json: &'_ Json| -> String { json.as_str().unwrap().to_owned() };
    let owned: Vec<(String, Vec<String>)> = pairs
        .iter()
        .map(|pair| (text(&pair[0]), pair[1].as_array().unwrap().iter().map(text).collect()))
        .collect();
    let cases = owned
        .iter()
        .map(|(own, refs)| (own.as_str(), refs.iter().map(String::as_str).collect::<Vec<_>>()));
    Corpus::new(cases, how)
}

#[test]
fn captions_are_scored_as_pycocoevalcap_scores_them() {
    let all = fixture("texts.json");
    for (name, how) in [
        ("space", Tokens::Space),
        ("ptb", Tokens::Ptb),
        ("two_references", Tokens::Space),
        ("characters", Tokens::Characters),
    ] {
        let set = &all["sets"][name];
        let corpus = corpus(set, how);
        for (n, value) in corpus.bleu().into_iter().enumerate() {
            same(name, value, &set["bleu"][n], 1e-12);
        }
        for (counts, expected) in
            bleu_counts(&corpus).iter().zip(set["bleu_cases"].as_array().unwrap())
        {
            counts.bleu().iter().zip(floats(expected)).for_each(|(a, b)| near(name, *a, b, 1e-9));
        }
        for (metric, found) in [("rouge", rouge_l(&corpus, 2)), ("cider", cider_d(&corpus, 2))] {
            let expected = floats(&set[format!("{metric}_cases")]);
            found.iter().zip(expected).for_each(|(a, b)| near(name, *a, b, 1e-12));
            let mean = metrics::stats::mean(&found).unwrap();
            near(name, mean, set[metric].as_f64().unwrap(), 1e-12);
        }
        assert_eq!(cider_d(&corpus, 1), cider_d(&corpus, 2));
    }
}

#[test]
fn texts_are_cut_as_coco_caption_cuts_them() {
    for pair in fixture("texts.json")["ptb"].as_array().unwrap() {
        let text = pair[0].as_str().unwrap();
        let expected: Vec<&str> =
            pair[1].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(tokens(text, Tokens::Ptb), expected, "{text}");
    }
}

#[test]
fn texts_without_words_score_nothing() {
    let empty =
        Corpus::new([("", vec!["no change"]), ("no change", vec!["no change"])], Tokens::Ptb);
    assert_eq!(rouge_l(&empty, 1)[0], 0.0);
    assert_eq!(cider_d(&empty, 1)[0], 0.0);
    assert!(bleu_counts(&empty)[0].bleu()[0] < 1e-9);
    let none = Corpus::new([], Tokens::Ptb);
    assert_eq!(none.bleu()[0], Err(Undefined::NoCases));
    assert_eq!(BleuCounts::default().length, 0);
    // One case: every run of words is in every reference, so none tells anything.
    assert_eq!(cider_d(&Corpus::new([("a b", vec!["a b"])], Tokens::Space), 1), [0.0]);
}

#[test]
fn label_f1_is_scikit_learns_under_each_policy() {
    let all = fixture("texts.json");
    let labels = &all["labels"];
    let read = |side: &str| -> Vec<Vec<Mention>> {
        let mention = |cell: &Json| match cell.as_i64() {
            Some(1) => Mention::Positive,
            Some(0) => Mention::Negative,
            Some(_) => Mention::Uncertain,
            None => Mention::Blank,
        };
        let rows = labels[side].as_array().unwrap();
        rows.iter().map(|row| row.as_array().unwrap().iter().map(mention).collect()).collect()
    };
    let (predicted, reference) = (read("predicted"), read("reference"));
    for (name, policy) in
        [("positive", LabelPolicy::UncertainPositive), ("negative", LabelPolicy::UncertainNegative)]
    {
        let found = label_f1(&predicted, &reference, policy);
        let expected = |key: &str| labels[name][key].as_f64().unwrap();
        near(name, found.micro.unwrap(), expected("micro"), 1e-13);
        near(name, found.macro_average.unwrap(), expected("macro"), 1e-13);
        near(name, found.weighted.unwrap(), expected("weighted"), 1e-13);
        near(name, found.exact_match.unwrap(), expected("accuracy"), 1e-13);
    }
    let ignored = label_f1(&predicted, &reference, LabelPolicy::UncertainIgnored);
    assert!(ignored.exact_match.is_err());
    let judged: u64 = ignored.counts.iter().map(|counts| counts.total()).sum();
    let certain = predicted.iter().flatten().zip(reference.iter().flatten());
    let certain = certain.filter(|(a, b)| **a != Mention::Uncertain && **b != Mention::Uncertain);
    assert_eq!(judged, certain.count() as u64);
}

#[test]
fn any_text_can_be_cut() {
    let parts = [
        "a", "n't", "'", "’", ".", "3", "-", "/", "<", ">", "(", "http://", "_", "é", "肺", " ",
        "U.S.", "½", "&", "#",
    ];
    for seed in 0..3000 {
        let mut random = metrics::random::Random::new(11, seed);
        let text: String =
            (0..random.below(25)).map(|_| parts[random.below(parts.len())]).collect();
        for how in [Tokens::Ptb, Tokens::Space, Tokens::Characters] {
            assert!(tokens(&text, how).iter().all(|word| !word.is_empty()), "{text}");
        }
    }
}

#[test]
fn meteor_is_nltks_without_synonyms() {
    let all = fixture("meteor.json");
    let words = |json: &Json| -> Vec<String> {
        json.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    for (word, expected) in
        all["stems"].as_array().unwrap().iter().map(|pair| (pair[0].as_str(), pair[1].as_str()))
    {
        assert_eq!(Some(stem(word.unwrap()).as_str()), expected, "{word:?}");
    }
    for name in ["words", "characters"] {
        let set = all["sets"][name].as_array().unwrap();
        let cases: Vec<(Vec<String>, Vec<Vec<String>>)> = set
            .iter()
            .map(|case| {
                let references = case["references"].as_array().unwrap();
                (words(&case["predicted"]), references.iter().map(words).collect())
            })
            .collect();
        let found = meteor(&cases, None, 2);
        for (found, case) in found.iter().zip(set) {
            near(name, *found, case["meteor"].as_f64().unwrap(), 1e-12);
        }
        assert!(found.iter().any(|value| *value > 0.5));
    }
}

#[test]
fn synonyms_are_the_last_stage_of_meteor() {
    struct Two;
    impl Synonyms for Two {
        fn of(&self, word: &str) -> BTreeSet<String> {
            let known = ["larg", "big"].map(str::to_owned);
            if word == "larg" { BTreeSet::from(known) } else { BTreeSet::new() }
        }
    }
    let cut = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let cases = [(cut("large effusion"), vec![cut("big effusions")])];
    // One of two words, one piece: F is 1/2, half of it the price of a piece a word.
    near("without", meteor(&cases, None, 1)[0], 0.25, 1e-12);
    // Both, in one piece.
    near("with", meteor(&cases, Some(&Two), 1)[0], 1.0 - 0.5 / 8.0, 1e-12);
    assert_eq!(meteor(&[(vec![], vec![cut("a")])], None, 1), [0.0]);
}
