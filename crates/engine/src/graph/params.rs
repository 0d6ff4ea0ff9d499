//! What a convolution or a pooling needs besides its input, written the way papers write it.

/// A convolution: output channels, kernel, and what differs from stride 1 without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv {
    pub(crate) channels: usize,
    pub(crate) kernel: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) pad: Vec<usize>,
    pub(crate) dilation: Vec<usize>,
    pub(crate) groups: usize,
    pub(crate) bias: bool,
}

impl Conv {
    /// `channels` out; the kernel's length is the number of spatial axes. Has a bias.
    pub fn new<const R: usize>(channels: usize, kernel: [usize; R]) -> Conv {
        Conv::of(channels, &kernel)
    }

    /// The same where the number of spatial axes is known at run time only.
    pub fn of(channels: usize, kernel: &[usize]) -> Conv {
        let rank = kernel.len();
        Conv {
            channels,
            kernel: kernel.to_vec(),
            stride: vec![1; rank],
            pad: vec![0; rank],
            dilation: vec![1; rank],
            groups: 1,
            bias: true,
        }
    }

    /// One stride for each axis.
    #[must_use]
    pub fn strides(mut self, strides: &[usize]) -> Conv {
        self.stride = strides.to_vec();
        self
    }

    /// Zero padding on both sides of each axis.
    #[must_use]
    pub fn pads(mut self, pads: &[usize]) -> Conv {
        self.pad = pads.to_vec();
        self
    }

    /// The same stride along all axes.
    #[must_use]
    pub fn stride(mut self, stride: usize) -> Conv {
        self.stride.fill(stride);
        self
    }

    /// The same zero padding on all sides.
    #[must_use]
    pub fn pad(mut self, pad: usize) -> Conv {
        self.pad.fill(pad);
        self
    }

    /// The same dilation along all axes.
    #[must_use]
    pub fn dilation(mut self, dilation: usize) -> Conv {
        self.dilation.fill(dilation);
        self
    }

    /// Independent groups of channels.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Conv {
        self.groups = groups;
        self
    }

    /// Without a bias.
    #[must_use]
    pub fn no_bias(mut self) -> Conv {
        self.bias = false;
        self
    }
}

/// A transposed convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvTranspose {
    pub(crate) conv: Conv,
    pub(crate) output_padding: usize,
    pub(crate) cut_end: usize,
}

impl ConvTranspose {
    /// `channels` out; the kernel's length is the number of spatial axes. Has a bias.
    pub fn new<const R: usize>(channels: usize, kernel: [usize; R]) -> ConvTranspose {
        ConvTranspose::of(channels, &kernel)
    }

    /// The same where the number of spatial axes is known at run time only.
    pub fn of(channels: usize, kernel: &[usize]) -> ConvTranspose {
        ConvTranspose { conv: Conv::of(channels, kernel), output_padding: 0, cut_end: 0 }
    }

    /// One distance for each axis.
    #[must_use]
    pub fn strides(self, strides: &[usize]) -> ConvTranspose {
        ConvTranspose { conv: self.conv.strides(strides), ..self }
    }

    /// Distance of neighbouring input elements in the output.
    #[must_use]
    pub fn stride(self, stride: usize) -> ConvTranspose {
        ConvTranspose { conv: self.conv.stride(stride), ..self }
    }

    /// Elements cut off the full output on all sides.
    #[must_use]
    pub fn pad(self, pad: usize) -> ConvTranspose {
        ConvTranspose { conv: self.conv.pad(pad), ..self }
    }

    /// Elements added at the end of all axes.
    #[must_use]
    pub fn output_padding(self, output_padding: usize) -> ConvTranspose {
        ConvTranspose { output_padding, ..self }
    }

    /// Elements cut off at the end of all axes beyond [`ConvTranspose::pad`]: TensorFlow's padding
    /// `SAME` cuts the odd one there.
    #[must_use]
    pub fn cut_end(self, cut_end: usize) -> ConvTranspose {
        ConvTranspose { cut_end, ..self }
    }

    /// Without a bias.
    #[must_use]
    pub fn no_bias(self) -> ConvTranspose {
        ConvTranspose { conv: self.conv.no_bias(), ..self }
    }
}

/// A pooling window. Its stride is the window itself unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub(crate) kernel: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) pad: Vec<usize>,
    pub(crate) ceil_mode: bool,
    pub(crate) count_include_pad: bool,
}

impl Window {
    /// The window's extents; their number is the number of spatial axes.
    pub fn new<const R: usize>(kernel: [usize; R]) -> Window {
        Window::of(&kernel)
    }

    /// The same where the number of spatial axes is known at run time only.
    pub fn of(kernel: &[usize]) -> Window {
        Window {
            kernel: kernel.to_vec(),
            stride: kernel.to_vec(),
            pad: vec![0; kernel.len()],
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// The same stride along all axes.
    #[must_use]
    pub fn stride(mut self, stride: usize) -> Window {
        self.stride.fill(stride);
        self
    }

    /// One stride for each axis.
    #[must_use]
    pub fn strides<const R: usize>(mut self, stride: [usize; R]) -> Window {
        self.stride = stride.to_vec();
        self
    }

    /// The same padding on all sides.
    #[must_use]
    pub fn pad(mut self, pad: usize) -> Window {
        self.pad.fill(pad);
        self
    }

    /// A last, partly covered window counts.
    #[must_use]
    pub fn ceil_mode(mut self) -> Window {
        self.ceil_mode = true;
        self
    }

    /// Averages divide by the elements inside the input only.
    #[must_use]
    pub fn count_exclude_pad(mut self) -> Window {
        self.count_include_pad = false;
        self
    }
}
