//! Every text a user sees, English beside Chinese, one file per room.
//!
//! Chinese follows the usage of radiology reports in mainland China. A text with values in it is a
//! function; a text without is a constant.

pub mod cli;
pub mod findings;
pub mod imaging;
pub mod infer;
pub mod own;
pub mod panel;
pub mod report;
pub mod zoo;
