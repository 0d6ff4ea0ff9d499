//! Networks as graphs: built by an ordinary function over a [`Builder`] and a scope of weights,
//! with concrete shapes `[N, C, (D,) (H,) W]`.

mod builder;
mod interpret;
mod layers;
mod op;
mod params;
mod stored;

pub use builder::Builder;
pub(crate) use builder::axes;
pub use kernels::Activation;
pub use op::{ChannelAffine, Graph, Measured, Node, Op, PlainConv, Value};
pub use params::{Conv, ConvTranspose, Window};
pub use stored::Stored;
pub(crate) use stored::{Levels, Sums};
