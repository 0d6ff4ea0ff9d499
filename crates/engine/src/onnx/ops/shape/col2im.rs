//! `Col2Im`: overlapping blocks of an image added up where they lie.

use super::typed::{Number, narrowed, numbers, widened};
use super::view::{Walk, product, strides};
use crate::array::{Array, Element};
use crate::error::Result;
use crate::onnx::ops::{Call, Inputs, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("Col2Im", col2im)];

struct Geometry {
    image: Vec<usize>,
    block: Vec<usize>,
    dilations: Vec<usize>,
    strides: Vec<usize>,
    /// Before each axis.
    pads: Vec<usize>,
    /// Positions of the block along each axis.
    places: Vec<usize>,
}

/// (batch, channels · block, places) to (batch, channels, image…).
fn col2im(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let whole = |values: Vec<i64>| {
        let sizes: Option<Vec<usize>> = values.iter().map(|v| usize::try_from(*v).ok()).collect();
        sizes.ok_or_else(|| wrong(format!("a shape of {values:?}")))
    };
    let (image, block) = (whole(inputs.ints(1)?)?, whole(inputs.ints(2)?)?);
    let array = inputs.take(0)?;
    let geometry = geometry(call, image, block)?;
    let &[batch, columns, places] = array.shape() else {
        return Err(wrong(format!("{:?} is not (batch, columns, places)", array.shape())));
    };
    let size = product(&geometry.block);
    if size == 0 || columns % size != 0 || places != product(&geometry.places) {
        return Err(wrong(format!(
            "{:?} does not hold blocks of {:?} at {:?} places",
            array.shape(),
            geometry.block,
            geometry.places
        )));
    }
    let channels = columns / size;
    let shape = [&[batch, channels], geometry.image.as_slice()].concat();
    let dtype = array.dtype();
    let n = call.room(&shape, dtype)?;
    let array = widened(array)?;
    let data = numbers!(array, values => Ok(summed(values, n, batch * channels, &geometry)))?;
    one(narrowed(Array::new(&shape, data)?, dtype)?)
}

fn geometry(call: &Call, image: Vec<usize>, block: Vec<usize>) -> Result<Geometry> {
    let rank = image.len();
    let dilations = call.attributes().sizes("dilations", &vec![1; rank])?;
    let strides = call.attributes().sizes("strides", &vec![1; rank])?;
    let pads = call.attributes().sizes("pads", &vec![0; 2 * rank])?;
    if [block.len(), dilations.len(), strides.len()] != [rank; 3] || pads.len() != 2 * rank {
        return Err(wrong(format!("shapes and attributes for other than {rank} axes")));
    }
    let place = |axis: usize| {
        let padded = image[axis].checked_add(pads[axis])?.checked_add(pads[rank + axis])?;
        let reach = block[axis].checked_sub(1)?.checked_mul(dilations[axis])?.checked_add(1)?;
        Some(padded.checked_sub(reach)?.checked_div(strides[axis])? + 1)
    };
    let places: Option<Vec<usize>> = (0..rank).map(place).collect();
    let places =
        places.ok_or_else(|| wrong(format!("blocks of {block:?} do not fit {image:?}")))?;
    Ok(Geometry { image, block, dilations, strides, pads: pads[..rank].to_vec(), places })
}

fn summed<T: Number>(x: &[T], n: usize, planes: usize, g: &Geometry) -> crate::array::Data {
    let mut out = vec![T::ZERO; n];
    let image = product(&g.image);
    let steps = strides(&g.image);
    let still = vec![0; g.image.len()];
    let (offsets, places) = (product(&g.block), product(&g.places));
    if image == 0 || places == 0 {
        return Element::wrap(out);
    }
    for (plane, x) in out.chunks_mut(image).zip(x.chunks(offsets * places)).take(planes) {
        let mut offset = Walk::new(&g.block, &still, 0);
        for x in x.chunks(places) {
            let mut place = Walk::new(&g.places, &still, 0);
            for value in x {
                let mut position = Some(0);
                for axis in 0..g.image.len() {
                    let at = (place.index()[axis] * g.strides[axis]
                        + offset.index()[axis] * g.dilations[axis])
                        .checked_sub(g.pads[axis])
                        .filter(|at| *at < g.image[axis]);
                    position = position.and_then(|p| Some(p + at? * steps[axis]));
                }
                if let Some(position) = position {
                    plane[position] = plane[position].plus(*value);
                }
                place.step();
            }
            offset.step();
        }
    }
    Element::wrap(out)
}
