//! The shape of a convolution, and what is fused before and after it.

use crate::{Activation, Ahead};

/// Everything that decides a convolution except its numbers. Axes are depth, height, width; an axis that does not exist has
/// input 1, kernel 1, stride 1, dilation 1 and no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Independent groups the channels are split in; divides both channel counts.
    pub groups: usize,
    /// Elements of the input along each axis.
    pub input: [usize; 3],
    /// Elements of the kernel along each axis.
    pub kernel: [usize; 3],
    /// Step of the kernel along each axis.
    pub stride: [usize; 3],
    /// Distance between the kernel's elements along each axis.
    pub dilation: [usize; 3],
    /// Zeros before and after the input along each axis.
    pub pad: [[usize; 2]; 3],
}

impl ConvShape {
    /// A plain convolution: stride 1, dilation 1, no padding, one group.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        input: [usize; 3],
        kernel: [usize; 3],
    ) -> ConvShape {
        let (one, none) = ([1; 3], [[0; 2]; 3]);
        ConvShape {
            in_channels,
            out_channels,
            groups: 1,
            input,
            kernel,
            stride: one,
            dilation: one,
            pad: none,
        }
    }

    /// Elements of the output along each axis; `None` when the kernel does not fit the padded input, a kernel, stride, dilation
    /// or group count is zero, the groups do not divide the channels, or a size overflows. An empty input gives an empty
    /// output only where padding leaves nothing for the kernel to stand on, so mostly `None`.
    pub fn output(&self) -> Option<[usize; 3]> {
        if self.groups == 0
            || !self.in_channels.is_multiple_of(self.groups)
            || !self.out_channels.is_multiple_of(self.groups)
        {
            return None;
        }
        let mut out = [0; 3];
        for a in 0..3 {
            out[a] = steps(
                self.input[a],
                self.kernel[a],
                self.stride[a],
                self.dilation[a],
                self.pad[a],
            )?;
        }
        volume(out)?.checked_mul(self.out_channels)?;
        volume(self.input)?.checked_mul(self.in_channels)?;
        volume(self.kernel)?.checked_mul(self.in_channels)?.checked_mul(self.out_channels)?;
        Some(out)
    }

    /// Floating-point operations, a multiply and an add counted as two; 0 for a shape without output.
    pub fn flops(&self) -> u64 {
        let Some(out) = self.output() else { return 0 };
        let per = self.kernel.iter().product::<usize>()
            * (self.in_channels / self.groups)
            * self.out_channels;
        2 * per as u64 * out.iter().product::<usize>() as u64
    }

    /// Elements the weights have: `[out][in/groups][kd][kh][kw]`.
    pub fn weight_len(&self) -> usize {
        self.out_channels
            * (self.in_channels / self.groups.max(1))
            * self.kernel.iter().product::<usize>()
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.in_channels * self.input.iter().product::<usize>()
    }
}

/// A transposed convolution, the gradient of [`ConvShape`] with respect to its input: each input element adds the kernel,
/// scaled, at its place in the output. Weights are `[in][out/groups][kd][kh][kw]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvTransposeShape {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Independent groups the channels are split in.
    pub groups: usize,
    /// Elements of the input along each axis.
    pub input: [usize; 3],
    /// Elements of the kernel along each axis.
    pub kernel: [usize; 3],
    /// Distance of neighbouring input elements in the output.
    pub stride: [usize; 3],
    /// Distance between the kernel's elements.
    pub dilation: [usize; 3],
    /// Elements cut off the full output, before and after, along each axis.
    pub pad: [[usize; 2]; 3],
    /// Elements added after the output along each axis.
    pub output_padding: [usize; 3],
}

