//! Any text given as a file of the catalogue ends in problems or in an entry, never a crash.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(problems) = zoo::catalogue::entry(text, "deepbrain") {
        for problem in &problems {
            assert!(!problem.text.en().is_empty() && !problem.text.zh().is_empty());
        }
    }
    let _ = zoo::catalogue::log(text);
});
