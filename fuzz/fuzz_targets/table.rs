//! Any bytes are a table of even rows with unique ids, or an error in both languages.
#![no_main]

use consilium::score::table;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| match table::parse(Path::new("t.csv"), bytes) {
    Ok(found) => {
        assert!(found.rows.iter().all(|row| row.cells.len() == found.header.len()));
        assert!(found.rows.iter().all(|row| !row.id().is_empty()));
    }
    Err(error) => assert!(!error.what().en().is_empty() && !error.what().zh().is_empty()),
});
