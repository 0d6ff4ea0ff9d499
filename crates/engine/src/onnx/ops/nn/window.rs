//! Windows that slide over spatial axes: the attributes that convolutions and pooling share.

use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{unsupported, wrong};

/// Extents, steps and pads above this are refused, so that products of two fit 64 bits.
const MOST: usize = 1 << 30;

/// A window on three axes: depth, height, width. An axis that does not exist has input 1 and kernel 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    /// Spatial axes that exist.
    pub rank: usize,
    pub input: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub pad: [[usize; 2]; 3],
    /// Positions of the window.
    pub output: [usize; 3],
}

/// How pads are found: `auto_pad`.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum AutoPad {
    NotSet,
    SameUpper,
    SameLower,
    Valid,
}

impl AutoPad {
    pub fn of(attributes: &Attributes) -> Result<AutoPad> {
        Ok(match attributes.text("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" | "" => AutoPad::NotSet,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            "VALID" => AutoPad::Valid,
            other => return Err(wrong(format!("auto_pad `{other}`"))),
        })
    }

    /// Both sides of a total; the odd one goes to the end or to the beginning.
    pub fn split(self, total: usize) -> [usize; 2] {
        let (small, large) = (total / 2, total - total / 2);
        if self == AutoPad::SameLower { [large, small] } else { [small, large] }
    }
}

/// The spatial extents of `[batch][channel][spatial…]`.
pub(super) fn spatial(shape: &[usize]) -> Result<&[usize]> {
    match shape {
        [_, _, spatial @ ..] if (1..=3).contains(&spatial.len()) => Ok(spatial),
        [_, _, _, ..] => Err(unsupported(format!("{} spatial axes", shape.len() - 2))),
        _ => Err(wrong(format!("shape {shape:?} has no spatial axes"))),
    }
}

/// Extents on three axes, missing ones in front.
pub(super) fn on_three<T: Copy>(values: &[T], missing: T) -> [T; 3] {
    let mut three = [missing; 3];
    for (three, value) in three.iter_mut().rev().zip(values.iter().rev()) {
        *three = *value;
    }
    three
}

/// An attribute with one value an axis, all of them in bounds.
pub(super) fn per_axis(
    attributes: &Attributes,
    name: &str,
    rank: usize,
    default: usize,
    least: usize,
) -> Result<Vec<usize>> {
    let values = attributes.sizes(name, &vec![default; rank])?;
    bounded(name, &values, rank, least)?;
    Ok(values)
}

/// `rank` values between `least` and what 64 bits can multiply.
pub(super) fn bounded(name: &str, values: &[usize], rank: usize, least: usize) -> Result<()> {
    if values.len() != rank || values.iter().any(|v| *v < least || *v > MOST) {
        return Err(wrong(format!("{name} {values:?} for {rank} axes")));
    }
    Ok(())
}

/// `pads`: all beginnings, then all ends.
pub(super) fn pads(attributes: &Attributes, rank: usize) -> Result<Vec<[usize; 2]>> {
    let pads = attributes.sizes("pads", &vec![0; 2 * rank])?;
    bounded("pads", &pads, 2 * rank, 0)?;
    Ok((0..rank).map(|a| [pads[a], pads[rank + a]]).collect())
}

impl Window {
    /// The window the attributes describe; `kernel` is the weights' or from `kernel_shape`.
    pub fn new(
        attributes: &Attributes,
        input: &[usize],
        kernel: &[usize],
        ceil: bool,
    ) -> Result<Window> {
        let rank = input.len();
        bounded("the input's shape", input, rank, 0)?;
        bounded("the kernel's shape", kernel, rank, 1)?;
        if attributes.has("kernel_shape") && attributes.sizes("kernel_shape", &[])? != kernel {
            return Err(wrong(format!("kernel_shape is not the weights' {kernel:?}")));
        }
        let stride = per_axis(attributes, "strides", rank, 1, 1)?;
        let dilation = per_axis(attributes, "dilations", rank, 1, 1)?;
        let auto = AutoPad::of(attributes)?;
        let mut pad = vec![[0; 2]; rank];
        if auto == AutoPad::NotSet {
            pad = pads(attributes, rank)?;
        }
        let mut output = vec![0; rank];
        for a in 0..rank {
            let reach = dilation[a] * (kernel[a] - 1) + 1;
            if matches!(auto, AutoPad::SameUpper | AutoPad::SameLower) {
                output[a] = input[a].div_ceil(stride[a]);
                let needed = output[a].saturating_sub(1) * stride[a] + reach;
                pad[a] = auto.split(needed.saturating_sub(input[a]));
                continue;
            }
            let padded = input[a] + pad[a][0] + pad[a][1];
            let Some(room) = padded.checked_sub(reach) else {
                return Err(wrong(format!(
                    "a kernel that reaches over {reach} does not fit {padded} padded values"
                )));
            };
            output[a] = room / stride[a] + 1;
            // A last window that is only partly covered counts if it starts on the input or before.
            if ceil && room % stride[a] != 0 && output[a] * stride[a] < input[a] + pad[a][0] {
                output[a] += 1;
            }
        }
        Ok(Window {
            rank,
            input: on_three(input, 1),
            kernel: on_three(kernel, 1),
            stride: on_three(&stride, 1),
            dilation: on_three(&dilation, 1),
            pad: on_three(&pad, [0; 2]),
            output: on_three(&output, 1),
        })
    }

    /// Extents of the result along the axes that exist.
    pub fn output_shape(&self) -> &[usize] {
        &self.output[3 - self.rank..]
    }

    /// The taps of window `at` that lie on the input: the input index of the first, and how many; the
    /// others follow a dilation apart.
    pub fn on_input(&self, axis: usize, at: usize) -> (usize, usize) {
        let (start, low) = (at * self.stride[axis], self.pad[axis][0]);
        let (step, end) = (self.dilation[axis], self.input[axis] + low);
        let skipped = low.saturating_sub(start).div_ceil(step);
        let first = start + skipped * step;
        let fit = end.saturating_sub(first).div_ceil(step);
        (first.saturating_sub(low), fit.min(self.kernel[axis].saturating_sub(skipped)))
    }

    /// How many taps of window `at` lie on the padded input.
    pub fn on_padded(&self, axis: usize, at: usize) -> usize {
        let end = self.input[axis] + self.pad[axis][0] + self.pad[axis][1];
        let left = end.saturating_sub(at * self.stride[axis]);
        left.div_ceil(self.dilation[axis]).min(self.kernel[axis])
    }
}
