//! `MaxUnpool`: values go back to the places where the largest ones were found.

use super::size::product;
use super::window::{bounded, pads, per_axis};
use crate::array::{Array, same_type};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("MaxUnpool", run)];

fn run(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, places) = (inputs.array(0)?, inputs.ints(1)?);
    let attributes = call.attributes();
    let [_, _, spatial @ ..] = x.shape() else {
        return Err(wrong(format!("shape {:?} has no channels", x.shape())));
    };
    let rank = spatial.len();
    let kernel = attributes.sizes("kernel_shape", &[])?;
    bounded("the input's shape", spatial, rank, 1)?;
    bounded("kernel_shape", &kernel, rank, 1)?;
    let (stride, pad) = (per_axis(attributes, "strides", rank, 1, 1)?, pads(attributes, rank)?);
    if places.len() != x.len() {
        return Err(wrong(format!("{} places for {} values", places.len(), x.len())));
    }
    let mut pooled = x.shape()[..2].to_vec();
    for a in 0..rank {
        let full = (spatial[a] - 1) * stride[a] + kernel[a];
        let inner = full.checked_sub(pad[a][0] + pad[a][1]);
        pooled.push(inner.ok_or_else(|| wrong("pads cut more than there is"))?);
    }
    let shape = match inputs.maybe_ints(2)? {
        None => pooled.clone(),
        Some(wanted) => {
            let wanted: Option<Vec<usize>> =
                wanted.iter().map(|n| usize::try_from(*n).ok()).collect();
            wanted
                .filter(|w| w.len() == pooled.len() && w.iter().zip(&pooled).all(|(w, p)| w >= p))
                .ok_or_else(|| wrong(format!("output_shape is not at least {pooled:?}")))?
        }
    };
    call.room(&shape, x.dtype())?;
    let n: usize = product(&pooled);
    // Places count in the pooled shape; the result may be larger.
    let mut targets = Vec::with_capacity(places.len());
    for place in places {
        let place = usize::try_from(place).ok().filter(|place| *place < n);
        let mut left = place.ok_or_else(|| wrong(format!("a place outside {pooled:?}")))?;
        let (mut target, mut step) = (0, 1);
        for a in (0..pooled.len()).rev() {
            target += left % pooled[a] * step;
            left /= pooled[a];
            step *= shape[a];
        }
        targets.push(target);
    }
    let total = product(&shape);
    let data = same_type!(x.data(), values => scattered(values, &targets, total));
    one(Array::new(&shape, data)?)
}

fn scattered<T: Clone + Default>(x: &[T], targets: &[usize], n: usize) -> Vec<T> {
    let mut y = vec![T::default(); n];
    for (x, target) in x.iter().zip(targets) {
        y[*target] = x.clone();
    }
    y
}
