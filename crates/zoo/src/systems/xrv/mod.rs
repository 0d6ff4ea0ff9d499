//! What the systems of TorchXRayVision share (mlmed/torchxrayvision 1.5.7): preparation, labels,
//! the scaling of scores, the card's standing lines.

mod classifier;
mod labels;
pub mod prepare;

pub use crate::steps::op_norm;
pub use classifier::{Classifier, Family};
pub use labels::{ALL, CHEXPERT_LABELS, NIH_LABELS, PADCHEST_LABELS, RESNET_LABELS, RSNA_LABELS};

use crate::card::{Evidence, InputSpec, Resampling, WeightsFile};
use crate::steps::{About, After, Extent, Source, Span, Step};
use base::Code;

/// The library's paper.
pub const PAPER: &str = "Cohen et al., TorchXRayVision: A library of chest X-ray datasets and \
                         models, MIDL 2022, arXiv:2111.00595";

const BENCHMARKS: &str = "torchxrayvision BENCHMARKS.md, July 2023, 20 % held out";

/// One grey channel of `side` × `side` in -1024..=1024.
pub const fn grey(side: usize) -> InputSpec {
    InputSpec { shape: [1, 1, side, side], range: Some((-1024.0, 1024.0)) }
}

/// From a study to a square of values in -1024..=1024, as `torchxrayvision.utils.load_image`,
/// `read_xray_dcm` and `datasets.XRayCenterCrop` do it: stored values (`voi_lut=False` there),
/// MONOCHROME1 turned over as `max - x` with `max = 2^BitsStored - 1` (255 for a picture),
/// `(2 x / max - 1) · 1024`.
///
/// The original refuses values above `max`; here they are clipped and noted. The original reads
/// colour pictures' first channel and refuses colour DICOM; here both give the first channel, noted.
pub const SQUARE: [Step; 5] = [
    Step::Values(Source::Stored),
    Step::FirstChannel,
    Step::InvertMonochrome1(About::Range),
    Step::Scale { from: Span::Stored, to: (-1024.0, 1024.0), clip: true },
    Step::CentreSquare,
];

/// [`SQUARE`], then the network's size by `datasets.XRayResizer`.
pub const fn grey_steps(side: usize) -> [Step; 6] {
    let [values, channel, invert, scale, square] = SQUARE;
    [values, channel, invert, scale, square, resize(side)]
}

/// `XRayResizer` with its default engine, scikit-image.
pub const fn resize(side: usize) -> Step {
    Step::Resize { to: Extent::Exact(side, side), resampling: Resampling::Skimage }
}

/// What `torchxrayvision.models.DenseNet.forward` and `ResNet.forward` do with the logits.
pub const SCORES: &[After] = &[After::Sigmoid, After::OperatingPoints];

/// The weights of a DenseNet121.
pub const fn densenet_file(
    file_names: &'static [&'static str],
    url: &'static str,
) -> WeightsFile<'static> {
    WeightsFile {
        file_names,
        url,
        bytes: None,
        sha256: None,
        container: "pytorch-module",
        signature: &[
            ("features.conv0.weight", &[64, 1, 7, 7]),
            ("features.denseblock4.denselayer16.conv2.weight", &[32, 128, 3, 3]),
            ("classifier.weight", &[18, 1024]),
        ],
    }
}

/// One row of the library's benchmark.
pub const fn auc(data_set: &'static str, finding: &'static Code, value: f32) -> Evidence<'static> {
    Evidence { data_set, finding: Some(finding), metric: "AUC", value, source: BENCHMARKS }
}

/// Operating points as they stand in the library's table: NaN there is `None` here.
pub const fn points<const N: usize>(table: [f32; N]) -> [Option<f32>; N] {
    let mut points = [None; N];
    let mut index = 0;
    while index < N {
        if !table[index].is_nan() {
            points[index] = Some(table[index]);
        }
        index += 1;
    }
    points
}