impl ConvTransposeShape {
    /// Elements of the output along each axis, `(input − 1)·stride − pads + dilation·(kernel − 1) + 1 + output_padding`; `None`
    /// where that is negative, a parameter is zero or a size overflows.
    pub fn output(&self) -> Option<[usize; 3]> {
        if self.groups == 0
            || !self.in_channels.is_multiple_of(self.groups)
            || !self.out_channels.is_multiple_of(self.groups)
        {
            return None;
        }
        let mut out = [0; 3];
        for a in 0..3 {
            if self.kernel[a] == 0
                || self.stride[a] == 0
                || self.dilation[a] == 0
                || self.input[a] == 0
            {
                return None;
            }
            let full = (self.input[a] - 1).checked_mul(self.stride[a])?;
            let reach = self.dilation[a].checked_mul(self.kernel[a] - 1)?.checked_add(1)?;
            let full = full.checked_add(reach)?.checked_add(self.output_padding[a])?;
            out[a] = full.checked_sub(self.pad[a][0].checked_add(self.pad[a][1])?)?;
        }
        volume(out)?.checked_mul(self.out_channels)?;
        volume(self.input)?.checked_mul(self.in_channels)?;
        volume(self.kernel)?.checked_mul(self.in_channels)?.checked_mul(self.out_channels)?;
        Some(out)
    }

    /// Floating-point operations of the full (uncut) output, a multiply and an add counted as two.
    pub fn flops(&self) -> u64 {
        let per = self.kernel.iter().product::<usize>()
            * (self.out_channels / self.groups.max(1))
            * self.in_channels;
        2 * per as u64 * self.input.iter().product::<usize>() as u64
    }

    /// Elements the weights have: `[in][out/groups][kd][kh][kw]`.
    pub fn weight_len(&self) -> usize {
        self.in_channels
            * (self.out_channels / self.groups.max(1))
            * self.kernel.iter().product::<usize>()
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.in_channels * self.input.iter().product::<usize>()
    }
}

/// Applied to the input while it is read: `act(x·scale[c] + shift[c])` per input channel. Padding stays zero *after* it, as when
/// batch norm and activation stand before the convolution.
#[derive(Clone, Copy, Debug)]
pub struct Prologue<'a> {
    /// One factor per input channel.
    pub scale: &'a [f32],
    /// One offset per input channel.
    pub shift: &'a [f32],
    /// Applied last.
    pub activation: Activation,
    /// The slope of a leaky ReLU for each input channel, in place of the activation: 1 where there is none, as in one part of several that lie
    /// side by side.
    pub slopes: Option<&'a [f32]>,
}

impl Prologue<'_> {
    /// Factor, offset and activation of a channel.
    pub(crate) fn of(&self, channel: usize) -> (f32, f32, Activation) {
        let activation = match self.slopes {
            Some(slopes) => Activation::LeakyRelu(slopes[channel]),
            None => self.activation,
        };
        (self.scale[channel], self.shift[channel], activation)
    }
}

/// Applied to the result while it is written: `act(y + bias + residual)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// One offset per output channel (per column for [`gemm`](crate::gemm)).
    pub bias: Option<&'a [f32]>,
    /// Same layout as the output.
    pub residual: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

/// What is fused into a convolution; `ConvArgs::default()` is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvArgs<'a> {
    /// Before.
    pub prologue: Option<Prologue<'a>>,
    /// After.
    pub epilogue: Epilogue<'a>,
    /// Read next, to be asked for meanwhile.
    pub ahead: Option<Ahead<'a>>,
    /// Which blocks of channels of `x` lie as `[channel / n][d][h][w][n]`, a vector of `n` channels side by side, the others as ever; empty
    /// for none. Only for what [reads blocks](crate::PackedConv::reads_blocks).
    pub x_blocks: &'a [bool],
    /// `y` is written in such blocks, and the residual lies in them. Only for what [writes blocks](crate::PackedConv::writes_blocks).
    pub y_blocked: bool,
}

/// Positions of a kernel on one padded axis.
pub(crate) fn steps(
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: [usize; 2],
) -> Option<usize> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return None;
    }
    let padded = input.checked_add(pad[0])?.checked_add(pad[1])?;
    let reach = dilation.checked_mul(kernel - 1)?.checked_add(1)?;
    Some(padded.checked_sub(reach)? / stride + 1)
}

/// Product of the axes, `None` beyond the address space.
pub(crate) fn volume(axes: [usize; 3]) -> Option<usize> {
    let v = axes[0].checked_mul(axes[1])?.checked_mul(axes[2])?;
    (v <= isize::MAX as usize / 8).then_some(v)
}
