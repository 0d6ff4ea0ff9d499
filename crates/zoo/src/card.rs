//! The executable model card: what a published system takes, gives, was measured at, and may be
//! used for.

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
}

/// Which cases a system may be asked about. A header that is silent on a point does not exclude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accepts {
    /// Modalities; a picture without a header has none and passes.
    pub modalities: &'static [Modality],
    /// Parts of the body.
    pub body_parts: &'static [BodyPart],
    /// Projections.
    pub views: &'static [View],
}

impl Accepts {
    /// A frontal chest radiograph, direct, computed, digitised or as a secondary capture.
    pub const FRONTAL_CHEST: Accepts = Accepts {
        modalities: &[Modality::Cr, Modality::Dx, Modality::Rg, Modality::Ot],
        body_parts: &[BodyPart::Chest],
        views: &[View::Pa, View::Ap],
    };
}

/// How the cropped image comes to the network's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// `XRayResizer`, scikit-image with anti-aliasing: the library's published example.
    Skimage,
    /// What the model does itself with an image of another size: `fix_resolution`, PyTorch's
    /// bilinear filter with anti-aliasing.
    TorchAntialiased,
}

/// What the network is fed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputSpec {
    /// `[batch, channels, rows, columns]`.
    pub shape: [usize; 4],
    /// Values before the network's own scaling, lowest and highest.
    pub range: (f32, f32),
    /// How the central square comes to that size.
    pub resampling: Resampling,
}

impl InputSpec {
    /// Rows, equal to columns.
    pub const fn side(&self) -> usize {
        self.shape[2]
    }
}

/// Where the weights are published and how to recognise them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightsFile {
    /// Names under which the file is published; the first is the release's.
    pub file_names: &'static [&'static str],
    /// Where it is published.
    pub url: &'static str,
    /// Its size in bytes, where verified.
    pub bytes: Option<u64>,
    /// Its SHA-256, lower-case hex, where verified.
    pub sha256: Option<&'static str>,
    /// The container it is published in: `pytorch-module` (a pickled module) or
    /// `pytorch-state-dict`.
    pub container: &'static str,
    /// Tensors, by name and shape, that tell the architecture from the others of the zoo.
    pub signature: &'static [(&'static str, &'static [usize])],
}

/// One published number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Where it was measured.
    pub data_set: &'static str,
    /// On which finding; `None` for a mean.
    pub finding: Option<&'static Code>,
    /// `AUC`.
    pub metric: &'static str,
    /// The number.
    pub value: f32,
    /// Who says so.
    pub source: &'static str,
}

/// Everything to know about a system before using it.
#[derive(Debug, PartialEq)]
pub struct Card {
    /// Identifier, kebab-case.
    pub id: &'static str,
    /// Other names it is known by; the published ones.
    pub aliases: &'static [&'static str],
    /// Its name.
    pub name: Text,
    /// Its row in the survey.
    pub survey_row: &'static str,
    /// What it does.
    pub task: Task,
    /// For which cases.
    pub accepts: Accepts,
    /// What the network is fed.
    pub input: InputSpec,
    /// What each output means, in the network's order; `None` for heads that were never trained
    /// or have no operating point, which are absent from every result.
    pub labels: &'static [Option<&'static Code>],
    /// Operating points on the sigmoid's scale, one per label; `None` where unknown. Empty for
    /// systems without.
    pub thresholds: &'static [Option<f32>],
    /// On the scaled score (0..=1), the point at which 80 % of the positives were right on the
    /// authors' data, one per label; empty where not published.
    pub ppv80: &'static [Option<f32>],
    /// The file.
    pub weights: WeightsFile,
    /// SPDX identifier of the original code's licence.
    pub code_licence: &'static str,
    /// Licence of the weights.
    pub weights_licence: Text,
    /// Published numbers; empty when none were published for these very weights.
    pub evidence: &'static [Evidence],
    /// What it is for.
    pub intended_use: Text,
    /// What it cannot do.
    pub limits: Text,
    /// The paper.
    pub paper: &'static str,
}
