//! See ARCHITECTURE.md.

pub mod resample;
