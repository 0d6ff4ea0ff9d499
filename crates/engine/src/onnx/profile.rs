//! What a general node costs: its time, its arithmetic, the size of its result.

use super::graph::Node;
use super::machine::Values;
use super::ops::Value;
use crate::cpu::NodeTime;
use std::time::Duration;

/// Shapes of a node's inputs before it runs; empty for what is no tensor.
pub(super) fn shapes(node: &Node, values: &Values) -> Vec<Vec<usize>> {
    let of = |slot: &Option<usize>| {
        let array = values.get((*slot)?)?.array()?;
        Some(array.shape().to_vec())
    };
    node.inputs.iter().map(|slot| of(slot).unwrap_or_default()).collect()
}

/// The record of a node that has run.
pub(super) fn node_time(
    node: &Node,
    inputs: &[Vec<usize>],
    values: &Values,
    time: Duration,
) -> NodeTime {
    let outputs = node.outputs.iter().flatten();
    let bytes = outputs.filter_map(|slot| values.get(*slot)).map(Value::bytes).sum();
    let first = node.outputs.first().copied().flatten();
    let output = first.and_then(|slot| values.get(slot)).and_then(Value::array);
    let output = output.map_or(0, |array| array.len() as u64);
    NodeTime {
        name: node.name.clone(),
        op: node.op.name,
        time,
        flops: flops(node, inputs, output),
        bytes,
    }
}

/// A multiply and an add counted as two; 0 for operations that are not products.
fn flops(node: &Node, inputs: &[Vec<usize>], output: u64) -> u64 {
    let shape = |input: usize| inputs.get(input).map_or(&[][..], Vec::as_slice);
    let product = |extents: &[usize]| extents.iter().map(|e| *e as u64).product::<u64>();
    match node.op.name {
        "MatMul" | "FusedMatMul" | "MatMulInteger" => {
            2 * output * shape(0).last().map_or(1, |depth| *depth as u64)
        }
        "Gemm" => {
            let transposed = node.attributes.flag("transA");
            let depth = if transposed { shape(0).first() } else { shape(0).last() };
            2 * output * depth.map_or(1, |depth| *depth as u64)
        }
        "Conv" | "ConvInteger" => 2 * output * product(shape(1).get(1..).unwrap_or(&[])),
        "QLinearConv" => 2 * output * product(shape(3).get(1..).unwrap_or(&[])),
        "ConvTranspose" => 2 * product(shape(0)) * product(shape(1).get(1..).unwrap_or(&[])),
        _ => 0,
    }
}
