//! The judge: what predictions are worth, with intervals, and how models compare.
//!
//! It knows no model and touches no file. Every metric is held to the field's reference
//! implementation on stored fixtures (`tests/`); what has no value is an [`Undefined`] with a name,
//! never a number that looks fine. Random numbers depend on the seed alone, results not on the number
//! of threads.

pub mod calibration;
pub mod classification;
pub mod compare;
pub mod detection;
pub mod parallel;
pub mod random;
pub mod regression;
pub mod segmentation;
pub mod stats;
pub mod text;
mod undefined;

pub use undefined::{BadRows, Fault, Interval, Undefined, Value};
