//! Weights that a file stores as eight-bit levels and turns into floats by a `DequantizeLinear`: left as they are where nothing but layers
//! reads them, which unpack them a panel at a time.
//!
//! ```text
//! levels (int8, uint8) ─ DequantizeLinear ─╮
//! x ───────────────────────────────────── Conv, ConvTranspose, Gemm, MatMul        four bytes a weight become one
//! ```
//! A scale holds for the whole tensor, for an out channel, or for a block along the sum (from version 21 of the operator set on); other
//! scales, and levels that anything else reads, become floats when the graph is planned. The weights are the same bits either way.

use super::graph::{Graph, Node, Slot};
use super::ops::{Known, MICROSOFT, ONNX};
use crate::array::{Array, DType, Data};
use crate::graph::{Levels, Stored};
use std::sync::Arc;

/// Levels below which floats are as well.
const FEW: usize = 1 << 12;

/// What a `DequantizeLinear` of stored values is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantised {
    levels: Array,
    scale: Array,
    zero: Option<Array>,
    /// The axis along which scales change.
    axis: usize,
    /// Places that share a scale; 0 where there are no blocks.
    block: usize,
}

/// How layers read each slot: `None` where anything else reads it, too.
pub(super) fn weight_axes(graph: &Graph) -> Vec<Option<Vec<usize>>> {
    let mut axes = vec![Some(Vec::new()); graph.names.len()];
    for node in &graph.nodes {
        for (input, slot) in node.inputs.iter().enumerate() {
            let Some(slot) = *slot else { continue };
            let axis = if input == 1 { out_axis(node) } else { None };
            match (&mut axes[slot], axis) {
                (Some(axes), Some(axis)) => axes.push(axis),
                (axes, _) => *axes = None,
            }
        }
        let captured = node.bodies.iter().flat_map(|(_, body)| &body.captures);
        captured.for_each(|(outer, _)| axes[*outer] = None);
    }
    graph.outputs.iter().for_each(|slot| axes[*slot] = None);
    axes
}

/// The axis of the out channels in the weights of a layer.
fn out_axis(node: &Node) -> Option<usize> {
    if node.op.domain != ONNX {
        return None;
    }
    match node.op.name {
        "Conv" => Some(0),
        "ConvTranspose" if node.attributes.int("group").unwrap_or(1) == 1 => Some(1),
        "Gemm" if node.attributes.flag("transB") => Some(0),
        "Gemm" | "MatMul" => Some(1),
        _ => None,
    }
}

