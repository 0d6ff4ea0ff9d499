//! The executable model card: what a published system takes, gives, was measured at, and may be
//! used for.

use crate::steps::{After, Step};
use base::{BodyPart, Code, Modality, Text, View};

/// What a system does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Scores for findings.
    Classification,
    /// Outlines of structures.
    Segmentation,
    /// Rebuilds the image: a sign of how familiar it is.
    Reconstruction,
    /// Numbers with a unit.
    Regression,
}

/// Which cases a system may be asked about. A header that is silent on a point does not exclude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accepts<'a> {
    /// Modalities; a picture without a header has none and passes.
    pub modalities: &'a [Modality],
    /// Parts of the body; empty for any.
    pub body_parts: &'a [BodyPart],
    /// Projections; empty for any.
    pub views: &'a [View],
}

impl Accepts<'static> {
    /// A frontal chest radiograph, direct, computed, digitised or as a secondary capture.
    pub const FRONTAL_CHEST: Accepts<'static> = Accepts {
        modalities: &[Modality::Cr, Modality::Dx, Modality::Rg, Modality::Ot],
        body_parts: &[BodyPart::Chest],
        views: &[View::Pa, View::Ap],
    };
}

/// How an image comes to another number of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// `XRayResizer`, scikit-image with anti-aliasing: the library's published example.
    Skimage,
    /// What the model does itself with an image of another size: `fix_resolution`, PyTorch's
    /// bilinear filter with anti-aliasing.
    TorchAntialiased,
    /// PyTorch's bilinear filter without anti-aliasing.
    TorchBilinear,
    /// Pillow's bilinear filter on 8-bit images, whole numbers 0..=255 in and out: torchvision's
    /// `Resize` of a PIL image.
    PilBilinear,
}

/// What the network is fed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputSpec {
    /// `[batch, channels, rows, columns]`.
    pub shape: [usize; 4],
    /// Lowest and highest value the steps can give; `None` where they have no bounds, as after a
    /// normalisation.
    pub range: Option<(f32, f32)>,
}

/// Where the weights are published and how to recognise them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightsFile<'a> {
    /// Names under which the file is published; the first is the release's.
    pub file_names: &'a [&'a str],
    /// Where it is published.
    pub url: &'a str,
    /// Its size in bytes, where verified.
    pub bytes: Option<u64>,
    /// Its SHA-256, lower-case hex, where verified.
    pub sha256: Option<&'a str>,
    /// The container it is published in: `pytorch-module` (a pickled module) or
    /// `pytorch-state-dict`.
    pub container: &'a str,
    /// Tensors, by name and shape, that tell the architecture from the others of the zoo.
    pub signature: &'a [(&'a str, &'a [usize])],
}

/// One published number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence<'a> {
    /// Where it was measured.
    pub data_set: &'a str,
    /// On which finding; `None` for a mean.
    pub finding: Option<&'static Code>,
    /// `AUC`.
    pub metric: &'a str,
    /// The number.
    pub value: f32,
    /// Who says so.
    pub source: &'a str,
}

/// Everything to know about a system before using it.
#[derive(Clone, Debug, PartialEq)]
pub struct Card<'a> {
    /// Identifier, kebab-case.
    pub id: &'a str,
    /// Other names it is known by; the published ones.
    pub aliases: &'a [&'a str],
    /// Its name.
    pub name: Text,
    /// Its row in the survey.
    pub survey_row: &'a str,
    /// What it does.
    pub task: Task,
    /// For which cases.
    pub accepts: Accepts<'a>,
    /// What the network is fed.
    pub input: InputSpec,
    /// From a study to that input.
    pub before: &'a [Step],
    /// From the output to the answer; empty where a system has rules of its own.
    pub after: &'a [After],
    /// What each output means, in the network's order; `None` for heads that were never trained
    /// or have no operating point, which are absent from every result.
    pub labels: &'a [Option<&'static Code>],
    /// Operating points on the sigmoid's scale, one per label; `None` where unknown. Empty for
    /// systems without.
    pub thresholds: &'a [Option<f32>],
    /// On the scaled score (0..=1), the point at which 80 % of the positives were right on the
    /// authors' data, one per label; empty where not published.
    pub ppv80: &'a [Option<f32>],
    /// The file.
    pub weights: WeightsFile<'a>,
    /// SPDX identifier of the original code's licence.
    pub code_licence: &'a str,
    /// Licence of the weights.
    pub weights_licence: Text,
    /// Published numbers; empty when none were published for these very weights.
    pub evidence: &'a [Evidence<'a>],
    /// What it is for.
    pub intended_use: Text,
    /// What it cannot do.
    pub limits: Text,
    /// The paper.
    pub paper: &'a str,
}
