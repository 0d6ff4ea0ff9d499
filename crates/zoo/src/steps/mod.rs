//! The declared steps between a study and a network's input ([`Step`]), and between its output and
//! an answer ([`After`]). A system lists them in its card; they are carried out here and nowhere
//! else, for published systems and for a user's own model folders alike.
//!
//! Before: [`prepare`] takes each step in order. Values are `f32`, planar
//! `[channels][rows][columns]`. Steps of intensity, geometry and channels stand in one file each.
//! After: [`findings`], [`outlines`] and [`values`].

mod after;
mod answer;
mod geometry;
mod intensity;
mod layout;
mod masks;
mod placement;
mod step;
mod work;

pub(crate) use after::softmax;
pub use after::{After, AfterScore, Back, op_norm, scores, values};
pub use answer::{findings, outlines};
pub(crate) use geometry::resize_plane;
pub(crate) use intensity::normalized;
pub use masks::{Grid, masks};
pub(crate) use placement::walk;
pub use placement::{Placement, placement};
pub use step::{About, Extent, Fill, Side, Source, Span, Step};
pub use work::{Work, needs_spacing, prepare, run};