impl Quantised {
    /// If `node` is a `DequantizeLinear` of stored values to 32-bit floats whose scales fit layers with these axes of out channels.
    pub fn of(node: &Node, inputs: &[Option<&Known>], axes: &[usize]) -> Option<Quantised> {
        if node.op.name != "DequantizeLinear" || ![ONNX, MICROSOFT].contains(&node.op.domain) {
            return None;
        }
        let stored = |at: usize| inputs.get(at).copied().flatten()?.value.as_ref();
        let (levels, scale) = (stored(0)?, stored(1)?);
        let zero = match inputs.get(2).copied().flatten() {
            Some(zero) => Some(zero.value.as_ref()?),
            None => None,
        };
        let bytes = match levels.dtype() {
            DType::I8 | DType::U8 => true,
            DType::Small(kind) => kind.is_integer(),
            _ => false,
        };
        let float = node.attributes.int("output_dtype").is_none_or(|to| to == 0);
        let alike = zero.is_none_or(|zero| zero.len() == scale.len());
        if !bytes || !float || !alike || scale.dtype() != DType::F32 || levels.len() < FEW {
            return None;
        }
        let rank = levels.rank();
        let axis = node.attributes.int("axis").unwrap_or(1);
        let axis = usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).ok()?;
        let block = match node.attributes.int("block_size").unwrap_or(0) {
            _ if scale.rank() <= 1 => 0,
            0 => levels.shape().get(axis)?.div_ceil((*scale.shape().get(axis)?).max(1)),
            block => usize::try_from(block).ok()?,
        };
        let (levels, scale) = (levels.clone(), scale.clone());
        let own = Quantised { levels, scale, zero: zero.cloned(), axis, block };
        let fits = !axes.is_empty() && axes.iter().all(|axis| own.tables(*axis).is_some());
        fits.then_some(own)
    }

    /// Scales and zero points, `[out][stretches]`, and the terms of a stretch, for weights whose out channels are an axis; `None` for
    /// scales that change otherwise.
    fn tables(&self, out_axis: usize) -> Option<(Vec<f32>, Vec<f32>, usize)> {
        let (shape, own) = (self.levels.shape(), self.scale.shape());
        let outs = *shape.get(out_axis)?;
        let scale = self.scale.to_f32();
        let zero = self.zero.as_ref().map_or_else(|| vec![0.0; scale.len()], Array::to_f32);
        match *own {
            [] | [1] => Some((vec![scale[0]; outs], vec![zero[0]; outs], usize::MAX)),
            [count] if self.axis == out_axis && count == outs => Some((scale, zero, usize::MAX)),
            [rows, columns] => {
                let along = 1 - out_axis.min(1);
                let blocks = shape[along].div_ceil(self.block.max(1));
                let mut wanted = [outs; 2];
                wanted[along] = blocks;
                let fits = shape.len() == 2 && self.axis == along && own == wanted;
                if !fits || self.block == 0 || blocks == 0 {
                    return None;
                }
                let ordered = |table: Vec<f32>| match out_axis {
                    0 => table,
                    _ => turned(&table, [rows, columns]),
                };
                Some((ordered(scale), ordered(zero), self.block))
            }
            _ => None,
        }
    }

    /// As weights in the order of the file, whose out channels are an axis.
    pub fn levels(&self, out_axis: usize) -> Option<Levels> {
        let (scale, zero, stretch) = self.tables(out_axis)?;
        let (levels, moved) = self.bytes();
        let zero = zero.into_iter().map(|zero| zero + moved).collect();
        Some(Levels { levels, scale, zero, stretch })
    }

    /// A matrix `[in, out]` as weights `[out, in]`.
    pub fn turned(&self) -> Option<Levels> {
        let &[rows, columns] = self.levels.shape() else { return None };
        let levels = self.levels(1)?;
        let turned = match &levels.levels {
            Data::I8(v) => Data::I8(Arc::new(turned(v, [rows, columns]))),
            Data::U8(v) => Data::U8(Arc::new(turned(v, [rows, columns]))),
            _ => return None,
        };
        Some(Levels { levels: turned, ..levels })
    }

    /// One byte a level, and what was added to make it one: smaller integers, which are whole numbers from −8 on.
    fn bytes(&self) -> (Data, f32) {
        match self.levels.data() {
            Data::Small(kind, codes) => {
                let byte = |code: &u8| (kind.decode(*code) + 8.0) as u8;
                (Data::U8(Arc::new(codes.iter().map(byte).collect())), 8.0)
            }
            other => (other.clone(), 0.0),
        }
    }
}

/// A matrix with rows and columns changed.
fn turned<T: Copy>(values: &[T], [rows, columns]: [usize; 2]) -> Vec<T> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

/// Weights of a layer, as the plan knows them.
pub(super) enum Weight<'a> {
    /// Floats.
    Floats(&'a Array),
    /// Levels.
    Levels(&'a Quantised),
}

/// The stored 32-bit floats of a slot, or the levels they are made of.
pub(super) fn stored(facts: &[Option<Known>], slot: Slot) -> Option<Weight<'_>> {
    let known = facts[slot].as_ref().filter(|known| known.dtype == DType::F32)?;
    match (&known.value, &known.levels) {
        (Some(array), _) => Some(Weight::Floats(array)),
        (None, Some(levels)) => Some(Weight::Levels(levels)),
        (None, None) => None,
    }
}

impl Weight<'_> {
    /// Extents.
    pub fn shape(&self) -> &[usize] {
        match self {
            Weight::Floats(array) => array.shape(),
            Weight::Levels(levels) => levels.levels.shape(),
        }
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// For a layer that reads them in the order of the file.
    pub fn weights(&self, out_axis: usize) -> Option<Stored> {
        match self {
            Weight::Floats(array) => {
                let Data::F32(values) = array.data() else { return None };
                Some(Arc::clone(values).into())
            }
            Weight::Levels(levels) => Some(levels.levels(out_axis)?.into()),
        }
    }

    /// As the constant factor of a product, `[columns][depth]` if `turned`.
    pub fn factor(&self, turned: bool) -> Option<Stored> {
        self.weights(usize::from(!turned))
    }

    /// A matrix `[in, out]` for a layer that reads `[out, in]`.
    pub fn turned(&self) -> Option<Stored> {
        match self {
            Weight::Floats(array) => {
                let &[rows, columns] = array.shape() else { return None };
                Some(Arc::new(turned(array.slice::<f32>()?, [rows, columns])).into())
            }
            Weight::Levels(levels) => Some(levels.turned()?.into()),
        }
    }
}
