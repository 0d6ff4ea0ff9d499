//! Resampling agrees with each reference library, case by case. `tools/reference/resampling.py`
//! writes the cases; real arrays are read from the test data by both sides.

#![allow(clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod cases;
mod grids;
mod pictures;
mod segmentation;
mod volumes;
