//! The published MeshNets and what each wants done around it (neuroneural/brainchop
//! `brainchop-parameters.js`, `public/models/*/colormap.json`).

use crate::systems::synthseg::labels::parcels;

/// One published model.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// What is typed to ask for it; empty for the usual one.
    pub choice: &'static str,
    /// Folder with its `model.json`.
    pub folder: &'static str,
    /// Convolutions before the last: features, and the dilation of each.
    pub features: usize,
    /// See [`Kind::features`].
    pub dilations: &'static [usize],
    /// The activation's name in Keras.
    pub activation: &'static str,
    /// Convolutions have no bias and channels are normed.
    pub norm: bool,
    /// What its classes are, after the background.
    pub classes: Classes,
    /// Values between the quantiles 0.05 and 0.95 instead of the least and the largest.
    pub quantiles: bool,
    /// The head is cut to what lies above this share of the largest value.
    pub threshold: f32,
    /// Voxels that are left around what it is cut to.
    pub pad: usize,
    /// The head is cut to what the light model of tissues finds.
    pub after_tissue: bool,
}

/// Classes of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classes {
    /// These.
    Named(&'static [&'static str]),
    /// Parcels of the cortex on both sides, and structures below it.
    Aparc,
    /// So many tissues, all of them brain.
    Brain(usize),
}

impl Classes {
    /// Number of classes, the background included.
    pub fn count(self) -> usize {
        match self {
            Classes::Named(names) => names.len() + 1,
            Classes::Aparc => 2 * PARCELS + BELOW.len() + 1,
            Classes::Brain(tissues) => tissues + 1,
        }
    }

