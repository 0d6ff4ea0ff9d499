//! Bundles that find things and give boxes around them: MONAI's `RetinaNetDetector`, as the published one for
//! nodules of the lung.
//!
//! Reference: `monai/apps/detection` and the published bundle's `scripts/detection_inferer.py`.

mod boxes;
mod heads;
mod plan;
mod reader;

pub(super) use plan::{Plan, is_asked};
pub use reader::Reader;
