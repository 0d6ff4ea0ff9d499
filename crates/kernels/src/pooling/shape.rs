//! The shape of a pooling.

use crate::conv::{steps, volume};
use crate::shared::check;

/// The shape of a pooling; axes are depth, height, width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Channels, each pooled alone.
    pub channels: usize,
    /// Elements of the input along each axis.
    pub input: [usize; 3],
    /// Elements of the window along each axis.
    pub kernel: [usize; 3],
    /// Step of the window.
    pub stride: [usize; 3],
    /// Distance between the window's elements (1 for the mean of PyTorch).
    pub dilation: [usize; 3],
    /// Padding before and after. The maximum never sees it; the mean counts it if `count_include_pad`.
    pub pad: [[usize; 2]; 3],
    /// Whether a last, partly covered window counts: PyTorch's rule, the window must start inside the input or the low padding.
    pub ceil_mode: bool,
    /// Whether padding counts in the divisor of the mean (what `ceil_mode` adds beyond the padding never does).
    pub count_include_pad: bool,
}

impl PoolShape {
    /// Windows side by side: stride as the kernel, no padding, rounded down, padding counted.
    pub fn new(channels: usize, input: [usize; 3], kernel: [usize; 3]) -> PoolShape {
        PoolShape {
            channels,
            input,
            kernel,
            stride: kernel,
            dilation: [1; 3],
            pad: [[0; 2]; 3],
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// Elements of the output along each axis; `None` where the window does not fit or a parameter is zero.
    pub fn output(&self) -> Option<[usize; 3]> {
        let mut out = [0; 3];
        for a in 0..3 {
            let (stride, pad) = (self.stride[a], self.pad[a]);
            out[a] = steps(self.input[a], self.kernel[a], stride, self.dilation[a], pad)?;
            if self.ceil_mode {
                let reach = self.dilation[a] * (self.kernel[a] - 1) + 1;
                let spare = (self.input[a] + pad[0] + pad[1] - reach) % stride;
                out[a] += usize::from(spare > 0 && out[a] * stride < self.input[a] + pad[0]);
            }
        }
        volume(out)?.checked_mul(self.channels)?;
        volume(self.input)?.checked_mul(self.channels)?;
        Some(out)
    }

    /// The output's extents; panics unless the shape has them and the lengths agree.
    #[track_caller]
    pub(super) fn checked(&self, x: usize, y: usize) -> [usize; 3] {
        let Some(out) = self.output() else { panic!("no output for {self:?}") };
        check("x of a pooling", x, self.channels * self.input.iter().product::<usize>());
        check("y of a pooling", y, self.channels * out.iter().product::<usize>());
        out
    }
}

/// How many elements of window `at` count along an axis, by PyTorch's rule: the padded input bounds the window, then, unless padding
/// counts, the input itself.
pub(crate) fn divisor(shape: &PoolShape, axis: usize, at: usize) -> usize {
    let [low, high] = shape.pad[axis];
    let (n, d) = (shape.input[axis], shape.dilation[axis]);
    let inside = |k: &usize| {
        let i = at * shape.stride[axis] + k * d; // in the padded input
        if shape.count_include_pad { i < low + n + high } else { i >= low && i < low + n }
    };
    (0..shape.kernel[axis]).filter(inside).count()
}
