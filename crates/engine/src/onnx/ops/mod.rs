//! The operations of imported graphs. One table declares them: [`all`] lists it, the importer looks
//! names up in it, and what is not in it is named in an error.
//!
//! An operation is a function from values to values ([`Run`]) and, where it can be told without
//! running, a rule for the types and shapes of its results ([`Infer`]). Semantics are those of the
//! ONNX operator specification (onnx/docs/Operators.md) for the version the file asks for.

mod call;
mod flow;
mod infer;
mod math;
mod nn;
mod plain;
mod shape;

pub use call::Value;
pub(crate) use call::{Bodies, Call, Inputs, Memo, NoBodies, axis, one, unsupported, wrong};
pub(crate) use infer::{Ask, Infer, Known};

use crate::error::Result;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Computes the results of one node.
pub(crate) type Run = fn(&Call, Inputs) -> Result<Vec<Value>>;

/// The default operator set.
pub(crate) const ONNX: &str = "";
/// Operators of ONNX Runtime that exporters and its optimiser write.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Op {
    /// As in files.
    pub name: &'static str,
    /// Of its operator set.
    pub domain: &'static str,
    /// What it computes.
    pub run: Run,
    /// What its results look like; `None` where only running tells.
    pub infer: Option<Infer>,
}

impl Op {
    /// Of the default set, without a rule for shapes.
    pub const fn new(name: &'static str, run: Run) -> Op {
        Op { name, domain: ONNX, run, infer: None }
    }

    /// With a rule for shapes.
    pub const fn infer(mut self, infer: Infer) -> Op {
        self.infer = Some(infer);
        self
    }

    /// Of another set.
    pub const fn domain(mut self, domain: &'static str) -> Op {
        self.domain = domain;
        self
    }
}

/// Every family.
static FAMILIES: &[&[Op]] = &[
    flow::control::OPS,
    flow::optional::OPS,
    flow::scan::OPS,
    flow::sequence::OPS,
    math::activation::OPS,
    math::arithmetic::OPS,
    math::cast::OPS,
    math::compare::OPS,
    math::dropout::OPS,
    math::einsum::OPS,
    math::integer::OPS,
    math::integer_conv::OPS,
    math::matmul::OPS,
    math::qlinear::OPS,
    math::quantize::OPS,
    math::running::OPS,
    math::softmax::OPS,
    math::unary::OPS,
    nn::attention::OPS,
    nn::batch_norm::OPS,
    nn::conv::OPS,
    nn::conv_transpose::OPS,
    nn::deform_conv::OPS,
    nn::flex_attention::OPS,
    nn::global_pool::OPS,
    nn::grid_sample::OPS,
    nn::layer_norm::OPS,
    nn::linear_attention::OPS,
    nn::loss::OPS,
    nn::non_max_suppression::OPS,
    nn::norm::OPS,
    nn::other_norms::OPS,
    nn::pool::OPS,
    nn::recurrent::OPS,
    nn::regions::OPS,
    nn::resize::OPS,
    nn::rotary::OPS,
    nn::spectrum::OPS,
    nn::training::OPS,
    nn::unpool::OPS,
    plain::OPS,
    shape::axes::OPS,
    shape::col2im::OPS,
    shape::concat::OPS,
    shape::fill::OPS,
    shape::gather::OPS,
    shape::labels::OPS,
    shape::layout::OPS,
    shape::order::OPS,
    shape::pad::OPS,
    shape::reduce::OPS,
    shape::reverse::OPS,
    shape::scatter::OPS,
    shape::slice::OPS,
    shape::text::OPS,
    shape::unique::OPS,
];

/// All operations, by domain and name.
pub(crate) fn all() -> Vec<&'static Op> {
    let mut ops: Vec<&Op> = FAMILIES.iter().flat_map(|family| family.iter()).collect();
    ops.sort_by_key(|op| (op.domain, op.name));
    ops
}

/// The operation of that domain and name. `ai.onnx` is the default set's other name.
pub(crate) fn find(domain: &str, name: &str) -> Option<&'static Op> {
    static TABLE: LazyLock<HashMap<(&str, &str), &'static Op>> =
        LazyLock::new(|| all().into_iter().map(|op| ((op.domain, op.name), op)).collect());
    let domain = if domain == "ai.onnx" { ONNX } else { domain };
    TABLE.get(&(domain, name)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_stands_twice_in_the_table() {
        let all = all();
        for pair in all.windows(2) {
            assert!((pair[0].domain, pair[0].name) != (pair[1].domain, pair[1].name), "{pair:?}");
        }
    }
}
