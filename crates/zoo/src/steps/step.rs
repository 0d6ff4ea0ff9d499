//! What can be done to an image before a network sees it: plain data.

use crate::card::Resampling;

/// One step. The first of a list says which values are meant ([`Step::Values`]).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Reads the first frame.
    Values(Source),
    /// A window on the values, to 0..=1: PS3.3 C.11.2.1.2 (`LINEAR`), or `LINEAR_EXACT`.
    Window {
        /// Centre.
        centre: f32,
        /// Width, at least 1 (`LINEAR`), above 0 (`LINEAR_EXACT`).
        width: f32,
        /// `LINEAR_EXACT`.
        exact: bool,
    },
    /// Turns the values over where the image is MONOCHROME1.
    InvertMonochrome1(About),
    /// `to.0 + (to.1 − to.0) · (x − a) / (b − a)` with (a, b) = `from`.
    Scale {
        /// What is brought to `to`.
        from: Span,
        /// Lowest and highest value afterwards.
        to: (f32, f32),
        /// Values beyond `to` are set to its ends.
        clip: bool,
    },
    /// Values beyond the ends are set to them.
    Clip {
        /// Lowest.
        low: f32,
        /// Highest.
        high: f32,
    },
    /// `(x − mean) / deviation`, for each channel; a grey image takes the first numbers.
    Normalize {
        /// Means of red, green, blue.
        mean: [f32; 3],
        /// Deviations of red, green, blue.
        deviation: [f32; 3],
    },
    /// `(x − mean) / deviation` of the image itself, all channels together; the deviation is the
    /// population's (`numpy.std`). A flat image becomes 0.
    NormalizeImage,
    /// Drops the part behind the decimal point (`astype(numpy.uint8)` of values in 0..=255).
    Truncate,
    /// The first of several channels.
    FirstChannel,
    /// Luma of a colour image: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
    Grey,
    /// A grey image three times; a colour image stays.
    Rgb,
    /// Exchanges the first and the third channel.
    Bgr,
    /// The central square, as long as the shorter side: start `dim / 2 − side / 2`, each division
    /// rounded down (TorchXRayVision's `XRayCenterCrop`).
    CentreSquare,
    /// The central part; start `(dim − part) / 2` rounded half to even, outside the image 0
    /// (torchvision's `center_crop`).
    CentreCrop {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// Pads the shorter side until the image is square.
    PadSquare {
        /// What the padding is.
        fill: Fill,
        /// The image stays at the top left; else it lies in the middle, the odd pixel at the end.
        corner: bool,
    },
    /// Another number of pixels.
    Resize {
        /// How many.
        to: Extent,
        /// How.
        resampling: Resampling,
    },
    /// Another distance between pixels, the same both ways: `round(extent · spacing / target)`
    /// pixels. Needs a case that knows its spacing.
    Resample {
        /// Millimetres.
        spacing_mm: f32,
        /// How.
        resampling: Resampling,
    },
    /// Left and right exchanged.
    Mirror {
        /// Only images of this side (mammograms, joints); always when `None`.
        only: Option<Side>,
    },
    /// Top and bottom exchanged.
    UpsideDown,
}

/// Which values a list of steps begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// As stored, without rescale, window or LUT; of pictures the samples.
    Stored,
    /// After the Modality LUT or rescale (PS3.3 C.11.1); of pictures the samples.
    Modality,
    /// As a person sees them: modality and VOI LUT or window, MONOCHROME1 turned over, palette
    /// resolved, whole numbers 0..=255.
    Displayed,
}

/// About what MONOCHROME1 is turned over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// `low + high − x` of the values' declared range.
    Range,
    /// `highest − x` of the image's own highest value.
    Maximum,
}

/// What is scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Span {
    /// 0 to 2^BitsStored − 1 (255 for an 8-bit picture).
    Stored,
    /// The image's own lowest and highest value.
    Image,
    /// Two percentiles of the image's values, 0..=100, linear between neighbours
    /// (`numpy.percentile`).
    Percentiles(f32, f32),
    /// Two numbers.
    Fixed(f32, f32),
}

/// What padding is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// A number.
    Value(f32),
    /// The image's lowest value.
    Minimum,
}

/// How many pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Rows, columns.
    Exact(usize, usize),
    /// The shorter side; the longer is `int(side · longer / shorter)` (torchvision's `Resize`).
    Shorter(usize),
    /// The longer side; the shorter is `int(side · shorter / longer)`, at least 1.
    Longer(usize),
}

/// A side of the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}
