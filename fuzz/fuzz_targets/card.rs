//! Any text given as a model card ends in problems or in a card, never a crash; a card that is
//! accepted has steps that lead to the promised size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (card, problems) = zoo::folder::parse(text);
    for problem in &problems {
        assert!(!problem.text.en().is_empty() && !problem.text.zh().is_empty());
    }
    if let Some(card) = card {
        assert!(problems.iter().all(|problem| problem.warning));
        assert!(!card.labels.codes.is_empty() && !card.before.is_empty());
    }
});