    /// Names of the labels after the background, in order.
    pub fn names(self) -> Vec<String> {
        match self {
            Classes::Named(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Classes::Aparc => {
                let parcels = parcels().into_iter().map(|(_, name)| name);
                parcels.chain(BELOW.iter().map(|name| (*name).to_owned())).collect()
            }
            Classes::Brain(_) => vec!["brain".to_owned()],
        }
    }
}

/// Parcels of one hemisphere.
const PARCELS: usize = 34;

const TISSUES: &[&str] = &["white matter", "gray matter"];

const SEVENTEEN: &[&str] = &[
    "cerebral white matter",
    "cerebral cortex",
    "lateral ventricle",
    "inferior lateral ventricle",
    "cerebellum white matter",
    "cerebellum cortex",
    "thalamus",
    "caudate",
    "putamen",
    "pallidum",
    "3rd ventricle",
    "4th ventricle",
    "brain stem",
    "hippocampus",
    "amygdala",
    "accumbens area",
    "ventral DC",
];

const FORTY_NINE: &[&str] = &[
    "cerebral white matter",
    "cerebral ventricle",
    "cerebellum white matter",
    "cerebellum",
    "thalamus proper",
    "caudate",
    "putamen",
    "pallidum",
    "brain stem",
    "hippocampus",
    "amygdala",
    "CSF",
    "accumbens area",
    "ventral DC",
    "corpus callosum",
    "ctx bankssts",
    "ctx caudalanteriorcingulate",
    "ctx caudalmiddlefrontal",
    "ctx cuneus",
    "ctx entorhinal",
    "ctx fusiform",
    "ctx inferiorparietal",
    "ctx inferiortemporal",
    "ctx isthmuscingulate",
    "ctx lateraloccipital",
    "ctx lateralorbitofrontal",
    "ctx lingual",
    "ctx medialorbitofrontal",
    "ctx middletemporal",
    "ctx parahippocampal",
    "ctx paracentral",
    "ctx parsopercularis",
    "ctx parsorbitalis",
    "ctx parstriangularis",
    "ctx pericalcarine",
    "ctx postcentral",
    "ctx posteriorcingulate",
    "ctx precentral",
    "ctx precuneus",
    "ctx rostralanteriorcingulate",
    "ctx rostralmiddlefrontal",
    "ctx superiorfrontal",
    "ctx superiorparietal",
    "ctx superiortemporal",
    "ctx supramarginal",
    "ctx frontalpole",
    "ctx temporalpole",
    "ctx transversetemporal",
    "ctx insula",
];

/// What follows the parcels.
const BELOW: &[&str] = &[
    "left thalamus proper",
    "right thalamus proper",
    "left caudate",
    "right caudate",
    "left putamen",
    "right putamen",
    "left pallidum",
    "right pallidum",
    "left hippocampus",
    "right hippocampus",
    "left amygdala",
    "right amygdala",
    "left accumbens area",
    "right accumbens area",
    "left ventral DC",
    "right ventral DC",
    "left cerebral white matter",
    "right cerebral white matter",
    "left lateral ventricle",
    "left inf lat vent",
    "right lateral ventricle",
    "right inf lat vent",
    "3rd ventricle",
    "4th ventricle",
    "CSF",
    "brain stem",
    "left cerebellum white matter",
    "right cerebellum white matter",
    "left cerebellum cortex",
    "right cerebellum cortex",
    "CC posterior",
    "CC mid posterior",
    "CC central",
    "CC mid anterior",
    "CC anterior",
];

const WIDE: &[usize] = &[1, 2, 4, 8, 16, 8, 4, 2, 1];

const USUAL: Kind = Kind {
    choice: "",

    folder: "model30chan18cls",
    features: 30,
    dilations: WIDE,
    activation: "elu",
    norm: false,
    classes: Classes::Named(SEVENTEEN),
    quantiles: false,
    threshold: 0.2,
    pad: 0,
    after_tissue: false,
};

/// The light model of tissues, which others run after.
pub static LIGHT: Kind = LIGHT_MODEL;

const LIGHT_MODEL: Kind = Kind {
    choice: "tissue-light",

    folder: "model5_gw_ae",
    features: 5,
    activation: "relu",
    classes: Classes::Named(TISSUES),
    threshold: 0.0,
    pad: 18,
    ..USUAL
};

/// All of them, the usual one first.
pub static KINDS: &[Kind] = &[
    USUAL,
    Kind { choice: "fast", folder: "model18cls", features: 21, ..USUAL },
    Kind {
        choice: "tissue",

        folder: "model20chan3cls",
        features: 20,
        classes: Classes::Named(TISSUES),
        quantiles: true,
        ..USUAL
    },
    LIGHT_MODEL,
    Kind {
        choice: "aparc-50",

        folder: "model30chan50cls",
        classes: Classes::Named(FORTY_NINE),
        quantiles: true,
        threshold: 0.0,
        after_tissue: true,
        ..USUAL
    },
    Kind {
        choice: "aparc-104",

        folder: "model21_104class",
        features: 21,
        dilations: &[1, 2, 2, 4, 4, 8, 8, 16],
        activation: "relu",
        classes: Classes::Aparc,
        threshold: 0.0,
        after_tissue: true,
        ..USUAL
    },
    Kind {
        choice: "brain",

        folder: "model11_gw_ae",
        features: 11,
        dilations: &[1, 2, 4, 8, 4, 2, 2, 1],
        activation: "relu",
        classes: Classes::Brain(2),
        quantiles: true,
        threshold: 0.0,
        ..USUAL
    },
    Kind {
        choice: "mindgrab",

        folder: "mindgrab",
        features: 15,
        dilations: &[
            16, 8, 4, 2, 1, 16, 8, 4, 2, 1, 16, 8, 4, 2, 1, 16, 8, 4, 2, 1, 16, 8, 4, 2, 1,
        ],
        activation: "gelu",
        norm: true,
        classes: Classes::Brain(1),
        threshold: 0.5,
        pad: 20,
        ..USUAL
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_a_structure_with_names_in_two_languages() {
        let counts = [18, 18, 3, 3, 50, 104, 3, 2];
        for (kind, count) in KINDS.iter().zip(counts) {
            assert_eq!(kind.classes.count(), count, "{}", kind.folder);
            let names = kind.classes.names();
            let labels = if matches!(kind.classes, Classes::Brain(_)) { 2 } else { count };
            assert_eq!(names.len() + 1, labels, "{}", kind.folder);
            for name in names {
                assert!(base::structure(&name).is_some(), "{name}");
            }
        }
    }
}
