//! Uncertainty and comparison: resampling by patient, paired tests, rankings.

mod bootstrap;
mod holm;
mod paired;
mod permutation;
mod ranking;

pub use bootstrap::{Bootstrapped, Method, Units, bca, percentile};
pub use holm::holm;
pub use paired::{
    HodgesLehmann, McNemar, NonInferiority, Wilcoxon, hodges_lehmann, mcnemar, non_inferiority,
    wilcoxon, wilcoxon_greater,
};
pub use permutation::{SignFlip, sign_flip, swap_test};
pub use ranking::{
    Better, RankStability, Ranking, Way, aggregate_then_rank, by_unit, kendall_tau, rank_stability,
    rank_then_aggregate, stability, test_then_rank,
};
