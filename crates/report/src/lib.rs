//! A consultation as `result.json`, as one self-contained page, as pictures and as lines of text,
//! in English and Chinese. Values in, bytes out: no file is read or written here.

mod artifacts;
pub mod contour;
pub mod html;
pub mod json;
pub mod number;
pub mod pictures;
pub mod text;
pub mod volume;
mod wire;

pub use artifacts::Artifacts;
pub use json::schema;
