//! Boxes and lesions found against those that are there.

mod assignment;
mod coco;
mod froc;
mod picai;

pub use coco::{BySize, CocoSummary, Detections, FoundBox, Matches, TrueBox, overlap};
pub use froc::{CPM_RATES, Froc, froc};
pub use picai::{Candidates, LesionCase, PicaiScore, candidates, match_lesions, picai_score};
