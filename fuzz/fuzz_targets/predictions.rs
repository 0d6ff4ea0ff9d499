//! Any text taken as predictions and truth (tables of scores, values, grades, texts or labels, boxes as COCO
//! writes them) ends in numbers, each finite or with the reason why there is none, or in an error in both
//! languages.
#![no_main]

use consilium::score::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match parsers::case(text) {
    Some(Ok(outcome)) => {
        let groups = outcome.blocks.iter().flat_map(|block| &block.subgroups);
        let blocks = outcome.blocks.iter().chain(groups.map(|(_, block)| block));
        for row in outcome.overall.iter().chain(blocks.flat_map(|block| &block.rows)) {
            assert!(row.value.is_err() || row.value.is_ok_and(f64::is_finite));
            if let Some(Ok(ends)) = row.interval {
                assert!(ends.low <= ends.high && ends.high.is_finite());
            }
        }
        let _ = (outcome.to_json(), outcome.to_csv());
    }
    Some(Err(error)) => assert!(!error.what().en().is_empty() && !error.what().zh().is_empty()),
    None => {}
});
