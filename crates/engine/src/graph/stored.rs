//! Weights of a layer as a graph holds them: what the file stores, shared with it, and what a folded norm does to it. They become the
//! numbers a kernel reads when it packs them.

use crate::array::Data;
use crate::tensor::Tensor;
use kernels::{Bytes, ConvShape, ConvTransposeShape, Weights};
use std::borrow::Cow;
use std::sync::Arc;

/// Weights in the order their operation names.
#[derive(Clone, Debug)]
pub struct Stored {
    numbers: Numbers,
    /// One for each out channel, applied last.
    factor: Option<Arc<Vec<f32>>>,
}

#[derive(Clone, Debug)]
enum Numbers {
    Floats(Arc<Tensor>),
    /// Shared with the file's arrays.
    Values(Arc<Vec<f32>>),
    Levels(Arc<Levels>),
}

/// Quantised weights, as [`kernels::Levels`].
#[derive(Debug)]
pub(crate) struct Levels {
    /// Of eight bits.
    pub levels: Data,
    /// `[out][stretches of its sum]`.
    pub scale: Vec<f32>,
    /// Likewise.
    pub zero: Vec<f32>,
    /// Terms of a sum that share a scale.
    pub stretch: usize,
}

/// To which sum each weight belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sums {
    /// `[out][terms]`
    Rows { terms: usize },
    /// `[in][out/groups][taps]`, so many in and out channels in each group.
    Transposed { ins: usize, outs: usize, taps: usize },
}

impl From<&ConvShape> for Sums {
    fn from(shape: &ConvShape) -> Sums {
        Sums::Rows { terms: shape.weight_len() / shape.out_channels.max(1) }
    }
}

impl From<&ConvTransposeShape> for Sums {
    fn from(shape: &ConvTransposeShape) -> Sums {
        let groups = shape.groups.max(1);
        let (ins, outs) = (shape.in_channels / groups, shape.out_channels / groups);
        Sums::Transposed { ins, outs, taps: shape.kernel.iter().product() }
    }
}

impl Sums {
    /// The out channel and the term of a weight.
    fn place(self, index: usize) -> [usize; 2] {
        match self {
            Sums::Rows { terms } => [index / terms.max(1), index % terms.max(1)],
            Sums::Transposed { ins, outs, taps } => {
                let group = index / (ins * outs * taps).max(1);
                [group * outs + index / taps.max(1) % outs.max(1), 0]
            }
        }
    }

    fn terms(self) -> usize {
        match self {
            Sums::Rows { terms } => terms,
            Sums::Transposed { .. } => 1,
        }
    }
}

impl From<Arc<Tensor>> for Stored {
    fn from(tensor: Arc<Tensor>) -> Stored {
        Stored { numbers: Numbers::Floats(tensor), factor: None }
    }
}

impl From<Arc<Vec<f32>>> for Stored {
    fn from(values: Arc<Vec<f32>>) -> Stored {
        Stored { numbers: Numbers::Values(values), factor: None }
    }
}

impl From<Levels> for Stored {
    fn from(levels: Levels) -> Stored {
        Stored { numbers: Numbers::Levels(Arc::new(levels)), factor: None }
    }
}

impl Stored {
    /// Number of weights.
    pub fn len(&self) -> usize {
        self.weights().len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        let tables = match &self.numbers {
            Numbers::Floats(_) | Numbers::Values(_) => 3 * self.len(),
            Numbers::Levels(levels) => 4 * (levels.scale.len() + levels.zero.len()),
        };
        (self.len() + tables) as u64
    }

    /// As a kernel packs them.
    pub(crate) fn weights(&self) -> Weights<'_> {
        let numbers = match &self.numbers {
            Numbers::Floats(tensor) => kernels::Numbers::Floats(tensor.data()),
            Numbers::Values(values) => kernels::Numbers::Floats(values),
            Numbers::Levels(levels) => kernels::Numbers::Levels(kernels::Levels {
                levels: match &levels.levels {
                    Data::I8(levels) => Bytes::Signed(levels),
                    Data::U8(levels) => Bytes::Unsigned(levels),
                    // `onnx/levels.rs` makes no others.
                    _ => Bytes::Unsigned(&[]),
                },
                scale: &levels.scale,
                zero: &levels.zero,
                stretch: levels.stretch,
            }),
        };
        Weights { numbers, factor: self.factor.as_ref().map(|factor| factor.as_slice()) }
    }

    /// All of them as floats.
    pub(crate) fn floats(&self, sums: Sums) -> Cow<'_, [f32]> {
        self.weights().floats(sums.terms(), |index| sums.place(index))
    }

    /// Multiplies the weights of each out channel. The numbers stay as they are stored: floats that are half-precision numbers can so be
    /// packed as such.
    pub(crate) fn fold(&mut self, factor: &Arc<Vec<f32>>, sums: Sums) {
        if self.factor.is_some() {
            // Two roundings, one after another.
            self.numbers = Numbers::Values(Arc::new(self.floats(sums).into_owned()));
        }
        self.factor = Some(Arc::clone(factor));
    }
}
