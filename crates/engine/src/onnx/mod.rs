//! ONNX files: read, checked, planned and run.
//!
//! ```text
//! bytes ──wire, proto──▶ messages ──functions, order, import──▶ Graph ──session──▶ results
//! ```
//! [`Model`] is a file read and checked; [`Session`] runs it. `ops/` holds the operations, one table
//! of them all.

mod chain;
mod channels_last;
mod external;
mod facts;
mod functions;
mod fuse;
pub(crate) mod graph;
mod idioms;
mod import;
mod levels;
mod lower;
mod machine;
mod model;
mod ops;
mod order;
mod outline;
mod plan;
mod profile;
mod proto;
mod session;
mod tensor;

pub use external::Supplier;
pub use model::{Model, Port};
pub use ops::Value;
pub use proto::{Dim, Kind};
pub use session::{Named, PlanSummary, Session, SessionOptions};
pub use tensor::{read_tensor, read_value};

/// Every operation of the table, by domain (empty for the default set) and name.
pub fn operations() -> Vec<(&'static str, &'static str)> {
    ops::all().into_iter().map(|op| (op.domain, op.name)).collect()
}
