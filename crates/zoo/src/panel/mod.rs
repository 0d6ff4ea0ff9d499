//! Several models on one case: which cases fit, how well the models agree, what speaks against
//! trusting them.

pub mod explain;
pub mod frontal;
pub mod gate;
pub mod opinion;

pub use opinion::opinion;
