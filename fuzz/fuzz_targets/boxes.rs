//! Any bytes taken as boxes in YOLO's, Pascal VOC's or COCO's form, or as runs of a mask, end in boxes with
//! finite corners or in an error in both languages.
#![no_main]

use consilium::datasets::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for parse in [parsers::yolo, parsers::voc, parsers::coco] {
        match parse(bytes) {
            Ok(marks) => assert!(marks.iter().flat_map(|m| m.corner_size).all(f64::is_finite)),
            Err(error) => {
                assert!(!error.what().en().is_empty() && !error.what().zh().is_empty());
            }
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some(runs) = parsers::runs(&text) {
        // Runs follow each other.
        assert!(runs.windows(2).all(|pair| pair[0][0] + pair[0][1] <= pair[1][0]));
    }
    let _ = (parsers::names(&text), parsers::yaml(bytes), parsers::gunzip(bytes));
});
