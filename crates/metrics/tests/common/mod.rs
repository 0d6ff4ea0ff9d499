//! Fixtures of the reference implementations, and what counts as equal.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use serde_json::Value as Json;

/// A fixture by its file name.
pub fn fixture(name: &str) -> Json {
    let path = testkit::project_root().join("crates/metrics/tests/fixtures").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Numbers of a list.
pub fn floats(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

/// Whole numbers of a list.
pub fn whole(json: &Json) -> Vec<u32> {
    json.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect()
}

/// Zeros and ones of a list.
pub fn truths(json: &Json) -> Vec<bool> {
    whole(json).into_iter().map(|x| x == 1).collect()
}

/// Equal within a relative (or absolute, below one) error.
#[track_caller]
pub fn near(what: &str, got: f64, expected: f64, tolerance: f64) {
    let off = (got - expected).abs();
    let equal = got == expected || off <= tolerance * expected.abs().max(1.0);
    assert!(equal, "{what}: {got} is not {expected}");
}

/// Equal to a number of the fixture; a missing number means that the value must be undefined.
#[track_caller]
pub fn same(what: &str, got: metrics::Value, expected: &Json, tolerance: f64) {
    match (got, expected.as_f64()) {
        (Ok(got), Some(expected)) => near(what, got, expected, tolerance),
        (Err(_), None) => {}
        (got, expected) => panic!("{what}: {got:?} is not {expected:?}"),
    }
}
