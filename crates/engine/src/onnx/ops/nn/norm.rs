//! `InstanceNormalization`, `GroupNormalization`: channels by their own mean and variance.

use super::floats::{array_of, floats, like_input};
use super::size::product;
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, wrong};
use kernels::{Activation, Norm};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("GroupNormalization", group).infer(like_input),
    Op::new("InstanceNormalization", instance).infer(like_input),
];

fn instance(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    grouped(call, &inputs, None)
}

fn group(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let groups = call.int("num_groups", 0);
    let groups = usize::try_from(groups).map_err(|_| wrong(format!("num_groups {groups}")))?;
    grouped(call, &inputs, Some(groups))
}

/// `None`: each channel is a group.
fn grouped(call: &Call, inputs: &Inputs, groups: Option<usize>) -> Result<Vec<Value>> {
    let x = inputs.array(0)?;
    let [_, channels, rest @ ..] = x.shape() else {
        return Err(wrong(format!("shape {:?} has no channels", x.shape())));
    };
    if x.is_empty() {
        return one(x.clone());
    }
    let (channels, spatial) = (*channels, product(rest));
    let groups = groups.unwrap_or(channels);
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(wrong(format!("{channels} channels in {groups} groups")));
    }
    let mut parameters = Vec::new();
    for index in [1, 2] {
        let values = floats(inputs.array(index)?)?;
        parameters.push(if values.len() == channels {
            values.into_owned()
        } else if values.len() == groups {
            // Version 18 has one value a group.
            let per = channels / groups;
            values.iter().flat_map(|v| std::iter::repeat_n(*v, per)).collect()
        } else {
            return Err(wrong(format!("input {index} must have {channels} values")));
        });
    }
    let norm = Norm {
        weight: Some(&parameters[0]),
        bias: Some(&parameters[1]),
        eps: call.float("epsilon", 1e-5),
        activation: Activation::Identity,
        moments: None,
    };
    let values = floats(x)?;
    let mut y = vec![0.0; values.len()];
    let sample = channels * spatial;
    for (x, y) in values.chunks_exact(sample).zip(y.chunks_exact_mut(sample)) {
        kernels::group_norm(call.pool, groups, channels, spatial, &norm, x, y);
    }
    one(array_of(x.dtype(), x.shape(), y)?)
}
