//! Every text a user sees, English beside Chinese, one file per room.
//!
//! Chinese follows the usage of radiology reports in mainland China. A text with values in it is a
//! function; a text without is a constant.

/// Declares texts: documentation, name, English, Chinese; and `ALL` of them. `const` where the
/// text is moved into errors and notes, `static` where it is borrowed.
macro_rules! texts {
    ($kind:tt: $($(#[$doc:meta])* $name:ident = $en:literal, $zh:literal;)*) => {
        $($(#[$doc])* pub $kind $name: $crate::Text = $crate::Text::fixed($en, $zh);)*
        /// All of them.
        pub static ALL: &[&$crate::Text] = &[$(&$name),*];
    };
}

pub mod bench;
pub mod bone_density;
pub mod bundle;
pub mod catalogue;
pub mod cli;
pub mod consilium_brain;
pub mod consilium_knee;
pub mod datasets;
pub mod deepbrain;
pub mod demo;
pub mod doctor;
pub mod evaluate;
pub mod findings;
pub mod fit;
pub mod hd_bet;
pub mod imaging;
pub mod infer;
pub mod judge;
pub mod leaderboard;
pub mod lungmask;
pub mod meshnet;
mod metric_names;
pub mod nnunet;
pub mod oai_analysis;
pub mod own;
pub mod panel;
pub mod regions;
pub mod report;
pub mod resample;
pub mod score;
pub mod seg;
pub mod segmentation;
pub mod series;
pub mod spineps;
pub mod structures;
pub mod synthseg;
pub mod totalsegmentator;
pub mod totalspineseg;
pub mod tune;
pub mod volume_systems;
pub mod volumes;
pub mod weights;
pub mod zoo;
