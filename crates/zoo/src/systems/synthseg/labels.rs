//! SynthSeg's labels: FreeSurfer's numbers, ascending, which is the order of the channels
//! (`data/labels_classes_priors/synthseg_*.npy`).

/// One label of the segmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// FreeSurfer's number.
    pub label: u16,
    /// What the original's tables call it.
    pub name: &'static str,
    /// Labels of one class are kept in one piece together; 0 for none.
    pub class: u8,
    /// Group of the quality scores; 0 is background.
    pub group: u8,
    /// The label on the other side; itself in the middle.
    pub mirrored: u16,
}

const fn row(label: u16, name: &'static str, class: u8, group: u8, mirrored: u16) -> Label {
    Label { label, name, class, group, mirrored }
}

/// Version 2; version 1 has no cerebrospinal fluid around the brain (24).
pub static LABELS: [Label; 33] = [
    row(0, "background", 0, 0, 0),
    row(2, "left cerebral white matter", 4, 1, 41),
    row(3, "left cerebral cortex", 4, 2, 42),
    row(4, "left lateral ventricle", 4, 3, 43),
    row(5, "left inferior lateral ventricle", 4, 3, 44),
    row(7, "left cerebellum white matter", 5, 4, 46),
    row(8, "left cerebellum cortex", 5, 4, 47),
    row(10, "left thalamus", 6, 6, 49),
    row(11, "left caudate", 7, 1, 50),
    row(12, "left putamen", 8, 7, 51),
    row(13, "left pallidum", 9, 7, 52),
    row(14, "3rd ventricle", 1, 3, 14),
    row(15, "4th ventricle", 2, 3, 15),
    row(16, "brain-stem", 3, 5, 16),
    row(17, "left hippocampus", 10, 8, 53),
    row(18, "left amygdala", 11, 8, 54),
    row(24, "csf", 0, 0, 24),
    row(26, "left accumbens area", 12, 1, 58),
    row(28, "left ventral DC", 13, 1, 60),
    row(41, "right cerebral white matter", 14, 1, 2),
    row(42, "right cerebral cortex", 14, 2, 3),
    row(43, "right lateral ventricle", 14, 3, 4),
    row(44, "right inferior lateral ventricle", 14, 3, 5),
    row(46, "right cerebellum white matter", 15, 4, 7),
    row(47, "right cerebellum cortex", 15, 4, 8),
    row(49, "right thalamus", 16, 6, 10),
    row(50, "right caudate", 17, 1, 11),
    row(51, "right putamen", 18, 7, 12),
    row(52, "right pallidum", 19, 7, 13),
    row(53, "right hippocampus", 20, 8, 17),
    row(54, "right amygdala", 21, 8, 18),
    row(58, "right accumbens area", 22, 1, 26),
    row(60, "right ventral DC", 23, 1, 28),
];

/// The labels of a version, in the order of its channels.
pub fn labels(version_one: bool) -> Vec<Label> {
    LABELS.iter().copied().filter(|row| !version_one || row.label != 24).collect()
}

/// Labels that the parcellation divides.
pub fn is_cortex(label: u16) -> bool {
    label == 3 || label == 42
}

/// Names of the quality scores, groups 1 to 8.
pub static GROUPS: [&str; 8] = [
    "general white matter",
    "general grey matter",
    "general csf",
    "cerebellum",
    "brainstem",
    "thalamus",
    "putamen+pallidum",
    "hippocampus+amygdala",
];

/// Desikan-Killiany's parcels of one hemisphere: FreeSurfer's 1001 to 1035 without 1004 on the left, 2001
/// to 2035 without 2004 on the right.
static PARCELS: [&str; 34] = [
    "bankssts",
    "caudalanteriorcingulate",
    "caudalmiddlefrontal",
    "cuneus",
    "entorhinal",
    "fusiform",
    "inferiorparietal",
    "inferiortemporal",
    "isthmuscingulate",
    "lateraloccipital",
    "lateralorbitofrontal",
    "lingual",
    "medialorbitofrontal",
    "middletemporal",
    "parahippocampal",
    "paracentral",
    "parsopercularis",
    "parsorbitalis",
    "parstriangularis",
    "pericalcarine",
    "postcentral",
    "posteriorcingulate",
    "precentral",
    "precuneus",
    "rostralanteriorcingulate",
    "rostralmiddlefrontal",
    "superiorfrontal",
    "superiorparietal",
    "superiortemporal",
    "supramarginal",
    "frontalpole",
    "temporalpole",
    "transversetemporal",
    "insula",
];

/// Labels and names of all parcels, in the order of the channels after the first, which is none.
pub fn parcels() -> Vec<(u16, String)> {
    let of = |start: u16, side: &'static str| {
        let numbers = (1..=35u16).filter(|number| *number != 4);
        numbers.zip(PARCELS).map(move |(n, name)| (start + n, format!("ctx-{side}-{name}")))
    };
    of(1000, "lh").chain(of(2000, "rh")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_mirror_each_other_and_every_structure_has_a_name() {
        let of = |label: u16| LABELS.iter().find(|row| row.label == label).unwrap();
        for row in LABELS {
            let other = of(row.mirrored);
            assert_eq!((other.mirrored, other.group), (row.label, row.group), "{}", row.name);
            assert_eq!(row.name.replace("left", "right"), other.name.replace("left", "right"));
        }
        assert!(LABELS.windows(2).all(|two| two[0].label < two[1].label));
        assert_eq!((labels(true).len(), labels(false).len()), (32, 33));
        let parcels = parcels();
        assert_eq!(parcels.len(), 68);
        assert_eq!(parcels[3], (1005, "ctx-lh-cuneus".into()));
        assert_eq!(parcels[67], (2035, "ctx-rh-insula".into()));
        let names = LABELS[1..].iter().map(|row| row.name.to_owned());
        for name in names.chain(parcels.into_iter().map(|(_, name)| name)) {
            assert!(base::structure(&name).is_some(), "{name} has no name in both languages");
        }
    }
}
