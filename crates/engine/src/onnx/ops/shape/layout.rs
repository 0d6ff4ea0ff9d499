//! Operations that are strided views of their input: `Transpose`, `Expand`, `DepthToSpace`,
//! `SpaceToDepth`.

use super::view::View;
use crate::array::count;
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("DepthToSpace", depth_to_space).infer(infer_depth_to_space),
    Op::new("Expand", expand).infer(infer_expand),
    Op::new("SpaceToDepth", space_to_depth).infer(infer_space_to_depth),
    Op::new("Transpose", transpose).infer(infer_transpose),
];

fn transpose(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let array = inputs.take(0)?;
    let order = order(call.attributes(), array.rank())?;
    let view = View::whole(array.shape()).permuted(&order);
    // Axes of extent one may go anywhere without a value moving.
    let moving = |axis: &&usize| array.shape()[**axis] != 1;
    if order.iter().filter(moving).is_sorted() {
        return one(array.reshaped(&view.shape)?);
    }
    one(view.of(&array, call.pool)?)
}

fn infer_transpose(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let order = order(ask.attributes(), x.shape.len()).ok()?;
    Some(vec![Known::of(x.dtype, order.iter().map(|axis| x.shape[*axis]).collect())])
}

/// Attribute `perm`, by default all axes reversed.
fn order(attributes: &Attributes, rank: usize) -> Result<Vec<usize>> {
    let Some(perm) = attributes.ints("perm") else { return Ok((0..rank).rev().collect()) };
    let mut seen = vec![false; rank];
    let mut order = Vec::with_capacity(rank);
    for at in perm {
        let at = crate::onnx::ops::axis(*at, rank)?;
        if std::mem::replace(&mut seen[at], true) {
            return Err(wrong(format!("perm {perm:?} names axis {at} twice")));
        }
        order.push(at);
    }
    if order.len() != rank {
        return Err(wrong(format!("perm {perm:?} is not an order of {rank} axes")));
    }
    Ok(order)
}

fn expand(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let wanted = inputs.ints(1)?;
    let array = inputs.take(0)?;
    let target = expanded(array.shape(), &wanted)?;
    if target == array.shape() {
        return one(array);
    }
    call.room(&target, array.dtype())?;
    let mut view = View::whole(array.shape());
    let new = target.len() - array.rank();
    view.strides.splice(0..0, std::iter::repeat_n(0, new));
    for (axis, extent) in array.shape().iter().enumerate() {
        if *extent == 1 {
            view.strides[new + axis] = 0;
        }
    }
    view.shape = target;
    one(view.of(&array, call.pool)?)
}

fn infer_expand(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let target = expanded(&x.shape, &ask.ints(1)?).ok()?;
    count(&target)?;
    Some(vec![Known::of(x.dtype, target)])
}

/// Both shapes broadcast against each other.
fn expanded(shape: &[usize], wanted: &[i64]) -> Result<Vec<usize>> {
    let rank = shape.len().max(wanted.len());
    let cannot = || wrong(format!("{shape:?} does not expand to {wanted:?}"));
    (0..rank)
        .map(|axis| {
            let own = (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
            let other = (axis + wanted.len()).checked_sub(rank).map_or(1, |at| wanted[at]);
            let other = usize::try_from(other).map_err(|_| cannot())?;
            match (own, other) {
                (own, 1) => Ok(own),
                (1, other) => Ok(other),
                (own, other) if own == other => Ok(own),
                _ => Err(cannot()),
            }
        })
        .collect()
}

/// Six axes that the four of an image are seen as, their new order, and the resulting shape.
struct Blocks {
    split: [usize; 6],
    order: [usize; 6],
    shape: [usize; 4],
}

fn depth_to_space(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let shape = inputs.array(0)?.shape().to_vec();
    rearranged(call, inputs, &to_space(call.attributes(), &shape)?)
}

fn infer_depth_to_space(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, to_space(ask.attributes(), &x.shape).ok()?.shape.to_vec())])
}

fn space_to_depth(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let shape = inputs.array(0)?.shape().to_vec();
    rearranged(call, inputs, &to_depth(call.attributes(), &shape)?)
}

fn infer_space_to_depth(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    Some(vec![Known::of(x.dtype, to_depth(ask.attributes(), &x.shape).ok()?.shape.to_vec())])
}

fn rearranged(call: &Call, mut inputs: Inputs, blocks: &Blocks) -> Result<Vec<Value>> {
    let array = inputs.take(0)?;
    let view = View::whole(&blocks.split).permuted(&blocks.order);
    one(view.of(&array, call.pool)?.reshaped(&blocks.shape)?)
}

fn to_space(attributes: &Attributes, shape: &[usize]) -> Result<Blocks> {
    let b = block_size(attributes)?;
    let (&[n, c, h, w], Some(area)) = (shape, b.checked_mul(b)) else {
        return Err(wrong(format!("{shape:?} is not (batch, channels, height, width)")));
    };
    if c % area != 0 {
        return Err(wrong(format!("{c} channels are no multiple of {area}")));
    }
    let (c, shape) = (c / area, [n, c / area, grown(h, b)?, grown(w, b)?]);
    Ok(match attributes.text("mode") {
        Some("CRD") => Blocks { split: [n, c, b, b, h, w], order: [0, 1, 4, 2, 5, 3], shape },
        _ => Blocks { split: [n, b, b, c, h, w], order: [0, 3, 4, 1, 5, 2], shape },
    })
}

fn to_depth(attributes: &Attributes, shape: &[usize]) -> Result<Blocks> {
    let b = block_size(attributes)?;
    let (&[n, c, h, w], Some(area)) = (shape, b.checked_mul(b)) else {
        return Err(wrong(format!("{shape:?} is not (batch, channels, height, width)")));
    };
    if h % b != 0 || w % b != 0 {
        return Err(wrong(format!("{h}x{w} does not divide into blocks of {b}")));
    }
    let order = match attributes.text("mode") {
        Some("CRD") => [0, 1, 3, 5, 2, 4],
        _ => [0, 3, 5, 1, 2, 4],
    };
    let shape = [n, grown(c, area)?, h / b, w / b];
    Ok(Blocks { split: [n, c, h / b, b, w / b, b], order, shape })
}

fn grown(extent: usize, by: usize) -> Result<usize> {
    extent.checked_mul(by).ok_or_else(|| wrong(format!("{extent} times {by} is too large")))
}

fn block_size(attributes: &Attributes) -> Result<usize> {
    let size = attributes.int("blocksize").unwrap_or(0);
    match usize::try_from(size) {
        Ok(size) if size > 0 => Ok(size),
        _ => Err(wrong(format!("a block size of {size}"))),
    }
}
