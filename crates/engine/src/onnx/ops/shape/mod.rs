//! Operations on shapes and positions: they move, pick, repeat, order or reduce values.
//!
//! ```text
//! axes      Reshape Flatten Squeeze Unsqueeze Shape Size      layout    Transpose Expand DepthToSpace SpaceToDepth
//! slice     Slice Split                                       concat    Concat
//! pad       Pad Tile CenterCropPad                            fill      ConstantOfShape Range EyeLike Trilu OneHot, windows
//! gather    Gather* Compress                                  scatter   Scatter* TensorScatter
//! reduce    Reduce*                                           order     ArgMax ArgMin TopK
//! unique    Unique NonZero                                    reverse   ReverseSequence
//! col2im    Col2Im                                            text      String* TfIdfVectorizer
//! labels    ArrayFeatureExtractor Binarizer LabelEncoder
//! ```
//! `view` copies any strided view, `remap` any choice of positions axis by axis, `typed` reaches the
//! values of every type; the operations are written on these.

pub(super) mod axes;
pub(super) mod col2im;
pub(super) mod concat;
pub(super) mod fill;
pub(super) mod gather;
pub(super) mod labels;
pub(super) mod layout;
pub(super) mod order;
pub(super) mod pad;
pub(super) mod reduce;
mod remap;
pub(super) mod reverse;
pub(super) mod scatter;
pub(super) mod slice;
mod sums;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod typed;
pub(super) mod unique;
mod view;

pub(super) use concat::{join, stack};
pub(super) use slice::part;
