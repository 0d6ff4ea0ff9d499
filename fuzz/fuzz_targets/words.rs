//! Any text is cut into words without blanks, whatever the rules.
#![no_main]

use libfuzzer_sys::fuzz_target;
use metrics::text::{Tokens, tokens};

fuzz_target!(|text: &str| {
    for how in [Tokens::Ptb, Tokens::Space, Tokens::Characters] {
        assert!(tokens(text, how).iter().all(|word| !word.is_empty()));
    }
});
