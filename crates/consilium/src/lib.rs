//! The use cases, as a library over a [`World`], and the command line in front of them.

pub mod bench;
pub mod cli;
pub mod datasets;
pub mod demo;
pub mod doctor;
pub mod evaluate;
pub mod infer;
pub mod inspect;
pub mod leaderboard;
pub mod machine;
pub mod models;
pub mod npy;
pub mod read;
pub mod score;
pub mod segment;
pub mod tune;
pub mod weights;
mod world;

pub use world::{Disk, World, rfc3339};
